// The check of a table against raw, on a small lake that DuckDB alone has made: it must name what was planted.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdir, rm, truncate } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { disposableFolder } from './lakes/lake.ts'
import { fnv1a, tableDifferences } from './table-check.ts'

const SYMBOLS = ['AAPL', '^GSPC', 'TRUE', 'ÄÖ', 'M&M.NS']
const BASE_YEAR = 2024

const COLUMNS = `symbol, date, close, if(month(date) = 3, NULL, -0.0::DOUBLE) AS adjClose,
  (1000 + day(date))::BIGINT AS volume, ingest_ts`

let connection: DuckDBConnection
let good: Awaited<ReturnType<typeof disposableFolder>>

beforeAll(async () => {
  connection = await (await DuckDBInstance.create()).connect()
  await connection.run("SET TimeZone = 'UTC'")
  good = await disposableFolder()
  await makeLake(good.path)
})

afterAll(async () => {
  connection.closeSync()
  await good[Symbol.asyncDispose]()
})

/** Writes a query's rows to a file of a lake. */
async function write(folder: string, key: string, sql: string, options = ''): Promise<void> {
  await mkdir(dirname(join(folder, key)), { recursive: true })
  await connection.run(`COPY (${sql}) TO '${join(folder, key)}' (FORMAT parquet${options})`)
}

const bucketOf = (symbol: string) => String(fnv1a(symbol) % 16).padStart(2, '0')
const closedKey = (symbol: string) => `tables/prices/closed-${BASE_YEAR}-${bucketOf(symbol)}-of-16.parquet`

/** Year files of two years, day files of which some were written before them and some after, and a table of all. */
async function makeLake(folder: string): Promise<void> {
  await connection.run(`
    CREATE OR REPLACE TABLE days AS
    SELECT symbol, unnest(generate_series(DATE '2023-11-01', DATE '2024-03-09', INTERVAL 1 day))::DATE AS date,
      TIMESTAMPTZ '2024-03-10 00:00:00.000001+00' AS ingest_ts
    FROM (VALUES ${SYMBOLS.map((symbol) => `('${symbol}')`).join(', ')}) AS list(symbol)`)
  await connection.run(
    'CREATE OR REPLACE TABLE bars AS SELECT *, 0.1::DOUBLE + dayofyear(date) * 0.7::DOUBLE AS close FROM days',
  )
  const rows = `SELECT ${COLUMNS} FROM bars`
  for (const symbol of SYMBOLS) {
    const where = (more: string) => `${rows} WHERE symbol = '${symbol}' AND ${more}`
    const name = `raw/prices/symbol=${encodeURIComponent(symbol)}`
    await write(folder, `${name}/year=2023/x-2023.parquet`, where('year(date) = 2023'))
    await write(folder, `${name}/year=2024/x-2024.parquet`, where("date BETWEEN '2024-01-01' AND '2024-03-08'"))
    const stale = where("date = '2024-03-08'")
      .replace('close,', 'close + 1 AS close,')
      .replace(', ingest_ts', ', ingest_ts - INTERVAL 1 day AS ingest_ts')
    await write(folder, `${name}/year=2024/month=03/x-2024-03-08.parquet`, stale)
    await write(folder, `${name}/year=2024/month=03/x-2024-03-09.parquet`, where("date = '2024-03-09'"))
  }
  const sorted = (where: string) => `${rows} WHERE ${where} ORDER BY symbol, date`
  for (const key of new Set(SYMBOLS.map(closedKey))) {
    const own = SYMBOLS.filter((symbol) => closedKey(symbol) === key).map((symbol) => `'${symbol}'`)
    await write(folder, key, sorted(`symbol IN (${own.join(', ')}) AND year(date) < ${BASE_YEAR}`))
  }
  for (const month of [1, 2, 3])
    await write(
      folder,
      `tables/prices/month-2024-0${month}.parquet`,
      sorted(`year(date) = 2024 AND month(date) = ${month}`),
    )
  const reports = `SELECT * FROM (VALUES ('AAPL', DATE '2023-09-30', 'FY', 4.0), ('AAPL', DATE '2023-09-30', 'Q4', 1.0))
    AS list(symbol, date, period, revenue)`
  await write(folder, 'raw/fundamentals/type=income/symbol=AAPL/year=2023/docdate=2023-09-30/x.parquet', reports)
  await write(folder, `tables/income/bucket-${bucketOf('AAPL')}-of-16.parquet`, reports)
}

