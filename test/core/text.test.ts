import { describe, expect, test } from 'bun:test'
import { counted, createRedactor, grouped, oneLine, shellWord, whereTrue } from '../../lib/core/text.ts'

describe('oneLine()', () => {
  test.each([
    ['plain text', 'plain text'],
    ['  trimmed\n', 'trimmed'],
    ['two\nlines', 'two lines'],
    ['two\r\n\r\nlines', 'two lines'],
    ['a\u2028b\u2029c\u0085d\u000Be', 'a b c d e'],
    ['red \u001B[31mtext\u001B[0m', 'red  [31mtext [0m'],
    ['bell\u0007 and null\u0000 and del\u007F', 'bell  and null  and del'],
    ['right\u202Eto\u202Cleft', 'right to left'],
    ['zero\u200Bwidth\uFEFF', 'zero width'],
    ['##[error]no', '## [error]no'],
    ['a ##[set-output name=x]y', 'a ## [set-output name=x]y'],
    ['ok\n::error::no', 'ok ::error::no'],
    ['Grüße, 日本, 🚀', 'Grüße, 日本, 🚀'],
    ['', ''],
  ])('makes of %j %j', (text, expected) => {
    expect(oneLine(text)).toBe(expected)
  })

  test('cuts what is too long, and says so', () => {
    expect(oneLine('x'.repeat(1_000))).toBe('x'.repeat(1_000))
    expect(oneLine('x'.repeat(1_001))).toBe(`${'x'.repeat(999)}…`)
    expect(oneLine('abcdef', 4)).toBe('abc…')
    expect(oneLine('abcd', 4)).toBe('abcd')
  })

  test('holds against every single character', () => {
    for (let code = 0; code < 0x3000; code += 1) {
      const text = oneLine(`a${String.fromCodePoint(code)}b`)
      expect(/[\p{Cc}\u2028\u2029]/u.test(text)).toBe(false)
    }
  })
})

describe('createRedactor()', () => {
  const secret = 'a+b/c=d 1'
  const redact = createRedactor([secret, undefined, 'xyz', '', 'plain-secret'])

  test.each([
    [`key ${secret}!`, 'key [redacted]!'],
    [`?apikey=${encodeURIComponent(secret)}&x=1`, '?apikey=[redacted]&x=1'],
    [`basic ${btoa(secret)}`, 'basic [redacted]'],
    // Within a longer text, at each of the three places that base64 has for it.
    [btoa(`?${secret}`), 'P2[redacted]Q=='],
    ['plain-secretplain-secret', '[redacted][redacted]'],
    ['nothing to hide', 'nothing to hide'],
    // Too short to be a secret worth garbling a text for.
    ['xyz', 'xyz'],
    ['', ''],
  ])('makes of %j %j', (text, expected) => {
    expect(redact(text)).toBe(expected)
  })

  test('blots a secret out that holds another one', () => {
    const both = createRedactor(['inner', 'outer-inner-outer'])
    expect(both('outer-inner-outer, inner')).toBe('[redacted], [redacted]')
  })

  test('takes a secret as it is, not as a pattern', () => {
    expect(createRedactor(['.*.*'])('abcd .*.* $&')).toBe('abcd [redacted] $&')
    expect(createRedactor(['$&$&'])('abcd $&$&')).toBe('abcd [redacted]')
  })

  test('without secrets changes nothing', () => {
    expect(createRedactor([])('text')).toBe('text')
  })
})

test.each([
  ['AAPL', 'AAPL'],
  ['./my-lake/a_b', './my-lake/a_b'],
  ['a b', "'a b'"],
  ['$(id)', "'$(id)'"],
  ["it's", String.raw`'it'\''s'`],
  ['', "''"],
])('shellWord(%j) is %s', (word, quoted) => {
  expect(shellWord(word)).toBe(quoted)
})

test('numbers and nouns as people write them', () => {
  expect([grouped(999), grouped(12_580)]).toEqual(['999', '12,580'])
  expect([counted(1, 'row'), counted(0, 'row'), counted(3, 'row')]).toEqual(['1 row', '0 rows', '3 rows'])
})

test('whereTrue() keeps the order of the rules', () => {
  const rules = [
    [true, 'a'],
    [false, 'b'],
    [true, 'c'],
  ] as const
  expect(whereTrue(rules)).toEqual(['a', 'c'])
})
