// Gold over lakes that the program has mended: the changes of base that Bronze shows, what was known when, and features that
// never mix two bases. The same over thousands of random changes: rebases.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { iso, SEED, sessions, yearKey, type Bar } from '../../support/bars.ts'
import { disposableFolder } from '../../support/lakes/lake.ts'
import { barsOfNight, morningAfter, movingSeries, type MovingSeries } from '../../support/moving-series.ts'
import { metricsOf, setStage, type Run, type Stage } from '../../support/runs/stage.ts'
import { statementsOf } from '../../support/shipped-sql.ts'
import { span } from '../../support/values.ts'
import { openWarehouse, type Warehouse } from '../../support/warehouse.ts'

const HISTORY = span('2021-12-01..2024-09-18')
const [BACKFILL, FIRST, BEFORE, EX_DATE, NEXT, LAST] = (
  ['2024-09-06', '2024-09-12', '2024-09-13', '2024-09-16', '2024-09-17', '2024-09-18'] as const
).map(iso) as [IsoDate, IsoDate, IsoDate, IsoDate, IsoDate, IsoDate]

const SERIES = movingSeries(
  {
    SPLIT: [{ exDate: EX_DATE, split: [4, 1] }],
    PAYS: [
      { exDate: EX_DATE, dividend: 0.5 },
      { exDate: LAST, dividend: 0.25 },
    ],
    BOTH: [{ exDate: EX_DATE, split: [3, 2], dividend: 0.5 }],
    // The night between the two has no run.
    JOINED: [
      { exDate: NEXT, dividend: 0.5 },
      { exDate: LAST, split: [1, 8] },
    ],
    LATE: [{ exDate: iso('2024-09-04'), from: EX_DATE, dividend: 0.5 }],
    FIXED: [],
  },
  HISTORY,
  SEED,
)

async function run(stage: Stage, night: IsoDate, args: readonly string[] = []): Promise<Run> {
  const list = ['--tickers', Object.keys(stage.bars).join(',')]
  const done = await stage.run([...list, ...args], { now: morningAfter(night) })
  expect({ night, code: done.code, stderr: done.stderr }).toEqual({ night, code: 0, stderr: expect.any(String) })
  return done
}

/** A lake of these series that was backfilled up to a session. */
async function backfilled(series: MovingSeries, night: IsoDate): Promise<Stage> {
  const stage = await setStage({ bars: barsOfNight(series, night) })
  await run(stage, night, ['--backfill', '--from-date', HISTORY.from])
  return stage
}

const load = async (warehouse: Warehouse, stage: Stage) => await warehouse.load(`${stage.lake.out}/raw`)

/** All of Gold that says what prices are, but for when they were stored. */
async function goldOf(warehouse: Warehouse): Promise<readonly Record<string, unknown>[][]> {
  const tables = ['price_features', "prices_as_of(TIMESTAMPTZ '2030-01-01 00:00:00+00')"]
  return await Promise.all(
    tables.map(
      async (table) =>
        await warehouse.query(`SELECT * EXCLUDE (ingest_ts) FROM memory.gold.${table} ORDER BY symbol, date`),
    ),
  )
}

/** Gold of one fresh backfill of what the vendor has on a night. */
async function freshGold(bars: Readonly<Record<string, readonly Bar[]>>, night: IsoDate) {
  await using stage = await setStage({ bars })
  await run(stage, night, ['--backfill', '--from-date', HISTORY.from])
  await using warehouse = await openWarehouse()
  await load(warehouse, stage)
  return await goldOf(warehouse)
}

/** What `price_rebases` has, in its order of symbols and dates. */
async function rebasesOf(warehouse: Warehouse): Promise<Record<string, unknown>[]> {
  return await warehouse.query(`
    SELECT symbol, seen_at::VARCHAR AS seen_at, first_date::VARCHAR AS first_date, last_date::VARCHAR AS last_date,
      price_factor, adj_factor, rows::INTEGER AS rows
    FROM memory.gold.price_rebases ORDER BY symbol, seen_at, first_date`)
}

