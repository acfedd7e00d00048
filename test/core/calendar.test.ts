import { describe, expect, test } from 'bun:test'

import { finishedMs, lastFinishedSession, XNYS } from '../../lib/core/calendar.ts'
import {
  addDays,
  dateOf,
  dateOfDay,
  dayNumber,
  newYorkClock,
  parseIsoDate,
  wholeYear,
  yearOf,
} from '../../lib/core/dates.ts'
import type { IsoDate } from '../../lib/core/dates.ts'
import fixture from '../fixtures/xnys-sessions.json'
import { errorOf } from '../support/values.ts'

const FIRST = day('1990-01-01')
const LAST = day('2035-12-31')
const ALL = XNYS.sessions({ from: FIRST, to: LAST })

const at = (instant: string): number => Date.parse(instant)

/** A date of the tables below; a misspelt one fails the test. */
function day(text: string): IsoDate {
  const date = parseIsoDate(text)
  if (date === undefined) throw new Error(`${text} is no date`)
  return date
}

/** Every day of the calendar's years, and whether two independent libraries call it a session. */
function* judgedDays(): Generator<{ date: IsoDate; isSession: boolean }> {
  const closures = new Set(fixture.closures)
  for (let number = dayNumber(FIRST); number <= dayNumber(LAST); number++) {
    const date = dateOfDay(number)
    const weekday = new Date(date).getUTCDay()
    yield { date, isSession: weekday >= 1 && weekday <= 5 && !closures.has(date) }
  }
}

describe('the sessions of XNYS', () => {
  test('are the fixture’s, day by day', () => {
    const wrong = [...judgedDays()].filter(({ date, isSession }) => XNYS.isSession(date) !== isSession)
    expect(wrong).toEqual([])
  })

  test('listed, are the same as asked one by one, ascending', () => {
    expect(ALL).toEqual([...judgedDays()].filter(({ isSession }) => isSession).map(({ date }) => date))
    expect(ALL.length).toBe(fixture.sessions)
  })

  test('are as many in each year as the fixture counts', () => {
    const years = Object.keys(fixture.sessionsPerYear)
    const counts = years.map((year) => [year, XNYS.sessions(wholeYear(Number(year))).length])
    expect(years.length).toBe(46)
    expect(Object.fromEntries(counts)).toEqual(fixture.sessionsPerYear)
  })

  test.each([
    ['1994-04-27', false, 'a day of mourning'],
    ['1997-01-20', true, 'King’s day, a year before it was kept'],
    ['1998-01-19', false, 'King’s day, the first year'],
    ['2001-09-10', true, 'the day before'],
    ['2001-09-14', false, 'the fourth day closed'],
    ['2001-09-17', true, 'open again'],
    ['2004-12-31', true, 'no Friday off before a New Year on a Saturday'],
    ['2021-12-31', true, 'the same'],
    ['2023-01-02', false, 'the Monday after a New Year on a Sunday'],
    ['2020-04-10', false, 'Good Friday'],
    ['2020-04-13', true, 'Easter Monday'],
    ['2021-06-18', true, 'Juneteenth, a year before it was kept'],
    ['2022-06-20', false, 'Juneteenth on a Sunday'],
    ['2026-07-03', false, 'Independence Day on a Saturday'],
    ['2027-12-24', false, 'Christmas on a Saturday'],
    ['2024-10-14', true, 'Columbus Day is not kept'],
    ['2024-11-11', true, 'nor Veterans Day'],
    ['2024-11-29', true, 'an early close is a session'],
    ['2025-01-09', false, 'a day of mourning'],
    ['2024-06-15', false, 'a Saturday'],
  ])('%s: %p, %s', (date, isSession) => {
    expect(XNYS.isSession(day(date))).toBe(isSession)
  })
})

