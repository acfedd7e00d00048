// Rows that one factor explains: a split or a dividend multiplies every older row by one number, a correction single rows.

import { factorIn, intersection, type Interval } from './intervals.ts'

/** Neighbouring rows that one factor explains, by their positions from the newest row on, both inclusive. */
export type FactorRun = {
  readonly newest: number
  readonly oldest: number
  /** What all their factors have in common. */
  readonly interval: Interval
  readonly factor: number
  /** Rows in it, outliers left out. */
  readonly rows: number
}

/** The number of older rows that decide whether a row that does not fit is alone. */
const ROWS_AHEAD = 5

/**
 * The runs of rows, given newest first; a row without an interval fits no run. A row that does not fit is an outlier if of
 * the next five at least one fits the run, and at least as many as fit the row; else a new run begins with it.
 */
export function factorRuns(rows: readonly (Interval | undefined)[]): readonly FactorRun[] {
  const runs: FactorRun[] = []
  for (const [at, interval] of rows.entries()) {
    if (interval === undefined) continue
    const run = runs.at(-1)
    const common = run && intersection(run.interval, interval)
    if (run !== undefined && common !== undefined) {
      runs[runs.length - 1] = { ...run, oldest: at, interval: common, factor: factorIn(common), rows: run.rows + 1 }
      continue
    }
    if (run !== undefined && isOutlier(interval, run.interval, rows.slice(at + 1, at + 1 + ROWS_AHEAD))) continue
    runs.push({ newest: at, oldest: at, interval, factor: factorIn(interval), rows: 1 })
  }
  return runs
}

function isOutlier(own: Interval, ofRun: Interval, ahead: readonly (Interval | undefined)[]): boolean {
  const fitting = (interval: Interval) =>
    ahead.filter((row) => row !== undefined && intersection(interval, row) !== undefined).length
  const fittingRun = fitting(ofRun)
  return fittingRun > 0 && fittingRun >= fitting(own)
}
