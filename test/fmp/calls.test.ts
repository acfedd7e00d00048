import { afterEach, describe, expect, test } from 'bun:test'
import type { ErrorScope, IngestError } from '../../lib/core/errors.ts'
import { createCallBudget } from '../../lib/fmp/call-budget.ts'
import { createCalls } from '../../lib/fmp/calls.ts'
import { createRateGate } from '../../lib/fmp/rate-gate.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'
import { recordedError } from '../support/recorded.ts'
import {
  clientOf,
  closeServers,
  createHeldClock,
  realClock,
  reserved,
  serve,
  serveRaw,
  serverError,
  SYMBOLS,
  until,
} from '../support/fmp-client.ts'
import { failureOf } from '../support/values.ts'

afterEach(closeServers)

describe('retries', () => {
  test('a passing failure is tried again after a growing random wait', async () => {
    const clock = createFakeClock()
    const server = serve({ onRequest: ({ n }) => (n <= 4 ? serverError() : undefined) })
    const client = clientOf(server.url, { clock })
    expect(await client.get()).toHaveLength(1)
    expect(clock.sleepsMs).toEqual([500, 1_000, 2_000, 4_000])
    expect(client.fmp.stats()).toMatchObject({ calls: 5, retries: 4, limited: 0 })
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

describe('the budget', () => {
  test('a retry is paid from unreserved calls, and without one the run stops', async () => {
    const server = serve({ onRequest: serverError })
    const { fmp, get } = clientOf(server.url, { maxCalls: 3 })
    const [mine, other] = [reserved(fmp, 'AAPL'), reserved(fmp, 'MSFT')]
    const failure = await failureOf(get('AAPL', mine))
    expect(failure).toMatchObject({ kind: 'budget', scope: 'run', hint: expect.stringContaining('--max-calls') })
    expect(server.requests).toHaveLength(2)
    expect([mine.made(), other.made()]).toEqual([2, 0])
  })

  test('so is a call that was refused for the call limit', async () => {
    const server = serve({ onRequest: () => recordedError('call-limit') })
    expect((await failureOf(clientOf(server.url, { maxCalls: 1 }).get())).kind).toBe('budget')
    expect(server.requests).toHaveLength(1)
  })

  test('calls that others have reserved are still theirs after that', async () => {
    const server = serve({ onRequest: ({ n }) => (n === 1 ? serverError() : undefined) })
    const client = clientOf(server.url, { maxCalls: 2 })
    const [mine, other] = [reserved(client.fmp, 'AAPL'), reserved(client.fmp, 'MSFT')]
    expect((await failureOf(client.get('AAPL', mine))).kind).toBe('budget')
    expect(await client.get('MSFT', other)).toHaveLength(1)
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
      await until(() => client.fmp.stats().calls === 1 && clock.sleepsMs.length === 1)
      stop.abort('stopped')
      expect(await call).toBe('stopped')
      await Bun.sleep(5)
      expect(server.requests).toHaveLength(1)
    }
  })
})

describe('a vendor that never answers', () => {
  test('ends the run after twenty calls of five attempts, because it is away for everybody', async () => {
    const silent = serveRaw((socket) => socket.resetAndDestroy())
    const { fmp, get } = clientOf(silent)
    const failures: IngestError[] = []
    for (let index = 0; index < 20; index += 1) failures.push(await failureOf(get(`S${index}`)))
    expect(failures.map(({ scope }) => scope)).toEqual([
      ...Array.from({ length: 19 }, (): ErrorScope => 'symbol'),
      'run',
    ])
    expect(failures.at(-1)).toMatchObject({ kind: 'network' })
    expect(failures.at(-1)?.message).toContain("None of the run's first 20 calls was answered")
    expect(await failureOf(get('LATER'))).toBe(failures.at(-1) as IngestError)
    expect(fmp.stats().calls).toBe(100)
  })

  test('but has answered once, fails one symbol after the other', async () => {
    const server = serve({ onRequest: ({ n }) => (n === 1 ? undefined : { reset: true }) })
    const { get } = clientOf(server.url)
    await get('AAPL')
    for (let index = 0; index < 21; index += 1) expect(await failureOf(get())).toMatchObject({ scope: 'symbol' })
  })
})

test('a bug in what reads a reply comes out as it is, and is not tried again', async () => {
  const bug = new TypeError('undefined is not a function')
  const server = serve()
  const signal = new AbortController().signal
  const clock = createFakeClock()
  const gate = createRateGate({ clock, signal, intervalMs: 0 })
  const options = { gate, clock, random: () => 0.5, fetch, timeoutMs: 5_000, userAgent: '', signal, redact: String }
  const calls = createCalls(options)
  const interpret = (): never => {
    throw bug
  }
  const reservation = reserved(createCallBudget(1), 'AAPL')
  const call = calls.make({ url: server.url, headers: {}, what: 'x' }, interpret, reservation)
  expect(await call.catch((error: unknown) => error)).toBe(bug)
  expect(server.requests).toHaveLength(1)
})