describe('ranges and steps', () => {
  test.each([
    ['2024-09-14', '2024-09-15', []],
    ['2024-09-13', '2024-09-16', ['2024-09-13', '2024-09-16']],
    ['2024-09-14', '2024-09-17', ['2024-09-16', '2024-09-17']],
    ['2024-09-16', '2024-09-16', ['2024-09-16']],
    ['2024-09-17', '2024-09-16', []],
    ['2024-09-20', '2024-09-02', []],
    ['1990-01-01', '1990-01-03', ['1990-01-02', '1990-01-03']],
    ['2035-12-29', '2035-12-31', ['2035-12-31']],
  ])('sessions from %s to %s', (from, to, expected) => {
    expect(XNYS.sessions({ from: day(from), to: day(to) })).toEqual(expected.map(day))
  })

  test.each([
    ['2024-09-16', '2024-09-13'],
    ['2024-09-15', '2024-09-13'],
    ['2024-09-14', '2024-09-13'],
    ['2001-09-17', '2001-09-10'],
    ['2024-01-02', '2023-12-29'],
    ['1990-01-03', '1990-01-02'],
  ])('the last session before %s is %s', (date, expected) => {
    expect(XNYS.lastSessionBefore(day(date))).toBe(day(expected))
  })

  test.each([
    ['2024-09-16', 1, '2024-09-16'],
    ['2024-09-16', 2, '2024-09-13'],
    ['2024-09-16', 5, '2024-09-10'],
    ['2001-09-17', 2, '2001-09-10'],
    ['2024-09-15', 2, '2024-09-12'],
    ['1990-01-04', 3, '1990-01-02'],
    ['1990-01-04', 250, '1990-01-02'],
  ])('a stretch up to %s of %d sessions begins at %s', (date, count, expected) => {
    expect(XNYS.sessionsBack(day(date), count)).toBe(day(expected))
  })

  test.each([
    ['2024-09-13', 1, '2024-09-16'],
    ['2024-09-14', 1, '2024-09-16'],
    ['2024-09-16', 5, '2024-09-23'],
    ['2001-09-10', 1, '2001-09-17'],
    ['2023-12-29', 5, '2024-01-08'],
    ['2035-12-28', 1, '2035-12-31'],
    ['2035-12-28', 2, undefined],
    ['2035-12-31', 5, undefined],
  ])('after %s, number %d is %p', (date, n, expected) => {
    expect(XNYS.nthSessionAfter(day(date), n)).toBe(expected === undefined ? undefined : day(expected))
  })

  test('steps agree with the list, from every session', () => {
    for (const [index, session] of ALL.entries()) {
      if (index > 0) expect(ALL[index - 1]).toBe(XNYS.lastSessionBefore(session))
      expect(ALL[Math.max(0, index - 4)]).toBe(XNYS.sessionsBack(session, 5))
      expect(XNYS.nthSessionAfter(session, 5)).toBe(ALL[index + 5])
      expect(XNYS.sessions({ from: XNYS.sessionsBack(session, 5), to: session }).length).toBe(Math.min(5, index + 1))
    }
  })
})

describe('outside the years 1990 to 2035', () => {
  const early = day('1989-12-29')
  const late = day('2036-01-01')
  const good = day('2024-09-16')

  test.each([
    ['isSession', () => XNYS.isSession(early)],
    ['isSession, late', () => XNYS.isSession(late)],
    ['sessions, from', () => XNYS.sessions({ from: early, to: good })],
    ['sessions, to', () => XNYS.sessions({ from: good, to: late })],
    ['lastSessionBefore', () => XNYS.lastSessionBefore(late)],
    ['lastSessionBefore, none there', () => XNYS.lastSessionBefore(FIRST)],
    ['lastSessionBefore, none either', () => XNYS.lastSessionBefore(day('1990-01-02'))],
    ['sessionsBack', () => XNYS.sessionsBack(late, 5)],
    ['nthSessionAfter', () => XNYS.nthSessionAfter(early, 1)],
    ['lastFinishedSession', () => lastFinishedSession(XNYS, at('2036-01-02T12:00:00Z'))],
  ])('%s says what is covered', (_, run) => {
    const error = errorOf(run)
    expect(error.kind).toBe('usage')
    expect(error.message).toMatch(/^(No session .*)?\d{4}-\d\d-\d\d is .* XNYS, which covers 1990 to 2035\.$/)
  })
})

