// A look at one symbol as the vendor serves it now: do its adjusted prices and its list of splits fit its prices? Pure.

import type { RawRow } from '../../core/dataset.ts'
import { midnightDay, type IsoDate } from '../../core/dates.ts'
import { splitOf, type ListedSplit } from './announced-split.ts'
import { factorsOf, intersection, type Interval } from './intervals.ts'

/** The dates of rows that can be read, oldest first. */
export function datesOf(rows: readonly RawRow[]): readonly IsoDate[] {
  return rows.flatMap((row) => dayOf(row) ?? []).toSorted()
}

function dayOf({ date }: RawRow): IsoDate | undefined {
  return typeof date === 'string' ? midnightDay(date) : undefined
}

/** A price of the full row, and the same one adjusted for dividends too. v3 has the last pair only. */
const PAIRS = [
  ['open', 'adjOpen'],
  ['high', 'adjHigh'],
  ['low', 'adjLow'],
  ['close', 'adjClose'],
] as const

/** The last digit of an adjusted close may be rounded up. More than this is another base. */
const MAX_ADJ_ABOVE_CLOSE = 1.02

/** Dates on which the adjusted prices do not fit the full ones, oldest first. */
export type AdjustedMisfits = {
  /** Without an adjusted close. */
  readonly missing: readonly IsoDate[]
  /** The adjusted close is above the close. */
  readonly above: readonly IsoDate[]
  /** No one factor makes the adjusted prices of the full ones, within rounding. */
  readonly torn: readonly IsoDate[]
}

/** Holds the adjusted rows of a symbol against its full rows. For v3 both are the same rows. */
export function adjustedMisfits(full: readonly RawRow[], adjusted: readonly RawRow[]): AdjustedMisfits {
  const byDate = new Map(adjusted.map((row) => [dayOf(row), row]))
  const isWrong: Readonly<Record<keyof AdjustedMisfits, (row: RawRow, other: RawRow) => boolean>> = {
    missing: (_row, { adjClose }) => typeof adjClose !== 'number',
    above: ({ close }, { adjClose }) =>
      typeof close === 'number' && typeof adjClose === 'number' && adjClose > close * MAX_ADJ_ABOVE_CLOSE,
    torn: (row, other) => !isOneFactor(row, other),
  }
  const dates = (name: keyof AdjustedMisfits) =>
    datesOf(full.filter((row) => isWrong[name](row, byDate.get(dayOf(row)) ?? {})))
  return { missing: dates('missing'), above: dates('above'), torn: dates('torn') }
}

function isOneFactor(row: RawRow, adjusted: RawRow): boolean {
  let common: Interval | undefined = { low: 0, high: Infinity }
  for (const [name, adjName] of PAIRS) {
    const [from, to] = [row[name], adjusted[adjName]]
    const factors = typeof from === 'number' && typeof to === 'number' ? factorsOf(from, to) : undefined
    if (factors !== undefined && common !== undefined) common = intersection(common, factors)
  }
  return common !== undefined
}

/** A smaller split cannot be told from an ordinary night. */
const MIN_SPLIT = Math.log(1.5)

/** What a share has traded at: half a cent to twice the dearest one so far. */
const PLAUSIBLE_PRICES = [0.005, 2_000_000] as const

export type SplitsVerdict = {
  /** The listed splits between the first and the last row, oldest first. */
  readonly splits: readonly ListedSplit[]
  /** The oldest close times all later splits: what the share traded at on that day. Undefined without a close. */
  readonly asTraded: { readonly date: IsoDate; readonly price: number; readonly isPlausible: boolean } | undefined
  /** Splits at which the prices leap as if they were not adjusted for them, or twice. */
  readonly leaps: readonly ListedSplit[]
}

type Close = { readonly date: IsoDate; readonly open: number; readonly close: number }

/**
 * Holds the full rows of a symbol, which are adjusted for all splits, against the vendor's list of splits. Where list and
 * prices agree, the prices do not leap at a split, and the oldest close times the later splits is a price of a share.
 */
export function judgeSplits(full: readonly RawRow[], listed: readonly RawRow[]): SplitsVerdict {
  const rows = closesOf(full)
  const [first, last] = [rows[0], rows.at(-1)]
  if (first === undefined || last === undefined) return { splits: [], asTraded: undefined, leaps: [] }
  const splits = listed
    .flatMap((row) => splitOf(row) ?? [])
    .filter(({ date }) => first.date < date && date <= last.date)
    .toSorted((a, b) => (a.date < b.date ? -1 : 1))
  const price = splits.reduce((raw, { factor }) => raw / factor, first.close)
  const [lowest, highest] = PLAUSIBLE_PRICES
  return {
    splits,
    asTraded: { date: first.date, price, isPlausible: lowest <= price && price <= highest },
    leaps: splits.filter((split) => isLeap(split, rows)),
  }
}

function closesOf(rows: readonly RawRow[]): readonly Close[] {
  return rows
    .flatMap((row): Close[] => {
      const date = dayOf(row)
      const { open, close } = row
      if (date === undefined || typeof close !== 'number' || !(close > 0)) return []
      return [{ date, close, open: typeof open === 'number' && open > 0 ? open : close }]
    })
    .toSorted((a, b) => (a.date < b.date ? -1 : 1))
}

/** Whether the first price after a split is nearer to its ratio, or to the inverse, than to the close before it. */
function isLeap({ date, factor }: ListedSplit, rows: readonly Close[]): boolean {
  const size = Math.abs(Math.log(factor))
  const at = rows.findIndex((row) => row.date >= date)
  const [before, after] = [rows[at - 1], rows[at]]
  if (size < MIN_SPLIT || before === undefined || after === undefined) return false
  return Math.abs(Math.log(after.open / before.close)) > size / 2
}
