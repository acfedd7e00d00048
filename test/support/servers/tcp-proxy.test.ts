// The proxy that spoils connections, in front of the fake S3 server: what reaches the server, what the client sees, and
// that the store mends each of it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Store } from '../../../lib/store/store.ts'
import { startFakeS3, type FakeS3 } from './fake-s3.ts'
import { openTestStore, setAwsEnvironment } from '../lakes/s3-store.ts'
import { failureOf } from '../values.ts'
import { atRandom, inTurn, startTcpProxy, type ProxiedRequest, type ProxyAction, type TcpProxy } from './tcp-proxy.ts'

const ONE = new TextEncoder().encode('one')
const isPut = ({ method }: ProxiedRequest) => method === 'PUT'
const isGet = ({ method }: ProxiedRequest) => method === 'GET'

/** Short where it is to be waited out, and else the store's own, so that a busy machine is not taken for a silence. */
function timeoutFor(action: ProxyAction): { timeoutMs?: number } {
  const isSilent = action === 'hang' || (typeof action === 'object' && 'delayAfterStoreMs' in action)
  return isSilent ? { timeoutMs: 2_000 } : {}
}

function namesOf(actions: readonly ProxyAction[]): string[] {
  return [...new Set(actions.map((action) => JSON.stringify(action)))].toSorted()
}

describe('in front of S3', () => {
  let fake: FakeS3
  let proxy: TcpProxy
  let restore: () => void
  beforeEach(async () => {
    fake = await startFakeS3()
    proxy = await startTcpProxy(fake.url)
    restore = setAwsEnvironment({ ...fake.env(), AWS_ENDPOINT_URL_S3: proxy.url })
  })
  afterEach(async () => {
    restore()
    await proxy.stop()
    await fake.stop()
  })

  /** A store that has passed its proof, and a server that has forgotten it. */
  async function openProven(options: { timeoutMs?: number } = {}): Promise<Store> {
    const store = await openTestStore(options)
    await store.create('proof', ONE, {})
    fake.objects.clear()
    fake.requests.length = 0
    return store
  }

  const actionsOf = (matches = isPut) => proxy.requests.filter(matches).map(({ action }) => action)
  const putsServed = () => fake.requests.filter(({ operation }) => operation === 'put').length

  test('hands on what it is given, many requests on each connection', async () => {
    const store = await openProven()
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256)
    expect(await store.create('p/a', bytes, { note: 'kept' })).toBe('created')
    expect(await store.read('p/a', undefined, 400_000)).toEqual(bytes)
    expect((await store.list('p/')).map(({ key }) => key)).toEqual(['p/a'])
    expect(fake.objects.get('p/a')?.metadata['note']).toBe('kept')
    // All requests go by fetch, one after the other: on one connection.
    expect(new Set(proxy.requests.map(({ connection }) => connection))).toEqual(new Set([1]))
    expect(proxy.requests.at(-2)).toMatchObject({ method: 'GET', action: 'pass' })
    expect(proxy.requests.at(-2)?.target).toStartWith('/test-bucket/p/a?')
  })

  /** What a create meets, how often the server is asked to store, and how many writes were found to have landed. */
  const WRITES: [action: ProxyAction, served: number, recovered: number][] = [
    ['dropBefore', 1, 0],
    ['dropAfterStore', 2, 1],
    ['hang', 1, 0],
    [{ delayAfterStoreMs: 6_000 }, 2, 1],
    [{ delayAfterStoreMs: 20 }, 1, 0],
    ['truncate', 2, 1],
    ['corrupt', 2, 0],
    ['drip', 1, 0],
    [{ status: 503 }, 1, 0],
    [{ status: 409 }, 1, 0],
    ['html200', 1, 0],
  ]

  test.each(WRITES)('a create that meets %j is settled as created', async (action, served, recovered) => {
    const store = await openProven(timeoutFor(action))
    proxy.script.onRequest = inTurn([action], isPut)
    expect(await store.create('p/a', ONE, {})).toBe('created')
    expect(fake.objects.get('p/a')?.bytes).toEqual(ONE)
    expect({ served: putsServed(), recovered: store.recoveredWrites() }).toEqual({ served, recovered })
    expect(actionsOf()).toContainEqual(action)
  })

  test.each<ProxyAction>(['dropBefore', 'dropAfterStore', 'hang', 'truncate', 'corrupt', 'drip', { status: 500 }])(
    'a read that meets %j gives every byte',
    async (action) => {
      fake.put('p/a', ONE)
      const store = await openTestStore(timeoutFor(action))
      proxy.script.onRequest = inTurn([action], isGet)
      expect(await store.read('p/a', undefined, 10)).toEqual(ONE)
      expect(actionsOf(isGet)[0]).toEqual(action)
    },
  )

  test('an action of a connection holds for all its requests', async () => {
    const store = await openProven()
    proxy.script.onConnection = (connection) => (connection === 2 ? { status: 503 } : undefined)
    // The first connection is the proof's own; cut, it makes room for the second.
    proxy.script.onRequest = inTurn(['dropBefore'])
    const failure = await failureOf(store.create('p/a', ONE, {}))
    expect(failure.message).toContain('503')
    expect(new Set(proxy.requests.filter(({ connection }) => connection === 2).map(({ action }) => action))).toEqual(
      new Set([{ status: 503 }]),
    )
    expect(fake.objects.size).toBe(0)
  })

  test.each<ProxyAction>(['dropBefore', 'hang'])('a connection that meets %j is never read from', async (action) => {
    proxy.script.onConnection = (connection) => (connection < 3 ? action : undefined)
    const store = await openTestStore(timeoutFor(action))
    expect(await store.list('p/')).toEqual([])
    expect(proxy.requests).toHaveLength(1)
    expect(proxy.requests[0]?.connection).toBe(3)
  })

  test('at random, many writers end with every file whole, and the seed deals the same again', async () => {
    const actions: ProxyAction[] = ['dropBefore', 'dropAfterStore', 'truncate', 'corrupt', { status: 503 }, 'html200']
    const deal = (seed: number) => {
      const next = atRandom({ percent: 50, actions, seed })
      return Array.from({ length: 200 }, () => next())
    }
    expect(deal(7)).toEqual(deal(7))
    expect(deal(7)).not.toEqual(deal(8))
    expect(namesOf(deal(7))).toEqual(namesOf([...actions, 'pass']))

    const store = await openProven()
    proxy.script.onRequest = atRandom({ percent: 20, actions })
    const keys = Array.from({ length: 60 }, (_, index) => `p/${index}`)
    const outcomes = await Promise.all(keys.map((key) => store.create(key, new TextEncoder().encode(key), {})))
    expect(outcomes).toEqual(keys.map(() => 'created'))
    for (const key of keys) expect(new TextDecoder().decode(fake.objects.get(key)?.bytes)).toBe(key)
  })
})

