// What `ingest table` tells: the document of `--json` and the text.

import { counted, grouped, oneLine } from '../core/text.ts'
import { partText, SHARD } from './shard.ts'
import { count, flag, list, object, oneOf, orNull, RUN_ID, text, type TypeOf } from './json-schema.ts'

/** Incremented when a field changes its meaning or is removed. */
export const TABLE_VERSION = 1

/** What can be wrong with a table, each with its words for people. */
const KINDS = {
  table_damaged: 'is no file of a table, or it is damaged',
  table_stray: 'is no file of this table, and readers take its rows for the table’s',
  table_lacks: 'lacks rows that the stored files have',
  table_extra: 'has rows that the stored files do not have',
  table_differs: 'has other values than the stored files',
} as const

const FINDING = object(
  {
    kind: oneOf(Object.keys(KINDS) as (keyof typeof KINDS)[], 'What is wrong'),
    key: text('The key of the file of the table'),
    symbol: orNull(text('The symbol; null where it is the file itself')),
    rows: count('The number of rows'),
    first: orNull(text('The first of them by its date; null likewise')),
    last: orNull(text('The last of them by its date; null likewise')),
  },
  'One finding',
)

const DATASET = object(
  {
    name: text('The dataset'),
    files: count('The files of its table'),
    files_written: count('Those that were written now'),
    rows_compared: count('The rows that were compared; 0 without `--check`'),
  },
  'The table of a dataset',
)

export const TABLE = object(
  {
    schema_version: count('The version of this document'),
    run_id: RUN_ID,
    target: text('Where the lake is'),
    mode: oneOf(['update', 'rebuild', 'check'], 'What was asked for'),
    shard: SHARD,
    ok: flag('Whether the tables hold what the stored files hold, as far as was looked'),
    tables: list(DATASET, 'The tables of the lake'),
    findings: list(FINDING, 'What is wrong, found by `--check`'),
    warnings: list(text('A sentence'), 'Stored files that could not be read, whose rows the tables lack'),
  },
  'What ingest table did or found',
)

export type TableDocument = TypeOf<typeof TABLE>

/** For people: a line for each table, then each finding with its cure. `command` makes a command of words. */
export function tableText(
  { mode, tables, findings, ok, shard }: TableDocument,
  command: (words: readonly string[]) => string,
): string {
  const lines = tables.map(({ name, files, files_written: written, rows_compared: rows }) => {
    const done = mode === 'check' ? `${grouped(rows)} rows compared` : `${grouped(written)} written`
    return `🗂️  ${name}: ${counted(files, 'file')}, ${done}`
  })
  const part = partText(shard)
  const end = part === undefined || !ok ? verdict(mode, tables.length, ok) : partVerdict(part, mode, command)
  return [...lines, ...findings.map((finding) => findingLine(finding, command)), end]
    .map((line) => `${line}\n`)
    .join('')
}

type Finding = TableDocument['findings'][number]

function findingLine(
  { kind, key, symbol, rows, first, last }: Finding,
  command: (words: readonly string[]) => string,
): string {
  const where = symbol === null ? oneLine(key) : `${oneLine(key)}, ${oneLine(symbol)}`
  const range = first === last ? `${first}` : `${first} to ${last}`
  const what = rows === 0 ? KINDS[kind] : `${KINDS[kind]}: ${grouped(rows)} (${range})`
  return `❌ ${where}: ${what}. ${cureOf(kind, command)}`
}

function cureOf(kind: Finding['kind'], command: (words: readonly string[]) => string): string {
  if (kind === 'table_stray') return 'Move it away.'
  return command(['table', '--rebuild'])
}

/** What is left to do when all shards have ended: none of them knows of the others. */
function partVerdict(part: string, mode: TableDocument['mode'], command: (words: readonly string[]) => string): string {
  return mode === 'check'
    ? `✅ The files of shard ${part} hold what the stored files hold.`
    : `✅ The files of shard ${part} are up to date. When all shards have ended, once: ${command(['table', '--shard', 'none'])}`
}

function verdict(mode: TableDocument['mode'], tables: number, ok: boolean): string {
  if (tables === 0) return 'There is no stored file, so there is no table.'
  if (!ok) return '❌ The tables are not what the stored files are.'
  return mode === 'check' ? '✅ The tables hold what the stored files hold.' : '✅ The tables are up to date.'
}
