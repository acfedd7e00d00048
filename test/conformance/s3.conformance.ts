// The S3 store on a real server: the contract, conditions, long listings, lost answers.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import type { Store } from '../../lib/store/store.ts'
import { openTestStore, setAwsEnvironment } from '../support/lakes/s3-store.ts'
import { failureOf } from '../support/values.ts'
import { describeStore } from '../support/lakes/store-contract.ts'
import { atRandom, inTurn, startTcpProxy, type ProxyAction, type TcpProxy } from '../support/servers/tcp-proxy.ts'
import { createBucket, SERVER, type Bucket } from './bench.ts'

const textOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const ONE = textOf('one')
const TWO = textOf('two')

/** Short where it is to be waited out; else the store's own. */
function timeoutFor(action: ProxyAction): { timeoutMs?: number } {
  const isSilent = action === 'hang' || (typeof action === 'object' && 'delayAfterStoreMs' in action)
  return isSilent ? { timeoutMs: 2_000 } : {}
}

/** The PUTs from now on meet these, one after the other; then all pass. */
const spoilPuts = (...actions: ProxyAction[]) => inTurn(actions, ({ method }) => method === 'PUT')

describeStore('radosgw', async () => {
  const { name, owner } = await createBucket()
  const restore = setAwsEnvironment(owner.env)
  return { open: () => openTestStore({ bucket: name }), close: async () => restore() }
})

describe('radosgw', () => {
  let bucket: Bucket
  let restore: () => void
  beforeEach(async () => {
    bucket = await createBucket()
    restore = setAwsEnvironment(bucket.owner.env)
  })
  afterEach(() => restore())

  test('lists more keys than fit on a page, from one key to another', async () => {
    const store = await openTestStore({ bucket: bucket.name, concurrency: 16 })
    const keys = Array.from({ length: 1_205 }, (_, index) => `p/${String(index).padStart(5, '0')}`)
    expect(await Promise.all(keys.map((key) => store.create(key, ONE, {})))).toEqual(keys.map(() => 'created'))
    const list = async (after?: string, until?: string) => (await store.list('p/', after, until)).map(({ key }) => key)
    expect(await list()).toEqual(keys)
    expect(await list('p/00100', 'p/01150')).toEqual(keys.slice(101, 1_151))
  })

  test('keeps what the store writes beside the bytes', async () => {
    const store = await openTestStore({ bucket: bucket.name, runUuid: 'a-run' })
    await store.create('p/a', ONE, { 'rows-sha256': 'abc' })
    const { Metadata } = await bucket.owner.client.send(new HeadObjectCommand({ Bucket: bucket.name, Key: 'p/a' }))
    const sha256 = new Bun.CryptoHasher('sha256').update(ONE).digest('hex')
    expect(Metadata).toEqual({ 'rows-sha256': 'abc', 'run-id': 'a-run', sha256 })
  })

  // Why a refusal of a quoted tag is looked into: this server takes a quoted one for a stale one.
  test('compares If-Match without quotes', async () => {
    const { client } = bucket.owner
    const put = async (body: Uint8Array, IfMatch?: string) =>
      await client.send(
        new PutObjectCommand({ Bucket: bucket.name, Key: 'p/a', Body: body, ...(IfMatch && { IfMatch }) }),
      )
    const { ETag = '' } = await put(ONE)
    expect(ETag).toStartWith('"')
    expect(await put(TWO, ETag).catch(({ name }: Error) => name)).toBe('PreconditionFailed')
    expect((await put(TWO, ETag.replaceAll('"', ''))).ETag).toBeString()
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket.name, Key: 'p/a' }))
    expect(await Body?.transformToByteArray()).toEqual(TWO)
  })

  test('of 12 racing refreshes lets one win, 20 times, and its bytes stay', async () => {
    const writers = await Promise.all(Array.from({ length: 12 }, () => openTestStore({ bucket: bucket.name })))
    const [store] = writers
    if (store === undefined) throw new Error('no writer')
    for (let round = 0; round < 20; round += 1) {
      const key = `p/${round}`
      await store.create(key, ONE, {})
      const tag = (await store.list('p/')).find((file) => file.key === key)?.tag
      const outcomes = await Promise.all(
        writers.map((writer, index) => writer.replace(key, textOf(`${index}`), {}, tag)),
      )
      const winners = outcomes.flatMap((outcome, index) => (outcome === 'replaced' ? [index] : []))
      expect({ round, winners: winners.length }).toEqual({ round, winners: 1 })
      expect(await store.read(key, undefined, 100)).toEqual(textOf(`${winners[0]}`))
    }
  })
})

