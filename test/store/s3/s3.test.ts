// What only the S3 store does: refusals in words, lost answers, the proof of create-only writes, storms, regions.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { describeError } from '../../../lib/core/errors.ts'
import type { Store } from '../../../lib/store/store.ts'
import { createFakeClock } from '../../support/runs/fake-clock.ts'
import { startFakeS3, type FakeRequest, type FakeS3, type Fault } from '../../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'
import { makeTempFolder } from '../../support/lakes/temp-folder.ts'
import { failureOf } from '../../support/values.ts'

let fake: FakeS3
let restore: () => void
beforeEach(async () => {
  fake = await startFakeS3()
  restore = setAwsEnvironment(fake.env())
})
afterEach(async () => {
  restore()
  await fake.stop()
})

const ONE = new TextEncoder().encode('one')
const TWO = new TextEncoder().encode('two')
const RUN = '00000000-0000-4000-8000-000000000001'

function open(options: Parameters<typeof openTestStore>[0] = {}): Promise<Store> {
  return openTestStore({ runUuid: RUN, ...options })
}

/** A store that has passed its proof already, and a server that has forgotten it. */
async function openProven(options: Parameters<typeof openTestStore>[0] = {}): Promise<Store> {
  const store = await open(options)
  await store.create('proof', ONE, {})
  fake.objects.clear()
  fake.requests.length = 0
  return store
}

/** The n-th matching request from now on meets the n-th fault. */
function script(matches: FakeRequest['operation'], faults: readonly (Fault | undefined)[]): void {
  const left = [...faults]
  fake.onRequest = ({ operation }) => (operation === matches ? left.shift() : undefined)
}

function reply(status: number, code: string, extra = ''): Fault {
  return { action: 'reply', status, code, extra }
}

/** With names for the list of tests. */
function named(faults: readonly Fault[]): [name: string, fault: Fault][] {
  return faults.map((fault) => [fault.action === 'reply' ? `${fault.status} ${fault.code}` : fault.action, fault])
}

function textAt(key: string): string {
  return new TextDecoder().decode(fake.objects.get(key)?.bytes)
}

function operations(): string[] {
  return fake.requests.map(({ operation }) => operation)
}

/** Puts a file at `p/a`. */
async function tagOfOne(store: Store): Promise<string | undefined> {
  fake.put('p/a', ONE)
  const [file] = await store.list('p/')
  fake.requests.length = 0
  return file?.tag
}

describe('a write', () => {
  test('carries metadata, sha256, run id, CRC32 and the condition, and no stream framing', async () => {
    const store = await openProven()
    await store.create('p/a', ONE, { 'rows-sha256': 'abc' })
    const sha256 = new Bun.CryptoHasher('sha256').update(ONE).digest('hex')
    expect(fake.objects.get('p/a')?.metadata).toEqual({ 'rows-sha256': 'abc', sha256, 'run-id': RUN })
    expect((await store.readWithMetadata('p/a', 10))?.metadata).toEqual({ 'rows-sha256': 'abc', sha256, 'run-id': RUN })
    const { headers } = fake.requests[0] ?? {}
    expect(headers?.['if-none-match']).toBe('*')
    expect(headers?.['x-amz-content-sha256']).toBe(sha256)
    expect(headers?.['x-amz-checksum-crc32']).toBeString()
    expect(headers?.['transfer-encoding']).toBeUndefined()
  })

  test.each(['both', 'quoted', 'plain'] as const)(
    'of a refresh sends the tag in the form that the store takes (%s)',
    async (form) => {
      const store = await openProven()
      fake.tagForm = form
      fake.put('p/a', ONE)
      const [file] = await store.list('p/')
      expect(await store.replace('p/a', TWO, {}, file?.tag)).toBe('replaced')
      expect(fake.requests.at(-1)?.headers['if-match']).toBe(form === 'plain' ? file?.tag : `"${file?.tag}"`)
      expect(file?.tag).not.toContain('"')
      const [next] = await store.list('p/')
      fake.requests.length = 0
      expect(await store.replace('p/a', ONE, {}, next?.tag)).toBe('replaced')
      expect(fake.requests).toHaveLength(1)
    },
  )

  test('never asks with HEAD', async () => {
    const store = await open()
    script('put', [{ action: 'drop-after' }, undefined, { action: 'drop-after' }])
    await store.create('p/a', ONE, {})
    await store.create('p/a', ONE, {})
    await store.read('p/b', undefined, 10)
    expect(operations()).not.toContain('head')
  })

  test('keeps no more requests in flight than it may', async () => {
    const store = await openProven({ concurrency: 3 })
    let inFlight = 0
    let most = 0
    fake.onRequest = () => {
      inFlight += 1
      most = Math.max(most, inFlight)
      setTimeout(() => (inFlight -= 1), 25)
      return { action: 'delay', ms: 30 }
    }
    await Promise.all(Array.from({ length: 12 }, (_, index) => store.create(`p/${index}`, ONE, {})))
    expect(most).toBe(3)
  })
})

