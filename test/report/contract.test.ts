import { describe, expect, test } from 'bun:test'
import { SCHEMA_DOCUMENTS } from '../../lib/report/contract.ts'

type Node = Readonly<Record<string, unknown>>

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every field of a schema, at any depth, by its path. */
function fieldsOf(schema: Node, path = ''): readonly (readonly [string, Node])[] {
  const { properties = {}, items } = schema
  const own = isNode(properties) ? Object.entries(properties) : []
  return [...own.map(([name, field]) => [`${path}/${name}`, field] as const), [`${path}[]`, items] as const].flatMap(
    ([name, field]) => (isNode(field) ? [[name, field] as const, ...fieldsOf(field, name)] : []),
  )
}

/** Rows as the vendor sends them, and as a file of any dataset holds them. */
const ROWS: ReadonlySet<string> = new Set(['/row', '/objects[]/rows[]'])

describe.each(SCHEMA_DOCUMENTS.map((document) => [document.name, document.schema] as const))(
  'the schema %s',
  (_, schema) => {
    test('describes every field', () => {
      const fields = fieldsOf(schema)
      expect(fields.length).toBeGreaterThan(2)
      expect(fields.filter(([, { description }]) => typeof description !== 'string' || description === '')).toEqual([])
    })

    test('takes no field that it does not describe, but for rows of the vendor and of files', () => {
      const objects = [['', schema] as const, ...fieldsOf(schema)].filter(([, { type }]) => type === 'object')
      const open = objects.filter(
        ([path, { additionalProperties }]) => additionalProperties !== false && !ROWS.has(path),
      )
      expect(open).toEqual([])
    })
  },
)

test('each schema has a name and an address of its own', () => {
  const names = SCHEMA_DOCUMENTS.map(({ name }) => name)
  expect(names).toEqual([
    'metrics',
    'dry-run',
    'rejects',
    'status',
    'run-group',
    'verify',
    'coverage',
    'why',
    'doctor',
    'table',
  ])
  expect(new Set(SCHEMA_DOCUMENTS.map(({ schema }) => schema['$id'])).size).toBe(SCHEMA_DOCUMENTS.length)
})

/** Section 10 of the design. New fields may come; none may go. */
test('the metrics keep the promised fields', () => {
  const [metrics] = SCHEMA_DOCUMENTS
  const promised = `run_id date_range status exit_code symbols_processed files_written rows_written errors duration_seconds
    results schema_version program_version run_uuid mode dataset settings now_overridden run_errors counts sessions
    rejected_rows suspect_rows first_date through_date calls retries refused_calls gate_wait_seconds recovered_writes
    stopped_by interrupted compared_symbols compared_wholly compared_sessions looks corrected_sessions mended_symbols
    mended_files carried_rows held_symbols bases_differ`
  expect(metrics?.schema['required']).toEqual(expect.arrayContaining(promised.split(/\s+/)))
})
