// The recipes of the documents as a reader would copy them, over a lake where year files and day files overlap with
// different values. Those in Python are run by `bun run test:readers`, Spark's by `bun run test:spark`.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { XNYS } from '../lib/core/calendar.ts'
import type { Row } from '../lib/core/dataset.ts'
import { encodeFile } from '../lib/parquet/writer.ts'
import { knownOn, makeReadingLake } from './readers/lake.ts'
import { readRecipes } from './readers/recipes.ts'
import { disposableFolder } from './support/lakes/lake.ts'
import { barsOfNight, morningAfter, movingSeries } from './support/moving-series.ts'
import { runCli } from './support/runs/process.ts'
import { setStage, type Stage } from './support/runs/stage.ts'
import { makeTempFolder, type TempFolder } from './support/lakes/temp-folder.ts'
import { SEED } from './support/bars.ts'
import { at, day, priceRow, prices, span } from './support/values.ts'
import type { Partition } from '../lib/datasets/prices/schema.ts'

const ROOT = join(import.meta.dir, '..')
const SESSIONS = XNYS.sessions(span('2023-12-20..2024-03-08'))

/** The SQL of a document, its statements one by one. */
async function sqlOf(document: string): Promise<string[]> {
  const text = await Bun.file(join(ROOT, document)).text()
  return [...text.matchAll(/```sql\n([\s\S]*?)```/g)].flatMap(([, sql = '']) => sql.split(/;\n|\n$/)).filter(Boolean)
}

