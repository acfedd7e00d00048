// What a store can do to a whole run, beyond cli.s3.test.ts: trouble at every request, trouble that stays, answers that never
// end, a clock or a region that is wrong, credentials that are old.

import { describe, expect, test } from 'bun:test'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { FakeRequest, Fault } from '../support/servers/fake-s3.ts'
import { disposableFolder, priceFiles, priceKeys } from '../support/lakes/lake.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor, dayKey } from '../support/bars.ts'
import { metricsOf, setS3Stage, setStage, type S3Stage } from '../support/runs/stage.ts'
import { runCli } from '../support/runs/process.ts'

const DAY = '2024-09-16'
const THREE = ['A', 'B', 'C']
const LIST = ['--tickers', THREE.join(',')]

function reply(status: number, code: string, extra = ''): Fault {
  return { action: 'reply', status, code, extra }
}

/** What a store that is sound in the end does now and then, by what it is asked for. */
const PASSING: Readonly<Record<string, readonly Fault[]>> = {
  list: [
    reply(503, 'SlowDown'),
    reply(500, 'InternalError'),
    reply(200, 'InternalError'),
    { action: 'html200' },
    { action: 'empty200' },
    { action: 'truncate' },
    { action: 'drop-before' },
  ],
  get: [reply(503, 'SlowDown'), { action: 'truncate' }, { action: 'drop-after' }, { action: 'no-etag' }],
  put: [
    reply(409, 'ConditionalRequestConflict'),
    reply(400, 'BadDigest'),
    reply(400, 'IncompleteBody'),
    reply(400, 'RequestTimeout'),
    reply(429, 'TooManyRequests'),
    reply(200, 'InternalError'),
    { action: 'drop-after' },
    { action: 'drop-before' },
    { action: 'no-etag' },
    { action: 'html200' },
    { action: 'empty200' },
    reply(502, 'BadGateway'),
    reply(503, 'SlowDown'),
  ],
}

/** The first time that anything is asked for it fails, each time by the next fault of its kind. */
function failEachOnce(): (request: FakeRequest) => Fault | undefined {
  const seen = new Set<string>()
  const turns: Record<string, number> = {}
  return ({ operation, key, query, headers }) => {
    const what = `${operation} ${key} ${query['prefix']} ${query['continuation-token']} ${headers['range']} ${headers['if-match']}`
    const faults = PASSING[operation] ?? []
    if (seen.has(what) || faults.length === 0) return undefined
    seen.add(what)
    const turn = turns[operation] ?? 0
    turns[operation] = turn + 1
    return faults[turn % faults.length]
  }
}

async function setBucket(from = DAY): Promise<S3Stage> {
  return await setS3Stage({ bars: barsFor(THREE, from, '2024-09-20') })
}

describe.concurrent('a store that fails every request once', () => {
  test('ends with the same files as a sound one: a backfill, and its refresh later', async () => {
    await using stage = await setBucket('2023-01-03')
    await using calm = await setStage({ bars: stage.bars })
    const backfill = [...LIST, '--backfill', '--from-date', '2023-01-01']
    stage.s3.pageSize = 2
    for (const [args, now] of [
      [backfill, NOW],
      [backfill, '2024-09-19T13:00:00Z'],
    ] as const) {
      stage.s3.onRequest = failEachOnce()
      const run = await stage.run(args, { now })
      const expected = await calm.run(args, { now })
      expect(run.code).toBe(0)
      expect(metricsOf(run).counts).toEqual(metricsOf(expected).counts)
      expect(metricsOf(run).calls).toBe(metricsOf(expected).calls)
      expect(await priceFiles(stage.lake)).toEqual(await priceFiles(calm.lake))
    }
  })

  test('by silence: the request is given up after its time and sent again, and settled by what is there', async () => {
    await using stage = await setBucket()
    let hung = 0
    stage.s3.onRequest = ({ operation, key }) => {
      if (operation !== 'put' || !key.includes('symbol=B') || hung > 0) return undefined
      hung += 1
      return { action: 'hang' }
    }
    const run = await stage.spawn(LIST, { warp: 20 }).done
    expect({ code: run.code, changed: run.changed.length, hung }).toEqual({ code: 0, changed: 3, hung: 1 })
    expect(metricsOf(run).duration_seconds).toBeGreaterThan(15)
  })
})

