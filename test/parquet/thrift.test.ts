import { describe, expect, test } from 'bun:test'
import {
  binaries,
  binary,
  integer,
  readStruct,
  struct,
  structs,
  type Fields,
  type Slice,
} from '../../lib/parquet/thrift.ts'

// Heads of fields: how far the number is from the one before, and the type.
const [TRUE, BYTE, I32, I64, DOUBLE, BINARY, LIST, STRUCT] = [0x11, 0x13, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1c]
const STOP = 0x00

/** The bytes after two that are none of its business, read from there. */
function read(bytes: readonly number[], fields: Fields): void {
  readStruct(new DataView(Uint8Array.from([0xff, 0xff, ...bytes]).buffer, 1), 1, fields)
}

function integerIn(...bytes: readonly number[]): number | undefined {
  let found: number | undefined
  read([I64, ...bytes, STOP], { 1: integer((value) => (found = value)) })
  return found
}

const text = ({ offset, length }: Slice) => `${offset}+${length}`

describe('integers', () => {
  test.each([
    [[0x00], 0],
    [[0x01], -1],
    [[0x02], 1],
    [[0xac, 0x02], 150],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], -(2 ** 31)],
    [[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f], Number.MAX_SAFE_INTEGER],
  ])('%j is %d', (bytes, value) => {
    expect(integerIn(...bytes)).toBe(value)
  })

  test('of more than ten bytes are none', () => {
    expect(() => integerIn(...Array.from({ length: 11 }, () => 0x80))).toThrow(RangeError)
  })
})

describe('a struct', () => {
  test('gives what is wanted, and passes over every other type', () => {
    const found: unknown[] = []
    const unwanted = [
      [TRUE],
      [BYTE, 0x07],
      [I32, 0x80, 0x01],
      [DOUBLE, 1, 2, 3, 4, 5, 6, 7, 8],
      [BINARY, 0x02, 0x61, 0x62],
      // Two truth values, a list of one list of one integer, a struct with one field.
      [LIST, 0x21, 0x01, 0x02],
      [LIST, 0x19, 0x15, 0x04],
      [STRUCT, I32, 0x02, STOP],
    ].flat()
    read([...unwanted, I32, 0x0a, STOP], { 9: integer((value) => found.push(value)) })
    expect(found).toEqual([5])
  })

  test('tells a field’s number in full where it is far from the one before', () => {
    const found: unknown[] = []
    // Field 1, then type i32 with the number 20 (40 as zigzag), then the one after it.
    const bytes = [I32, 0x02, 0x05, 0x28, 0x04, I32, 0x06, STOP]
    const take = (value: number) => found.push(value)
    read(bytes, { 1: integer(take), 20: integer(take), 21: integer(take) })
    expect(found).toEqual([1, 2, 3])
  })

  test('says where bytes stand, in lists as well, and which struct of a list a field is of', () => {
    const found: unknown[] = []
    const path = [LIST, 0x28, 0x01, 0x61, 0x02, 0x62, 0x63]
    const list = [LIST, 0x2c, I32, 0x02, STOP, I32, 0x04, STOP]
    const inner = [STRUCT, BINARY, 0x01, 0x7a, STOP]
    read([...path, ...list, ...inner, STOP], {
      1: binaries((values) => found.push(values.map(text))),
      2: structs((index) => ({ 1: integer((value) => found.push([index, value])) })),
      3: struct({ 1: binary((value) => found.push(text(value))) }),
    })
    expect(found).toEqual([['4+1', '6+2'], [0, 1], [1, 2], '19+1'])
  })

  test('may have a list of fifteen or more', () => {
    const found: number[] = []
    const items = Array.from({ length: 20 }, (_, index) => [I32, index * 2, STOP]).flat()
    read([LIST, 0xfc, 20, ...items, STOP], { 1: structs(() => ({ 1: integer((value) => found.push(value)) })) })
    expect(found).toEqual(Array.from({ length: 20 }, (_, index) => index))
  })

  test('may have an empty list of structs, which some writers give no type', () => {
    const found: number[] = []
    read([LIST, 0x00, I32, 0x06, STOP], { 1: structs(() => ({})), 2: integer((value) => found.push(value)) })
    expect(found).toEqual([3])
  })
})

const none = () => undefined

describe('what is no struct of these types is refused', () => {
  const fields = { 1: integer(none), 2: binary(none), 3: structs(() => ({})), 4: binaries(none), 5: struct({}) }
  test.each([
    ['bytes that end', [I32]],
    ['no end', [I32, 0x02]],
    ['a text that is cut short', [I32, 0x02, BINARY, 0x05, 0x61]],
    ['a list that is cut short', [I32, 0x02, BINARY, 0x00, LIST, 0xfc, 0xff, 0x7f, STOP]],
    ['a text for an integer', [BINARY, 0x00, STOP]],
    ['an integer for a text', [I32, 0x02, I32, 0x02, STOP]],
    ['a list of integers for one of structs', [I32, 0x02, BINARY, 0x00, LIST, 0x15, 0x02, STOP]],
    ['a type that Parquet has not', [0x7b, 0x00, STOP]],
  ])('%s', (_, bytes) => {
    expect(() => read(bytes, fields)).toThrow(RangeError)
  })

  test('lists nested without end', () => {
    expect(() => read([0x79, ...Array.from({ length: 60_000 }, () => 0x19)], fields)).toThrow(RangeError)
  })
})
