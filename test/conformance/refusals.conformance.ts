// What the real program says when a real store refuses: each message names the place, the cause and the cure.
import { describe, expect, test } from 'bun:test'
import { priceKeys } from '../support/lakes/lake.ts'
import { barsFor, dayKey, yearKey } from '../support/bars.ts'
import { startTcpProxy, type ProxyAction } from '../support/servers/tcp-proxy.ts'
import { admin, allow, createBucket, createUser, policyOfReadme, SERVER, type Bucket, type Statement } from './bench.ts'
import { setStage, type Run, type Stage } from './stage.ts'

const ARGS = ['--tickers', 'AAPL']
const BARS = barsFor(['AAPL'], '2023-01-03', '2024-09-18')
const NEWEST = dayKey('AAPL', '2024-09-16')

/** The run failed, and its first error says all of this. `says` may use `{bucket}`. */
function expectRefusal({ code, stderr }: Run, { name }: Bucket, says: readonly string[]): void {
  const line = stderr.split('\n').find((text) => /^(?:❌|🛑)/u.test(text)) ?? stderr
  const unsaid = says.map((part) => part.replaceAll('{bucket}', name)).filter((part) => !line.includes(part))
  expect({ code, unsaid, line }).toEqual({ code: 1, unsaid: [], line })
  // What the SDK makes up where the store says nothing, and its notes to programmers.
  expect(stderr).not.toMatch(/UnknownError|Deserialization|\$response|\[object/)
}

type Scene = AsyncDisposable & { readonly bucket: Bucket; readonly stage: Stage; readonly userName: string }

/** A user with what `change` leaves of the policy in lib/store/README.md. */
async function setScene(
  change: (policy: readonly Statement[], bucket: string) => readonly Statement[],
): Promise<Scene> {
  const bucket = await createBucket()
  const user = await createUser()
  await allow(bucket, user, change(await policyOfReadme(bucket.name), bucket.name))
  const stage = setStage({ user, bucket, bars: BARS })
  return { bucket, stage, userName: user.name, [Symbol.asyncDispose]: async () => stage[Symbol.dispose]() }
}

const everything = (policy: readonly Statement[]) => policy

/** The policy without an action, wherever it stands. */
function without(action: string): (policy: readonly Statement[]) => readonly Statement[] {
  return (policy) =>
    policy.flatMap((statement) => {
      const left = [statement.Action].flat().filter((name) => name !== action)
      return left.length === 0 ? [] : [{ ...statement, Action: left }]
    })
}

/** The policy with its first statement, which is about objects, for the prices alone. */
function onlyPrices(policy: readonly Statement[], bucket: string): readonly Statement[] {
  const Resource = `arn:aws:s3:::${bucket}/raw/prices/*`
  return policy.map((statement, index) => (index === 0 ? { ...statement, Resource } : statement))
}

describe('a right that is missing', () => {
  test('s3:ListBucket: before any call, with the right, the bucket and the prefix', async () => {
    await using scene = await setScene(without('s3:ListBucket'))
    const run = await scene.stage.run(ARGS)
    expectRefusal(run, scene.bucket, [
      's3://{bucket}/raw/prices/symbol=AAPL/',
      'access denied to s3:ListBucket (',
      'AccessDenied',
      'Allow s3:ListBucket on arn:aws:s3:::{bucket}',
    ])
    expect(run.calls).toBe(0)
  })

  test('s3:ListBucket for the prefix, because S3_RAW_PREFIX and the policy differ', async () => {
    await using scene = await setScene(everything)
    const run = await scene.stage.run(ARGS, { env: { S3_RAW_PREFIX: 'other' } })
    expectRefusal(run, scene.bucket, [
      's3://{bucket}/other/prices/',
      'Allow s3:ListBucket on',
      'for the prefix other/prices/',
    ])
  })

  test('s3:PutObject: the run stops, and so do its metrics', async () => {
    await using scene = await setScene(without('s3:PutObject'))
    const run = await scene.stage.run(ARGS)
    expectRefusal(run, scene.bucket, [
      `s3://{bucket}/${NEWEST}`,
      'access denied to s3:PutObject (',
      'Allow s3:PutObject on arn:aws:s3:::{bucket}/',
    ])
    expect(run.stdout).toContain('📋 Metrics: could not be written')
    expect(run.stdout).toStartWith('🛑')
    expect(await scene.bucket.lake.keys()).toEqual([])
  })

  test('s3:PutObject for the metrics only: the prices are stored, the exit code says it', async () => {
    await using scene = await setScene(onlyPrices)
    const run = await scene.stage.run(ARGS)
    expectRefusal(run, scene.bucket, ['s3://{bucket}/logs/ingest/', 's3:PutObject', 'Allow s3:PutObject on'])
    expect(await priceKeys(scene.bucket.lake)).toEqual([NEWEST])
  })

  test('s3:GetObject: a stored year that may not be read is not written over', async () => {
    await using scene = await setScene(without('s3:GetObject'))
    using owners = setStage({ user: scene.bucket.owner, bucket: scene.bucket, bars: BARS })
    expect((await owners.run([...ARGS, '--backfill'])).code).toBe(0)
    const key = yearKey('AAPL', 2024)
    const before = await scene.bucket.lake.bytes(key)
    const run = await scene.stage.run([...ARGS, '--backfill'], { now: '2024-09-19T13:00:00Z' })
    expectRefusal(run, scene.bucket, [
      `s3://{bucket}/${key}`,
      'access denied to s3:GetObject (',
      'Allow s3:GetObject on arn:aws:s3:::{bucket}/',
    ])
    expect(run.calls).toBe(0)
    expect(await scene.bucket.lake.bytes(key)).toEqual(before)
  })

  test('s3:GetObject for a ticker list', async () => {
    await using scene = await setScene(without('s3:GetObject'))
    await scene.bucket.lake.put('config/tickers.csv', new TextEncoder().encode('AAPL\n'))
    const run = await scene.stage.run(['--tickers-path', `s3://${scene.bucket.name}/config/tickers.csv`])
    expectRefusal(run, scene.bucket, [
      's3://{bucket}/config/tickers.csv',
      'denied to s3:GetObject (',
      'Allow s3:GetObject',
    ])
  })

  test('all of them, in a bucket of somebody else', async () => {
    await using scene = await setScene(() => [])
    const run = await scene.stage.run(ARGS)
    expectRefusal(run, scene.bucket, ['s3://{bucket}/', 'access denied to s3:ListBucket (', 'Allow s3:ListBucket on'])
  })
})

describe('a user the store does not take', () => {
  const CASES: [name: string, env: Record<string, string>, says: readonly string[]][] = [
    [
      'an unknown access key',
      { AWS_ACCESS_KEY_ID: 'AKIAUNKNOWN' },
      ['access key is not known (InvalidAccessKeyId)', 'AWS_ACCESS_KEY_ID', 'AWS_ENDPOINT_URL_S3'],
    ],
    [
      'a wrong secret',
      { AWS_SECRET_ACCESS_KEY: 'wrong-secret-0123456789' },
      ['secret key does not fit the access key (SignatureDoesNotMatch)', 'AWS_SECRET_ACCESS_KEY'],
    ],
    [
      'no credentials',
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      ['no AWS credentials found', 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'],
    ],
  ]
  test.each(CASES)('%s', async (_name, env, says) => {
    await using scene = await setScene(everything)
    const run = await scene.stage.run(ARGS, { env })
    expectRefusal(run, scene.bucket, ['s3://{bucket}/', ...says])
    expect(run.calls).toBe(0)
  })

  test('a suspended one: no policy is its cure', async () => {
    await using scene = await setScene(everything)
    await admin('user', 'suspend', '--uid', scene.userName)
    const run = await scene.stage.run(ARGS)
    expectRefusal(run, scene.bucket, ['s3://{bucket}/', 'suspended', '(UserSuspended)', 'AWS_ACCESS_KEY_ID'])
    expect(run.stderr).not.toContain('Allow s3:')
    await admin('user', 'enable', '--uid', scene.userName)
    expect((await scene.stage.run(ARGS)).code).toBe(0)
  })
})

/** 50 times as fast, because what may pass is tried for a while. */
async function runAt(url: string): Promise<{ run: Run; bucket: Bucket }> {
  await using scene = await setScene(everything)
  const run = await scene.stage.run(ARGS, { env: { AWS_ENDPOINT_URL_S3: url }, warp: 50 })
  expect(run.stdout).toBe('')
  return { run, bucket: scene.bucket }
}

describe('a place that is wrong', () => {
  test('a bucket that does not exist', async () => {
    await using scene = await setScene(everything)
    const run = await scene.stage.run(ARGS, { env: { S3_BUCKET: 'no-such-bucket' } })
    expectRefusal(run, scene.bucket, ['s3://no-such-bucket/', 'there is no bucket "no-such-bucket"', 'Check S3_BUCKET'])
    expect(run.calls).toBe(0)
  })

  test('a name that no bucket can have', async () => {
    await using scene = await setScene(everything)
    const run = await scene.stage.run(ARGS, { env: { S3_BUCKET: 'No_Such' } })
    expect({ code: run.code, stderr: run.stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('S3_BUCKET'),
    })
  })

  test('an endpoint where nothing listens', async () => {
    const { run, bucket } = await runAt('http://127.0.0.1:9')
    expectRefusal(run, bucket, ['s3://{bucket}/', 'ECONNREFUSED', '127.0.0.1:9', 'AWS_ENDPOINT_URL_S3'])
  })

  test('an endpoint with a path before the bucket', async () => {
    const { run, bucket } = await runAt(`${SERVER.url}/s3`)
    expectRefusal(run, bucket, ['s3://{bucket}/', 'there is no bucket', 'AWS_ENDPOINT_URL_S3'])
  })

  test('https where the server speaks plain HTTP', async () => {
    const { run, bucket } = await runAt(SERVER.url.replace('http:', 'https:'))
    expectRefusal(run, bucket, ['s3://{bucket}/', 'TLS', 'AWS_ENDPOINT_URL_S3', 'http://'])
    expect(run.stderr).not.toContain('certificate')
  })

  test('an endpoint that is no URL', async () => {
    const { run, bucket } = await runAt(SERVER.url.replace('http://', ''))
    expectRefusal(run, bucket, ['AWS_ENDPOINT_URL_S3 is no URL', 'https://'])
  })

  test.each([401, 403, 404])('another service, which answers %d in its own words', async (status) => {
    using other = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => Response.json({ error: 'who?' }, { status }),
    })
    const { run, bucket } = await runAt(`http://127.0.0.1:${other.port}`)
    expectRefusal(run, bucket, ['s3://{bucket}/', 'not from S3', 'AWS_ENDPOINT_URL_S3'])
    expect(run.stderr).not.toContain('Allow s3:')
  })

  test.each<[ProxyAction, string]>([
    ['html200', 'a login page may be answering'],
    [{ status: 503 }, 'busy or out of order (503'],
    ['dropBefore', 'no answer from the store'],
  ])('a store that is hidden behind %j', async (action, says) => {
    await using proxy = await startTcpProxy(SERVER.url, { onRequest: () => action })
    const { run, bucket } = await runAt(proxy.url)
    expectRefusal(run, bucket, ['s3://{bucket}/', says, '14 tries'])
  })
})
