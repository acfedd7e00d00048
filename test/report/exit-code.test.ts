import { describe, expect, test } from 'bun:test'
import { IngestError, type ErrorKind } from '../../lib/core/errors.ts'
import { errorsIn, exitCodeOf } from '../../lib/report/exit-code.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const failure = (kind: ErrorKind) => new IngestError(kind, { kind, scope: 'run' })

const metrics = (errors: number, runErrors: number) =>
  ({ errors, run_errors: Array.from({ length: runErrors }, () => 'x') }) as unknown as Metrics

test.each([
  ['none of its own', 'place', false, 3],
  ['metrics that failed', undefined, false, 4],
  ['rejected rows that are lost', 'place', true, 4],
] as const)('errorsIn() a run are those of its metrics, and %s', (_, metricsLocation, isRejectsFileLost, expected) => {
  const ending = {
    metrics: metrics(2, 1),
    stoppedBy: undefined,
    metricsLocation,
    isRejectsFileLost,
    freshness: undefined,
    jobs: [],
  }
  expect(errorsIn(ending)).toBe(expected)
})

describe('exitCodeOf()', () => {
  const table: readonly (readonly [string, number, number, ErrorKind | undefined, string | undefined, 0 | 1 | 3])[] = [
    ['nothing failed', 0, 0, undefined, 'place', 0],
    ['a symbol failed', 1, 0, undefined, 'place', 1],
    ['the run has an error', 0, 1, undefined, 'place', 1],
    ['the budget was spent', 0, 0, 'budget', 'place', 3],
    ['the quota was spent', 0, 1, 'quota', 'place', 3],
    ['the bandwidth was spent, and symbols failed', 5, 1, 'bandwidth', 'place', 3],
    ['the key was refused', 0, 1, 'key', 'place', 1],
    ['the bucket is gone', 0, 1, 'store', 'place', 1],
    ['the metrics failed', 0, 0, undefined, undefined, 1],
    ['the metrics failed, which outranks the quota', 0, 1, 'quota', undefined, 1],
    ['something stopped it that is no error of its own', 0, 0, 'interrupted', 'place', 1],
  ]
  test.each(table)('%s', (...[, errors, runErrors, kind, metricsLocation, expected]) => {
    const stoppedBy = kind === undefined ? undefined : failure(kind)
    const ending = { metrics: metrics(errors, runErrors), stoppedBy, metricsLocation, freshness: undefined, jobs: [] }
    expect(exitCodeOf({ ...ending, isRejectsFileLost: false })).toBe(expected)
    // As metrics that failed.
    expect(exitCodeOf({ ...ending, isRejectsFileLost: true })).toBe(1)
  })
})
