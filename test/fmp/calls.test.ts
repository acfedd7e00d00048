import { afterEach, describe, expect, test } from 'bun:test'
import net from 'node:net'
import { join } from 'node:path'
import { type CallBudget, createCallBudget, type Reservation } from '../../lib/fmp/call-budget.ts'
import type { Clock } from '../../lib/core/clock.ts'
import type { Ask } from '../../lib/core/dataset.ts'
import { IngestError, type ErrorScope } from '../../lib/core/errors.ts'
import { createFmp } from '../../lib/fmp/fmp.ts'
import type { Fetch } from '../../lib/fmp/request.ts'
import { createHttp, type Http, type HttpOptions } from '../../lib/fmp/calls.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'
import { recordedError } from '../support/recorded.ts'
import { seededRandom } from '../support/random.ts'
import { type FakeFmp, startFakeFmp } from '../support/servers/fake-fmp.ts'
import { type VendorOptions, TEST_KEY } from '../support/servers/vendor.ts'
import { createRedactor } from '../../lib/core/text.ts'

const BARS = [{ date: '2024-09-30', open: 1, high: 2, low: 1, close: 2, adjClose: 2, volume: 9 }] as never
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'JPM', 'SPY'] as const
const bars = Object.fromEntries(SYMBOLS.map((symbol) => [symbol, BARS]))

const opened: (() => void)[] = []
afterEach(() => {
  for (const stop of opened.splice(0)) stop()
})

function serve(options: VendorOptions = {}): FakeFmp {
  const server = startFakeFmp({ bars, ...options })
  opened.push(() => server.stop())
  return server
}

/** A server of raw bytes, for what no HTTP server would send. Gives its base URL. */
function serveRaw(answer: (socket: net.Socket) => void): string {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  opened.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

const realClock: Clock = {
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        resolve()
      })
    }),
}

type HeldClock = Clock & { readonly sleepsMs: number[]; sleepers(): number; wake(): void }

/** A clock whose sleeps end only when the test says so, or by their signals. */
function createHeldClock(): HeldClock {
  const sleepsMs: number[] = []
  const wakers = new Set<() => void>()
  return {
    sleepsMs,
    elapsedMs: () => performance.now(),
    sleep(ms, signal) {
      sleepsMs.push(ms)
      return new Promise((resolve) => {
        const wake = (): void => {
          wakers.delete(wake)
          resolve()
        }
        wakers.add(wake)
        signal?.addEventListener('abort', wake)
      })
    },
    sleepers: () => wakers.size,
    wake() {
      for (const wake of wakers) wake()
    },
  }
}

type Client = { http: Http; get(symbol?: string, reservation?: Reservation): Promise<unknown> }

function clientOf(
  baseUrl: string,
  options: Partial<HttpOptions> = {},
  budget: CallBudget = createCallBudget(undefined),
): Client {
  const api = baseUrl.endsWith('#v3') ? 'v3' : 'stable'
  const fmp = createFmp({ api, baseUrl: baseUrl.replace('#v3', ''), key: TEST_KEY })
  const http = createHttp({
    fetch,
    clock: createFakeClock(),
    random: () => 0.5,
    intervalMs: 0,
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    redact: createRedactor([TEST_KEY]),
    ...options,
  })
  const path = api === 'v3' ? 'historical-price-full' : 'historical-price-eod/full'
  return {
    http,
    async get(symbol = 'AAPL', reservation = budget.reserve(1)) {
      if (reservation === undefined) throw new Error('The budget of the test is too small.')
      const ask: Ask = { path, symbol, query: { from: '2024-09-30', to: '2024-09-30' }, name: 'full' }
      return http.call(fmp.request(ask), (reply) => fmp.interpret(ask, reply), reservation)
    },
  }
}

