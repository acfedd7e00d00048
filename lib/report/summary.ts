// What a run says to people: the plan line, the dry run, the note on newcomers and the summary. Pure text.

import type { Agenda } from '../datasets/datasets.ts'
import { NO_SESSIONS } from '../core/outcome.ts'
import { newestOf as newestDocument } from '../datasets/statements/plan.ts'
import type { Period } from '../core/period.ts'
import type { SymbolPlan } from '../datasets/prices/plan.ts'
import { grouped, shellWord } from '../core/text.ts'
import { targetPlace, tickersPlace, type Config } from '../core/config.ts'
import { errorsIn, type Ending } from './exit-code.ts'

const RULE = '='.repeat(60)

/** `1,000 calls, one per 15 s: about 4 h 10 min`. */
export function planLine(calls: number, rateLimitSeconds: number): string {
  const many = `${grouped(calls)} ${calls === 1 ? 'call' : 'calls'}`
  if (calls === 0) return 'Nothing to fetch: 0 calls'
  if (rateLimitSeconds === 0) return `${many}, no rate limit`
  return `${many}, one per ${rateLimitSeconds} s: about ${durationText(calls * rateLimitSeconds)}`
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

/** The dry run as text: one key a line, then totals and what is stored. */
export function dryRunText(agenda: Agenda, config: Config): string {
  const keys = keysOf(agenda)
  const calls = callsOf(agenda.all)
  // A mode knows of its own kind of file only.
  const isDaily = config.dates.mode === 'daily'
  const stored = agenda.holdings.map(({ symbol, days, years, newest }) => {
    const files = isDaily ? `${grouped(days.size)} day files` : `${grouped(years.size)} year files`
    return `${symbol}: ${files} in reach, newest session ${newest ?? 'none'}`
  })
  const documents = agenda.documentPlans.map((plan) => {
    const { symbol, dataset } = plan
    return `${symbol}: ${grouped(plan.documents.size)} documents of ${dataset.name}, newest ${newestDocument(plan) ?? 'none'}`
  })
  const totals = [
    `Files: ${grouped(keys.length)}`,
    `Calls: ${grouped(calls)}`,
    `Time: ${planLine(calls, config.rateLimitSeconds)}`,
  ]
  return [...keys, '', ...totals, 'Stored:', ...[...stored, ...documents].map((line) => `  ${line}`)]
    .map((line) => `${line}\n`)
    .join('')
}

/** The dry run for programs. */
export function dryRunJson(agenda: Agenda, { rateLimitSeconds }: Config) {
  const calls = callsOf(agenda.all)
  return { files: keysOf(agenda), calls, seconds: calls * rateLimitSeconds }
}

/** Which documents the vendor has is known when it has answered: a pattern stands for those of a symbol. */
function keysOf({ plans, documentPlans }: Agenda): readonly string[] {
  const asked = documentPlans.filter(({ calls }) => calls > 0)
  return [
    ...plans.flatMap(({ dataset, symbol, files }) => files.map(({ partition }) => dataset.key(symbol, partition))),
    ...asked.map(({ dataset, symbol }) => `${dataset.folder(symbol)}year=*/docdate=*/*.parquet`),
  ]
}

/** The calls of all symbols, retries aside. */
export function callsOf(plans: readonly { readonly calls: number }[]): number {
  return plans.reduce((sum, { calls }) => sum + calls, 0)
}

/** A command with more symbols than this on its line is no help. */
const MAX_SYMBOLS_NAMED = 20

/** One note for all symbols that a daily run without dates found nothing of: how to get their history. */
export function newcomersNote(plans: readonly SymbolPlan[], period: Period, config: Config): string | undefined {
  const symbols = plans.filter(({ newest }) => newest === undefined).map(({ symbol }) => symbol)
  if (period.lookbackFrom === undefined || symbols.length === 0) return undefined
  const place = tickersPlace(config.tickers)
  const isNamed = place === undefined || symbols.length <= MAX_SYMBOLS_NAMED
  const list = isNamed ? ['--tickers', symbols.join(',')] : ['--tickers-path', place]
  const words = ['--backfill', '--backfill-days', '1825', ...list, '--out', targetPlace(config.target)]
  if (!config.withAdjClose) words.push('--no-adj-close')
  const [who, whose] =
    symbols.length === 1
      ? [`${symbols[0]} has nothing stored in the last 250 sessions and gets`, 'Its']
      : [`${symbols.length} symbols have nothing stored in the last 250 sessions and get`, 'Their']
  return `${who} the last session only. ${whose} history: ingest ${words.map(shellWord).join(' ')}`
}

/** The summary for stdout. */
export function summaryText(ending: Ending): string {
  const lines = [
    headline(ending),
    RULE,
    ...summaryEntries(ending).map(([label, value]) => `${label}: ${value}`),
    `📋 Metrics: ${ending.metricsPlace ?? 'could not be written'}`,
    RULE,
  ]
  return `${lines.join('\n')}\n`
}

/** What the summary tells, each a label and a value: what every run has, then what is news, then the duration. */
export function summaryEntries(ending: Ending): readonly (readonly [label: string, value: string])[] {
  const { metrics, newest } = ending
  // Of statements each has a line of its own.
  const counts = metrics.datasets.find(({ dataset }) => dataset === 'prices')?.counts ?? NO_SESSIONS
  const has = metrics.results.filter(
    ({ dataset, through_date }) => dataset === 'prices' && newest !== undefined && (through_date ?? '') >= newest,
  ).length
  const through = newest === undefined ? '' : `${newest} (${grouped(has)} of ${grouped(metrics.symbols)} symbols)`
  const news: readonly (readonly [string, number | string])[] = [
    ['⏭️  Already stored', counts.already_stored],
    ['∅  No data', counts.no_data],
    ['🕳️  Missing', counts.missing],
    ['💥 Failed sessions', counts.failed],
    ['🛑 Sessions not reached', counts.not_reached],
    ['📅 Through', through],
    ['⚠️  Rejected rows', metrics.rejected_rows],
    ['⚠️  Suspect rows', metrics.suspect_rows],
    ['⚠️  Rows without adjClose', metrics.rows_without_adj_close],
    ['⚠️  Files that would shrink', metrics.would_shrink],
    ['⚠️  Files of another run that differ', metrics.differing_files],
  ]
  return [
    ['📊 Symbols', String(metrics.symbols_processed)],
    ['📁 Files written', String(metrics.files_written)],
    ['📝 Rows written', String(metrics.rows_written)],
    ['❌ Errors', String(errorsIn(ending))],
    ...statementEntries(ending),
    ...news.flatMap(([label, value]) => {
      if (value === 0 || value === '') return []
      return [[label, typeof value === 'number' ? grouped(value) : value] as const]
    }),
    ['⏱️  Duration', `${metrics.duration_seconds.toFixed(1)}s`],
  ]
}

/** One line for each statement; documents are counted. */
function statementEntries({ metrics }: Ending): readonly (readonly [label: string, value: string])[] {
  return metrics.datasets
    .filter(({ dataset }) => dataset !== 'prices')
    .map(({ dataset, counts, restated }) => {
      const parts: readonly (readonly [number, string])[] = [
        [counts.stored - restated, metrics.settings.force ? 'written' : 'new'],
        [restated, 'restated'],
        [counts.already_stored, 'already stored'],
        [counts.no_data, 'without data'],
        [counts.rejected, 'rejected'],
        [counts.failed, 'failed'],
        [counts.not_reached, 'not reached'],
      ]
      const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${grouped(count)} ${what}`)
      return [`🧾 ${dataset}`, told.length === 0 ? 'nothing' : told.join(', ')] as const
    })
}

/** How the run ended, in a few words. */
export function headline(ending: Ending): string {
  const { stoppedBy } = ending
  if (stoppedBy?.kind === 'interrupted') return '🛑 Ingestion Interrupted'
  if (stoppedBy !== undefined) return `🛑 Ingestion Stopped Early (${stoppedBy.kind})`
  return errorsIn(ending) > 0 ? '⚠️  Ingestion Finished With Errors' : '✅ Ingestion Complete'
}
