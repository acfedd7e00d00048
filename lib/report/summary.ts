// The texts of a run for people: the plan line, the dry run and the summary. No I/O.

import type { DateRange } from '../core/dates.ts'
import { counted, grouped } from '../core/text.ts'
import { callIntervalSeconds, type CallPace, type Config } from '../core/config.ts'
import type { Ending } from './exit-code.ts'
import type { DryRun } from './contract.ts'
import type { Freshness, Job } from '../pipeline/pipeline.ts'
import { comparedText, pastEntries } from './past.ts'
import { partText, shardFact } from './shard.ts'

const RULE = '='.repeat(60)

/** `1,000 calls, one per 15 s: about 4 h 10 min`. */
export function planLine(calls: number, intervalSeconds: number): string {
  const many = `${grouped(calls)} ${calls === 1 ? 'call' : 'calls'}`
  if (calls === 0) return 'Nothing to fetch: 0 calls'
  if (intervalSeconds === 0) return `${many}, no rate limit`
  return `${many}, one per ${intervalSeconds} s: about ${durationText(calls * intervalSeconds)}`
}

/** `45 s`, `12 min`, `4 h 10 min`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return minutes % 60 === 0
    ? `${grouped(minutes / 60)} h`
    : `${grouped(Math.floor(minutes / 60))} h ${minutes % 60} min`
}

/** What a dry run tells besides the plan itself. */
type DryRunSettings = CallPace & Pick<Config, 'maxCalls' | 'showsKeys'>

/** The same dates as a backfill. */
export type BackfillInstead = { readonly jobs: readonly Job[]; readonly range: DateRange }

