// The pages of a column, checked before their values are decoded: with a size below zero one page would be read for ever, and
// a run of a billion values takes all memory. One damaged byte is enough for either.

import { snappyUncompress } from 'hyparquet'
import { integer, readStruct, struct } from './thrift.ts'

/** PageType and Encoding of apache/parquet-format, those that this program's files have. */
const DICTIONARY_PAGE = 2
const DATA_PAGE_V2 = 3
const PLAIN = 0
const RLE_DICTIONARY = 8

/** More than any page takes of a file that is read whole. */
const MAX_PAGE_BYTES = 32 * 1_048_576

type PageHeader = {
  type: number
  uncompressedBytes: number
  compressedBytes: number
  values: number
  nulls: number
  encoding: number
  definitionBytes: number
  repetitionBytes: number
}

/** How pages are compressed. */
export type Codec = 'SNAPPY' | 'ZSTD'

/** Where the pages of a column are in the file. */
export type Chunk = { start: number; bytes: number; codec: Codec }

export type Page = {
  /** Whether its values are those that positions of later pages name. */
  readonly isDictionary: boolean
  /** Rows of a page of data: its values, null or not. */
  readonly rows: number
  /** For each row 0 where it is null, else 1. Undefined where none is. */
  readonly levels: Uint32Array | undefined
  /** The values that are not null. */
  readonly count: number
  /** Of each of them its position in the dictionary; undefined where the page holds the values themselves. */
  readonly positions: Uint32Array | undefined
  /** The values, compressed, and the bytes that they take without. */
  readonly content: Uint8Array
  readonly contentBytes: number
  readonly codec: Codec
}

/** The pages of a column. Throws an Error unless they can be decoded in the time and memory that the rows take. */
export function readSoundPages(view: DataView, { start, bytes, codec }: Chunk, rows: number): readonly Page[] {
  const end = start + bytes
  if (!(start >= 0 && end > start && end <= view.byteLength)) refuse('columns')
  const pages: Page[] = []
  let values = 0
  for (let at = start; at < end;) {
    const { header, offset } = readPageHeader(view, at)
    at = offset + header.compressedBytes
    if (!isSound(header, rows) || at > end) refuse('pages')
    pages.push(readPage(view, offset, header, codec))
    if (header.type !== DICTIONARY_PAGE) values += header.values
  }
  if (values !== rows) refuse('pages')
  return pages
}

function refuse(what: string): never {
  throw new RangeError(`The ${what} of the file are damaged`)
}

/** PageHeader: its sizes, and the fields of a dictionary page or of a data page of the second version. */
function readPageHeader(view: DataView, at: number): { readonly header: PageHeader; readonly offset: number } {
  const header: PageHeader = {
    type: -1,
    uncompressedBytes: -1,
    compressedBytes: -1,
    values: -1,
    nulls: 0,
    encoding: -1,
    definitionBytes: 0,
    repetitionBytes: 0,
  }
  const set = (name: keyof PageHeader) => integer((value) => (header[name] = value))
  const offset = readStruct(view, at, {
    1: set('type'),
    2: set('uncompressedBytes'),
    3: set('compressedBytes'),
    7: struct({ 1: set('values'), 2: set('encoding') }),
    8: struct({
      1: set('values'),
      2: set('nulls'),
      4: set('encoding'),
      5: set('definitionBytes'),
      6: set('repetitionBytes'),
    }),
  })
  return { header, offset }
}

function isSound(header: PageHeader, rows: number): boolean {
  const { type, encoding, values, nulls, compressedBytes, uncompressedBytes, definitionBytes, repetitionBytes } = header
  const isKnown =
    (type === DICTIONARY_PAGE && encoding === PLAIN) ||
    (type === DATA_PAGE_V2 && (encoding === PLAIN || encoding === RLE_DICTIONARY))
  const areCounts = values >= 0 && values <= rows && nulls >= 0 && nulls <= values
  // Of a column without groups there is nothing to repeat.
  const areLevels = repetitionBytes === 0 && definitionBytes >= 0
  const areSizes =
    Math.min(compressedBytes, uncompressedBytes) >= definitionBytes && uncompressedBytes <= MAX_PAGE_BYTES
  return isKnown && areCounts && areLevels && areSizes
}