test('DuckDB’s recipes give one row per symbol and date, the newest; the fast one knows what it leaves out', async () => {
  await using temp = await disposableFolder()
  const { columns, key } = prices()
  const newest = new Map<string, { close: number; ingestMs: number }>()
  const put = async (partition: Partition, rows: readonly Row[], ingestMs: number) => {
    const symbol = String(rows[0]?.['symbol'])
    const { bytes } = encodeFile({ rows, asked: undefined }, { columns, ingestMs, version: '0.0.0-test' })
    await Bun.write(join(temp.path, 'lake', key(symbol, partition)), bytes)
    for (const row of rows) {
      const name = `${symbol} ${row.date}`
      const isNewer = ingestMs > (newest.get(name)?.ingestMs ?? 0)
      if (isNewer) newest.set(name, { close: Number(row['close']), ingestMs })
    }
  }
  const rowsOf = (symbol: string, year: number, close: number) =>
    SESSIONS.filter((date) => date.startsWith(String(year)) && date < '2024-03-01')
      .toReversed()
      .map((date) => priceRow(date, { symbol, close }))
  const [first, second] = [at('2024-03-02T00:00:00Z'), at('2024-03-09T00:00:00Z')]
  for (const symbol of ['AAPL', '^GSPC']) {
    for (const year of [2023, 2024]) await put({ kind: 'year', year }, rowsOf(symbol, year, 1), first)
  }
  // Days after the year files, of a symbol without year files, before them but older, and before them and newer.
  for (const symbol of ['AAPL', '^GSPC', 'NEW']) {
    for (const date of SESSIONS.filter((session) => session >= '2024-03-01')) {
      await put({ kind: 'day', date }, [priceRow(date, { symbol, close: 2 })], second)
    }
  }
  // Within 30 days of the end of 2024’s file, and before them.
  const [older = '', again = ''] = SESSIONS.slice(-20)
  const forced = '2024-01-10'
  await put({ kind: 'day', date: priceRow(older).date }, [priceRow(older, { close: 3 })], first - 1)
  await put({ kind: 'day', date: priceRow(again).date }, [priceRow(again, { close: 4 })], second)
  await put({ kind: 'day', date: priceRow(forced).date }, [priceRow(forced, { close: 5 })], second)

  const connection = await (await DuckDBInstance.create()).connect()
  const inLake = (sql: string) => sql.replaceAll(/'(lake|eod)\//g, `'${temp.path}/lake/`)
  const statements = (await sqlOf('lib/parquet/README.md')).map(inLake)
  expect(statements).toHaveLength(5)
  // The other two are of statements.
  for (const sql of statements.slice(0, 3)) await connection.run(sql)
  const closes = async (table: string) => {
    const sql = `SELECT symbol || ' ' || date AS name, close FROM ${table}`
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson()
    const entries = rows.map(({ name, close }) => [name as string, close as number] as const)
    expect(new Set(entries.map(([name]) => name)).size).toBe(rows.length)
    return Object.fromEntries(entries)
  }
  const expected = Object.fromEntries([...newest].map(([name, { close }]) => [name, close]))
  expect(Object.keys(expected).length).toBeGreaterThan(100)
  expect(await closes('prices')).toEqual(expected)
  // The same query in one piece where prices are explained; README, whose other query is the demo's, reads the table.
  expect(await runCli(['table', '--out', join(temp.path, 'lake')])).toMatchObject({ code: 0, stderr: '' })
  for (const [document, index] of [['lib/datasets/prices/README.md', 0] as const, ['README.md', 1] as const]) {
    const queries = await sqlOf(document)
    expect(await closes(`(${inLake(queries[index] ?? '')})`)).toEqual(expected)
  }
  expect(await closes('prices_fast')).toEqual({ ...expected, [`AAPL ${forced}`]: 1 })
  const read = await connection.runAndReadAll("SELECT len(getvariable('files'))::INTEGER AS n")
  // 4 year files, 6 days of each of 3 symbols, and the two days before them.
  expect(read.getRowObjectsJson()).toEqual([
    { n: 4 + 3 * SESSIONS.filter((session) => session >= '2024-03-01').length + 2 },
  ])
  connection.closeSync()
})

/** The rows that a recipe gives, sorted; of a date that comes twice both. */
async function rowsByRecipe(statements: readonly string[], table: string): Promise<string[]> {
  const connection = await (await DuckDBInstance.create()).connect()
  for (const sql of statements) await connection.run(sql)
  const reader = await connection.runAndReadAll(`SELECT symbol, CAST(date AS VARCHAR), close, adjClose FROM ${table}`)
  connection.closeSync()
  return reader
    .getRowsJson()
    .map((row) => JSON.stringify(row))
    .toSorted()
}

/** What the vendor of a stage has, as `rowsByRecipe` gives it. */
function rowsOfVendor({ bars }: Stage): string[] {
  const rows = Object.entries(bars).flatMap(([symbol, own]) =>
    own.map(({ date, close, adjClose }) => JSON.stringify([symbol, date, close, adjClose])),
  )
  return rows.toSorted()
}

/** The fast recipe over a lake, with a part of it exchanged. */
async function fastRecipe({ lake }: Stage, part: RegExp | '' = '', other = ''): Promise<readonly string[]> {
  const statements = (await sqlOf('lib/parquet/README.md')).slice(1, 3)
  const changed = statements.map((sql) => sql.replace(part, other))
  if (part !== '') expect(changed).not.toEqual(statements)
  return changed.map((sql) => sql.replaceAll("'lake/", `'${lake.out}/`))
}

describe('over lakes that the program has mended', () => {
  const history = span('2023-11-01..2024-09-17')
  const exDate = day('2024-09-13')
  const series = movingSeries({ SPLIT: [{ exDate, split: [4, 1] }], QUIET: [] }, history, SEED)

  /** A night of the program; `bars` are the vendor's. */
  async function night(stage: Stage, session: string, args: readonly string[] = []): Promise<void> {
    Object.assign(stage.bars, barsOfNight(series, day(session)))
    // The close of the session before the split was provisional until the last night.
    const corrected = stage.bars['SPLIT']?.map((bar) =>
      bar.date === '2024-09-12' && session < '2024-09-17' ? { ...bar, close: (bar.close ?? 0) + 0.5 } : bar,
    )
    stage.bars['SPLIT'] = corrected ?? []
    const run = await stage.run(['--tickers', 'SPLIT,QUIET', '--audit', '0', ...args], {
      now: morningAfter(day(session)),
    })
    expect({ session, code: run.code }).toEqual({ session, code: 0 })
  }

  test('the fast recipe takes a correction from a day file, and a mended year before its older day files', async () => {
    await using stage = await setStage({})
    await night(stage, '2024-09-06', ['--backfill', '--from-date', history.from])
    for (const session of ['2024-09-10', '2024-09-12', exDate]) await night(stage, session)
    const all = (await sqlOf('lib/parquet/README.md'))[0]?.replaceAll("'lake/", `'${stage.lake.out}/`) ?? ''
    const [recent, newest] = [/ >= last_date - 30/, /\nQUALIFY .* = 1/]

    // The mend has written 2024 anew. It is newer than its day files, which a recipe that reads them must not take.
    const mended = rowsOfVendor(stage)
    expect(await rowsByRecipe([all], 'prices')).toEqual(mended)
    expect(await rowsByRecipe(await fastRecipe(stage), 'prices_fast')).toEqual(mended)
    expect(await rowsByRecipe(await fastRecipe(stage, recent, ' > last_date'), 'prices_fast')).toEqual(mended)
    const doubled = await rowsByRecipe(await fastRecipe(stage, newest), 'prices_fast')
    expect(doubled.length).toBeGreaterThan(mended.length)
    expect(doubled.filter((row) => !mended.includes(row)).length).toBeGreaterThan(2)

    // The correction is in a day file. It is newer than the year, which a recipe that reads only later days would take.
    await night(stage, '2024-09-17')
    const corrected = rowsOfVendor(stage)
    expect(await rowsByRecipe([all], 'prices')).toEqual(corrected)
    expect(await rowsByRecipe(await fastRecipe(stage), 'prices_fast')).toEqual(corrected)
    const late = await rowsByRecipe(await fastRecipe(stage, recent, ' > last_date'), 'prices_fast')
    expect(late.filter((row) => !corrected.includes(row))).toEqual([expect.stringContaining('"SPLIT","2024-09-12"')])
  })
})

let folder: TempFolder
let lake = ''
beforeAll(async () => {
  folder = await makeTempFolder()
  lake = await makeReadingLake(folder.path)
})
afterAll(async () => await folder.remove())

test('prices with the statements known at the time never hold what was published later', async () => {
  const recipes = (await readRecipes('lib/parquet/README.md')).filter(({ language }) => language === 'sql')
  const wanted = recipes.filter(({ heading, code }) => heading !== 'DuckDB' || code.includes('VIEW prices '))
  expect(wanted.map(({ heading }) => heading)).toEqual([
    'DuckDB',
    'Statements',
    'Prices with the statements known at the time',
  ])
  const connection = await (await DuckDBInstance.create()).connect()
  for (const { code } of wanted) await connection.run(code.replaceAll("'lake/", `'${lake}/`))
  const sql = 'SELECT symbol, CAST(date AS VARCHAR), eps FROM prices_with_income ORDER BY ALL'
  const rows = (await connection.runAndReadAll(sql)).getRowsJson() as [string, string, number | null][]
  expect(rows.length).toBeGreaterThan(1_000)
  const [[total] = []] = (await connection.runAndReadAll('SELECT count(*)::INTEGER FROM prices')).getRowsJson()
  expect(rows).toHaveLength(Number(total))
  const wrong = rows.filter(([symbol, date, eps]) => knownOn(symbol, date) !== eps)
  expect(wrong).toEqual([])
  expect(new Set(rows.map(([, , eps]) => eps))).toEqual(new Set([null, 2, 4, 5]))
  connection.closeSync()
})

test('what people type first into DuckDB gives what the table says', async () => {
  const raw = join(lake, 'raw/prices')
  const connection = await (await DuckDBInstance.create()).connect()
  const numbers = async (from: string) => {
    const sql = `SELECT count(*)::INTEGER AS rows, count(DISTINCT (symbol, date))::INTEGER AS dates FROM ${from}`
    const [[rows, dates] = []] = (await connection.runAndReadAll(sql)).getRowsJson()
    return { rows: Number(rows), dates: Number(dates) }
  }
  const pattern = await numbers(`'${raw}/**/*.parquet'`)
  expect(pattern.rows).toBeGreaterThan(pattern.dates)
  const years = await numbers(`'${raw}/*/*/*.parquet'`)
  expect({ ...years, isShort: years.dates < pattern.dates }).toEqual({
    rows: years.dates,
    dates: years.dates,
    isShort: true,
  })
  const columns = (await connection.runAndReadAll(`FROM '${raw}/*/*/*.parquet' LIMIT 1`)).columnNames()
  expect(columns.at(-1)).toBe('year')
  const hive = numbers(`read_parquet('${raw}/**/*.parquet', hive_partitioning = true)`)
  expect(hive).rejects.toThrow('Hive partition mismatch')
  expect(numbers(`'${raw}'`)).rejects.toThrow(/Table with name .* does not exist/)
  connection.closeSync()
})
