// A store that has no room: the real program on a real server with a quota.
import { grouped } from '../../lib/core/text.ts'
import { expect, test } from 'bun:test'
import { priceKeys } from '../support/lakes/lake.ts'
import { barsFor, dayKey, sessions } from '../support/bars.ts'
import { admin, createBucket, createUser } from './bench.ts'
import { setStage } from './stage.ts'

test('a full bucket: the run stops with the cause and the cure, and goes on where it stopped when there is room', async () => {
  const owner = await createUser()
  const bucket = await createBucket(owner)
  const quota = (verb: string, ...args: string[]) =>
    admin('quota', verb, '--quota-scope=bucket', '--uid', owner.name, ...args)
  await quota('set', '--max-objects=5')
  await quota('enable')
  using stage = setStage({ user: owner, bucket, bars: barsFor(['AAPL'], '2024-08-01', '2024-09-16') })
  const args = ['--tickers', 'AAPL', '--from-date', '2024-08-01', '--to-date', '2024-09-16']
  const wanted = sessions('2024-08-01', '2024-09-16').map((date) => dayKey('AAPL', date))

  const run = await stage.run(args, { env: { UPLOAD_CONCURRENCY: '2' } })
  expect(run.code).toBe(1)
  expect(run.stderr).toContain(`s3://${bucket.name}/raw/prices/symbol=AAPL/`)
  expect(run.stderr).toContain('no room left (QuotaExceeded)')
  expect(run.stderr).toContain(`Raise the quota of "${bucket.name}" or make room, then run again.`)
  expect(run.stdout).toContain('📋 Metrics: could not be written')
  const stored = await priceKeys(bucket.lake)
  // The server counts a little behind its writes.
  expect(stored.length).toBeWithin(4, 10)
  expect(run.stdout).toContain(`📁 Files written: ${grouped(stored.length)}\n`)

  await quota('set', '--max-objects=1000')
  const next = await stage.run(args)
  expect(next.code).toBe(0)
  const counts = { stored: wanted.length - stored.length, already_stored: stored.length }
  expect(next.metrics?.counts).toMatchObject(counts)
  expect(await priceKeys(bucket.lake)).toEqual(wanted)
})