describe.concurrent('trouble that stays', () => {
  test.each<[string, Fault, RegExp, RegExp]>([
    ['a busy store', reply(503, 'SlowDown'), /busy or out of order \(503 SlowDown\), 14 tries/, /UPLOAD_CONCURRENCY/],
    ['damaged bytes', reply(400, 'BadDigest'), /damaged on the way \(BadDigest\)/, /network/],
  ])('(%s) stops the run with cause and cure; no call is spent on the others', async (_name, fault, cause, cure) => {
    await using stage = await setBucket()
    stage.s3.onRequest = ({ operation, key }) => (operation === 'put' && key.includes('symbol=') ? fault : undefined)
    const run = await stage.run(LIST, { env: { MAX_WORKERS: '1' }, isShared: true })
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 2 })
    const [line = ''] = run.stderr.match(/^🛑.*$/gm) ?? []
    expect(line).toContain('s3://test-bucket/raw/prices/symbol=A/')
    expect(line).toMatch(cause)
    expect(line).toMatch(cure)
    expect(metricsOf(run)).toMatchObject({ stopped_by: 'store', counts: { not_reached: 3, stored: 0 } })
  })
})

describe.concurrent('said before the first call is spent:', () => {
  test.each<[string, (stage: S3Stage) => void, RegExp]>([
    [
      'a clock that is off',
      ({ s3 }) => void (s3.skewMs = 3 * 3_600_000),
      /clock is off by 1(79|80) minutes \(RequestTimeTooSkewed\).*Set the clock/,
    ],
    [
      'another region, by the header',
      ({ s3 }) =>
        void (s3.onRequest = () => reply(301, 'PermanentRedirect', '<Endpoint>s3.eu-west-3.amazonaws.com</Endpoint>')),
      /wrong region \(PermanentRedirect\): it expects eu-west-3.*AWS_REGION=eu-west-3/,
    ],
    ['old credentials', ({ s3 }) => void (s3.onRequest = () => reply(400, 'ExpiredToken')), /expired.*new credentials/],
    [
      'a denied read of a stored file',
      ({ s3 }) => {
        s3.put('raw/prices/symbol=A/year=2024/A-2024.parquet', new Uint8Array(64))
        s3.denied.add('s3:GetObject')
      },
      /access denied to s3:GetObject.*Without s3:ListBucket, files that do not exist look denied too/,
    ],
  ])('%s', async (_name, prepare, message) => {
    await using stage = await setBucket()
    prepare(stage)
    const run = await stage.run([...LIST, '--backfill'])
    expect({ code: run.code, calls: run.requests.length, changed: run.changed }).toEqual({
      code: 1,
      calls: 0,
      changed: [],
    })
    expect(run.stderr.match(/^❌.*$/gm)).toEqual([expect.stringMatching(message)])
  })
})

