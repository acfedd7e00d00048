// A pipeline over a folder with real plans, tasks and uploads, and a vendor that is a function.

import { unlessStopped } from '../../lib/pipeline/interrupt.ts'
import { expect } from 'bun:test'
import { createCallBudget, type Reservation } from '../../lib/fmp/call-budget.ts'
import { XNYS } from '../../lib/core/calendar.ts'
import { totalCount, type SymbolOutcome } from '../../lib/core/outcome.ts'
import type { Ask, RawRow } from '../../lib/core/dataset.ts'
import { type DateRange } from '../../lib/core/dates.ts'
import { createEncoder } from '../../lib/parquet/encoder.ts'
import { IngestError, type ErrorKind, type ErrorScope } from '../../lib/core/errors.ts'
import { resolvePeriod, type Period } from '../../lib/core/period.ts'
import { ingestAll, type RunResult, type PipelineEffects } from '../../lib/pipeline/pipeline.ts'
import { planSessions, type SymbolPlan } from '../../lib/datasets/prices/plan.ts'
import { sessionTask, type SessionContext } from '../../lib/datasets/prices/task.ts'
import { findNewestSession, surveySessions } from '../../lib/datasets/prices/survey.ts'
import { createUploads, type UploadContext } from '../../lib/pipeline/uploads.ts'
import { createFakeClock } from './runs/fake-clock.ts'
import { type Shelf } from './lakes/folder-store.ts'
import { askedDates, at, periodOf, prices, rawPrice, span } from './values.ts'

export const NOW = '2024-09-16T13:00:00Z'
export const WEEK = '2024-09-09..2024-09-13'
export const WEEK_DATES: readonly string[] = XNYS.sessions(span(WEEK))

/** What the vendor has of each symbol. */
export type Bars = Readonly<Record<string, readonly RawRow[]>>
export type Answer = PipelineEffects['fmp']['fetchRows']

export type Options = Partial<PipelineEffects & SessionContext & UploadContext> & {
  readonly symbols: readonly string[]
  readonly mode?: 'daily' | 'backfill'
  /** `none` for the nightly run. */
  readonly dates?: string
  readonly bars?: Bars
  readonly maxCalls?: number
  /** How a call is answered, if not as FMP does. */
  readonly ask?: Answer
  readonly isForced?: boolean
}

export type Ran = RunResult & {
  readonly plans: readonly SymbolPlan[]
  readonly asks: readonly string[]
  /** In the order in which the symbols ended. */
  readonly ended: readonly SymbolOutcome[]
  readonly stop: AbortController
}

export function barsOf(...dates: readonly string[]): readonly RawRow[] {
  return dates.map((date) => rawPrice(date))
}

/** Answers as FMP does: the rows within the dates asked for, the adjusted close in a reply of its own. */
export function answering(bars: Bars): Answer {
  return async ({ symbol, query, name }: Ask, reservation: Reservation) => {
    reservation.spend()
    reservation.countMade()
    const window = { from: query['from'] ?? '', to: query['to'] ?? '' }
    const rows = (bars[symbol] ?? []).filter(({ date }) => String(date) >= window.from && String(date) <= window.to)
    return name === 'full' ? rows.map((row) => ({ ...row, adjClose: undefined })) : rows
  }
}

/** Plans and ingests over a shelf, and holds every run against what a run promises. */
export async function ingestOver(
  shelf: Shelf,
  { symbols, mode = 'daily', dates = WEEK, bars = {}, maxCalls, isForced = false, ...changes }: Options,
): Promise<Ran> {
  const period: Period =
    dates === 'none' ? resolvePeriod(askedDates({ mode }), XNYS, at(NOW)) : periodOf(mode, dates, NOW)
  const dataset = prices()
  const { store } = shelf
  const scope = { store, dataset, calendar: XNYS, mode, period }
  const surveyed = await surveySessions(symbols, scope)
  const plans = planSessions(surveyed, {
    dataset,
    calendar: XNYS,
    mode,
    period,
    isForced,
    audit: () => false,
  })
  const asks: string[] = []
  const ended: SymbolOutcome[] = []
  const answer = changes.ask ?? answering(bars)
  const stop = changes.stop ?? new AbortController()
  const context: SessionContext = {
    unlessStopped: async (work) => await unlessStopped(work, { stop }),
    findNewestSession: async (symbol) => await findNewestSession(symbol, scope),
    store,
    dataset,
    calendar: XNYS,
    today: period.today,
    mending: 'all',
    marketFrom: period.lastSession,
    recentFiles: (symbol) => surveyed.find((stored) => stored.symbol === symbol)?.recent,
    isNightly: period.lookbackFrom !== undefined,
    accepts: () => false,
    encode: createEncoder({ columns: dataset.columns, ingestMs: at(NOW), version: '1.2.3' }).encode,
    ...changes,
  }
  const steps: PipelineEffects = {
    onFetched: () => undefined,
    maxWorkers: 3,
    admit: createUploads({
      clock: createFakeClock(),
      maxUploads: 4,
      interruption: new AbortController().signal,
      ...changes,
      stop,
    }).admit,
    ...changes,
    stop,
    onOutcome: (outcome) => {
      ended.push(outcome)
      changes.onOutcome?.(outcome)
    },
    fmp: {
      reserve: createCallBudget(maxCalls).reserve,
      fetchRows: async (ask, reservation) => {
        asks.push(`${ask.symbol} ${ask.name}`)
        return await answer(ask, reservation)
      },
    },
  }
  const tasks = plans.map((plan) => sessionTask(plan, context))
  const result = await ingestAll(tasks, steps)
  expect(result.outcomes.map(({ symbol }) => symbol)).toEqual(plans.map(({ symbol }) => symbol))
  expect(ended.toSorted(bySymbol)).toEqual(result.outcomes.toSorted(bySymbol))
  for (const [index, { counts }] of result.outcomes.entries()) {
    expect(totalCount(counts)).toBe(sessionsOf(plans[index]?.range))
  }
  return { ...result, plans, asks, ended, stop: steps.stop }
}

export const bySymbol = (a: SymbolOutcome, b: SymbolOutcome): number => a.symbol.localeCompare(b.symbol)

export function sessionsOf(range: DateRange | undefined): number {
  return range === undefined ? 0 : XNYS.sessions(range).length
}

export function failure(kind: ErrorKind, scope: ErrorScope): IngestError {
  return new IngestError(`a failure of kind ${kind}`, { kind, scope })
}

/** Answers as FMP does, but fails for some calls, by the symbol and the name of the call. */
export function failing(bars: Bars, failures: Readonly<Record<string, unknown>>): Answer {
  const answer = answering(bars)
  return async (ask, reservation) => {
    const thrown = failures[ask.symbol] ?? failures[`${ask.symbol} ${ask.name}`]
    if (thrown === undefined) return await answer(ask, reservation)
    reservation.spend()
    reservation.countMade()
    throw thrown
  }
}

export function outcomeOf({ outcomes }: RunResult, symbol: string): SymbolOutcome {
  const found = outcomes.find((outcome) => outcome.symbol === symbol)
  if (found === undefined) throw new Error(`There is no outcome of ${symbol}`)
  return found
}

export const ALL: Bars = {
  A: barsOf(...WEEK_DATES),
  B: barsOf(...WEEK_DATES),
  C: barsOf(...WEEK_DATES),
  D: barsOf(...WEEK_DATES),
}

/** An answer that nobody asked for. */
export const stray: Answer = async (_, reservation) => {
  reservation.spend()
  reservation.countMade()
  return barsOf('2020-01-02')
}
