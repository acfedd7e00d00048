// Random stories of processes that share a ledger, and what must hold in each of them.

import { utcDate, type IsoDate } from '../../../lib/core/dates.ts'
import { DRIFT } from '../../../lib/core/remote-clock.ts'
import { IngestError } from '../../../lib/core/errors.ts'
import { LEASE_MS, MAX_AGE_MS } from '../../../lib/fmp/ledger/leases.ts'
import { leasedCalls, type LedgerState } from '../../../lib/fmp/ledger/state.ts'
import { oneOf, wholeBetween, type Random } from '../random.ts'
import { CLOSING_MS, MARGIN_MS, storyOf, type Call, type Played, type Story } from './simulate.ts'

const INTERVALS_MS = [100, 200, 250, 500, 1_000, 3_000, 15_000]

const MIDNIGHT_MS = Date.UTC(2026, 10, 29)

/** So many calls at once are enough for the rate, as FMP answers in less than half a second. */
function enoughWorkers(intervalMs: number): number {
  return Math.max(1, Math.ceil(600 / intervalMs))
}

/** A story with everything that may go wrong. */
export function drawStory(random: Random): Story {
  const intervalMs = oneOf(random, INTERVALS_MS)
  const startMs = random() < 0.2 ? MIDNIGHT_MS - 180_000 * random() : Date.UTC(2026, 10, 28, 12) + 1e7 * random()
  const refusedFromMs = startMs + 40_000 * random()
  const isRefused = random() < 0.4
  return storyOf(random, {
    startMs,
    lengthMs: Math.max(60_000, Math.min(120 * intervalMs, 360_000)) * (1 + random()),
    processes: random() < 0.5 ? wholeBetween(random, 1, 4) : wholeBetween(random, 5, 32),
    workers: wholeBetween(random, 1, enoughWorkers(intervalMs) + 2),
    intervalMs,
    dailyCalls: random() < 0.4 ? wholeBetween(random, 10, 400) : undefined,
    storeMs: oneOf(random, [5, 20, 50, 200]),
    lossChance: oneOf(random, [0, 0.05, 0.2]),
    deathChance: oneOf(random, [0, 0.01, 0.03]),
    refusals: isRefused ? [{ fromMs: refusedFromMs, untilMs: refusedFromMs + 40_000 * random() }] : [],
  })
}

/** A story of five minutes in which everything works. */
export function drawQuietStory(random: Random): Story {
  const intervalMs = oneOf(random, INTERVALS_MS.slice(0, -1))
  return storyOf(random, {
    lengthMs: 300_000,
    processes: oneOf(random, [1, 2, 3, 5, 8, 16, 32]),
    workers: enoughWorkers(intervalMs),
    intervalMs,
    storeMs: oneOf(random, [5, 20, 50]),
  })
}

/** A story of a quarter of an hour with a store that is so slow that most of it is spent waiting. */
export function drawSlowStory(random: Random): Story {
  const [readMs, writeMs] = [9_000 * random(), 10_000 * random()]
  const startMs = Date.UTC(2026, 10, 28, 12) + 1e7 * random()
  const refusedFromMs = startMs + 200_000 * random()
  return storyOf(random, {
    startMs,
    lengthMs: 900_000,
    processes: wholeBetween(random, 1, 4),
    intervalMs: oneOf(random, [0, ...INTERVALS_MS]),
    addedMs: (request) => (request === 'read' ? readMs : writeMs),
    lossChance: oneOf(random, [0, 0.05]),
    refusals: random() < 0.3 ? [{ fromMs: refusedFromMs, untilMs: refusedFromMs + 40_000 * random() }] : [],
  })
}

/** The calls made, as a part of those that the limit allows. */
export function useOf({ lengthMs, intervalMs }: Story, { calls }: Played): number {
  return calls.length / (lengthMs / intervalMs)
}

/** The least time between the starts of two calls; Infinity if there are no two. */
export function leastGapMs(calls: readonly Call[]): number {
  return calls.slice(1).reduce((least, { atMs }, index) => Math.min(least, atMs - (calls[index]?.atMs ?? 0)), Infinity)
}

/** What does not hold, in words; nothing if all is well. */
export function violationsIn(story: Story, played: Played): readonly string[] {
  return [...excessIn(story, played), ...lossViolations(story, played), ...failuresIn(played)]
}

/** What is more than the limits allow. No story may have any; a slow store costs calls of the day, and no more than that. */
export function excessIn(story: Story, played: Played): readonly string[] {
  return [
    ...(story.intervalMs === 0 ? [] : rateViolations(story, played)),
    ...dayViolations(story, played),
    ...ledgersOf(played).flatMap((ledger) => [...pauseViolations(ledger), ...countViolations(ledger)]),
  ]
}

