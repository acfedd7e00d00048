import { afterEach, describe, expect, test } from 'bun:test'
import net from 'node:net'
import type { Fetch } from '../../lib/core/fetch.ts'
import type { Ask } from '../../lib/core/dataset.ts'
import { requestOf } from '../../lib/fmp/request.ts'
import { TEST_KEY } from '../support/servers/vendor.ts'
import {
  clientOf,
  closeLater,
  closeServers,
  realClock,
  serve,
  serveRaw,
  throwing,
  until,
} from '../support/fmp-client.ts'
import { failureOf } from '../support/values.ts'

afterEach(closeServers)

const KEY = 'sEcReT+key/123'
const endpoint = { baseUrl: 'https://api.example/', key: KEY }
const query = { from: '2023-01-01', to: '2023-01-10' }
const full: Ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query, name: 'full' }
const legacy: Ask = { ...full, path: 'historical-price-full' }

describe('requests', () => {
  test('stable has the symbol in the query and the key in a header only', () => {
    const { url, headers, what } = requestOf({ ...full, symbol: '^GSPC' }, { ...endpoint, api: 'stable' })
    expect(url).toBe(
      'https://api.example/stable/historical-price-eod/full?symbol=%5EGSPC&from=2023-01-01&to=2023-01-10',
    )
    expect(headers['apikey']).toBe(KEY)
    expect(what).toBe('^GSPC full')
  })

  test('v3 has the symbol in the path and the key in the query only', () => {
    const { url, headers } = requestOf({ ...legacy, symbol: '^DJI' }, { ...endpoint, api: 'v3' })
    expect(url).toBe(
      'https://api.example/api/v3/historical-price-full/%5EDJI?from=2023-01-01&to=2023-01-10&apikey=sEcReT%2Bkey%2F123',
    )
    expect(JSON.stringify(headers)).not.toContain(KEY)
  })
})

