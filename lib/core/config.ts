// The settings of a run as values. No other room reads flags or the environment.

import type { IsoDate } from './dates.ts'
import { isPart, type Shard } from './shard.ts'

/** The writer's name in a file's `created_by`. A file of another writer is foreign. */
export const CREATOR = 'fmp-ingest'

/** The demo's name in the files that it writes: the program itself takes them for foreign. */
export const DEMO_CREATOR = 'fmp-ingest-demo'

/** The vendor's API host: the default of FMP_BASE_URL. */
export const FMP_BASE_URL = 'https://financialmodelingprep.com'

/** `stable` is the current API. `v3` is the legacy API, for keys of subscriptions that began before 2025-08-31. */
export type FmpApi = 'stable' | 'v3'

/** The company statements, by their names in `--dataset` and in keys. */
export const STATEMENT_NAMES = ['income', 'balance', 'cashflow'] as const

export type StatementName = (typeof STATEMENT_NAMES)[number]

/** Every dataset, in the order in which a run fetches them. */
export const DATASET_NAMES = ['prices', ...STATEMENT_NAMES] as const

export type DatasetName = (typeof DATASET_NAMES)[number]

/** The word of `--dataset` for all statements. */
export const ALL_STATEMENTS = 'fundamentals'

/** Every word that `--dataset` takes. */
export const DATASET_WORDS: readonly string[] = [...DATASET_NAMES, ALL_STATEMENTS]

/** What a run does where a symbol's past has moved: mend all of it, splits only, or nothing. */
export const MENDINGS = ['all', 'splits', 'none'] as const

export type Mending = (typeof MENDINGS)[number]

/** The readers that `ingest sql` prints lines for. */
export const READERS = ['duckdb', 'polars', 'pandas', 'pyarrow', 'spark', 'clickhouse', 'athena'] as const

export type ReaderName = (typeof READERS)[number]

/** The periods that a company reports on. */
export type ReportPeriod = 'annual' | 'quarter'

/** The dates as the user gave them. An end that is undefined is open. */
export type AskedDates = {
  readonly mode: 'daily' | 'backfill'
  readonly fromDate: IsoDate | undefined
  readonly toDate: IsoDate | undefined
  readonly backfillDays: number | undefined
  /** In sessions. Only daily runs without dates use it. */
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
  /** Whether a ticker list with cells that are not symbols is read without them. */
  readonly skipsBadTickers: boolean
  readonly dates: AskedDates
  /** At least one, in the order of `DATASET_NAMES`. */
  readonly datasets: readonly DatasetName[]
  /** The writer's name in the files of the run: the demo has its own. */
  readonly creator: string
  /** Written into every file's footer (`note`). Only the demo sets it. */
  readonly fileNote: string | undefined
  /** The periods of statements to fetch. */
  readonly periods: readonly ReportPeriod[]
  readonly mending: Mending
  /** Every symbol is compared wholly once in so many sessions; 0 is never. */
  readonly auditEvery: number | undefined
  /** Symbols whose past is taken as FMP has it now; `all` for all of them. */
  readonly accepts: readonly string[]
  /** Sessions that are stored though they look wrong for the whole market. */
  readonly acceptedSessions: readonly IsoDate[]
  readonly target: Target
  /** Key prefix of the data, without slashes at its ends. */
  readonly prefix: string
  /** Key prefix of the tables, without slashes at its ends. */
  readonly tablePrefix: string
  /** Whether the run keeps the tables up to date. */
  readonly keepsTables: boolean
  readonly isForced: boolean
  readonly isDryRun: boolean
  /** Whether a dry run prints the keys too. */
  readonly showsKeys: boolean
  readonly isJson: boolean
  readonly isQuiet: boolean
  readonly allowsUnsafeStore: boolean
  readonly withAdjClose: boolean
  readonly maxCalls: number | undefined
  /** Undefined: the whole list. */
  readonly shard: Shard | undefined
  /** The name of the runs that are one with this. */
  readonly runGroup: string | undefined
  /** Whether rate limit and daily calls are kept together with all processes that use the key. */
  readonly usesLedger: boolean
  /** Of a UTC day and all processes together. Only with a ledger. */
  readonly dailyCalls: number | undefined
  /** The time that replaces the clock, in milliseconds since 1970 (`--now`). */
  readonly nowMs: number | undefined
  /** Empty only in a dry run. */
  readonly apiKey: string
  readonly api: FmpApi
  readonly apiBaseUrl: string
  /** Of all processes that share the key; `callIntervalSeconds` is that of this one. */
  readonly rateLimitSeconds: number
  readonly maxWorkers: number
  readonly uploadConcurrency: number
  readonly apiTimeoutSeconds: number
  /** Shown at the start of the run, each a sentence: unsafe settings, made-up data. */
  readonly warnings: readonly string[]
  /** Texts that must never be printed or stored. */
  readonly secrets: readonly string[]
  /** `AWS_DEFAULT_REGION`: used if the SDK finds no region. */
  readonly defaultRegion: string | undefined
  /** How the bucket is addressed; undefined: by path where an endpoint is set, else as the SDK does. */
  readonly addressingStyle: 'path' | 'virtual' | undefined
  /** Undefined outside GitHub Actions. */
  readonly actionsJob: ActionsJob | undefined
}