describe('a lost answer', () => {
  const LOST: Record<string, Fault> = {
    'a cut connection': { action: 'drop-after' },
    'an answer without ETag': { action: 'no-etag' },
  }

  test.each(Object.entries(LOST))('of a create (%s) is settled as created', async (_name, fault) => {
    const store = await openProven()
    script('put', [fault])
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(operations()).toEqual(['put', 'put', 'get'])
    expect(fake.requests.at(-1)?.headers['range']).toBe('bytes=0-0')
    expect(store.recoveredWrites()).toBe(1)
  })

  test.each<[string, Fault | undefined]>([
    ['that is announced', undefined],
    ['of unknown length', { action: 'chunked' }],
  ])('is settled by a store that ignores ranges too, with a whole file %s', async (_name, fault) => {
    const store = await openProven()
    fake.ignoreRanges = true
    const faults: Partial<Record<FakeRequest['operation'], (Fault | undefined)[]>> = {
      put: [{ action: 'drop-after' }],
      get: [fault],
    }
    fake.onRequest = ({ operation }) => faults[operation]?.shift()
    expect(await store.create('p/a', new Uint8Array(300_000), {})).toBe('created')
    expect(operations()).toEqual(['put', 'put', 'get'])
    expect(store.recoveredWrites()).toBe(1)
  })

  test('of the first create of a run is settled as created too', async () => {
    const store = await open()
    script('put', [{ action: 'drop-after' }])
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(store.recoveredWrites()).toBe(1)
  })

  test('of a refresh is settled as replaced', async () => {
    const store = await openProven()
    fake.put('p/a', ONE)
    const [file] = await store.list('p/')
    script('put', [{ action: 'drop-after' }])
    expect(await store.replace('p/a', TWO, {}, file?.tag)).toBe('replaced')
    expect(store.recoveredWrites()).toBe(1)
  })

  test('does not claim the file of another run, equal bytes or not', async () => {
    const store = await openProven()
    for (const bytes of [ONE, TWO]) {
      const key = `p/${bytes === ONE}`
      fake.onRequest = ({ operation }) => {
        if (operation !== 'put' || fake.objects.has(key)) return undefined
        // Another run is quicker, and this request does not arrive.
        fake.put(key, bytes, { 'run-id': 'other', sha256: new Bun.CryptoHasher('sha256').update(bytes).digest('hex') })
        return { action: 'drop-before' }
      }
      expect(await store.create(key, ONE, {})).toBe('exists')
    }
    expect(store.recoveredWrites()).toBe(0)
  })

  test('does not claim other bytes of its own run', async () => {
    const store = await openProven()
    script('put', [{ action: 'drop-before' }])
    fake.put('p/a', TWO, { 'run-id': RUN, sha256: new Bun.CryptoHasher('sha256').update(TWO).digest('hex') })
    expect(await store.create('p/a', ONE, {})).toBe('exists')
  })

  test('does not claim an empty file of another', async () => {
    const store = await openProven()
    script('put', [{ action: 'drop-before' }])
    fake.put('p/a', new Uint8Array(0))
    expect(await store.create('p/a', ONE, {})).toBe('exists')
  })

  test('that did not land is written by the next try, and is no recovery', async () => {
    const store = await openProven()
    script('put', [{ action: 'drop-before' }, { action: 'html200' }])
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(textAt('p/a')).toBe('one')
    expect(store.recoveredWrites()).toBe(0)
  })

  test('of a refresh that another run overtook is a conflict', async () => {
    const store = await openProven()
    fake.put('p/a', ONE)
    const [file] = await store.list('p/')
    script('put', [{ action: 'drop-before' }])
    fake.put('p/a', TWO, { 'run-id': 'other' })
    expect(await store.replace('p/a', ONE, {}, file?.tag)).toBe('conflict')
    expect(textAt('p/a')).toBe('two')
  })

  test('is thought of at every refusal: fetch sends again by itself when a connection that it used again breaks', async () => {
    const store = await openProven()
    fake.put('p/a', ONE)
    expect(await store.create('p/a', ONE, {})).toBe('exists')
    expect(operations()).toEqual(['put', 'get'])
    expect(store.recoveredWrites()).toBe(0)
  })

  test('by a server that stays silent is given up after the timeout', async () => {
    const store = await openProven({ timeoutMs: 1_000 })
    script('put', [{ action: 'hang' }])
    expect(await store.create('p/a', ONE, {})).toBe('created')
  })
})

