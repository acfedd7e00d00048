// What a run says to people: the plan line, the summary, and the exit code that goes with them. Pure text.

import type { Config } from './config.ts'
import type { Calendar } from './calendar.ts'
import { earlierOf, laterOf, type DateRange, type IsoDate } from './dates.ts'
import { IngestError } from './errors.ts'
import type { Metrics } from './metrics.ts'
import type { SymbolOutcome } from './outcome.ts'
import type { Period } from './period.ts'
import type { SymbolPlan } from './plan.ts'
import type { Holdings } from './survey.ts'

const RULE = '='.repeat(60)

/** Fewer symbols than this without the newest session say little about the session. */
const MIN_SYMBOLS_TO_JUDGE = 5

/** `1,000 calls, one per 15 s: about 4 h 10 min`. */
export function planLine(calls: number, rateLimitSeconds: number): string {
  const many = `${grouped(calls)} ${calls === 1 ? 'call' : 'calls'}`
  if (calls === 0) return 'Nothing to fetch: 0 calls'
  if (rateLimitSeconds === 0) return `${many}, no rate limit`
  return `${many}, one per ${rateLimitSeconds} s: about ${duration(calls * rateLimitSeconds)}`
}

function duration(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 === 0
    ? `${grouped(minutes / 60)} h`
    : `${grouped(Math.floor(minutes / 60))} h ${minutes % 60} min`
}

/** The dry run as text: one key a line, then totals and what is stored. */
export function dryRunText(plans: readonly SymbolPlan[], holdings: readonly Holdings[], config: Config): string {
  const keys = plans.flatMap(({ files }) => files.map(({ key }) => key))
  const calls = callsOf(plans)
  const stored = holdings.map(({ symbol, days, years, newest }) => {
    const kinds = [`${grouped(days.size)} day files`, `${grouped(years.size)} year files`]
    return `${symbol}: ${kinds.join(', ')} in range, newest session ${newest ?? 'none'}`
  })
  const totals = [
    `Files: ${grouped(keys.length)}`,
    `Calls: ${grouped(calls)}`,
    `Time: ${planLine(calls, config.rateLimitSeconds)}`,
  ]
  return [...keys, '', ...totals, 'Stored:', ...stored.map((line) => `  ${line}`)].map((line) => `${line}\n`).join('')
}

/** The dry run for programs. */
export function dryRunJson(plans: readonly SymbolPlan[], { rateLimitSeconds }: Config) {
  const calls = callsOf(plans)
  return { files: plans.flatMap(({ files }) => files.map(({ key }) => key)), calls, seconds: calls * rateLimitSeconds }
}

export function callsOf(plans: readonly SymbolPlan[]): number {
  return plans.reduce((sum, { calls }) => sum + calls, 0)
}

/** The range of a run: from the earliest to the latest of all symbols. */
export function rangeOf(plans: readonly SymbolPlan[]): DateRange | undefined {
  const ranges = plans.flatMap(({ range }) => range ?? [])
  return ranges.length === 0
    ? undefined
    : ranges.reduce((a, b) => ({ from: earlierOf(a.from, b.from), to: laterOf(a.to, b.to) }))
}

/** The newest session that a run may store. */
export function newestOf({ range }: Period, calendar: Calendar): IsoDate | undefined {
  return range && calendar.sessions(range).at(-1)
}

/**
 * The outcomes as the run judges them together. When the range reaches the last session before today and not one of
 * five or more answered symbols has its newest session, that is one error of the run, which takes the place of the
 * symbols' own complaints that there is no data.
 */
export function judgeNewest(
  outcomes: readonly SymbolOutcome[],
  { newest, lastSession }: { readonly newest: string | undefined; readonly lastSession: string },
): { readonly outcomes: readonly SymbolOutcome[]; readonly error: IngestError | undefined } {
  const answered = outcomes.filter(
    ({ isFinished, errors }) => isFinished && errors.every(({ kind }) => kind === 'no-data'),
  )
  const isJudged = newest !== undefined && newest >= lastSession && answered.length >= MIN_SYMBOLS_TO_JUDGE
  if (!isJudged || answered.some(({ through }) => (through ?? '') >= newest)) return { outcomes, error: undefined }
  const error = new IngestError(
    `FMP has no bars for ${newest} yet, or the market was closed: none of ${answered.length} symbols has it`,
    {
      kind: 'session-absent',
      scope: 'run',
      hint: 'Run again later; older sessions were stored as usual.',
    },
  )
  return { outcomes: outcomes.map(withoutComplaint), error }
}