async function ask(action: ProxyAction, listener: RequestListener, init: RequestInit = {}): Promise<Response> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await using proxy = await startTcpProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  proxy.script.onRequest = () => action
  try {
    const answer = await fetch(proxy.url, init)
    return new Response(await answer.bytes(), answer)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const sized: RequestListener = (_, outgoing) => void outgoing.writeHead(200, { 'content-length': '7' }).end()
const echo: RequestListener = (incoming, outgoing) => void incoming.pipe(outgoing)
const says =
  (text: string): RequestListener =>
  (_, outgoing) =>
    void outgoing.end(text)

async function* twoParts() {
  yield new TextEncoder().encode('first,')
  await Bun.sleep(5)
  yield new TextEncoder().encode('second')
}

describe('in front of any server', () => {
  test('understands chunked answers and chunked requests', async () => {
    const answer = await ask('pass', echo, { method: 'POST', body: twoParts() })
    expect(await answer.text()).toBe('first,second')
  })

  test('understands answers without a body, and those that end with the connection', async () => {
    expect((await ask('pass', (_, outgoing) => void outgoing.writeHead(204).end())).status).toBe(204)
    expect((await ask('pass', sized, { method: 'HEAD' })).headers.get('content-length')).toBe('7')
    const unsized = await ask('pass', ({ socket }) => void socket.end('HTTP/1.1 200 OK\r\n\r\nto the end'))
    expect(await unsized.text()).toBe('to the end')
  })

  test('cuts an answer in the middle', async () => {
    const asked = ask('truncate', says('x'.repeat(1_000)))
    expect(await asked.catch((error: unknown) => error)).toBeInstanceOf(Error)
  })

  test('flips one bit of the answer where the request has no body', async () => {
    expect(await (await ask('corrupt', says('aaa'))).text()).toBe('a`a')
  })
})
