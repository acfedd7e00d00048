// Whole runs of the real program on a real server: as the bucket's owner, as a user with just the policy that
// lib/store/README.md shows, and behind a proxy that spoils connections.
import { describe, expect, test } from 'bun:test'
import {
  DeleteObjectCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectAclCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { priceFiles, priceKeys, readFooter, readRows } from '../support/lakes/lake.ts'
import { barsFor, dayKey, sessions, yearKey } from '../support/bars.ts'
import { atRandom, startTcpProxy, type ProxyAction } from '../support/servers/tcp-proxy.ts'
import { createBucket, createBucketUnderPolicy, SERVER, type Bucket, type User } from './bench.ts'
import { setStage, type Stage } from './stage.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const TICKERS = new TextEncoder().encode('symbol\nAAPL\n^GSPC\nBRK.B\n')
const SYMBOLS = ['AAPL', '^GSPC', 'BRK-B']
const DAYS = ['--from-date', '2024-08-19', '--to-date', '2024-09-16']
const YEARS = ['--backfill', '--from-date', '2023-01-01', '--to-date', '2024-09-16']

/** A bar that no store should hold: the run leaves a rejects file. */
function withBadRow(bars: ReturnType<typeof barsFor>): ReturnType<typeof barsFor> {
  const spoilt = bars['AAPL']?.map((bar) => (bar.date === '2024-09-11' ? { ...bar, volume: -1 } : bar))
  return { ...bars, AAPL: spoilt ?? [] }
}

/** Daily, again, backfill, refresh and force, each with its exit code and what it must leave. */
async function runEverything(stage: Stage, { lake, name }: Bucket): Promise<void> {
  const list = ['--tickers-path', `s3://${name}/config/tickers.csv`]
  const daily = await stage.run(list)
  expect({ code: daily.code, stderr: daily.stderr }).toMatchObject({ code: 0 })
  expect(daily.metrics).toMatchObject({ files_written: 3, counts: { stored: 3 }, run_errors: [] })
  expect(await lake.keys()).toContain(dayKey('%5EGSPC', '2024-09-16'))

  const week = await stage.run([...list, '--from-date', '2024-09-10', '--to-date', '2024-09-16'])
  expect(week.metrics?.counts).toMatchObject({ stored: 11, already_stored: 3, rejected: 1 })
  const again = await stage.run([...list, '--lookback', '2'])
  expect({ code: again.code, calls: again.calls }).toEqual({ code: 0, calls: 0 })
  expect((await lake.keys()).filter((key) => key.endsWith('.rejects.jsonl'))).toHaveLength(1)

  const backfill = await stage.run([...list, ...YEARS])
  expect({ code: backfill.code, stderr: backfill.stderr }).toMatchObject({ code: 0 })
  expect(backfill.metrics?.files_written).toBe(6)
  expect((await readFooter(lake, yearKey('BRK-B', 2023))).rows).toBe(sessions('2023-01-01', '2023-12-31').length)
  const before = await lake.bytes(yearKey('AAPL', 2024))

  // Two sessions on, the running year is refreshed and the finished one is left.
  const refresh = await stage.run([...list, '--backfill', '--from-date', '2023-01-01'], { now: '2024-09-19T13:00:00Z' })
  expect({ code: refresh.code, stderr: refresh.stderr }).toMatchObject({ code: 0 })
  expect(refresh.metrics).toMatchObject({ files_written: 3, recovered_writes: 0 })
  expect(await lake.bytes(yearKey('AAPL', 2024))).not.toEqual(before)
  expect((await readFooter(lake, yearKey('AAPL', 2023))).rows).toBe(sessions('2023-01-01', '2023-12-31').length)

  const forced = await stage.run([...list, '--force'])
  expect({ code: forced.code, written: forced.metrics?.files_written }).toEqual({ code: 0, written: 14 })
  const tabled = await stage.run([...list, '--lookback', '2', '--table'])
  expect({ code: tabled.code, stderr: tabled.stderr }).toMatchObject({ code: 0 })
  expect(tabled.metrics?.table_files_written).toBeGreaterThan(3)
  const dry = await stage.run([...list, '--dry-run', '--keys', ...DAYS])
  expect({ code: dry.code, calls: dry.calls }).toEqual({ code: 0, calls: 0 })
  expect(dry.stdout).toContain(dayKey('AAPL', '2024-09-03'))
}

describe('a daily run, a backfill, a refresh and a forced run', () => {
  test('of the bucket’s owner, read by DuckDB', async () => {
    const bucket = await createBucket()
    await bucket.lake.put('config/tickers.csv', TICKERS)
    const bars = withBadRow(barsFor(SYMBOLS, '2023-01-03', '2024-09-18'))
    using stage = setStage({ user: bucket.owner, bucket, bars })
    await runEverything(stage, bucket)
    const rows = await readRows(bucket.lake, 'AAPL-2024-09-16')
    expect(rows.map(({ ingestTs: _ingestTs, key: _key, symbol: _symbol, ...bar }) => bar)).toEqual(
      (bars['AAPL'] ?? []).filter(({ date }) => date === '2024-09-16'),
    )
  })

  test('of a user with just the policy in lib/store/README.md', async () => {
    const { bucket, user } = await bucketUnderPolicy()
    using stage = setStage({ user, bucket, bars: withBadRow(barsFor(SYMBOLS, '2023-01-03', '2024-09-18')) })
    await runEverything(stage, bucket)
  })

  test('of such a user with answers lost on the way, which takes reading as well', async () => {
    const { bucket, user } = await bucketUnderPolicy()
    await using proxy = await startTcpProxy(SERVER.url, {
      onRequest: ({ method, number }) => (method === 'PUT' && number % 2 === 0 ? 'dropAfterStore' : 'pass'),
    })
    using stage = setStage({ user, bucket, bars: barsFor(['AAPL'], '2023-01-03', '2024-09-16') })
    const env = { AWS_ENDPOINT_URL_S3: proxy.url }
    const run = await stage.run(['--tickers', 'AAPL', '--lookback', '5'], { env })
    expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 })
    const years = await stage.run(['--tickers', 'AAPL', ...YEARS], { env })
    expect({ code: years.code, stderr: years.stderr }).toMatchObject({ code: 0 })
    expect(years.metrics?.recovered_writes).toBeGreaterThan(0)
    expect(years.metrics?.files_written).toBe(2)
  })
})