/** How a store is opened. */
export type StoreSettings = Pick<
  Config,
  'allowsUnsafeStore' | 'uploadConcurrency' | 'defaultRegion' | 'addressingStyle'
>

/** How FMP is asked. */
export type VendorSettings = Pick<
  Config,
  | 'apiKey'
  | 'api'
  | 'apiBaseUrl'
  | 'rateLimitSeconds'
  | 'shard'
  | 'usesLedger'
  | 'dailyCalls'
  | 'maxWorkers'
  | 'apiTimeoutSeconds'
>

/** What the time between two calls follows from. */
export type CallPace = Pick<Config, 'rateLimitSeconds' | 'shard' | 'usesLedger'>

/**
 * The least time in seconds between the starts of two calls of this process. Without a ledger no shard knows of the others'
 * calls, so each takes as many times the limit as there are shards: all together keep it.
 */
export function callIntervalSeconds({ rateLimitSeconds, shard, usesLedger }: CallPace): number {
  const factor = isPart(shard) && !usesLedger ? shard.count : 1
  // Decimal fractions: three times 0.1 is 0.3.
  return Math.round(rateLimitSeconds * factor * 1e6) / 1e6
}

/** What all commands that look at a lake share. */
export type LakeConfig = StoreSettings &
  Pick<
    Config,
    | 'skipsBadTickers'
    | 'target'
    | 'prefix'
    | 'tablePrefix'
    | 'shard'
    | 'isJson'
    | 'isQuiet'
    | 'nowMs'
    | 'warnings'
    | 'secrets'
  > & {
    /** Undefined: all symbols of the lake. */
    readonly tickers: TickerSource | undefined
    /** Undefined where the command asks FMP for nothing. */
    readonly vendor: VendorSettings | undefined
  }

/** The settings of `ingest databricks`. */
export type BundleSettings = {
  readonly folder: string
  /** Undefined if no bucket is set: the bundle then says that it is missing. */
  readonly bucket: string | undefined
  /** Key prefix of the data, without slashes at its ends; may be empty. */
  readonly prefix: string
  readonly catalog: string
  readonly isForced: boolean
}

/** The settings of `ingest sql`. */
export type SqlSettings = Pick<
  Config,
  'target' | 'prefix' | 'tablePrefix' | 'defaultRegion' | 'addressingStyle' | 'secrets'
> & {
  readonly reader: ReaderName
  /** Whether the lines read the data itself in place of the tables that are made of it. */
  readonly readsRaw: boolean
}

/** The GitHub Actions job that the program runs in. */
export type ActionsJob = {
  /** The file for the step summary, in Markdown. GitHub shows it on the page of the workflow run. */
  readonly summaryPath: string | undefined
  /** When GitHub cancels the job. */
  readonly timeoutMinutes: number | undefined
  /** When the AWS credentials expire. */
  readonly roleDurationSeconds: number | undefined
}

/** The path or URL of the ticker list. Undefined for symbols on the command line. */
export function tickersLocation(tickers: TickerSource): string | undefined {
  if (tickers.kind === 'flag') return undefined
  return tickers.kind === 's3' ? `s3://${tickers.bucket}/${tickers.key}` : tickers.path
}

/** Where the run stores, in the form of `--out`. */
export function targetLocation(target: Target): string {
  return target.kind === 's3' ? `s3://${target.bucket}` : target.folder
}
