// What one run did with one cell: from its metrics, its rejected rows, and the instants at which the stored objects were written.

import { stepText } from '../core/outcome.ts'
import type { IsoDate } from '../core/dates.ts'
import { counted, oneLine } from '../core/text.ts'
import type { RunRecord } from './runs.ts'

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

/** An event with more of it in words. */
export type Told = { readonly event: (typeof CELL_EVENTS)[number]; readonly detail: string }

export type CellEvent = Told & {
  /** The start of the run in milliseconds since 1970, whole seconds. */
  readonly startMs: number
  /** The run's metrics document; undefined where there is none any more. */
  readonly runKey: string | undefined
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
  /** How many sessions there are after one date up to another. */
  readonly sessionsAfter: (date: IsoDate, upTo: IsoDate) => number
}

type Result = RunRecord['results'][number]

/** What a run says of the cell's symbol. What its document lacks counts as nothing said. */
export type Said = {
  readonly first: IsoDate | undefined
  readonly through: IsoDate | undefined
  readonly stored: number
  readonly missing: number
  readonly noData: number
  /** Whether some session that it asked for was not stored. */
  readonly isLacking: boolean
  readonly errors: readonly string[]
  readonly verdict: string | undefined
  readonly comparedFrom: IsoDate | undefined
  readonly corrected: number
  readonly mended: number
  readonly isHeld: boolean
  readonly basesDiffer: boolean
  /** The changes that have multiplied rows of the cell's date, in words: `4:1 before 2020-08-31`; '' if none. */
  readonly steps: string
}

export function saidBy({ counts = {}, errors = [], past, ...result }: Result, date: IsoDate): Said {
  const { stored = 0, missing = 0, no_data: noData = 0 } = counts
  const others = [counts.rejected, counts.failed, counts.not_reached]
  const { corrected_sessions: corrected = 0, mended_files: mended = 0, held, bases_differ: differ } = past ?? {}
  return {
    first: result.first_date ?? undefined,
    through: result.through_date ?? undefined,
    stored,
    missing,
    noData,
    isLacking: [missing, noData, ...others].some((count = 0) => count > 0),
    errors,
    verdict: past?.verdict,
    comparedFrom: past?.compared_from ?? undefined,
    corrected,
    mended,
    isHeld: held === true,
    basesDiffer: differ === true,
    steps: stepsAfter(date, past),
  }
}

function stepsAfter(date: IsoDate, past: Result['past']): string {
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

/** What is known of the cell before a run. */
export type Known = { readonly isStored: boolean; readonly through: IsoDate | undefined }

export type OneRun = {
  readonly metrics: RunRecord
  readonly startMs: number
  /** Undefined where the run says nothing of the symbol. */
  readonly said: Said | undefined
  /** Why rows of the cell were rejected in it. */
  readonly rejects: readonly string[]
}

/** What the run did, in the order in which it is to be told; nothing where it had nothing to do with the cell. */
export function eventsIn(one: OneRun, known: Known, facts: CellFacts): readonly Told[] {
  const { said, rejects, metrics, startMs } = one
  const writes = facts.writes.filter((write) => write.startMs === startMs)
  if (writes.length > 0) return writes.map((write) => writeEvent(write, one, known, facts))
  if (rejects.length > 0) return rejects.map((reason) => ({ event: 'rejected', detail: oneLine(reason) }))
  const isHere = known.isStored || facts.writes.some((write) => write.startMs < startMs)
  if (isHere) return said === undefined ? [] : storedEvents(said, facts)
  const { askedUntilMs, date } = facts
  if (askedUntilMs === undefined) return []
  const held = metrics.held_sessions?.find((session) => session.date <= date)
  if (held !== undefined) {
    const reason = oneLine(held.reason ?? 'it looks wrong for the whole market')
    return [{ event: 'session_held', detail: `${held.date} and what follows: ${reason}` }]
  }
  const isAsked = startMs <= askedUntilMs || metrics.mode === 'backfill'
  return said === undefined ? [] : absentEvents(said, date, isAsked)
}

function writeEvent(write: CellWrite, { said, metrics }: OneRun, known: Known, facts: CellFacts): Told {
  const { steps = '', mended = 0 } = said ?? {}
  if (write.isCarried) {
    const gone = 'FMP has no row of it any more'
    return { event: 'carried', detail: steps === '' ? gone : `${gone}; ${steps}` }
  }
  const isMend = write.kind === 'year' && mended > 0
  if (isMend && steps !== '') return { event: 'mended', detail: steps }
  if (write.kind === 'day') return dayEvent({ said, metrics }, known, facts)
  if (!known.isStored) return { event: 'stored', detail: modeText(metrics) }
  const isRestated = write.kind === 'document'
  const withYear = isMend ? 'with its year, in which other rows have changed' : 'with its year'
  return { event: 'rewritten', detail: isRestated ? 'FMP has restated it, or --force was given' : withYear }
}

const CORRECTED: Told = { event: 'corrected', detail: "FMP's row had changed" }

/** The metrics count the new sessions of a run, among them those that came late, apart from those that were corrected. */
function dayEvent(
  { said, metrics }: Pick<OneRun, 'said' | 'metrics'>,
  { isStored, through }: Known,
  { date, sessionsAfter }: CellFacts,
): Told {
  const { corrected = 0, stored = 0, through: newest = through } = said ?? {}
  if (through === undefined || newest === undefined || date > through)
    return corrected > 0 && stored === 0 ? CORRECTED : { event: 'stored', detail: modeText(metrics) }
  const late = stored - sessionsAfter(through, newest)
  if (corrected > 0 && (isStored || late <= 0)) return CORRECTED
  return isStored
    ? { event: 'rewritten', detail: 'over the row before it' }
    : { event: 'filled', detail: 'after sessions that follow it' }
}

export function modeText({ mode }: RunRecord): string {
  return mode === 'backfill' ? 'in a backfill' : 'by a daily run'
}

const IN_DOUBT: ReadonlySet<string> = new Set(['implausible', 'unsettled', 'other'])

/** What a run says of a row that was stored before it and that it did not write. */
function storedEvents({ comparedFrom, verdict = '', ...said }: Said, { date, writes }: CellFacts): readonly Told[] {
  if (comparedFrom === undefined || comparedFrom > date) return []
  const { steps, mended, isHeld, basesDiffer, errors } = said
  if (basesDiffer && steps !== '') return [{ event: 'left', detail: steps }]
  if (isHeld || IN_DOUBT.has(verdict)) return [{ event: 'doubted', detail: verdict || 'held back' }]
  // Written then, and written over since.
  if (mended > 0 && steps !== '') return [{ event: 'mended', detail: steps }]
  // FMP has no row of what was carried over: there is nothing to compare.
  const isCompared = errors.length === 0 && !writes.some(({ isCarried }) => isCarried)
  return isCompared ? [{ event: 'compared', detail: "equal to FMP's row" }] : []
}

/** What a run says of a session that was not stored before it and that it did not store. */
function absentEvents(said: Said, date: IsoDate, isAsked: boolean): readonly Told[] {
  const { through, isHeld, verdict, errors, noData, missing } = said
  const isBehind = through === undefined || through < date
  if (isHeld && isBehind) return [{ event: 'held', detail: verdict ?? 'its past is in doubt' }]
  if (!isAsked) return []
  const [error] = errors
  if (error !== undefined) return [{ event: 'failed', detail: oneLine(error) }]
  const lacking = isBehind ? noData : missing
  return lacking === 0
    ? []
    : [{ event: 'no_bar', detail: `${counted(lacking, 'session')} of the symbol without a bar` }]
}
