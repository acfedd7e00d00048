// The documents that other programs read: the metrics of a run, the rejected rows beside it, and the JSON of a dry run. Each
// is written once, as a JSON Schema from which its type follows (`ingest schema` prints it). The fields are a contract: new
// ones may be added, and none changes its meaning.

import { DATASET_NAMES, MENDINGS } from '../core/config.ts'
import type { ErrorKind } from '../core/errors.ts'
import type { Reject } from '../core/outcome.ts'
import { countsOf } from './counts.ts'
import { COVERAGE } from './coverage.ts'
import { DOCTOR } from './doctor.ts'
import { HELD_SESSIONS, PAST_TOTALS, SYMBOL_PAST } from './past.ts'
import { RUN_GROUP } from './run-group.ts'
import { SHARD } from './shard.ts'
import { TABLE } from './table.ts'
import { STATUS } from './status.ts'
import { VERIFY } from './verify.ts'
import { WHY } from './why.ts'
import {
  amount,
  anyObject,
  count,
  date,
  documentOf,
  flag,
  list,
  object,
  oneNumberOf,
  oneOf,
  orNull,
  RUN_ID,
  text,
  type JsonSchema,
  type Schema,
  type TypeOf,
} from './json-schema.ts'

/** Every kind of error: a kind that is not listed here does not compile. */
const ERROR_KINDS: Readonly<Record<ErrorKind, true>> = {
  usage: true,
  interrupted: true,
  network: true,
  timeout: true,
  quota: true,
  bandwidth: true,
  budget: true,
  'closed-output': true,
  'plan-limit': true,
  'plan-period': true,
  'no-data': true,
  'foreign-file': true,
  validation: true,
  key: true,
  plan: true,
  server: true,
  request: true,
  payload: true,
  past: true,
  store: true,
  shrink: true,
  'session-absent': true,
  output: true,
  bug: true,
}

const dataset = oneOf(DATASET_NAMES, 'The dataset')

/** Counts of what was found in rows and files. */
const FINDINGS = {
  rejected_rows: count('Rows that broke a hard rule; they are in the rejects file'),
  suspect_rows: count('Stored rows that look wrong'),
  rows_without_adj_close: count('Stored rows without adjClose, because the vendor has none'),
  bars_on_closed_days: count('Bars on days when the market was closed'),
  would_shrink: count('Files that were left, because the new ones would be shorter'),
  differing_files: count("Files that another run stored meanwhile, with other rows than this run's"),
}

const SYMBOL_RESULT = object(
  {
    symbol: text('The symbol'),
    files_written: count('Files written'),
    rows_written: count('Rows in these files'),
    errors: list(text('Message and hint'), 'The errors of this symbol'),
    counts: countsOf('sessions (of statements: documents)'),
    sessions: count('The sum of counts'),
    ...FINDINGS,
    calls: count('API calls made, retries included'),
    dataset,
    first_date: orNull(date('The oldest bar or document that is known to be stored')),
    through_date: orNull(date('The newest one')),
    past: SYMBOL_PAST,
  },
  'One symbol of one dataset',
)

const DATASET_TOTALS = object(
  {
    dataset,
    unit: oneOf(['sessions', 'documents'], 'What counts are of'),
    files_written: count('Files written'),
    rows_written: count('Rows in these files'),
    restated: count('Stored documents that were replaced because the vendor changed them'),
    errors: count('Errors of its symbols'),
    calls: count('API calls made, retries included'),
    counts: countsOf('sessions (of statements: documents)'),
  },
  'The totals of one dataset',
)

const SETTINGS_SHOWN = object(
  {
    tickers: text('The path or URL of the ticker list, or `--tickers`'),
    out: text('The folder, or s3://bucket'),
    prefix: text('S3_RAW_PREFIX'),
    from_date: orNull(date('--from-date')),
    to_date: orNull(date('--to-date')),
    backfill_days: orNull(count('--backfill-days')),
    lookback: count('--lookback'),
    force: flag('--force'),
    adj_close: flag('False with --no-adj-close'),
    max_calls: orNull(count('--max-calls')),
    mend: oneOf(MENDINGS, '--mend'),
    audit: orNull(count('--audit; null where the number of symbols decides')),
    accept: list(text('A symbol, or all'), '--accept'),
    accept_session: list(date('A session'), '--accept-session'),
    allow_unsafe_store: flag('--allow-unsafe-store'),
    api: oneOf(['stable', 'v3'], 'FMP_API'),
    api_base_url: text('FMP_BASE_URL'),
    rate_limit_seconds: amount('RATE_LIMIT_SECONDS'),
    ledger: flag('--ledger'),
    daily_calls: orNull(count('DAILY_CALLS')),
    max_workers: count('MAX_WORKERS'),
    upload_concurrency: count('UPLOAD_CONCURRENCY'),
    api_timeout_seconds: amount('API_TIMEOUT_SECONDS'),
  },
  'The settings of the run, without secrets',
)

/** How a run ended, in one word. */
const STATUSES = ['ok', 'failed', 'stopped', 'interrupted'] as const

