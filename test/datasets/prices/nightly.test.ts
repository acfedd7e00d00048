// What a run without dates fetches of one symbol: the lookback, holes, and what year files hold.

import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { DateRange, IsoDate } from '../../../lib/core/dates.ts'
import { planNight, type Night } from '../../../lib/datasets/prices/nightly.ts'
import type { StoredSessions } from '../../../lib/datasets/prices/survey.ts'
import { newestIn, type StoredYear } from '../../../lib/datasets/prices/year-files.ts'
import { forRandomCases, wholeBetween } from '../../support/random.ts'
import { day, footerOf, span, storedFile, storedSessions } from '../../support/values.ts'

/** The reach of a run on Monday 2024-09-16: 250 sessions. */
const REACH = span('2023-09-18..2024-09-13')
const sessionsOf = (dates: string): readonly IsoDate[] => XNYS.sessions(span(dates))

type Held = {
  /** Day files: stretches of sessions. */
  readonly days?: readonly string[]
  /** A year file: the span of its rows, what it was asked for, and sessions without a row. */
  readonly year?: { readonly rows: string; readonly asked?: string; readonly gaps?: readonly string[] }
  readonly unreadYears?: readonly number[]
}

function held({ days = [], year, unreadYears = [] }: Held): StoredSessions {
  const all = days.flatMap((dates) => sessionsOf(dates))
  const inReach = all.filter((date) => date >= REACH.from)
  const footer = year && footerOf(year.rows, year.asked === undefined ? {} : { asked: span(year.asked) })
  const years = new Map<number, StoredYear>(footer && [[2024, { file: storedFile('key'), footer }]])
  const heldInYears = year === undefined ? [] : [{ span: span(year.rows), gaps: new Set((year.gaps ?? []).map(day)) }]
  const newest = [...inReach, newestIn(years) ?? []].flat().toSorted().at(-1)
  const earlierDays = all.filter((date) => date < REACH.from).toSorted()
  return storedSessions('SYM', {
    days: new Set(inReach),
    earlierDays,
    years,
    heldInYears,
    unreadYears,
    newest: newest !== undefined && newest >= REACH.from ? newest : undefined,
  })
}

function night(stored: StoredSessions, lookback = 5, isForced = false): Night {
  const lookbackFrom = XNYS.sessionsBack(REACH.to, lookback)
  return planNight(stored, { calendar: XNYS, range: REACH, lookbackFrom, isForced })
}

const texts = (dates: readonly IsoDate[]): string =>
  dates.length > 2 ? `${dates[0]}..${dates.at(-1)} (${dates.length})` : dates.join(' ')
const text = (range: DateRange | undefined): string => (range === undefined ? '' : `${range.from}..${range.to}`)

