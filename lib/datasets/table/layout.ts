// Which file of the derived table holds a row. It follows from the symbol and the date alone, so a row never moves from one
// file to another: a reader of all files sees each row once, whichever of them is being replaced.

import { hashOf } from '../../core/hash.ts'
import { dateOf, dateOfDay, dayNumber, isIsoDate, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'

/** Fixed when a table is made, and kept in the footer of each of its files. */
export type Layout = {
  /** Rows of this year and later ones stand in a file for each month; undefined for a table without months. */
  readonly baseYear: number | undefined
  /** The number of files for all other rows: each holds some of the symbols. */
  readonly buckets: number
}

/** A file of a table by what it holds. */
export type Unit =
  | { readonly kind: 'month'; readonly month: string }
  | { readonly kind: 'bucket'; readonly index: number }

const SYMBOLS_PER_BUCKET = 32
/** A lake that begins with few symbols may grow to thousands. */
const MIN_BUCKETS = 16
/** A table is a few hundred files, however many symbols it has. */
const MAX_BUCKETS = 256

/** The layout of a new table of so many symbols. */
export function chooseLayout(symbols: number, baseYear: number | undefined): Layout {
  const buckets = Math.min(MAX_BUCKETS, Math.max(MIN_BUCKETS, Math.ceil(symbols / SYMBOLS_PER_BUCKET)))
  return { baseYear, buckets }
}

/** The layout that a text of it says; undefined if it says none. */
export function readLayout(text: string): Layout | undefined {
  try {
    const { baseYear, buckets } = JSON.parse(text) as Readonly<Record<string, unknown>>
    if (!isWhole(buckets) || buckets < 1) return undefined
    return { baseYear: isWhole(baseYear) ? baseYear : undefined, buckets }
  } catch {
    return undefined
  }
}

function isWhole(value: unknown): value is number {
  return Number.isInteger(value)
}

/** The file of a row. */
export function unitOf(symbol: string, date: IsoDate, layout: Layout): Unit {
  return monthOf(date, layout) ?? bucketOf(symbol, layout)
}

/** The file of all symbols' rows of a date; undefined if these stand in no month. */
export function monthOf(date: IsoDate, { baseYear }: Layout): Unit | undefined {
  const isInMonth = baseYear !== undefined && yearOf(date) >= baseYear
  return isInMonth ? { kind: 'month', month: date.slice(0, 7) } : undefined
}

/** The file of a symbol's rows that stand in no month. */
export function bucketOf(symbol: string, { buckets }: Layout): Unit {
  return { kind: 'bucket', index: hashOf(symbol) % buckets }
}

/** `month-2026-11.parquet`, `closed-2026-03-of-16.parquet` (years before 2026) or `bucket-03-of-16.parquet`. */
export function unitName(unit: Unit, { baseYear, buckets }: Layout): string {
  if (unit.kind === 'month') return `month-${unit.month}.parquet`
  const part = `${String(unit.index).padStart(2, '0')}-of-${buckets}.parquet`
  return baseYear === undefined ? `bucket-${part}` : `closed-${baseYear}-${part}`
}

/** The unit whose file has this name in a table of this layout; undefined for any other file. */
export function unitNamed(name: string, layout: Layout): Unit | undefined {
  const month = /^month-(\d{4}-\d{2})\./.exec(name)?.[1]
  const index = /-(\d+)-of-\d+\./.exec(name)?.[1]
  const unit: Unit | undefined =
    month === undefined
      ? index === undefined
        ? undefined
        : { kind: 'bucket', index: Number(index) }
      : { kind: 'month', month }
  const isOfLayout = unit?.kind === 'bucket' ? unit.index < layout.buckets : isMonthOf(month, layout)
  return unit !== undefined && isOfLayout && unitName(unit, layout) === name ? unit : undefined
}

function isMonthOf(month: string | undefined, { baseYear }: Layout): boolean {
  return baseYear !== undefined && isIsoDate(`${month}-01`) && Number(month?.slice(0, 4)) >= baseYear
}

/** The dates whose rows a unit holds; undefined: all. */
export function spanOf(unit: Unit, { baseYear }: Layout): DateRange | undefined {
  if (unit.kind === 'month') return monthSpan(unit.month)
  return baseYear === undefined ? undefined : { from: dateOf(1900, 1, 1), to: dateOf(baseYear - 1, 12, 31) }
}

function monthSpan(month: string): DateRange {
  const [year = 0, number = 0] = month.split('-').map(Number)
  const next = number === 12 ? dateOf(year + 1, 1, 1) : dateOf(year, number + 1, 1)
  return { from: dateOf(year, number, 1), to: dateOfDay(dayNumber(next) - 1) }
}
