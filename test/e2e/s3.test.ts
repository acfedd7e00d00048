// The real program against a strict S3: signatures, checksums and conditions are checked, and every fault is one that
// S3 has.

import { describe, expect, test } from 'bun:test'
import type { FakeRequest } from '../support/servers/fake-s3.ts'
import { priceFiles, priceKeys, readFooter, readRows } from '../support/lakes/lake.ts'
import { barsFor, dayKey, sessions, yearKey } from '../support/bars.ts'
import { callsOf, metricsOf, setS3Stage, setStage, type S3Stage } from '../support/runs/stage.ts'

const FIVE = ['A', 'B', 'C', 'D', 'E']
const LIST = ['--tickers', FIVE.join(',')]
const AN_HOUR_LATER = '2024-09-17T14:00:00Z'
const DAY = '2024-09-16'

async function setBucket(symbols: readonly string[] = FIVE, from = DAY): Promise<S3Stage> {
  return await setS3Stage({ bars: barsFor(symbols, from, '2024-09-20') })
}

/** The writes of price files since request number `after`, by key. */
function puts({ s3 }: S3Stage, after = 0): ReadonlyMap<string, readonly FakeRequest[]> {
  const writes = s3.requests.filter(({ operation, key }) => operation === 'put' && key.includes('/prices/'))
  return Map.groupBy(
    writes.filter(({ number }) => number > after),
    ({ key }) => key,
  )
}

function conditionsOf(requests: readonly FakeRequest[] = []): (string | undefined)[] {
  return requests.map(({ headers }) => headers['if-match'] ?? headers['if-none-match'])
}

describe.concurrent('daily runs into a bucket', () => {
  test('create every file once, with its metadata, and prove the store by the first', async () => {
    await using stage = await setBucket()
    const run = await stage.run(LIST, { env: { S3_BUCKET: 'test-bucket', S3_RAW_PREFIX: '/raw/' } })
    expect(run.code).toBe(0)
    expect(run.stdout).toContain('📋 Metrics: s3://test-bucket/logs/ingest/date=2024-09-17/run-1726578000.json\n')
    expect(run.changed).toEqual(FIVE.map((symbol) => dayKey(symbol, DAY)))
    const writes = [...puts(stage).values()]
    expect(writes.flatMap(conditionsOf)).toEqual(Array.from({ length: 6 }, () => '*'))
    expect(writes.filter((requests) => requests.length > 1)).toHaveLength(1)
    expect(stage.s3.requests.filter(({ method }) => !['GET', 'PUT'].includes(method))).toEqual([])
    const runIds = new Set<string | undefined>()
    for (const key of run.changed) {
      const metadata = stage.s3.objects.get(key)?.metadata
      expect(metadata).toMatchObject({
        'rows-sha256': (await readFooter(stage.lake, key)).rowsSha256,
        sha256: new Bun.CryptoHasher('sha256').update(await stage.lake.bytes(key)).digest('hex'),
      })
      runIds.add(metadata?.['run-id'])
    }
    expect([...runIds]).toEqual([metricsOf(run).run_uuid])
    for (const row of await readRows(stage.lake)) {
      expect(row.close).toBe(stage.bars[row.symbol]?.find(({ date }) => date === row.date)?.close ?? Number.NaN)
    }

    const last = stage.s3.requests.length
    const dated = [...LIST, '--from-date', DAY]
    const again = await stage.run(dated)
    expect({ code: again.code, calls: callsOf(again), writes: puts(stage, last).size }).toEqual({
      code: 0,
      calls: [],
      writes: 0,
    })
    const forced = await stage.run([...dated, '--force'], { now: AN_HOUR_LATER })
    expect(forced.changed).toEqual(run.changed)
    expect(metricsOf(forced).counts).toMatchObject({ stored: 5, already_stored: 0 })
  })

  test('list from the range’s first key, page by page', async () => {
    await using stage = await setBucket(['A'], '2024-07-01')
    stage.s3.pageSize = 7
    const args = ['--tickers', 'A', '--from-date', '2024-07-01']
    const first = await stage.run(args)
    expect(first.changed).toHaveLength(sessions('2024-07-01', DAY).length)
    const last = stage.s3.requests.length
    const again = await stage.run([...args.slice(0, 3), '2024-09-03', '--to-date', '2024-09-06'])
    expect(metricsOf(again).counts).toMatchObject({ already_stored: 4, stored: 0 })
    const listings = stage.s3.requests.slice(last).filter(({ operation }) => operation === 'list')
    expect(listings).toHaveLength(1)
    expect(listings[0]?.query['start-after']).toContain('2024-09-03')
  })

  test('find the region in AWS_DEFAULT_REGION alone', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY), s3: { region: 'eu-central-1' } })
    const args = ['--tickers', 'A']
    const run = await stage.run(args, { env: { AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-central-1' } })
    expect({ code: run.code, changed: run.changed }).toEqual({ code: 0, changed: [dayKey('A', DAY)] })
    const without = await stage.run(args, { env: { AWS_REGION: '' } })
    expect(without.code).toBe(1)
    expect(without.stderr).toContain('eu-central-1')
  })

  test('read the ticker list from a bucket', async () => {
    await using stage = await setBucket()
    stage.s3.put('lists/my.csv', new TextEncoder().encode('symbol\r\na\r\nE\r\n'))
    const run = await stage.run(['--tickers-path', 's3://test-bucket/lists/my.csv'])
    expect(run.changed).toEqual([dayKey('A', DAY), dayKey('E', DAY)])
    expect(metricsOf(run).settings.tickers).toBe('s3://test-bucket/lists/my.csv')
    const missing = await stage.run(['--tickers-path', 's3://test-bucket/lists/none.csv'])
    expect(missing.code).toBe(2)
    stage.s3.put('lists/bad.csv', new TextEncoder().encode('A\n$$\n'))
    const bad = await stage.run(['--tickers-path', 's3://test-bucket/lists/bad.csv'])
    expect(bad.code).toBe(2)
    expect(bad.stderr).toContain('line 2')
  })
})

