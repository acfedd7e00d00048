// The vendor's answers without a server: both price paths of the stable API and the legacy one, and the stable company
// statements, from bars and reports that a test hands in, with any fault a test wants in between. fake-fmp.ts serves them
// on a socket; a run in this process takes them by `fetch`, through the same handler.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'
import { cents, type Bar } from '../bars.ts'
import { recordedError } from '../recorded.ts'
import type { WireFault } from './fmp-faults.ts'

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

export type VendorOptions = {
  /** By symbol as it is asked for. Read at every request, so a test may change it. */
  readonly bars?: Bars
  /** Likewise. */
  readonly reports?: Reports
  /** The one key that is accepted. */
  readonly key?: string
  readonly onRequest?: (info: FmpRequestInfo) => Fault | undefined | Promise<Fault | undefined>
}

/** The vendor as a function, and the record of what it was asked. */
export interface Vendor {
  /** Every request so far, in order of arrival. */
  readonly requests: readonly FmpRequestInfo[]
  /** The most requests that were being answered at one time. */
  maxInFlight(): number
  /**
   * Puts a request on record and answers it: a fault of the test's, or the usual answer. Call `ended` once the answer is
   * out or the connection is gone.
   */
  receive(request: IncomingRequest): Promise<{ fault: Fault | undefined; usual: () => Response; ended: () => void }>
}

export type IncomingRequest = { readonly url: URL; readonly headers: Headers; readonly atMs: number }

export const TEST_KEY = 'test-key-0123456789'

export function createVendor({ bars = {}, reports = {}, key = TEST_KEY, onRequest }: VendorOptions = {}): Vendor {
  const requests: FmpRequestInfo[] = []
  const known = { bars, reports, key }
  let inFlight = 0
  let maxInFlight = 0
  return {
    requests,
    maxInFlight: () => maxInFlight,
    async receive(request) {
      const info = describeRequest(request, requests.length + 1)
      requests.push(info)
      inFlight += 1
      maxInFlight = Math.max(maxInFlight, inFlight)
      const fault = await onRequest?.(info)
      return { fault, usual: () => usualAnswer(info, known), ended: () => void (inFlight -= 1) }
    },
  }
}

const STABLE = /^\/stable\/historical-price-eod\/(full|dividend-adjusted)$/
const LEGACY = /^\/api\/v3\/historical-price-full\/([^/]+)$/

function describeRequest({ url, headers, atMs }: IncomingRequest, n: number): FmpRequestInfo {
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
    headers,
    variant: legacy === null ? (stable?.[1] as Variant | undefined) : 'v3',
    atMs,
  }
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