describe('broken answers', () => {
  test.each<[string, (socket: net.Socket) => void, string]>([
    ['reset', (socket) => socket.resetAndDestroy(), 'ECONNRESET'],
    ['closed', (socket) => socket.end(), 'ECONNRESET'],
    ['not HTTP', (socket) => socket.end('hello\r\n\r\n'), 'ECONNRESET'],
    ['cut short', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"d'), 'ECONNRESET'],
    [
      'cut between chunks',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n'),
      'ECONNRESET',
    ],
  ])('%s: five attempts, then the symbol fails', async (_name, answer, code) => {
    let requests = 0
    const url = serveRaw((socket) => {
      requests += 1
      answer(socket)
    })
    const failure = await failureOf(clientOf(`${url}#v3`).get())
    expect(failure).toMatchObject({ kind: 'network', scope: 'symbol' })
    expect(failure.message).toContain(`(${code})`)
    expect(failure.message).toContain(new URL(url).host)
    expect(requests).toBe(5)
  })

  test('a body cut after its length was promised is tried again', async () => {
    const server = serve({ onRequest: ({ n }) => (n === 1 ? { cutAt: 20 } : n === 2 ? { reset: true } : undefined) })
    expect(await clientOf(server.url).get()).toHaveLength(1)
    expect(server.requests).toHaveLength(3)
  })

  test('a body cut without a promised length is broken JSON', async () => {
    const url = serveRaw((socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[{"date": "2024'))
    expect(await failureOf(clientOf(url).get())).toMatchObject({ kind: 'server', scope: 'symbol' })
  })

  test('a hang ends with the timeout, and so does a body that never ends', async () => {
    const silent = serveRaw(() => {})
    const dripping = serveRaw((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n['))
    for (const url of [silent, dripping]) {
      const failure = await failureOf(clientOf(url, { timeoutMs: 15 }).get())
      expect(failure).toMatchObject({ kind: 'timeout', scope: 'symbol' })
      expect(failure.message).toContain('within 0.015 s')
    }
  })

  test('the wait at the gate does not count against the timeout', async () => {
    const isLate: boolean[] = []
    const answering: Fetch = async (_url, { signal }) => {
      isLate.push(signal?.aborted ?? false)
      return Response.json([])
    }
    const client = clientOf('https://api.example', {
      fetch: answering,
      intervalMs: 300,
      timeoutMs: 250,
      clock: realClock,
    })
    await client.get()
    await Promise.all([client.get(), client.get()])
    expect(isLate).toEqual([false, false, false])
    expect(client.fmp.stats().gateWaitMs).toBeGreaterThan(250)
  })

  test('a bomb in gzip stops at the cap', async () => {
    const bomb = Bun.gzipSync(new Uint8Array(256 * 2 ** 20))
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response(bomb, { headers: { 'content-encoding': 'gzip' } }),
    })
    closeLater(() => void server.stop(true))
    Bun.gc(true)
    const beforeBytes = process.memoryUsage.rss()
    const failure = await failureOf(clientOf(String(server.url)).get())
    expect(failure).toMatchObject({ kind: 'payload', scope: 'symbol' })
    expect(failure.message).toContain('larger than 4 MiB')
    expect(process.memoryUsage.rss() - beforeBytes).toBeLessThan(96 * 2 ** 20)
  })

  test('a redirect is named and not followed', async () => {
    const other = serve()
    const location = `${other.url}/elsewhere?apikey=${TEST_KEY}`
    const server = serve({ onRequest: () => new Response('', { status: 307, headers: { location } }) })
    const failure = await failureOf(clientOf(server.url).get())
    expect(failure).toMatchObject({ kind: 'request', scope: 'symbol' })
    expect(failure.message).toContain(`redirected to ${other.url}/elsewhere (HTTP 307)`)
    expect(failure.message).not.toContain(TEST_KEY)
    expect([server.requests.length, other.requests.length]).toEqual([1, 0])
  })

  test('the rest of a body that nobody wants is not waited for', async () => {
    let isClosed = false
    const url = serveRaw((socket) => {
      socket.on('close', () => (isClosed = true))
      socket.write('HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 100\r\n\r\n')
    })
    let signal: AbortSignal | null | undefined
    const noting: Fetch = async (to, init) => {
      ;({ signal } = init)
      return await fetch(to, init)
    }
    expect((await failureOf(clientOf(url, { fetch: noting }).get())).kind).toBe('request')
    // Without a word from us Bun closes it too, but only after a second.
    expect(signal?.aborted).toBe(true)
    await until(() => isClosed)
  })

  test('a refused connection is told in own words', async () => {
    const failure = await failureOf(clientOf('http://127.0.0.1:1#v3').get())
    expect(failure.message).toBe(
      'The request for AAPL full to 127.0.0.1:1 failed: nothing accepts connections there (ECONNREFUSED). Given up after 5 attempts.',
    )
  })
})

describe('what fetch throws', () => {
  const secret = `fetching "https://api.example/?apikey=${TEST_KEY}"`

  test.each([
    ['ENOTFOUND', 'no such host is known (ENOTFOUND)'],
    ['ZlibError', 'the compressed body is damaged (ZlibError)'],
    ['SomethingNew', 'the connection failed (SomethingNew)'],
  ])('%s is a failure of the network', async (code, words) => {
    const fetchThat = throwing(new TypeError(secret), { code, path: secret })
    const failure = await failureOf(clientOf('https://api.example#v3', { fetch: fetchThat }).get())
    expect(failure).toMatchObject({ kind: 'network', scope: 'symbol' })
    expect(failure.message).toContain(words)
    expect(Bun.inspect(failure)).not.toContain(TEST_KEY)
  })

  test.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'CERT_HAS_EXPIRED',
  ])('%s stops the run at once', async (code) => {
    const client = clientOf('https://api.example', { fetch: throwing(new TypeError(secret), { code }) })
    const failure = await failureOf(client.get())
    expect(failure).toMatchObject({
      kind: 'network',
      scope: 'run',
      hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
    })
    expect(client.fmp.stats().calls).toBe(1)
  })

  test('anything else is a bug and comes out as it is', async () => {
    const bug = new TypeError('undefined is not a function')
    const client = clientOf('https://api.example', { fetch: throwing(bug) })
    expect(await client.get().catch((error: unknown) => error)).toBe(bug)
  })
})

test('tests cannot leave this machine', async () => {
  expect((await fetch('http://192.0.2.1/').catch((error: unknown) => String(error))) as string).toContain('never leave')
  expect(() => net.connect(80, '192.0.2.1')).toThrow('never leave')
  expect(() => net.connect({ port: 80, host: 'example.com' })).toThrow('never leave')
})