/** The first and last date of the windows on two bases, by symbol. No feature may have a value there. */
async function mixedOf(warehouse: Warehouse): Promise<Record<string, unknown>[]> {
  const features = `log_return, ma_20, ma_50, volatility_20d, volatility_20d_annualised, ma_20_close, ma_50_close,
    stddev_close_20d`
  const where = 'FROM memory.gold.price_features WHERE NOT is_one_base'
  expect(await warehouse.query(`SELECT symbol, date ${where} AND coalesce(${features}) IS NOT NULL`)).toEqual([])
  return await warehouse.query(
    `SELECT symbol, min(date)::VARCHAR AS first, max(date)::VARCHAR AS last ${where} GROUP BY symbol ORDER BY symbol`,
  )
}

/** The factor of a dividend. */
function paid(symbol: string, exDate: IsoDate, dividend: number): number {
  return 1 - dividend / (SERIES[symbol]?.traded.findLast(({ date }) => date < exDate)?.close ?? 0)
}

/** The bars with another close in the newest one. */
function provisional(bars: readonly Bar[] = []): readonly Bar[] {
  return bars.map((bar, index) => {
    const [close, adjClose] = [bar.close, bar.adjClose].map((value) => (value ?? 0) + 0.5)
    return index < bars.length - 1 ? bar : { ...bar, close: close ?? null, adjClose: adjClose ?? null }
  })
}

describe('a lake of nights with a split, dividends, both at once, a late one and a correction', () => {
  const nights = [FIRST, BEFORE, EX_DATE, LAST]
  const silver = new Map<IsoDate, Record<string, unknown>[]>()
  let stage: Stage
  let warehouse: Warehouse

  beforeAll(async () => {
    stage = await backfilled(SERIES, BACKFILL)
    warehouse = await openWarehouse()
    await load(warehouse, stage)
    for (const night of nights) {
      Object.assign(stage.bars, barsOfNight(SERIES, night))
      // The newest close is provisional until the night after.
      if (night === FIRST) stage.bars['FIXED'] = provisional(stage.bars['FIXED'])
      await run(stage, night)
      await load(warehouse, stage)
      silver.set(night, await warehouse.query('SELECT * FROM memory.silver.prices ORDER BY symbol, date'))
    }
  })
  afterAll(async () => {
    await warehouse[Symbol.asyncDispose]()
    await stage[Symbol.asyncDispose]()
  })

  test('each change is told: when it was seen, how far it reaches, its factors and its rows; a correction is none', async () => {
    const rebases = await rebasesOf(warehouse)
    const expected = [
      ['BOTH', EX_DATE, '2024-09-13', 2 / 3, (2 / 3) * paid('BOTH', EX_DATE, 0.5)],
      ['JOINED', LAST, '2024-09-16', 8, 8 * paid('JOINED', NEXT, 0.5)],
      ['LATE', EX_DATE, '2024-09-03', 1, paid('LATE', iso('2024-09-04'), 0.5)],
      ['PAYS', EX_DATE, '2024-09-13', 1, paid('PAYS', EX_DATE, 0.5)],
      ['PAYS', LAST, '2024-09-16', 1, paid('PAYS', LAST, 0.25)],
      ['SPLIT', EX_DATE, '2024-09-13', 1 / 4, 1 / 4],
    ] as const
    expect(rebases).toEqual(
      expected.map(([symbol, night, last]) => ({
        symbol,
        seen_at: morningAfter(night).replace('T', ' ').replace('Z', '+00'),
        first_date: HISTORY.from,
        last_date: last,
        price_factor: expect.any(Number),
        adj_factor: expect.any(Number),
        // A dividend may leave a row or two as they were, where rounding hides it.
        rows: expect.any(Number),
      })),
    )
    for (const [index, [symbol, , last, price, adjusted]] of expected.entries()) {
      const { price_factor: foundPrice, adj_factor: foundAdjusted, rows } = rebases[index] ?? {}
      const count = sessions(HISTORY.from, last).length
      expect({ symbol, isWhole: Number(rows) > 0.95 * count && Number(rows) <= count }).toEqual({
        symbol,
        isWhole: true,
      })
      expect(Math.abs(Number(foundPrice) / price - 1)).toBeLessThan(0.000_1)
      expect(Math.abs(Number(foundAdjusted) / adjusted - 1)).toBeLessThan(0.000_1)
    }
  })

  test('Gold equals Gold of one fresh backfill to the last digit, whether Bronze was loaded every night or once', async () => {
    const fresh = await freshGold(stage.bars, LAST)
    expect(fresh.map(({ length }) => length)).toEqual([6 * 703, 6 * 703])
    await using once = await openWarehouse()
    await load(once, stage)
    for (const each of [warehouse, once]) {
      expect(await goldOf(each)).toEqual(fresh as Record<string, unknown>[][])
      expect(await mixedOf(each)).toEqual([])
    }
  })

  test('prices_as_of is what Silver was after each night, in the warehouse and as the query for pipelines', async () => {
    const [query = ''] = statementsOf('sql/queries/prices_as_of.sql')
    const bronze = "SELECT * REPLACE (ingest_ts::TIMESTAMP AT TIME ZONE 'UTC' AS ingest_ts), 0 AS source_mtime"
    await warehouse.query(`CREATE TEMP VIEW checked_prices AS ${bronze} FROM memory.bronze.prices`)
    for (const [night, rows] of silver) {
      const instant = morningAfter(night)
      const known = await warehouse.query(
        `SELECT * FROM memory.gold.prices_as_of(TIMESTAMPTZ '${instant}') ORDER BY symbol, date`,
      )
      expect(known).toEqual(rows)
      const asked = `${query.replace(':as_of', '$as_of::TIMESTAMPTZ')} ORDER BY symbol, date`
      expect(await warehouse.query(asked, { as_of: instant })).toEqual(known)
    }
    expect(new Set([...silver.values()].map((rows) => JSON.stringify(rows))).size).toBe(nights.length)
  })
})

