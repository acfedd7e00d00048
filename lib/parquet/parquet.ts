// Rows to Parquet bytes and back. The same rows at the same instant give the same bytes.

import { parquetReadObjects, type SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { createHash } from 'node:crypto'
import { INGEST_TS, type Column, type Row } from '../core/dataset.ts'
import { dayNumber, utcDate, type DateRange, type IsoDate } from '../core/dates.ts'
import { CREATOR } from './metadata.ts'

export type FileContent = {
  readonly columns: readonly Column[]
  /** Newest first, at least one. */
  readonly rows: readonly Row[]
  readonly ingestMs: number
  readonly rowsSha256: string
  readonly asked: DateRange | undefined
  /** The program's own version, for `created_by`. */
  readonly version: string
  /** For the footer, in words. */
  readonly note?: string | undefined
}

/** What is the same for all files of a run. */
export type FileSettings = Pick<FileContent, 'columns' | 'ingestMs' | 'version' | 'note'>

/** A file's bytes, and the hash of its rows (`rows-sha256`). */
export type EncodedFile = { readonly bytes: Uint8Array; readonly sha: string }

/** The rows of one file, newest first, at least one, and what its footer claims to have asked for. */
export type FileDraft = { readonly rows: readonly Row[]; readonly asked: DateRange | undefined }

export type Encoder = {
  /** Rejects with whatever the encoding throws: a defect. */
  encode(draft: FileDraft): Promise<EncodedFile>
  close(): void
}

/** One file: its rows hashed and encoded. Throws where a value does not fit its column. */
export function encodeFile(
  { rows, asked }: Pick<FileContent, 'rows' | 'asked'>,
  { columns, ...settings }: FileSettings,
): EncodedFile {
  const sha = rowsSha256(columns, rows)
  return { sha, bytes: encodeParquet({ ...settings, columns, rows, rowsSha256: sha, asked }) }
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
 * One row group, SNAPPY, statistics on. Columns are laid out from the schema's order, because readers go by position.
 * Throws where a value does not fit its column; a file without rows is refused, since some readers cannot open one.
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
  if (content.note !== undefined) kvMetadata.push({ key: 'note', value: content.note })
  const buffer = parquetWriteBuffer({
    schema,
    columnData: columns.map((column) => ({ name: column.name, data: columnValues(column, content) })),
    codec: 'SNAPPY',
    statistics: true,
    rowGroupSize: rows.length,
    kvMetadata,
    createdBy: `${CREATOR} version ${content.version}`,
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
 * SHA-256 in hex over the rows as the file has them, without `ingest_ts`: per row one JSON array in column order and
 * one newline. Equal for equal data, whenever it was fetched.
 */
export function rowsSha256(columns: readonly Column[], rows: readonly Row[]): string {
  const names = columns.map(({ name }) => name).filter((name) => name !== INGEST_TS.name)
  const hash = createHash('sha256')
  for (const row of rows) hash.update(`${JSON.stringify(names.map((name) => row[name]))}\n`)
  return hash.digest('hex')
}

/** The rows of a whole file of ours, as they were before it was encoded; a column that it lacks is null. Rejects otherwise. */
export async function readRows(bytes: Uint8Array, columns: readonly Column[]): Promise<readonly Row[]> {
  const file = new Uint8Array(bytes).buffer
  const rows = await parquetReadObjects({ file })
  const own = columns.filter(({ name }) => name !== INGEST_TS.name)
  return rows.map((row) => Object.fromEntries(own.map(({ name, type }) => [name, valueRead(row[name], type)])) as Row)
}

function valueRead(value: unknown, type: Column['type']): Row[string] {
  if (value instanceof Date) return type === 'date' ? utcDate(value.getTime()) : value.toISOString()
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'string' || typeof value === 'number' ? value : null
}