function withoutComplaint(outcome: SymbolOutcome): SymbolOutcome {
  const own = outcome.errors.filter(({ kind }) => kind !== 'no-data')
  if (own.length === outcome.errors.length) return { ...outcome, lateWarning: undefined }
  const { failed, no_data, ...others } = outcome.counts
  return {
    ...outcome,
    errors: own,
    lateWarning: undefined,
    counts: { ...others, no_data: no_data + failed, failed: 0 },
  }
}

export type Ending = {
  readonly metrics: Metrics
  readonly stoppedBy: IngestError | undefined
  /** Where the metrics document is, or undefined where it could not be written. */
  readonly metricsPlace: string | undefined
  readonly newest: string | undefined
}

/** The summary for stdout. */
export function summaryText({ metrics, stoppedBy, metricsPlace, newest }: Ending): string {
  const { counts } = metrics
  const errors = metrics.errors + metrics.run_errors.length
  const has = metrics.results.filter(
    ({ through_date }) => newest !== undefined && (through_date ?? '') >= newest,
  ).length
  const news: readonly [number, string][] = [
    [counts.already_stored, `⏭️  Already stored: ${grouped(counts.already_stored)}`],
    [counts.no_data, `∅  No data: ${grouped(counts.no_data)}`],
    [counts.missing, `🕳️  Missing: ${grouped(counts.missing)}`],
    [counts.failed, `💥 Failed: ${grouped(counts.failed)}`],
    [counts.not_reached, `🛑 Not reached: ${grouped(counts.not_reached)}`],
    [newest === undefined ? 0 : 1, `📅 Through: ${newest} (${grouped(has)} of ${grouped(metrics.symbols)} symbols)`],
    [metrics.rejected_rows, `⚠️  Rejected rows: ${grouped(metrics.rejected_rows)}`],
    [metrics.suspect_rows, `⚠️  Suspect rows: ${grouped(metrics.suspect_rows)}`],
    [metrics.rows_without_adj_close, `⚠️  Rows without adjClose: ${grouped(metrics.rows_without_adj_close)}`],
    [metrics.would_shrink, `⚠️  Files that would shrink: ${grouped(metrics.would_shrink)}`],
    [metrics.differing_files, `⚠️  Files of another run that differ: ${grouped(metrics.differing_files)}`],
  ]
  const lines = [
    headline(stoppedBy, errors, metricsPlace),
    RULE,
    `📊 Symbols: ${metrics.symbols_processed}`,
    `📁 Files written: ${metrics.files_written}`,
    `📝 Rows written: ${metrics.rows_written}`,
    `❌ Errors: ${errors}`,
    ...news.filter(([count]) => count > 0).map(([, line]) => line),
    `⏱️  Duration: ${metrics.duration_seconds.toFixed(1)}s`,
    `📋 Metrics: ${metricsPlace ?? 'could not be written'}`,
    RULE,
  ]
  return `${lines.join('\n')}\n`
}

function headline(stoppedBy: IngestError | undefined, errors: number, metricsPlace: string | undefined): string {
  if (stoppedBy?.kind === 'interrupted') return '🛑 Ingestion Interrupted'
  if (stoppedBy !== undefined) return `🛑 Ingestion Stopped Early (${stoppedBy.kind})`
  return errors > 0 || metricsPlace === undefined ? '⚠️  Ingestion Finished With Errors' : '✅ Ingestion Complete'
}

const RESUMABLE: ReadonlySet<string> = new Set(['quota', 'bandwidth', 'budget'])

/** The exit code of a run that was not interrupted. */
export function exitCodeOf({ metrics, stoppedBy, metricsPlace }: Ending): 0 | 1 | 3 {
  if (metricsPlace === undefined) return 1
  if (stoppedBy !== undefined && RESUMABLE.has(stoppedBy.kind)) return 3
  return metrics.errors + metrics.run_errors.length > 0 || stoppedBy !== undefined ? 1 : 0
}

function grouped(value: number): string {
  return value.toLocaleString('en-US')
}