const METRICS = object(
  {
    run_id: RUN_ID,
    date_range: object(
      { from: orNull(date('The first date')), to: orNull(date('The last date')) },
      'The dates of prices as widened; without dates, from the earliest date of all symbols. Null where there is none',
    ),
    status: oneOf(
      STATUSES,
      'ok: nothing failed and nothing was left. failed: see errors. stopped: at a quota, the bandwidth or --max-calls; the next run goes on. interrupted: by a signal',
    ),
    exit_code: oneNumberOf([0, 1, 3, 130, 143], 'The exit code of the program'),
    symbols_processed: count('Symbols that were stored, skipped or failed'),
    files_written: count('Files written, of all datasets'),
    rows_written: count('Rows in these files'),
    errors: count('All entries of results[].errors and of run_errors'),
    duration_seconds: amount('How long the run took'),
    results: list(SYMBOL_RESULT, 'One entry for each symbol and dataset'),
    schema_version: count('Incremented when a field changes its meaning or is removed'),
    program_version: text('The version of the program'),
    run_uuid: text('A random UUID of this process', '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'),
    mode: oneOf(['daily', 'backfill'], 'backfill with --backfill'),
    dataset: text('The datasets, joined by commas'),
    datasets: list(DATASET_TOTALS, 'The totals of each dataset'),
    settings: SETTINGS_SHOWN,
    now_overridden: flag('Whether --now replaced the clock'),
    run_errors: list(
      text('Message and hint'),
      'Errors of the run as a whole: key, store, quota, a day that nobody has',
    ),
    counts: countsOf('sessions of prices'),
    sessions: count('The sum of counts'),
    symbols: count('Symbols in the list'),
    ...FINDINGS,
    first_date: orNull(date('The oldest bar of prices that is known to be stored')),
    through_date: orNull(date('The newest one')),
    calls: count('API calls made, retries included'),
    retries: count('Calls that repeated an earlier one'),
    refused_calls: count('Calls that the vendor refused because of its rate limit'),
    gate_wait_seconds: amount('How long calls waited for the rate limit, summed over all calls'),
    recovered_writes: count('Writes that succeeded although the first response to them was lost'),
    table_files_written: count('Files of the tables that this run wrote; 0 where it keeps none'),
    stopped_by: orNull(oneOf(Object.keys(ERROR_KINDS) as ErrorKind[], 'The kind of error that ended the run early')),
    interrupted: flag('Whether a signal ended the run early'),
    ...PAST_TOTALS,
    held_sessions: HELD_SESSIONS,
    shard: SHARD,
    run_group: orNull(text('The name of the runs that are one with this: `ingest status --run-group` adds them up')),
  },
  'The metrics document of a run',
)

const DRY_RUN = object(
  {
    files: list(text('A key, or a pattern of keys'), 'Every key that may be written, without bucket or folder'),
    calls: count(
      'API calls, retries aside; two per ten stored years come in addition for each symbol whose past has changed',
    ),
    seconds: amount('How long these take at the set rate'),
    calls_left_today: orNull(
      count('The calls that the ledger has left on this UTC day; null without a ledger or without DAILY_CALLS'),
    ),
    shard: SHARD,
  },
  'What a run would do',
)

const REJECT: Schema<Reject> = object(
  {
    symbol: text('The symbol that was asked for'),
    dataset: text('The dataset'),
    date: orNull(text("The row's date as the vendor sent it")),
    reason: text('The hard rule that the row broke'),
    row: anyObject('The row as the vendor sent it'),
  },
  'One line of the rejects file: a row that was not stored',
)

export type Findings = Pick<Metrics, keyof typeof FINDINGS>
export type SymbolResult = TypeOf<typeof SYMBOL_RESULT>
export type DatasetTotals = TypeOf<typeof DATASET_TOTALS>
export type Metrics = TypeOf<typeof METRICS>
export type DryRun = TypeOf<typeof DRY_RUN>

/** A document with its schema. */
export type SchemaDocument = { readonly name: string; readonly title: string; readonly schema: JsonSchema }

/** Every document that other programs read. */
export const SCHEMA_DOCUMENTS: readonly SchemaDocument[] = [
  schemaDocument('metrics', 'the metrics document of a run; also on stdout with --json', METRICS),
  schemaDocument('dry-run', 'what --dry-run --json prints', DRY_RUN),
  schemaDocument('rejects', 'one line of the rejects file beside the metrics', REJECT),
  schemaDocument('status', 'what ingest status --json prints', STATUS),
  schemaDocument('run-group', 'what ingest status --run-group --json prints', RUN_GROUP),
  schemaDocument('verify', 'what ingest verify --json prints', VERIFY),
  schemaDocument('coverage', 'what ingest coverage --json prints', COVERAGE),
  schemaDocument('why', 'what ingest why --json prints', WHY),
  schemaDocument('doctor', 'what ingest doctor --json prints', DOCTOR),
  schemaDocument('table', 'what ingest table --json prints', TABLE),
]

function schemaDocument(name: string, title: string, schema: Schema<unknown>): SchemaDocument {
  return { name, title, schema: documentOf(name, title, schema) }
}