describe('the proof of create-only writes', () => {
  test('is a second PUT of the first file, refused', async () => {
    const store = await open()
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(await store.create('p/b', ONE, {})).toBe('created')
    expect(fake.requests.map(({ key }) => key)).toEqual(['p/a', 'p/a', 'p/b'])
  })

  test('is given by a first file that exists', async () => {
    const store = await open()
    fake.put('p/a', ONE)
    expect(await store.create('p/a', TWO, {})).toBe('exists')
    await store.create('p/b', ONE, {})
    expect(fake.requests.map(({ key, operation }) => `${operation} ${key}`)).toEqual(['put p/a', 'get p/a', 'put p/b'])
  })

  test('goes alone: other conditional writes wait for it', async () => {
    const store = await open()
    fake.put('p/old', ONE)
    const [file] = await store.list('p/')
    fake.requests.length = 0
    const seenDuringProof: string[] = []
    fake.onRequest = ({ number, key }) => {
      if (number > 2) return undefined
      seenDuringProof.push(key)
      return { action: 'delay', ms: 20 }
    }
    const creates = ['p/a', 'p/b', 'p/c'].map((key) => store.create(key, ONE, {}))
    const refresh = store.replace('p/old', TWO, {}, file?.tag)
    expect(await Promise.all([...creates, refresh])).toEqual(['created', 'created', 'created', 'replaced'])
    expect(seenDuringProof).toEqual(['p/a', 'p/a'])
    expect(fake.requests).toHaveLength(5)
  })

  test.each(named([reply(503, 'SlowDown'), reply(409, 'ConditionalRequestConflict'), { action: 'drop-before' }]))(
    'is tried again after %s',
    async (_name, fault) => {
      const store = await open()
      script('put', [undefined, fault])
      expect(await store.create('p/a', ONE, {})).toBe('created')
      expect(operations()).toEqual(['put', 'put', 'put'])
      expect(store.recoveredWrites()).toBe(0)
    },
  )

  test('fails a store that overwrites, before any other write', async () => {
    fake.ignorePreconditions = true
    const store = await open()
    const creates = ['p/a', 'p/b', 'p/c'].map((key) => failureOf(store.create(key, ONE, {})))
    const errors = await Promise.all(creates)
    errors.push(await failureOf(store.create('p/d', ONE, {})), await failureOf(store.replace('p/a', TWO, {}, 'tag')))
    for (const error of errors) {
      expect(error).toMatchObject({ kind: 'store', scope: 'run' })
      expect(error.message).toContain('ignores create-only writes')
      expect(error.hint).toContain('--allow-unsafe-store')
    }
    expect([...fake.objects.keys()]).toEqual(['p/a'])
  })

  test('fails a store that overwrites where the first answer was lost', async () => {
    fake.ignorePreconditions = true
    const store = await open()
    script('put', [{ action: 'drop-after' }])
    expect((await failureOf(store.create('p/a', ONE, {}))).message).toContain('ignores create-only writes')
  })

  test('fails a store that has no conditions', async () => {
    const store = await open()
    script('put', [reply(501, 'NotImplemented')])
    const error = await failureOf(store.create('p/a', ONE, {}))
    expect(error.message).toContain('has no create-only writes (If-None-Match)')
    expect(error.scope).toBe('run')
  })

  test('lets an unsafe store pass with one warning when that is allowed', async () => {
    fake.ignorePreconditions = true
    const warnings: string[] = []
    const store = await open({ allowUnsafe: true, onWarning: (text) => warnings.push(text) })
    for (const key of ['p/a', 'p/b', 'p/a']) expect(await store.create(key, ONE, {})).toBe('created')
    expect(await store.replace('p/a', TWO, {}, 'any tag')).toBe('replaced')
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('s3://test-bucket')
  })

  test('lets a store without conditions pass when that is allowed, and sends none', async () => {
    const warnings: string[] = []
    const store = await open({ allowUnsafe: true, onWarning: (text) => warnings.push(text) })
    fake.onRequest = ({ headers }) => (headers['if-none-match'] ? reply(501, 'NotImplemented') : undefined)
    for (const key of ['p/a', 'p/b']) expect(await store.create(key, ONE, {})).toBe('created')
    expect(fake.requests).toHaveLength(3)
    expect(warnings).toHaveLength(1)
  })

  test('fails a store that has If-None-Match but no If-Match', async () => {
    const store = await openProven()
    fake.onRequest = ({ headers }) => (headers['if-match'] ? reply(501, 'NotImplemented') : undefined)
    expect((await failureOf(store.replace('p/a', ONE, {}, 'tag'))).scope).toBe('run')
  })

  test('is not needed by unconditional writes', async () => {
    const store = await open()
    expect(await store.replace('p/a', ONE, {})).toBe('replaced')
    expect(fake.requests).toHaveLength(1)
  })

  test('that an error cut short is taken up by the next create', async () => {
    const store = await open()
    script('put', [reply(403, 'AccessDenied')])
    expect((await failureOf(store.create('p/a', ONE, {}))).message).toContain('access denied')
    expect(await store.create('p/b', ONE, {})).toBe('created')
    expect(fake.requests.map(({ key }) => key)).toEqual(['p/a', 'p/b', 'p/b'])
  })

  test('that failed ends the creates that wait for it, and the next one takes it up', async () => {
    const store = await open()
    script('put', [reply(403, 'AccessDenied')])
    const creates = ['p/a', 'p/b', 'p/c'].map((key) => failureOf(store.create(key, ONE, {})))
    for (const error of await Promise.all(creates)) expect(error.message).toContain('p/a: access denied')
    expect(await store.create('p/d', ONE, {})).toBe('created')
    expect(fake.requests.map(({ key }) => key)).toEqual(['p/a', 'p/d', 'p/d'])
  })

  test.each([503, 500, 409])(
    'that every try of fails (%i for ever) costs one wait, however many writes',
    async (status) => {
      const clock = createFakeClock()
      const store = await open({ clock, random: () => 1 })
      const code = status === 409 ? 'ConditionalRequestConflict' : 'Busy'
      fake.onRequest = () => reply(status, code)
      const creates = Array.from({ length: 13 }, (_, index) => failureOf(store.create(`p/${index}`, ONE, {})))
      for (const error of await Promise.all(creates)) expect(error.message).toContain(`(${status} ${code}), 14 tries`)
      expect(fake.requests.map(({ key }) => key)).toEqual(Array.from({ length: 14 }, () => 'p/0'))
      expect(clock.elapsedMs()).toBe(41_300)
    },
  )

  describe('by a refresh that is the first write', () => {
    test('is a create of the same file, refused', async () => {
      const store = await open()
      const tag = await tagOfOne(store)
      expect(await store.replace('p/a', TWO, {}, tag)).toBe('replaced')
      expect(fake.requests.map(({ headers }) => [headers['if-none-match'], headers['if-match']])).toEqual([
        ['*', undefined],
        [undefined, `"${tag}"`],
      ])
      expect(textAt('p/a')).toBe('two')
    })

    test('writes the file anew if it has gone meanwhile', async () => {
      const store = await open()
      const tag = await tagOfOne(store)
      fake.objects.clear()
      expect(await store.replace('p/a', TWO, {}, tag)).toBe('replaced')
      expect(textAt('p/a')).toBe('two')
    })

    test('writes it once where the first answer was lost', async () => {
      const store = await open()
      const tag = await tagOfOne(store)
      fake.objects.clear()
      script('put', [{ action: 'drop-after' }])
      expect(await store.replace('p/a', TWO, {}, tag)).toBe('replaced')
      expect(store.recoveredWrites()).toBe(1)
    })

    test('fails a store that overwrites', async () => {
      const store = await open()
      const tag = await tagOfOne(store)
      fake.ignorePreconditions = true
      expect((await failureOf(store.replace('p/a', TWO, {}, tag))).message).toContain('ignores create-only writes')
    })
  })
})

