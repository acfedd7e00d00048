// What the metrics of the last runs tell of each symbol's prices: when all of its rows were compared, what was mended, and
// whether FMP was asked for more than is stored.

import type { Calendar } from '../core/calendar.ts'
import { laterOf, newYorkClock, type IsoDate } from '../core/dates.ts'
import type { Store } from '../store/store.ts'
import { readRuns, type RunRecord } from './runs.ts'

/** A boundary of a mend, and the start of the run that made it, in milliseconds since 1970 (whole seconds). */
export type PastMend = {
  readonly before: IsoDate
  readonly priceFactor: number
  readonly adjFactor: number
  readonly startMs: number
}

export type SymbolHistory = {
  /** The start of the last run that compared all of its rows. */
  readonly comparedMs: number | undefined
  /** The start of the last run that mended files of it. */
  readonly mendedMs: number | undefined
  /** Newest first. */
  readonly mends: readonly PastMend[]
  /** What the last run without an error asked for: its last session, and the newest one that was stored then. */
  readonly asked: { readonly upTo: IsoDate; readonly through: IsoDate } | undefined
}

export type RunHistory = {
  of(symbol: string): SymbolHistory
  /** The newest session that any symbol has, as the runs tell. */
  readonly newestStored: IsoDate | undefined
  /** Whether runs before the given instant are known of: then what is not told since then has not happened. */
  readonly isLongEnough: boolean
}

/** More than a run an hour over the sessions that are looked at, or two nightly runs of 60 shards, whose documents are as small. */
const MAX_RUNS = 5_000

/** Of a symbol that no run names. */
export const NOTHING: SymbolHistory = { comparedMs: undefined, mendedMs: undefined, mends: [], asked: undefined }

/** Reads the runs that started at `sinceMs` or later, and one before them. Throws an IngestError if the store fails. */
export async function readHistory(
  store: Store,
  { sinceMs, calendar }: { readonly sinceMs: number; readonly calendar: Calendar },
): Promise<RunHistory> {
  const symbols = new Map<string, SymbolHistory>()
  let isLongEnough = false
  let newestStored: IsoDate | undefined
  for await (const run of readRuns(store, MAX_RUNS)) {
    isLongEnough = run.startMs < sinceMs
    if (isLongEnough) break
    if (!('metrics' in run)) continue
    addRun(symbols, run.metrics, { startMs: run.startMs, calendar })
    const { through_date: through } = run.metrics
    if (through !== undefined && through !== null) newestStored = laterOf(newestStored ?? through, through)
  }
  return { of: (symbol) => symbols.get(symbol) ?? NOTHING, newestStored, isLongEnough }
}

type Start = { readonly startMs: number; readonly calendar: Calendar }

/** Adds what a run tells of its symbols. Runs are added newest first: what is known already is newer. */
export function addRun(symbols: Map<string, SymbolHistory>, { results }: RunRecord, start: Start): void {
  for (const result of results) {
    const { symbol, dataset, past } = result
    if (dataset !== undefined && dataset !== 'prices') continue
    const known = symbols.get(symbol) ?? NOTHING
    const mends = mendsOf(past, start)
    symbols.set(symbol, {
      comparedMs: known.comparedMs ?? (past?.wholly === true ? start.startMs : undefined),
      mendedMs: known.mendedMs ?? (mends === undefined ? undefined : start.startMs),
      mends: [...known.mends, ...(mends ?? [])],
      asked: known.asked ?? askedBy(result, start),
    })
  }
}

type Result = RunRecord['results'][number]

/** The boundaries of a mend; undefined where no file was mended. */
function mendsOf(past: Result['past'], { startMs }: Start): readonly PastMend[] | undefined {
  if (past === undefined || past === null || (past.mended_files ?? 0) === 0) return undefined
  const { steps = [] } = past
  return steps.map(({ before, price_factor: priceFactor, adj_factor: adjFactor }) => ({
    before,
    priceFactor,
    adjFactor,
    startMs,
  }))
}

/** What a run without an error of the symbol has asked for. */
function askedBy(
  { errors = [], calls = 0, through_date: through }: Result,
  { startMs, calendar }: Start,
): SymbolHistory['asked'] {
  if (calls === 0 || errors.length > 0 || through === undefined || through === null) return undefined
  return { upTo: calendar.lastSessionBefore(newYorkClock(startMs).date), through }
}