/** The dry run as text: totals, what a backfill would make of it, what is stored and, on demand, one key per line. */
export function dryRunText(jobs: readonly Job[], settings: DryRunSettings, instead?: BackfillInstead): string {
  const { maxCalls, showsKeys } = settings
  const intervalSeconds = callIntervalSeconds(settings)
  const keys = keysOf(jobs)
  const calls = callsOf(jobs)
  const part = partText(settings.shard)
  const lines = [
    ...(part === undefined ? [] : [`Shard: ${part}; what follows is of this shard alone`]),
    `Files: ${grouped(keys.length)}`,
    `Calls: ${grouped(calls)}`,
    `Time: ${planLine(calls, intervalSeconds)}`,
    ...(maxCalls === undefined ? [] : [daysLine(jobs, maxCalls)]),
    ...comparedLines(jobs),
    ...(instead === undefined ? [] : [insteadLine(instead, intervalSeconds)]),
    'Stored:',
    ...jobs.flatMap((job) => job.stored()).map((line) => `  ${line}`),
    ...(showsKeys && keys.length > 0 ? ['', ...keys] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** `Days: 3, at 240 calls a day`. Retries aside. */
function daysLine(jobs: readonly Job[], maxCalls: number): string {
  let days = 0
  let left = 0
  for (const calls of jobs.flatMap((job) => job.callsOfTasks()).filter((count) => count > 0)) {
    if (calls > maxCalls) {
      return `Days: no number of them is enough: one symbol needs ${grouped(calls)} calls at once and --max-calls is ${grouped(maxCalls)}`
    }
    if (calls > left) {
      days += 1
      left = maxCalls
    }
    left -= calls
  }
  return `Days: ${grouped(days)}, at ${grouped(maxCalls)} calls a day (--max-calls)`
}

/** `Compared: 500 symbols, 26 of them wholly; two calls …`. None where nothing that is stored will be compared. */
function comparedLines(jobs: readonly Pick<Job, 'compared'>[]): readonly string[] {
  const text = comparedTextOf(jobs)
  const more = 'two calls per ten stored years more for each symbol whose past has changed'
  return text === '' ? [] : [`Compared: ${text}; ${more}`]
}

/** `500 symbols, 26 of them wholly`, of all jobs; empty for none. */
export function comparedTextOf(jobs: readonly Pick<Job, 'compared'>[]): string {
  const symbols = jobs.reduce((sum, { compared }) => sum + compared.symbols, 0)
  const wholly = jobs.reduce((sum, { compared }) => sum + compared.wholly, 0)
  return comparedText(symbols, wholly)
}

/** `With --backfill: 60 files, 20 calls, 5 min; whole years, 2024-01-01 to 2024-09-16`. */
function insteadLine({ jobs, range }: BackfillInstead, intervalSeconds: number): string {
  const [files, calls] = [keysOf(jobs).length, callsOf(jobs)]
  const time = calls === 0 || intervalSeconds === 0 ? '' : `, ${durationText(calls * intervalSeconds)}`
  return `With --backfill: ${counted(files, 'file')}, ${counted(calls, 'call')}${time}; whole years, ${range.from} to ${range.to}`
}

/** The dry run for programs. */
export function dryRunJson(jobs: readonly Job[], pace: CallPace): DryRun {
  const calls = callsOf(jobs)
  return { files: keysOf(jobs), calls, seconds: calls * callIntervalSeconds(pace), shard: shardFact(pace.shard) }
}

function keysOf(jobs: readonly Job[]): readonly string[] {
  return jobs.flatMap((job) => job.keys())
}

/** The calls of all jobs, retries aside. */
export function callsOf(jobs: readonly Pick<Job, 'calls'>[]): number {
  return jobs.reduce((sum, { calls }) => sum + calls, 0)
}

/** The summary for stdout. */
export function summaryText(ending: Ending): string {
  const lines = [
    headline(ending),
    RULE,
    ...summaryEntries(ending).map(([label, value]) => `${label}: ${value}`),
    `📋 Metrics: ${ending.metricsLocation ?? 'could not be written'}`,
    RULE,
  ]
  return `${lines.join('\n')}\n`
}

/** The entries of the summary: those of every run, then those that are not zero or empty, then the duration. */
export function summaryEntries(ending: Ending): readonly (readonly [label: string, value: string])[] {
  const { metrics, freshness } = ending
  // Of sessions only: each dataset of documents has a line of its own.
  const { counts } = metrics
  const optional: readonly (readonly [string, number | string])[] = [
    ['⏭️  Already stored', counts.already_stored],
    ['∅  No data', counts.no_data],
    ['🕳️  Missing', counts.missing],
    ['💥 Failed sessions', counts.failed],
    ['🛑 Sessions not reached', counts.not_reached],
    ['📅 Through', freshness === undefined ? '' : throughText(freshness)],
    ...pastEntries(metrics),
    ['⚠️  Rejected rows', metrics.rejected_rows],
    ['🗑️  Rejects file', ending.rejectsLocation ?? ''],
    ['🗂️  Table files', metrics.table_files_written],
    ['⚠️  Suspect rows', metrics.suspect_rows],
    ['⚠️  Rows without adjClose', metrics.rows_without_adj_close],
    ['⚠️  Files that would shrink', metrics.would_shrink],
    ['⚠️  Files of another run that differ', metrics.differing_files],
  ]
  return [
    ['📊 Symbols', grouped(metrics.symbols_processed)],
    ['📁 Files written', grouped(metrics.files_written)],
    ['📝 Rows written', grouped(metrics.rows_written)],
    ['❌ Errors', grouped(metrics.errors)],
    ...documentEntries(ending),
    ...shardEntries(metrics),
    ...optional.flatMap(([label, value]) => {
      if (value === 0 || value === '') return []
      return [[label, typeof value === 'number' ? grouped(value) : value] as const]
    }),
    ['⏱️  Duration', `${grouped(metrics.duration_seconds, 1)}s`],
  ]
}

function shardEntries({ shard }: Ending['metrics']): readonly (readonly [label: string, value: string])[] {
  const part = partText(shard)
  return part === undefined ? [] : [['🧩 Shard', part]]
}

/** The newest stored date, and how many symbols have it: that is not always the newest session asked for. */
function throughText({ newest, symbols, late }: Freshness): string {
  const fresh = symbols - late.length
  const dates = late.flatMap(({ through }) => through ?? []).toSorted()
  const stored = fresh > 0 ? newest : dates.at(-1)
  if (stored === undefined) return ''
  const holders = fresh > 0 ? fresh : dates.filter((date) => date === stored).length
  return `${stored} (${grouped(holders)} of ${grouped(symbols)} symbols)`
}

/** One line for each dataset of documents. */
function documentEntries({ metrics }: Ending): readonly (readonly [label: string, value: string])[] {
  const { force } = metrics.settings
  const ofDocuments = metrics.datasets.filter(({ unit }) => unit === 'documents')
  return ofDocuments.map(({ dataset, counts, restated }) => {
    const parts: readonly (readonly [number, string])[] = [
      [counts.stored - restated, force ? 'written' : 'new'],
      [restated, 'restated'],
      [counts.already_stored, 'already stored'],
      [counts.no_data, 'without data'],
      [counts.rejected, 'rejected'],
      [counts.failed, 'failed'],
      [counts.not_reached, 'not reached'],
    ]
    const shown = parts.filter(([count]) => count > 0).map(([count, label]) => `${grouped(count)} ${label}`)
    return [`🧾 ${dataset}`, shown.length === 0 ? 'nothing' : shown.join(', ')] as const
  })
}

/** How the run ended, in a few words. */
export function headline({ metrics, stoppedBy }: Pick<Ending, 'metrics' | 'stoppedBy'>): string {
  if (metrics.interrupted) return '🛑 Ingestion Interrupted'
  if (stoppedBy !== undefined) return `🛑 Ingestion Stopped Early (${stoppedBy.kind})`
  return metrics.errors > 0 ? '⚠️  Ingestion Finished With Errors' : '✅ Ingestion Complete'
}
