// The SQL that ships, run by DuckDB on files of the program's own making, against a computation that knows nothing of it.
// What DuckDB cannot show (Delta's MERGE, Spark's readers) is shown by `bun run test:spark`.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { XNYS } from '../../../lib/core/calendar.ts'
import { createStatement, type Statement } from '../../../lib/datasets/statements/schema.ts'
import type { Column, Row } from '../../../lib/core/dataset.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { encodeFile } from '../../../lib/parquet/writer.ts'
import { disposableFolder, folderLake, type Lake } from '../../support/lakes/lake.ts'
import { at, day, priceRow, prices, span } from '../../support/values.ts'
import {
  BUNDLED_STATEMENTS,
  columnsIn,
  forDuckDb,
  listsAfter,
  shipped,
  statementsOf,
} from '../../support/shipped-sql.ts'
import { runFiles, WAREHOUSE_FILES } from '../../support/warehouse.ts'
import type { Partition } from '../../../lib/datasets/prices/schema.ts'

const dataset = prices()
const SESSIONS = XNYS.sessions(span('2024-01-02..2024-05-31'))
const GAP = day('2024-02-14')
const SPLIT = day('2024-03-15')
const NULLS = new Set([day('2024-04-10'), day('2024-04-11')])
const [LATE, FIRST, SECOND, THIRD] = [
  at('2024-05-30T22:00:00Z'),
  at('2024-06-03T22:00:00Z'),
  at('2024-06-04T22:00:00Z'),
  at('2024-06-05T22:00:00.123Z'),
]

let connection: DuckDBConnection
beforeAll(async () => {
  connection = await (await DuckDBInstance.create()).connect()
  await connection.run("SET TimeZone = 'UTC'")
})
afterAll(() => connection.closeSync())

async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson()
}

async function emptyTables(): Promise<void> {
  await connection.run('DELETE FROM memory.bronze.prices; DELETE FROM memory.silver.prices')
}

const loadPrices = async (folder: string, paths: readonly string[] = WAREHOUSE_FILES) =>
  await runFiles(connection, folder, paths)

type Version = { readonly row: Row; readonly ingestMs: number }

/** A lake that remembers every version of every row that it was ever given. */
function versionedLake(lake: Lake) {
  const versions: Version[] = []
  return {
    versions,
    async put(partition: Partition, rows: readonly Row[], ingestMs: number): Promise<void> {
      const symbol = String(rows[0]?.['symbol'])
      const content = { rows: rows.toReversed(), asked: undefined }
      const { bytes } = encodeFile(content, { columns: dataset.columns, ingestMs, version: '0.0.0-test' })
      await lake.put(dataset.key(symbol, partition), bytes)
      versions.push(...rows.map((row) => ({ row, ingestMs })))
    },
  }
}

/** A symbol's year: a gap, a split that halves close and leaves adjClose alone, and days without an adjusted close. */
function yearOf(symbol: string, sessions: readonly IsoDate[], scale: number): Row[] {
  return sessions
    .filter((date) => date !== GAP)
    .map((date, index) => {
      const adjClose = scale * (100 + 10 * Math.sin(index) + index / 7)
      const close = date < SPLIT ? adjClose * 2 : adjClose
      return priceRow(date, { symbol, close, adjClose: NULLS.has(date) ? null : adjClose, volume: 1_000 + index })
    })
}

function rowAt(rows: readonly Row[], index: number): Row {
  const row = rows.at(index)
  if (row === undefined) throw new Error(`There is no row ${index}`)
  return row
}

/** By symbol and date, the version with the greatest ingest_ts. */
function newest(versions: readonly Version[]): Version[] {
  const byKey = new Map<string, Version>()
  for (const version of versions) {
    const key = `${String(version.row['symbol'])} ${String(version.row['date'])}`
    if ((byKey.get(key)?.ingestMs ?? -Infinity) < version.ingestMs) byKey.set(key, version)
  }
  return [...byKey.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, version]) => version)
}

const SILVER = `SELECT symbol, date::VARCHAR AS date, open, high, low, close, adjClose, volume::DOUBLE AS volume,
  epoch_ms(ingest_ts)::DOUBLE AS ingestMs FROM memory.silver.prices ORDER BY symbol, date`

