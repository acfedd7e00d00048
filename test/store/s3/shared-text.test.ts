// What only the S3 store does with a shared text: proves that the store heeds If-Match, reads its clock, tells absence from denial.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import type { SharedText } from '../../../lib/store/store.ts'
import { startFakeS3, type FakeRequest, type FakeS3, type Fault } from '../../support/servers/fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'
import { failureOf } from '../../support/values.ts'

const KEY = 'logs/ingest/ledger/date=2026-11-28/7f83b1657ff1fc53.json'

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

const openText = async (options: Parameters<typeof openTestStore>[0] = {}): Promise<SharedText> =>
  (await openTestStore(options)).sharedText(KEY)

async function write(text: SharedText, content: string): Promise<boolean> {
  return await text.write(content, (await text.read()).version)
}

const stored = (): string => new TextDecoder().decode(fake.objects.get(KEY)?.bytes)

/** The n-th such request from now on meets the n-th fault. */
function script(operation: FakeRequest['operation'], faults: readonly (Fault | undefined)[]): void {
  const left = [...faults]
  fake.onRequest = (request) => (request.operation === operation ? left.shift() : undefined)
}

const reply = (status: number, code: string): Fault => ({ action: 'reply', status, code })

describe('a store that takes If-Match and does not act on it', () => {
  test.each([false, true])('is found out by the first change, and refused (allowUnsafe: %p)', async (allowUnsafe) => {
    fake.onRequest = ({ headers }) => (headers['if-match'] ? { action: 'ignore-preconditions' } : undefined)
    const text = await openText({ allowUnsafe })
    expect(await write(text, 'one')).toBe(true)
    const error = await failureOf(write(text, 'two'))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toBe(`s3://test-bucket/${KEY}: the store ignores conditional writes (If-Match)`)
    expect(error.hint).toContain('without --ledger')
  })

  test('nor on If-None-Match is found out by the first write', async () => {
    fake.ignorePreconditions = true
    expect((await failureOf(write(await openText(), 'one'))).message).toContain('If-None-Match')
    fake.objects.clear()
    // Other files may be written there with --allow-unsafe-store; a ledger may not.
    const allowed = await failureOf(write(await openText({ allowUnsafe: true }), 'one'))
    expect(allowed.message).toContain('ignores conditional writes')
  })

  test.each([false, true])('that does not know it is refused (allowUnsafe: %p)', async (allowUnsafe) => {
    const text = await openText({ allowUnsafe })
    await write(text, 'one')
    fake.onRequest = ({ headers }) => (headers['if-match'] ? reply(501, 'NotImplemented') : undefined)
    expect(await failureOf(write(text, 'two'))).toMatchObject({ kind: 'store', scope: 'run' })
  })
})

test('a store that heeds it is tried once', async () => {
  const text = await openText()
  await write(text, 'one')
  await write(text, 'two')
  expect(stored()).toBe('two')
  fake.requests.length = 0
  await write(text, 'three')
  expect(fake.requests.map(({ operation }) => operation)).toEqual(['get', 'put'])
  expect(stored()).toBe('three')
})

test.each(['quoted', 'plain'] as const)('a store whose tags in If-Match have to be %s is served', async (form) => {
  fake.tagForm = form
  const [text, other] = [await openText(), await openText()]
  for (const content of ['one', 'two', 'three']) expect(await write(text, content)).toBe(true)
  const { version } = await other.read()
  expect(await write(text, 'four')).toBe(true)
  expect(await other.write('late', version)).toBe(false)
  expect(stored()).toBe('four')
})

describe('a text that may not be read', () => {
  test('is absent where the listing has none: S3 answers so without a right to the whole bucket', async () => {
    fake.onRequest = ({ operation, key }) =>
      operation === 'get' && !fake.objects.has(key) ? reply(403, 'AccessDenied') : undefined
    const text = await openText()
    expect((await text.read()).text).toBeUndefined()
    expect(await write(text, 'one')).toBe(true)
    expect((await text.read()).text).toBe('one')
  })

  test('is an error where the listing has one', async () => {
    const text = await openText()
    await write(text, 'one')
    fake.denied.add('s3:GetObject')
    const error = await failureOf(text.read())
    expect(error.message).toContain(KEY)
    expect(error.message).toContain('s3:GetObject')
  })

  test('is an error where nothing may be listed', async () => {
    fake.denied.add('s3:ListBucket')
    const error = await failureOf((await openText()).read())
    expect(error).toMatchObject({ kind: 'store' })
    expect(error.message).toContain('s3:ListBucket')
  })
})

describe('a write whose answer is lost', () => {
  test('is not guessed at: reading again tells', async () => {
    const text = await openText()
    await write(text, 'one')
    await write(text, 'two')
    const { version } = await text.read()
    script('put', [{ action: 'drop-after' }])
    expect(await text.write('three', version)).toBe(false)
    expect(await text.read()).toMatchObject({ text: 'three' })
    // From the version before it nothing can be written any more.
    expect(await text.write('four', version)).toBe(false)
    expect(stored()).toBe('three')
  })

  test('before the store has carried it out is sent again', async () => {
    const text = await openText()
    await write(text, 'one')
    script('put', [{ action: 'drop-before' }, reply(503, 'SlowDown')])
    expect(await write(text, 'two')).toBe(true)
    expect(stored()).toBe('two')
  })
})

describe('the time of the store', () => {
  test('is that of its header, which has whole seconds', async () => {
    fake.skewMs = 600_000
    const text = await openText()
    for (const content of ['one', 'two']) {
      const beforeMs = Math.floor(Date.now() / 1_000) * 1_000 + 600_000
      const { time } = await text.read()
      expect(time.toMs - time.fromMs).toBe(1_000)
      expect(time.fromMs % 1_000).toBe(0)
      expect(time.fromMs).toBeGreaterThanOrEqual(beforeMs)
      expect(time.fromMs).toBeLessThanOrEqual(Date.now() + 600_000)
      await write(text, content)
    }
  })

  test.each(['', 'one'])('is needed: an answer without it is an error (text: %p)', async (content) => {
    const text = await openText()
    if (content !== '') await write(text, content)
    script('get', [{ action: 'no-date' }])
    const error = await failureOf(text.read())
    expect(error).toMatchObject({ kind: 'store' })
    expect(error.message).toContain('without a Date')
  })
})

test('an answer without an ETag is an error: nothing could be changed from it', async () => {
  const text = await openText()
  await write(text, 'one')
  fake.onRequest = () => ({ action: 'no-etag' })
  expect((await failureOf(text.read())).message).toContain('without an ETag')
})
