// Parquet bytes to rows: what writer.ts has written.

import { parquetMetadata, parquetRead, type FileMetaData } from 'hyparquet'
import { INGEST_TS, type Column, type Row } from '../core/dataset.ts'
import { dateOfDay, isIsoDate, type IsoDate } from '../core/dates.ts'
import type { StampedRow } from './parquet.ts'
import { requireSoundPages } from './pages.ts'

/** The rows of a whole file, as `readStampedRows` of parquet.ts says. */
export async function readStampedRows(bytes: Uint8Array, columns: readonly Column[]): Promise<readonly StampedRow[]> {
  return stampedRows(await readColumns(bytes), columns)
}

/** The rows of one row group of a file, in its order. Rejects if they cannot be decoded. */
export async function readGroupRows(
  bytes: Uint8Array,
  metadata: FileMetaData,
  rows: { readonly rowStart: number; readonly rowEnd: number },
  columns: readonly Column[],
): Promise<readonly StampedRow[]> {
  const file = { byteLength: bytes.byteLength, slice: (from: number, to?: number) => bytes.slice(from, to).buffer }
  const values = await decodeColumns({ file, metadata, ...rows })
  return stampedRows({ count: rows.rowEnd - rows.rowStart, values }, columns)
}

function stampedRows({ count, values }: Columns, columns: readonly Column[]): readonly StampedRow[] {
  const own = columns
    .filter(({ name }) => name !== INGEST_TS.name)
    .map(({ name }) => [name, values.get(name)?.map(valueRead)] as const)
  const stamps = values.get(INGEST_TS.name)
  return Array.from({ length: count }, (_, index) => ({ row: rowAt(own, index), ingestMs: Number(stamps?.[index]) }))
}

/** The dates of a whole file, as `readDates` of parquet.ts says. */
export async function readDates(bytes: Uint8Array): Promise<readonly IsoDate[]> {
  const { count, values } = await readColumns(bytes, ['date'])
  const dates = values.get('date')
  return Array.from({ length: count }, (_, index) => dateIn(dates?.[index]))
}

function dateIn(value: unknown): IsoDate {
  if (typeof value !== 'string' || !isIsoDate(value)) throw new RangeError('A row has no date')
  return value
}

type Columns = { readonly count: number; readonly values: ReadonlyMap<string, readonly unknown[]> }

/**
 * The columns of a file by name, as the library gives them, but dates as text. Columns and not the library's rows, because
 * making two objects of every row takes most of the time. Rejects if the bytes are no file of this program, whatever is wrong
 * with them.
 */
async function readColumns(bytes: Uint8Array, names?: string[]): Promise<Columns> {
  const metadata = parquetMetadata(bytes)
  requireSoundPages(bytes, metadata)
  const values = await decodeColumns({
    file: new Uint8Array(bytes).buffer,
    metadata,
    ...(names && { columns: names }),
  })
  return { count: Number(metadata.num_rows), values }
}

async function decodeColumns(wanted: Parameters<typeof parquetRead>[0]): Promise<Columns['values']> {
  const values = new Map<string, readonly unknown[]>()
  await parquetRead({
    ...wanted,
    parsers: { dateFromDays: dateOfDay },
    compressors: { ZSTD: (compressed) => Bun.zstdDecompressSync(compressed) },
    onChunk: ({ columnName, columnData }) => {
      const before = values.get(columnName)
      values.set(columnName, before === undefined ? Array.from(columnData) : [...before, ...columnData])
    },
  })
  return values
}

function rowAt(columns: readonly (readonly [string, readonly Row[string][] | undefined])[], index: number): Row {
  const row: Record<string, Row[string]> = {}
  for (const [name, values] of columns) row[name] = values?.[index] ?? null
  return row as Row
}

function valueRead(value: unknown): Row[string] {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'string' || typeof value === 'number' ? value : null
}
