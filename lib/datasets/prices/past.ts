// What has happened to a vendor's past: the stored rows of a symbol against the vendor's rows now. Any difference counts; the
// intervals of rounding only give it a name. The limits here and in past-doubts.ts were tried on real bars of thirteen years
// with 95 events (test/datasets/prices/real-events.test.ts) and on random series with every class of change
// (past-classes.test.ts).

import type { Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import type { PastVerdict } from '../../core/outcome.ts'
import { factorRuns, type FactorRun } from './factor-runs.ts'
import { factorsOf, intersection, type Interval } from './intervals.ts'
import { countStrays, doubtOf } from './past-doubts.ts'
import { faintSteps, stepsOf, type RowPair, type PastStep } from './past-steps.ts'

export type Past = {
  readonly verdict: PastVerdict
  readonly steps: readonly PastStep[]
  /** Sessions in which any value differs, newest first. */
  readonly differing: readonly IsoDate[]
}

const PRICES = ['open', 'high', 'low', 'close'] as const

/** The share of the rows that must be in runs of at least three rows, for factors to explain the change. */
const MIN_EXPLAINED = 0.8
const MIN_RUN_ROWS = 3

/** The most rows that count as single corrections, or as holes. */
const MAX_CORRECTED = 3

/**
 * Compares rows in any order. `next` is the vendor's oldest bar after them, `newest` its newest. Rows of one date each; a column that is null in
 * every stored row is not compared.
 */
export function comparePast(rows: readonly RowPair[], next: Row | undefined, newest: Row | undefined = next): Past {
  const pairs = newestFirst(rows)
  const columns = [...PRICES, 'adjClose', 'volume'].filter((name) => pairs.some(({ stored }) => stored[name] !== null))
  const differing = pairs.filter((pair) => columns.some((name) => isMoved(pair, name)))
  const dates = differing.map(({ now }) => now.date)
  if (differing.length === 0) return { verdict: 'same', steps: [], differing: [] }
  const hasAdjusted = columns.includes('adjClose')
  const moved = (names: readonly string[]) =>
    differing.some((pair) => names.some((name) => columns.includes(name) && isMoved(pair, name)))
  if (!moved([...PRICES, 'adjClose'])) return { verdict: nameOfVolumes(pairs), steps: [], differing: dates }
  // Whatever factor leads to a few bars that were put right: no event has moved the rows before them.
  if (glanceAt(pairs, false) === 'corrected') return { verdict: 'corrected', steps: [], differing: dates }

  const prices = pairs.map(priceInterval)
  // The adjusted close of a bar that was corrected has moved with its close: it tells nothing of dividends.
  const adjusted = pairs.map(({ stored, now }, at) => {
    return hasAdjusted && prices[at] !== undefined ? factorsOf(stored['adjClose'], now['adjClose']) : undefined
  })
  const priceRuns = factorRuns(prices)
  const steps = stepsOf(pairs, { priceRuns, adjustedRuns: factorRuns(adjusted), next })
  // Adjusted closes that came late fill single nulls; many of them are asked for together.
  const isAdjustedMoved =
    moved(['adjClose']) &&
    (differing.length > MAX_CORRECTED || !differing.every(({ stored }) => stored['adjClose'] === null))
  const verdict = nameOf(pairs, { priceRuns, steps, isAdjustedMoved, isPriceMoved: moved(PRICES) })
  if (verdict !== 'rebased' && verdict !== 'readjusted' && verdict !== 'restated')
    return { verdict, steps, differing: dates }
  const isFaint = verdict === 'readjusted' && steps.length === 0
  return {
    verdict: doubtOf(pairs, { steps, newest, hasAdjusted }) ?? verdict,
    steps: isFaint ? faintSteps(pairs, adjusted, next) : steps,
    differing: dates,
  }
}

/**
 * What has happened where the vendor has none of the stored rows of its answer's dates any more: another series has taken
 * their place. Undefined where they are so few that they are holes.
 */
export function replacedPast(absent: readonly Row[]): Past | undefined {
  if (absent.length <= MAX_CORRECTED) return undefined
  const dates = absent.map(({ date }) => date)
  return { verdict: 'other', steps: [], differing: dates.toSorted().toReversed() }
}

function newestFirst(pairs: readonly RowPair[]): readonly RowPair[] {
  return pairs.toSorted((a, b) => (a.now.date < b.now.date ? 1 : -1))
}

/** An adjusted close that the vendor no longer has is not a changed one. */
function isMoved({ stored, now }: RowPair, name: string): boolean {
  return stored[name] !== now[name] && !(name === 'adjClose' && now[name] === null)
}

/** What rounding to whole shares can have taken or added. */
const HALF_SHARE = 0.5

/** Whether all volumes have changed by one ratio. */
function nameOfVolumes(pairs: readonly RowPair[]): PastVerdict {
  const runs = factorRuns(pairs.map(({ stored, now }) => factorsOf(stored['volume'], now['volume'], HALF_SHARE)))
  const widest = runs.toSorted((a, b) => b.rows - a.rows)[0]
  const isOne = widest !== undefined && widest.rows >= MIN_EXPLAINED * pairs.length && widest.rows >= MIN_RUN_ROWS
  return isOne && widest.factor !== 1 ? 'revolumed' : 'corrected'
}

/** The factors that explain all four prices of a row; undefined where none does. */
function priceInterval({ stored, now }: RowPair): Interval | undefined {
  const intervals = PRICES.map((name) => factorsOf(stored[name], now[name])).filter((one) => one !== undefined)
  const [first, ...others] = intervals
  return others.reduce<Interval | undefined>((common, one) => common && intersection(common, one), first)
}

type Naming = {
  readonly priceRuns: readonly FactorRun[]
  readonly steps: readonly PastStep[]
  readonly isPriceMoved: boolean
  readonly isAdjustedMoved: boolean
}

function nameOf(pairs: readonly RowPair[], { priceRuns, steps, isPriceMoved, isAdjustedMoved }: Naming): PastVerdict {
  // Of a few rows no run can have three.
  const minRows = Math.min(MIN_RUN_ROWS, Math.ceil(pairs.length / 2))
  const explained = priceRuns.filter(({ rows }) => rows >= minRows).reduce((sum, { rows }) => sum + rows, 0)
  if (explained < MIN_EXPLAINED * pairs.length) return isRestated(pairs) ? 'restated' : 'other'
  if (countStrays(pairs, priceRuns) > MAX_CORRECTED) return 'other'
  if (steps.some(({ priceFactor }) => priceFactor !== 1)) return 'rebased'
  if (steps.some(({ adjFactor }) => adjFactor !== 1)) return 'readjusted'
  return isAdjustedMoved && !isPriceMoved ? 'readjusted' : 'corrected'
}

/** The share of the closes that must have changed by one ratio, and how far a change may be from it (as a logarithm). */
const RESTATED_SHARE = 0.9
const RESTATED_SPREAD = 0.02

/** Whether nearly all closes have changed by about one ratio. */
function isRestated(pairs: readonly RowPair[]): boolean {
  const logs = pairs
    .map(({ stored, now }) => Math.log(Number(now['close']) / Number(stored['close'])))
    .filter((log) => Number.isFinite(log))
    .toSorted((a, b) => a - b)
  const median = logs[Math.floor(logs.length / 2)]
  if (median === undefined) return false
  return logs.filter((log) => Math.abs(log - median) <= RESTATED_SPREAD).length >= RESTATED_SHARE * pairs.length
}

/**
 * What the rows of a night tell, in any order: nothing, a correction of single rows, or enough to look at the whole past.
 * An event changes every row before it, a correction single rows: so the oldest compared rows decide, and an adjusted close
 * never moves alone for one bar.
 */
export function glanceAt(pairs: readonly RowPair[], isAllThatIsStored: boolean): 'same' | 'corrected' | 'look' {
  const changed = newestFirst(pairs).map(({ stored, now }) => ({
    price: PRICES.some((name) => stored[name] !== now[name]),
    adjusted: stored['adjClose'] !== null && now['adjClose'] !== null && stored['adjClose'] !== now['adjClose'],
    volume: stored['volume'] !== now['volume'],
  }))
  const moved = changed.filter(({ price, adjusted }) => price || adjusted)
  if (moved.length === 0) return changed.some(({ volume }) => volume) ? 'corrected' : 'same'
  const isOldTouched = changed.slice(-MAX_CORRECTED).some(({ price, adjusted }) => price || adjusted)
  const isAdjustedAlone = moved.some(({ price }) => !price)
  return isAllThatIsStored || isAdjustedAlone || moved.length > MAX_CORRECTED || isOldTouched ? 'look' : 'corrected'
}

/**
 * Whether the prices of old rows have changed, by the rows of a night, newest first: not single corrections of the newest
 * ones. Of as few rows as may be corrected nothing is said.
 */
export function hasMovedPrices(pairs: readonly RowPair[]): boolean {
  const moved = pairs.map(({ stored, now }) => PRICES.some((name) => stored[name] !== now[name]))
  const isOldMoved = moved.slice(-MAX_CORRECTED).includes(true)
  return pairs.length > MAX_CORRECTED && (isOldMoved || moved.filter(Boolean).length > MAX_CORRECTED)
}
