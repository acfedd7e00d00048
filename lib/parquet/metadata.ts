// Reads FileMetaData (apache/parquet-format, parquet.thrift) from the end of a Parquet file, without reading a row and
// without judging what it says.

import { binaries, binary, integer, NOTHING, readStruct, struct, structs, type Fields, type Slice } from './thrift.ts'

/** A column's smallest and greatest value, as bytes in the view that was read. */
type Bounds = { min?: Slice; max?: Slice }

/** A column of the first row group, with the parts of its name. */
type Column = Bounds & { path: readonly Slice[] }

export type FileMetadata = {
  /** The view that all slices refer to. */
  readonly tail: DataView
  createdBy: string
  rows: number
  readonly keyValues: Map<string, string>
  readonly columns: Column[]
}

/** `PAR1` ends every Parquet file; the four bytes before it are the footer's length, lowest byte first. */
const MAGIC = 0x31524150
const TRAILER_BYTES = 8

/** Where the metadata begin at the end of a file; below zero if the bytes are not that end. */
export function metadataStart(tail: DataView): number {
  const end = tail.byteLength - TRAILER_BYTES
  return end < 0 || tail.getUint32(end + 4, true) !== MAGIC ? -1 : end - tail.getUint32(end, true)
}

/** `tail` is the end of the file with the whole footer. Undefined if the bytes are not the end of a Parquet file. */
export function readMetadata(tail: DataView): FileMetadata | undefined {
  const start = metadataStart(tail)
  if (start < 0) return undefined
  const metadata: FileMetadata = { tail, createdBy: '', rows: Number.NaN, keyValues: new Map(), columns: [] }
  try {
    readStruct(tail, start, metadataFields(metadata))
  } catch (error) {
    // What exactly is wrong differs with every kind of damage and helps nobody.
    if (error instanceof RangeError) return undefined
    throw error
  }
  return Number.isNaN(metadata.rows) ? undefined : metadata
}

/** The bounds of the column that is called `name`, undefined if there is no such column. */
export function boundsOf({ tail, columns }: FileMetadata, name: string): Bounds | undefined {
  // Compares lengths first, so that only few names are decoded.
  return columns.find(
    ({ path: [part, more] }) => part?.length === name.length && more === undefined && textAt(tail, part) === name,
  )
}

/** FileMetaData: num_rows, row_groups, key_value_metadata and created_by. */
function metadataFields(metadata: FileMetadata): Fields {
  const { tail, keyValues, columns } = metadata
  const firstGroup = { 1: structs(columnFieldsOf(columns)) }
  let key = ''
  const keyValue = {
    1: binary((text) => (key = textAt(tail, text))),
    2: binary((text) => keyValues.set(key, textAt(tail, text))),
  }
  return {
    3: integer((rows) => (metadata.rows = rows)),
    4: structs((index) => (index === 0 ? firstGroup : NOTHING)),
    5: structs(() => keyValue),
    6: binary((text) => (metadata.createdBy = textAt(tail, text))),
  }
}

/** ColumnChunk: path_in_schema of its meta_data, and max_value and min_value of the statistics in it. */
function columnFieldsOf(columns: Column[]): () => Fields {
  let column: Column = { path: [] }
  const statistics = struct({
    5: binary((max) => (column.max = max)),
    6: binary((min) => (column.min = min)),
  })
  const fields = { 3: struct({ 3: binaries((path) => (column.path = path)), 12: statistics }) }
  return () => {
    column = { path: [] }
    columns.push(column)
    return fields
  }
}

const decoder = new TextDecoder()

function textAt({ buffer, byteOffset }: DataView, { offset, length }: Slice): string {
  return decoder.decode(new Uint8Array(buffer, byteOffset + offset, length))
}
