// Machines that make or keep one table at the same time, readers in the middle of it, and what `ingest table` may not touch.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { inShard } from '../../lib/core/shard.ts'
import { barsFor, iso, makeBars, sessions } from '../support/bars.ts'
import { oneOf, seededRandom } from '../support/random.ts'
import { setMemoryStage } from '../support/runs/memory-stage.ts'
import { setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'
import type { Report } from '../support/servers/vendor.ts'
import { createTurns } from '../support/table/machines.ts'
import { createPlay, expectByDuckDb, run, type Play } from '../support/table/play.ts'
import { copyOf, openWorld } from '../support/table/worlds.ts'
import { tableDifferences } from '../support/table-check.ts'
import { createPastVendor } from '../support/year/vendor.ts'

setDefaultTimeout(120_000)

const SYMBOLS = ['AAPL', 'BRK-B', 'MSFT', '^GSPC', 'TRUE']

/** A vendor without events, and a lake with the years up to a date. */
async function quietPlay(world: Play['world'], seed: number): Promise<Play> {
  const market = new Map(
    SYMBOLS.map((symbol, index) => {
      const traded = makeBars(sessions('2023-11-01', '2025-01-10').map(iso), seed + index)
      const bars = traded.map((bar) => ({ ...bar, close: bar.close ?? 1, volume: bar.volume ?? 0 }))
      return [symbol, [{ from: iso('2023-11-01'), traded: bars, events: [], provisional: [] }]] as const
    }),
  )
  const play = createPlay(world, createPastVendor(market, 99), seededRandom(seed))
  const args = ['--tickers', SYMBOLS.join(','), '--backfill', '--from-date', '2023-11-01']
  const ended = await run(args, { session: iso('2024-12-30'), nowMs: Date.parse('2024-12-31T15:00:00Z') }, play)
  expect(ended?.code).toBe(0)
  return play
}

describe('two machines that make a table at once', () => {
  // In New York it is New Year's Eve for one and New Year for the other.
  const [eve, newYear] = ['2025-01-01T04:59:58Z', '2025-01-01T05:00:02Z'].map((text) => Date.parse(text))
  test.each([1, 2, 3, 4])('in two years make one, in whatever order their operations come (seed %i)', async (seed) => {
    await using world = await openWorld('memory')
    const play = await quietPlay(world, seed)
    const session = iso('2024-12-31')
    const turns = createTurns(play.random)
    const night = ['--tickers', SYMBOLS.join(','), '--table']
    const runs = [
      run(['table'], { session, nowMs: eve ?? 0, turns }, play),
      run(seed % 2 === 0 ? ['table'] : night, { session, nowMs: newYear ?? 0, turns }, play),
    ]
    await turns.play(runs)
    expect((await Promise.all(runs)).map((ended) => ended?.code)).toEqual([0, 0])
    await expectByDuckDb({ session }, play)
    expect(play.wrongs.slice(0, 5)).toEqual([])
  })
})

describe.each<[name: string, setUp: () => Promise<Stage>]>([
  ['folder', async () => await setStage({ bars: barsFor(SYMBOLS, '2024-08-01', '2024-10-02') })],
  ['bucket', async () => await setS3Stage({ bars: barsFor(SYMBOLS, '2024-08-01', '2024-10-02') })],
])('processes over one %s', (_name, setUp) => {
  test('that keep one table at once leave one that equals raw', async () => {
    await using stage = await setUp()
    await stage.run(['--tickers', SYMBOLS.join(','), '--backfill', '--table'])
    const { promise: allAsk, resolve } = Promise.withResolvers<undefined>()
    const lists = [SYMBOLS, SYMBOLS.slice(0, 3), SYMBOLS.slice(2)]
    const before = stage.fmp.requests.length
    stage.onRequest = ({ n }) => {
      if (n === before + lists.length) resolve(undefined)
      return allAsk
    }
    const runs = lists.map((list, index) =>
      stage[index === 0 ? 'start' : 'spawn'](['--tickers', list.join(','), '--table', '--lookback', '8'], {
        isShared: true,
        now: `2024-09-27T13:00:0${index}Z`,
      }),
    )
    const ended = await Promise.all(runs.map(async ({ done }) => await done))
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0])
    await using copy = await copyOf(stage.lake)
    expect(await tableDifferences(await copy.folder())).toEqual([])
  })

  test('that are shards of one list and keep one table leave one that equals raw', async () => {
    await using stage = await setUp()
    const shards = [1, 2, 3, 4].map((index) => ({ index, count: 4, source: '--shard' }))
    const withSymbols = shards.filter((shard) => SYMBOLS.some((symbol) => inShard(symbol, shard)))
    const { promise: allAsk, resolve } = Promise.withResolvers<undefined>()
    stage.onRequest = ({ n }) => {
      if (n === withSymbols.length) resolve(undefined)
      return allAsk
    }
    const args = ['--tickers', SYMBOLS.join(','), '--table', '--lookback', '20']
    const runs = shards.map(({ index, count }) =>
      stage[index === 1 ? 'start' : 'spawn']([...args, '--shard', `${index}/${count}`], { isShared: true }),
    )
    const ended = await Promise.all(runs.map(async ({ done }) => await done))
    expect(ended.map(({ code, stderr }) => `${code} ${code === 0 ? '' : stderr}`)).toEqual(shards.map(() => '0 '))
    await using copy = await copyOf(stage.lake)
    expect(await tableDifferences(await copy.folder())).toEqual([])
  })
})