describe.concurrent('backfills into a bucket', () => {
  test('create, skip, refresh if unchanged, and force if unchanged', async () => {
    await using stage = await setBucket(['A', 'B'], '2022-01-03')
    const args = ['--tickers', 'A,B', '--backfill', '--from-date', '2022-01-01']
    const first = await stage.run(args)
    expect(first.changed).toHaveLength(6)
    let last = stage.s3.requests.length
    const again = await stage.run(args, { now: AN_HOUR_LATER })
    expect({ calls: callsOf(again), writes: puts(stage, last).size }).toEqual({ calls: [], writes: 0 })

    const running = ['A', 'B'].map((symbol) => yearKey(symbol, 2024))
    const etags = new Map(running.map((key) => [key, stage.s3.objects.get(key)?.etag]))
    last = stage.s3.requests.length
    const refreshed = await stage.run(args, { now: '2024-09-19T13:00:00Z' })
    expect({ code: refreshed.code, changed: refreshed.changed }).toEqual({ code: 0, changed: running })
    for (const key of running) {
      expect(conditionsOf(puts(stage, last).get(key)).at(-1)?.replaceAll('"', '')).toBe(etags.get(key) ?? '')
      expect((await readRows(stage.lake, key))[0]?.date).toBe('2024-09-18')
    }

    last = stage.s3.requests.length
    const forced = await stage.run([...args, '--force'], { now: '2024-09-19T14:00:00Z' })
    expect(forced.changed).toHaveLength(6)
    for (const requests of puts(stage, last).values())
      expect(conditionsOf(requests).at(-1)).toMatch(/^"?[0-9a-f]{32}"?$/)
  })

  test('keep a file that another run stored meanwhile, and say where its rows differ', async () => {
    await using stage = await setBucket(['A', 'B'], '2023-01-03')
    await using other = await setStage({ bars: barsFor(['X', 'Y', 'A', 'B'], '2023-01-03', '2024-09-20') })
    const args = ['--tickers', 'A,B', '--backfill', '--from-date', '2023-01-01']
    await other.run(args)
    const theirs = await other.lake.bytes(yearKey('B', 2023))
    stage.onRequest = () => {
      stage.s3.put(yearKey('B', 2023), theirs)
      return undefined
    }
    const run = await stage.run(args, { isShared: true })
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({ files_written: 3, differing_files: 1 })
    expect(metricsOf(run).counts.already_stored).toBe(sessions('2023-01-01', '2023-12-31').length)
    expect(run.stderr).toMatch(/^⚠️ +B: .*other rows/m)
    expect(Buffer.compare(await stage.lake.bytes(yearKey('B', 2023)), theirs)).toBe(0)
  })
})

