import { expect, test } from 'bun:test'
import { schemaNames, schemaText } from '../../lib/commands/schema.ts'

test('without a name lists all, one a line with what it describes', () => {
  const lines = schemaText(undefined).trimEnd().split('\n')
  expect(lines.map((line) => line.split(' ')[0] ?? '')).toEqual([...schemaNames])
  for (const line of lines) expect(line).toMatch(/^\S+ {2,}\S.{10,}$/)
})

test.each(schemaNames.map((name) => [name]))('%s is JSON', (name) => {
  expect(JSON.parse(schemaText(name))).toMatchObject({ $id: `urn:fmp-ingest:schema:${name}`, type: 'object' })
})
