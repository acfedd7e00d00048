// What the guide of the bundle shows and counts: its changes of base over real prices, its query, and how much Bronze grows.

import { expect, test } from 'bun:test'
import { encodeFile } from '../../../lib/parquet/writer.ts'
import type { Row } from '../../../lib/core/dataset.ts'
import { readRealSeries, realBarsOf, realRowOn } from '../../support/real-prices.ts'
import { setStage } from '../../support/runs/stage.ts'
import { shipped } from '../../support/shipped-sql.ts'
import { at, prices } from '../../support/values.ts'
import { openWarehouse } from '../../support/warehouse.ts'

const GUIDE = shipped('README.md')
const SYMBOLS = ['AAPL', 'MSFT']

/** The cells of the lines of the guide's table under this heading. */
function tableAfter(heading: string): readonly (readonly string[])[] {
  const [table = ''] = /^\|.*\n\| -.*\n((?:\|.*\n)+)/m.exec(GUIDE.slice(GUIDE.indexOf(heading))) ?? []
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

test('its changes of base are those of two real symbols, and its query brings what was known to the base of now', async () => {
  await using stage = await setStage()
  await using warehouse = await openWarehouse()
  const nights = [
    ['2005-02-14', ['--backfill', '--from-date', '2000-01-01']],
    ['2005-02-15', []],
    ['2005-02-25', []],
    ['2005-02-28', []],
  ] as const
  for (const [night, args] of nights) {
    Object.assign(stage.bars, await realBarsOf(SYMBOLS, night))
    const now = new Date(at(`${night}T13:00:00Z`) + 86_400_000).toISOString()
    expect((await stage.run(['--tickers', SYMBOLS.join(','), ...args], { now })).code).toBe(0)
    await warehouse.load(`${stage.lake.out}/raw`)
  }
  const [names = [], , ...shown] = tableAfter('`price_rebases` tells what has happened')
  const rows = await warehouse.query(`
    SELECT symbol, strftime(seen_at, '%Y-%m-%d %H:%M:%S'), first_date::VARCHAR, last_date::VARCHAR,
      rtrim(rtrim(round(price_factor, 6)::DECIMAL(9, 6)::VARCHAR, '0'), '.'),
      rtrim(rtrim(round(adj_factor, 6)::DECIMAL(9, 6)::VARCHAR, '0'), '.'), rows::VARCHAR
    FROM memory.gold.price_rebases ORDER BY seen_at`)
  expect(names).toEqual(['symbol', 'seen_at', 'first_date', 'last_date', 'price_factor', 'adj_factor', 'rows'])
  expect(rows.map((row) => Object.values(row) as string[])).toEqual(shown.map((cells) => [...cells]))

  const [query = ''] = /```sql\nSELECT p\.symbol[\s\S]*?;\n```/.exec(GUIDE) ?? []
  const instant = '2005-02-15 18:00:00'
  const sql = query
    .replaceAll('main.', 'memory.')
    .replace(/TIMESTAMP '[^']*'/, `TIMESTAMPTZ '${instant}+00'`)
    .replace(/^```sql\n/, '')
    .replace(/;\n```$/, '')
  const apart = await warehouse.query(`
    SELECT count(*)::INTEGER AS n, max(abs(known.close - now.close)) AS close, max(abs(known.adjClose - now.adjClose)) AS adj
    FROM (${sql}) AS known JOIN memory.silver.prices AS now USING (symbol, date)`)
  expect(apart[0]?.['n']).toBeGreaterThan(2_000)
  expect(Math.max(Number(apart[0]?.['close']), Number(apart[0]?.['adj']))).toBeLessThan(0.02)
})

/** To two digits: the guide rounds. */
function rounded(rows: readonly (readonly number[])[]): number[][] {
  return rows.map((row) => row.map((value) => Number(value.toPrecision(2))))
}

test('what Bronze grows by is counted from real files', async () => {
  const { columns } = prices()
  const files = [...(await readRealSeries())].flatMap(([symbol, sessions]) => {
    const today = sessions.at(-1)
    const rows = today === undefined ? [] : sessions.map((session) => realRowOn(symbol, session, today))
    return [...Map.groupBy(rows, ({ date }) => date.slice(0, 4)).values()]
  })
  const bytesOf = (rows: readonly Row[]) =>
    encodeFile(
      { rows: rows.toReversed(), asked: undefined },
      { columns, ingestMs: at('2024-09-17T13:00:00Z'), version: '0.1.0' },
    ).bytes.length
  const years = files.filter(({ length }) => length >= 248)
  const yearBytes = years.reduce((sum, rows) => sum + bytesOf(rows), 0) / years.length
  const dayBytes = bytesOf(files[0]?.slice(0, 1) ?? [])
  expect(GUIDE).toContain(`A file of a year has 252 rows and ${(yearBytes / 1_000).toFixed(1)} kB`)
  expect(GUIDE).toContain(
    `(real prices, ${Math.round(yearBytes / 252)} bytes a row), that of a day ${(dayBytes / 1_000).toFixed(2)} kB`,
  )

  const [symbols, nights, exDates] = [500, 252, 6 * 252]
  const shown = tableAfter('## How much Bronze grows').slice(2)
  const counted = shown.map((cells) => cells.slice(1).map((cell) => Number(cell.replaceAll(',', ''))))
  const mends = (events: number, stored: number, calls: number) =>
    [events * stored * 252, events * stored, (events * stored * yearBytes) / 1e6, calls] as const
  // Two calls for ten stored years. Of 95 events three are splits; a dividend that is left is looked at on ten nights.
  const splits = (exDates * 3) / 95
  const expected = [
    [symbols * nights, symbols * nights, (symbols * nights * dayBytes) / 1e6, 2 * symbols * nights],
    mends(exDates, 5, 2 * exDates),
    mends(exDates, 25, 6 * exDates),
    mends(splits, 25, 6 * splits + 10 * 6 * (exDates - splits)),
  ]
  expect(rounded(counted)).toEqual(rounded(expected))
})