describe.concurrent('a store that cannot be used', () => {
  test.each<[string, (stage: S3Stage) => Record<string, string>, RegExp]>([
    ['a missing bucket', () => ({ S3_BUCKET: 'no-such-bucket' }), /no bucket.*no-such-bucket/],
    [
      'an unknown access key',
      () => ({ S3_BUCKET: 'test-bucket', AWS_ACCESS_KEY_ID: 'AKIAOTHER' }),
      /AWS_ACCESS_KEY_ID/,
    ],
    [
      'a wrong secret key',
      () => ({ S3_BUCKET: 'test-bucket', AWS_SECRET_ACCESS_KEY: 'wrong' }),
      /AWS_SECRET_ACCESS_KEY/,
    ],
    [
      'a denied listing',
      ({ s3 }) => {
        s3.denied.add('s3:ListBucket')
        return { S3_BUCKET: 'test-bucket' }
      },
      /s3:ListBucket/,
    ],
  ])('%s is said before the first call', async (_name, prepare, message) => {
    await using stage = await setBucket()
    const run = await stage.run(LIST, { env: prepare(stage) })
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 0 })
    expect(run.stderr.match(/^❌.*/gm)).toEqual([expect.stringMatching(message)])
  })

  test('denied writes stop the run and make exit 1, metrics or not', async () => {
    await using stage = await setBucket()
    stage.s3.denied.add('s3:PutObject')
    const run = await stage.run(LIST, { env: { MAX_WORKERS: '1' }, isShared: true })
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 2 })
    expect(run.stderr).toContain('s3:PutObject')
    expect(run.stdout).toStartWith('🛑')
  })

  test('expired credentials stop the run, and the next goes on where it stopped', async () => {
    await using stage = await setBucket()
    stage.s3.onRequest = ({ operation, key }) =>
      operation === 'put' && key.includes('symbol=C') ? { action: 'expire-credentials' } : undefined
    const run = await stage.run(LIST, { env: { MAX_WORKERS: '1' }, isShared: true })
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('expired')
    expect(run.changed).toEqual([dayKey('A', DAY), dayKey('B', DAY)])
  })

  test('one that ignores preconditions is refused before any other write', async () => {
    await using stage = await setBucket()
    stage.s3.ignorePreconditions = true
    const run = await stage.run(LIST, { isShared: true })
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('--allow-unsafe-store')
    expect([...puts(stage).values()].map((requests) => requests.length)).toEqual([2])
    expect(await priceKeys(stage.lake)).toHaveLength(1)
  })

  test('one that ignores preconditions is accepted with --allow-unsafe-store, and warned of once', async () => {
    await using stage = await setBucket()
    stage.s3.ignorePreconditions = true
    const run = await stage.run([...LIST, '--allow-unsafe-store'])
    expect(run.code).toBe(0)
    expect(run.changed).toHaveLength(5)
    expect(run.stderr.match(/^⚠️.*two runs/gm)).toHaveLength(1)
    expect(callsOf(await stage.run([...LIST, '--from-date', DAY, '--allow-unsafe-store']))).toEqual([])
  })
})

describe.concurrent('a store in trouble', () => {
  test('writes every file once: lost answers, busy answers and a login page are sat out', async () => {
    await using stage = await setBucket()
    await using calm = await setBucket()
    const faults = new Map([
      ['A', { action: 'drop-after' as const }],
      ['B', { action: 'drop-before' as const }],
      ['C', { action: 'reply' as const, status: 503, code: 'SlowDown' }],
      ['D', { action: 'html200' as const }],
      ['E', { action: 'no-etag' as const }],
    ])
    stage.s3.onRequest = ({ operation, key }) => {
      const symbol = /symbol=(.)\//.exec(key)?.[1] ?? ''
      const fault = operation === 'put' ? faults.get(symbol) : undefined
      if (fault !== undefined) faults.delete(symbol)
      return fault
    }
    const run = await stage.run(LIST)
    await calm.run(LIST)
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({
      files_written: 5,
      rows_written: 5,
      counts: { stored: 5, already_stored: 0 },
    })
    expect(metricsOf(run).recovered_writes).toBeGreaterThanOrEqual(1)
    expect(await priceFiles(stage.lake)).toEqual(await priceFiles(calm.lake))
  })
})