describe('a refusal', () => {
  const CASES: [name: string, fault: Fault, message: RegExp, hint: RegExp][] = [
    ['no bucket', reply(404, 'NoSuchBucket'), /there is no bucket "test-bucket"/, /S3_BUCKET/],
    [
      'access denied',
      reply(403, 'AccessDenied'),
      /access denied to s3:PutObject/,
      /Allow s3:PutObject on arn:aws:s3:::test-bucket\/p\/a\./,
    ],
    ['an unknown key', reply(403, 'InvalidAccessKeyId'), /access key is not known/, /AWS_ACCESS_KEY_ID/],
    ['a wrong secret', reply(403, 'SignatureDoesNotMatch'), /secret key does not fit/, /AWS_SECRET_ACCESS_KEY/],
    [
      'expired credentials',
      reply(400, 'ExpiredToken'),
      /credentials have expired/,
      /goes on where it stopped.*session duration/,
    ],
    [
      'a wrong region, said in the error',
      reply(400, 'AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>'),
      /wrong region .*expects eu-west-1/,
      /AWS_REGION=eu-west-1/,
    ],
    [
      'a wrong region, said by the endpoint',
      reply(301, 'PermanentRedirect', '<Endpoint>b.s3.eu-central-1.amazonaws.com</Endpoint>'),
      /expects eu-central-1/,
      /AWS_REGION=eu-central-1/,
    ],
    ['a wrong region, not said', reply(301, 'PermanentRedirect'), /wrong region \(PermanentRedirect\)/, /own region/],
    [
      'a wrong clock',
      reply(
        403,
        'RequestTimeTooSkewed',
        '<RequestTime>20240930T100000Z</RequestTime><ServerTime>2024-09-30T12:00:00Z</ServerTime>',
      ),
      /clock is off by 120 minutes/,
      /NTP/,
    ],
    ['a full quota', reply(403, 'QuotaExceeded'), /no room left/, /quota/],
    [
      'no such function',
      reply(405, 'MethodNotAllowed'),
      /s3:PutObject was refused \(405 MethodNotAllowed/,
      /S3_BUCKET|bucket/,
    ],
  ]

  test.each(CASES)('for %s says what, where and what to do, and ends the run', async (_name, fault, message, hint) => {
    const store = await openProven()
    fake.onRequest = () => fault
    const error = await failureOf(store.create('p/a', ONE, {}))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toStartWith('s3://test-bucket/p/a: ')
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(hint)
    expect(fake.requests).toHaveLength(1)
  })

  test('of a listing or a read names the permission it takes', async () => {
    const store = await open()
    fake.put('p/a', ONE)
    fake.denied.add('s3:ListBucket')
    expect(describeError(await failureOf(store.list('p/')))).toMatch(
      /^s3:\/\/test-bucket\/p\/: access denied to s3:ListBucket.* Allow s3:ListBucket on arn:aws:s3:::test-bucket for the prefix p\//,
    )
    const hidden = await failureOf(store.read('p/b', undefined, 10))
    expect(hidden.hint).toContain('Without s3:ListBucket, files that do not exist look denied too')
    fake.denied.add('s3:GetObject')
    expect((await failureOf(store.read('p/a', undefined, 10))).message).toContain('denied to s3:GetObject')
  })

  test('of a bucket that is not there reaches listings and reads', async () => {
    const store = await openTestStore({ bucket: 'other-bucket' })
    for (const running of [store.list('p/'), store.read('p/a', undefined, 10)]) {
      expect((await failureOf(running)).message).toContain('there is no bucket "other-bucket"')
    }
  })

  test('is printed in one line, whatever the store says', async () => {
    const store = await openProven()
    const odd = [reply(400, 'Odd\n::error::x'), reply(400, 'Odd', '<Message>a second one</Message>')]
    for (const fault of [{ ...reply(403, 'AccessDenied'), message: 'a\n::error::b\r\n' }, ...odd]) {
      fake.onRequest = () => fault
      expect(describeError(await failureOf(store.create('p/a', ONE, {})))).not.toMatch(/\p{Cc}/u)
    }
  })

  test('of a role that may not be taken on points at its trust policy', async () => {
    const store = await openProven()
    const message = 'Not authorized to perform sts:AssumeRoleWithWebIdentity'
    fake.onRequest = () => ({ ...reply(403, 'AccessDenied'), message })
    expect((await failureOf(store.create('p/a', ONE, {}))).hint).toContain('trust policy')
  })

  test('goes through to the real signature check: wrong secret, wrong key, wrong region, wrong clock, no token', async () => {
    const env = fake.env()
    const wrong: [Record<string, string>, RegExp][] = [
      [{ AWS_SECRET_ACCESS_KEY: 'another' }, /secret key does not fit/],
      [{ AWS_ACCESS_KEY_ID: 'ANOTHER' }, /access key is not known/],
      [{ AWS_REGION: 'eu-west-1' }, /expects us-east-1/],
      [{ AWS_SESSION_TOKEN: 'none' }, /credentials are refused/],
    ]
    for (const [change, message] of wrong) {
      const undo = setAwsEnvironment({ ...env, ...change })
      const error = await failureOf((await open()).list('p/'))
      undo()
      expect(error.message).toMatch(message)
      expect(error.message).not.toContain(env['AWS_SECRET_ACCESS_KEY'] ?? '')
    }
    fake.skewMs = 3 * 3_600_000
    expect((await failureOf((await open()).list('p/'))).message).toMatch(/clock is off by 1(79|80) minutes/)
  })

  test('comes from the machine itself where there are no credentials', async () => {
    const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _secret, ...env } = fake.env()
    const undo = setAwsEnvironment(env)
    const error = await failureOf((await open()).list('p/'))
    undo()
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toContain('no AWS credentials found')
    expect(error.hint).toContain('AWS_ACCESS_KEY_ID')
  })

  test('in the middle of a run: credentials expire', async () => {
    const store = await openProven()
    fake.onRequest = ({ key }) => (key === 'p/b' ? { action: 'expire-credentials' } : undefined)
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect((await failureOf(store.create('p/b', ONE, {}))).message).toContain('expired')
    expect((await failureOf(store.list('p/'))).message).toContain('expired')
  })
})

