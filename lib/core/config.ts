// The settings of a run, as values made from flags and environment variables.

import type { IsoDate } from './dates.ts'

/** The base URL of the API, unless another one is configured. */
export const FMP_BASE_URL = 'https://financialmodelingprep.com'

/** `stable` is the current API. `v3` is the legacy API, for keys of subscriptions that began before 2025-08-31. */
export type FmpApi = 'stable' | 'v3'

/** The company statements, by their names in `--dataset` and in keys. */
export const STATEMENT_NAMES = ['income', 'balance', 'cashflow'] as const

export type StatementName = (typeof STATEMENT_NAMES)[number]

/** Every dataset, in the order in which a run fetches them. */
export const DATASET_NAMES = ['prices', ...STATEMENT_NAMES] as const

export type DatasetName = (typeof DATASET_NAMES)[number]

/** The periods that a company reports on. */
export type ReportPeriod = 'annual' | 'quarter'

/** The dates as the user gave them. An end that is undefined is open. */
export type AskedDates = {
  readonly mode: 'daily' | 'backfill'
  readonly fromDate: IsoDate | undefined
  readonly toDate: IsoDate | undefined
  readonly backfillDays: number | undefined
  /** In sessions; used only by daily runs without dates. */
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
  /** Written into every file's footer as `note`; only the demo sets it. */
  readonly fileNote: string | undefined
  /** The report periods of statements to fetch. */
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
  /** The instant of `--now` in milliseconds since 1970. Undefined: the clock's. */
  readonly nowMs: number | undefined
  /** Empty only in a dry run. */
  readonly apiKey: string
  readonly api: FmpApi
  readonly apiBaseUrl: string
  readonly rateLimitSeconds: number
  readonly maxWorkers: number
  readonly uploadConcurrency: number
  readonly apiTimeoutSeconds: number
  /** Warnings about environment settings that are allowed but unsafe, in sentences. */
  readonly unsafeSettings: readonly string[]
  /** Texts that no output may show. */
  readonly secrets: readonly string[]
  /** `AWS_DEFAULT_REGION`: used if the SDK finds no region. */
  readonly defaultRegion: string | undefined
  readonly hasCustomEndpoint: boolean
  /** Undefined outside GitHub Actions. */
  readonly actionsJob: ActionsJob | undefined
}

/** The settings of `ingest databricks`. */
export type BundleSettings = {
  readonly folder: string
  /** Undefined if none is set: the bundle then says what is missing. */
  readonly bucket: string | undefined
  /** Key prefix of the data, without slashes at its ends; may be empty. */
  readonly prefix: string
  readonly catalog: string
  readonly isForced: boolean
}

/** The GitHub Actions job that runs the program. */
export type ActionsJob = {
  /** The file for the step summary: Markdown that GitHub shows on the page of the workflow run. */
  readonly summaryPath: string | undefined
  /** GitHub cancels the job after this time. */
  readonly timeoutMinutes: number | undefined
  /** The AWS credentials of the job expire after this time. */
  readonly roleDurationSeconds: number | undefined
}

/** The path or URL of the ticker list; undefined if the symbols are given on the command line. */
export function tickersLocation(tickers: TickerSource): string | undefined {
  if (tickers.kind === 'flag') return undefined
  return tickers.kind === 's3' ? `s3://${tickers.bucket}/${tickers.key}` : tickers.path
}

/** Where a run stores its files, in the form of `--out`. */
export function targetLocation(target: Target): string {
  return target.kind === 's3' ? `s3://${target.bucket}` : target.folder
}
