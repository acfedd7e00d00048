// Whether the tables of a lake equal its raw files, by DuckDB and the layout alone: nothing of the program is asked. One row a
// (symbol, date), the one with the greatest `ingest_ts`; of statements every stored row.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'

/** A line for each kind of difference is followed by so many examples of it at most. */
const MOST_EXAMPLES = 5

const TABLES = [
  { name: 'prices', raw: 'raw/prices' },
  { name: 'income', raw: 'raw/fundamentals/type=income' },
  { name: 'balance', raw: 'raw/fundamentals/type=balance' },
  { name: 'cashflow', raw: 'raw/fundamentals/type=cashflow' },
] as const

type Table = (typeof TABLES)[number]

/** Where the tables of a folder differ from what lies under its `raw/`, as lines; empty if they are equal. */
export async function tableDifferences(folder: string): Promise<readonly string[]> {
  const connection = await (await DuckDBInstance.create()).connect()
  const lines: string[] = []
  try {
    for (const table of TABLES) {
      const own = await differencesOf(connection, folder, table).catch((error: unknown) => [
        `cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      ])
      lines.push(...own.map((line) => `${table.name}: ${line}`))
    }
  } finally {
    connection.closeSync()
  }
  return lines
}

async function differencesOf(
  connection: DuckDBConnection,
  folder: string,
  { name, raw }: Table,
): Promise<readonly string[]> {
  const [hasRaw, hasTable] = [
    await holdsFiles(join(folder, raw), '**/*.parquet'),
    await holdsFiles(join(folder, 'tables', name), '*'),
  ]
  if (!hasRaw && !hasTable) return []
  if (!hasTable) return ['there is no table']
  if (!hasRaw) return ['there is a table of nothing']
  const stray = (await filesIn(join(folder, 'tables', name), '**/*')).filter(
    (file) => layoutOf(name, file) === undefined,
  )
  if (stray.length > 0) return stray.map((file) => `${file} is no file of a table`)
  const query = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()
  const [rawFiles, tableFiles] = [`'${folder}/${raw}/**/*.parquet'`, `'${folder}/tables/${name}/*.parquet'`]
  const types = await typeDifferences(query, rawFiles, tableFiles)
  if (types.length > 0) return types
  await readBoth(query, { rawFiles, tableFiles, isPrices: name === 'prices' })
  return [
    ...(await rowDifferences(query)),
    ...(await orderDifferences(query)),
    ...(await groupDifferences(query, tableFiles)),
    ...(await placeDifferences(query, name)),
  ]
}

async function filesIn(folder: string, pattern: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return []
  const found = new Bun.Glob(pattern).scan({ cwd: folder, dot: true, onlyFiles: true })
  return (await Array.fromAsync(found)).toSorted()
}

async function holdsFiles(folder: string, pattern: string): Promise<boolean> {
  return (await filesIn(folder, pattern)).length > 0
}

type Query = (sql: string) => Promise<Record<string, unknown>[]>

const READ = 'hive_partitioning = false, filename = true, file_row_number = true'

/** Columns of any file that are not those of a raw file: name, order, type and whether they may be null. */
async function typeDifferences(query: Query, rawFiles: string, tableFiles: string): Promise<readonly string[]> {
  const schemas = async (files: string) =>
    await query(`
      WITH columns AS (
        SELECT file_name, column_id, concat_ws(' ', name, type, type_length, repetition_type, converted_type, logical_type,
          scale, precision) AS text
        FROM parquet_schema(${files}) WHERE column_id > 0)
      SELECT schema, min(file_name) AS file FROM (
        SELECT file_name, string_agg(text, ', ' ORDER BY column_id) AS schema FROM columns GROUP BY file_name)
      GROUP BY schema ORDER BY schema`)
  const known = await schemas(rawFiles)
  const schema = known.map((row) => row['schema'])
  const others = (await schemas(tableFiles)).filter((row) => !schema.includes(row['schema']))
  if (known.length > 1) return [`the raw files have ${known.length} schemas`]
  return others.map(
    (row) => `${baseName(row['file'])} has the columns ${text(row['schema'])}, raw has ${text(schema[0])}`,
  )
}

type Reading = { readonly rawFiles: string; readonly tableFiles: string; readonly isPrices: boolean }

/**
 * Makes `stored` of the lake's rows and `derived` of the table's. A row is a list of texts, because a text tells -0 from 0 and
 * one double from the next.
 */
async function readBoth(query: Query, { rawFiles, tableFiles, isPrices }: Reading): Promise<void> {
  const columns = await query(`DESCRIBE SELECT * FROM read_parquet(${rawFiles}, hive_partitioning = false)`)
  const texts = columns.map(({ column_name: column, column_type: type }) =>
    text(type).startsWith('TIMESTAMP') ? `epoch_us("${text(column)}")::VARCHAR` : `"${text(column)}"::VARCHAR`,
  )
  const names = columns.map(({ column_name: column }) => `'${text(column)}'`)
  const row = `[${texts.join(', ')}] AS row`
  await query(`CREATE OR REPLACE TEMP TABLE names AS SELECT [${names.join(', ')}] AS names`)
  await query(`
    CREATE OR REPLACE TEMP TABLE stored AS
    SELECT symbol, date, ${row} FROM read_parquet(${rawFiles}, hive_partitioning = false)
    ${isPrices ? 'QUALIFY rank() OVER (PARTITION BY symbol, date ORDER BY ingest_ts DESC) = 1' : ''}`)
  // A year file and a day file of one run hold the same row.
  if (isPrices) await query('CREATE OR REPLACE TEMP TABLE stored AS SELECT DISTINCT * FROM stored')
  await query(`
    CREATE OR REPLACE TEMP TABLE derived AS
    SELECT symbol, date, filename, file_row_number, ${row} FROM read_parquet(${tableFiles}, ${READ})`)
}

async function rowDifferences(query: Query): Promise<readonly string[]> {
  const [names] = await query('SELECT names FROM names')
  const columns = names?.['names'] as readonly string[]
  const surplus = await query('SELECT symbol, date, row FROM derived EXCEPT ALL SELECT symbol, date, row FROM stored')
  const lacking = await query('SELECT symbol, date, row FROM stored EXCEPT ALL SELECT symbol, date, row FROM derived')
  const wrong = Map.groupBy(surplus, keyOf)
  const right = Map.groupBy(lacking, keyOf)
  const known = new Set((await query('SELECT DISTINCT symbol, date FROM stored')).map((row) => keyOf(row)))
  const only = [...wrong.keys()].filter((key) => !right.has(key))
  return [
    ...examples(
      'rows are missing',
      [...right.keys()].filter((key) => !wrong.has(key)),
    ),
    ...examples(
      'rows stand more than once',
      only.filter((key) => known.has(key)),
    ),
    ...examples(
      'rows are not stored',
      only.filter((key) => !known.has(key)),
    ),
    ...examples(
      'rows differ',
      [...wrong].flatMap(([key, [row]]) => {
        const [there] = right.get(key) ?? []
        return there === undefined || row === undefined ? [] : [`${key}: ${columnsThatDiffer(columns, row, there)}`]
      }),
    ),
  ]
}

function keyOf(row: Record<string, unknown>): string {
  return `${text(row['symbol'])} ${text(row['date'])}`
}

function columnsThatDiffer(
  columns: readonly string[],
  row: Record<string, unknown>,
  raw: Record<string, unknown>,
): string {
  const [here, there] = [row['row'], raw['row']] as [readonly unknown[], readonly unknown[]]
  return columns
    .flatMap((name, index) =>
      here[index] === there[index] ? [] : [`${name} ${text(here[index])}, raw ${text(there[index])}`],
    )
    .join('; ')
}

/** Within a file by symbol and date; only statements have several rows of one date. */
async function orderDifferences(query: Query): Promise<readonly string[]> {
  const unsorted = await query(`
    SELECT DISTINCT filename FROM (
      SELECT filename, symbol, date, lag(symbol) OVER w AS symbol_before, lag(date) OVER w AS date_before FROM derived
      WINDOW w AS (PARTITION BY filename ORDER BY file_row_number))
    WHERE symbol_before IS NOT NULL AND (symbol_before, date_before) > (symbol, date) ORDER BY 1`)
  return examples(
    'files are not sorted by symbol and date',
    unsorted.map((row) => baseName(row['filename'])),
  )
}

/** Row groups that share a symbol, and statistics that are absent or wrong. */
async function groupDifferences(query: Query, tableFiles: string): Promise<readonly string[]> {
  await query(`
    CREATE OR REPLACE TEMP TABLE groups AS
    WITH sizes AS (
      SELECT file_name, row_group_id, any_value(row_group_num_rows) AS size,
        any_value(stats_min_value) FILTER (path_in_schema = 'symbol') AS first_symbol,
        any_value(stats_max_value) FILTER (path_in_schema = 'symbol') AS last_symbol,
        any_value(stats_min_value) FILTER (path_in_schema = 'date') AS first_date,
        any_value(stats_max_value) FILTER (path_in_schema = 'date') AS last_date
      FROM parquet_metadata(${tableFiles}) GROUP BY file_name, row_group_id)
    SELECT *, sum(size) OVER (PARTITION BY file_name ORDER BY row_group_id) - size AS start FROM sizes`)
  await query(`
    CREATE OR REPLACE TEMP TABLE grouped AS
    SELECT derived.filename, symbol, date, row_group_id FROM derived JOIN groups
      ON filename = file_name AND file_row_number >= start AND file_row_number < start + size`)
  const shared = await query(`
    SELECT filename, symbol FROM grouped GROUP BY ALL HAVING count(DISTINCT row_group_id) > 1 ORDER BY ALL`)
  const untrue = await query(`
    SELECT filename, row_group_id FROM groups JOIN (
      SELECT filename, row_group_id, min(symbol) AS s, max(symbol) AS t, min(date)::VARCHAR AS d, max(date)::VARCHAR AS e
      FROM grouped GROUP BY ALL) USING (row_group_id)
    WHERE file_name = filename
      AND (first_symbol, last_symbol, first_date, last_date) IS DISTINCT FROM (s, t, d, e) ORDER BY ALL`)
  return [
    ...examples(
      'symbols stand in two row groups',
      shared.map((row) => `${text(row['symbol'])} of ${baseName(row['filename'])}`),
    ),
    ...examples(
      'row groups have no statistics of symbol and date, or wrong ones',
      untrue.map((row) => `${text(row['row_group_id'])} of ${baseName(row['filename'])}`),
    ),
  ]
}

/** Which rows a file of a table may hold. */
type Layout = {
  /** What all files of a kind share. */
  readonly shape: string
  readonly baseYear?: number
  readonly isOwn: (symbol: string, month: string) => boolean
}

/** The layout by a file's name; undefined if no table has such a file. */
function layoutOf(table: string, file: string): Layout | undefined {
  const [, base, bucket, count] = /^(?:closed-(\d{4})-|bucket-)(\d+)-of-(\d+)\.parquet$/.exec(file) ?? []
  if (bucket !== undefined && count !== undefined && (table === 'prices') === (base !== undefined)) {
    const isOwn = (symbol: string) => fnv1a(symbol) % Number(count) === Number(bucket)
    const baseYear = base === undefined ? 10_000 : Number(base)
    return {
      shape: `${base} of ${count}`,
      baseYear,
      isOwn: (symbol, month) => isOwn(symbol) && Number(month.slice(0, 4)) < baseYear,
    }
  }
  const [, own] = /^month-(\d{4}-\d\d)\.parquet$/.exec(file) ?? []
  return own === undefined || table !== 'prices' ? undefined : { shape: '', isOwn: (_, month) => month === own }
}

/** 32 bits, over the bytes in UTF-8. */
export function fnv1a(symbol: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(symbol)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** Rows in a file that is not theirs. */
async function placeDifferences(query: Query, table: string): Promise<readonly string[]> {
  const groups = await query(`
    SELECT DISTINCT filename, symbol, strftime(date, '%Y-%m') AS month FROM derived ORDER BY ALL`)
  const layouts = new Map(groups.map((row) => [baseName(row['filename']), layoutOf(table, baseName(row['filename']))]))
  const shapes = new Set(
    [...layouts.values()].flatMap((layout) => (layout?.baseYear === undefined ? [] : [layout.shape])),
  )
  const baseYear = [...layouts.values()].find((layout) => layout?.baseYear !== undefined)?.baseYear ?? 0
  const misplaced = groups.filter((row) => {
    const [symbol, month] = [text(row['symbol']), text(row['month'])]
    const layout = layouts.get(baseName(row['filename']))
    const isTooOld = layout?.baseYear === undefined && Number(month.slice(0, 4)) < baseYear
    return layout === undefined || !layout.isOwn(symbol, month) || isTooOld
  })
  return [
    ...(shapes.size > 1 ? [`its files have ${shapes.size} layouts: ${[...shapes].join(', ')}`] : []),
    ...examples(
      'rows stand in a file that is not theirs',
      misplaced.map((row) => `${text(row['symbol'])} ${text(row['month'])} in ${baseName(row['filename'])}`),
    ),
  ]
}

function examples(what: string, all: readonly string[]): readonly string[] {
  if (all.length === 0) return []
  const shown = all.slice(0, MOST_EXAMPLES)
  return [`${all.length} ${what}`, ...shown.map((line) => `  ${line}`)]
}

function baseName(path: unknown): string {
  return text(path).replace(/^.*\//, '')
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}
