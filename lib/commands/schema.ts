// `ingest schema`: the schemas of the documents that other programs read.

import { usageErrorOf, type RunLine } from '../cli/resolve.ts'
import { didYouMean, nearWord } from '../cli/suggestions.ts'
import { SCHEMA_DOCUMENTS } from '../report/contract.ts'

/**
 * The schema that the command line names as JSON, or all names, one a line with what it describes. Throws a usage error that
 * names every problem.
 */
export function schemaText({ flags, problems }: Pick<RunLine, 'flags' | 'problems'>): string {
  const name = flags.get('NAME')
  const found = SCHEMA_DOCUMENTS.find((document) => document.name === name)
  const isUnknown = name !== undefined && found === undefined
  const all = isUnknown ? [...problems, unknownName(name)] : problems
  if (all.length > 0) throw usageErrorOf(all)
  if (found !== undefined) return `${JSON.stringify(found.schema, null, 2)}\n`
  return SCHEMA_DOCUMENTS.map((document) => `${document.name.padEnd(8)}  ${document.title}\n`).join('')
}

function unknownName(name: string): string {
  const known = SCHEMA_DOCUMENTS.map((document) => document.name)
  const shown = JSON.stringify(name.slice(0, 100))
  return `unknown schema ${shown}${didYouMean(nearWord(name, known))}, expected one of ${known.join(', ')}.`
}
