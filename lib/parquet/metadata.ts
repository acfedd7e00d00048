// Parquet bytes to the facts of their footer (apache/parquet-format, parquet.thrift: FileMetaData), without reading a row.

import { dateOfDay, FIRST_YEAR, isIsoDate, LAST_YEAR, MS_PER_DAY, type DateRange, type IsoDate } from '../core/dates.ts'
import { binaries, binary, integer, NOTHING, readStruct, struct, structs, type Fields, type Slice } from './thrift.ts'

/** The writer's name in a file's `created_by`; only files that begin with it are this program's. */
export const CREATOR = 'fmp-ingest'

/** What a file's footer says: enough to judge the file without reading its rows. */
export type Footer = {
  readonly createdBy: string
  readonly rows: number
  /** Oldest and newest date in the file. */
  readonly span: DateRange
  /** Milliseconds since 1970 of the run that wrote it. */
  readonly ingestMs: number
  readonly rowsSha256: string | undefined
  /** The dates whose answer this file is (DESIGN: `asked`); undefined in day files. */
  readonly asked: DateRange | undefined
}

/**
 * The footer of a file of ours, or in a sentence why it is none. `bytes` are the file's end, its footer included; no
 * file of its kind has dates before `firstYear`.
 */
export function readFooter(bytes: Uint8Array, firstYear: number = FIRST_YEAR): Footer | { readonly problem: string } {
  const tail = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const metadata = readMetadata(tail)
  if (metadata === undefined) return { problem: 'is not a readable Parquet file' }
  const { createdBy, rows, facts } = metadata
  if (!createdBy.startsWith(`${CREATOR} `)) {
    return { problem: `was not written by this program (created_by is ${JSON.stringify(createdBy.slice(0, 100))})` }
  }
  const dates = columnNamed(metadata, 'date')
  const [from, to] = [dateAt(tail, dates?.min, firstYear), dateAt(tail, dates?.max, firstYear)]
  const ingestMs = instantAt(tail, columnNamed(metadata, 'ingest_ts')?.max)
  if (from === undefined || to === undefined || from > to || ingestMs === undefined) {
    return { problem: 'has no statistics of its dates in the footer' }
  }
  const rowsSha256 = facts.get('rows-sha256')
  return { createdBy, rows, span: { from, to }, ingestMs, rowsSha256, asked: rangeIn(facts.get('asked')) }
}

/** A column of the first row group: its name's parts, its smallest and its greatest value. */
type Column = { path: readonly Slice[]; min?: Slice; max?: Slice }

type Metadata = {
  readonly tail: DataView
  createdBy: string
  rows: number
  readonly facts: Map<string, string>
  readonly columns: Column[]
}

/** `PAR1`, at the end of every Parquet file, and before it the footer's length in four bytes, lowest first. */
const MAGIC = 0x31524150
const TRAILER_BYTES = 8

/** Undefined where the bytes are no Parquet file's end. */
function readMetadata(tail: DataView): Metadata | undefined {
  const end = tail.byteLength - TRAILER_BYTES
  if (end < 0 || tail.getUint32(end + 4, true) !== MAGIC) return undefined
  const metadata: Metadata = { tail, createdBy: '', rows: Number.NaN, facts: new Map(), columns: [] }
  try {
    readStruct(tail, end - tail.getUint32(end, true), metadataFields(metadata))
  } catch (error) {
    // What is wrong with the bytes differs with every kind of garbage and names no cure.
    if (error instanceof RangeError) return undefined
    throw error
  }
  return Number.isNaN(metadata.rows) ? undefined : metadata
}

/** FileMetaData: num_rows, row_groups, key_value_metadata and created_by. */
function metadataFields(metadata: Metadata): Fields {
  const { tail, facts, columns } = metadata
  const columnFields = columnFieldsOf(columns)
  const firstGroup = { 1: structs(columnFields) }
  let key = ''
  const fact = {
    1: binary((text) => (key = textAt(tail, text))),
    2: binary((text) => facts.set(key, textAt(tail, text))),
  }
  return {
    3: integer((rows) => (metadata.rows = rows)),
    4: structs((index) => (index === 0 ? firstGroup : NOTHING)),
    5: structs(() => fact),
    6: binary((text) => (metadata.createdBy = textAt(tail, text))),
  }
}

/** ColumnChunk: of its meta_data path_in_schema, and of that's statistics max_value and min_value. */
function columnFieldsOf(columns: Column[]): () => Fields {
  let column: Column = { path: [] }
  const bounds = struct({
    5: binary((max) => (column.max = max)),
    6: binary((min) => (column.min = min)),
  })
  const fields = { 3: struct({ 3: binaries((path) => (column.path = path)), 12: bounds }) }
  return () => {
    column = { path: [] }
    columns.push(column)
    return fields
  }
}

const decoder = new TextDecoder()

function textAt({ buffer, byteOffset }: DataView, { at, length }: Slice): string {
  return decoder.decode(new Uint8Array(buffer, byteOffset + at, length))
}

function columnNamed({ tail, columns }: Metadata, name: string): Column | undefined {
  // By the length first: a few of many names need to become a text.
  return columns.find(
    ({ path: [part, more] }) => part?.length === name.length && more === undefined && textAt(tail, part) === name,
  )
}

/** Of a DATE: days since 1970 in four bytes. Undefined where no file of ours can have that date. */
function dateAt(tail: DataView, slice: Slice | undefined, firstYear: number): IsoDate | undefined {
  if (slice?.length !== 4) return undefined
  const days = tail.getInt32(slice.at, true)
  return isKnown(days * MS_PER_DAY, firstYear) ? dateOfDay(days) : undefined
}

/** Of a TIMESTAMP: microseconds since 1970 in eight bytes, here in milliseconds. Undefined where no file of ours can have it. */
function instantAt(tail: DataView, slice: Slice | undefined): number | undefined {
  if (slice?.length !== 8) return undefined
  const ms = Math.floor(Number(tail.getBigInt64(slice.at, true)) / 1_000)
  return isKnown(ms, FIRST_YEAR) ? ms : undefined
}

/** Whether an instant is in the years the program knows. */
function isKnown(ms: number, firstYear: number): boolean {
  return ms >= Date.UTC(firstYear) && ms < Date.UTC(LAST_YEAR + 1)
}

function rangeIn(text: string | undefined): DateRange | undefined {
  const [from, to, rest] = text?.split('..') ?? []
  return from !== undefined && to !== undefined && rest === undefined && isIsoDate(from) && isIsoDate(to)
    ? { from, to }
    : undefined
}
