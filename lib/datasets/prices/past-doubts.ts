// What speaks against a change of the past that factors explain.

import type { PastStep, RowPair } from './past-steps.ts'
import type { Row } from '../../core/dataset.ts'
import type { FactorRun } from './factor-runs.ts'
import { type Interval, factorsOf, factorIn, intersection, simplestFraction, quotient, contains } from './intervals.ts'

/** Smaller steps are no larger than the move of an ordinary day, so they cannot be doubted. As a logarithm. */
const LARGE_STEP = Math.log(1.2)
/**
 * How far the adjusted close over the close may change across a boundary. No dividend is more than 60 % of a price; more than
 * 1 has no cause but rounding.
 */
const [MIN_GAP, MAX_GAP] = [0.4, 1.02]
/** A change of that quotient by a split's own ratio, of terms up to 5, known to 0.002: only one endpoint has applied the split. */
const MAX_SPLIT_TERM = 5
const MAX_SPLIT_WIDTH = 0.002

type Doubting = {
  readonly steps: readonly PastStep[]
  /** The vendor's newest bar. Of several new ones the older may have been multiplied with the rows before them. */
  readonly newest: Row | undefined
  readonly hasAdjusted: boolean
}

/** What speaks against a change that factors explain: it puts a jump in, or the two endpoints are on different bases. */
export function doubtOf(
  pairs: readonly RowPair[],
  { steps, newest, hasAdjusted }: Doubting,
): 'implausible' | 'unsettled' | undefined {
  for (const { before, priceFactor, adjFactor } of steps) {
    const at = pairs.findIndex(({ now }) => now.date < before)
    const older = pairs[at]
    const newer = at > 0 ? pairs[at - 1] : newest && { stored: newest, now: newest }
    if (older === undefined || newer === undefined) continue
    const isJump = putsJumpIn(older, newer, { name: 'close', factor: priceFactor })
    const isAdjustedJump = hasAdjusted && putsJumpIn(older, newer, { name: 'adjClose', factor: adjFactor })
    if (isJump || isAdjustedJump) return 'implausible'
    const isLarge = [priceFactor, adjFactor].some((factor) => Math.abs(Math.log(factor)) >= LARGE_STEP)
    if (hasAdjusted && isLarge && isTorn(older.now, newer.now, { priceFactor, adjFactor })) return 'unsettled'
  }
  return undefined
}

/** Whether a change by a factor puts a jump between two rows, rather than taking one out. */
function putsJumpIn(
  older: RowPair,
  newer: RowPair,
  { name, factor }: { readonly name: string; readonly factor: number },
): boolean {
  const step = Math.abs(Math.log(factor))
  return step >= LARGE_STEP && moveOf(older.now, newer.now, name) > moveOf(older.stored, newer.stored, name) + step / 2
}

/**
 * Rows amid a run that jump away from those beside them, because the factor of the run was not applied to them or another one
 * was: not corrections, but an adjustment that has reached a part of the rows.
 */
export function countStrays(pairs: readonly RowPair[], runs: readonly FactorRun[]): number {
  let strays = 0
  for (const { newest, oldest, interval, factor } of runs) {
    let beside = pairs[newest]
    for (const pair of pairs.slice(newest, oldest + 1)) {
      const own = factorsOf(pair.stored['close'], pair.now['close'])
      const isStray =
        own !== undefined &&
        beside !== undefined &&
        intersection(own, interval) === undefined &&
        putsJumpIn(pair, beside, { name: 'close', factor: factorIn(own) / factor })
      if (isStray) strays += 1
      else beside = pair
    }
  }
  return strays
}

/** The absolute logarithm of a move between two rows; 0 where it cannot be known. */
function moveOf(older: Row, newer: Row, name: string): number {
  const move = Math.abs(Math.log(Number(newer[name]) / Number(older[name])))
  return Number.isFinite(move) ? move : 0
}

/** Whether the vendor's own adjusted closes and closes are on different bases across a boundary. */
function isTorn(
  older: Row,
  newer: Row,
  { priceFactor, adjFactor }: Pick<PastStep, 'priceFactor' | 'adjFactor'>,
): boolean {
  const [a, b] = [adjustmentOf(older), adjustmentOf(newer)]
  if (a === undefined || b === undefined) return false
  const gap = quotient(a, b)
  if (gap.high < MIN_GAP || gap.low > MAX_GAP) return true
  if (priceFactor !== 1 && adjFactor === 1 && !contains(gap, 1)) return true
  const fraction = gap.high - gap.low < MAX_SPLIT_WIDTH && factorIn(gap) < 1 / 1.2 ? simplestFraction(gap) : undefined
  if (fraction === undefined) return false
  const { numerator, denominator } = fraction
  return numerator === 1 || Math.max(numerator, denominator) <= MAX_SPLIT_TERM
}

/** The adjusted close over the close of a row. */
function adjustmentOf({ adjClose, close }: Row): Interval | undefined {
  return factorsOf(close, adjClose)
}