describe('the policy in lib/store/README.md', () => {
  test('allows nothing else', async () => {
    const { bucket, user } = await bucketUnderPolicy()
    const day = dayKey('AAPL', '2024-09-16')
    const all = [day, 'raw/other/a', 'other/a', 'config/other.csv', 'logs/other', 'config/tickers.csv']
    for (const key of all) await bucket.lake.put(key, TICKERS)
    const Bucket = bucket.name
    const { client } = user
    const attempts: Record<string, () => Promise<unknown>> = {
      ...Object.fromEntries(
        ['raw/other/a', 'other/a', 'config/other.csv', 'logs/other'].map((Key) => [
          `read ${Key}`,
          () => client.send(new GetObjectCommand({ Bucket, Key })),
        ]),
      ),
      ...Object.fromEntries(
        ['raw/other/b', 'other/b', 'config/tickers.csv', 'logs/other', 'prices/a'].map((Key) => [
          `write ${Key}`,
          () => client.send(new PutObjectCommand({ Bucket, Key, Body: TICKERS })),
        ]),
      ),
      ...Object.fromEntries(
        ['', 'raw/', 'logs/', 'config/'].map((Prefix) => [
          `list ${Prefix}`,
          () => client.send(new ListObjectsV2Command({ Bucket, Prefix })),
        ]),
      ),
      'delete a day': () => client.send(new DeleteObjectCommand({ Bucket, Key: day })),
      'open a day to all': () => client.send(new PutObjectAclCommand({ Bucket, Key: day, ACL: 'public-read' })),
      'read the policy': () => client.send(new GetBucketPolicyCommand({ Bucket })),
      'set the policy': () => client.send(new PutBucketPolicyCommand({ Bucket, Policy: '{}' })),
    }
    const outcomes: Record<string, unknown> = {}
    for (const [name, attempt] of Object.entries(attempts)) {
      outcomes[name] = await attempt().then(
        () => 'allowed',
        ({ name: code }: Error) => code,
      )
    }
    expect(outcomes).toEqual(Object.fromEntries(Object.keys(attempts).map((name) => [name, 'AccessDenied'])))
    expect(await bucket.lake.bytes(day)).toEqual(TICKERS)
  })

  test('a ticker list that is not there: the message names it and says why it looks denied', async () => {
    const { bucket, user } = await bucketUnderPolicy()
    await bucket.lake.remove('config/tickers.csv')
    using stage = setStage({ user, bucket, bars: {} })
    const run = await stage.run(['--tickers-path', `s3://${bucket.name}/config/tickers.csv`])
    expect([1, 2]).toContain(run.code)
    expect(run.stderr).toContain(`s3://${bucket.name}/config/tickers.csv`)
    if (run.code === 1) expect(run.stderr).toContain('files that do not exist look denied')
    expect(run.calls).toBe(0)
  })
})