describe('a night', () => {
  test.each<[string, Held, string, string, string]>([
    ['of a symbol with nothing stored', {}, '2024-09-13', '', ''],
    ['after the first one', { days: ['2024-09-12..2024-09-12'] }, '2024-09-13', '', ''],
    ['again after the first one', { days: ['2024-09-13..2024-09-13'] }, '', '', ''],
    [
      'with a hole in the lookback',
      { days: ['2024-09-03..2024-09-09', '2024-09-12..2024-09-13'] },
      '2024-09-10 2024-09-11',
      '',
      '',
    ],
    ['after a backfill with nothing new', { year: { rows: '2024-01-02..2024-09-13' } }, '', '', ''],
    ['after a backfill, one session later', { year: { rows: '2024-01-02..2024-09-12' } }, '2024-09-13', '', ''],
    ['after a backfill long ago', { year: { rows: '2024-01-02..2024-06-28' } }, '2024-07-01..2024-09-13 (53)', '', ''],
    [
      'after a backfill and day files',
      { year: { rows: '2024-01-02..2024-09-09' }, days: ['2024-09-10..2024-09-13'] },
      '',
      '',
      '',
    ],
    [
      'of a year file with a gap in the lookback',
      { year: { rows: '2024-01-02..2024-09-13', gaps: ['2024-09-11'] } },
      '2024-09-11',
      '',
      '',
    ],
    [
      'of a year file with an older gap',
      { year: { rows: '2024-01-02..2024-09-13', gaps: ['2024-08-01'] } },
      '',
      '',
      '',
    ],
    [
      'of a year file with a long older gap',
      { year: { rows: '2024-01-02..2024-09-13', gaps: sessionsOf('2024-05-01..2024-06-28') } },
      '',
      '',
      '',
    ],
    [
      'with a hole of more than the lookback',
      { days: ['2024-07-01..2024-07-31', '2024-08-15..2024-09-13'] },
      '2024-08-01..2024-08-14 (10)',
      '',
      '',
    ],
    [
      'with a hole of six sessions',
      { days: ['2024-07-01..2024-07-31', '2024-08-09..2024-09-13'] },
      '2024-08-01..2024-08-08 (6)',
      '',
      '',
    ],
    ['with a hole of five sessions', { days: ['2024-07-01..2024-07-31', '2024-08-08..2024-09-13'] }, '', '', ''],
    [
      'with a short hole and a new session',
      { days: ['2024-07-01..2024-07-31', '2024-08-08..2024-09-12'] },
      '2024-09-13',
      '2024-08-01..2024-08-07 (5)',
      '',
    ],
    [
      'with a hole between a year file and day files',
      { year: { rows: '2024-01-02..2024-07-31' }, days: ['2024-08-15..2024-09-13'] },
      '2024-08-01..2024-08-14 (10)',
      '',
      '',
    ],
    [
      'with a hole that the year file was asked for',
      { year: { rows: '2024-01-02..2024-07-31', asked: '2024-01-01..2024-08-14' }, days: ['2024-08-15..2024-09-13'] },
      '',
      '',
      '',
    ],
    [
      'with a hole in a year whose file was not read',
      { days: ['2023-10-02..2023-10-31', '2024-01-02..2024-09-13'], unreadYears: [2023] },
      '',
      '',
      '',
    ],
    [
      'with a hole beyond the reach',
      { days: ['2023-01-03..2023-03-31', '2023-06-01..2024-09-13'] },
      '',
      '',
      '2023-04-03..2023-05-31',
    ],
    [
      'with a hole that begins beyond the reach',
      { days: ['2023-01-03..2023-07-31', '2023-10-02..2024-09-13'] },
      '2023-09-18..2023-09-29 (10)',
      '',
      '2023-08-01..2023-09-15',
    ],
    ['with nothing stored in the reach', { days: ['2023-01-03..2023-07-31'] }, '2024-09-13', '', ''],
  ])('%s', (...[, stored, toFetch, extra, beyond]) => {
    const planned = night(held(stored))
    expect([texts(planned.toFetch), texts(planned.extra), text(planned.holeBeyond)]).toEqual([toFetch, extra, beyond])
  })

  test('never reaches before the first stored session, however long the lookback is', () => {
    for (const lookback of [1, 5, 30, 250]) {
      expect(texts(night(held({ days: ['2024-09-12..2024-09-13'] }), lookback).toFetch)).toBe('')
      expect(texts(night(held({ year: { rows: '2024-09-03..2024-09-13' } }), lookback).toFetch)).toBe('')
    }
  })

  test('with --force fetches the whole lookback, whatever holds it', () => {
    for (const stored of [{ days: ['2024-08-01..2024-09-13'] }, { year: { rows: '2024-01-02..2024-09-13' } }]) {
      expect(texts(night(held(stored), 5, true).toFetch)).toBe('2024-09-09..2024-09-13 (5)')
    }
  })

  test('leaves nothing for a second run on the same day, whatever is stored', () => {
    forRandomCases('nights', 300, (random) => {
      const all = sessionsOf('2023-01-03..2024-09-13')
      const stretches = Array.from({ length: wholeBetween(random, 1, 4) }, () => {
        const from = all[wholeBetween(random, 0, all.length - 1)] ?? REACH.to
        return `${from}..${all[Math.min(all.length - 1, all.indexOf(from) + wholeBetween(random, 0, 120))]}`
      })
      const lookback = wholeBetween(random, 1, 30)
      const stored = held({ days: stretches })
      const first = night(stored, lookback)
      const dates = [...stored.earlierDays, ...stored.days, ...first.toFetch, ...first.extra]
      const again = night(held({ days: dates.map((date) => `${date}..${date}`) }), lookback)
      // A symbol that comes back after the reach is filled up in the next night.
      if (stored.newest !== undefined) expect(again.toFetch).toEqual([])
      // Whatever is left of a killed run is known to the next one, if there was a new session.
      const written = first.toFetch.slice(0, wholeBetween(random, 0, first.toFetch.length))
      const left = [...stored.earlierDays, ...stored.days, ...written]
      const rerun = night(held({ days: left.map((date) => `${date}..${date}`) }), lookback)
      if (stored.newest === undefined || first.toFetch.at(-1) !== REACH.to) return
      const asked = new Set([...rerun.toFetch, ...rerun.extra])
      expect(first.toFetch.filter((date) => !written.includes(date) && !asked.has(date))).toEqual([])
    })
  })
})
