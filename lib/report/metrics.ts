// Builds the metrics document: the report of a run for other programs.

import {
  addCounts,
  ZERO_COUNTS,
  totalCount,
  type HeldSession,
  type SymbolOutcome,
  type VendorStats,
} from '../core/outcome.ts'
import type { DateRange } from '../core/dates.ts'
import { describeError, type IngestError } from '../core/errors.ts'
import { targetLocation, tickersLocation, type Config } from '../core/config.ts'
import type { Job } from '../pipeline/pipeline.ts'
import { oneLine } from '../core/text.ts'
import type { DatasetTotals, Findings, Metrics, SymbolResult } from './contract.ts'
import { runIdOf } from './json-schema.ts'
import { pastTotals, symbolPast } from './past.ts'
import { shardFact } from './shard.ts'
import { endOf, type EndFacts } from './exit-code.ts'

/** Incremented when a field changes its meaning or is removed. */
const SCHEMA_VERSION = 1

/** All that the metrics of a run are built from. */
export type RunFacts = EndFacts & {
  readonly config: Config
  readonly version: string
  readonly runUuid: string
  /** The run's start in milliseconds since 1970; with `--now`, that instant. */
  readonly startMs: number
  readonly durationSeconds: number
  /** The dates as widened; without dates, from the earliest of all symbols. Undefined if no session was asked for. */
  readonly range: DateRange | undefined
  readonly jobs: readonly Pick<Job, 'dataset' | 'unit'>[]
  readonly outcomes: readonly SymbolOutcome[]
  /** Without failed writes of the run's own files. */
  readonly runErrors: readonly IngestError[]
  readonly heldSessions: readonly HeldSession[]
  readonly vendorStats: VendorStats
  readonly recoveredWrites: number
  /** Files of the tables. */
  readonly tableFilesWritten: number
}

/** The metrics document, with its fields in the order in which they are written. */
export function buildMetrics(facts: RunFacts): Metrics {
  const { config, outcomes, stoppedBy, vendorStats } = facts
  const datasets = facts.jobs.map((job) => datasetTotals(job, outcomes))
  // Counts and dates are of sessions only: documents are counted by dataset.
  const totals = datasets.filter(({ unit }) => unit === 'sessions')
  const counts = totals.reduce((sum, total) => addCounts(sum, total.counts), ZERO_COUNTS)
  const ofSessions = outcomes.filter((outcome) => totals.some((total) => total.dataset === outcome.dataset))
  const runErrors = [...facts.runErrors, ...facts.lostFiles]
  const total = (valueOf: (outcome: SymbolOutcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + valueOf(outcome), 0)
  const errors = total((outcome) => outcome.errors.length) + runErrors.length
  return {
    run_id: runIdOf(facts.startMs),
    date_range: { from: facts.range?.from ?? null, to: facts.range?.to ?? null },
    ...endOf(errors, facts),
    symbols_processed: distinct(outcomes) - distinct(outcomes.filter(({ isFinished }) => !isFinished)),
    files_written: total(({ filesWritten }) => filesWritten),
    rows_written: total(({ rowsWritten }) => rowsWritten),
    errors,
    duration_seconds: Math.round(facts.durationSeconds * 1_000) / 1_000,
    results: outcomes.map(symbolResult),
    schema_version: SCHEMA_VERSION,
    program_version: facts.version,
    run_uuid: facts.runUuid,
    mode: config.dates.mode,
    dataset: config.datasets.join(','),
    datasets,
    settings: settingsOf(config),
    now_overridden: config.nowMs !== undefined,
    run_errors: runErrors.map(describeError),
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
    first_date: ofSessions.flatMap(({ first }) => first ?? []).toSorted()[0] ?? null,
    through_date:
      ofSessions
        .flatMap(({ through }) => through ?? [])
        .toSorted()
        .at(-1) ?? null,
    calls: vendorStats.calls,
    retries: vendorStats.retries,
    refused_calls: vendorStats.limited,
    gate_wait_seconds: Math.round(vendorStats.gateWaitMs) / 1_000,
    recovered_writes: facts.recoveredWrites,
    table_files_written: facts.tableFilesWritten,
    stopped_by: stoppedBy?.kind ?? null,
    interrupted: facts.interruptCode !== undefined,
    ...pastTotals(outcomes),
    held_sessions: facts.heldSessions,
    shard: shardFact(config.shard),
    run_group: config.runGroup ?? null,
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
    past: symbolPast(outcome.past),
  }
}

/** The number of different symbols. */
function distinct(outcomes: readonly SymbolOutcome[]): number {
  return new Set(outcomes.map(({ symbol }) => symbol)).size
}

function datasetTotals({ dataset, unit }: RunFacts['jobs'][number], all: readonly SymbolOutcome[]): DatasetTotals {
  const outcomes = all.filter((outcome) => outcome.dataset === dataset)
  const total = (valueOf: (outcome: SymbolOutcome) => number) =>
    outcomes.reduce((sum, outcome) => sum + valueOf(outcome), 0)
  return {
    dataset,
    unit,
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
    mend: config.mending,
    audit: config.auditEvery ?? null,
    accept: config.accepts,
    accept_session: config.acceptedSessions,
    allow_unsafe_store: config.allowsUnsafeStore,
    api: config.api,
    api_base_url: config.apiBaseUrl,
    rate_limit_seconds: config.rateLimitSeconds,
    ledger: config.usesLedger,
    daily_calls: config.dailyCalls ?? null,
    max_workers: config.maxWorkers,
    upload_concurrency: config.uploadConcurrency,
    api_timeout_seconds: config.apiTimeoutSeconds,
  }
}
