// Company statements on a real server, as a user with just the policy that lib/store/README.md shows.
import { describe, expect, test } from 'bun:test'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import type { Report } from '../support/servers/vendor.ts'
import { iso } from '../support/bars.ts'
import { isDataKey, readReports } from '../support/lakes/lake.ts'
import { startTcpProxy } from '../support/servers/tcp-proxy.ts'
import { createBucketUnderPolicy, SERVER, type Bucket } from './bench.ts'
import { setStage, type Run } from './stage.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const COUNT = STATEMENTS.length
/** What every statement counts alike. */
const each = (count: number): number[] => Array.from({ length: COUNT }, () => count)

describe('company statements of a user with just the policy in lib/store/README.md', () => {
  const args = ['--tickers', 'AAPL', '--dataset', 'fundamentals']
  const [march, june] = [iso('2024-03-30'), iso('2024-06-29')]
  const reportsOf = (...amounts: readonly [number, number]): Record<string, readonly Report[]> => ({
    AAPL: [
      { date: june, period: 'FY', amount: amounts[1] },
      { date: june, period: 'Q4', amount: 50 },
      { date: march, period: 'Q3', amount: amounts[0] },
    ],
  })
  /** A new document could exist by then, so that the vendor is asked. */
  const LATER = { now: '2024-09-25T13:00:00Z' }
  test('are created, left where they say the same, and replaced by their ETag, with answers lost on the way too', async () => {
    const { bucket, user } = await createBucketUnderPolicy()
    const reports = reportsOf(30, 100)
    using stage = setStage({ user, bucket, reports })
    const tags = async () => new Map((await listed(bucket)).map(({ Key = '', ETag = '' }) => [Key, ETag]))
    expect(written(await stage.run(args))).toEqual({ code: 0, calls: 2 * COUNT, files: 2 * COUNT, restated: each(0) })
    const created = await tags()
    expect(created.size).toBe(2 * COUNT)
    expect(written(await stage.run(args))).toEqual({ code: 0, calls: 0, files: 0, restated: each(0) })
    expect(written(await stage.run(args, LATER))).toEqual({ code: 0, calls: 2 * COUNT, files: 0, restated: each(0) })
    expect(await tags()).toEqual(created)

    Object.assign(reports, reportsOf(30, 200))
    const lost = new Set<string>()
    await using proxy = await startTcpProxy(SERVER.url, {
      onRequest({ method, target }) {
        if (method !== 'PUT' || !target.includes('fundamentals') || lost.has(target)) return 'pass'
        lost.add(target)
        return 'dropAfterStore'
      },
    })
    const restating = await stage.run(args, { ...LATER, env: { AWS_ENDPOINT_URL_S3: proxy.url } })
    expect(written(restating)).toEqual({ code: 0, calls: 2 * COUNT, files: COUNT, restated: each(1) })
    // A write whose answer was lost is sent again with the old ETag. The store refuses it, and the run finds its own file.
    // One lost answer is left out: the run's first write is the create-only check, which stores nothing.
    expect(restating.metrics?.recovered_writes).toBe(COUNT - 1)
    const replaced = await tags()
    const changed = [...replaced].filter(([key, tag]) => created.get(key) !== tag).map(([key]) => key)
    expect({ size: replaced.size, changed: changed.map((key) => key.slice(-18, -8)) }).toEqual({
      size: 2 * COUNT,
      changed: STATEMENTS.map(() => june),
    })
    const rows = (await readReports(bucket.lake)).map(({ date, period, amounts }) => [date, period, amounts[0]].join())
    expect([...new Set(rows)].toSorted()).toEqual([`${march},Q3,30`, `${june},FY,200`, `${june},Q4,50`])
    expect(written(await stage.run(args, LATER))).toEqual({ code: 0, calls: 2 * COUNT, files: 0, restated: each(0) })
  })

  test('of two runs at once are replaced once each, and both are done', async () => {
    const { bucket, user } = await createBucketUnderPolicy()
    const reports = {}
    using stage = setStage({ user, bucket, reports })
    const race = async () =>
      await Promise.all([stage.run([...args, '--json'], LATER), stage.run([...args, '--json'], LATER)])
    for (const restated of [0, 2 * COUNT]) {
      Object.assign(reports, reportsOf(restated, 100 + restated))
      const runs = await race()
      expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toMatchObject([{ code: 0 }, { code: 0 }])
      const metrics = runs.map(({ stdout }) => JSON.parse(stdout) as Metrics)
      const sum = (of: (one: Metrics) => number) => metrics.reduce((total, one) => total + of(one), 0)
      expect(sum(({ files_written: files }) => files)).toBe(2 * COUNT)
      expect(sum(({ datasets }) => datasets.reduce((total, dataset) => total + dataset.restated, 0))).toBe(restated)
    }
    expect(await listed(bucket)).toHaveLength(2 * COUNT)
  })
})

function written({ code, calls, metrics }: Run) {
  const restated = metrics?.datasets.map((dataset) => dataset.restated)
  return { code, calls, files: metrics?.files_written, restated }
}

/** The files of statements. */
async function listed({ name, owner }: Bucket) {
  const { Contents = [] } = await owner.client.send(new ListObjectsV2Command({ Bucket: name }))
  return Contents.filter(({ Key = '' }) => isDataKey(Key))
}
