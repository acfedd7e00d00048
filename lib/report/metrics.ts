// Builds and stores the metrics document: the report of a run for other programs.

import {
  addCounts,
  ZERO_COUNTS,
  totalCount,
  type SymbolOutcome,
  type Reject,
  type VendorStats,
} from '../core/outcome.ts'
import { utcDate, type DateRange } from '../core/dates.ts'
import { describeError, IngestError } from '../core/errors.ts'
import { targetLocation, tickersLocation, type Config, type DatasetName } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import { oneLine } from '../core/text.ts'
import type { DatasetTotals, Findings, Metrics, SymbolResult } from './contract.ts'

/** Incremented when a field changes its meaning or is removed. */
const SCHEMA_VERSION = 1

/** The most documents with one start second: far more runs than can start in one. */
const MAX_SUFFIX = 1_000

/** All that the metrics of a run are built from. */
export type RunFacts = {
  readonly config: Config
  readonly version: string
  readonly runUuid: string
  /** The run's start in milliseconds since 1970; with `--now`, that instant. */
  readonly startMs: number
  readonly durationSeconds: number
  /** The dates as widened; without dates, from the earliest of all symbols. Undefined if no session was asked for. */
  readonly range: DateRange | undefined
  readonly outcomes: readonly SymbolOutcome[]
  readonly runErrors: readonly IngestError[]
  readonly stoppedBy: IngestError | undefined
  readonly vendorStats: VendorStats
  readonly recoveredWrites: number
}

