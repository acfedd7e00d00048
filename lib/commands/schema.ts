// `ingest schema`: the schemas of the documents that other programs read.

import { resolveName, type RunLine } from '../cli/resolve.ts'
import { SCHEMA_DOCUMENTS } from '../report/contract.ts'

/**
 * The schema that the command line names as JSON, or all names, one a line with what it describes. Throws a usage error that
 * names every problem.
 */
export function schemaText(line: Pick<RunLine, 'flags' | 'problems'>): string {
  const name = resolveName(
    line,
    SCHEMA_DOCUMENTS.map((document) => document.name),
  )
  const found = SCHEMA_DOCUMENTS.find((document) => document.name === name)
  if (found !== undefined) return `${JSON.stringify(found.schema, null, 2)}\n`
  return SCHEMA_DOCUMENTS.map((document) => `${document.name.padEnd(8)}  ${document.title}\n`).join('')
}
