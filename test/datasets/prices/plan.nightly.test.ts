// The nightly job over the calendar's whole life: the real period and the real plan of every night, over a lake in which
// every planned file gets written.
import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { addDays, dateOf, LAST_YEAR, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import { resolvePeriod } from '../../../lib/core/period.ts'
import { planSessions, type SymbolPlan } from '../../../lib/datasets/prices/plan.ts'
import { forRandomCases } from '../../support/random.ts'
import { askedDates, at, day, prices, storedSessions } from '../../support/values.ts'
import { readWorkflow } from '../../support/workflow.ts'

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
  return planAt(at(`${night}T23:00:00Z`), lake)
}

function planAt(nowMs: number, lake: Lake): SymbolPlan {
  const period = resolvePeriod(askedDates(), XNYS, nowMs)
  const from = period.range?.from ?? period.today
  const held = lake.slice(firstFrom(lake, from))
  const days = new Set(held)
  const holdings = [storedSessions('SYM', { days, newest: held.at(-1) })]
  const [plan] = planSessions(holdings, {
    dataset: PRICES,
    calendar: XNYS,
    mode: 'daily',
    period,
    isForced: false,
    audit: () => false,
  })
  if (plan === undefined) throw new Error('There is no plan')
  return plan
}

function firstFrom(lake: Lake, from: IsoDate): number {
  let index = lake.length
  while (index > 0 && (lake[index - 1] ?? '') >= from) index -= 1
  return index
}

function runNights(nights: readonly IsoDate[], lake: Lake): number {
  return nights.reduce((calls, night) => calls + store(planNight(night, lake), lake), 0)
}

/** Puts the plan's files into the lake. Returns its calls. */
function store(plan: SymbolPlan, lake: Lake): number {
  const written = plan.files.flatMap(({ sessions }) => sessions).toReversed()
  const isBehind = (written[0] ?? '9') < (lake.at(-1) ?? '')
  lake.push(...written)
  if (isBehind) lake.sort()
  return plan.calls
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

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const [morning = '', night = ''] = (await readWorkflow('ingest.yml')).on.schedule?.map(({ cron }) => cron) ?? []

/** The instants of a cron line of the form `minute hour * * day-day`, from 1990-01-03 to the end of 2035. */
function instantsOf(cron: string): readonly number[] {
  const [, minute, hour, first, last] = /^(\d+) (\d+) \* \* (\d)-(\d)$/.exec(cron)?.map(Number) ?? []
  if (minute === undefined || hour === undefined || first === undefined || last === undefined) throw new Error(cron)
  const days = Array.from({ length: 46 * 366 }, (_, index) => Date.UTC(1990, 0, 3) + index * DAY_MS)
  return days
    .filter((ms) => new Date(ms).getUTCFullYear() <= LAST_YEAR)
    .filter((ms) => new Date(ms).getUTCDay() >= first && new Date(ms).getUTCDay() <= last)
    .map((ms) => ms + hour * HOUR_MS + minute * 60_000)
}

type Slot = { readonly ms: number; readonly isMorning: boolean }

const SLOTS: readonly Slot[] = [
  ...instantsOf(morning).map((ms) => ({ ms, isMorning: true })),
  ...instantsOf(night).map((ms) => ({ ms, isMorning: false })),
].toSorted((a, b) => a.ms - b.ms)

function runSlots(slots: readonly Slot[], lake: Lake): { morning: number; night: number } {
  const calls = { morning: 0, night: 0 }
  for (const { ms, isMorning } of slots) calls[isMorning ? 'morning' : 'night'] += store(planAt(ms, lake), lake)
  return calls
}

/** What is wrong with a lake that these slots have filled: sessions twice, or left out. */
function faultsIn(lake: Lake): readonly string[] {
  const twice = lake.filter((session, index) => session === lake[index + 1])
  const [from, to] = [lake[0], lake.at(-1)]
  if (from === undefined || to === undefined) return ['nothing is stored']
  return [...twice.map((date) => `${date} twice`), ...missing(lake, { from, to }).map((date) => `${date} missing`)]
}

describe('the two slots of the workflow', () => {
  test('on time, fetch every session once, all of them in the morning: the night slot makes no call', () => {
    const lake: Lake = []
    const calls = runSlots(SLOTS, lake)
    expect(faultsIn(lake)).toEqual([])
    expect(calls).toEqual({ morning: 2 * lake.length, night: 0 })
    expect([lake[0], lake.at(-1)]).toEqual([day('1990-01-02'), day('2035-12-28')])
  })

  test('lose nothing and fetch nothing twice, whichever one of them is skipped or six hours late', () => {
    const first = SLOTS.findIndex(({ ms }) => ms >= at('2024-01-01T00:00:00Z'))
    const faults = SLOTS.slice(first, first + 1_000).flatMap((slot, offset) => {
      const around = SLOTS.slice(first + offset - 4, first + offset + 8)
      const late = around.map((other) => (other === slot ? { ...other, ms: other.ms + 6 * HOUR_MS } : other))
      return [around.filter((other) => other !== slot), late].flatMap((slots) => {
        const lake: Lake = []
        runSlots(slots, lake)
        return faultsIn(lake)
      })
    })
    expect(faults).toEqual([])
  })

  test('lose nothing and fetch nothing twice when many are skipped or late', () => {
    forRandomCases('slots', 3, (random) => {
      const start = Math.floor(random() * (SLOTS.length - 2_000))
      const kept = SLOTS.slice(start, start + 2_000).filter(() => random() < 0.7)
      const slots = kept.map((slot) => ({ ...slot, ms: slot.ms + Math.floor(random() * 6 * HOUR_MS) }))
      const lake: Lake = []
      const calls = runSlots(slots, lake)
      expect(faultsIn(lake)).toEqual([])
      // Sessions that were left lie side by side and are fetched together.
      expect(calls.morning + calls.night).toBeLessThanOrEqual(2 * lake.length)
    })
  })
})
