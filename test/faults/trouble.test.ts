// Trouble that lasts: what a single fault does is in cli.errors.test.ts and cli.s3.test.ts.

import { describe, expect, test } from 'bun:test'
import { dataFacts, readFiles } from '../kill/look.ts'
import { makeBars, barsFor, iso, sessions, yearKey } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage, type S3Stage } from '../support/runs/stage.ts'
import { recordedError } from '../support/recorded.ts'
import { priceKeys, readRows } from '../support/lakes/lake.ts'

const SYMBOLS = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
const LIST = ['--tickers', SYMBOLS.join(',')]
const ONE_AT_A_TIME = { MAX_WORKERS: '1', UPLOAD_CONCURRENCY: '1' }

const priceText = ({ date, close }: { readonly date: string; readonly close: number | null }) => `${date} ${close}`

/** 200 files in the ordinary suite, 2,000 where there is time (LONG_TESTS=1). */
const TROUBLED =
  process.env['LONG_TESTS'] === '1' ? { symbols: 100, firstYear: 2005 } : { symbols: 20, firstYear: 2015 }
const TROUBLED_FILES = TROUBLED.symbols * (2025 - TROUBLED.firstYear)

test('an S3 that answers 503 to one request in three for a whole run loses none of its files', async () => {
  const symbols = Array.from({ length: TROUBLED.symbols }, (_, index) => `S${index}`)
  // Three bars a year, to 2024, and the newest.
  const dates = sessions(`${TROUBLED.firstYear}-01-03`, '2024-09-16').filter(
    (date, index) => index % 84 === 0 || date === '2024-09-16',
  )
  const bars = Object.fromEntries(symbols.map((symbol, seed) => [symbol, makeBars(dates.map(iso), seed)]))
  await using stage = await setS3Stage({ bars })
  stage.s3.onRequest = ({ number }) =>
    number % 3 === 0 ? { action: 'reply', status: 503, code: 'SlowDown' } : undefined
  const args = ['--tickers', symbols.join(','), '--backfill', '--from-date', `${TROUBLED.firstYear}-01-01`]
  const run = await stage.run(args, { env: { MAX_WORKERS: '16' } })
  expect(run.code).toBe(0)
  expect(metricsOf(run)).toMatchObject({ files_written: TROUBLED_FILES, rows_written: symbols.length * dates.length })
  expect(stage.s3.requests.length).toBeGreaterThan(TROUBLED_FILES * 1.5)
  expect(await priceKeys(stage.lake)).toHaveLength(TROUBLED_FILES)
  // The footers' counts of rows have been held against the metrics; eleven symbols are read whole.
  const stored = Map.groupBy(await readRows(stage.lake, 'symbol=S1'), ({ symbol }) => symbol)
  expect(stored.size).toBe(11)
  for (const symbol of stored.keys()) {
    const truth = bars[symbol] ?? []
    expect(stored.get(symbol)?.map(priceText).toSorted()).toEqual(truth.map(priceText).toSorted())
  }
})

test('a vendor that counts exactly as many calls as the gate lets through refuses none of them', async () => {
  const symbols = Array.from({ length: 15 }, (_, index) => `S${index}`)
  await using stage = await setStage({ bars: barsFor(symbols, '2024-09-16', '2024-09-16') })
  const times: number[] = []
  stage.onRequest = ({ atMs }) => {
    times.push(atMs)
    const isOver = times.filter((earlier) => earlier > atMs - 1_000).length > 20
    return isOver ? recordedError('call-limit') : undefined
  }
  const run = await stage.run(['--tickers', symbols.join(',')], { env: { RATE_LIMIT_SECONDS: '0.05' } })
  expect(run.code).toBe(0)
  expect(metricsOf(run)).toMatchObject({ calls: 30, retries: 0, files_written: 15 })
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThanOrEqual(29 * 50)
})

test('a vendor that counts fewer calls than the gate lets through is waited for, and every symbol is stored', async () => {
  await using stage = await setStage({ bars: barsFor(SYMBOLS, '2024-09-16', '2024-09-16') })
  const times: number[] = []
  // Five in half a minute.
  stage.onRequest = ({ atMs }) => {
    times.push(atMs)
    return times.filter((earlier) => earlier > atMs - 30_000).length > 5 ? recordedError('call-limit') : undefined
  }
  const run = await stage.run(LIST)
  expect({ code: run.code, files: run.changed.length }).toEqual({ code: 0, files: 8 })
  expect(metricsOf(run).retries).toBe(run.requests.length - 16)
  expect(metricsOf(run).retries).toBeGreaterThan(0)
})