/** The metrics document, with its fields in the order in which they are written. */
export function buildMetrics(facts: RunFacts): Metrics {
  const { config, outcomes, stoppedBy, vendorStats } = facts
  const counts = outcomes.reduce((sum, outcome) => addCounts(sum, outcome.counts), ZERO_COUNTS)
  const total = (valueOf: (outcome: SymbolOutcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + valueOf(outcome), 0)
  return {
    run_id: new Date(facts.startMs).toISOString().replace('Z', '+00:00'),
    date_range: { from: facts.range?.from ?? null, to: facts.range?.to ?? null },
    symbols_processed: distinct(outcomes) - distinct(outcomes.filter(({ isFinished }) => !isFinished)),
    files_written: total(({ filesWritten }) => filesWritten),
    rows_written: total(({ rowsWritten }) => rowsWritten),
    errors: total(({ errors }) => errors.length),
    duration_seconds: Math.round(facts.durationSeconds * 1_000) / 1_000,
    results: outcomes.map(symbolResult),
    schema_version: SCHEMA_VERSION,
    program_version: facts.version,
    run_uuid: facts.runUuid,
    mode: config.dates.mode,
    dataset: config.datasets.join(','),
    datasets: config.datasets.map((name) => datasetTotals(name, outcomes)),
    settings: settingsOf(config),
    now_overridden: config.nowMs !== undefined,
    run_errors: facts.runErrors.map(describeError),
    counts,
    sessions: totalCount(counts),
    symbols: distinct(outcomes),
    ...findings({
      suspects: total(({ suspects }) => suspects),
      incomplete: total(({ incomplete }) => incomplete),
      rejects: outcomes.flatMap(({ rejects }) => rejects),
      closedDayBars: total(({ closedDayBars }) => closedDayBars),
      wouldShrink: total(({ wouldShrink }) => wouldShrink),
      differing: total(({ differing }) => differing),
    }),
    first_date: outcomes.flatMap(({ first }) => first ?? []).toSorted()[0] ?? null,
    through_date:
      outcomes
        .flatMap(({ through }) => through ?? [])
        .toSorted()
        .at(-1) ?? null,
    calls: vendorStats.calls,
    retries: vendorStats.retries,
    refused_calls: vendorStats.limited,
    gate_wait_seconds: Math.round(vendorStats.gateWaitMs) / 1_000,
    recovered_writes: facts.recoveredWrites,
    stopped_by: stoppedBy?.kind ?? null,
    interrupted: stoppedBy?.kind === 'interrupted',
  }
}

function symbolResult(outcome: SymbolOutcome): SymbolResult {
  return {
    symbol: outcome.symbol,
    files_written: outcome.filesWritten,
    rows_written: outcome.rowsWritten,
    errors: outcome.errors.map(describeError),
    counts: outcome.counts,
    sessions: totalCount(outcome.counts),
    ...findings(outcome),
    calls: outcome.calls,
    dataset: outcome.dataset,
    first_date: outcome.first ?? null,
    through_date: outcome.through ?? null,
  }
}

/** The number of different symbols. */
function distinct(outcomes: readonly SymbolOutcome[]): number {
  return new Set(outcomes.map(({ symbol }) => symbol)).size
}

/** The totals of one dataset. Its counts are sessions of prices, or documents of statements. */
function datasetTotals(dataset: DatasetName, all: readonly SymbolOutcome[]): DatasetTotals {
  const outcomes = all.filter((outcome) => outcome.dataset === dataset)
  const total = (valueOf: (outcome: SymbolOutcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + valueOf(outcome), 0)
  return {
    dataset,
    files_written: total(({ filesWritten }) => filesWritten),
    rows_written: total(({ rowsWritten }) => rowsWritten),
    restated: total(({ restated }) => restated),
    errors: total(({ errors }) => errors.length),
    calls: total(({ calls }) => calls),
    counts: outcomes.reduce((sum, outcome) => addCounts(sum, outcome.counts), ZERO_COUNTS),
  }
}

/** Findings in rows and files, by the document's field names. */
function findings(
  found: Pick<SymbolOutcome, 'suspects' | 'incomplete' | 'rejects' | 'closedDayBars' | 'wouldShrink' | 'differing'>,
): Findings {
  return {
    rejected_rows: found.rejects.length,
    suspect_rows: found.suspects,
    rows_without_adj_close: found.incomplete,
    bars_on_closed_days: found.closedDayBars,
    would_shrink: found.wouldShrink,
    differing_files: found.differing,
  }
}

function settingsOf(config: Config): Metrics['settings'] {
  const { tickers, target, dates } = config
  return {
    tickers: oneLine(tickersLocation(tickers) ?? '--tickers'),
    out: oneLine(targetLocation(target)),
    prefix: config.prefix,
    from_date: dates.fromDate ?? null,
    to_date: dates.toDate ?? null,
    backfill_days: dates.backfillDays ?? null,
    lookback: dates.lookback,
    force: config.isForced,
    adj_close: config.withAdjClose,
    max_calls: config.maxCalls ?? null,
    allow_unsafe_store: config.allowsUnsafeStore,
    api: config.api,
    api_base_url: config.apiBaseUrl,
    rate_limit_seconds: config.rateLimitSeconds,
    max_workers: config.maxWorkers,
    upload_concurrency: config.uploadConcurrency,
    api_timeout_seconds: config.apiTimeoutSeconds,
  }
}

/**
 * Stores the document at the first free key, and the rejected rows, if there are any, in a file with the same stem. Both
 * are redacted. Returns the document's key, and the error if only the rejects file could not be stored. Throws an
 * IngestError if the document cannot be stored.
 */
export async function storeMetrics(
  store: Store,
  metrics: Metrics,
  { outcomes, startMs }: RunFacts,
  redact: (text: string) => string,
): Promise<{ readonly key: string; readonly rejectsError: IngestError | undefined }> {
  const encoder = new TextEncoder()
  const stem = await createFirstFree(store, stemOf(startMs), encoder.encode(`${toJson(metrics, redact, 2)}\n`))
  const rejects = outcomes.flatMap((outcome) => outcome.rejects)
  if (rejects.length > 0) {
    const lines = rejects.map((reject) => `${toJson(withRedactedNames(reject, redact), redact)}\n`).join('')
    const rejectsKey = rejectsKeyOf(`${stem}.json`)
    const rejectsError = await store.create(rejectsKey, encoder.encode(lines), {}).then(
      (result) => (result === 'created' ? undefined : keyTakenError(`${store.locate(rejectsKey)} is there already`)),
      (error: unknown) => asIngestError(error),
    )
    return { key: `${stem}.json`, rejectsError }
  }
  return { key: `${stem}.json`, rejectsError: undefined }
}

/** The key of the rejects file of a metrics document. */
export function rejectsKeyOf(metricsKey: string): string {
  return metricsKey.replace(/\.json$/, '.rejects.jsonl')
}

/**
 * JSON in which every text value is redacted on its own: redacting the whole document would break it if a secret were a
 * word of JSON, such as `null`. Without `indent` it is one line.
 */
export function toJson(value: unknown, redact: (text: string) => string, indent?: number): string {
  return JSON.stringify(value, (_name, part: unknown) => (typeof part === 'string' ? redact(part) : part), indent)
}

/** Redacts the field names of a rejected row too: they come from the vendor, who may send any text back. */
function withRedactedNames(reject: Reject, redact: (text: string) => string): Reject {
  const row = Object.fromEntries(Object.entries(reject.row).map(([name, value]) => [redact(name), value]))
  return { ...reject, row }
}

function asIngestError(error: unknown): IngestError {
  if (error instanceof IngestError) return error
  throw error
}

function keyTakenError(message: string): IngestError {
  return new IngestError(message, { kind: 'store', scope: 'run', hint: 'Move it away, or run again a second later.' })
}

/** The key of a run's files, without suffix and extension. */
function stemOf(startMs: number): string {
  return `logs/ingest/date=${utcDate(startMs)}/run-${Math.floor(startMs / 1_000)}`
}

/** Creates the document at the first free key, and returns its stem. */
async function createFirstFree(store: Store, stem: string, bytes: Uint8Array): Promise<string> {
  for (let suffix = 1; suffix <= MAX_SUFFIX; suffix += 1) {
    const candidate = suffix === 1 ? stem : `${stem}-${suffix}`
    if ((await store.create(`${candidate}.json`, bytes, {})) === 'created') return candidate
  }
  throw keyTakenError(`${MAX_SUFFIX} metrics documents begin with ${store.locate(stem)}`)
}
