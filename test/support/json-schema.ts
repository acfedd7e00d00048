// Checks documents against the schemas that the program ships, by a validator of other people.

import { Ajv2020 } from 'ajv/dist/2020.js'
import { SCHEMA_DOCUMENTS } from '../../lib/report/contract.ts'

const ajv = new Ajv2020({ strict: true, allErrors: true })
for (const { name, schema } of SCHEMA_DOCUMENTS) ajv.addSchema(schema, name)

/** What is wrong with a document by the schema of this name, or by a schema of one's own. */
export function schemaErrors(schema: string | object, document: unknown): readonly string[] {
  const validate = typeof schema === 'string' ? ajv.getSchema(schema) : new Ajv2020({ strict: true }).compile(schema)
  if (validate === undefined) throw new Error('There is no such schema')
  if (validate(document)) return []
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  )
}
