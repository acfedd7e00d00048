// A server on this machine that answers as the vendor does: both price paths of the stable API and the legacy one, and the
// stable company statements, from bars and reports that a test hands in, with any fault a test wants in between. It is on node:http because Bun.serve cannot cut an
// answer off in the middle without a word on the terminal.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { STATEMENTS } from '../../../lib/datasets/catalog.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { isWireFault, playWireFault, type WireFault } from './fmp-faults.ts'

/** One session of one symbol. Where `adjClose` is null the vendor has no dividend-adjusted row for the day. */
export type Bar = {
  readonly date: IsoDate
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly adjClose: number | null
  readonly volume: number | null
}

/** What a company says of one fiscal period; the amounts of all its statements are made of the one. */
export type Report = {
  readonly date: IsoDate
  readonly period: 'FY' | 'Q1' | 'Q2' | 'Q3' | 'Q4'
  readonly amount: number
}

export type Variant = 'full' | 'dividend-adjusted' | 'v3'

/** A request as it came in. */
export type FmpRequestInfo = {
  /** Counted from 1. */
  readonly n: number
  readonly path: string
  readonly symbol: string
  readonly from: string | undefined
  readonly to: string | undefined
  readonly url: URL
  readonly headers: Headers
  /** Undefined for a path that the vendor does not have. */
  readonly variant: Variant | undefined
  /** When it arrived, on the clock of `performance.now()`. */
  readonly atMs: number
}

/**
 * What is done instead of the usual answer: another one, none at all (`hang`), the usual one cut off after `cutAt` bytes
 * of its body, the connection reset before any answer, the usual answer late, or something that is not quite HTTP.
 */
export type Fault =
  | Response
  | WireFault
  | 'hang'
  | { readonly cutAt: number }
  | { readonly reset: true }
  | { readonly delayMs: number }

/** Of each symbol. */
export type Bars = Readonly<Record<string, readonly Bar[]>>
export type Reports = Readonly<Record<string, readonly Report[]>>

export type FakeFmpOptions = {
  /** By symbol as it is asked for. Read at every request, so a test may change it. */
  readonly bars?: Bars
  /** Likewise. */
  readonly reports?: Reports
  /** The one key that is accepted. */
  readonly key?: string
  readonly onRequest?: (info: FmpRequestInfo) => Fault | undefined | Promise<Fault | undefined>
}

export interface FakeFmp {
  /** For FMP_BASE_URL. */
  readonly url: string
  /** Every request so far, in order of arrival. */
  readonly requests: readonly FmpRequestInfo[]
  /** The most requests that were being answered at one time. */
  maxInFlight(): number
  /** Ends the server and every connection. */
  stop(): void
}

export const TEST_KEY = 'test-key-0123456789'

/** Starts the server on a free port of the loopback interface. */
export function startFakeFmp({ bars = {}, reports = {}, key = TEST_KEY, onRequest }: FakeFmpOptions = {}): FakeFmp {
  const requests: FmpRequestInfo[] = []
  const known = { bars, reports, key }
  let inFlight = 0
  let maxInFlight = 0

  async function answer(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    const info = describeRequest(incoming, requests.length + 1)
    requests.push(info)
    inFlight += 1
    maxInFlight = Math.max(maxInFlight, inFlight)
    outgoing.once('close', () => {
      inFlight -= 1
    })
    const fault = await onRequest?.(info)
    if (fault === 'hang') return
    if (fault instanceof Response) return send(outgoing, fault)
    if (fault !== undefined && 'reset' in fault) return void incoming.socket.destroy()
    if (fault !== undefined && isWireFault(fault)) {
      const usual = await usualAnswer(info, known).bytes()
      return await playWireFault(incoming.socket, fault, usual)
    }
    if (fault !== undefined && 'delayMs' in fault) await Bun.sleep(fault.delayMs)
    await send(outgoing, usualAnswer(info, known), fault !== undefined && 'cutAt' in fault ? fault.cutAt : undefined)
  }

  const server = http.createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => {
      console.error('The fake FMP server failed:', error)
      incoming.socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    maxInFlight: () => maxInFlight,
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const STABLE = /^\/stable\/historical-price-eod\/(full|dividend-adjusted)$/
const LEGACY = /^\/api\/v3\/historical-price-full\/([^/]+)$/

function describeRequest(incoming: http.IncomingMessage, n: number): FmpRequestInfo {
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1')
  const stable = STABLE.exec(url.pathname)
  const legacy = LEGACY.exec(url.pathname)
  const symbol = legacy === null ? url.searchParams.get('symbol') : decodeURIComponent(legacy[1] ?? '')
  return {
    n,
    path: url.pathname,
    symbol: symbol ?? '',
    from: url.searchParams.get('from') ?? undefined,
    to: url.searchParams.get('to') ?? undefined,
    url,
    headers: new Headers(incoming.headers as Record<string, string>),
    variant: legacy === null ? (stable?.[1] as Variant | undefined) : 'v3',
    atMs: performance.now(),
  }
}

async function send(outgoing: http.ServerResponse, response: Response, cutAt?: number): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer())
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'content-length': String(body.length),
  })
  if (cutAt === undefined) return void outgoing.end(body)
  outgoing.write(body.subarray(0, cutAt))
  // Late enough for the part to be on its way, so that it is the body that is cut and not the headers.
  setTimeout(() => outgoing.destroy(), 10)
}

