// The page of what right means, held against the real program over real prices: its runs, its figures, its messages and its
// queries.

import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { grouped } from '../../lib/core/text.ts'
import { barsFor } from '../support/bars.ts'
import { readRows } from '../support/lakes/lake.ts'
import { readRealSeries, realBarsOf } from '../support/real-prices.ts'
import { ROOT } from '../support/runs/process.ts'
import { setStage, type Stage } from '../support/runs/stage.ts'
import { expectShown } from '../support/shown.ts'

const PAGE = await Bun.file(join(ROOT, 'lib/datasets/prices/README.md')).text()
const SYMBOLS = ['AAPL', 'IBM', 'MSFT']
const LIST = ['--tickers', SYMBOLS.join(',')]

const setNight = async (stage: Stage, night: string) => Object.assign(stage.bars, await realBarsOf(SYMBOLS, night))

/** Runs on the mornings after these nights, each in the order of the page. */
async function runNights(stage: Stage, nights: readonly (readonly [night: string, morning: string])[]) {
  for (const [night, morning] of nights) {
    await setNight(stage, night)
    expect((await stage.run([...LIST, '--audit', '0'], { now: `${morning}T13:00:00Z` })).code).toBe(0)
  }
}

/** The lake with five stored years on the night before Microsoft's dividend. */
async function setFiveYears(): Promise<Stage> {
  const stage = await setStage()
  await setNight(stage, '2005-02-14')
  const backfill = await stage.run([...LIST, '--backfill', '--from-date', '2000-01-01'], {
    now: '2005-02-15T13:00:00Z',
  })
  expect(backfill.code).toBe(0)
  return stage
}

/** What is stored of a row; a test compares two instants. */
async function stored(stage: Stage, row: string) {
  const [symbol = '', date] = row.split(' ')
  const rows = (await readRows(stage.lake, `symbol=${symbol}`)).filter((one) => one.date === date)
  return rows.toSorted((a, b) => b.ingestTs - a.ingestTs)[0]
}