// The series do not fall on the ex date, so a dividend of a fifth of the lowest price would be doubted.
const TWO = movingSeries(
  { SPLIT: [{ exDate: EX_DATE, split: [4, 1] }], PAYS: [{ exDate: EX_DATE, dividend: 0.5 }] },
  HISTORY,
  SEED,
)

/** A lake and a warehouse of two symbols on the night before their events, and the vendor on the night of them. */
async function beforeEvents() {
  const stage = await backfilled(TWO, FIRST)
  const warehouse = await openWarehouse()
  await load(warehouse, stage)
  Object.assign(stage.bars, barsOfNight(TWO, EX_DATE))
  return {
    stage,
    warehouse,
    [Symbol.asyncDispose]: async () => {
      await warehouse[Symbol.asyncDispose]()
      await stage[Symbol.asyncDispose]()
    },
  }
}

/** The next night heals a lake: Gold is that of a fresh backfill. */
async function expectHealed({ stage, warehouse }: { stage: Stage; warehouse: Warehouse }, night: IsoDate) {
  Object.assign(stage.bars, barsOfNight(TWO, night))
  await run(stage, night)
  await load(warehouse, stage)
  expect(await mixedOf(warehouse)).toEqual([])
  expect(await goldOf(warehouse)).toEqual((await freshGold(stage.bars, night)) as Record<string, unknown>[][])
}

test('a mend that was killed half-way leaves no feature on two bases, and the next night heals it', async () => {
  await using lake = await beforeEvents()
  const { stage, warehouse } = lake
  await using twin = await disposableFolder()
  const args = ['--tickers', 'SPLIT', '--audit', '0']
  const options = { now: morningAfter(EX_DATE), preload: 'test/support/runs/kill-at.ts', isShared: true }
  // How many steps an undisturbed run takes to its second file: a rename each.
  await cp(stage.lake.out, join(twin.path, 'lake'), { recursive: true })
  const steps = join(twin.path, 'steps')
  const undisturbed = [...args, '--out', join(twin.path, 'lake')]
  await stage.spawn(undisturbed, { ...options, env: { KILL_AT: '0', STEPS_FILE: steps } }).done
  const names = (await readFile(steps, 'utf8')).trim().split('\n')
  const second = names.indexOf('rename', names.indexOf('rename') + 1) + 1
  const killed = await stage.spawn(args, { ...options, env: { KILL_AT: String(second) } }).done
  expect({ code: killed.code, changed: killed.changed }).toEqual({ code: 137, changed: [yearKey('SPLIT', 2021)] })

  await load(warehouse, stage)
  expect(await rebasesOf(warehouse)).toMatchObject([
    { symbol: 'SPLIT', first_date: HISTORY.from, last_date: '2021-12-31', rows: 22 },
  ])
  // What was stored after 2021 is older than the change, up to the newest row.
  expect(await mixedOf(warehouse)).toEqual([{ symbol: 'SPLIT', first: '2022-01-03', last: FIRST }])
  await expectHealed(lake, NEXT)
})

