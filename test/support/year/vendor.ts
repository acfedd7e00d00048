// FMP over a year in which its past moves: what it has of each symbol on a night, and how it answers. A night is named by
// the newest session that it has on it.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { cents, type Bar } from '../bars.ts'
import { barsOn, isApplied, type PastEvent, type TradedBar } from '../servers/moving-past.ts'

/** What the vendor has of one session before it puts that right. */
export type Provisional = {
  readonly date: IsoDate
  /** The first night on which it has the bar as it was traded. */
  readonly until: IsoDate
  /** The first night on which it has this: that of the session, unless the bar was right before. */
  readonly from?: IsoDate
  /** What differs from the bar as it was traded; `adjusted`: there is no adjusted close; undefined: there is no bar. */
  readonly change: Partial<TradedBar> | 'adjusted' | undefined
}

/** What a symbol stands for from a night on. Another company may take it over later. */
export type Listing = {
  readonly from: IsoDate
  /** Oldest first. */
  readonly traded: readonly TradedBar[]
  readonly events: readonly PastEvent[]
  readonly provisional: readonly Provisional[]
  /** The night from which on the vendor's list of splits names one, where that is not its ex date. */
  readonly listedFrom?: IsoDate
}

export type Market = ReadonlyMap<string, readonly Listing[]>

/** A bar with its rows in JSON, as the two endpoints send it. */
type Rows = { readonly bar: Bar; readonly full: string; readonly adjusted: string | undefined }

type State = { readonly signature: string; readonly rows: readonly Rows[]; readonly bars: readonly Bar[] }

export type PastVendor = {
  /** The vendor moves on to a night. It applies what it has applied on that of `applied`, if one is given. */
  begin(night: IsoDate, applied?: IsoDate): void
  /** Its rows of a symbol, oldest first, those that its plan does not serve included. */
  rows(symbol: string): readonly Bar[]
  /** The oldest date that its plan serves. */
  oldestServed(): IsoDate
  answer(url: URL): Response
}

/** What bars the vendor has, and which events it has applied. */
type Instant = { readonly night: IsoDate; readonly applied: IsoDate }

const EMPTY: State = { signature: '', rows: [], bars: [] }

/** `depthYears`: what the plan serves, counted back from the night. */
export function createPastVendor(market: Market, depthYears: number): PastVendor {
  const states = new Map<string, State>()
  let now: Instant = { night: '' as IsoDate, applied: '' as IsoDate }

  const listingOf = (symbol: string) => market.get(symbol)?.findLast(({ from }) => from <= now.night)
  const stateOf = (symbol: string): State => {
    const listing = listingOf(symbol)
    const state = listing === undefined ? EMPTY : stateOn(now, symbol, listing, states.get(symbol))
    states.set(symbol, state)
    return state
  }
  const oldestServed = () => oldestServedOn(now.night, depthYears)

  return {
    begin: (night, applied = night) => void (now = { night, applied }),
    rows: (symbol) => stateOf(symbol).bars,
    oldestServed,
    answer({ pathname, searchParams }) {
      const symbol = searchParams.get('symbol') ?? ''
      const [from, to] = [searchParams.get('from') ?? '0000', searchParams.get('to') ?? '9999']
      const served = oldestServed()
      const priceRows = (endpoint: 'full' | 'adjusted') => {
        const { rows } = stateOf(symbol)
        const wanted = rows.filter(({ bar: { date } }) => from <= date && date <= to && date >= served)
        return jsonReply(wanted.toReversed().flatMap((row) => row[endpoint] ?? []))
      }
      if (pathname === '/stable/historical-price-eod/full') return priceRows('full')
      if (pathname === '/stable/historical-price-eod/dividend-adjusted') return priceRows('adjusted')
      if (pathname === '/stable/splits') return jsonReply(splitRows(symbol, listingOf(symbol), now.night))
      if (pathname === '/stable/dividends') return jsonReply(dividendRows(symbol, listingOf(symbol), now.night))
      return new Response('[]', { status: 404 })
    },
  }
}

/** The oldest date that a plan of so many rolling years serves on a night. */
export function oldestServedOn(night: IsoDate, depthYears: number): IsoDate {
  return `${Number(night.slice(0, 4)) - depthYears}${night.slice(4)}` as IsoDate
}