type Known = { readonly bars: Bars; readonly reports: Reports; readonly key: string }

function usualAnswer(info: FmpRequestInfo, { bars, reports, key }: Known): Response {
  const isLegacy = info.path.startsWith('/api/v3/')
  // The stable API takes the key either way, the legacy one in the query only.
  const sent = [info.url.searchParams.get('apikey'), ...(isLegacy ? [] : [info.headers.get('apikey')])]
  if (!sent.includes(key)) return recordedError('invalid-key')
  const statement = STATEMENTS.find(({ path }) => info.path === `/stable/${path}`)
  if (statement !== undefined) return jsonReply(statementRows(info, reports, statement.amounts))
  if (info.variant === undefined) return recordedError('no-such-path')
  if (info.symbol === '') return recordedError('missing-parameter')
  const known = Object.hasOwn(bars, info.symbol) ? (bars[info.symbol] ?? []) : []
  const { from = '0000', to = '9999', variant, symbol } = info
  const rows = known
    .filter(
      ({ date, adjClose }) => from <= date && date <= to && (variant !== 'dividend-adjusted' || adjClose !== null),
    )
    .toSorted((a, b) => (a.date < b.date ? 1 : -1))
    // The vendor's own cap, which drops the oldest.
    .slice(0, 5_000)
    .map((bar) => ROW_OF[variant](symbol, bar))
  if (!isLegacy) return jsonReply(rows)
  return jsonReply(rows.length === 0 ? {} : { symbol, historical: rows })
}

function jsonReply(value: unknown): Response {
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  return new Response(JSON.stringify(value, null, 2), { headers })
}

/** Newest first, with every amount of the statement. */
function statementRows({ symbol, url }: FmpRequestInfo, reports: Reports, amounts: readonly string[]) {
  const isAnnual = url.searchParams.get('period') === 'annual'
  return (reports[symbol] ?? [])
    .filter(({ period }) => (period === 'FY') === isAnnual)
    .toSorted((a, b) => (a.date < b.date ? 1 : -1))
    .slice(0, Number(url.searchParams.get('limit')))
    .map(({ date, period, amount }) => ({
      date,
      symbol,
      reportedCurrency: 'USD',
      cik: '0000320193',
      filingDate: date,
      acceptedDate: `${date} 16:31:00`,
      fiscalYear: date.slice(0, 4),
      period,
      ...Object.fromEntries(amountsOf(amount, amounts)),
    }))
}

/** Each amount of a statement by its name, no two alike. */
export function amountsOf(amount: number, names: readonly string[]): readonly (readonly [string, number])[] {
  return names.map((name, index) => [name, amount + index] as const)
}

const ROW_OF: Record<Variant, (symbol: string, bar: Bar) => Record<string, unknown>> = {
  full: (symbol, { date, open, high, low, close, volume }) => {
    const change = cents((close ?? 0) - (open ?? 0))
    return { symbol, date, open, high, low, close, volume, change, changePercent: 0.5, vwap: close }
  },
  'dividend-adjusted': (symbol, { date, open, high, low, close, adjClose, volume }) => {
    const factor = (adjClose ?? 0) / (close ?? 1)
    const [adjOpen, adjHigh, adjLow] = [open, high, low].map((price) => (price === null ? null : cents(price * factor)))
    return { symbol, date, adjOpen, adjHigh, adjLow, adjClose, volume }
  },
  v3: (_symbol, bar) => ({
    ...bar,
    unadjustedVolume: bar.volume,
    change: 0.1,
    vwap: bar.close,
    label: 'January 10, 23',
  }),
}

function cents(price: number): number {
  return Math.round(price * 100) / 100
}

/** Bars that look real, one for each session, the same for the same seed. */
export function makeBars(sessions: readonly IsoDate[], seed: number): Bar[] {
  const random = seededRandom(seed)
  let close = 20 + random() * 300
  return sessions.map((date) => {
    const open = cents(close * (0.99 + random() * 0.02))
    close = cents(Math.max(1, open * (0.97 + random() * 0.0602)))
    const high = cents(Math.max(open, close) * (1 + random() * 0.01))
    const low = cents(Math.min(open, close) * (1 - random() * 0.01))
    const volume = 100_000 + Math.floor(random() * 90_000_000)
    return { date, open, high, low, close, adjClose: cents(close * 0.98), volume }
  })
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A line of `test/fixtures/fmp/errors.jsonl`. */
export type RecordedError = { case: string; status: number; contentType: string | null; body: string }

const FIXTURES = join(import.meta.dir, '../../fixtures/fmp')

/** The refusals and empty answers that were recorded from the vendor. */
export const recordedErrors: readonly RecordedError[] = fixtureText('errors.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as RecordedError)

/** A recorded body, by the name of its file. */
export function fixtureText(name: string): string {
  return readFileSync(join(FIXTURES, name), 'utf8')
}

/** A recorded refusal as the vendor sent it, by its case (`call-limit`). Throws for a case that was not recorded. */
export function recordedError(name: string): Response {
  const found = recordedErrors.find((recorded) => recorded.case === name)
  if (found === undefined) throw new Error(`No error called ${name} is recorded in test/fixtures/fmp/errors.jsonl.`)
  const headers = { 'content-type': found.contentType ?? 'application/json; charset=utf-8' }
  return new Response(found.body, { status: found.status, headers })
}