async function failureOf(promise: Promise<unknown>): Promise<IngestError> {
  const error = await promise.then(
    () => new Error('Nothing was thrown.'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof IngestError) return error
  throw error
}

/** Resolves when `condition` holds; the test's own timeout ends a wait in vain. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1)
}

/** A fault that lasts until the test lets go of it. */
function hold(): { fault: Promise<undefined>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  return { fault: promise, release: () => resolve(undefined) }
}

const serverError = (): Response => new Response('down', { status: 502 })

function limit(headers: Record<string, string> = {}): Response {
  const response = recordedError('call-limit')
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}

/** A fetch that notes when each attempt starts. */
function timing(): { startsMs: number[]; timed: Fetch } {
  const startsMs: number[] = []
  const timed: Fetch = (url, init) => {
    startsMs.push(performance.now())
    return fetch(url, init)
  }
  return { startsMs, timed }
}

function gapsOf(startsMs: readonly number[]): number[] {
  return startsMs.slice(1).map((startMs, index) => startMs - (startsMs[index] ?? 0))
}

/** A fetch that fails with `error`, given the fields that Bun adds to its own. */
function throwing(error: Error, fields: object = {}): Fetch {
  Object.assign(error, fields)
  return async () => {
    throw error
  }
}

describe('the gate', () => {
  test('keeps the set time between any two attempts, whenever they are asked for', async () => {
    const random = seededRandom(Number(process.env['TEST_SEED']))
    const intervalMs = 15
    const { startsMs, timed } = timing()
    // A third of the answers are failures, so that retries are among the attempts.
    const server = serve({ onRequest: () => (random() < 0.33 ? serverError() : undefined) })
    const client = clientOf(server.url, { fetch: timed, intervalMs, clock: realClock, random: () => random() / 50 })
    await Promise.allSettled(
      Array.from({ length: 10 }, async () => {
        await Bun.sleep(random() * 120)
        await client.get()
      }),
    )
    expect(startsMs.length).toBeGreaterThanOrEqual(10)
    expect(Math.min(...gapsOf(startsMs))).toBeGreaterThanOrEqual(intervalMs)
    expect(client.http.stats().calls).toBe(startsMs.length)
  })

  test('is not hurried by a machine whose clock is set forward', async () => {
    const { startsMs, timed } = timing()
    const client = clientOf(serve().url, { fetch: timed, intervalMs: 40, clock: realClock })
    await client.get()
    const realNow = Date.now
    Date.now = () => realNow() + 3_600_000
    try {
      await client.get()
    } finally {
      Date.now = realNow
    }
    expect(Math.min(...gapsOf(startsMs))).toBeGreaterThanOrEqual(40)
  })

  test('keeps it beside a call that takes longer than the time itself', async () => {
    const slow = hold()
    const { startsMs, timed } = timing()
    const server = serve({ onRequest: ({ n }) => (n === 2 ? slow.fault : undefined) })
    const client = clientOf(server.url, { fetch: timed, intervalMs: 40, clock: realClock })
    await client.get()
    const calls = [client.get()]
    await until(() => server.requests.length === 2)
    // Fixed windows, p-queue's default, would let one through now and the next at the window's end, a moment later.
    await Bun.sleep(76)
    calls.push(client.get(), client.get())
    await until(() => server.requests.length === 4)
    slow.release()
    await Promise.all(calls)
    expect(Math.min(...gapsOf(startsMs))).toBeGreaterThanOrEqual(40)
  })

  test('is absent at 0', async () => {
    const server = serve({ onRequest: ({ n }) => ({ delayMs: n === 1 ? 0 : 30 }) })
    const client = clientOf(server.url)
    await Promise.all(SYMBOLS.map((symbol) => client.get(symbol)))
    expect(server.maxInFlight()).toBe(4)
  })

  test('nothing is sent beside the first call until that is answered', async () => {
    const first = hold()
    const server = serve({ onRequest: ({ n }) => (n === 1 ? first.fault : undefined) })
    const client = clientOf(server.url)
    const calls = SYMBOLS.map((symbol) => client.get(symbol))
    await until(() => server.requests.length > 0)
    await Bun.sleep(10)
    expect(server.requests).toHaveLength(1)
    first.release()
    await Promise.all(calls)
    expect(server.requests).toHaveLength(5)
  })

  test('a failure answers the first call too: the others need not wait for its retries', async () => {
    const server = serve({ onRequest: ({ n }) => (n === 1 ? serverError() : undefined) })
    const clock = createHeldClock()
    const client = clientOf(server.url, { clock })
    const [first, ...others] = SYMBOLS.map((symbol) => client.get(symbol))
    await Promise.all(others)
    expect(server.requests).toHaveLength(5)
    clock.wake()
    expect(await first).toHaveLength(1)
  })

  test('an error of the run ends the waits of all the others', async () => {
    const slow = Promise.withResolvers<Response>()
    const answers = [undefined, serverError(), slow.promise, limit()]
    const server = serve({ onRequest: ({ n }) => answers[n - 1] })
    const clock = createHeldClock()
    const client = clientOf(server.url, { clock })
    await client.get()
    const failures: Promise<IngestError>[] = []
    // One waits for its retry, one is on its way, and one has brought the gate to a pause.
    for (const symbol of ['MSFT', 'NVDA', 'JPM']) {
      const before = server.requests.length
      failures.push(failureOf(client.get(symbol)))
      await until(() => server.requests.length > before)
    }
    await until(() => clock.sleepers() === 2)
    slow.resolve(recordedError('account-suspended'))
    expect((await Promise.all(failures)).map(({ kind }) => kind)).toEqual(['key', 'key', 'key'])
    expect(clock.sleepers()).toBe(0)
    expect(server.requests).toHaveLength(4)
  })

  test('a refused key is refused once, and every other call is told', async () => {
    const server = serve({ key: 'another' })
    const client = clientOf(server.url)
    const failures = await Promise.all(SYMBOLS.map((symbol) => failureOf(client.get(symbol))))
    expect(server.requests).toHaveLength(1)
    expect(new Set(failures.map(({ kind, scope }) => `${kind} ${scope}`))).toEqual(new Set(['key run']))
    expect((await failureOf(client.get())).kind).toBe('key')
    expect(server.requests).toHaveLength(1)
  })

  test('an error of the run leaves calls on their way alone, and reaches those that wait', async () => {
    const second = hold()
    const server = serve({
      onRequest: ({ symbol }) =>
        symbol === 'MSFT' ? second.fault : symbol === 'NVDA' ? recordedError('bandwidth-limit') : undefined,
    })
    const client = clientOf(server.url, { intervalMs: 40 })
    await client.get()
    const [onItsWay, refused, waiting] = [
      client.get('MSFT'),
      failureOf(client.get('NVDA')),
      failureOf(client.get('JPM')),
    ]
    expect((await refused).kind).toBe('bandwidth')
    expect(await waiting).toBe(await refused)
    second.release()
    expect(await onItsWay).toHaveLength(1)
    expect(server.requests).toHaveLength(3)
  })
})

describe('retries', () => {
  test('a passing failure is tried again after a growing random wait', async () => {
    const clock = createFakeClock()
    const server = serve({ onRequest: ({ n }) => (n <= 4 ? serverError() : undefined) })
    const client = clientOf(server.url, { clock })
    expect(await client.get()).toHaveLength(1)
    expect(clock.sleepsMs).toEqual([500, 1_000, 2_000, 4_000])
    expect(client.http.stats()).toMatchObject({ calls: 5, retries: 4, limited: 0 })
  })

  test('the fifth failure is the last, and the symbol is given up', async () => {
    const server = serve({ onRequest: serverError })
    const failure = await failureOf(clientOf(server.url).get())
    expect(failure).toMatchObject({ kind: 'server', scope: 'symbol' })
    expect(failure.message).toEndWith('It says: “down” Given up after 5 attempts.')
    expect(server.requests).toHaveLength(5)
  })

  test('what no retry can help is asked once', async () => {
    for (const name of [
      'symbol-not-in-plan',
      'missing-parameter',
      'no-such-path',
      'account-suspended',
      'endpoint-not-in-plan',
    ]) {
      const server = serve({ onRequest: () => recordedError(name) })
      await failureOf(clientOf(server.url).get())
      expect([name, server.requests.length]).toEqual([name, 1])
    }
  })

  test('the throttle of the bulk endpoints is a passing failure', async () => {
    const clock = createFakeClock()
    const server = serve({ onRequest: ({ n }) => (n === 1 ? recordedError('bulk-throttle-in-http-200') : undefined) })
    await clientOf(server.url, { clock }).get()
    expect(clock.sleepsMs).toEqual([500])
  })
})

describe('the call limit', () => {
  test('pauses use up no attempts', async () => {
    const clock = createFakeClock()
    const server = serve({
      onRequest: ({ n }) => (n <= 3 ? limit() : n <= 7 ? serverError() : n === 8 ? limit() : undefined),
    })
    const pausesMs: number[] = []
    const client = clientOf(server.url, { clock, onPause: (ms) => pausesMs.push(ms) })
    expect(await client.get()).toHaveLength(1)
    expect(clock.sleepsMs).toEqual([5_000, 10_000, 20_000, 500, 1_000, 2_000, 4_000, 5_000])
    // Told of each pause, and of no other wait.
    expect(pausesMs).toEqual([5_000, 10_000, 20_000, 5_000])
    expect(client.http.stats()).toMatchObject({ calls: 9, retries: 8, limited: 4 })
  })

  const date = 'Mon, 30 Sep 2024 12:00:00 GMT'
  test.each<[string, Record<string, string>, number]>([
    ['seconds', { 'retry-after': '7' }, 7_000],
    ['a date', { 'retry-after': 'Mon, 30 Sep 2024 12:00:09 GMT', date }, 9_000],
    ['too long', { 'retry-after': '3600' }, 60_000],
    ['nothing', { 'retry-after': '0' }, 1_000],
    ['a date that is past', { 'retry-after': 'Mon, 30 Sep 2024 11:00:00 GMT', date }, 1_000],
    ['nonsense', { 'retry-after': 'soon' }, 5_000],
  ])('Retry-After: %s', async (_name, headers, expectedMs) => {
    const clock = createFakeClock()
    const server = serve({ onRequest: ({ n }) => (n === 1 ? limit(headers) : undefined) })
    await clientOf(server.url, { clock }).get()
    expect(clock.sleepsMs).toEqual([expectedMs])
  })

  test('calls refused together pause once; then one goes first, alone, and the others follow its good answer', async () => {
    const clock = createHeldClock()
    const pausesMs: number[] = []
    const [probe, rest] = [hold(), hold()]
    const server = serve({
      onRequest: ({ n }) => (n >= 2 && n <= 5 ? limit() : n === 6 ? probe.fault : n > 6 ? rest.fault : undefined),
    })
    const client = clientOf(server.url, { clock, onPause: (ms) => pausesMs.push(ms) })
    await client.get()
    const calls = SYMBOLS.slice(1).map((symbol) => client.get(symbol))
    await until(() => client.http.stats().limited === 4)
    expect(clock.sleepsMs).toEqual([5_000])
    const late = client.get()
    await Bun.sleep(10)
    expect(server.requests).toHaveLength(5)
    clock.wake()
    await until(() => server.requests.length === 6)
    await Bun.sleep(10)
    expect(server.requests).toHaveLength(6)
    probe.release()
    await until(() => server.requests.length === 10)
    rest.release()
    await Promise.all([...calls, late])
    expect(clock.sleepsMs).toEqual([5_000])
    expect(pausesMs).toEqual([5_000])
    expect(client.http.stats()).toMatchObject({ calls: 10, retries: 4, limited: 4 })
  })

  test('what was refused goes before what came later', async () => {
    const clock = createHeldClock()
    const slow = Promise.withResolvers<Response>()
    const first: Record<string, Response | Promise<Response>> = { MSFT: limit(), NVDA: slow.promise }
    const server = serve({ onRequest: ({ n, symbol }) => (n <= 3 ? first[symbol] : undefined) })
    const asked: (string | null)[] = []
    const noted: Fetch = (url, init) => {
      asked.push(new URL(url).searchParams.get('symbol'))
      return fetch(url, init)
    }
    const client = clientOf(server.url, { clock, fetch: noted })
    await client.get('AAPL')
    const calls = [client.get('MSFT'), client.get('NVDA')]
    await until(() => client.http.stats().limited === 1)
    calls.push(client.get('JPM'))
    slow.resolve(limit())
    await until(() => client.http.stats().limited === 2)
    clock.wake()
    await Promise.all(calls)
    expect(asked).toEqual(['AAPL', 'MSFT', 'NVDA', 'MSFT', 'NVDA', 'JPM'])
    expect(clock.sleepsMs).toEqual([5_000])
  })

  test('a good answer to a call from before the pause does not end it, nor lets two go at once after it', async () => {
    const clock = createHeldClock()
    const [slow, probe] = [hold(), hold()]
    const server = serve({
      onRequest: ({ n }) => (n === 2 ? slow.fault : n === 3 ? limit() : n === 4 ? probe.fault : undefined),
    })
    const client = clientOf(server.url, { clock })
    await client.get()
    const late = client.get('MSFT')
    await until(() => server.requests.length === 2)
    const calls = [client.get('NVDA')]
    await until(() => client.http.stats().limited === 1)
    calls.push(client.get('JPM'), client.get('SPY'))
    slow.release()
    await late
    await Bun.sleep(5)
    expect(server.requests).toHaveLength(3)
    clock.wake()
    await until(() => server.requests.length === 4)
    await Bun.sleep(5)
    expect(server.requests).toHaveLength(4)
    probe.release()
    await Promise.all(calls)
    expect(server.requests).toHaveLength(6)
  })

  test('unbroken for 130 s it is the limit of the day, and nothing more is sent', async () => {
    const clock = createFakeClock()
    const server = serve({ onRequest: () => limit() })
    const client = clientOf(server.url, { clock })
    const [failure, ...others] = await Promise.all(SYMBOLS.map((symbol) => failureOf(client.get(symbol))))
    expect(failure).toMatchObject({ kind: 'quota', scope: 'run', hint: expect.stringContaining('tomorrow') })
    expect(failure?.message).toContain('day limit')
    expect(clock.sleepsMs).toEqual([5_000, 10_000, 20_000, 40_000, 60_000])
    for (const other of others) expect(other.kind).toBe('quota')
    const sent = server.requests.length
    expect(await failureOf(client.get())).toBe(failure as IngestError)
    expect(server.requests).toHaveLength(sent)
  })

  test('any other answer breaks the row, even a failure', async () => {
    const clock = createFakeClock()
    const server = serve({ onRequest: ({ n }) => (n > 12 ? undefined : n % 5 === 0 ? serverError() : limit()) })
    expect(await clientOf(server.url, { clock }).get()).toHaveLength(1)
    expect(clock.sleepsMs).toEqual([
      5_000, 10_000, 20_000, 40_000, 500, 5_000, 10_000, 20_000, 40_000, 1_000, 5_000, 10_000,
    ])
  })
})

describe('the budget', () => {
  test('a retry is paid from unreserved calls, and without one the run stops', async () => {
    const budget = createCallBudget(3)
    const server = serve({ onRequest: serverError })
    const reservation = budget.reserve(1)
    expect(budget.reserve(1)).toBeDefined()
    const failure = await failureOf(clientOf(server.url).get('AAPL', reservation))
    expect(failure).toMatchObject({ kind: 'budget', scope: 'run', hint: expect.stringContaining('--max-calls') })
    expect(server.requests).toHaveLength(2)
    expect(budget.spent()).toBe(2)
  })

  test('so is a call that was refused for the call limit', async () => {
    const server = serve({ onRequest: () => recordedError('call-limit') })
    expect((await failureOf(clientOf(server.url, {}, createCallBudget(1)).get())).kind).toBe('budget')
    expect(server.requests).toHaveLength(1)
  })

  test('calls that others have reserved are still theirs after that', async () => {
    const budget = createCallBudget(2)
    const [mine, other] = [budget.reserve(1), budget.reserve(1)]
    const server = serve({ onRequest: ({ n }) => (n === 1 ? serverError() : undefined) })
    const client = clientOf(server.url)
    expect((await failureOf(client.get('AAPL', mine))).kind).toBe('budget')
    expect(await client.get('MSFT', other)).toHaveLength(1)
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
      intervalMs: 60,
      timeoutMs: 30,
      clock: realClock,
    })
    await client.get()
    await Promise.all([client.get(), client.get()])
    expect(isLate).toEqual([false, false, false])
    expect(client.http.stats().gateWaitMs).toBeGreaterThan(50)
  })

  test('a bomb in gzip stops at the cap', async () => {
    const bomb = Bun.gzipSync(new Uint8Array(256 * 2 ** 20))
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response(bomb, { headers: { 'content-encoding': 'gzip' } }),
    })
    opened.push(() => void server.stop(true))
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
    expect((await failureOf(clientOf(url).get())).kind).toBe('request')
    const refusedMs = performance.now()
    await until(() => isClosed)
    // Without a word from us Bun closes it too, but only after a second.
    expect(performance.now() - refusedMs).toBeLessThan(500)
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
    expect(client.http.stats().calls).toBe(1)
  })

  test('anything else is a bug and comes out as it is', async () => {
    const bug = new TypeError('undefined is not a function')
    const client = clientOf('https://api.example', { fetch: throwing(bug) })
    expect(await client.get().catch((error: unknown) => error)).toBe(bug)
    const server = serve()
    const reservation = createCallBudget(1).reserve(1)
    if (reservation === undefined) throw new Error('No reservation.')
    const interpret = (): never => {
      throw bug
    }
    const { http } = clientOf(server.url)
    const call = http.call({ url: server.url, headers: {}, what: 'x' }, interpret, reservation)
    expect(await call.catch((error: unknown) => error)).toBe(bug)
    expect(server.requests).toHaveLength(1)
  })
})

