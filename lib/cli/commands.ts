// The commands: what each is for, its settings, its examples; and what the exit codes mean.

import { COVERAGE, DOCTOR, LAKE, SQL, STATUS, TABLE, VERIFY, WHY } from './lake-settings.ts'
import { SWITCH, type Setting, type Settings } from './setting.ts'
import { FLAGS } from './settings.ts'

type Command = {
  /** What it does, for the list of commands. */
  readonly description: string
  /** Those that argv can set, in the order of --help. */
  readonly settings: Settings
  /** What for, and the line. */
  readonly examples: readonly (readonly [string, string])[]
}

export const DEMO = {
  folder: { flag: '--out', hint: 'DIR', value: 'folder', default: './demo-lake', help: 'folder to store in' },
} as const satisfies Settings

export const DATABRICKS = {
  folder: { flag: 'DIR', value: 'folder', default: './databricks', help: 'folder to write' },
  bucket: {
    flag: '--bucket',
    variable: 'S3_BUCKET',
    hint: 'B',
    value: 'bucket',
    help: 'the bucket of the lake',
    details: 'Without one the bundle says what is missing.',
  },
  prefix: {
    flag: '--prefix',
    variable: 'S3_RAW_PREFIX',
    hint: 'P',
    value: 'prefix',
    default: 'raw',
    help: 'its key prefix',
  },
  catalog: { flag: '--catalog', hint: 'C', value: 'catalog', default: 'main', help: 'the catalog for the tables' },
  isForced: { flag: '--force', ...SWITCH, help: 'write over files that are there' },
} as const satisfies Settings

export const SCHEMA = {
  name: { flag: 'NAME', value: 'text', help: 'which schema to print; without it the names of all' },
} as const satisfies Settings

export type CommandName = 'ingest' | LakeCommandName | 'sql' | 'demo' | 'databricks' | 'schema'

/** The commands that look at a lake. */
export type LakeCommandName = 'status' | 'verify' | 'coverage' | 'why' | 'doctor' | 'table'

