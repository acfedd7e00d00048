// The factors by which rows are multiplied that the vendor no longer serves. Rounded prices leave an interval for each factor.
// What was announced is the simplest number in it: the fraction of a split, the amount of a dividend.

import { factorRuns, type FactorRun } from './factor-runs.ts'
import {
  contains,
  factorsOf,
  halfUnit,
  intersection,
  quotient,
  simplestDecimal,
  simplestFraction,
  type Fraction,
  type Interval,
} from './intervals.ts'
import type { RowPair } from './past-steps.ts'

/** A change of the factor between two runs of rows. Beyond the newest row there is no newer run: its factor is 1. */
export type RunChange = {
  /** The last row of the older run. */
  readonly last: RowPair
  readonly older: FactorRun
  readonly newer: FactorRun | undefined
}

/** What prices and adjusted closes are multiplied by. */
export type Factors = { readonly price: number; readonly adjusted: number }

export type ExactFactors = Factors & {
  /** The price factor, where it is a simple one. */
  readonly fraction: Fraction | undefined
  /** Whether the volumes were multiplied by the inverse of the price factor. */
  readonly isSplit: boolean
}

/**
 * The exact factors of a step. `after` are the products of those of all newer steps: together they stay in the interval of
 * the older run, which most rows have narrowed, however wide that of the step itself is.
 */
export function exactFactors(
  pairs: readonly RowPair[],
  { price, adjusted }: { readonly price: RunChange | undefined; readonly adjusted: RunChange | undefined },
  after: Factors,
): ExactFactors {
  const step = price && over(price.older.interval, after.price)
  const split = price && step && splitIn(pairs, step, price)
  const fraction = simplestFraction(split ?? step ?? NONE)
  const ofPrice = price === undefined ? 1 : factorOf(price.older, after.price, exactIn(fraction, split))
  const common = { fraction: price && fraction, isSplit: split !== undefined, price: ofPrice }
  if (adjusted === undefined) return { ...common, adjusted: 1 }
  const interval = over(narrowed(pairs, adjusted.older), after.adjusted)
  const dividend = dividendFactor(over(interval, ofPrice), adjusted.last.now['close'])
  const exact = dividend === undefined ? middleOf(interval) : ofPrice * dividend
  return { ...common, adjusted: factorOf(adjusted.older, after.adjusted, exact) }
}

const NONE: Interval = { low: 1, high: 1 }

function exactIn(fraction: Fraction | undefined, split: Interval | undefined): number | undefined {
  return fraction === undefined ? split && middleOf(split) : fraction.numerator / fraction.denominator
}

function middleOf({ low, high }: Interval): number {
  return Math.sqrt(low * high)
}

/**
 * The factor of adjusted closes whose rows each allow that nothing has happened, while their sums do not; undefined where
 * those allow it too. `last` is the newest row that has changed, before the boundary.
 */
export function faintFactor(pairs: readonly RowPair[], { last, older }: RunChange): number | undefined {
  const interval = narrowed(pairs, older)
  if (contains(interval, 1)) return undefined
  return dividendFactor(interval, last.now['close']) ?? middleOf(interval)
}

/** Rows that are as they were are multiplied by exactly what the newer steps have to be undone by. */
function factorOf({ factor }: FactorRun, after: number, exact: number | undefined): number {
  return factor === 1 || exact === undefined ? factor / after : exact
}

function over({ low, high }: Interval, factor: number): Interval {
  return { low: low / factor, high: high / factor }
}

/** What rounding to whole shares can have taken or added. */
const HALF_SHARE = 0.5

/**
 * What of a price step is the inverse of what the volumes were multiplied by; undefined where that is none. Prices in cents
 * allow many fractions, volumes hardly more than one.
 */
function splitIn(
  pairs: readonly RowPair[],
  step: Interval,
  { older, newer }: Pick<RunChange, 'older' | 'newer'>,
): Interval | undefined {
  const before = sharesOf(pairs, older)
  const after = newer === undefined || newer.factor === 1 ? NONE : sharesOf(pairs, newer)
  return before && after && intersection(step, quotient(after, before))
}

/** By what the volumes of a run were multiplied, as most of its rows tell. */
function sharesOf(pairs: readonly RowPair[], { newest, oldest }: FactorRun): Interval | undefined {
  const rows = pairs.slice(newest, oldest + 1)
  const runs = factorRuns(rows.map(({ stored, now }) => factorsOf(stored['volume'], now['volume'], HALF_SHARE)))
  return runs.toSorted((a, b) => b.rows - a.rows)[0]?.interval
}

/** What a dividend multiplies by: 1 less its part of the close before. Undefined where no amount explains the interval. */
function dividendFactor({ low, high }: Interval, close: unknown): number | undefined {
  if (contains({ low, high }, 1)) return 1
  if (typeof close !== 'number') return undefined
  const amount = simplestDecimal({ low: (1 - high) * close, high: (1 - low) * close })
  return amount === undefined ? undefined : 1 - amount / close
}

/** Standard deviations of a mean within which it is taken to lie. */
const MAX_DEVIATIONS = 3

/**
 * The interval of a run of adjusted closes, narrowed by their sums: where prices are low each row allows much, and thousands
 * of them hardly less, while their roundings cancel out in the sums.
 */
function narrowed(pairs: readonly RowPair[], { newest, oldest, interval }: FactorRun): Interval {
  let [from, to, variance] = [0, 0, 0]
  for (const { stored, now } of pairs.slice(newest, oldest + 1)) {
    const [before, after] = [stored['adjClose'], now['adjClose']]
    const own = factorsOf(before, after)
    if (typeof before !== 'number' || typeof after !== 'number') continue
    if (own === undefined || intersection(own, interval) === undefined) continue
    from += before
    to += after
    // A rounding is uniform: its variance is a third of the square of the half unit.
    variance += (halfUnit(before) ** 2 + halfUnit(after) ** 2) / 3
  }
  const margin = (MAX_DEVIATIONS * Math.sqrt(variance)) / from
  return intersection(interval, { low: to / from - margin, high: to / from + margin }) ?? interval
}