describe('the stop of the run', () => {
  test('reaches calls on their way, at the gate and behind the first', async () => {
    const stop = new AbortController()
    const reason = new Error('interrupted')
    const server = serve({ onRequest: ({ n }) => (n === 1 ? undefined : 'hang') })
    const client = clientOf(server.url, { intervalMs: 40, signal: stop.signal, clock: realClock })
    const first = client.get()
    const calls = SYMBOLS.map((symbol) => client.get(symbol).catch((error: unknown) => error))
    await first
    await until(() => server.requests.length === 2)
    stop.abort(reason)
    expect(await Promise.all(calls)).toEqual(calls.map(() => reason))
    expect(await client.get().catch((error: unknown) => error)).toBe(reason)
    expect(server.requests).toHaveLength(2)
  })

  test('closes the connections of calls on their way', async () => {
    const stop = new AbortController()
    let [isAsked, isClosed] = [false, false]
    const url = serveRaw((socket) => {
      isAsked = true
      socket.on('close', () => (isClosed = true))
    })
    const call = clientOf(url, { signal: stop.signal })
      .get()
      .catch((error: unknown) => error)
    await until(() => isAsked)
    stop.abort('stopped')
    expect(await call).toBe('stopped')
    await until(() => isClosed)
  })

  test('ends the wait before a retry and the pause of a limit', async () => {
    for (const answer of [serverError, () => recordedError('call-limit')]) {
      const stop = new AbortController()
      const server = serve({ onRequest: answer })
      const clock = createHeldClock()
      const client = clientOf(server.url, { signal: stop.signal, clock })
      const call = client.get().catch((error: unknown) => error)
      await until(() => client.http.stats().calls === 1 && clock.sleepsMs.length === 1)
      stop.abort('stopped')
      expect(await call).toBe('stopped')
      await Bun.sleep(5)
      expect(server.requests).toHaveLength(1)
    }
  })
})

