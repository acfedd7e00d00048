// The nightly job over the calendar's whole life: the real period and the real plan of every night, over a lake in which
// every planned file gets written.
import { describe, expect, test } from 'bun:test'
import { XNYS } from '../lib/calendar.ts'
import { addDays, dateOf, LAST_YEAR, type DateRange, type IsoDate } from '../lib/dates.ts'
import { resolvePeriod } from '../lib/period.ts'
import { planRun, type SymbolPlan } from '../lib/plan.ts'
import { askedDates, at, day, prices } from './support/samples.ts'

const PRICES = prices()

/** The evenings of the cron: 23:00 UTC, Monday to Friday, holidays too; in winter the day's session is not finished. */
const NIGHTS: readonly IsoDate[] = (() => {
  const nights: IsoDate[] = []
  for (let date = day('1990-01-03'); date <= dateOf(LAST_YEAR, 12, 31); date = addDays(date, 1)) {
    const weekday = new Date(date).getUTCDay()
    if (weekday !== 0 && weekday !== 6) nights.push(date)
  }
  return nights
})()

/** The sessions with a day file, oldest first. */
type Lake = IsoDate[]

/** What the survey would hand over: the files within the range, so a symbol silent for longer looks like a new one. */
function planNight(night: IsoDate, lake: Lake): SymbolPlan {
  const period = resolvePeriod(askedDates(), XNYS, at(`${night}T23:00:00Z`))
  const from = period.range?.from ?? night
  const held = lake.slice(firstFrom(lake, from))
  const days = new Set(held)
  const holdings = [{ symbol: 'SYM', days, years: new Map(), newest: held.at(-1) }]
  const [plan] = planRun(holdings, { dataset: PRICES, calendar: XNYS, mode: 'daily', period, isForced: false })
  if (plan === undefined) throw new Error('There is no plan')
  return plan
}

function firstFrom(lake: Lake, from: IsoDate): number {
  let index = lake.length
  while (index > 0 && (lake[index - 1] ?? '') >= from) index -= 1
  return index
}

function runNights(nights: readonly IsoDate[], lake: Lake): number {
  let calls = 0
  for (const night of nights) {
    const plan = planNight(night, lake)
    calls += plan.calls
    const written = plan.files.flatMap(({ sessions }) => sessions).toReversed()
    const isBehind = (written[0] ?? '9') < (lake.at(-1) ?? '')
    lake.push(...written)
    if (isBehind) lake.sort()
  }
  return calls
}

function missing(lake: Lake, range: DateRange): readonly IsoDate[] {
  const stored = new Set(lake)
  return XNYS.sessions(range).filter((session) => !stored.has(session))
}

describe('the nightly job', () => {
  test('stores every session of 46 years, each once, in two calls a session', () => {
    const lake: Lake = []
    const calls = runNights(NIGHTS, lake)
    // The last night's "yesterday" is 2035-12-28: Monday's session belongs to the run of the year after.
    const all = { from: day('1990-01-02'), to: day('2035-12-28') }
    expect(missing(lake, all)).toEqual([])
    expect(new Set(lake).size).toBe(lake.length)
    expect(lake.length).toBe(XNYS.sessions(all).length)
    expect(calls).toBe(2 * lake.length)
  })

  test('misses nothing when any one month of nights is left out', () => {
    const silences = Array.from({ length: 46 * 12 - 1 }, (_, month) => ({
      from: dateOf(1990, month + 1, 1),
      to: addDays(dateOf(1990, month + 2, 1), -1),
    }))
    expect(silences.flatMap((silence) => missedAfter(silence))).toEqual([])
  })

  test('misses nothing when any one week of nights is left out', () => {
    const silences = Array.from({ length: 46 * 52 }, (_, week) => {
      const monday = addDays(day('1990-01-08'), 7 * week)
      return { from: monday, to: addDays(monday, 6) }
    })
    expect(silences.flatMap((silence) => missedAfter(silence))).toEqual([])
  })

  test('misses nothing when any one night is left out, nor when only every fourth one runs', () => {
    expect(NIGHTS.flatMap((night, index) => (index % 7 === 0 ? missedAfter({ from: night, to: night }) : []))).toEqual(
      [],
    )
    const lake: Lake = []
    runNights(NIGHTS.filter((_, index) => index % 4 === 0).slice(0, 1_000), lake)
    expect(missing(lake, { from: lake[0] ?? day('1990-01-02'), to: lake.at(-1) ?? day('1990-01-02') })).toEqual([])
  })

  test('heals a silence of 249 sessions, and after a longer one begins anew without a word of the past', () => {
    expect(silentFor(249)).toEqual([])
    expect(silentFor(250)).toHaveLength(249)
  })
})

const silentFor = (sessions: number): readonly IsoDate[] => {
  const lake: Lake = [day('2023-01-03')]
  const newest = XNYS.nthSessionAfter(day('2023-01-03'), sessions)
  const night = XNYS.nthSessionAfter(day('2023-01-03'), sessions + 1)
  if (newest === undefined || night === undefined) throw new Error('The calendar ends')
  runNights([night], lake)
  return missing(lake, { from: day('2023-01-03'), to: newest })
}

/** Sessions that stay away when the nights of a silence are left out, after one night before it and one after it. */
function missedAfter(silence: DateRange): readonly IsoDate[] {
  const before = NIGHTS[firstFromNight(silence.from) - 1]
  const after = NIGHTS[firstFromNight(addDays(silence.to, 1))]
  // Nobody runs before the first night or after the last one.
  if (before === undefined || after === undefined) return []
  const lake: Lake = []
  runNights([before, after], lake)
  return missing(lake, { from: XNYS.lastSessionBefore(before), to: XNYS.lastSessionBefore(after) })
}

function firstFromNight(date: IsoDate): number {
  let low = 0
  let high = NIGHTS.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((NIGHTS[middle] ?? date) < date) low = middle + 1
    else high = middle
  }
  return low
}
