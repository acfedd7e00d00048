// As much of Thrift's compact protocol as a Parquet footer needs (apache/thrift, doc/specs/thrift-compact-protocol.md):
// the fields that are wanted are read, all others passed over. hyparquet makes objects and big integers of every field,
// which takes many times as long where footers are judged by the ten thousand; tests hold this against it.

/** Bytes, and how far they are read. */
type Cursor = { readonly view: DataView; at: number }

/** Where a text or other bytes stand. Not the bytes: most are looked at no further, and a view of each takes its time. */
export type Slice = { readonly at: number; readonly length: number }

/** How a value of one of these types is read. */
type Reader = { readonly types: readonly number[]; readonly read: (cursor: Cursor) => void }

/** What is wanted of a struct, by the fields' numbers. */
export type Fields = Readonly<Record<number, Reader>>

const TRUE = 1
const FALSE = 2
const BYTE = 3
const I16 = 4
const I32 = 5
const I64 = 6
const DOUBLE = 7
const BINARY = 8
const LIST = 9
const STRUCT = 12

const INTEGERS = [I16, I32, I64]
const BYTES = [BINARY]
const LISTS = [LIST]
const STRUCTS = [STRUCT]

const DOUBLE_BYTES = 8
/** 64 bits, seven a byte. */
const MAX_VARINT_BYTES = 10
/** A list's size where it does not fit into four bits. */
const SIZE_FOLLOWS = 15

/** Reads the struct that begins at `at`. Throws a RangeError where the bytes are none, or not of the types of `fields`. */
export function readStruct(view: DataView, at: number, fields: Fields): void {
  passStruct({ view, at }, fields)
}

/** An integer of any width, exact up to 2 ** 53. */
export function integer(take: (value: number) => void): Reader {
  return {
    types: INTEGERS,
    read: (cursor) => {
      const zigzag = readVarint(cursor)
      take(zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2)
    },
  }
}

/** A text or other bytes. */
export function binary(take: (value: Slice) => void): Reader {
  return { types: BYTES, read: (cursor) => take(readBinary(cursor)) }
}

export function struct(fields: Fields): Reader {
  return { types: STRUCTS, read: (cursor) => passStruct(cursor, fields) }
}

/** A list of structs; `fieldsOf` is asked before each, so that what belongs to one can be told from the next. */
export function structs(fieldsOf: (index: number) => Fields): Reader {
  return {
    types: LISTS,
    read: (cursor) => {
      const { type, size } = readListHead(cursor)
      if (type !== STRUCT) throw new RangeError('A list of structs was expected')
      for (let index = 0; index < size; index += 1) passStruct(cursor, fieldsOf(index))
    },
  }
}

/** A list of texts or other bytes. */
export function binaries(take: (values: readonly Slice[]) => void): Reader {
  return {
    types: LISTS,
    read: (cursor) => {
      const { type, size } = readListHead(cursor)
      if (type !== BINARY) throw new RangeError('A list of bytes was expected')
      const values: Slice[] = []
      for (let index = 0; index < size; index += 1) values.push(readBinary(cursor))
      take(values)
    },
  }
}

/** A struct of which nothing is wanted. */
export const NOTHING: Fields = {}

function passStruct(cursor: Cursor, fields: Fields): void {
  let field = 0
  for (;;) {
    const head = readByte(cursor)
    if (head === 0) return
    const [step, type] = [head >> 4, head & 0x0f]
    // A field's number is told by how far it is from the one before, or where that is far, in full.
    field = step === 0 ? readVarint(cursor) / 2 : field + step
    const reader = fields[field]
    if (reader === undefined) pass(cursor, type)
    else if (reader.types.includes(type)) reader.read(cursor)
    else throw new RangeError(`Field ${field} is of type ${type}`)
  }
}

/** Passes over a value that nobody wants. */
function pass(cursor: Cursor, type: number): void {
  switch (type) {
    // A field of these has its value in its head.
    case TRUE:
    case FALSE:
      return
    case BYTE:
      cursor.at += 1
      return
    case I16:
    case I32:
    case I64:
      readVarint(cursor)
      return
    case DOUBLE:
      cursor.at += DOUBLE_BYTES
      return
    case BINARY:
      readBinary(cursor)
      return
    case LIST:
      passList(cursor)
      return
    case STRUCT:
      passStruct(cursor, NOTHING)
      return
    default:
      throw new RangeError(`Parquet has no values of type ${type}`)
  }
}

function passList(cursor: Cursor): void {
  const { type, size } = readListHead(cursor)
  // In a list a truth value takes a byte.
  const elementType = type === TRUE || type === FALSE ? BYTE : type
  for (let index = 0; index < size; index += 1) pass(cursor, elementType)
}

function readListHead(cursor: Cursor): { readonly type: number; readonly size: number } {
  const head = readByte(cursor)
  const size = head >> 4
  return { type: head & 0x0f, size: size === SIZE_FOLLOWS ? readVarint(cursor) : size }
}

function readBinary(cursor: Cursor): Slice {
  const length = readVarint(cursor)
  const { at } = cursor
  if (at + length > cursor.view.byteLength) throw new RangeError('The bytes end within a value')
  cursor.at += length
  return { at, length }
}

/** Seven bits a byte, the lowest first; all but the last byte have their highest bit set. */
function readVarint(cursor: Cursor): number {
  let value = 0
  let weight = 1
  for (let count = 0; count < MAX_VARINT_BYTES; count += 1) {
    const byte = readByte(cursor)
    value += (byte & 0x7f) * weight
    if (byte < 0x80) return value
    weight *= 128
  }
  throw new RangeError('An integer of more than 64 bits')
}

/** Throws a RangeError past the end. */
function readByte(cursor: Cursor): number {
  const byte = cursor.view.getUint8(cursor.at)
  cursor.at += 1
  return byte
}