/** From the `n`-th write on nothing is allowed any more. */
function expireAtWrite({ s3 }: S3Stage, n: number): void {
  let writes = 0
  s3.onRequest = ({ operation }) => {
    if (operation === 'put') writes += 1
    return writes >= n ? { action: 'reply', status: 400, code: 'ExpiredToken' } : undefined
  }
}

describe.concurrent('credentials that expire', () => {
  test('half-way stop the run with exit 1 and a hint; the next run goes on to the same files and rows', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2024-09-03', '2024-09-16') })
    await using calm = await setStage({ bars: stage.bars })
    const args = [...LIST, '--from-date', '2024-09-03']
    await calm.run(args)
    const whole = await dataFacts(calm.lake)
    expireAtWrite(stage, 40)
    const run = await stage.run(args, { env: ONE_AT_A_TIME, isShared: true })
    expect(run.code).toBe(1)
    expect(run.stdout).not.toContain('✅')
    expect(run.stderr).toMatch(/❌.*expired/)
    expect(run.stderr).toMatch(/run again/i)
    // Five symbols at the most: the rest is not asked for, because there is nowhere to put it.
    expect(run.requests.length).toBeLessThanOrEqual(10)
    const left = await dataFacts(stage.lake)
    expect(left.size).toBeGreaterThan(30)
    expect(left.size).toBeLessThan(whole.size)
    for (const [key, sha] of left) expect(whole.get(key)).toBe(sha)

    stage.s3.onRequest = () => undefined
    const next = await stage.run(args)
    expect({ code: next.code, stored: next.changed.length }).toEqual({ code: 0, stored: whole.size - left.size })
    expect(await dataFacts(stage.lake)).toEqual(whole)
  })

  test('before the first call cost no call', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2024-09-16', '2024-09-16') })
    expireAtWrite(stage, 0)
    const run = await stage.run(LIST, { isShared: true })
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 0 })
    expect(run.stderr).toContain('expired')
  })

  test('after the last price file leave no metrics: exit 1, and the next run has nothing to do', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2024-09-16', '2024-09-16') })
    const args = [...LIST, '--from-date', '2024-09-16']
    // One more than files: the first is sent twice to prove the store.
    expireAtWrite(stage, SYMBOLS.length + 2)
    const run = await stage.run(args, { isShared: true })
    expect({ code: run.code, files: run.changed.length }).toEqual({ code: 1, files: SYMBOLS.length })
    expect(run.stderr).toContain('expired')
    stage.s3.onRequest = () => undefined
    const next = await stage.run(args)
    expect({ code: next.code, calls: next.requests.length, changed: next.changed }).toEqual({
      code: 0,
      calls: 0,
      changed: [],
    })
  })
})

describe.concurrent('a store that takes conditions and ignores them', () => {
  test('is found out at the first refresh: one file is touched and not made shorter, all others stay', async () => {
    await using stage = await setS3Stage({ bars: barsFor(SYMBOLS, '2023-01-03', '2024-09-17') })
    const args = [...LIST, '--backfill', '--from-date', '2023-01-01']
    await stage.run(args)
    const before = await readFiles(stage.lake)
    stage.s3.ignorePreconditions = true
    const run = await stage.run(args, { now: '2024-09-18T13:00:00Z', isShared: true })
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/❌.*s3:\/\/test-bucket\/raw\/prices.*ignores create-only writes/)
    expect(run.stderr).toContain('--allow-unsafe-store')
    const after = await readFiles(stage.lake)
    const touched = [...before].filter(([key, bytes]) => !Bun.deepEquals(after.get(key), bytes)).map(([key]) => key)
    expect(touched).toHaveLength(1)
    expect(await priceKeys(stage.lake)).toHaveLength(2 * SYMBOLS.length)
    const dates = (await readRows(stage.lake, touched.join(''))).map(({ date }) => date)
    expect(dates.toReversed()).toEqual([...sessions('2024-01-01', '2024-09-17')])
  })

  test('is used with --allow-unsafe-store, and a run alone refreshes and creates as ever', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B'], '2023-01-03', '2024-09-17') })
    stage.s3.ignorePreconditions = true
    const args = ['--tickers', 'A,B', '--backfill', '--allow-unsafe-store']
    await stage.run(args)
    const run = await stage.run([...args, '--from-date', '2023-01-01'], { now: '2024-09-18T13:00:00Z' })
    expect(run.code).toBe(0)
    expect(run.stderr.match(/⚠️.*ignores create-only writes/g)).toHaveLength(1)
    expect(run.changed.toSorted()).toEqual(
      ['A', 'B'].flatMap((symbol) => [yearKey(symbol, 2023), yearKey(symbol, 2024)]).toSorted(),
    )
    const dates = (await readRows(stage.lake, yearKey('A', 2024))).map(({ date }) => date)
    expect(dates[0]).toBe('2024-09-17')
  })
})
