// The schemas of the documents that other programs read, as text.

import { SCHEMA_DOCUMENTS } from '../report/contract.ts'

export const schemaNames: readonly string[] = SCHEMA_DOCUMENTS.map(({ name }) => name)

/** The schema of this name as JSON, or all names, one a line with what it describes. */
export function schemaText(name: string | undefined): string {
  const found = SCHEMA_DOCUMENTS.find((document) => document.name === name)
  if (found !== undefined) return `${JSON.stringify(found.schema, null, 2)}\n`
  return SCHEMA_DOCUMENTS.map((document) => `${document.name.padEnd(8)}  ${document.title}\n`).join('')
}
