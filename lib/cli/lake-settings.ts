// The settings of the commands that look at a lake: those that all share, and each command's own.

import { DATASET_NAMES, READERS } from '../core/config.ts'
import { SWITCH, type Settings } from './setting.ts'
import { FLAGS } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** What every command that looks at a lake takes, by the same flags and variables as a run. */
export const LAKE = {
  out: { ...FLAGS.out, help: 'the folder or s3://bucket of the lake' },
  tickers: { ...FLAGS.tickers, help: 'these symbols only' },
  tickersPath: {
    flag: '--tickers-path',
    variable: 'TICKERS_PATH',
    hint: 'PATH',
    value: 'listPath',
    otherwise: 'all symbols of the lake',
    help: 'the symbols of a CSV file: a path or s3://bucket/key',
  },
  skipsBadTickers: FLAGS.skipsBadTickers,
  isJson: {
    ...FLAGS.isJson,
    help: 'a JSON document on stdout instead of text',
    details: '`ingest schema` describes it.',
  },
  isQuiet: {
    ...FLAGS.isQuiet,
    help: 'nothing at all when the exit code is 0',
    details: 'What `--json` prints is asked for and stays in any case.',
  },
  envFile: FLAGS.envFile,
  nowMs: {
    ...FLAGS.nowMs,
    help: 'look as at this instant, in ISO with a zone',
    details: 'Sessions that are finished later count as not there yet.',
  },
} as const satisfies Settings

/** Of `ingest coverage`, beside `LAKE`. */
export const COVERAGE = {
  page: {
    flag: 'FILE.html',
    value: 'page',
    default: 'coverage.html',
    help: 'the page to write',
    details: 'A page that is there is replaced.',
  },
} as const satisfies Settings

/** Of `ingest verify`, beside `LAKE`. */
export const VERIFY = {
  fromDate: { ...FLAGS.fromDate, help: 'look at sessions from this date on, YYYY-MM-DD' },
  toDate: { ...FLAGS.toDate, otherwise: 'the last finished session', help: 'look at sessions up to this date' },
  isDeep: {
    flag: '--deep',
    ...SWITCH,
    help: 'read every byte and row, not listings and footers alone',
    details:
      'Bytes are compared with the hash that S3 keeps, in a folder with what the rows give when they are encoded anew.',
  },
  sample: {
    flag: '--sample',
    hint: 'N',
    value: 'count',
    help: 'ask FMP for N years of symbols, and compare every value',
    details: 'Two calls each. Which years is drawn by the date of the last finished session.',
  },
  maxCalls: { ...FLAGS.maxCalls, help: 'stop the sample rather than make more than N API calls' },
  shard: { ...FLAGS.shard, help: 'look at the Ith of N parts of the symbols, counted from 1; none: at all of them' },
} as const satisfies Settings

/** Of `ingest status`, beside `LAKE`. */
export const STATUS = {
  maxBehind: {
    flag: '--max-behind',
    hint: 'N',
    value: 'countOrNone',
    default: '1',
    help: 'how many finished sessions the newest stored one may be behind before the exit code is 1',
    details:
      'Sessions are counted by the calendar, so a weekend or a holiday is none. A run stores the last session before today: from 18:30 in New York on, the lake is one behind.',
  },
  runGroup: {
    flag: '--run-group',
    hint: 'ID',
    value: 'runGroup',
    help: 'instead: add up the runs of a group, and name the shards that are missing or have not finished',
    details:
      'The exit code is 1 if there is such a shard, or a document that cannot be read. [More](../commands/inspect/README.md#the-shards-of-a-run)',
  },
} as const satisfies Settings

/** Of `ingest why`, before `LAKE`: its arguments come first. */
export const WHY = {
  symbol: { flag: 'SYMBOL', value: 'symbol', help: 'the symbol, as FMP spells it' },
  date: { flag: 'DATE', value: 'anyDate', help: 'the session; of a statement the end of the fiscal period' },
  dataset: {
    flag: '--dataset',
    hint: 'NAME',
    value: 'datasetName',
    default: 'prices',
    help: `${DATASET_NAMES.slice(0, -1).join(', ')} or ${DATASET_NAMES.at(-1)}`,
  },
  asksFmp: {
    flag: '--ask',
    ...SWITCH,
    help: 'ask FMP what it has now, and judge by the rule of a run',
    details:
      'Two calls, a window of at most ten years; of a statement one for each of years and quarters. It needs `FMP_API_KEY`. Without it no call is made.',
  },
} as const satisfies Settings

/** Of `ingest table`: all that it takes. */
export const TABLE = {
  isRebuild: {
    flag: '--rebuild',
    ...SWITCH,
    help: 'make every file of the tables anew',
    details: 'One that was ended goes on where it was, within a day.',
  },
  isCheck: {
    flag: '--check',
    ...SWITCH,
    help: 'write nothing: read tables and stored files, and name every row that differs',
  },
  shard: {
    ...FLAGS.shard,
    help: "take the Ith of N parts of the tables' files, counted from 1; none: all of them",
  },
  out: LAKE.out,
  isJson: LAKE.isJson,
  isQuiet: LAKE.isQuiet,
  envFile: FLAGS.envFile,
  nowMs: { ...FLAGS.nowMs, help: 'be at this instant, in ISO with a zone' },
} as const satisfies Settings

/** Of `ingest sql`: all that it takes. */
export const SQL = {
  reader: { flag: 'READER', value: 'reader', default: 'duckdb', help: READERS.join(', ') },
  isTable: { flag: '--table', ...SWITCH, help: 'lines that read the tables; so it is without --raw' },
  isRaw: {
    flag: '--raw',
    ...SWITCH,
    help: 'lines that read the files as they are stored',
    details: 'They take of several rows of a symbol and date the newest, which tables have alone.',
  },
  out: LAKE.out,
  envFile: FLAGS.envFile,
} as const satisfies Settings

/** Of `ingest doctor`, beside `LAKE`: what a run would take. */
export const DOCTOR = {
  tickersPath: FLAGS.tickersPath,
  noAdjClose: FLAGS.noAdjClose,
  allowsUnsafeStore: FLAGS.allowsUnsafeStore,
  keepsTables: {
    ...FLAGS.keepsTables,
    help: 'check the tables too, as for a run that keeps them',
    details: 'Whether they can be listed, and whether the next run must list all stored files for them.',
  },
} as const satisfies Settings

/** The same with what it reads from the environment only. */
export const DOCTOR_SETTINGS = {
  ...DOCTOR,
  credentialsEnd: VARIABLES.credentialsEnd,
  sessionToken: VARIABLES.sessionToken,
  profile: VARIABLES.profile,
  roleDurationSeconds: VARIABLES.roleDurationSeconds,
} as const satisfies Settings
