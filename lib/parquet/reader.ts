// Parquet bytes to rows: what writer.ts has written.

import { INGEST_TS, type Column, type Row } from '../core/dataset.ts'
import { dateOfDay, isWithin, type DateRange, type IsoDate } from '../core/dates.ts'
import { openColumns, type ColumnReader, type StoredValue } from './columns.ts'
import type { StampedRow } from './parquet.ts'

/** The rows of a whole file, as `readStampedRows` of parquet.ts says. Throws an Error if the bytes are no such file. */
export function readStampedRows(bytes: Uint8Array, columns: readonly Column[]): readonly StampedRow[] {
  return stampedRows(openColumns(bytes), columns)
}

/** All rows of columns that are open, each with its `ingest_ts`. Throws an Error if their bytes are damaged. */
export function stampedRows(file: ColumnReader, columns: readonly Column[]): readonly StampedRow[] {
  const stamps = file.read(INGEST_TS.name)
  return rowsOf(file, columns, {}).map((row, index) => ({ row, ingestMs: msOf(stamps?.[index]) }))
}

/** The rows of a whole file in a range, as `readRows` of parquet.ts says. Throws an Error if the bytes are no such file. */
export function readRowsWithin(bytes: Uint8Array, columns: readonly Column[], range: DateRange): readonly Row[] {
  const file = openColumns(bytes)
  const isWanted = datesOf(file).map((date) => isWithin(date, range))
  const from = isWanted.indexOf(true)
  if (from === -1) return []
  // In files of this program these rows stand together.
  const rows = rowsOf(file, columns, { from, to: isWanted.lastIndexOf(true) + 1 })
  return rows.filter((_, index) => isWanted[from + index])
}

/** The dates of a whole file, as `readDates` of parquet.ts says. Throws an Error if the bytes are no such file. */
export function readDates(bytes: Uint8Array): readonly IsoDate[] {
  return datesOf(openColumns(bytes))
}

function datesOf(file: ColumnReader): readonly IsoDate[] {
  return (file.read('date') ?? refuse()).map((days) => (typeof days === 'number' ? dateOfDay(days) : refuse()))
}

function refuse(): never {
  throw new RangeError('A row has no date')
}

type RowSpan = { readonly from?: number; readonly to?: number }

function rowsOf(file: ColumnReader, columns: readonly Column[], { from = 0, to = file.rows }: RowSpan): readonly Row[] {
  const own = columns
    .filter(({ name }) => name !== INGEST_TS.name)
    .map(({ name, type }) => [name, file.read(name, from, to)?.map((value) => valueRead(value, type))] as const)
  return Array.from({ length: to - from }, (_, index) => rowAt(own, index))
}

function rowAt(columns: readonly (readonly [string, readonly Row[string][] | undefined])[], index: number): Row {
  const row: Record<string, Row[string]> = {}
  for (const [name, values] of columns) row[name] = values?.[index] ?? null
  return row as Row
}

function valueRead(value: StoredValue, type: Column['type']): Row[string] {
  if (typeof value !== 'number') return value
  if (type === 'date') return dateOfDay(value)
  return type === 'instant' ? new Date(msOf(value)).toISOString() : value
}

/** Microseconds as milliseconds. */
function msOf(micros: StoredValue | undefined): number {
  return typeof micros === 'number' ? Math.trunc(micros / 1_000) : Number.NaN
}
