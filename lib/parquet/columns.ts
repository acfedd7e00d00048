// The values of a file's columns. A night compares ten rows of the year file of each symbol, so only those that are asked for
// become values. hyparquet makes values of all rows: 1.10 ms of CPU instead of 0.57 for the dates and ten rows of each of 500
// year files (medians of 5, both in turn on a busy machine). Tests hold this reader against hyparquet's.

import { metadataStart } from './metadata.ts'
import { decompress, readSoundPages, type Chunk, type Page } from './pages.ts'
import { binaries, integer, readStruct, struct, structs, type Slice } from './thrift.ts'

/** Type of apache/parquet-format, those that this program's files have. */
const INT32 = 1
const INT64 = 2
const DOUBLE = 5
const BYTE_ARRAY = 6

/** CompressionCodec of apache/parquet-format. */
const SNAPPY = 1

/** More than any file that is read whole has. */
const MAX_ROWS = 1_000_000

/** As it is stored: dates are days, instants microseconds, both since 1970. Integers beyond 2 ** 53 are rounded. */
export type StoredValue = string | number | null

export type ColumnReader = {
  /** The number of rows. */
  readonly rows: number
  /**
   * The values of a column in the rows from `from` to before `to`; undefined if there is no such column. Throws an Error if
   * its bytes are damaged.
   */
  read(name: string, from?: number, to?: number): readonly StoredValue[] | undefined
}

/** Opens a whole file of this program. Throws an Error if the bytes are no such file. */
export function openColumns(bytes: Uint8Array): ColumnReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return readColumns(view, readChunks(view))
}

/** The columns of one row group of a file. Throws an Error if their pages are damaged. */
export function readColumns(view: DataView, { rows, chunks }: ColumnGroup): ColumnReader {
  const columns = new Map(chunks.map((chunk) => [chunk.name, { chunk, pages: readSoundPages(view, chunk, rows) }]))
  return {
    rows,
    read(name, from = 0, to = rows) {
      const column = columns.get(name)
      return column && valuesOf(column.pages, column.chunk.type, { from, to })
    },
  }
}

/** A column of a row group, with its Type of apache/parquet-format. */
export type NamedChunk = Chunk & { name: string; type: number }

export type ColumnGroup = { readonly rows: number; readonly chunks: readonly NamedChunk[] }

/** The columns of the one row group, by FileMetaData, RowGroup, ColumnChunk and ColumnMetaData of apache/parquet-format. */
function readChunks(view: DataView): ColumnGroup {
  const chunks: NamedChunk[] = []
  const codecs: number[] = []
  let rows = Number.NaN
  let groupRows = Number.NaN
  let groups = 0
  const chunkFields = () => {
    const chunk: NamedChunk = { name: '', type: -1, codec: 'SNAPPY', start: Number.NaN, bytes: Number.NaN }
    chunks.push(chunk)
    return {
      3: struct({
        1: integer((type) => (chunk.type = type)),
        3: binaries((path) => (chunk.name = path.map((part) => textAt(view, part)).join('.'))),
        4: integer((codec) => codecs.push(codec)),
        7: integer((size) => (chunk.bytes = size)),
        9: integer((offset) => (chunk.start = offset)),
        // The dictionary stands before the values.
        11: integer((offset) => (chunk.start = offset)),
      }),
    }
  }
  const start = metadataStart(view)
  if (start < 0) refuse()
  readStruct(view, start, {
    3: integer((count) => (rows = count)),
    4: structs(() => {
      groups += 1
      return { 1: structs(chunkFields), 3: integer((count) => (groupRows = count)) }
    }),
  })
  if (groups !== 1 || groupRows !== rows || !(rows >= 0 && rows <= MAX_ROWS)) refuse()
  if (codecs.length !== chunks.length || codecs.some((codec) => codec !== SNAPPY)) refuse()
  return { rows, chunks }
}

function refuse(): never {
  throw new RangeError('The columns of the file are damaged')
}

const decoder = new TextDecoder()

function textAt({ buffer, byteOffset }: DataView, { offset, length }: Slice): string {
  return decoder.decode(new Uint8Array(buffer, byteOffset + offset, length))
}

type RowSpan = { readonly from: number; readonly to: number }

function valuesOf(pages: readonly Page[], type: number, { from, to }: RowSpan): readonly StoredValue[] {
  const values: StoredValue[] = []
  let dictionary: Plain | undefined
  let row = 0
  for (const page of pages) {
    if (page.isDictionary) {
      dictionary = plainOf(page, type)
      continue
    }
    const valueAt = page.positions === undefined ? plainOf(page, type).at : entryAt(page.positions, dictionary)
    // Nulls take no place among the values.
    let place = 0
    for (let index = 0; index < page.rows && row < to; index += 1, row += 1) {
      const isNull = page.levels?.[index] === 0
      if (row >= from) values.push(isNull ? null : valueAt(place))
      if (!isNull) place += 1
    }
  }
  return values
}

function entryAt(positions: Uint32Array, dictionary: Plain | undefined): Plain['at'] {
  return (place) => {
    const position = positions[place] ?? Number.NaN
    return dictionary !== undefined && position < dictionary.count ? dictionary.at(position) : refuse()
  }
}

/** So many values one after the other. */
type Plain = { readonly count: number; readonly at: (place: number) => string | number }

/** The encoding PLAIN: lowest byte first; a text after its length in four bytes. */
function plainOf(page: Page, type: number): Plain {
  const { count } = page
  const bytes = decompress(page)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (type) {
    case INT32:
      return { count, at: (place) => view.getInt32(place * 4, true) }
    case INT64:
      return { count, at: (place) => view.getInt32(place * 8 + 4, true) * 2 ** 32 + view.getUint32(place * 8, true) }
    case DOUBLE:
      return { count, at: (place) => view.getFloat64(place * 8, true) }
    case BYTE_ARRAY: {
      const texts = textsIn(view, count)
      return { count, at: (place) => texts[place] ?? refuse() }
    }
    default:
      return refuse()
  }
}

function textsIn(view: DataView, count: number): readonly string[] {
  const texts: string[] = []
  let at = 0
  for (let index = 0; index < count; index += 1) {
    const length = view.getUint32(at, true)
    // Throws where the bytes end before.
    texts.push(textAt(view, { offset: at + 4, length }))
    at += 4 + length
  }
  return texts
}