test('a mend that --mend none skips: unseen until a run stores a part of it, and null across the seam from then on', async () => {
  await using lake = await beforeEvents()
  const { stage, warehouse } = lake
  const skipped = await run(stage, EX_DATE, ['--mend', 'none'])
  expect(metricsOf(skipped)).toMatchObject({ bases_differ: 2, mended_files: 0 })
  await load(warehouse, stage)
  expect(await rebasesOf(warehouse)).toEqual([])
  expect(await mixedOf(warehouse)).toEqual([])

  // The running year is refreshed, the years before it stay.
  Object.assign(stage.bars, barsOfNight(TWO, NEXT))
  await run(stage, NEXT, ['--mend', 'none', '--backfill'])
  await load(warehouse, stage)
  const seen = { first_date: '2024-01-02', last_date: FIRST }
  expect(await rebasesOf(warehouse)).toMatchObject([
    { symbol: 'PAYS', ...seen },
    { symbol: 'SPLIT', ...seen },
  ])
  const fiftieth = sessions('2024-01-02', '2024-12-31')[48]
  const mixed = { first: HISTORY.from, last: fiftieth }
  expect(await mixedOf(warehouse)).toEqual([
    { symbol: 'PAYS', ...mixed },
    { symbol: 'SPLIT', ...mixed },
  ])
  await expectHealed(lake, LAST)
})

test('an old year that alone was fetched again is a seam on its newer side too, also once later nights were stored', async () => {
  await using lake = await beforeEvents()
  const { stage, warehouse } = lake
  await run(stage, EX_DATE, ['--mend', 'none'])
  const oldest = ['--tickers', 'SPLIT,PAYS', '--from-date', HISTORY.from, '--to-date', '2021-12-31']
  const again = [...oldest, '--backfill', '--force', '--mend', 'none']
  expect((await stage.run(again, { now: morningAfter(EX_DATE).replace('T13', 'T18') })).code).toBe(0)
  await load(warehouse, stage)
  Object.assign(stage.bars, barsOfNight(TWO, NEXT))
  await run(stage, NEXT, ['--mend', 'none', '--audit', '0'])
  await load(warehouse, stage)
  const mixed = { first: '2022-01-03', last: NEXT }
  expect(await mixedOf(warehouse)).toEqual([
    { symbol: 'PAYS', ...mixed },
    { symbol: 'SPLIT', ...mixed },
  ])
  await expectHealed(lake, LAST)
})

test('rows that are carried over are on the base of the others, to a rounding unit', async () => {
  const depth = iso('2022-03-01')
  await using lake = await beforeEvents()
  const { stage, warehouse } = lake
  const whole = { ...stage.bars }
  for (const [symbol, bars] of Object.entries(whole)) stage.bars[symbol] = bars.filter(({ date }) => date >= depth)
  const mended = await run(stage, EX_DATE)
  expect(metricsOf(mended).carried_rows).toBe(2 * (sessions(HISTORY.from, depth).length - 1))
  await load(warehouse, stage)
  expect(await mixedOf(warehouse)).toEqual([])
  expect(await rebasesOf(warehouse)).toMatchObject([
    { symbol: 'PAYS', first_date: HISTORY.from, last_date: FIRST, price_factor: 1 },
    { symbol: 'SPLIT', first_date: HISTORY.from, last_date: FIRST },
  ])

  const [found = [], fresh = []] = [(await goldOf(warehouse))[0], (await freshGold(whole, EX_DATE))[0]]
  expect(found).toHaveLength(fresh.length)
  // No window of 50 rows after these has a carried one.
  const isUntouched = ({ date }: Record<string, unknown>) => String(date) >= (sessions(depth, '2022-12-31')[50] ?? '')
  expect(found.filter(isUntouched)).toEqual(fresh.filter(isUntouched))
  const apart = found.flatMap((row, index) =>
    ['close', 'adjClose', 'ma_20', 'ma_50', 'ma_20_close', 'ma_50_close'].map((name) =>
      Math.abs(Number(row[name]) - Number(fresh[index]?.[name])),
    ),
  )
  expect(Math.max(...apart)).toBeGreaterThan(0)
  expect(Math.max(...apart)).toBeLessThan(0.01)
})
