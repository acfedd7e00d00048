// `ingest status`: how fresh and how whole a lake is, from listings, the footers of the newest year files, and the metrics of the
// last runs. FMP is not asked.

import { STATUS } from '../../cli/lake-settings.ts'
import { finishedMs } from '../../core/calendar.ts'
import { targetLocation } from '../../core/config.ts'
import { addDays, newYorkInstant, utcDate, type IsoDate } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import { inventory } from '../../datasets/inventory.ts'
import { monthsUpTo, stateOf } from '../../datasets/prices/symbol-state.ts'
import { heldBack, heldIn, type HeldInRun } from '../../report/held.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { runGroupText } from '../../report/run-group-text.ts'
import { readLastRuns } from '../../report/runs.ts'
import { groupOf, runStatus } from '../../report/run-status.ts'
import { STATUS_VERSION, statusText, type Status } from '../../report/status.ts'
import type { LakeCommand } from './inspect.ts'
import { runGroupOf } from './run-group.ts'
import { commandFor, nightlyPeriod, openLake, printFindings, symbolsOf, type Lake, type Look } from './look.ts'

export const STATUS_COMMAND: LakeCommand<typeof STATUS> = {
  settings: STATUS,
  failureCode: 3,
  problems: (_own, { isGiven }) => (isGiven('--run-group') && isGiven('--max-behind') ? [EITHER] : []),
  run: async (look, { maxBehind, runGroup }) => {
    if (runGroup !== undefined) {
      const group = await runGroupOf(runGroup, await openLake(look))
      return await printFindings({ document: group, text: runGroupText(group), code: group.ok ? 0 : 1 }, look)
    }
    const status = await statusOf(await openLake(look), maxBehind)
    const text = statusText(status, (words) => commandFor(words, look.config))
    return await printFindings({ document: status, text, code: status.ok ? 0 : 1 }, look)
  },
}

const EITHER = '--run-group and --max-behind contradict each other: a group is not judged by how fresh the lake is.'

/** A week of nights. */
const RUNS_SHOWN = 5

const MONTHS_SHOWN = 12

async function statusOf(lake: Lake, maxBehind: number): Promise<Status> {
  const { config, startMs, asOf, calendar } = lake
  const symbols = await symbolsOf(lake)
  // Whatever is finished is asked for on the day after it.
  const period = nightlyPeriod(lake, newYorkInstant(addDays(asOf, 1), '12:00:00'))
  const stored = await storedOf(symbols, period, lake)
  const { newestOf, newest } = stored
  const behind = newest === undefined ? undefined : sessionsAfter(newest, lake)
  const next = newest === undefined ? asOf : calendar.nthSessionAfter(newest, 1)
  const runs = await lastRuns(lake)
  return {
    schema_version: STATUS_VERSION,
    run_id: runIdOf(startMs),
    target: targetLocation(config.target),
    as_of: asOf,
    ok: behind !== undefined && behind <= maxBehind,
    symbols: symbols.length,
    symbols_stored: newestOf.size,
    newest_session: newest ?? null,
    symbols_with_newest: [...newestOf.values()].filter((date) => date === newest).length,
    sessions_behind: behind ?? null,
    max_behind: maxBehind,
    next_session: next ?? null,
    next_session_finished: next === undefined ? null : runIdOf(finishedMs(next)),
    reach_sessions: period.reachSessions,
    holes: stored.holes,
    stale: newest === undefined ? [] : symbols.flatMap((symbol) => lateOf(symbol, stored, lake)),
    ...heldBack(runs.held, { symbols, newestOf, newest, asOf }),
    months: stored.months,
    calls_today: runs.callsToday,
    runs: runs.shown,
  }
}

/** What is stored of all symbols together. */
type Stored = Pick<Status, 'holes' | 'months'> & {
  /** The newest stored session of each symbol that has one. */
  readonly newestOf: ReadonlyMap<string, IsoDate>
  readonly newest: IsoDate | undefined
}

async function storedOf(symbols: readonly string[], period: Period, lake: Lake): Promise<Stored> {
  const { store, prices, calendar, asOf } = lake
  const months = monthsUpTo(asOf, MONTHS_SHOWN, calendar)
  const context = { store, dataset: prices, calendar, period, asOf, months }
  const newestOf = new Map<string, IsoDate>()
  const holes: Stored['holes'][number][] = []
  const sums = months.map(() => 0)
  for await (const state of inventory(symbols, context, async (files) => await stateOf(files, context))) {
    if (state.newest !== undefined) newestOf.set(state.symbol, state.newest)
    if (state.holes.length > 0) holes.push({ symbol: state.symbol, sessions: state.holes })
    for (const [index, count] of state.stored.entries()) sums[index] = (sums[index] ?? 0) + count
  }
  return {
    newestOf,
    newest: [...newestOf.values()].toSorted().at(-1),
    holes,
    months: months.map(({ month, sessions }, index) => ({
      month,
      sessions: sessions.length,
      stored: sums[index] ?? 0,
    })),
  }
}

function lateOf(symbol: string, { newestOf, newest }: Stored, look: Look): Status['stale'] {
  const own = newestOf.get(symbol)
  if (own === newest) return []
  const behind = own === undefined ? null : sessionsAfter(own, look)
  return [{ symbol, newest_session: own ?? null, sessions_behind: behind }]
}

function sessionsAfter(session: IsoDate, { calendar, asOf }: Look): number {
  return calendar.sessions({ from: addDays(session, 1), to: asOf }).length
}

/** The last runs up to the instant of the look, of shards those of each, and the calls of those of its UTC date. */
async function lastRuns({ store, startMs }: Lake) {
  const todayMs = Date.parse(utcDate(startMs))
  const read: Status['runs'][number][] = []
  const held: HeldInRun[] = []
  let callsToday = 0
  const runs = readLastRuns(store, { runs: RUNS_SHOWN, untilMs: startMs, sinceMs: todayMs })
  for await (const run of runs) {
    const status = runStatus(run)
    if (run.startMs >= todayMs) callsToday += status.calls ?? 0
    held.push(heldIn(run))
    read.push(status)
  }
  const newest = new Set([...new Set(read.map(groupOf))].slice(0, RUNS_SHOWN))
  return { shown: read.filter((run) => newest.has(groupOf(run))), held, callsToday }
}