function silverRows(versions: readonly Version[]): Record<string, unknown>[] {
  return newest(versions).map(({ row, ingestMs }) => ({ ...row, ingestMs }))
}

type Feature =
  | 'previous_date'
  | 'log_return'
  | 'ma_20'
  | 'ma_50'
  | 'volatility_20d'
  | 'annualised'
  | 'ma_20_close'
  | 'ma_50_close'
  | 'stddev_close_20d'

type Features = Record<Feature, unknown>

/** The values of a window that ends at `end`; undefined unless all are there. */
function windowOf(values: readonly (number | null)[], end: number, size: number): number[] | undefined {
  const window = values.slice(Math.max(0, end - size + 1), end + 1).filter((value) => value !== null)
  return window.length === size ? window : undefined
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The sample standard deviation; null where values are missing. */
function deviationOf(values: readonly number[] | undefined): number | null {
  if (values === undefined) return null
  const spread = values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0)
  return Math.sqrt(spread / (values.length - 1))
}

/** What Gold is to say of one symbol's rows, counted one by one. */
function featuresOf(rows: readonly Row[]): Features[] {
  const adjusted = rows.map((row) => row['adjClose'] as number | null)
  const closes = rows.map((row) => row['close'] as number | null)
  const returns = adjusted.map((value, index) => {
    const before = adjusted[index - 1] ?? null
    return value === null || before === null ? null : Math.log(value / before)
  })
  return rows.map((_, index) => {
    const [last20, last50] = [windowOf(adjusted, index, 20), windowOf(adjusted, index, 50)]
    const [close20, close50] = [windowOf(closes, index, 20), windowOf(closes, index, 50)]
    const volatility = deviationOf(windowOf(returns, index, 20))
    return {
      previous_date: rows[index - 1]?.['date'] ?? null,
      log_return: returns[index] ?? null,
      ma_20: last20 === undefined ? null : mean(last20),
      ma_50: last50 === undefined ? null : mean(last50),
      volatility_20d: volatility,
      annualised: volatility === null ? null : volatility * Math.sqrt(252),
      ma_20_close: close20 === undefined ? null : mean(close20),
      ma_50_close: close50 === undefined ? null : mean(close50),
      stddev_close_20d: deviationOf(close20),
    }
  })
}

/** To 9 digits: two right ways to add up a window differ in the last ones. */
function rounded(rows: readonly Record<string, unknown>[]): unknown[] {
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toDigits(value)])))
}

function toDigits(value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(9)) : value
}