/** Everything that a file system knows of the files of a folder, times of access aside. */
async function traces(folder: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const all = entries.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name)
    const { mtimeNs, ctimeNs, ino, size, mode } = await stat(path, { bigint: true })
    const bytes = entries.find((entry) => entry.isFile() && entry.name === name) ? await Bun.file(path).bytes() : []
    return [path.slice(folder.length), [mtimeNs, ctimeNs, ino, size, mode, Bun.hash(Buffer.from(bytes))].join(' ')]
  })
  return Object.fromEntries(await Promise.all(all)) as Record<string, string>
}

test('ingest table touches nothing under raw/, whatever it does and finds', async () => {
  await using stage = await setStage({ bars: barsFor(SYMBOLS, '2024-08-01', '2024-09-20') })
  await stage.run(['--tickers', SYMBOLS.join(','), '--backfill'])
  await stage.run(['--tickers', SYMBOLS.join(',')], { now: '2024-09-20T13:00:00Z' })
  const raw = join(stage.lake.out, 'raw')
  const before = await traces(raw)
  expect(Object.keys(before).length).toBeGreaterThan(20)
  const month = 'tables/prices/month-2024-09.parquet'
  const look = async (...args: string[]) => (await stage.run(['table', ...args])).code
  expect([await look('--check'), await look(), await look('--check')]).toEqual([1, 0, 0])
  await stage.lake.remove(month)
  expect([await look('--check'), await look('--rebuild'), await look('--check')]).toEqual([1, 0, 0])
  await stage.lake.put(month, (await stage.lake.bytes(month)).slice(0, 500))
  expect([await look('--check'), await look(), await look('--rebuild'), await look('--check')]).toEqual([1, 1, 0, 0])
  expect(await traces(raw)).toEqual(before)
})

