// The boundaries of a vendor's past: before which session prices and adjusted closes have been multiplied, and by what.

import { exactFactors, faintFactor, type RunChange } from './exact-factors.ts'
import { type Interval, intersection, quotient } from './intervals.ts'
import type { Row } from '../../core/dataset.ts'
import { addDays, type IsoDate } from '../../core/dates.ts'
import { factorRuns, type FactorRun } from './factor-runs.ts'

/** A stored row and the vendor's row of the same session. */
export type RowPair = { readonly stored: Row; readonly now: Row }

/** A boundary in the past: every row before the session has been multiplied. */
export type PastStep = {
  /** The first session that is not multiplied: an ex date. The day after the newest row where no bar tells it. */
  readonly before: IsoDate
  readonly priceFactor: number
  readonly adjFactor: number
  /** The price factor as the fraction that it is, where one is in its interval. */
  readonly exactFactor: number
  /** The adjusted factor with that fraction and the amount that the dividend has. */
  readonly exactAdjFactor: number
  /** Of a split, as it is announced, shares after for shares before: a factor of 1/4 is `4:1`. */
  readonly ratio: string | undefined
  /** Whether the volumes have moved by the inverse. */
  readonly isSplit: boolean
  /** Of a dividend, in the currency of the prices as they are now. */
  readonly dividend: number | undefined
}

type Runs = {
  readonly priceRuns: readonly FactorRun[]
  readonly adjustedRuns: readonly FactorRun[]
  readonly next: Row | undefined
}

/** A change of the factor at a session: the boundary of two runs. */
type Boundary = RunChange & { readonly before: IsoDate; readonly step: Interval; readonly factor: number }

function boundariesOf(
  pairs: readonly RowPair[],
  runs: readonly FactorRun[],
  next: Row | undefined,
): readonly Boundary[] {
  const beyond = next?.date ?? (pairs[0] && addDays(pairs[0].now.date, 1))
  return runs.flatMap((run, index): readonly Boundary[] => {
    const newer = runs[index - 1]
    const last = pairs[run.newest]
    const before = newer === undefined ? beyond : pairs[newer.oldest]?.now.date
    if (last === undefined || before === undefined) return []
    const base = newer === undefined || newer.factor === 1 ? { low: 1, high: 1 } : newer.interval
    const factor = run.factor / (newer?.factor ?? 1)
    return factor === 1 ? [] : [{ before, last, step: quotient(run.interval, base), factor, older: run, newer }]
  })
}

/** The steps of prices and adjusted closes, those of one session joined, newest first. */
export function stepsOf(pairs: readonly RowPair[], { priceRuns, adjustedRuns, next }: Runs): readonly PastStep[] {
  const ofPrices = new Map(boundariesOf(pairs, priceRuns, next).map((one) => [one.before, one]))
  const ofAdjusted = new Map(boundariesOf(pairs, adjustedRuns, next).map((one) => [one.before, one]))
  const dates = [...new Set([...ofPrices.keys(), ...ofAdjusted.keys()])].toSorted().toReversed()
  let after = { price: 1, adjusted: 1 }
  return dates.map((before): PastStep => {
    const [price, adjusted] = [ofPrices.get(before), ofAdjusted.get(before)]
    const [priceFactor, adjFactor] = [price?.factor ?? 1, adjusted?.factor ?? 1]
    const close = (adjusted ?? price)?.last.now['close']
    const rest = adjFactor / priceFactor
    const isDividend = adjusted !== undefined && rest < 1 && !isSplitAlone(price, adjusted)
    const exact = exactFactors(pairs, { price, adjusted }, after)
    after = { price: after.price * exact.price, adjusted: after.adjusted * exact.adjusted }
    return {
      before,
      priceFactor,
      adjFactor,
      exactFactor: exact.price,
      exactAdjFactor: exact.adjusted,
      ratio: exact.fraction && `${exact.fraction.denominator}:${exact.fraction.numerator}`,
      isSplit: exact.isSplit || (price !== undefined && areVolumesInverse(pairs, price)),
      dividend: isDividend && typeof close === 'number' ? (1 - rest) * close : undefined,
    }
  })
}

/**
 * The step of a dividend that is too small for any single row to tell, as the factors of adjusted closes by row show. It is
 * before the newest row that has changed.
 */
export function faintSteps(
  pairs: readonly RowPair[],
  factors: readonly (Interval | undefined)[],
  next: Row | undefined,
): readonly PastStep[] {
  const at = pairs.findIndex(
    (pair, row) => factors[row] !== undefined && pair.stored['adjClose'] !== pair.now['adjClose'],
  )
  const [last, newer] = [pairs[at], pairs[at - 1]]
  const [older] = factorRuns(factors.slice(Math.max(0, at)))
  if (last === undefined || older === undefined) return []
  const factor = faintFactor(pairs.slice(at), { last, older, newer: undefined })
  if (factor === undefined) return []
  const close = last.now['close']
  return [
    {
      before: (at === 0 ? next : newer?.now)?.date ?? addDays(last.now.date, 1),
      priceFactor: 1,
      adjFactor: factor,
      exactFactor: 1,
      exactAdjFactor: factor,
      ratio: undefined,
      isSplit: false,
      dividend: factor < 1 && typeof close === 'number' ? (1 - factor) * close : undefined,
    },
  ]
}

/** Whether the adjusted closes have moved as the prices have. */
function isSplitAlone(price: Boundary | undefined, adjusted: Boundary): boolean {
  return price !== undefined && intersection(price.step, adjusted.step) !== undefined
}

/** Nothing else moves volumes by more than this in most rows. */
const VOLUME_TOLERANCE = 0.1

/** Whether the volumes have moved across a boundary by the inverse of its price step. */
function areVolumesInverse(pairs: readonly RowPair[], { factor, older, newer }: Boundary): boolean {
  // Rows whose prices are as they were have single volumes corrected at most.
  const after = newer === undefined || newer.factor === 1 ? 0 : volumeMove(pairs, newer)
  const before = volumeMove(pairs, older)
  if (before === undefined || after === undefined) return false
  return Math.abs(before - after + Math.log(factor)) < Math.abs(Math.log(factor)) * VOLUME_TOLERANCE
}

/** The median change of the volumes of a run, as a logarithm; undefined where no row tells it. */
function volumeMove(pairs: readonly RowPair[], { newest, oldest }: FactorRun): number | undefined {
  const logs = pairs
    .slice(newest, oldest + 1)
    .map(({ stored, now }) => Math.log(Number(now['volume']) / Number(stored['volume'])))
    .filter((log) => Number.isFinite(log))
    .toSorted((a, b) => a - b)
  return logs[Math.floor(logs.length / 2)]
}