function rateViolations({ intervalMs }: Story, { calls }: Played): readonly string[] {
  const least = leastGapMs(calls)
  // A process keeps the interval between its own calls by its own clock.
  const leastAllowed = (intervalMs + MARGIN_MS) * (1 - DRIFT)
  const perMinute = mostWithin(calls, 60_000)
  return [
    ...(least < leastAllowed ? [`two calls ${least} ms apart, less than ${leastAllowed}`] : []),
    ...(perMinute > 60_000 / intervalMs ? [`${perMinute} calls in a minute`] : []),
  ]
}

/** The most calls that began within a span of so many milliseconds. */
function mostWithin(calls: readonly Call[], spanMs: number): number {
  let most = 0
  let first = 0
  calls.forEach(({ atMs }, index) => {
    while (atMs - (calls[first]?.atMs ?? 0) >= spanMs) first += 1
    most = Math.max(most, index - first + 1)
  })
  return most
}

/** Nobody knows the clock by which the vendor counts a day: it may be a minute off. */
function dayViolations({ dailyCalls = Infinity }: Story, { calls }: Played): readonly string[] {
  return [-60_000, 0, 60_000].flatMap((aheadMs) => {
    const days = Object.groupBy(calls, ({ atMs }) => utcDate(atMs + aheadMs))
    return Object.entries(days).flatMap(([day, { length } = []]) =>
      length > dailyCalls ? [`${length} calls on ${day} by a clock ${aheadMs} ms ahead`] : [],
    )
  })
}

type StateAt = { readonly atMs: number; readonly state: LedgerState }

/** The versions of the ledger of a day, and the calls of that day. */
type Ledger = { readonly states: readonly StateAt[]; readonly calls: readonly Call[] }

function ledgersOf({ versions, calls }: Played): readonly Ledger[] {
  const days = [...new Set([...versions.map(({ day }) => day), ...calls.map(({ atMs }) => utcDate(atMs))])]
  return days.map((day: IsoDate) => ({
    states: versions
      .filter((version) => version.day === day)
      .map(({ atMs, text }) => ({ atMs, state: JSON.parse(text) as LedgerState })),
    calls: calls.filter(({ atMs }) => utcDate(atMs) === day),
  }))
}

/** While a refusal is in the ledger, and has been for so long that everybody knows of it, one call at a time is under way. */
function pauseViolations({ states, calls }: Ledger): readonly string[] {
  let fromMs = Infinity
  return states.flatMap(({ atMs, state }, index) => {
    fromMs = state.refusal === null ? Infinity : Math.min(fromMs, atMs)
    const untilMs = states[index + 1]?.atMs ?? Infinity
    const during = (ms: number): boolean => ms > Math.max(atMs, fromMs + MAX_AGE_MS) && ms < untilMs
    return calls.flatMap((call, position) => {
      const isEarly = during(call.atMs) && (calls[position - 1]?.endMs ?? 0) > call.atMs
      return isEarly ? [`a call ${call.atMs - fromMs} ms after a refusal, beside another one`] : []
    })
  })
}

/** The ledger never counts less than what was called. */
function countViolations({ states, calls }: Ledger): readonly string[] {
  let made = 0
  const counted = states.map(({ atMs, state }, index) => {
    const untilMs = states[index + 1]?.atMs ?? Infinity
    while ((calls[made]?.atMs ?? Infinity) < untilMs) made += 1
    return { atMs, made, leased: leasedCalls(state) }
  })
  if (states.length === 0 && calls.length > 0) return [`${calls.length} calls without a ledger`]
  return counted.flatMap(({ atMs, ...count }) =>
    count.made > count.leased ? [`${count.made} calls made and ${count.leased} counted after ${atMs}`] : [],
  )
}

/** Calls that the ledger counts and nobody has made: a lease of each process that died with it. */
function lossViolations(story: Story, played: Played): readonly string[] {
  const { calls, deaths } = played
  const counted = ledgersOf(played).reduce((sum, { states }) => {
    const last = states.at(-1)
    return sum + (last === undefined ? 0 : leasedCalls(last.state))
  }, 0)
  // What a process has leased ends with the day, and with a refusal that lasts until the lease is forgotten.
  const isMidnight = utcDate(story.startMs) !== utcDate(story.startMs + story.lengthMs + CLOSING_MS)
  const endings = story.processes * (Number(isMidnight) + story.refusals.length)
  const allowed = (deaths + endings) * mostCallsOf(story)
  const lost = counted - calls.length
  return lost > allowed ? [`${lost} calls counted and not made, with ${deaths} deaths`] : []
}

function mostCallsOf({ intervalMs }: Story): number {
  return Math.max(2, Math.round(LEASE_MS / intervalMs))
}

function failuresIn({ failures }: Played): readonly string[] {
  return failures
    .filter((error) => !(error instanceof IngestError && error.kind === 'quota'))
    .map((error) => `a failure: ${String(error)}`)
}