describe('the last finished session', () => {
  test.each([
    // 18:30 in New York is 23:30 UTC in winter and 22:30 in summer, which began on Sunday 2024-03-10.
    ['2024-03-08T23:29:59.999Z', '2024-03-07'],
    ['2024-03-08T23:30:00Z', '2024-03-08'],
    ['2024-03-10T12:00:00Z', '2024-03-08'],
    ['2024-03-11T22:29:59.999Z', '2024-03-08'],
    ['2024-03-11T22:30:00Z', '2024-03-11'],
    // Summer ended on Sunday 2024-11-03.
    ['2024-11-01T22:29:59.999Z', '2024-10-31'],
    ['2024-11-01T22:30:00Z', '2024-11-01'],
    ['2024-11-04T22:30:00Z', '2024-11-01'],
    ['2024-11-04T23:29:59.999Z', '2024-11-01'],
    ['2024-11-04T23:30:00Z', '2024-11-04'],
    // The hour that comes twice, and the one that never does.
    ['2024-11-03T05:30:00Z', '2024-11-01'],
    ['2024-11-03T06:30:00Z', '2024-11-01'],
    ['2024-03-10T07:00:00Z', '2024-03-08'],
    // UTC is in the next day while New York is in the evening of this one.
    ['2024-11-05T00:00:00Z', '2024-11-04'],
    ['2024-11-05T04:59:59Z', '2024-11-04'],
    ['2024-11-05T05:00:00Z', '2024-11-04'],
    ['2024-07-10T00:00:00Z', '2024-07-09'],
    ['2024-07-10T03:59:59Z', '2024-07-09'],
    // The wait after an early close is not shorter: 2024-11-29 ended at 13:00.
    ['2024-11-29T19:00:00Z', '2024-11-27'],
    ['2024-11-29T23:29:00Z', '2024-11-27'],
    ['2024-11-29T23:30:00Z', '2024-11-29'],
    // Weekend, holiday, mourning, the turn of the year.
    ['2024-09-15T23:59:00Z', '2024-09-13'],
    ['2024-07-05T00:00:00Z', '2024-07-03'],
    ['2025-01-09T23:59:00Z', '2025-01-08'],
    ['2024-01-01T23:59:00Z', '2023-12-29'],
    ['2035-12-31T23:30:00Z', '2035-12-31'],
  ])('at %s is %s', (instant, expected) => {
    expect(lastFinishedSession(XNYS, at(instant))).toBe(day(expected))
  })

  test('is never today’s before 18:30, never older than the last session before today, whatever the minute', () => {
    const start = at('2024-02-26T00:00:00Z')
    for (let ms = start; ms < start + 300 * 86_400_000; ms += 7 * 60_000) {
      const { date, minutes } = newYorkClock(ms)
      const isDone = XNYS.isSession(date) && minutes >= 18 * 60 + 30
      expect(lastFinishedSession(XNYS, ms)).toBe(isDone ? date : XNYS.lastSessionBefore(date))
    }
  })
})

/** A linear congruential generator: the same seed, the same runs. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** What each nightly run calls "the last session before today": one entry a run, at 23:00 UTC, Monday to Friday. */
const NIGHTS: readonly IsoDate[] = (() => {
  const nights: IsoDate[] = []
  // The calendar's first session, 1990-01-02, is first "yesterday" on the 3rd.
  for (let date = day('1990-01-03'); date <= LAST; date = addDays(date, 1)) {
    const weekday = new Date(date).getUTCDay()
    if (weekday === 0 || weekday === 6) continue
    nights.push(XNYS.lastSessionBefore(newYorkClock(at(`${date}T23:00:00Z`)).date))
  }
  return nights
})()

/** The sessions that a series of nights stores, each the last 5 and, where told, back to the newest one stored. */
function storedBy(nights: readonly IsoDate[], { reachesBack }: { reachesBack: boolean }): ReadonlySet<IsoDate> {
  const stored = new Set<IsoDate>()
  let newest: IsoDate | undefined
  for (const to of nights) {
    const fifthLast = XNYS.sessionsBack(to, 5)
    const from = reachesBack && newest !== undefined && newest < fifthLast ? newest : fifthLast
    for (const session of XNYS.sessions({ from, to })) stored.add(session)
    newest = to
  }
  return stored
}