test('DuckDB reads every row once while processes keep the table over the end of a month and of a year', async () => {
  await using stage = await setStage({ bars: barsFor(SYMBOLS, '2023-11-01', '2025-01-10') })
  const list = ['--tickers', SYMBOLS.join(','), '--table']
  const backfill = [...list, '--backfill', '--from-date', '2023-11-01']
  await stage.run(backfill, { now: '2024-12-27T15:00:00Z' })
  const connection = await (await DuckDBInstance.create()).connect()
  const state = { isOver: false, stored: 0, reads: 0, wrongs: [] as string[] }
  const read = async () => {
    while (!state.isOver) {
      // What was there before the reader began must be there.
      const atLeast = state.stored
      const query = `SELECT count(*) AS rows, count(DISTINCT (symbol, date)) AS keys FROM '${stage.lake.out}/tables/prices/*.parquet'`
      const [row] = (await connection.runAndReadAll(query)).getRowObjectsJson()
      const [rows, keys] = [Number(row?.['rows']), Number(row?.['keys'])]
      if (rows !== keys || rows < atLeast) state.wrongs.push(`${rows} rows of ${keys} keys, ${atLeast} were stored`)
      state.reads += 1
    }
  }
  const reading = read()
  const rowsOn = (session: string) => SYMBOLS.length * sessions('2023-11-01', session).length
  const nights = sessions('2024-12-27', '2025-01-06').slice(0, -1)
  for (const [index, session] of nights.entries()) {
    const next = new Date(Date.parse(session) + 86_400_000).toISOString().slice(0, 10)
    // A night over all files, as a mend makes them.
    const args = index % 2 === 1 ? [...backfill, '--force'] : list
    const { code } = await stage.spawn(args, { now: `${next}T15:00:00Z` }).done
    expect(code).toBe(0)
    state.stored = rowsOn(session)
  }
  state.isOver = true
  await reading
  connection.closeSync()
  expect(state.wrongs).toEqual([])
  expect(state.reads).toBeGreaterThan(nights.length)
  expect(await tableDifferences(stage.lake.out)).toEqual([])
})

describe('the tables of statements', () => {
  const DATES = ['2023-09-30', '2023-12-30', '2024-03-30', '2024-06-29', '2024-09-28', '2024-12-28']
  const NAMES = ['Q1', 'Q2', 'Q3', 'Q4'] as const
  const [SEED, WEEKS] = [1, 12]

  /** Every fourth document has a full year beside its quarter. */
  const reportsOf = (known: number, amount: number): Report[] =>
    DATES.slice(0, known).flatMap((text, index): Report[] => {
      const [date, period] = [iso(text), NAMES[index % 4] ?? 'Q1']
      const quarter = { date, period, amount: amount + index }
      return period === 'Q4' ? [{ date, period: 'FY', amount: 4 * amount }, quarter] : [quarter]
    })

  test('hold every row of every stored document, whatever restatements, runs without them and users do', async () => {
    const random = seededRandom(SEED)
    const stage = setMemoryStage()
    const lake = {
      keys: async () => [...stage.store.files.keys()],
      bytes: async (key: string) => stage.store.files.get(key) ?? new Uint8Array(),
    }
    await using copy = await copyOf(lake)
    const symbols = [...SYMBOLS, 'NA']
    const args = ['--tickers', symbols.join(','), '--dataset', 'fundamentals']
    for (let week = 0; week < WEEKS; week += 1) {
      const now = new Date(Date.UTC(2024, 4, 6, 13) + week * 18 * 86_400_000).toISOString()
      const known = DATES.filter((date) => date < now).length
      for (const symbol of symbols.slice(0, 2 + Math.floor(week / 3)))
        if (random() < 0.3 || week === 0) stage.reports[symbol] = reportsOf(known, Math.floor(random() * 1_000_000))
      const own = random() < 0.3 ? [...args, '--force'] : args
      const keepsTable = random() < 0.7
      await stage.run(keepsTable ? [...own, '--table'] : own, now)
      const documents = [...stage.store.files.keys()].filter((key) => key.includes('/docdate='))
      const isTouched = random() < 0.2 && documents.length > 0
      if (isTouched) stage.store.remove(oneOf(random, documents))
      if (!keepsTable || isTouched) expect((await stage.run(['table'], now)).code).toBe(0)
      expect({ week, differences: await tableDifferences(await copy.folder()) }).toEqual({ week, differences: [] })
    }
  })
})
