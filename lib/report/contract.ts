// The documents that other programs read: the metrics of a run and the JSON of a dry run. Their fields are a contract: new
// fields may be added, and none changes its meaning.

import type { DatasetName, FmpApi } from '../core/config.ts'
import type { IsoDate } from '../core/dates.ts'
import type { ErrorKind } from '../core/errors.ts'
import type { Counts } from '../core/outcome.ts'

/** Counts of what was found in rows and files. */
export type Findings = {
  readonly rejected_rows: number
  readonly suspect_rows: number
  readonly rows_without_adj_close: number
  readonly bars_on_closed_days: number
  readonly would_shrink: number
  readonly differing_files: number
}

/** One symbol of one dataset. `counts` are of sessions; for statements, of documents. */
export type SymbolResult = Findings & {
  readonly symbol: string
  readonly dataset: DatasetName
  readonly files_written: number
  readonly rows_written: number
  /** Messages with their hints. */
  readonly errors: readonly string[]
  readonly counts: Counts
  /** The sum of `counts`. */
  readonly sessions: number
  readonly calls: number
  readonly first_date: IsoDate | null
  readonly through_date: IsoDate | null
}

/** The totals of one dataset. */
export type DatasetTotals = {
  readonly dataset: DatasetName
  readonly files_written: number
  readonly rows_written: number
  /** Stored documents that were replaced because the vendor changed them. */
  readonly restated: number
  readonly errors: number
  readonly calls: number
  readonly counts: Counts
}

/** The settings of a run, without secrets. */
export type SettingsShown = {
  readonly tickers: string
  readonly out: string
  readonly prefix: string
  readonly from_date: IsoDate | null
  readonly to_date: IsoDate | null
  readonly backfill_days: number | null
  readonly lookback: number
  readonly force: boolean
  readonly adj_close: boolean
  readonly max_calls: number | null
  readonly allow_unsafe_store: boolean
  readonly api: FmpApi
  readonly api_base_url: string
  readonly rate_limit_seconds: number
  readonly max_workers: number
  readonly upload_concurrency: number
  readonly api_timeout_seconds: number
}

/** The metrics document of a run. */
export type Metrics = Findings & {
  /** The run's start, ISO with `+00:00`. */
  readonly run_id: string
  /** The dates as widened; without dates, from the earliest date of all symbols. */
  readonly date_range: { readonly from: IsoDate | null; readonly to: IsoDate | null }
  readonly symbols_processed: number
  readonly files_written: number
  readonly rows_written: number
  readonly errors: number
  readonly duration_seconds: number
  readonly results: readonly SymbolResult[]
  readonly schema_version: number
  readonly program_version: string
  /** A random UUID of this process. */
  readonly run_uuid: string
  readonly mode: 'daily' | 'backfill'
  /** Names joined by commas. */
  readonly dataset: string
  readonly datasets: readonly DatasetTotals[]
  readonly settings: SettingsShown
  readonly now_overridden: boolean
  readonly run_errors: readonly string[]
  readonly counts: Counts
  readonly sessions: number
  readonly symbols: number
  readonly first_date: IsoDate | null
  readonly through_date: IsoDate | null
  readonly calls: number
  readonly retries: number
  readonly refused_calls: number
  readonly gate_wait_seconds: number
  readonly recovered_writes: number
  readonly stopped_by: ErrorKind | null
  readonly interrupted: boolean
}

/** `--dry-run --json`. */
export type DryRun = {
  /** Every key that may be written. */
  readonly files: readonly string[]
  readonly calls: number
  readonly seconds: number
}