test('under time-warp a day limit is over in under a second, and the gate still keeps its time', async () => {
  const server = serve({ onRequest: () => limit() })
  const program = `
    import { createHttp } from './lib/fmp/calls.ts'
    import { createCallBudget } from './lib/fmp/call-budget.ts'
    import { createFmp } from './lib/fmp/fmp.ts'
    const startedMs = Date.now()
    const clock = { elapsedMs: () => performance.now(), sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)) }
    const startsMs = []
    const timed = (url, init) => (startsMs.push(performance.now()), fetch(url, init))
    const options = { fetch: timed, clock, random: Math.random, intervalMs: 15_000, timeoutMs: 5_000, redact: String }
    const http = createHttp({ ...options, signal: new AbortController().signal })
    const fmp = createFmp({ api: 'stable', baseUrl: '${server.url}', key: '${TEST_KEY}' })
    const ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query: {}, name: 'full' }
    const { spend, extra } = createCallBudget().reserve(1)
    const error = await http.call(fmp.request(ask), (reply) => fmp.interpret(ask, reply), { spend, extra }).catch((e) => e)
    console.log(JSON.stringify({ kind: error.kind, scope: error.scope, tookMs: Date.now() - startedMs, startsMs }))`
  const startedMs = performance.now()
  const child = Bun.spawn(['bun', '--preload', './test/support/runs/time-warp.ts', '-e', program], {
    cwd: join(import.meta.dir, '../..'),
    env: { ...process.env, TIME_WARP: '400' },
    stderr: 'inherit',
  })
  const told = JSON.parse(await new Response(child.stdout).text()) as Record<'tookMs', number> & { startsMs: number[] }
  expect(told).toMatchObject({ kind: 'quota', scope: 'run' })
  expect(told.tookMs).toBeGreaterThanOrEqual(130_000)
  expect(performance.now() - startedMs).toBeLessThan(5_000)
  // The waits are 5, 10, 20, 40 and 60 s (fewer where a busy machine makes them longer), and the gate stretches the first
  // two to its 15 s.
  const gapsMs = gapsOf(told.startsMs)
  expect(gapsMs).not.toBeEmpty()
  expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(15_000)
})