describe('trouble that passes', () => {
  const PASSING: Fault[] = [
    reply(500, 'InternalError'),
    reply(502, 'BadGateway'),
    reply(503, 'SlowDown'),
    reply(429, 'TooManyRequests'),
    reply(408, 'RequestTimeout'),
    reply(400, 'RequestTimeout'),
    reply(400, 'IncompleteBody'),
    reply(400, 'BadDigest'),
    reply(409, 'ConditionalRequestConflict'),
    { action: 'drop-before' },
    { action: 'html200' },
    { action: 'empty200' },
  ]

  test.each(named(PASSING))('is waited out: %s', async (_name, fault) => {
    const store = await openProven()
    script('put', [fault, fault])
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(textAt('p/a')).toBe('one')
  })

  test.each(
    named([
      reply(500, 'InternalError'),
      { action: 'drop-before' },
      { action: 'html200' },
      { action: 'truncate' },
      { action: 'corrupt' },
      { action: 'no-etag' },
    ]),
  )('in a read is waited out: %s', async (_name, fault) => {
    const store = await open()
    fake.put('p/a', ONE)
    script('get', [fault, fault])
    expect(await store.read('p/a', undefined, 10)).toEqual(ONE)
  })

  test.each(
    named([
      reply(500, 'InternalError'),
      reply(200, 'InternalError'),
      { action: 'drop-before' },
      { action: 'html200' },
      { action: 'empty200' },
      { action: 'truncate' },
    ]),
  )('in a listing is waited out, on any page: %s', async (_name, fault) => {
    const store = await open()
    fake.pageSize = 2
    for (const key of ['a', 'b', 'c', 'd', 'e']) fake.put(`p/${key}`, ONE)
    script('list', [fault, undefined, fault, fault])
    expect(await store.list('p/')).toHaveLength(5)
  })

  test('that stays ends the run after fourteen tries, with full jitter between', async () => {
    const clock = createFakeClock()
    const store = await openProven({ clock, random: () => 1 })
    fake.onRequest = () => reply(503, 'SlowDown')
    const error = await failureOf(store.create('p/a', ONE, {}))
    expect(error.message).toBe('s3://test-bucket/p/a: the store is busy or out of order (503 SlowDown), 14 tries')
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.hint).toContain('UPLOAD_CONCURRENCY')
    expect(clock.sleepsMs).toEqual([100, 200, 400, 800, 1_600, 3_200, ...Array.from({ length: 7 }, () => 5_000)])
  })

  test('that stays: nobody listens', async () => {
    const store = await open()
    await fake.stop()
    const error = await failureOf(store.list('p/'))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toMatch(/^s3:\/\/test-bucket\/p\/: no answer from the store \(ECONN.*14 tries$/)
    expect(error.hint).toContain('AWS_ENDPOINT_URL_S3')
  })

  test.each(['IncompleteBody', 'BadDigest'])('of damaged bytes (%s) is met at most twice more', async (code) => {
    const store = await openProven()
    fake.onRequest = () => reply(400, code)
    const error = await failureOf(store.create('p/a', ONE, {}))
    expect(error.message).toContain('damaged on the way')
    expect(error.scope).toBe('run')
    expect(fake.requests).toHaveLength(3)
  })

  test('on every write at once loses none, where the retries of the SDK lose more than a hundred', async () => {
    const store = await openProven()
    const seen = new Map<string, number>()
    fake.onRequest = ({ key }) => {
      const count = (seen.get(key) ?? 0) + 1
      seen.set(key, count)
      return count <= 2 ? reply(count === 1 ? 503 : 500, 'SlowDown') : undefined
    }
    const writes = Array.from({ length: 300 }, (_, index) => store.create(`p/${index}`, ONE, {}))
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['created']))
    expect(fake.objects.size).toBe(300)
  })

  test('is not what a listing without an end is: it fails', async () => {
    const store = await open()
    fake.pageSize = 0
    fake.put('p/a', ONE)
    expect((await failureOf(store.list('p/'))).message).toContain('does not say whether it goes on')
  })
})

