import { expect, test } from 'bun:test'
import { factorRuns } from '../../../lib/datasets/prices/factor-runs.ts'
import type { Interval } from '../../../lib/datasets/prices/intervals.ts'

const near = (factor: number): Interval => ({ low: factor * 0.999, high: factor * 1.001 })
const rows = (...factors: readonly (number | undefined)[]) =>
  factors.map((factor) => (factor === undefined ? undefined : near(factor)))

test.each([
  ['rows of one factor', [1, 1, 1, 1], ['0..3 × 1 (4)']],
  ['a boundary', [1, 1, 0.25, 0.25, 0.25], ['0..1 × 1 (2)', '2..4 × 0.25 (3)']],
  ['an outlier between rows of one factor', [1, 1, 0.9, 1, 1], ['0..4 × 1 (4)']],
  ['a row without a factor', [1, undefined, 1], ['0..2 × 1 (2)']],
  ['two boundaries', [1, 1, 0.5, 0.5, 0.1, 0.1], ['0..1 × 1 (2)', '2..3 × 0.5 (2)', '4..5 × 0.1 (2)']],
  ['a factor in all rows', [0.25, 0.25], ['0..1 × 0.25 (2)']],
  ['nothing', [], []],
])('the runs of %s', (_, factors, expected) => {
  const runs = factorRuns(rows(...factors))
  expect(
    runs.map(
      ({ newest, oldest, factor, rows: count }) => `${newest}..${oldest} × ${Number(factor.toFixed(4))} (${count})`,
    ),
  ).toEqual(expected)
})
