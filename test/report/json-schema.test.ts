import { expect, test } from 'bun:test'
import {
  amount,
  anyObject,
  count,
  date,
  documentOf,
  flag,
  list,
  object,
  oneNumberOf,
  oneOf,
  orNull,
  text,
  type Schema,
} from '../../lib/report/json-schema.ts'
import { schemaErrors } from '../support/json-schema.ts'

test.each<[string, Schema<unknown>, readonly unknown[], readonly unknown[]]>([
  ['a text', text('x'), ['', 'a'], [1, null]],
  ['a text of a pattern', text('x', 'a|bc'), ['a', 'bc'], ['', 'ab', 'abc', 'xa']],
  ['a date', date('x'), ['2024-09-16'], ['2024-9-16', '2024-09-16T00:00:00', '', 20240916]],
  ['a count', count('x'), [0, 7], [-1, 1.5, '1', null]],
  ['an amount', amount('x'), [0, 1.5], [-0.1, '1']],
  ['a flag', flag('x'), [true, false], ['true', 0]],
  ['one of some texts', oneOf(['a', 'b'], 'x'), ['a', 'b'], ['c', null]],
  ['one of some numbers', oneNumberOf([0, 3], 'x'), [0, 3], [1, '0']],
  ['a date or null', orNull(date('x')), [null, '2024-09-16'], ['', 0]],
  ['a list', list(count('x'), 'y'), [[], [1, 2]], [1, ['a'], [null]]],
  [
    'an object',
    object({ a: count('x'), b: flag('x') }, 'y'),
    [{ a: 1, b: true }],
    [{ a: 1 }, { a: 1, b: true, c: 0 }, []],
  ],
  ['any object', anyObject('x'), [{}, { a: 1 }], ['a', null]],
])('%s takes what it should, and nothing else', (_, schema, good, bad) => {
  const document = documentOf('test', 'A test', schema)
  expect(document).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'A test' })
  for (const value of good) expect(schemaErrors(document, value)).toEqual([])
  for (const value of bad) expect(schemaErrors(document, value)).not.toEqual([])
})

test('the description stands outside of what may be null', () => {
  expect(orNull(count('how many')).json).toEqual({
    anyOf: [{ type: 'integer', minimum: 0 }, { type: 'null' }],
    description: 'how many',
  })
})