describe('a listing', () => {
  test('asks for pages by the token only, and for none past the end', async () => {
    const store = await open()
    fake.pageSize = 2
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) fake.put(`p/${key}`, ONE)
    const files = await store.list('p/', 'p/a', 'p/d')
    expect(files.map(({ key }) => key)).toEqual(['p/b', 'p/c', 'p/d'])
    expect(fake.requests.map(({ query }) => [query['start-after'], query['continuation-token'] !== undefined])).toEqual(
      [
        ['p/a', false],
        [undefined, true],
      ],
    )
  })

  test('of 2,500 files is whole', async () => {
    const store = await open()
    const keys = Array.from({ length: 2_500 }, (_, index) => `p/${String(index).padStart(5, '0')}`)
    for (const key of keys) fake.put(key, ONE)
    expect((await store.list('p/')).map(({ key }) => key)).toEqual(keys)
    expect(fake.requests).toHaveLength(3)
  })
})

describe('a read', () => {
  test('that would be too long is refused before its body is taken, and the next ones work', async () => {
    const store = await open({ concurrency: 1 })
    fake.put('p/big', new Uint8Array(5_000_000))
    for (let index = 0; index < 3; index += 1) {
      const error = await failureOf(store.read('p/big', undefined, 1_000))
      expect(error.message).toContain('at most 1,000 are read')
      expect(error.scope).toBe('symbol')
    }
    expect(await store.read('p/big', { suffixBytes: 8 }, 1_000)).toEqual(new Uint8Array(8))
  })

  test('that turns out too long is refused, and does not take more than it may', async () => {
    const store = await open({ concurrency: 1 })
    fake.put('p/big', new Uint8Array(5_000_000))
    script('get', [{ action: 'chunked' }, { action: 'chunked' }])
    expect((await failureOf(store.read('p/big', undefined, 1_000))).message).toContain('at most 1,000 are read')
    expect(await store.read('p/big', undefined, 5_000_000)).toHaveLength(5_000_000)
  })
})

