import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import { NO_SESSIONS, type Counts } from '../../lib/core/outcome.ts'
import type { DateRange } from '../../lib/core/dates.ts'
import { IngestError, type ErrorKind } from '../../lib/core/errors.ts'
import type { Metrics } from '../../lib/report/metrics.ts'
import type { SymbolOutcome } from '../../lib/datasets/prices/outcome.ts'
import type { SymbolPlan } from '../../lib/datasets/prices/plan.ts'
import { errorsIn, exitCodeOf, judgeNewest, newestOf, rangeOf, type Judging } from '../../lib/report/exit-code.ts'
import { day, outcomeOf, periodOf, prices, span } from '../support/values.ts'

const NEWEST = day('2024-09-13')
const counted = (counts: Partial<Counts>): Counts => ({ ...NO_SESSIONS, ...counts })
const failure = (kind: ErrorKind) => new IngestError(kind, { kind, scope: kind === 'no-data' ? 'symbol' : 'run' })

function planOf(range: DateRange | undefined): SymbolPlan {
  return {
    symbol: 'A',
    dataset: prices(),
    range,
    windows: [],
    calls: 0,
    files: [],
    settled: NO_SESSIONS,
    errors: [],
    known: undefined,
    newest: undefined,
    isMarking: false,
    yearsStored: [],
    recentFrom: undefined,
  }
}

describe('rangeOf()', () => {
  test('is from the earliest to the latest of all symbols', () => {
    const ranges = ['2024-09-09..2024-09-13', '2024-08-29..2024-09-12'].map(span)
    expect(rangeOf([...ranges, undefined].map(planOf))).toEqual(span('2024-08-29..2024-09-13'))
  })

  test('is none without a range', () => {
    expect(rangeOf([])).toBeUndefined()
    expect(rangeOf([planOf(undefined)])).toBeUndefined()
  })
})

test('newestOf() is the range’s last session', () => {
  expect(newestOf(periodOf('daily', '2024-09-01..2024-09-15', '2024-09-16T13:00:00Z'), XNYS)).toBe(day('2024-09-13'))
  expect(newestOf(periodOf('daily', '2024-09-14..2024-09-15', '2024-09-16T13:00:00Z'), XNYS)).toBeUndefined()
})

const late = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, { through: day('2024-09-12'), lateWarning: 'late', counts: counted({ no_data: 1 }), ...changes })

const without = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, { errors: [failure('no-data')], counts: counted({ failed: 5 }), ...changes })

describe('judgeNewest()', () => {
  const judge = (outcomes: readonly SymbolOutcome[], changes: Partial<Judging> = {}) =>
    judgeNewest(outcomes, { newest: NEWEST, lastSession: NEWEST, mode: 'daily', ...changes })
  const five = ['A', 'B', 'C', 'D', 'E']

  test('when none of five has the day it is one error of the run', () => {
    const { error, outcomes } = judge(five.map((symbol) => late(symbol)))
    expect(error).toMatchObject({ kind: 'session-absent', scope: 'run' })
    expect(error?.message).toBe(
      'FMP has no bars for 2024-09-13 yet, or the market was closed: none of 5 symbols has that session',
    )
    expect(error?.hint).toBe('Run again later; older sessions were stored as usual.')
    expect(outcomes.map(({ lateWarning }) => lateWarning)).toEqual(five.map(() => undefined))
  })

  test('in a backfill asks for the next session or force: its year files remember what was asked', () => {
    const { error } = judge(
      five.map((symbol) => late(symbol)),
      { mode: 'backfill' },
    )
    expect(error?.hint).toBe('The next session brings it, or --force; older sessions were stored as usual.')
  })

  test('says that the bars are there and wait for their adjusted close, when one of them does', () => {
    const waiting = [late('A', { withheldThrough: NEWEST }), ...five.slice(1).map((symbol) => late(symbol))]
    const { error } = judge(waiting)
    expect(error).toMatchObject({ kind: 'session-absent', scope: 'run' })
    expect(error?.message).toBe('FMP has no adjusted close for 2024-09-13 yet: none of 5 symbols has that session')
    const older = five.map((symbol) => late(symbol, { withheldThrough: day('2024-09-12') }))
    expect(judge(older).error?.message).toContain('no bars for 2024-09-13 yet')
  })

  test('in place of the symbols’ own errors, whose sessions have no data', () => {
    const { error, outcomes } = judge(five.map((symbol) => without(symbol)))
    expect(error).toBeDefined()
    for (const { errors, counts } of outcomes) {
      expect(errors).toEqual([])
      expect(counts).toEqual(counted({ no_data: 5 }))
    }
  })

  test('of which the error of a file that is not ours stays, with its sessions', () => {
    const settled = counted({ failed: 250, already_stored: 3 })
    const errors = [failure('foreign-file'), failure('no-data')]
    const mixed = without('F', { errors, settled, counts: counted({ failed: 255, already_stored: 3 }) })
    const { outcomes } = judge([...five.map((symbol) => without(symbol)), mixed])
    const judged = outcomes.at(-1)
    expect(judged?.errors.map(({ kind }) => kind)).toEqual(['foreign-file'])
    expect(judged?.counts).toEqual(counted({ failed: 250, already_stored: 3, no_data: 5 }))
  })

  test.each([
    ['one of them has it', [...five.slice(1).map((symbol) => late(symbol)), late('A', { through: NEWEST })]],
    ['one that was skipped has it', [...five.map((symbol) => late(symbol)), outcomeOf('F', { through: NEWEST })]],
    ['one has a later day', [...five.map((symbol) => late(symbol)), outcomeOf('F', { through: day('2024-09-16') })]],
    ['there are four', five.slice(1).map((symbol) => late(symbol))],
    [
      'four have answered',
      [...five.slice(1).map((symbol) => late(symbol)), late('A', { errors: [failure('server')] })],
    ],
    ['four were reached', [...five.slice(1).map((symbol) => late(symbol)), late('A', { isFinished: false })]],
    ['there are none', []],
  ])('but not when %s', (_, outcomes) => {
    expect(judge(outcomes)).toEqual({ outcomes, error: undefined })
  })

  test('nor when the range ends before the last session, or there is none', () => {
    const outcomes = five.map((symbol) => without(symbol))
    expect(judge(outcomes, { newest: day('2024-09-12') }).error).toBeUndefined()
    expect(judge(outcomes, { newest: undefined }).error).toBeUndefined()
    expect(judge(outcomes, { newest: day('2024-09-16') }).error).toBeDefined()
  })
})

const metrics = (errors: number, runErrors: number) =>
  ({ errors, run_errors: Array.from({ length: runErrors }, () => 'x') }) as unknown as Metrics

test.each([
  ['none of its own', 'place', false, 3],
  ['metrics that failed', undefined, false, 4],
  ['rejected rows that are lost', 'place', true, 4],
] as const)('errorsIn() a run are those of its metrics, and %s', (_, metricsPlace, isRejectsFileLost, expected) => {
  const ending = { metrics: metrics(2, 1), stoppedBy: undefined, metricsPlace, newest: NEWEST, isRejectsFileLost }
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
  test.each(table)('%s', (...[, errors, runErrors, kind, metricsPlace, expected]) => {
    const stoppedBy = kind === undefined ? undefined : failure(kind)
    const ending = { metrics: metrics(errors, runErrors), stoppedBy, metricsPlace, newest: NEWEST }
    expect(exitCodeOf({ ...ending, isRejectsFileLost: false })).toBe(expected)
    // As metrics that failed.
    expect(exitCodeOf({ ...ending, isRejectsFileLost: true })).toBe(1)
  })
})
