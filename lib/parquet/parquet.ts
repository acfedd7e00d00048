// Rows to Parquet bytes and back, and what the footer of a file says. The same rows at the same instant give the same bytes.

import { parquetReadObjects, type SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { createHash } from 'node:crypto'
import { CREATOR } from '../core/config.ts'
import { INGEST_TS, type Column, type Row } from '../core/dataset.ts'
import {
  dateOfDay,
  dayNumber,
  FIRST_YEAR,
  isIsoDate,
  LAST_YEAR,
  MS_PER_DAY,
  utcDate,
  type DateRange,
  type IsoDate,
} from '../core/dates.ts'
import { boundsOf, readMetadata } from './metadata.ts'
import type { Slice } from './thrift.ts'

export type FileContent = {
  readonly columns: readonly Column[]
  /** Newest first, at least one. */
  readonly rows: readonly Row[]
  readonly ingestMs: number
  readonly rowsSha256: string
  readonly asked: DateRange | undefined
  /** Stretches of rows that are carried over from an older file, on the base of the others. */
  readonly carried?: readonly DateRange[] | undefined
  /** What those rows were multiplied by, where the file has no others. */
  readonly carriedBy?: string | undefined
  /** The program's own version, for `created_by`. */
  readonly version: string
  /** A text for people, kept in the footer. */
  readonly note?: string | undefined
  /** The writer's name for `created_by`; `CREATOR` if absent. */
  readonly creator?: string | undefined
}

/** What is the same for all files of a run. */
export type FileSettings = Pick<FileContent, 'columns' | 'ingestMs' | 'version' | 'note' | 'creator'>

/** A file's bytes, and the hash of its rows (`rows-sha256`). */
export type EncodedFile = { readonly bytes: Uint8Array; readonly sha: string }

/** The rows of one file, newest first, at least one, and the dates that were asked for (for its footer). */
export type FileDraft = Pick<FileContent, 'rows' | 'asked' | 'carried' | 'carriedBy'>

export type Encoder = {
  /** Rejects with what the encoding throws, which is a defect. */
  encode(draft: FileDraft): Promise<EncodedFile>
  close(): void
}

/** Hashes and encodes the rows of one file. Throws if a value does not fit its column. */
export function encodeFile(draft: FileDraft, { columns, ...settings }: FileSettings): EncodedFile {
  const sha = rowsSha256(columns, draft.rows)
  return { sha, bytes: encodeParquet({ ...settings, ...draft, columns, rowsSha256: sha }) }
}

const ELEMENTS: Readonly<Record<Column['type'], Omit<SchemaElement, 'name' | 'repetition_type'>>> = {
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  double: { type: 'DOUBLE' },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  instant: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
}

/**
 * One row group, SNAPPY, statistics on. Columns are in the order of the schema, because readers go by position. Throws if a
 * value does not fit its column, and if there are no rows, because some readers cannot open an empty file.
 */
export function encodeParquet(content: FileContent): Uint8Array {
  const { columns, rows, asked } = content
  if (rows.length === 0) throw new RangeError('A Parquet file needs at least one row')
  const schema: SchemaElement[] = [
    { name: 'root', num_children: columns.length },
    ...columns.map(({ name, type, isNullable }) => ({
      name,
      ...ELEMENTS[type],
      repetition_type: isNullable ? ('OPTIONAL' as const) : ('REQUIRED' as const),
    })),
  ]
  const kvMetadata = [{ key: 'rows-sha256', value: content.rowsSha256 }]
  if (asked !== undefined) kvMetadata.push({ key: 'asked', value: `${asked.from}..${asked.to}` })
  const carried = content.carried ?? []
  if (carried.length > 0) {
    kvMetadata.push({ key: 'carried', value: carried.map(({ from, to }) => `${from}..${to}`).join(',') })
  }
  if (content.carriedBy !== undefined) kvMetadata.push({ key: 'carried-by', value: content.carriedBy })
  if (content.note !== undefined) kvMetadata.push({ key: 'note', value: content.note })
  const buffer = parquetWriteBuffer({
    schema,
    columnData: columns.map((column) => ({ name: column.name, data: columnValues(column, content) })),
    codec: 'SNAPPY',
    statistics: true,
    rowGroupSize: rows.length,
    kvMetadata,
    createdBy: `${content.creator ?? CREATOR} version ${content.version}`,
  })
  return new Uint8Array(buffer)
}

function columnValues(column: Column, { rows, ingestMs }: FileContent): unknown[] {
  if (column.name === INGEST_TS.name) return rows.map(() => microsOf(ingestMs))
  const { name, type } = column
  switch (type) {
    case 'instant':
      return rows.map((row) => (typeof row[name] === 'string' ? microsOf(Date.parse(row[name])) : null))
    case 'date':
      return rows.map((row) => (typeof row[name] === 'string' ? dayNumber(row[name] as IsoDate) : null))
    case 'int64':
      return rows.map((row) => (typeof row[name] === 'number' ? BigInt(row[name]) : null))
    default:
      return rows.map((row) => row[name])
  }
}

function microsOf(ms: number): bigint {
  return BigInt(ms) * 1000n
}

/**
 * SHA-256 in hex over the rows in the order of the file, without `ingest_ts`: for each row one JSON array in column order
 * and one newline. Equal data has an equal hash, whenever it was fetched.
 */
export function rowsSha256(columns: readonly Column[], rows: readonly Row[]): string {
  const names = columns.map(({ name }) => name).filter((name) => name !== INGEST_TS.name)
  const hash = createHash('sha256')
  for (const row of rows) hash.update(`${JSON.stringify(names.map((name) => row[name]))}\n`)
  return hash.digest('hex')
}

/**
 * The rows of a whole file of this program, as they were before it was encoded; a column that the file lacks is null.
 * Rejects if the bytes are no such file.
 */
export async function readRows(bytes: Uint8Array, columns: readonly Column[]): Promise<readonly Row[]> {
  const file = new Uint8Array(bytes).buffer
  const rows = await parquetReadObjects({ file })
  const own = columns.filter(({ name }) => name !== INGEST_TS.name)
  return rows.map((row) => Object.fromEntries(own.map(({ name, type }) => [name, valueRead(row[name], type)])) as Row)
}

/** The dates of a whole file of this program, one a row. Rejects if the bytes are no such file. */
export async function readDates(bytes: Uint8Array): Promise<readonly IsoDate[]> {
  const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer, columns: ['date'] })
  return rows.map((row) => (row['date'] instanceof Date ? utcDate(row['date'].getTime()) : noDate()))
}