describe('radosgw behind a proxy that spoils connections', () => {
  let bucket: Bucket
  let proxy: TcpProxy
  let restore: () => void
  beforeEach(async () => {
    bucket = await createBucket()
    proxy = await startTcpProxy(SERVER.url)
    restore = setAwsEnvironment({ ...bucket.owner.env, AWS_ENDPOINT_URL_S3: proxy.url })
  })
  afterEach(async () => {
    restore()
    await proxy.stop()
  })

  async function openProven(options: { timeoutMs?: number } = {}): Promise<Store> {
    const store = await openTestStore({ bucket: bucket.name, ...options })
    await store.create('proof', ONE, {})
    return store
  }

  /** What the first PUT meets, and how many writes are found to have landed. */
  const FAULTS: [action: ProxyAction, recovered: number][] = [
    ['dropBefore', 0],
    ['dropAfterStore', 1],
    ['hang', 0],
    [{ delayAfterStoreMs: 3_000 }, 1],
    ['truncate', 1],
    ['corrupt', 0],
    ['drip', 0],
    [{ status: 503 }, 0],
    [{ status: 409 }, 0],
    ['html200', 0],
  ]

  test.each(FAULTS)('a create that meets %j is settled as created', async (action, recovered) => {
    const store = await openProven(timeoutFor(action))
    proxy.script.onRequest = spoilPuts(action)
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(await bucket.lake.bytes('p/a')).toEqual(ONE)
    expect(store.recoveredWrites()).toBe(recovered)
    expect(await (await openTestStore({ bucket: bucket.name })).create('p/a', ONE, {})).toBe('exists')
  })

  test.each(FAULTS)('a refresh that meets %j is settled as replaced', async (action, recovered) => {
    const store = await openProven(timeoutFor(action))
    await store.create('p/a', ONE, {})
    const [file] = await store.list('p/')
    // Of the first refresh this server refuses the quotes; the same bytes keep the tag.
    await store.replace('p/a', ONE, {}, file?.tag)
    proxy.script.onRequest = spoilPuts(action)
    expect(await store.replace('p/a', TWO, {}, file?.tag)).toBe('replaced')
    expect(await bucket.lake.bytes('p/a')).toEqual(TWO)
    expect(store.recoveredWrites()).toBe(recovered)
  })

  test('the proof itself survives lost answers', async () => {
    proxy.script.onRequest = spoilPuts('dropAfterStore', 'dropAfterStore', { status: 503 }, 'dropAfterStore')
    const store = await openTestStore({ bucket: bucket.name })
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(await store.create('p/b', TWO, {})).toBe('created')
    expect(await bucket.lake.keys()).toEqual(['p/a', 'p/b'])
  })

  test('after a lost answer another run’s file is left as it is', async () => {
    const store = await openProven()
    const other = await openTestStore({ bucket: bucket.name })
    await other.create('p/a', TWO, {})
    proxy.script.onRequest = spoilPuts('dropAfterStore')
    expect(await store.create('p/a', ONE, {})).toBe('exists')
    expect(await bucket.lake.bytes('p/a')).toEqual(TWO)
    expect(store.recoveredWrites()).toBe(0)
  })

  test('a server that never answers is an error that names the file', async () => {
    const store = await openProven({ timeoutMs: 300 })
    proxy.script.onRequest = () => 'hang'
    const failure = await failureOf(store.create('p/a', ONE, {}))
    expect(failure.scope).toBe('run')
    expect(failure.message).toContain(`s3://${bucket.name}/p/a: no answer from the store`)
    expect(failure.hint).toContain('AWS_ENDPOINT_URL_S3')
  })

  test('at random, 12 writers of 60 files end with each created once and whole', async () => {
    const writers = await Promise.all(Array.from({ length: 12 }, () => openTestStore({ bucket: bucket.name })))
    const actions: ProxyAction[] = ['dropBefore', 'dropAfterStore', 'truncate', 'corrupt', { status: 503 }, 'html200']
    proxy.script.onRequest = atRandom({ percent: 10, actions })
    const keys = Array.from({ length: 60 }, (_, index) => `p/${index}`)
    const races = keys.map(async (key) => {
      const outcomes = await Promise.all(
        writers.map((writer, index) => writer.create(key, textOf(`${key} by ${index}`), {})),
      )
      const winners = outcomes.flatMap((outcome, index) => (outcome === 'created' ? [index] : []))
      expect({ key, winners: winners.length }).toEqual({ key, winners: 1 })
      expect(await bucket.lake.bytes(key)).toEqual(textOf(`${key} by ${winners[0]}`))
    })
    const settled = await Promise.allSettled(races)
    expect(settled.filter(({ status }) => status === 'rejected')).toEqual([])
  })
})
