import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { askedProblem } from '../../../lib/datasets/prices/verify-asked.ts'
import { sessions } from '../../support/bars.ts'
import { at, day, footerOf, span } from '../../support/values.ts'

const YEAR = '2023-01-03..2023-12-29'

type Said = {
  readonly asked?: string
  readonly carried?: readonly string[]
  readonly ingest?: string
  readonly otherYears?: readonly number[]
  readonly from?: string
}

function problemOf({
  asked = '2023-01-01..2023-12-31',
  carried = [],
  ingest = '2024-09-17T13:00:00Z',
  otherYears = [2022, 2024],
  from,
}: Said) {
  const footer = footerOf(YEAR, { asked: span(asked), carried: carried.map(span), ingestMs: at(ingest) })
  const dates = new Set(sessions('2023-01-03', '2023-12-29').map(day))
  const run = { version: '1.2.3', backfilledFrom: from === undefined ? undefined : day(from) }
  return askedProblem({ year: 2023, footer, dates, otherYears }, run, XNYS)
}

describe('askedProblem()', () => {
  test.each<readonly [string, Said]>([
    ['the own year', {}],
    [
      'empty years before it, which the backfill asked for',
      { asked: '2019-01-01..2023-12-31', otherYears: [2024], from: '2019-01-01' },
    ],
    ['empty years after it', { asked: '2023-01-01..2024-09-16', otherYears: [2022] }],
    [
      'the year up to the last session before the run',
      { asked: '2023-01-01..2023-12-29', ingest: '2024-01-02T13:00:00Z' },
    ],
    ['rows that were carried over', { carried: ['2023-01-03..2023-06-15', '2023-08-01..2023-08-01'] }],
  ])('accepts %s', (_what, said) => expect(problemOf(said)).toBeUndefined())

  test.each<readonly [string, Said, string]>([
    ['a first day that is none of a year', { asked: '2023-01-02..2023-12-31' }, 'not its years'],
    ['a later year', { asked: '2024-01-01..2024-12-31' }, 'not its years'],
    ['an end before its rows', { asked: '2023-01-01..2023-11-30' }, 'not its years'],
    ['an end that no run has', { asked: '2023-01-01..2023-12-30' }, 'no run ends so'],
    ['an end after the run', { asked: '2023-01-01..2033-12-31', otherYears: [] }, 'after the run'],
    ['a year with a file', { asked: '2022-01-01..2023-12-31', from: '2022-01-01' }, '2022 has a file of its own'],
    [
      'years before the run began',
      { asked: '2012-01-01..2023-12-31', otherYears: [], from: '2019-01-01' },
      'began later',
    ],
    ['carried rows that it has not', { carried: ['2023-01-02..2023-06-15'] }, 'carried over'],
    ['carried rows from end to start', { carried: ['2023-06-15..2023-01-03'] }, 'carried over'],
  ])('refuses %s', (_what, said, says) => expect(problemOf(said)).toContain(says))
})
