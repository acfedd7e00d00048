// What the runs did with one cell, a symbol and a date of a dataset: from their metrics, their rejected rows, and the instants at
// which the stored objects were written. The metrics name no single session, so the order of the runs and what each says of the
// symbol decide.

import { stepText } from '../core/outcome.ts'
import type { IsoDate } from '../core/dates.ts'
import { counted, oneLine } from '../core/text.ts'
import type { RunRecord, StoredRun } from './runs.ts'

/**
 * `stored`: for the first time. `filled`: later than sessions after it. `corrected`: the one row anew, because FMP has changed it.
 * `mended`: its year anew, because FMP has multiplied its past. `carried`: likewise, multiplied by this program because FMP no
 * longer has it. `rewritten`: anew for another reason, as in a backfill. `compared`: found equal to FMP's row. `doubted`: FMP's
 * past has changed in a way that was not taken. `left`: it stays on an older base, as --mend says. `held`: waits because the
 * symbol's past is in doubt. `session_held`: waits because the session looks wrong for the whole market. `rejected`: FMP's row
 * broke a hard rule. `no_bar`: FMP was asked and had none. `failed`: the symbol failed in that run.
 */
export const CELL_EVENTS = [
  'stored',
  'filled',
  'corrected',
  'mended',
  'carried',
  'rewritten',
  'compared',
  'doubted',
  'left',
  'held',
  'session_held',
  'rejected',
  'no_bar',
  'failed',
] as const

export type CellEvent = {
  /** The start of the run in milliseconds since 1970, whole seconds. */
  readonly startMs: number
  /** The run's metrics document; undefined where there is none any more. */
  readonly runKey: string | undefined
  readonly event: (typeof CELL_EVENTS)[number]
  readonly detail: string
}

/** An object that holds the cell now. */
export type CellWrite = {
  /** Of the run that wrote it, as in CellEvent. */
  readonly startMs: number
  readonly kind: 'year' | 'day' | 'document'
  readonly isCarried: boolean
}

export type CellFacts = {
  readonly symbol: string
  readonly dataset: string
  readonly date: IsoDate
  readonly writes: readonly CellWrite[]
  /** Nightly runs ask for the session until then, in milliseconds since 1970; undefined for a day that none asks for. */
  readonly askedUntilMs: number | undefined
}

/** A run with the reasons why rows of the cell were rejected in it. */
export type CellRun = { readonly run: StoredRun; readonly rejects: readonly string[] }

type Result = RunRecord['results'][number]

/** What is known of the cell before a run. */
type Known = { isStored: boolean; through: IsoDate | undefined }

/** What happened to the cell, oldest first. `runs` are oldest first, too. Of the comparisons that found it equal only the last. */
export function lifeOf(runs: readonly CellRun[], facts: CellFacts): readonly CellEvent[] {
  const known: Known = { isStored: false, through: undefined }
  const events: CellEvent[] = []
  for (const { run, rejects } of runs) {
    if ('problem' in run) continue
    const { metrics, startMs, key } = run
    const result = metrics.results.find(
      ({ symbol, dataset = 'prices' }) => symbol === facts.symbol && dataset === facts.dataset,
    )
    const found = eventsIn({ metrics, startMs, result, rejects }, known, facts)
    events.push(...found.map((one) => ({ startMs, runKey: key, ...one })))
    learn(known, found, result, facts)
  }
  const told = new Set(events.map(({ startMs }) => startMs))
  const untold = facts.writes.filter(({ startMs }) => !told.has(startMs))
  const all = [...events, ...untold.map(writtenUntold)].toSorted((a, b) => a.startMs - b.startMs)
  const lastCompared = all.findLast(({ event }) => event === 'compared')
  return all.filter((one) => one.event !== 'compared' || one === lastCompared)
}

function writtenUntold({ startMs, isCarried }: CellWrite): CellEvent {
  const detail = 'by the ingest_ts of the object; the run has no metrics document that was read'
  return { startMs, runKey: undefined, event: isCarried ? 'carried' : 'stored', detail }
}

const WRITES: ReadonlySet<CellEvent['event']> = new Set([
  'stored',
  'filled',
  'corrected',
  'mended',
  'carried',
  'rewritten',
])

/** A cell that no object holds was never stored: nothing takes a row out of a lake. */
function learn(known: Known, found: readonly Told[], result: Result | undefined, { date, writes }: CellFacts): void {
  const { first_date: first, through_date: through, counts = {} } = result ?? {}
  const isInSpan = typeof first === 'string' && typeof through === 'string' && first <= date && date <= through
  const lacks = [counts.missing, counts.no_data, counts.rejected, counts.failed, counts.not_reached]
  const isWhole = lacks.every((count = 0) => count === 0)
  if (found.some(({ event }) => WRITES.has(event)) || (writes.length > 0 && isInSpan && isWhole)) known.isStored = true
  known.through = through ?? known.through
}

type Told = Pick<CellEvent, 'event' | 'detail'>

type OneRun = {
  readonly metrics: RunRecord
  readonly startMs: number
  readonly result: Result | undefined
  readonly rejects: readonly string[]
}

