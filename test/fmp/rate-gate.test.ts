import { afterEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { IngestError } from '../../lib/core/errors.ts'
import type { Fetch } from '../../lib/core/fetch.ts'
import type { SharedLimit } from '../../lib/fmp/ledger/shared-limit.ts'
import { createRateGate, type Pacing } from '../../lib/fmp/rate-gate.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'
import { TEST_KEY } from '../support/servers/vendor.ts'
import { recordedError } from '../support/recorded.ts'
import { seededRandom } from '../support/random.ts'
import {
  clientOf,
  closeServers,
  createHeldClock,
  gapsOf,
  hold,
  limit,
  realClock,
  serve,
  serverError,
  SYMBOLS,
  timing,
  until,
} from '../support/fmp-client.ts'
import { failureOf } from '../support/values.ts'

afterEach(closeServers)

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
    expect(client.fmp.stats().calls).toBe(startsMs.length)
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

  test('tells when the next call may start', async () => {
    const clock = createFakeClock()
    const { fmp, get } = clientOf(serve().url, { clock, intervalMs: 15_000 })
    expect(fmp.nextCall()).toEqual({ inMs: 0, isPaused: false })
    await get()
    expect(fmp.nextCall()).toEqual({ inMs: 15_000, isPaused: false })
    clock.advance(6_000)
    expect(fmp.nextCall()).toEqual({ inMs: 9_000, isPaused: false })
    clock.advance(60_000)
    expect(fmp.nextCall()).toEqual({ inMs: 0, isPaused: false })
  })

  test('is absent at 0', async () => {
    const others = hold()
    const server = serve({ onRequest: ({ n }) => (n === 1 ? undefined : others.fault) })
    const client = clientOf(server.url)
    const calls = SYMBOLS.map((symbol) => client.get(symbol))
    await until(() => server.maxInFlight() === 4)
    others.release()
    await Promise.all(calls)
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
    const clock = createFakeClock()
    let isHeld = false
    // From the refused call on nobody's turn comes by itself.
    const client = clientOf(server.url, {
      intervalMs: 40,
      fetch: async (url, init) => {
        isHeld ||= url.includes('NVDA')
        return await fetch(url, init)
      },
      clock: {
        elapsedMs: clock.elapsedMs,
        sleep: async (ms, signal) => {
          if (!isHeld) return await clock.sleep(ms, signal)
          await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
        },
      },
    })
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
    expect(client.fmp.stats()).toMatchObject({ calls: 9, retries: 8, limited: 4 })
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
    await until(() => client.fmp.stats().limited === 4)
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
    expect(client.fmp.stats()).toMatchObject({ calls: 10, retries: 4, limited: 4 })
  })

  test('tells the end of a pause as the start of the next call', async () => {
    const clock = createHeldClock()
    const server = serve({ onRequest: ({ n }) => (n === 1 ? limit({ 'retry-after': '20' }) : undefined) })
    const { fmp, get } = clientOf(server.url, { clock, intervalMs: 0 })
    const call = get()
    await until(() => clock.sleepers() === 1)
    const { inMs, isPaused } = fmp.nextCall()
    expect({ isPaused, isOfThePause: inMs > 10_000 && inMs <= 20_000 }).toEqual({ isPaused: true, isOfThePause: true })
    clock.wake()
    await call
    expect(fmp.nextCall()).toEqual({ inMs: 0, isPaused: false })
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
    await until(() => client.fmp.stats().limited === 1)
    calls.push(client.get('JPM'))
    slow.resolve(limit())
    await until(() => client.fmp.stats().limited === 2)
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
    await until(() => client.fmp.stats().limited === 1)
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

/** A shared limit that the test leads by hand, and what the gate does with it. */
function openGate(intervalMs = 0) {
  const clock = createHeldClock()
  const stop = new AbortController()
  const told: string[] = []
  const limitOf = {
    free: 0,
    nextInMs: 0,
    leftToday: 0,
    failure: undefined as unknown,
    pacing: undefined as Pacing | undefined,
  }
  const waiting: (() => void)[] = []
  const shared: SharedLimit = {
    take() {
      if (limitOf.failure !== undefined) throw limitOf.failure
      if (limitOf.free > 0) {
        limitOf.free -= 1
        return undefined
      }
      return new Promise((resolve) => void waiting.push(resolve))
    },
    nextInMs: () => limitOf.nextInMs,
    leftToday: () => limitOf.leftToday,
    refused: (retryAfterMs) => void told.push(`refused ${retryAfterMs}`),
    answered: () => void told.push('answered'),
    close: async () => void told.push('closed'),
  }
  const openShared = (pacing: Pacing): SharedLimit => {
    limitOf.pacing = pacing
    return shared
  }
  const gate = createRateGate({ clock, intervalMs, signal: stop.signal, openShared })
  const sent: string[] = []
  return {
    clock,
    stop,
    told,
    limitOf,
    gate,
    sent,
    pass: (name: string) => gate.pass(async (epoch) => ({ epoch, count: sent.push(name) }), false),
    /** So many calls may start. */
    grant(calls: number): void {
      limitOf.free = calls
      for (const wake of waiting.splice(0)) wake()
    },
    waiting: () => waiting.length,
  }
}

describe('a limit that is shared', () => {
  const refusal = new IngestError('Limit Reach', { kind: 'quota', scope: 'symbol' })

  test('lets as many attempts through as it has calls, in the order in which they came', async () => {
    const { gate: _gate, pass, grant, waiting, sent } = openGate()
    const passes = ['1', '2', '3'].map(pass)
    await until(() => waiting() === 3)
    expect(sent).toEqual([])
    grant(2)
    await Promise.all(passes.slice(0, 2))
    await until(() => waiting() === 1)
    expect(sent).toEqual(['1', '2'])
    grant(1)
    await Promise.all(passes)
    expect(sent).toEqual(['1', '2', '3'])
  })

  test('gives an attempt its error, and nothing is sent', async () => {
    const { pass, limitOf, sent } = openGate()
    const spent = new IngestError('The calls of this UTC day are made', { kind: 'quota', scope: 'run' })
    limitOf.failure = spent
    expect(await failureOf(pass('1'))).toBe(spent)
    expect(await failureOf(pass('2'))).toBe(spent)
    expect(sent).toEqual([])
  })

  test('also one that it has while the attempt waits', async () => {
    const { pass, limitOf, grant, waiting } = openGate()
    const lost = new IngestError('out of reach', { kind: 'store', scope: 'run' })
    const failing = failureOf(pass('1'))
    await until(() => waiting() === 1)
    limitOf.failure = lost
    grant(0)
    expect(await failing).toBe(lost)
  })

  test('does not hold an attempt of a run that is stopped, nor of a gate that is closed', async () => {
    for (const end of ['stop', 'close'] as const) {
      const { pass, stop, gate, grant, waiting, sent } = openGate()
      const failing = failureOf(pass('1'))
      await until(() => waiting() === 1)
      const why = new IngestError('ended', { kind: 'interrupted', scope: 'run' })
      if (end === 'stop') stop.abort(why)
      else gate.close(why)
      // A shared limit ends its waits when the gate is halted.
      grant(5)
      expect(await failing).toBe(why)
      expect(sent).toEqual([])
    }
  })

  test('hears of a refusal once for all attempts of an epoch, and of answers of the same epoch', async () => {
    const { gate, pass, grant, told, clock } = openGate()
    grant(9)
    const { epoch } = await pass('1')
    gate.answered(epoch)
    expect(told).toEqual(['answered'])
    expect(gate.refused(epoch, refusal, 7_000)).toBe(refusal)
    expect(gate.refused(epoch, refusal, undefined)).toBe(refusal)
    // Late, from before the pause.
    gate.answered(epoch)
    expect(told).toEqual(['answered', 'refused 7000'])
    const next = pass('2')
    await until(() => clock.sleepers() === 1)
    clock.wake()
    gate.answered((await next).epoch)
    expect(told).toEqual(['answered', 'refused 7000', 'answered'])
  })

  test('knows itself for how long all processes are refused: the gate does not take the limit of the day for reached', async () => {
    const { gate, pass, grant } = openGate()
    const longAgo = performance.now
    grant(9)
    const { epoch } = await pass('1')
    gate.refused(epoch, refusal, undefined)
    try {
      performance.now = () => longAgo.call(performance) + 1e6
      expect(gate.refused(epoch, refusal, undefined)).toBe(refusal)
    } finally {
      performance.now = longAgo
    }
  })

  test('tells its time as that of the next call, if it is later than the gate’s own', async () => {
    const { gate, limitOf, pass, grant } = openGate(1_000)
    limitOf.nextInMs = 4_000
    expect(gate.nextCall()).toEqual({ inMs: 4_000, isPaused: false })
    grant(1)
    await pass('1')
    limitOf.nextInMs = 0
    expect(gate.nextCall().inMs).toBeGreaterThan(500)
  })

  test('tells how many calls are left today; without one there is no end to them', () => {
    const { gate, limitOf } = openGate()
    limitOf.leftToday = 131
    expect(gate.leftToday()).toBe(131)
    const alone = createRateGate({ clock: createFakeClock(), intervalMs: 0, signal: new AbortController().signal })
    expect(alone.leftToday()).toBe(Infinity)
  })

  test('keeps the interval and the pauses of the gate, and ends with it', () => {
    const { gate, limitOf } = openGate(250)
    const { intervalMs, pauseMs, signal } = limitOf.pacing ?? {}
    expect(intervalMs).toBe(255)
    expect([1, 2, 3, 4, 5, 6].map((refusals) => pauseMs?.(refusals, undefined))).toEqual([
      5_000, 10_000, 20_000, 40_000, 60_000, 60_000,
    ])
    expect(pauseMs?.(1, 7_000)).toBe(7_000)
    expect(pauseMs?.(1, 0)).toBe(1_000)
    expect(signal?.aborted).toBe(false)
    gate.close(refusal)
    expect(signal?.aborted).toBe(true)
    expect(openGate(0).limitOf.pacing?.intervalMs).toBe(0)
  })

  test('is closed with the gate; without one there is nothing to close', async () => {
    const { gate, told } = openGate()
    await gate.giveBack()
    expect(told).toEqual(['closed'])
    const alone = createRateGate({ clock: createFakeClock(), intervalMs: 0, signal: new AbortController().signal })
    await alone.giveBack()
    expect(await alone.pass(async (epoch) => epoch, false)).toBe(0)
    expect(alone.nextCall()).toEqual({ inMs: 0, isPaused: false })
  })
})

test('under time-warp a day limit is over before its time, and the gate still keeps its time', async () => {
  const server = serve({ onRequest: () => limit() })
  const program = `
    import { createFmp } from './lib/fmp/fmp.ts'
    const startedMs = Date.now()
    const clock = { elapsedMs: () => performance.now(), sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)) }
    const startsMs = []
    const timed = (url, init) => (startsMs.push(performance.now()), fetch(url, init))
    const endpoint = { api: 'stable', baseUrl: '${server.url}', key: '${TEST_KEY}' }
    const limits = { intervalMs: 15_000, timeoutMs: 5_000, signal: new AbortController().signal }
    const fmp = createFmp({ ...endpoint, ...limits, fetch: timed, clock, random: Math.random, redact: String })
    const ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query: {}, name: 'full' }
    const error = await fmp.fetchRows(ask, fmp.reserve('AAPL', 1)).catch((e) => e)
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
  expect(performance.now() - startedMs).toBeLessThan(told.tookMs)
  // The waits are 5, 10, 20, 40 and 60 s (fewer where a busy machine makes them longer), and the gate stretches the first
  // two to its 15 s.
  const gapsMs = gapsOf(told.startsMs)
  expect(gapsMs).not.toBeEmpty()
  expect(Math.min(...gapsMs)).toBeGreaterThanOrEqual(15_000)
})
