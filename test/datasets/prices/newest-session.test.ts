import { describe, expect, test } from 'bun:test'
import { IngestError, type ErrorKind } from '../../../lib/core/errors.ts'
import { ZERO_COUNTS, type Counts, type SymbolOutcome } from '../../../lib/core/outcome.ts'
import { judgeNewestSession, type NewestSessionContext } from '../../../lib/datasets/prices/newest-session.ts'
import { day, outcomeOf } from '../../support/values.ts'

const NEWEST = day('2024-09-13')
const counted = (counts: Partial<Counts>): Counts => ({ ...ZERO_COUNTS, ...counts })
const failure = (kind: ErrorKind) => new IngestError(kind, { kind, scope: kind === 'no-data' ? 'symbol' : 'run' })

const late = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, { through: day('2024-09-12'), lateWarning: 'late', counts: counted({ no_data: 1 }), ...changes })

const without = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, { errors: [failure('no-data')], counts: counted({ failed: 5 }), ...changes })

describe('judgeNewestSession()', () => {
  const judge = (outcomes: readonly SymbolOutcome[], changes: Partial<NewestSessionContext> = {}) =>
    judgeNewestSession(outcomes, { newest: NEWEST, lastSession: NEWEST, mode: 'daily', ...changes })
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
    const surveyedCounts = counted({ failed: 250, already_stored: 3 })
    const errors = [failure('foreign-file'), failure('no-data')]
    const mixed = without('F', { errors, surveyedCounts, counts: counted({ failed: 255, already_stored: 3 }) })
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
    expect(judge(outcomes)).toMatchObject({ outcomes, error: undefined })
  })

  test('nor when the range ends before the last session, or there is none', () => {
    const outcomes = five.map((symbol) => without(symbol))
    expect(judge(outcomes, { newest: day('2024-09-12') }).error).toBeUndefined()
    expect(judge(outcomes, { newest: undefined }).error).toBeUndefined()
    expect(judge(outcomes, { newest: day('2024-09-16') }).error).toBeDefined()
  })

  test('tells how many have it, and which lack it', () => {
    const outcomes = [late('A'), outcomeOf('B', { through: NEWEST }), without('C')]
    expect(judge(outcomes).freshness).toMatchObject({
      newest: NEWEST,
      symbols: 3,
      late: [{ symbol: 'A', through: '2024-09-12' }, { symbol: 'C' }],
    })
    expect(judge(outcomes, { newest: undefined }).freshness).toBeUndefined()
  })
})