function eventsIn(one: OneRun, known: Known, facts: CellFacts): readonly Told[] {
  const writes = facts.writes.filter(({ startMs }) => startMs === one.startMs)
  if (writes.length > 0) return writes.map((write) => writeEvent(write, one, known, facts))
  const { result, rejects, metrics, startMs } = one
  if (rejects.length > 0) return rejects.map((reason) => ({ event: 'rejected', detail: oneLine(reason) }))
  const isHere = known.isStored || facts.writes.some((write) => write.startMs < startMs)
  if (isHere) return result === undefined ? [] : storedEvents(result, facts)
  const { askedUntilMs } = facts
  if (askedUntilMs === undefined) return []
  const held = metrics.held_sessions?.find(({ date }) => date <= facts.date)
  if (held !== undefined) {
    const reason = oneLine(held.reason ?? 'it looks wrong for the whole market')
    return [{ event: 'session_held', detail: `${held.date} and what follows: ${reason}` }]
  }
  return result === undefined ? [] : absentEvents(result, one, { ...facts, askedUntilMs })
}

function writeEvent(
  { kind, isCarried }: CellWrite,
  { result, metrics }: OneRun,
  { isStored, through }: Known,
  { date }: CellFacts,
): Told {
  const { past, counts } = result ?? {}
  const steps = stepsAfter(date, past)
  if (isCarried)
    return {
      event: 'carried',
      detail: steps === '' ? 'FMP has no row of it any more' : `FMP has no row of it any more; ${steps}`,
    }
  const isMend = kind === 'year' && (past?.mended_files ?? 0) > 0
  if (isMend && steps !== '') return { event: 'mended', detail: steps }
  if (isMend && isStored) return { event: 'rewritten', detail: 'with its year, in which other rows have changed' }
  if (kind === 'document' || kind === 'year')
    return isStored
      ? { event: 'rewritten', detail: rewrittenText(kind) }
      : { event: 'stored', detail: modeText(metrics) }
  const isNew = through === undefined || through === null || date > through
  const hasCorrected = (past?.corrected_sessions ?? 0) > 0
  if (hasCorrected && ((counts?.stored ?? 0) === 0 || (isStored && !isNew)))
    return { event: 'corrected', detail: "FMP's row had changed" }
  if (isNew) return { event: 'stored', detail: modeText(metrics) }
  return isStored
    ? { event: 'rewritten', detail: 'over the row before it' }
    : { event: 'filled', detail: 'after sessions that follow it' }
}

function rewrittenText(kind: 'year' | 'document'): string {
  return kind === 'year' ? 'with its year' : 'FMP has restated it, or --force was given'
}

function modeText({ mode }: RunRecord): string {
  return mode === 'backfill' ? 'in a backfill' : 'by a daily run'
}

type Past = Result['past']

/** The changes that have multiplied a row of this date: `4:1 before 2020-08-31`. */
function stepsAfter(date: IsoDate, past: Past): string {
  const steps = (past?.steps ?? []).filter(({ before }) => date < before)
  return steps
    .map(({ before, price_factor, adj_factor, ratio, dividend }) =>
      stepText({
        before,
        priceFactor: price_factor,
        adjFactor: adj_factor,
        ratio: ratio ?? undefined,
        dividend: dividend ?? undefined,
      }),
    )
    .join(', ')
}

/** What a run says of a row that was stored before it and that it did not write. */
function storedEvents({ past, errors = [] }: Result, { date }: CellFacts): readonly Told[] {
  if (past === null || past === undefined || (past.compared_from ?? '9999') > date) return []
  const steps = stepsAfter(date, past)
  if (past.bases_differ === true && steps !== '') return [{ event: 'left', detail: steps }]
  if (past.held === true || IN_DOUBT.has(past.verdict ?? ''))
    return [{ event: 'doubted', detail: past.verdict ?? 'held back' }]
  // Written then, and written over since.
  if ((past.mended_files ?? 0) > 0 && steps !== '') return [{ event: 'mended', detail: steps }]
  return errors.length > 0 ? [] : [{ event: 'compared', detail: 'equal to FMP’s row' }]
}

const IN_DOUBT: ReadonlySet<string> = new Set(['implausible', 'unsettled', 'other'])

/** What a run says of a session that was not stored before it and that it did not store. */
function absentEvents(
  result: Result,
  { metrics, startMs }: OneRun,
  { date, askedUntilMs }: CellFacts & { readonly askedUntilMs: number },
): readonly Told[] {
  const { past, through_date: through, counts = {}, errors = [] } = result
  const isBehind = through === null || through === undefined || through < date
  if (past?.held === true && isBehind) return [{ event: 'held', detail: past.verdict ?? 'its past is in doubt' }]
  if (startMs > askedUntilMs && metrics.mode !== 'backfill') return []
  if (errors.length > 0) return [{ event: 'failed', detail: oneLine(errors[0] ?? '') }]
  const lacking = isBehind ? counts.no_data : counts.missing
  if ((lacking ?? 0) === 0) return []
  return [{ event: 'no_bar', detail: `${counted(lacking ?? 0, 'session')} of the symbol without a bar` }]
}