describe('region and credentials', () => {
  const bare = {
    AWS_ACCESS_KEY_ID: 'AKIDAKIDAKID',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }

  /** The region that requests are signed for. */
  async function signedRegion(env: Record<string, string>, region?: string): Promise<string | undefined> {
    const undo = setAwsEnvironment({ ...bare, ...env, AWS_ENDPOINT_URL_S3: fake.url })
    fake.onRequest = () => reply(403, 'AccessDenied')
    const store = await open({ region })
    await failureOf(store.list('p/'))
    undo()
    return /\/([^/]+)\/s3\/aws4_request/.exec(fake.requests.at(-1)?.headers['authorization'] ?? '')?.[1]
  }

  test('AWS_REGION comes before AWS_DEFAULT_REGION, and that before us-east-1', async () => {
    expect(await signedRegion({ AWS_REGION: 'eu-west-1' }, 'eu-west-2')).toBe('eu-west-1')
    expect(await signedRegion({}, 'eu-west-2')).toBe('eu-west-2')
    expect(await signedRegion({})).toBe('us-east-1')
    expect(await signedRegion({ AWS_REGION: '' }, 'eu-west-2')).toBe('eu-west-2')
    expect(await signedRegion({ AWS_REGION: '' }, '')).toBe('us-east-1')
  })

  test('an endpoint of one’s own is asked path-style', async () => {
    // By name: for an address the SDK would do so anyway.
    const undo = setAwsEnvironment({ ...fake.env(), AWS_ENDPOINT_URL_S3: fake.url.replace('127.0.0.1', 'localhost') })
    expect(await (await open()).list('p/')).toEqual([])
    undo()
    expect(fake.requests.at(-1)).toMatchObject({ operation: 'list', query: { prefix: 'p/' } })
  })

  test('no region and no endpoint of one’s own is a usage error that names AWS_REGION', async () => {
    const undo = setAwsEnvironment(bare)
    const error = await failureOf(open())
    undo()
    expect(error.kind).toBe('usage')
    expect(describeError(error)).toContain('AWS_REGION')
  })

  test('a region that is none is a usage error', async () => {
    const undo = setAwsEnvironment({ ...bare, AWS_REGION: 'eu west' })
    const error = await failureOf(open({ region: 'eu-west-1' }))
    undo()
    expect(error.kind).toBe('usage')
  })

  test('the profile gives region and credentials where the environment does not', async () => {
    const folder = await makeTempFolder()
    const profile = '[default]\nregion = eu-north-1\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n'
    await Bun.write(`${folder.path}/config`, profile)
    const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _secret, ...env } = bare
    const undo = setAwsEnvironment({ ...env, AWS_CONFIG_FILE: `${folder.path}/config`, AWS_ENDPOINT_URL_S3: fake.url })
    fake.onRequest = () => reply(403, 'AccessDenied')
    await failureOf((await open({ region: 'eu-west-2' })).list('p/'))
    undo()
    await folder.remove()
    expect(fake.requests.at(-1)?.headers['authorization']).toMatch(/AKIDPROFILE\/\d+\/eu-north-1\//)
  })

  test.each<[string, Record<string, string>, string]>([
    ['that is no URL', { AWS_ENDPOINT_URL_S3: 'nonsense' }, 'AWS_ENDPOINT_URL_S3 is no URL'],
    ['without a scheme', { AWS_ENDPOINT_URL_S3: 'minio:9000' }, 'no endpoint can be made of the settings'],
    ['for which the SDK is told too much', { AWS_USE_FIPS_ENDPOINT: 'true' }, 'cannot be combined with FIPS'],
  ])('an endpoint %s is said, whatever is sent', async (_name, env, message) => {
    const undo = setAwsEnvironment({ ...bare, AWS_ENDPOINT_URL_S3: fake.url, ...env })
    const store = await open()
    for (const running of [store.list('p/'), store.replace('p/a', ONE, {})]) {
      const error = await failureOf(running)
      expect(error.message).toContain(message)
      expect(error.hint).toContain('https://host')
    }
    undo()
  })

  test.each([
    ['AWS_ACCESS_KEY_ID', 'AKID\n'],
    ['AWS_SESSION_TOKEN', 'token\r\nof two lines'],
  ])('a line break in %s is said', async (name, value) => {
    const undo = setAwsEnvironment({ ...bare, AWS_ENDPOINT_URL_S3: fake.url, [name]: value })
    const store = await open()
    for (const running of [store.list('p/'), store.replace('p/a', ONE, {})]) {
      const error = await failureOf(running)
      expect(error.message).toContain('the credentials hold a line break')
      expect(describeError(error)).not.toContain(value.trim())
    }
    undo()
  })

  test('a session token is sent', async () => {
    const strict = await startFakeS3({ sessionToken: 'token+/=' })
    const undo = setAwsEnvironment(strict.env())
    expect(await (await open()).list('p/')).toEqual([])
    undo()
    await strict.stop()
  })
})