describe('the files of sql/warehouse, run twice with other files in between', () => {
  test('give one row per symbol and date, the newest, and the features of those', async () => {
    await using temp = await disposableFolder()
    const lake = versionedLake(folderLake(temp.path))
    const apple = yearOf('AAPL', SESSIONS, 1)
    const short = SESSIONS.slice(-25)
    await lake.put({ kind: 'year', year: 2024 }, apple, FIRST)
    await lake.put({ kind: 'year', year: 2024 }, yearOf('^GSPC', short, 40), FIRST)
    // The same days again, fetched later with other values.
    const lastDays = apple.slice(-3)
    for (const row of lastDays) {
      const changed = { ...row, adjClose: Number(row['adjClose']) * 1.01 }
      await lake.put({ kind: 'day', date: row.date }, [changed], SECOND)
    }
    const root = `${temp.path}/raw`
    await loadPrices('', WAREHOUSE_FILES.slice(0, 1))
    await emptyTables()
    await loadPrices(root)
    expect(await query(SILVER)).toEqual(silverRows(lake.versions))

    // A day overwritten with --force, a day that is older than the year and comes late, a new day, an equal copy.
    const [old, second, third] = [rowAt(apple, -20), rowAt(apple, -2), rowAt(apple, -1)]
    await lake.put({ kind: 'day', date: third.date }, [{ ...third, close: 7, adjClose: 7 }], THIRD)
    await lake.put({ kind: 'day', date: old.date }, [{ ...old, close: 1, adjClose: 1 }], LATE)
    await lake.put({ kind: 'day', date: day('2024-06-03') }, [priceRow('2024-06-03')], THIRD)
    await lake.put({ kind: 'day', date: second.date }, [{ ...second, adjClose: null }], SECOND + 1)
    await loadPrices(root)
    const silver = await query(SILVER)
    expect(silver).toEqual(silverRows(lake.versions))
    expect(new Set(silver.map(({ symbol, date }) => `${String(symbol)} ${String(date)}`)).size).toBe(silver.length)

    // Bronze holds every version once, however often the files were loaded.
    const bronze = (await query('SELECT count(*)::DOUBLE AS n FROM memory.bronze.prices'))[0]
    expect(bronze).toEqual({ n: lake.versions.length })
    await loadPrices(root)
    expect((await query('SELECT count(*)::DOUBLE AS n FROM memory.bronze.prices'))[0]).toEqual(bronze)
    expect(await query(SILVER)).toEqual(silver)

    const gold = await query(`SELECT symbol, previous_date::VARCHAR AS previous_date, log_return, ma_20, ma_50,
      volatility_20d, volatility_20d_annualised AS annualised, ma_20_close, ma_50_close, stddev_close_20d FROM memory.gold.price_features ORDER BY symbol, date`)
    const bySymbol = Object.groupBy(silverRows(lake.versions), ({ symbol }) => String(symbol))
    for (const [symbol, rows = []] of Object.entries(bySymbol)) {
      const found = gold.filter((row) => row['symbol'] === symbol)
      expect(rounded(found)).toEqual(rounded(featuresOf(rows as Row[]).map((features) => ({ symbol, ...features }))))
    }
    // What the computation itself must show: a null and a short history leave nulls, a split leaves no jump.
    const ofApple = gold.filter(({ symbol }) => symbol === 'AAPL')
    expect(ofApple.findIndex((row) => row['ma_20'] !== null)).toBe(19)
    expect(ofApple.findIndex((row) => row['ma_50'] !== null)).toBe(49)
    expect(ofApple.findIndex((row) => row['volatility_20d'] !== null)).toBe(20)
    expect(ofApple.at(-30)).toMatchObject({ ma_20: null, volatility_20d: null })
    expect(gold.filter(({ symbol, ma_50: average }) => symbol === '^GSPC' && average !== null)).toEqual([])
    const atSplit = await query(`SELECT log_return FROM memory.gold.price_features WHERE date = '${SPLIT}'`)
    // A null adjClose leaves the averages over close whole; their names say which is which.
    expect(ofApple.at(-30)).not.toMatchObject({ ma_20_close: null })
    expect(ofApple.findIndex((row) => row['ma_20_close'] !== null)).toBe(19)
    expect(ofApple.findIndex((row) => row['stddev_close_20d'] !== null)).toBe(19)
    expect(Math.abs(Number(atSplit[0]?.['log_return']))).toBeLessThan(0.2)
  })

  test('never replace a newer row by an older one, even when Bronze has lost the newer', async () => {
    await loadPrices('', ['sql/warehouse/10_tables.sql'])
    await emptyTables()
    for (const [close, date] of [
      [12, '2024-01-05'],
      [11, '2024-01-04'],
    ] as const) {
      await connection.run('DELETE FROM memory.bronze.prices')
      const values = `'T', DATE '2024-01-02', 1, 2, 1, ${close}, NULL, 5, TIMESTAMPTZ '${date} 00:00:00+00', now()`
      await connection.run(`INSERT INTO memory.bronze.prices VALUES (${values})`)
      await loadPrices('', ['sql/warehouse/30_merge_prices.sql'])
    }
    expect(await query('SELECT close FROM memory.silver.prices')).toEqual([{ close: 12 }])
  })

  test('prefer the same of two versions of one instant, whichever came first', async () => {
    await loadPrices('', ['sql/warehouse/10_tables.sql'])
    const instant = "TIMESTAMPTZ '2024-01-03 00:00:00+00'"
    for (const closes of [
      [11, 12],
      [12, 11],
    ]) {
      await emptyTables()
      for (const close of closes) {
        const values = `'T', DATE '2024-01-02', 1, 2, 1, ${close}, NULL, 5, ${instant}, now()`
        await connection.run(`INSERT INTO memory.bronze.prices VALUES (${values})`)
        await loadPrices('', ['sql/warehouse/30_merge_prices.sql'])
      }
      expect(await query("SELECT close FROM memory.silver.prices WHERE symbol = 'T'")).toEqual([{ close: 12 }])
    }
  })
})

