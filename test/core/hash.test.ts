import { expect, test } from 'bun:test'
import { hashOf } from '../../lib/core/hash.ts'

test.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('hashOf(%p) is FNV-1a’s', (text, expected) => {
  expect(hashOf(text)).toBe(expected)
})
