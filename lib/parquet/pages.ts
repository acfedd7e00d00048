// Checks the pages of a file before hyparquet decodes them: a size below zero lets it read one page for ever, a run of a
// billion values takes all memory. One damaged byte is enough for either.

import { snappyUncompress, type ColumnMetaData, type FileMetaData, type RowGroup } from 'hyparquet'
import { integer, readStruct, struct } from './thrift.ts'

/** PageType and Encoding of apache/parquet-format, those that this program's files have. */
const DICTIONARY_PAGE = 2
const DATA_PAGE_V2 = 3
const PLAIN = 0
const RLE_DICTIONARY = 8

/** More than any file that is read whole has, in memory as well. */
const MAX_ROWS = 1_000_000
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

/**
 * Throws a RangeError unless the pages of a whole file of one row group can be decoded in the time and memory that its rows
 * take.
 */
export function requireSoundPages(bytes: Uint8Array, metadata: FileMetaData): void {
  const [group, further] = metadata.row_groups
  if (group === undefined || further !== undefined || group.num_rows !== metadata.num_rows) refuse('rows')
  requireSoundGroup(bytes, metadata, group)
}

/** The same of one row group of a whole file. */
export function requireSoundGroup(
  bytes: Uint8Array,
  { schema }: Pick<FileMetaData, 'schema'>,
  { num_rows: rows, columns }: RowGroup,
): void {
  if (rows > MAX_ROWS) refuse('rows')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Else hyparquet throws where it has begun to decode other columns, and nobody waits for what becomes of them.
  if (columns.length !== schema.length - 1) refuse('columns')
  for (const [index, { meta_data: column }] of columns.entries()) {
    const { name, type } = schema[index + 1] ?? {}
    if (column === undefined || column.type !== type || column.path_in_schema.join('.') !== name) refuse('columns')
    requireSoundColumn(view, column, Number(rows))
  }
}

function refuse(what: string): never {
  throw new RangeError(`The ${what} of the file are damaged`)
}

function requireSoundColumn(view: DataView, column: ColumnMetaData, rows: number): void {
  const start = Number(column.dictionary_page_offset ?? column.data_page_offset)
  const end = start + Number(column.total_compressed_size)
  if (!(start >= 0 && end > start && end <= view.byteLength)) refuse('columns')
  let values = 0
  for (let at = start; at < end;) {
    const { header, offset } = readPageHeader(view, at)
    at = offset + header.compressedBytes
    if (!isSound(header, rows) || at > end) refuse('pages')
    requireSoundPage(view, offset, header)
    if (header.type === DICTIONARY_PAGE) continue
    values += header.values
  }
  if (values !== rows) refuse('pages')
}

/** PageHeader: its sizes, and the fields of a dictionary page or of a data page of the second version. */
function readPageHeader(view: DataView, at: number): { readonly header: PageHeader; readonly offset: number } {
  const header: PageHeader = {
    type: -1,
    uncompressedBytes: -1,
    compressedBytes: -1,
    values: -1,
    nulls: -1,
    encoding: -1,
    definitionBytes: -1,
    repetitionBytes: -1,
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
  // A dictionary has no levels, and its header says nothing of them. hyparquet reads a page of data for ever whose header does not.
  if (header.type === DICTIONARY_PAGE) Object.assign(header, { nulls: 0, definitionBytes: 0, repetitionBytes: 0 })
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

/** Checks the runs of the levels, which are not compressed, and the compressed rest with the positions in the dictionary. */
function requireSoundPage(view: DataView, offset: number, header: PageHeader): void {
  const { values, nulls, encoding, definitionBytes, compressedBytes, uncompressedBytes } = header
  const page = new Uint8Array(view.buffer, view.byteOffset + offset, compressedBytes)
  if (definitionBytes > 0) requireRuns(page.subarray(0, definitionBytes), 1, values)
  const compressed = page.subarray(definitionBytes)
  requireSoundLiterals(compressed)
  if (encoding !== RLE_DICTIONARY) return
  const positions = new Uint8Array(uncompressedBytes - definitionBytes)
  snappyUncompress(compressed, positions)
  const [width = 0] = positions
  if (width > 32) refuse('pages')
  if (width > 0) requireRuns(positions.subarray(1), width, values - nulls)
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
function requireRuns(bytes: Uint8Array, width: number, count: number): void {
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
    const values = isPacked ? length * 8 : length
    // The last group of eight may be filled up.
    if (length === 0 || values > count - seen + (isPacked ? 7 : 0)) refuse('runs')
    at += isPacked ? length * width : Math.ceil(width / 8)
    seen += values
  }
}