/** What is found in a copy of the lake after a change to it. */
async function foundAfter(change: (folder: string) => Promise<unknown>): Promise<readonly string[]> {
  await using copy = await disposableFolder()
  await cp(good.path, copy.path, { recursive: true })
  await change(copy.path)
  return await tableDifferences(copy.path)
}

const MARCH = 'tables/prices/month-2024-03.parquet'

/** Rewrites a file of the lake by a query over its rows, which stand in `file`. */
async function rewrite(folder: string, key: string, sql: string, options = ''): Promise<void> {
  await connection.run(`CREATE OR REPLACE TABLE file AS FROM '${join(folder, key)}'`)
  await write(folder, key, sql, options)
}

const SORTED = 'ORDER BY symbol, date'
const NEXT_DOUBLE = (name: string) => `${name} + ${name} * 2.220446049250313e-16::DOUBLE`

test('a table that equals raw has no difference', async () => {
  expect(await tableDifferences(good.path)).toEqual([])
})

describe('is named:', () => {
  test.each<[what: string, key: string, sql: string, told: readonly string[]]>([
    [
      'a row that stands twice',
      MARCH,
      `FROM (FROM file UNION ALL FROM file WHERE symbol = 'TRUE' AND date = '2024-03-02') ${SORTED}`,
      ['prices: 1 rows stand more than once', 'prices:   TRUE 2024-03-02'],
    ],
    [
      'a row that is missing',
      MARCH,
      `FROM file WHERE symbol <> 'TRUE' OR date <> '2024-03-02' ${SORTED}`,
      ['prices: 1 rows are missing', 'prices:   TRUE 2024-03-02'],
    ],
    [
      'a row that raw has not',
      MARCH,
      `FROM (FROM file UNION ALL SELECT * REPLACE ('ZZ' AS symbol) FROM file WHERE symbol = 'TRUE' AND date = '2024-03-02') ${SORTED}`,
      ['prices: 1 rows are not stored', 'prices:   ZZ 2024-03-02'],
    ],
    [
      'the next double',
      MARCH,
      `SELECT * REPLACE (if(symbol = 'AAPL' AND date = '2024-03-02', ${NEXT_DOUBLE('close')}, close) AS close) FROM file ${SORTED}`,
      ['prices: 1 rows differ', 'prices:   AAPL 2024-03-02: close 43.50000000000001, raw 43.5'],
    ],
    [
      'zeros without their sign',
      'tables/prices/month-2024-02.parquet',
      `SELECT * REPLACE (0.0::DOUBLE AS adjClose) FROM file ${SORTED}`,
      [`prices: ${29 * SYMBOLS.length} rows differ`, ...Array.from({ length: 5 }, () => 'prices:   ')],
    ],
    [
      'a number in place of null',
      MARCH,
      `SELECT * REPLACE (if(symbol = 'AAPL' AND date = '2024-03-02', 1.0, adjClose) AS adjClose) FROM file ${SORTED}`,
      ['prices: 1 rows differ', 'prices:   AAPL 2024-03-02: adjClose 1.0, raw null'],
    ],
    [
      'an ingest_ts that is a microsecond off',
      MARCH,
      `SELECT * REPLACE (if(symbol = 'AAPL' AND date = '2024-03-02', ingest_ts + INTERVAL 1 microsecond, ingest_ts) AS ingest_ts) FROM file ${SORTED}`,
      ['prices: 1 rows differ', 'prices:   AAPL 2024-03-02: ingest_ts 1710028800000002, raw 1710028800000001'],
    ],
    [
      'a day file’s row that an older run wrote',
      MARCH,
      `SELECT * REPLACE (if(symbol = 'AAPL' AND date = '2024-03-08', close + 1, close) AS close,
        if(symbol = 'AAPL' AND date = '2024-03-08', ingest_ts - INTERVAL 1 day, ingest_ts) AS ingest_ts) FROM file ${SORTED}`,
      [
        'prices: 1 rows differ',
        'prices:   AAPL 2024-03-08: close 48.699999999999996, raw 47.699999999999996; ingest_ts 1709942400000001, raw 1710028800000001',
      ],
    ],
    [
      'rows that are not sorted',
      MARCH,
      `FROM file ORDER BY symbol, date DESC`,
      ['prices: 1 files are not sorted by symbol and date', 'prices:   month-2024-03.parquet'],
    ],
    [
      'a column of another type',
      MARCH,
      `SELECT * REPLACE (volume::DOUBLE AS volume) FROM file ${SORTED}`,
      ['prices: month-2024-03.parquet has the columns'],
    ],
    [
      'columns in another order',
      MARCH,
      `SELECT date, symbol, * EXCLUDE (symbol, date) FROM file ${SORTED}`,
      ['prices: month-2024-03.parquet has the columns'],
    ],
    [
      'a statement’s row that is missing',
      `tables/income/bucket-${bucketOf('AAPL')}-of-16.parquet`,
      `FROM file WHERE period = 'FY'`,
      ['income: 1 rows are missing', 'income:   AAPL 2023-09-30'],
    ],
  ])('%s', async (_what, key, sql, told) => {
    const found = await foundAfter(async (folder) => await rewrite(folder, key, sql))
    expect(found.map((line, index) => line.slice(0, told[index]?.length))).toEqual([...told])
  })

  test('a row in the file of another month', async () => {
    const found = await foundAfter(async (folder) => {
      await connection.run(`CREATE OR REPLACE TABLE march AS FROM '${join(folder, MARCH)}'`)
      const moved = "symbol = 'TRUE' AND date = '2024-03-02'"
      await rewrite(
        folder,
        'tables/prices/month-2024-02.parquet',
        `FROM (FROM file UNION ALL FROM march WHERE ${moved}) ${SORTED}`,
      )
      await rewrite(folder, MARCH, `FROM file WHERE NOT (${moved}) ${SORTED}`)
    })
    expect(found).toEqual([
      'prices: 1 rows stand in a file that is not theirs',
      'prices:   TRUE 2024-03 in month-2024-02.parquet',
    ])
  })

  test('a symbol in the file of another bucket, and two layouts', async () => {
    const [key, other] = [closedKey('TRUE'), `tables/prices/closed-${BASE_YEAR}-31-of-32.parquet`]
    const found = await foundAfter(async (folder) => {
      await rewrite(folder, key, `FROM file WHERE symbol <> 'TRUE' ${SORTED}`)
      await cp(join(good.path, key), join(folder, other))
      await rewrite(folder, other, `FROM file WHERE symbol = 'TRUE' ${SORTED}`)
    })
    expect(found[0]).toMatch(/^prices: its files have 2 layouts/)
    expect(found).toContain('prices: 2 rows stand in a file that is not theirs')
  })

  test('a symbol that is cut by the end of a row group', async () => {
    const found = await foundAfter(async (folder) => {
      const long = `SELECT ${COLUMNS} FROM (
        SELECT 'LONG' AS symbol, unnest(generate_series(DATE '1990-01-01', DATE '2019-12-31', INTERVAL 1 day))::DATE AS date,
          1.5::DOUBLE AS close, TIMESTAMPTZ '2024-03-10 00:00:00+00' AS ingest_ts) ORDER BY date`
      await write(folder, 'raw/prices/symbol=LONG/year=2010/x-2010.parquet', long)
      const key = closedKey('LONG')
      expect(SYMBOLS.map(closedKey)).not.toContain(key)
      await write(folder, key, long, ', ROW_GROUP_SIZE 2048')
    })
    expect(found[0]).toBe('prices: 1 symbols stand in two row groups')
  })

  test('a file that is cut off, one that is of no table, and one that is not there', async () => {
    const cut = await foundAfter(async (folder) => await truncate(join(folder, MARCH), 200))
    expect(cut.join()).toMatch(/^prices: cannot be read: .*month-2024-03/)
    const stray = await foundAfter(
      async (folder) => await cp(join(folder, MARCH), join(folder, 'tables/prices/copy.parquet')),
    )
    expect(stray).toEqual(['prices: copy.parquet is no file of a table'])
    const gone = await foundAfter(async (folder) => await rm(join(folder, MARCH)))
    expect(gone[0]).toBe(`prices: ${9 * SYMBOLS.length} rows are missing`)
    const none = await foundAfter(async (folder) => await rm(join(folder, 'tables'), { recursive: true }))
    expect(none).toEqual(['prices: there is no table', 'income: there is no table'])
  })
})