/** Reads the runs of the levels, which are not compressed, and those of the positions in the dictionary, which are. */
function readPage(view: DataView, offset: number, header: PageHeader, codec: Codec): Page {
  const { type, values, nulls, encoding, definitionBytes, compressedBytes, uncompressedBytes } = header
  const page = new Uint8Array(view.buffer, view.byteOffset + offset, compressedBytes)
  const levels = definitionBytes > 0 ? readRuns(page.subarray(0, definitionBytes), 1, values) : undefined
  const content = page.subarray(definitionBytes)
  if (codec === 'SNAPPY') requireSoundLiterals(content)
  const contentBytes = uncompressedBytes - definitionBytes
  const count = values - nulls
  if ((levels?.reduce((sum, level) => sum + level, 0) ?? values) !== count) refuse('pages')
  const positions = encoding === RLE_DICTIONARY ? readPositions({ content, contentBytes, codec }, count) : undefined
  const isDictionary = type === DICTIONARY_PAGE
  return {
    isDictionary,
    rows: values,
    levels: nulls > 0 ? levels : undefined,
    count,
    positions,
    content,
    contentBytes,
    codec,
  }
}

type Compressed = Pick<Page, 'content' | 'contentBytes' | 'codec'>

/** The bytes of a page's values. Throws an Error if they are damaged. */
export function decompress({ content, contentBytes, codec }: Compressed): Uint8Array {
  if (codec === 'ZSTD') {
    const bytes = Bun.zstdDecompressSync(content)
    return bytes.byteLength === contentBytes ? bytes : refuse('pages')
  }
  const bytes = new Uint8Array(contentBytes)
  snappyUncompress(content, bytes)
  return bytes
}

/** Positions in the dictionary: the width of each in bits, then their runs. */
function readPositions(content: Compressed, count: number): Uint32Array {
  const bytes = decompress(content)
  const [width = 0] = bytes
  if (width > 32) refuse('pages')
  return width === 0 ? new Uint32Array(count) : readRuns(bytes.subarray(1), width, count)
}

/** Snappy: a literal whose length takes four bytes may be longer than all bytes, which hyparquet takes for less than none. */
function requireSoundLiterals(bytes: Uint8Array): void {
  // The length of the whole comes first, as a varint.
  let at = bytes.findIndex((byte) => byte < 0x80) + 1
  while (at < bytes.length) {
    const tag = bytes[at] ?? 0
    at += 1
    const isLiteral = tag % 4 === 0
    // Up to 60 bytes; 60 to 63 tell that the length follows in one to four bytes, lowest first.
    const lengthBytes = isLiteral ? Math.max(0, (tag >> 2) - 59) : 0
    let length = tag >> 2
    if (lengthBytes > 0) length = bytes.subarray(at, at + lengthBytes).reduceRight((sum, byte) => sum * 256 + byte, 0)
    at += isLiteral ? lengthBytes + length + 1 : (COPY_BYTES[tag % 4] ?? 0)
    if (at > bytes.length) refuse('pages')
  }
}

/** How many bytes follow the tag of a copy, by its kind. */
const COPY_BYTES = [0, 1, 2, 4]

/** RLE / bit-packing hybrid: each run has a varint, then one value, or groups of eight values of `width` bits. */
function readRuns(bytes: Uint8Array, width: number, count: number): Uint32Array {
  const values = new Uint32Array(count)
  let seen = 0
  for (let at = 0; seen < count;) {
    let head = 0
    let weight = 1
    let byte: number | undefined
    do {
      byte = bytes[at]
      if (byte === undefined || weight > 2 ** 28) refuse('runs')
      head += (byte & 0x7f) * weight
      weight *= 128
      at += 1
    } while (byte >= 0x80)
    const isPacked = head % 2 === 1
    const length = Math.floor(head / 2)
    const run = isPacked ? length * 8 : length
    const runBytes = isPacked ? length * width : Math.ceil(width / 8)
    // The last group of eight may be filled up.
    if (length === 0 || run > count - seen + (isPacked ? 7 : 0) || at + runBytes > bytes.length) refuse('runs')
    if (isPacked) {
      for (let index = 0; index < run; index += 1) values[seen + index] = bitsAt(bytes, at * 8 + index * width, width)
    } else {
      const value = bitsAt(bytes, at * 8, runBytes * 8)
      if (value >= 2 ** width) refuse('runs')
      values.fill(value, seen, seen + run)
    }
    at += runBytes
    seen += run
  }
  return values
}

/** An integer of `width` bits, the lowest first. */
function bitsAt(bytes: Uint8Array, firstBit: number, width: number): number {
  let value = 0
  for (let bit = 0; bit < width; bit += 1) {
    const [at, shift] = [(firstBit + bit) >> 3, (firstBit + bit) & 7]
    value += (((bytes[at] ?? 0) >> shift) & 1) * 2 ** bit
  }
  return value
}