/** The lines of the page's table that begin with these cells. */
function cellsOf(heading: string): readonly (readonly string[])[] {
  const [, table = ''] = new RegExp(String.raw`\| ${heading} .*\n\| -.*\n((?:\|.*\n)+)`).exec(PAGE) ?? []
  return table
    .trim()
    .split('\n')
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

const twoDecimals = (value: unknown) => (Number(value) > 1_000 ? grouped(Number(value)) : Number(value).toFixed(2))

test('the two nights print what the page shows, and store what its table says', async () => {
  await using stage = await setFiveYears()
  const shown = /```console\n(\$ ingest [\s\S]*?)```/.exec(PAGE)?.[1]?.split(/^\$ ingest --out \.\/eod (.*)\n/m) ?? []
  const [, first, dividend = '', second, split = ''] = shown
  expect([first, second]).toEqual([LIST.join(' '), LIST.join(' ')])
  const rows = cellsOf('row')
  const before = new Map<string, unknown>()
  const note = async (names: readonly string[]) => {
    for (const [row = '', column = ''] of rows) {
      if (names.includes(row)) before.set(`${row} ${column}`, (await stored(stage, row))?.[column as 'close'])
    }
  }
  await note(['MSFT 2005-02-14'])
  await setNight(stage, '2005-02-15')
  expectShown(dividend, (await stage.run(LIST, { now: '2005-02-16T13:00:00Z' })).stdout)
  await runNights(stage, [['2005-02-25', '2005-02-26']])
  await note(['AAPL 2005-02-25'])
  await setNight(stage, '2005-02-28')
  expectShown(split, (await stage.run(LIST, { now: '2005-03-01T13:00:00Z' })).stdout)
  for (const [row = '', column = '', was, is] of rows) {
    const now = (await stored(stage, row))?.[column as 'close']
    expect({ row, was, is }).toEqual({ row, was: twoDecimals(before.get(`${row} ${column}`)), is: twoDecimals(now) })
  }
  expect(rows).toHaveLength(4)

  // Its two returns of 2005-02-15.
  const [c0, c1] = [await stored(stage, 'MSFT 2005-02-14'), await stored(stage, 'MSFT 2005-02-15')]
  const percent = (name: 'close' | 'adjClose') => ((Number(c1?.[name]) / Number(c0?.[name]) - 1) * 100).toFixed(2)
  expect(PAGE).toContain(
    `fell from ${c0?.close} to ${c1?.close} and paid 0.08: ${percent('close').replace('-', '−')} % by`,
  )
  expect(PAGE).toContain(`${percent('adjClose')} % by \`adjClose\``)
})

test('what is held back is said in the words of the page', async () => {
  await using stage = await setFiveYears()
  await runNights(stage, [['2005-02-28', '2005-03-01']])
  await setNight(stage, '2005-03-01')
  stage.bars['AAPL'] = stage.bars['IBM'] ?? []
  const symbol = await stage.run(LIST, { now: '2005-03-02T13:00:00Z' })

  const symbols = Array.from({ length: 40 }, (_, n) => `S${n + 10}`)
  const usual = Object.entries(barsFor(symbols, '2019-09-03', '2019-10-31')).map(([name, bars]) => {
    return [name, bars.map((bar) => ({ ...bar, volume: bar.date === '2019-10-31' ? 2e8 : 2e6 }))] as const
  })
  await using market = await setStage({ bars: Object.fromEntries(usual) })
  const list = ['--tickers', symbols.join(',')]
  const dates = ['--from-date', '2019-09-03', '--to-date', '2019-10-30']
  expect((await market.run([...list, ...dates], { now: '2019-10-31T13:00:00Z' })).code).toBe(0)
  const session = await market.run(list, { now: '2019-11-01T13:00:00Z' })

  const shown = [...PAGE.matchAll(/^❌ .*$/gm)].map(([line]) => line)
  expect(shown).toHaveLength(2)
  for (const [run, line = ''] of [[symbol, shown[0]] as const, [session, shown[1]] as const]) {
    expect(run.code).toBe(1)
    expect(run.stderr.split('\n')).toContain(line)
  }
})

test('prices as traded come from the first stored rows, and from a list of splits to a cent', async () => {
  await using stage = await setFiveYears()
  await runNights(stage, [
    ['2005-02-24', '2005-02-25'],
    ['2005-02-25', '2005-02-26'],
    ['2005-02-28', '2005-03-01'],
  ])
  const queries = [...PAGE.matchAll(/```sql\n([\s\S]*?)```/g)].map(([, sql = '']) => sql)
  const [prices = '', first = '', products = ''] = queries.map((sql) => sql.replaceAll("'lake/", `'${stage.lake.out}/`))
  expect(queries).toHaveLength(3)
  const connection = await (await DuckDBInstance.create()).connect()
  await connection.run(`CREATE VIEW prices AS ${prices}`)
  const rowsOf = async (sql: string, where: string) => {
    const reader = await connection.runAndReadAll(
      `SELECT CAST(date AS VARCHAR), round(close, 2), CAST(volume AS INTEGER) FROM (${sql.trim().replace(/;$/, '')})
       WHERE symbol = 'AAPL' AND ${where} ORDER BY date`,
    )
    return reader.getRowsJson()
  }
  const traded = (await readRealSeries()).get('AAPL') ?? []
  const asTraded = (from: string) =>
    traded
      .filter(({ date }) => date >= from && date <= '2005-02-28')
      .map(({ date, prices: [, , , close], volume }) => [date, close ?? 0, volume])
  expect(await rowsOf(first, "date >= '2005-02-24'")).toEqual(asTraded('2005-02-24'))
  // The backfilled sessions were stored long after they were traded.
  expect((await rowsOf(first, "date < '2005-02-14'")).length).toBe(0)

  const found = await rowsOf(products, "date >= '2000-07-03'")
  const expected = asTraded('2000-07-03')
  expect(found).toHaveLength(expected.length)
  const apart = found.map((row, index) => Math.abs(Number(row?.[1]) - Number(expected[index]?.[1])))
  expect(Math.max(...apart)).toBeCloseTo(0.01, 6)
  expect(found.find(([date]) => date === '2005-02-25')?.[1]).toBe(89)
  expect(PAGE).toContain('44.50 × 2 is 89.00, and 88.99 was traded')
  connection.closeSync()

  // Apple's first bar of the series, which has been divided by 2, 2, 7 and 4 since.
  const [oldest] = traded
  const divided = Math.round(((oldest?.prices[3] ?? 0) / 112) * 100) / 100
  expect(PAGE).toContain(
    `Apple traded at ${oldest?.prices[3]} on ${oldest?.date} and has split 112-fold since; from ${divided} the product is ${(divided * 112).toFixed(2)}.`,
  )
})