test('a run behind a proxy that spoils one request in five ends with the same bytes as one without', async () => {
  const bars = barsFor(SYMBOLS, '2023-01-03', '2024-09-16')
  const [calm, rough] = [await createBucket(), await createBucket()]
  const actions: ProxyAction[] = ['dropBefore', 'dropAfterStore', 'truncate', 'corrupt', { status: 503 }, 'html200']
  await using proxy = await startTcpProxy(SERVER.url)
  using still = setStage({ user: calm.owner, bucket: calm, bars })
  using shaken = setStage({ user: rough.owner, bucket: rough, bars })
  proxy.script.onRequest = atRandom({ percent: 20, actions })
  for (const args of [DAYS, [], YEARS]) {
    const listed = ['--tickers', SYMBOLS.join(','), ...args]
    expect(await still.run(listed)).toMatchObject({ code: 0 })
    const run = await shaken.run(listed, { env: { AWS_ENDPOINT_URL_S3: proxy.url } })
    expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 })
  }
  const files = await priceFiles(calm.lake)
  expect(Object.keys(files)).toHaveLength(SYMBOLS.length * (sessions('2024-08-19', '2024-09-16').length + 2))
  expect(await priceFiles(rough.lake)).toEqual(files)
  expect(await priceKeys(rough.lake)).toEqual(await priceKeys(calm.lake))
  expect(proxy.requests.filter(({ action }) => action !== 'pass').length).toBeGreaterThan(3)
})

test('two runs at once share the work: every file once, both done', async () => {
  const bucket = await createBucket()
  const bars = barsFor(SYMBOLS, '2024-08-01', '2024-09-16')
  using stage = setStage({ user: bucket.owner, bucket, bars })
  const args = ['--tickers', SYMBOLS.join(','), ...DAYS, '--json']
  const files = SYMBOLS.length * sessions('2024-08-19', '2024-09-16').length
  const runs = await Promise.all([stage.run(args), stage.run(args)])
  const metrics = runs.map(({ stdout }) => JSON.parse(stdout) as Metrics)
  expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toMatchObject([{ code: 0 }, { code: 0 }])
  expect(metrics.map(({ counts }) => counts.stored + counts.already_stored)).toEqual([files, files])
  expect(metrics.reduce((sum, { counts }) => sum + counts.stored, 0)).toBe(files)
  expect(await priceKeys(bucket.lake)).toHaveLength(files)
  expect((await bucket.lake.keys()).filter((key) => key.startsWith('logs/'))).toHaveLength(2)
})

async function bucketUnderPolicy(): Promise<{ readonly bucket: Bucket; readonly user: User }> {
  const created = await createBucketUnderPolicy()
  await created.bucket.lake.put('config/tickers.csv', TICKERS)
  return created
}
