// What a run can be told: every setting with its flag, its variable, its default and the texts for people. Argv, the
// configuration, --help, the reference page (README.md beside this file) and the workflow's test all read these tables.
// They name the schema of a value and do not import it: --help would wait 7 ms for the schemas.

import { DATASET_WORDS } from '../core/config.ts'
import type { SchemaName } from './schemas.ts'

export type Setting = {
  /** `--out`, or a word in capitals for the argument that has no flag. */
  readonly flag?: string
  /** Read where the flag is not given. */
  readonly variable?: string
  /** What stands for the value in help. A flag without a hint is a switch. */
  readonly hint?: string
  /** What the value must be, by its name in schemas.ts. */
  readonly value: SchemaName
  /** As a user would write it: it goes through the schema like any other value. */
  readonly default?: string
  /** What holds without a value, where that is no default of this setting. */
  readonly otherwise?: string
  /** One line, without the default. A variable without one is left out of --help. */
  readonly help?: string
  /** More for the reference page, whole sentences in Markdown: units, limits, the reason for a default. */
  readonly details?: string
  /** The only datasets that the flag has a meaning for. */
  readonly only?: 'prices' | 'statements'
  /** Whether the value is kept out of everything that is printed or stored. */
  readonly isSecret?: true
}

/** By the same names as in `Config`, where there is one. */
export type Settings = Readonly<Record<string, Setting>>

/** A flag without a value. Its variable is `true` or `false`, `1` or `0`, `yes` or `no`. */
export const SWITCH = { value: 'switch', default: 'false' } as const