const STATEMENTS = ['50_statement_tables', '60_load_statements', '70_merge_statements', '80_statements_as_of'].map(
  (name) => `sql/warehouse-statements/${name}.sql`,
)
const KINDS = BUNDLED_STATEMENTS.map(({ name }) => name)
const TYPES: Readonly<Record<string, Column['type']>> = {
  STRING: 'string',
  DATE: 'date',
  DOUBLE: 'double',
  BIGINT: 'int64',
  INT: 'int32',
  TIMESTAMP: 'instant',
}

function statementOf(kind: string): Statement {
  const statement = BUNDLED_STATEMENTS.find(({ name }) => name === kind)
  if (statement === undefined) throw new Error(`There is no ${kind}`)
  return statement
}

/** The columns of a kind of statement, as the load reads them. */
function statementColumns(kind: string): [name: string, type: string][] {
  const [list = []] = listsAfter(STATEMENTS[1] ?? '', new RegExp(String.raw`VIEW ${kind}_files \(`))
  return list
}

describe('the statements', () => {
  test.each(KINDS)('of %s are loaded with the columns that the program writes, all of them, in its order', (kind) => {
    const { columns } = createStatement(statementOf(kind), { prefix: 'raw' })
    expect(statementColumns(kind).map(([name, type]) => [name, TYPES[type] ?? type])).toEqual(
      columns.map(({ name, type }) => [name, type]),
    )
  })

  test.each(KINDS)(
    'of %s: the newest per symbol, date and period, and each filing for as long as it stood',
    async (kind) => {
      const columns = statementColumns(kind)
      const [table, file] = [`memory.silver.${kind}`, `${kind}.parquet`]
      await using temp = await disposableFolder()
      const write = async (name: string, filings: readonly [string, string | null, string, number][]) => {
        const selects = filings.map(([period, accepted, ingest, amount]) => {
          const known: Record<string, string> = {
            symbol: "'AAPL'",
            date: "DATE '2024-09-28'",
            period: `'${period}'`,
            acceptedDate: accepted === null ? 'NULL::TIMESTAMPTZ' : `TIMESTAMPTZ '${accepted}+00'`,
            ingest_ts: `TIMESTAMPTZ '${ingest}+00'`,
          }
          const values = columns.map(([column, type]) => {
            const value = known[column] ?? (type === 'DOUBLE' ? String(amount) : 'NULL')
            return `${value}::${type.replace('TIMESTAMP', 'TIMESTAMPTZ')} AS "${column}"`
          })
          return `SELECT ${values.join(', ')}`
        })
        const folder = `${temp.path}/raw/fundamentals/type=${kind}/symbol=AAPL/year=2024/docdate=2024-09-28`
        await Bun.$`mkdir -p ${folder}`.quiet()
        await connection.run(`COPY (${selects.join(' UNION ALL ')}) TO '${folder}/${name}' (FORMAT parquet)`)
      }
      const load = async () => {
        for (const statement of STATEMENTS.flatMap(statementsOf)) {
          const own = new RegExp(String.raw`\b(silver|bronze|gold)\.${kind}|SCHEMA|\b${kind}_files`)
          if (!own.test(statement)) continue
          const files = `read_parquet('${temp.path}/raw/fundamentals/type=${kind}/**/*.parquet', hive_partitioning = false)`
          await connection.run(forDuckDb(statement) ?? `CREATE OR REPLACE VIEW ${kind}_files AS FROM ${files}`)
        }
      }
      await write(file, [
        ['FY', '2024-11-01 06:01:36', '2024-11-02 00:00:00', 1],
        ['Q4', '2024-11-01 06:01:36', '2024-11-02 00:00:00', 2],
      ])
      await load()
      // A restatement with a filing of its own, and an older copy that comes late.
      await write(file, [
        ['FY', '2025-02-01 12:00:00', '2025-02-02 00:00:00', 3],
        ['Q4', null, '2025-02-02 00:00:00', 4],
      ])
      await write(`late-${file}`, [['FY', '2024-11-01 06:01:36', '2024-11-01 12:00:00', 9]])
      await load()
      await load()
      const amount = columns.find(([, type]) => type === 'DOUBLE')?.[0]
      expect(await query(`SELECT period, "${amount}" AS amount FROM ${table} ORDER BY period`)).toEqual([
        { period: 'FY', amount: 3 },
        { period: 'Q4', amount: 4 },
      ])
      expect(
        await query(`SELECT period, "${amount}" AS amount, known_from::VARCHAR AS since, known_until::VARCHAR AS until
        FROM memory.gold.${kind}_as_of ORDER BY period, known_from`),
      ).toEqual([
        { period: 'FY', amount: 1, since: '2024-11-01 06:01:36+00', until: '2025-02-01 12:00:00+00' },
        { period: 'FY', amount: 3, since: '2025-02-01 12:00:00+00', until: null },
        { period: 'Q4', amount: 2, since: '2024-11-01 06:01:36+00', until: null },
      ])
      expect((await query(`SELECT count(*)::DOUBLE AS n FROM memory.bronze.${kind}`))[0]).toEqual({ n: 5 })
    },
  )
})

