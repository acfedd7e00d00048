// The settings of a run, as values: what every other room is told of flags and environment.

import type { IsoDate } from './dates.ts'

/** The vendor's own host, where the API answers unless another base URL is configured. */
export const FMP_BASE_URL = 'https://financialmodelingprep.com'

/** `stable` is the current API; `v3` is the legacy one, for keys of subscriptions from before 2025-08-31. */
export type FmpApi = 'stable' | 'v3'

/** The company statements that the program knows, as `--dataset` and the keys name them. */
export const STATEMENT_NAMES = ['income', 'balance', 'cashflow'] as const

export type StatementName = (typeof STATEMENT_NAMES)[number]

/** Every dataset, in the order in which a run takes them. */
export const DATASET_NAMES = ['prices', ...STATEMENT_NAMES] as const

export type DatasetName = (typeof DATASET_NAMES)[number]

/** The periods that a company reports on. */
export type ReportPeriod = 'annual' | 'quarter'

/** The dates as the user gave them; everything absent is an open end. */
export type AskedDates = {
  readonly mode: 'daily' | 'backfill'
  readonly fromDate: IsoDate | undefined
  readonly toDate: IsoDate | undefined
  readonly backfillDays: number | undefined
  /** In sessions; counts only for daily runs without dates. */
  readonly lookback: number
}

export type TickerSource =
  | { readonly kind: 'flag'; readonly list: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }

export type Target =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly bucket: string }

export type Config = {
  readonly tickers: TickerSource
  readonly dates: AskedDates
  /** At least one, in the order of `DATASET_NAMES`. */
  readonly datasets: readonly DatasetName[]
  /** What every file says of itself in its footer (`note`): the demo's only. */
  readonly fileNote: string | undefined
  /** Of statements. */
  readonly periods: readonly ReportPeriod[]
  readonly target: Target
  /** Key prefix of the data, without slashes at its ends. */
  readonly prefix: string
  readonly isForced: boolean
  readonly isDryRun: boolean
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly allowsUnsafeStore: boolean
  readonly withAdjClose: boolean
  readonly maxCalls: number | undefined
  /** Milliseconds since 1970 to be at instead of now. */
  readonly nowMs: number | undefined
  /** Empty only in a dry run. */
  readonly apiKey: string
  readonly api: FmpApi
  readonly apiBaseUrl: string
  readonly rateLimitSeconds: number
  readonly maxWorkers: number
  readonly uploadConcurrency: number
  readonly apiTimeoutSeconds: number
  /** Settings of the environment that are allowed and dangerous, in sentences. */
  readonly cautions: readonly string[]
  /** What must never be shown. */
  readonly secrets: readonly string[]
  /** `AWS_DEFAULT_REGION`, for where the SDK finds no region itself. */
  readonly defaultRegion: string | undefined
  readonly hasCustomEndpoint: boolean
  /** Undefined outside GitHub Actions. */
  readonly actionsJob: ActionsJob | undefined
}

/** What a Databricks bundle is written for. */
export type BundleSettings = {
  readonly folder: string
  /** Undefined where nobody has named one: the bundle then says what is missing. */
  readonly bucket: string | undefined
  /** Key prefix of the data, without slashes at its ends; may be empty. */
  readonly prefix: string
  readonly catalog: string
  readonly isForced: boolean
}

/** The job of GitHub Actions that a run is part of. */
export type ActionsJob = {
  /** The file whose Markdown is shown on the page of the workflow's run. */
  readonly summaryPath: string | undefined
  /** After this the job is cancelled, and the AWS credentials expire. */
  readonly timeoutMinutes: number | undefined
  readonly roleDurationSeconds: number | undefined
}

/** Where a ticker list is read from, undefined for one on the command line. */
export function tickersPlace(tickers: TickerSource): string | undefined {
  if (tickers.kind === 'flag') return undefined
  return tickers.kind === 's3' ? `s3://${tickers.bucket}/${tickers.key}` : tickers.path
}

/** Where a run stores, as `--out` names it. */
export function targetPlace(target: Target): string {
  return target.kind === 's3' ? `s3://${target.bucket}` : target.folder
}