const ROLE = { AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/x' }

/** A loopback STS that finds fault with every token. */
function startSts() {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>
    <Message>Value '' at 'webIdentityToken' is too short</Message></Error></ErrorResponse>`
  const headers = { 'content-type': 'text/xml' }
  return Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response(body, { status: 400, headers }) })
}

describe.concurrent('a file that is to have the credentials', () => {
  /** `at` is a folder that holds an empty file `empty`, one that nobody may read, and no file `none`. */
  const FILES: readonly [name: string, env: (at: string) => Record<string, string>, words: RegExp][] = [
    [
      'is a folder (the token)',
      (at) => ({ ...ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: at }),
      /no AWS credentials found \(EISDIR.*AWS_WEB_IDENTITY_TOKEN_FILE names \/.*, which is a folder\. Name a file there/,
    ],
    [
      'is not there (the token)',
      (at) => ({ ...ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: `${at}/none` }),
      /AWS_WEB_IDENTITY_TOKEN_FILE names \/.*\/none, which does not exist\. /,
    ],
    [
      'is below a file (the token)',
      (at) => ({ ...ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: `${at}/empty/token` }),
      /AWS_WEB_IDENTITY_TOKEN_FILE names \/.*\/token, which cannot be read \(ENOTDIR\)\. /,
    ],
    [
      'is empty (the token)',
      (at) => ({ ...ROLE, AWS_WEB_IDENTITY_TOKEN_FILE: `${at}/empty` }),
      /web identity is refused \(ValidationError: .*AWS_WEB_IDENTITY_TOKEN_FILE names \/.*\/empty, which is empty\. /,
    ],
    [
      'is a folder (the profile)',
      (at) => ({ AWS_PROFILE: 'p', AWS_CONFIG_FILE: at, AWS_SHARED_CREDENTIALS_FILE: `${at}/none` }),
      /no AWS credentials.*; AWS_CONFIG_FILE names \/.*, which is a folder; AWS_SHARED_CREDENTIALS_FILE names .*none, which/,
    ],
    [
      'is empty (the profile)',
      (at) => ({ AWS_PROFILE: 'p', AWS_SHARED_CREDENTIALS_FILE: `${at}/empty` }),
      /no AWS credentials found.*AWS_SHARED_CREDENTIALS_FILE names \/.*\/empty, which is empty\. /,
    ],
    [
      'and the region is not there',
      (at) => ({ AWS_PROFILE: 'p', AWS_REGION: '', AWS_ENDPOINT_URL_S3: '', AWS_CONFIG_FILE: `${at}/none` }),
      /No AWS region is set; AWS_CONFIG_FILE names \/.*\/none, which does not exist\. Set AWS_REGION/,
    ],
    ...(process.getuid?.() === 0
      ? []
      : (['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE', 'AWS_WEB_IDENTITY_TOKEN_FILE'] as const).map(
          (name): (typeof FILES)[number] => [
            `may not be read (${name})`,
            (at) => ({ ...ROLE, [name]: `${at}/locked` }),
            new RegExp(`${name} names /.*/locked, which cannot be read \\(EACCES\\)\\. `),
          ],
        )),
  ]
  test.each(FILES)('%s is named with what is wrong with it', async (_name, env, words) => {
    await using temp = await disposableFolder()
    await Bun.write(join(temp.path, 'empty'), '')
    await Bun.write(join(temp.path, 'locked'), 'x')
    await chmod(join(temp.path, 'locked'), 0)
    await using stage = await setBucket()
    using sts = startSts()
    const none = { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_ENDPOINT_URL_STS: sts.url.href }
    const run = await stage.run(LIST, { env: { ...none, ...env(temp.path) } })
    expect(run.stderr.match(/^[❌💥].*$/gmu)).toEqual([expect.stringMatching(words)])
    expect({ code: [1, 2].includes(run.code), calls: run.requests.length }).toEqual({ code: true, calls: 0 })
  })
})

describe.concurrent('a store without conditions', () => {
  test('that answers 501 is refused before any file is written, and accepted when that is allowed', async () => {
    await using stage = await setBucket()
    stage.s3.onRequest = ({ headers }) =>
      headers['if-none-match'] === undefined ? undefined : reply(501, 'NotImplemented')
    const refused = await stage.run(LIST, { isShared: true })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('--allow-unsafe-store')
    expect(await priceKeys(stage.lake)).toEqual([])
    const allowed = await stage.run([...LIST, '--allow-unsafe-store'])
    expect({ code: allowed.code, changed: allowed.changed }).toEqual({
      code: 0,
      changed: THREE.map((name) => dayKey(name, DAY)),
    })
  })
})

const entry = (key: string) =>
  `<Contents><Key>${key}</Key><LastModified>2024-01-01T00:00:00Z</LastModified><ETag>"a"</ETag><Size>1</Size></Contents>`

describe.concurrent('a listing whose pages never end', () => {
  test.each<[string, (page: number) => string]>([
    ['and are empty', () => ''],
    ['and go backwards', (page) => entry(dayKey('A', `2023-12-${String(31 - (page % 30)).padStart(2, '0')}`))],
  ])('%s is given up with a word', async (_name, contentsOf) => {
    let pages = 0
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch() {
        pages += 1
        const body = `<IsTruncated>true</IsTruncated><NextContinuationToken>${pages}</NextContinuationToken>${contentsOf(pages)}`
        const xml = `<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${body}</ListBucketResult>`
        return new Response(xml, { headers: { 'content-type': 'application/xml' } })
      },
    })
    await using stage = await setBucket()
    const env = { ...stage.s3.env(), AWS_ENDPOINT_URL_S3: String(server.url), FMP_API_KEY: KEY, TIME_WARP: '300' }
    const args = ['--tickers', 'A', '--out', 's3://test-bucket', '--now', NOW, '--dry-run']
    const run = await runCli(args, { env, preload: 'test/support/runs/time-warp.ts' })
    await server.stop(true)
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 1, stdout: '' })
    expect(run.stderr).toMatch(/^❌ s3:\/\/test-bucket\/raw\/prices\/symbol=A\/: /m)
    expect(run.stderr).not.toContain('defect')
    expect(pages).toBeLessThan(20_000)
  })
})