export const COMMANDS: Readonly<Record<CommandName, Command>> = {
  ingest: {
    description: 'End-of-day prices from Financial Modeling Prep as Parquet files in S3 or a folder',
    settings: FLAGS,
    examples: [
      ['the nightly run: what is missing up to the last session, into the bucket', 'ingest --out s3://my-bucket'],
      ['five years as year files, ten symbols', 'ingest --backfill --backfill-days 1825 --out ./lake'],
      [
        'two symbols, one month, one file a day',
        'ingest --tickers AAPL,MSFT --from-date 2024-09-01 --to-date 2024-09-30',
      ],
      ['what would it cost? No call, no key needed', 'ingest --backfill --from-date 2000-01-01 --dry-run'],
      ['the free plan: never more than 240 calls', 'ingest --max-calls 240'],
      ['company statements, the annual ones', 'ingest --dataset fundamentals --period annual'],
      ['fetch a day again and overwrite it', 'ingest --from-date 2024-09-16 --to-date 2024-09-16 --force'],
    ],
  },
  status: {
    description: 'how fresh a lake is: its newest session and how many symbols have it',
    settings: { ...LAKE, ...STATUS },
    examples: [
      ['is the lake in the bucket up to date? The exit code says it too', 'ingest status --out s3://my-bucket'],
      ['an alert on Mondays as well, for a script', 'ingest status --out ./lake --max-behind 0 --json'],
      ['have all the shards of a Slurm array ended well?', 'ingest status --out s3://my-bucket --run-group 4711'],
    ],
  },
  verify: {
    description: 'what is wrong with a lake: damaged files, holes, rows on an old base',
    settings: { ...LAKE, ...VERIFY },
    examples: [
      ['listings and footers of all symbols, a few seconds', 'ingest verify --out s3://my-bucket'],
      ['every byte and every row', 'ingest verify --out ./lake --deep'],
      ['and ten years of symbols as FMP has them now', 'ingest verify --out ./lake --sample 10 --max-calls 20'],
    ],
  },
  coverage: {
    description: 'a page that shows what a lake holds of each symbol and month, and what mends it',
    settings: { ...COVERAGE, ...LAKE },
    examples: [
      ['the page of the lake in the bucket, into ./coverage.html', 'ingest coverage --out s3://my-bucket'],
      ['another file, two symbols', 'ingest coverage report.html --out ./lake --tickers AAPL,MSFT'],
    ],
  },
  why: {
    description: 'the life of one symbol and date: what is stored, why, and what the next run does with it',
    settings: { ...WHY, ...LAKE },
    examples: [
      ['why is this price what it is?', 'ingest why AAPL 2024-09-16 --out s3://my-bucket'],
      ['and what does FMP have now?', 'ingest why AAPL 2024-09-16 --ask --out ./lake'],
      ['of a statement the end of the period', 'ingest why AAPL 2024-09-28 --dataset income --out ./lake --json'],
    ],
  },
  doctor: {
    description: 'check the set-up before the first run: key, plan, clock, rights, store and ticker list',
    settings: { ...LAKE, ...DOCTOR },
    examples: [
      [
        'is everything in place for the nightly run? Each failure comes with its cure',
        'ingest doctor --out s3://my-bucket',
      ],
      ['the same for a script: exit code 0 or 1, and a JSON document', 'ingest doctor --out ./lake --json'],
    ],
  },
  table: {
    description: 'bring the tables that readers take in one line up to date with the stored files',
    settings: TABLE,
    examples: [
      ['after files were deleted, or written without --table', 'ingest table --out s3://my-bucket'],
      ['do the tables hold what the files hold? Row by row', 'ingest table --out ./lake --check'],
      ['make them anew', 'ingest table --out ./lake --rebuild'],
    ],
  },
  sql: {
    description: 'print the lines that read this lake, ready to run',
    settings: SQL,
    examples: [
      ['prices, returns and statements in DuckDB: pipe it into duckdb', 'ingest sql --out ./lake'],
      ['the same in polars, from the bucket', 'ingest sql polars --out s3://my-bucket'],
      ['from the files themselves, where no table is kept', 'ingest sql pandas --raw --out ./lake'],
    ],
  },
  demo: {
    description: 'the same program on embedded historical data: no key, no bucket',
    settings: DEMO,
    examples: [
      ['historical prices into ./demo-lake, no key, no bucket', 'ingest demo'],
      ['the same elsewhere', 'ingest demo --out /tmp/lake'],
    ],
  },
  databricks: {
    description: 'write a Databricks bundle for the bucket: Bronze, Silver and Gold tables',
    settings: DATABRICKS,
    examples: [
      ['a bundle for s3://my-bucket/raw, its tables in the catalog main', 'ingest databricks --bucket my-bucket'],
      ['another folder, prefix and catalog', 'ingest databricks ./lakehouse --bucket b --prefix eod --catalog markets'],
    ],
  },
  schema: {
    description: 'the JSON Schemas of the metrics and of every --json output',
    settings: SCHEMA,
    examples: [
      ['which schemas there are', 'ingest schema'],
      ['the fields of the metrics document', 'ingest schema metrics'],
    ],
  },
}

/** The commands that are named, all but `ingest`. */
export const COMMAND_WORDS = [
  'status',
  'verify',
  'coverage',
  'why',
  'doctor',
  'table',
  'sql',
  'demo',
  'databricks',
  'schema',
] as const satisfies readonly CommandName[]

/** Each with its meaning in short, for --help, and in full, for the reference page. */
export const EXIT_CODES: readonly (readonly [codes: string, short: string, full: string])[] = [
  ['0', 'all done', 'nothing failed or was left unreached; sessions without data and rejected rows are in the summary'],
  ['1', 'something failed', 'something failed: a symbol, a refused key, a bucket, the metrics; the rest is stored'],
  ['2', 'usage, nothing called', 'usage, configuration or the ticker list; nothing was called'],
  [
    '3',
    'stopped at a quota or budget: run again',
    'stopped at a quota, at the bandwidth or at `--max-calls`; run again',
  ],
  [
    '130, 143',
    'interrupted',
    'interrupted (SIGINT; SIGTERM, SIGHUP); writes in flight were finished, metrics written; a second signal exits at once',
  ],
]

/** What the value of a setting is when it is not given, for people; undefined where there is nothing to say. */
export function fallbackOf({ flag, variable, default: preset, otherwise }: Setting): string | undefined {
  const fromVariable = flag !== undefined && variable !== '' && variable !== undefined ? `$${variable}` : undefined
  const last = preset === SWITCH.default ? undefined : (preset ?? otherwise)
  return [fromVariable, last].filter((part) => part !== undefined).join(', else ') || undefined
}
