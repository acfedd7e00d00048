// FMP as a run has it, against servers of the test: what the tests of its room have in common.

import net from 'node:net'
import type { Clock } from '../../lib/core/clock.ts'
import type { Ask, RawRow } from '../../lib/core/dataset.ts'
import { IngestError } from '../../lib/core/errors.ts'
import type { Fetch } from '../../lib/core/fetch.ts'
import { createRedactor } from '../../lib/core/text.ts'
import type { Reservation } from '../../lib/fmp/call-budget.ts'
import { createFmp, type Fmp, type FmpOptions } from '../../lib/fmp/fmp.ts'
import { createFakeClock } from './runs/fake-clock.ts'
import { recordedError } from './recorded.ts'
import { type FakeFmp, startFakeFmp } from './servers/fake-fmp.ts'
import { type VendorOptions, TEST_KEY } from './servers/vendor.ts'

const BARS = [{ date: '2024-09-30', open: 1, high: 2, low: 1, close: 2, adjClose: 2, volume: 9 }] as never
export const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'JPM', 'SPY'] as const
const bars = Object.fromEntries(SYMBOLS.map((symbol) => [symbol, BARS]))

const opened: (() => void)[] = []

/** For a server of the test's own. */
export function closeLater(close: () => void): void {
  opened.push(close)
}

/** Closes what a test has opened. */
export function closeServers(): void {
  for (const close of opened.splice(0)) close()
}

export function serve(options: VendorOptions = {}): FakeFmp {
  const server = startFakeFmp({ bars, ...options })
  opened.push(() => server.stop())
  return server
}

/** A server of raw bytes, for what no HTTP server would send. Gives its base URL. */
export function serveRaw(answer: (socket: net.Socket) => void): string {
  const server = net.createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => answer(socket))
  })
  server.listen(0, '127.0.0.1')
  opened.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`
}

export const realClock: Clock = {
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
export function createHeldClock(): HeldClock {
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

type Client = { fmp: Fmp; get(symbol?: string, reservation?: Reservation): Promise<readonly RawRow[]> }

/** FMP as a run has it, against a server of the test; `get` makes one call. */
export function clientOf(baseUrl: string, options: Partial<FmpOptions> = {}): Client {
  const api = baseUrl.endsWith('#v3') ? 'v3' : 'stable'
  const fmp = createFmp({
    api,
    baseUrl: baseUrl.replace('#v3', ''),
    key: TEST_KEY,
    maxCalls: undefined,
    fetch,
    clock: createFakeClock(),
    random: () => 0.5,
    intervalMs: 0,
    timeoutMs: 5_000,
    signal: new AbortController().signal,
    userAgent: 'fmp-ingest/1.2.3',
    redact: createRedactor([TEST_KEY]),
    ...options,
  })
  const path = api === 'v3' ? 'historical-price-full' : 'historical-price-eod/full'
  return {
    fmp,
    async get(symbol = 'AAPL', reservation = reserved(fmp, symbol)) {
      const ask: Ask = { path, symbol, query: { from: '2024-09-30', to: '2024-09-30' }, name: 'full' }
      return fmp.fetchRows(ask, reservation)
    },
  }
}

/** Calls set aside; throws the refusal of a budget that has not so many left. */
export function reserved(budget: Pick<Fmp, 'reserve'>, symbol: string, calls: number = 1): Reservation {
  const reservation = budget.reserve(symbol, calls)
  if (reservation instanceof IngestError) throw reservation
  return reservation
}

/** Resolves when `condition` holds; the test's own timeout ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(1)
}

/** A fault that lasts until the test lets go of it. */
export function hold(): { fault: Promise<undefined>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  return { fault: promise, release: () => resolve(undefined) }
}

export const serverError = (): Response => new Response('down', { status: 502 })

export function limit(headers: Record<string, string> = {}): Response {
  const response = recordedError('call-limit')
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}

/** A fetch that notes when each attempt starts. */
export function timing(): { startsMs: number[]; timed: Fetch } {
  const startsMs: number[] = []
  const timed: Fetch = (url, init) => {
    startsMs.push(performance.now())
    return fetch(url, init)
  }
  return { startsMs, timed }
}

export function gapsOf(startsMs: readonly number[]): number[] {
  return startsMs.slice(1).map((startMs, index) => startMs - (startsMs[index] ?? 0))
}

/** A fetch that fails with `error`, given the fields that Bun adds to its own. */
export function throwing(error: Error, fields: object = {}): Fetch {
  Object.assign(error, fields)
  return async () => {
    throw error
  }
}

/** How a reply was read: `6 rows`, or kind and scope of the error. */
export function verdictOf(read: () => readonly unknown[]): string {
  try {
    return `${read().length} rows`
  } catch (error) {
    if (!(error instanceof IngestError)) throw error
    return `${error.kind} ${error.scope}`
  }
}