function noDate(): never {
  throw new RangeError('A row has no date')
}

function valueRead(value: unknown, type: Column['type']): Row[string] {
  if (value instanceof Date) return type === 'date' ? utcDate(value.getTime()) : value.toISOString()
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'string' || typeof value === 'number' ? value : null
}

/** What a file's footer says: enough to judge the file without reading its rows. */
export type Footer = {
  readonly createdBy: string
  readonly rows: number
  /** Oldest and newest date in the file. */
  readonly span: DateRange
  /** Milliseconds since 1970 of the run that wrote it. */
  readonly ingestMs: number
  readonly rowsSha256: string | undefined
  /** The dates that were asked for and that this file answers (DESIGN: `asked`); undefined in day files. */
  readonly asked: DateRange | undefined
  /** Stretches of rows that were carried over from an older file; none in most files. */
  readonly carried: readonly DateRange[]
  /** What they were multiplied by, where the file has no other rows. */
  readonly carriedBy: string | undefined
}

/**
 * The footer of a file of this program, or a sentence that says why the file is none. `bytes` are the end of the file with
 * the whole footer. A file of another writer than `creator` is not accepted, nor one with dates before `firstYear`.
 */
export function readFooter(
  bytes: Uint8Array,
  { creator = CREATOR, firstYear = FIRST_YEAR }: { readonly creator?: string; readonly firstYear?: number } = {},
): Footer | { readonly problem: string } {
  const tail = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const metadata = readMetadata(tail)
  if (metadata === undefined) return { problem: 'is not a readable Parquet file' }
  const { createdBy, rows, keyValues } = metadata
  if (!createdBy.startsWith(`${creator} `)) {
    return { problem: `was not written by this program (created_by is ${JSON.stringify(createdBy.slice(0, 100))})` }
  }
  const dates = boundsOf(metadata, 'date')
  const [from, to] = [dateAt(tail, dates?.min, firstYear), dateAt(tail, dates?.max, firstYear)]
  const ingestMs = instantAt(tail, boundsOf(metadata, INGEST_TS.name)?.max)
  if (from === undefined || to === undefined || from > to || ingestMs === undefined) {
    return { problem: 'has no statistics of its dates in the footer' }
  }
  const [sha, asked] = [keyValues.get('rows-sha256'), rangeIn(keyValues.get('asked'))]
  const stretches = keyValues.get('carried')?.split(',') ?? []
  const carried = stretches.map(rangeIn).filter((range) => range !== undefined)
  const carriedBy = keyValues.get('carried-by')
  return { createdBy, rows, span: { from, to }, ingestMs, rowsSha256: sha, asked, carried, carriedBy }
}

/** A DATE: days since 1970 in four bytes. Undefined if no file of this program can have that date. */
function dateAt(tail: DataView, slice: Slice | undefined, firstYear: number): IsoDate | undefined {
  if (slice?.length !== 4) return undefined
  const days = tail.getInt32(slice.offset, true)
  return isInYears(days * MS_PER_DAY, firstYear) ? dateOfDay(days) : undefined
}

/** A TIMESTAMP, microseconds since 1970 in eight bytes, as milliseconds. Undefined if no file of this program can have it. */
function instantAt(tail: DataView, slice: Slice | undefined): number | undefined {
  if (slice?.length !== 8) return undefined
  const ms = Math.floor(Number(tail.getBigInt64(slice.offset, true)) / 1_000)
  return isInYears(ms, FIRST_YEAR) ? ms : undefined
}

/** Whether an instant is in the years that this program handles. */
function isInYears(ms: number, firstYear: number): boolean {
  return ms >= Date.UTC(firstYear) && ms < Date.UTC(LAST_YEAR + 1)
}

function rangeIn(text: string | undefined): DateRange | undefined {
  const [from, to, rest] = text?.split('..') ?? []
  return from !== undefined && to !== undefined && rest === undefined && isIsoDate(from) && isIsoDate(to)
    ? { from, to }
    : undefined
}