function missedBy(nights: readonly IsoDate[], options: { reachesBack: boolean }): readonly IsoDate[] {
  const stored = storedBy(nights, options)
  const from = XNYS.sessionsBack(nights[0] ?? FIRST, 5)
  return XNYS.sessions({ from, to: nights.at(-1) ?? LAST }).filter((session) => !stored.has(session))
}

describe('a cron at 23:00 UTC, Monday to Friday', () => {
  test('misses no session in 46 years', () => {
    expect(NIGHTS.length).toBeGreaterThan(11_900)
    expect(NIGHTS.at(-1)).toBe(day('2035-12-28'))
    expect(missedBy(NIGHTS, { reachesBack: true })).toEqual([])
    expect(storedBy(NIGHTS, { reachesBack: true }).size).toBe(ALL.length - 1)
  })

  test('misses none with the last five sessions alone, as long as it runs', () => {
    expect(missedBy(NIGHTS, { reachesBack: false })).toEqual([])
  })

  test('misses none when any one week or month of runs is skipped, wherever it lies', () => {
    const seed = Number(Bun.env['TEST_SEED'] ?? Date.now() % 1_000_000)
    console.log(`calendar: seed ${seed} (TEST_SEED=${seed} repeats it)`)
    const random = seededRandom(seed)
    for (let round = 0; round < 500; round++) {
      const skipped = random() < 0.5 ? 5 : 23
      const before = 1 + Math.floor(random() * (NIGHTS.length - skipped - 30))
      const start = Math.max(0, before - 10)
      const nights = [...NIGHTS.slice(start, before), ...NIGHTS.slice(before + skipped, before + skipped + 10)]
      expect({ seed, before, skipped, missed: missedBy(nights, { reachesBack: true }) }).toEqual({
        seed,
        before,
        skipped,
        missed: [],
      })
    }
  })

  test('would miss a skipped month without the reach', () => {
    const nights = [...NIGHTS.slice(5000, 5010), ...NIGHTS.slice(5033, 5040)]
    expect(missedBy(nights, { reachesBack: false }).length).toBeGreaterThan(10)
  })

  test('heals each whole calendar month and week of silence', () => {
    for (const dates of [monthsOfSilence(), weeksOfSilence()].flat()) {
      const first = NIGHTS.findLastIndex((night) => night < dates.from)
      const next = NIGHTS.findIndex((night) => night >= dates.to)
      if (first < 0 || next < 0) continue
      const nights = [...NIGHTS.slice(Math.max(0, first - 2), first + 1), ...NIGHTS.slice(next, next + 2)]
      expect({ ...dates, missed: missedBy(nights, { reachesBack: true }) }).toEqual({ ...dates, missed: [] })
    }
  })
})

type Silence = { from: IsoDate; to: IsoDate }

function monthsOfSilence(): Silence[] {
  const months = Array.from({ length: 46 * 12 }, (_, index) => dateOf(1990, index + 1, 1))
  return months.map((from, index) => ({ from, to: dateOf(1990, index + 2, 1) })).filter(({ to }) => yearOf(to) <= 2035)
}

function weeksOfSilence(): Silence[] {
  const mondays = Array.from({ length: 46 * 52 }, (_, index) => addDays(day('1990-01-08'), index * 7))
  return mondays.map((from) => ({ from, to: addDays(from, 7) })).filter(({ to }) => to <= LAST)
}

test('a session is the last finished one from its own instant on, in summer and in winter', () => {
  for (const session of XNYS.sessions({ from: day('2024-01-02'), to: day('2024-12-31') })) {
    expect(lastFinishedSession(XNYS, finishedMs(session))).toBe(session)
    expect(lastFinishedSession(XNYS, finishedMs(session) - 1)).toBe(XNYS.lastSessionBefore(session))
  }
})
