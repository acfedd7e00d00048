import { expect, test } from 'bun:test'
import { hiveValue, valueOfHive } from '../../lib/datasets/keys.ts'

test.each([
  ['AAPL', 'AAPL'],
  ['BRK-B', 'BRK-B'],
  ['0700.HK', '0700.HK'],
  ['^GSPC', '%5EGSPC'],
  ['EURUSD=X', 'EURUSD%3DX'],
  ['50%', '50%25'],
  ['%5E', '%255E'],
  ['a/b', 'a%2Fb'],
  ['a:b', 'a%3Ab'],
  ['a b', 'a b'],
  ['\u0001\u001F\u007F', '%01%1F%7F'],
  ['"#\'*?\\{[]', '%22%23%27%2A%3F%5C%7B%5B%5D'],
  ['Grüße', 'Grüße'],
])('hiveValue() of %j is %j, and back', (value, expected) => {
  expect(hiveValue(value)).toBe(expected)
  expect(valueOfHive(expected)).toBe(value)
})

test('hiveValue() escapes exactly Spark’s set, each so that a reader gets it back', () => {
  for (let code = 1; code < 0x100; code += 1) {
    const character = String.fromCodePoint(code)
    const escaped = hiveValue(character)
    expect(decodeURIComponent(escaped)).toBe(character)
    const isInSet = code < 0x20 || '"#%\'*/:=?\\\u007F{[]^'.includes(character)
    expect({ code, escaped }).toEqual({
      code,
      escaped: isInSet ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : character,
    })
  }
})