test('tests cannot leave this machine', async () => {
  expect((await fetch('http://192.0.2.1/').catch((error: unknown) => String(error))) as string).toContain('never leave')
  expect(() => net.connect(80, '192.0.2.1')).toThrow('never leave')
  expect(() => net.connect({ port: 80, host: 'example.com' })).toThrow('never leave')
})

describe('a vendor that never answers', () => {
  test('ends the run after twenty calls of five attempts, because it is away for everybody', async () => {
    const silent = serveRaw((socket) => socket.resetAndDestroy())
    const { http, get } = clientOf(silent)
    const failures: IngestError[] = []
    for (let index = 0; index < 20; index += 1) failures.push(await failureOf(get(`S${index}`)))
    expect(failures.map(({ scope }) => scope)).toEqual([
      ...Array.from({ length: 19 }, (): ErrorScope => 'symbol'),
      'run',
    ])
    expect(failures.at(-1)).toMatchObject({ kind: 'network' })
    expect(failures.at(-1)?.message).toContain("None of the run's first 20 calls was answered")
    expect(await failureOf(get('LATER'))).toBe(failures.at(-1) as IngestError)
    expect(http.stats().calls).toBe(100)
  })

  test('but has answered once, fails one symbol after the other', async () => {
    const server = serve({ onRequest: ({ n }) => (n === 1 ? undefined : { reset: true }) })
    const { get } = clientOf(server.url)
    await get('AAPL')
    for (let index = 0; index < 21; index += 1) expect(await failureOf(get())).toMatchObject({ scope: 'symbol' })
  })
})