/** The settings of a run that have a flag, in the order of --help. */
export const FLAGS = {
  tickersPath: {
    flag: '--tickers-path',
    variable: 'TICKERS_PATH',
    hint: 'PATH',
    value: 'listPath',
    default: 'tickers.csv',
    help: 'CSV file of symbols: a path or s3://bucket/key',
  },
  tickers: { flag: '--tickers', hint: 'A,B', value: 'text', help: 'symbols on the command line instead of a file' },
  skipsBadTickers: {
    flag: '--skip-bad-tickers',
    ...SWITCH,
    help: 'take the rest of a list whose lines are not all symbols',
    details:
      'Each line that is left out is named in a warning. A list of which the column of symbols is not certain is refused all the same.',
  },
  backfill: {
    flag: '--backfill',
    ...SWITCH,
    help: 'one file per symbol and year instead of one per day; without dates the year of the last session',
    details: 'The last session is the last one before today.',
    only: 'prices',
  },
  backfillDays: {
    flag: '--backfill-days',
    hint: 'N',
    value: 'days',
    help: 'from N calendar days before today',
    only: 'prices',
  },
  fromDate: {
    flag: '--from-date',
    hint: 'D',
    value: 'date',
    help: 'first date, inclusive, YYYY-MM-DD, 1990 to 2035',
    only: 'prices',
  },
  toDate: {
    flag: '--to-date',
    hint: 'D',
    value: 'date',
    otherwise: 'the last session before today',
    help: 'last date, inclusive, YYYY-MM-DD, 1990 to 2035',
    only: 'prices',
  },
  lookback: {
    flag: '--lookback',
    hint: 'N',
    value: 'count',
    default: '5',
    help: 'without dates: fill at least the last N sessions',
    details: 'Five sessions are a week of trading.',
    only: 'prices',
  },
  isForced: { flag: '--force', ...SWITCH, help: 'fetch and overwrite even where a file exists' },
  out: {
    flag: '--out',
    hint: 'WHERE',
    value: 'target',
    otherwise: 's3://$S3_BUCKET',
    help: 'a folder or s3://bucket to store in',
    details: 'It overrides `S3_BUCKET`. The path within a bucket is set by `S3_RAW_PREFIX`.',
  },
  datasets: {
    flag: '--dataset',
    hint: 'NAMES',
    value: 'datasets',
    default: 'prices',
    help: `what to fetch, names joined by commas: ${DATASET_WORDS.join(', ')}`,
    details: '`fundamentals` means all statements.',
  },
  periods: {
    flag: '--period',
    variable: 'STATEMENT_PERIOD',
    hint: 'PERIOD',
    value: 'periods',
    default: 'both',
    help: 'of statements: annual, quarter or both',
    only: 'statements',
  },
  mending: {
    flag: '--mend',
    variable: 'MEND',
    hint: 'WHAT',
    value: 'mending',
    default: 'all',
    help: 'where a split or dividend has moved the past of a symbol, fetch it again: all, splits or none',
    details: 'With `none`, or `splits` and a dividend, new sessions are added to the old base, warned of and counted.',
    only: 'prices',
  },
  auditEvery: {
    flag: '--audit',
    variable: 'AUDIT',
    hint: 'N',
    value: 'countOrNone',
    otherwise: 'a tenth of the symbols, 20 at most',
    help: 'compare all that is stored of a symbol every N sessions; 0: never',
    details: 'It takes no further call: the night’s own calls reach back ten years.',
    only: 'prices',
  },
  accepts: {
    flag: '--accept',
    hint: 'A,B',
    value: 'symbolNames',
    help: 'take the past of these symbols as FMP has it now, whatever it looks like; all: of every symbol',
    only: 'prices',
  },
  acceptedSessions: {
    flag: '--accept-session',
    hint: 'D',
    value: 'dates',
    help: 'store a session of the last three though it looks wrong for the whole market',
    details: 'Several are joined by commas.',
    only: 'prices',
  },
  noAdjClose: {
    flag: '--no-adj-close',
    variable: 'NO_ADJ_CLOSE',
    ...SWITCH,
    help: 'one call a symbol instead of two; adjClose is null',
    only: 'prices',
  },
  maxCalls: {
    flag: '--max-calls',
    variable: 'MAX_CALLS',
    hint: 'N',
    value: 'count',
    otherwise: 'none',
    help: 'stop cleanly rather than make more than N API calls',
    details: 'Retries count. The exit code is then 3.',
  },
  keepsTables: {
    flag: '--table',
    variable: 'TABLE',
    ...SWITCH,
    help: 'keep the tables up to date that readers take in one line: `ingest sql` prints it',
    details: 'They are made of the stored files, below `S3_TABLE_PREFIX`. `ingest table` does the same without a run.',
  },
  isDryRun: {
    flag: '--dry-run',
    ...SWITCH,
    help: 'look at what is stored and print files, calls and time; no call',
    details: 'Nothing is written, and no API key is needed.',
  },
  showsKeys: {
    flag: '--keys',
    ...SWITCH,
    help: 'with --dry-run: also every key that could be written, one a line',
  },
  isJson: {
    flag: '--json',
    ...SWITCH,
    help: 'the metrics document on stdout instead of the summary',
    details: 'With `--dry-run` one object `{files, calls, seconds}`.',
  },
  isQuiet: {
    flag: '--quiet',
    ...SWITCH,
    help: 'errors only; nothing at all when the exit code is 0',
    details:
      'With another exit code the summary stays. What `--dry-run` and `--json` print is asked for and stays in any case.',
  },
  envFile: {
    flag: '--env-file',
    hint: 'PATH',
    value: 'text',
    help: 'read variables from a file that nobody else may read',
    details:
      'For cron, whose environment is bare. One `NAME=VALUE` a line; comments, quotes and `export` are understood, nothing is replaced within a value. What the environment sets goes first. Refused when group or others have any right to it (`chmod 600`). [More](../../.github/deploy/README.md#the-file-of-variables)',
  },
  ping: {
    flag: '--ping',
    variable: 'PING_URL',
    hint: 'URL',
    value: 'pingUrl',
    help: 'tell a monitor of start, success and failure',
    details:
      'An address of healthchecks.io or the like: `/start` is added to its path at the start, `/fail` after a failure, nothing after a success; the body is the summary. A ping that fails is a warning. The address is never shown; as a flag the process list shows it, so prefer the variable. A dry run pings nobody. [More](../../.github/deploy/README.md#pings)',
    isSecret: true,
  },
  allowsUnsafeStore: {
    flag: '--allow-unsafe-store',
    ...SWITCH,
    help: 'accept a store that ignores create-only writes',
  },
  nowMs: {
    flag: '--now',
    hint: 'INSTANT',
    value: 'instant',
    otherwise: 'the clock',
    help: 'rehearse: be at this instant, in ISO with a zone',
    details: 'It needs `--dry-run`, or a test server in `FMP_BASE_URL`.',
  },
} as const satisfies Settings