/** What follows `start` in a file. */
function rest(path: string, start: string): string {
  const text = shipped(path)
  return text.slice(text.indexOf(start) + start.length)
}

describe('the lists of columns', () => {
  test('of prices are the dataset’s own, wherever they are typed', () => {
    const own = dataset.columns.map(({ name, type }) => [name, type])
    const lists = [
      ...listsAfter('sql/warehouse/10_tables.sql', /CREATE TABLE IF NOT EXISTS \S+ \(/),
      ...listsAfter('sql/warehouse/20_load_prices.sql', /VIEW price_files \(/),
      ...listsAfter('sql/warehouse/45_prices_as_of.sql', /RETURNS TABLE \(/),
      ...listsAfter('sql/pipeline/prices.sql', /schema => '/),
    ].map((list) => list.filter(([name]) => name !== 'loaded_at'))
    expect(lists).toHaveLength(5)
    for (const list of lists) expect(list.map(([name, type]) => [name, TYPES[type]])).toEqual(own)
  })

  test.each(KINDS)('of %s are the same in the tables, in the load and in the pipeline', (kind) => {
    const columns = statementColumns(kind)
    // Eight fields before the amounts, and ingest_ts.
    expect(columns).toHaveLength(8 + statementOf(kind).amounts.length + 1)
    const [bronze = []] = listsAfter(STATEMENTS[0] ?? '', new RegExp(String.raw`bronze\.${kind} \(`))
    expect(bronze.filter(([name]) => name !== 'loaded_at')).toEqual(columns)
    const pipeline = shipped('sql/pipeline/statements.sql')
    const [, selected = '', schema = ''] =
      new RegExp(
        String.raw`bronze_${kind} \([\s\S]*?AS SELECT([\s\S]*?)_rescued_data,[\s\S]*?schema => '([^']*)'`,
      ).exec(pipeline) ?? []
    expect(columnsIn(schema)).toEqual(columns)
    expect(
      selected
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean),
    ).toEqual(columns.map(([name]) => name))
  })

  test('of the pipeline’s Gold are the warehouse’s, and so are its queries', () => {
    const gold = rest('sql/pipeline/prices.sql', "and by what'\nAS")
    const [rebases, features] = gold.split(/\n-- Gold: .*\nCREATE [\s\S]*?\nAS(?=\n)/)
    const inPipeline = (path: string, view: string) =>
      rest(path, `gold.${view} AS`)
        .replaceAll('${catalog}.bronze.prices', 'checked_prices')
        .replaceAll('${catalog}.silver.prices', 'silver_prices')
        .replaceAll('${catalog}.gold.', '')
    expect(rebases).toBe(inPipeline('sql/warehouse/35_price_rebases.sql', 'price_rebases'))
    expect(features).toBe(inPipeline('sql/warehouse/40_price_features.sql', 'price_features'))
  })
})
