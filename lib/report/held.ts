// What the last runs held back: symbols whose past is in doubt, and sessions that look wrong for the whole market.

import type { IsoDate } from '../core/dates.ts'
import type { StoredRun } from './runs.ts'

type HeldSession = { readonly date: IsoDate; readonly reason: string | null }

/** What one run says of it. The document itself is not kept: that of many symbols is large. */
export type HeldInRun = {
  /** Of each symbol that was compared, whether its new sessions wait. */
  readonly symbols: ReadonlyMap<string, boolean>
  readonly sessions: readonly HeldSession[]
}

export function heldIn(run: StoredRun): HeldInRun {
  if ('problem' in run) return { symbols: new Map(), sessions: [] }
  const { results, held_sessions: sessions = [] } = run.metrics
  const compared = results.flatMap(({ symbol, dataset, past }) =>
    dataset === 'prices' && past !== null && past !== undefined ? [[symbol, past.held === true] as const] : [],
  )
  return {
    symbols: new Map(compared),
    sessions: sessions.map(({ date, reason }) => ({ date, reason: reason ?? null })),
  }
}

export type Freshness = {
  readonly symbols: readonly string[]
  /** The newest stored session of each symbol that has one. */
  readonly newestOf: ReadonlyMap<string, IsoDate>
  /** Of the lake. */
  readonly newest: IsoDate | undefined
  /** The last finished session. */
  readonly asOf: IsoDate
}

/**
 * What still waits, by the runs, newest first. A symbol waits if the newest run that compared it says so and it lacks the last
 * session; a session of the market if nothing is stored of it nor after it.
 */
export function heldBack(runs: readonly HeldInRun[], { symbols, newestOf, newest, asOf }: Freshness) {
  const newestWord = new Map(runs.toReversed().flatMap((run) => [...run.symbols]))
  const sessions = new Map(runs.toReversed().flatMap((run) => run.sessions.map((session) => [session.date, session])))
  const isWaiting = ({ date }: HeldSession) => date <= asOf && (newest === undefined || date > newest)
  return {
    held_symbols: symbols.filter((symbol) => newestWord.get(symbol) === true && newestOf.get(symbol) !== asOf),
    held_sessions: [...sessions.values()].filter(isWaiting).toSorted((a, b) => (a.date < b.date ? -1 : 1)),
  }
}
