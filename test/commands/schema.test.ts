import { expect, test } from 'bun:test'
import { schemaText } from '../../lib/commands/schema.ts'
import { SCHEMA_DOCUMENTS } from '../../lib/report/contract.ts'
import { errorOf } from '../support/values.ts'

const NAMES = SCHEMA_DOCUMENTS.map(({ name }) => name)
const lineOf = (name?: string) => ({ flags: new Map(name === undefined ? [] : [['NAME', name]]), problems: [] })

test('without a name lists all, one a line with what it describes', () => {
  const lines = schemaText(lineOf()).trimEnd().split('\n')
  expect(lines.map((line) => line.split(' ')[0] ?? '')).toEqual(NAMES)
  for (const line of lines) expect(line).toMatch(/^\S+ {2,}\S.{10,}$/)
})

test.each(NAMES.map((name) => [name]))('%s is JSON', (name) => {
  expect(JSON.parse(schemaText(lineOf(name)))).toMatchObject({ $id: `urn:fmp-ingest:schema:${name}`, type: 'object' })
})

test('an unknown name is named with all other problems', () => {
  const error = errorOf(() => schemaText({ ...lineOf('metrisc'), problems: ['unknown option --x.'] }))
  expect(error.kind).toBe('usage')
  for (const word of ['2 problems', 'unknown option --x.', '"metrisc" (did you mean metrics?)']) {
    expect(error.message).toContain(word)
  }
})