function jsonReply(rows: readonly string[]): Response {
  return new Response(`[${rows.join(',\n')}]`, { headers: { 'content-type': 'application/json; charset=utf-8' } })
}

/** The rows of a night. Most nights only add to those of the night before, and a row that stays is not made again. */
function stateOn({ night, applied }: Instant, symbol: string, listing: Listing, before: State = EMPTY): State {
  const { from, traded, events, provisional } = listing
  const changes = provisional.filter(({ date, until, from: since = date }) => since <= night && night < until)
  const newest = traded.findLast(({ date }) => date <= night)?.date
  const isIn = events.map((event) => [isApplied(event, applied, 'prices'), isApplied(event, applied, 'adjusted')])
  const signature = JSON.stringify([from, isIn, changes])
  const known = before.rows.at(-1)?.bar.date
  const isSame = before.signature === signature && known !== undefined
  if (isSame && known === newest) return before
  const seen = changes.length === 0 ? traded : traded.flatMap((bar) => seenAs(bar, changes))
  const bare = new Set(changes.flatMap(({ date, change }) => (change === 'adjusted' ? [date] : [])))
  const bars = barsOn(night, isSame ? seen.filter(({ date }) => date > known) : seen, events, applied).map((bar) =>
    bare.has(bar.date) ? { ...bar, adjClose: null } : bar,
  )
  const added = bars.map((bar, index) => rowsOf(symbol, bar, isSame ? undefined : before.rows[index]))
  const rows = isSame ? [...before.rows, ...added] : added
  return { signature, rows, bars: rows.map(({ bar }) => bar) }
}

function rowsOf(symbol: string, bar: Bar, before: Rows | undefined): Rows {
  if (before !== undefined && NAMES.every((name) => before.bar[name] === bar[name])) return before
  return { bar, full: fullRow(symbol, bar), adjusted: adjustedRow(symbol, bar) }
}

const NAMES = ['date', 'open', 'high', 'low', 'close', 'adjClose', 'volume'] as const

function seenAs(bar: TradedBar, changes: readonly Provisional[]): readonly TradedBar[] {
  const own = changes.filter(({ date }) => date === bar.date)
  if (own.some(({ change }) => change === undefined)) return []
  const parts = own.flatMap(({ change }) => (change === undefined || change === 'adjusted' ? [] : [change]))
  return [Object.assign({ ...bar }, ...parts) as TradedBar]
}

function fullRow(symbol: string, { date, open, high, low, close, volume }: Bar): string {
  const change = cents((close ?? 0) - (open ?? 0))
  const vwap = cents(((open ?? 0) + (high ?? 0) + (low ?? 0) + (close ?? 0)) / 4)
  const changePercent = cents((100 * change) / (open ?? 1))
  return JSON.stringify({ symbol, date, open, high, low, close, volume, change, changePercent, vwap })
}

function adjustedRow(symbol: string, { date, open, high, low, close, adjClose, volume }: Bar): string | undefined {
  if (adjClose === null) return undefined
  const factor = adjClose / (close ?? 1)
  const [adjOpen, adjHigh, adjLow] = [open, high, low].map((price) => cents((price ?? 0) * factor))
  return JSON.stringify({ symbol, date, adjOpen, adjHigh, adjLow, adjClose, volume })
}

/** The whole list each time, newest first. */
function splitRows(symbol: string, listing: Listing | undefined, night: IsoDate): readonly string[] {
  return (listing?.events ?? [])
    .filter(({ exDate, split }) => split !== undefined && (listing?.listedFrom ?? exDate) <= night)
    .toReversed()
    .map(({ exDate: date, split: [numerator, denominator] = [1, 1] }) =>
      JSON.stringify({ symbol, date, numerator, denominator, splitType: 'stock-split' }),
    )
}

function dividendRows(symbol: string, listing: Listing | undefined, night: IsoDate): readonly string[] {
  return (listing?.events ?? [])
    .filter((event) => event.dividend !== undefined && isApplied(event, night, 'adjusted'))
    .toReversed()
    .map(({ exDate: date, dividend }) => JSON.stringify({ symbol, date, adjDividend: dividend, dividend }))
}
