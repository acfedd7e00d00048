// A loopback server that answers like the vendor's stable API, from the public-domain prices in this folder. The demo runs
// the whole program against it, without a key or a bucket. It opens a port.

import { syntheticRows } from './statements.ts'
import wikiPrices from './wiki-prices.csv.gz' with { type: 'file' }

/** What the program needs to use the server. */
export type DemoServer = {
  /** Scheme, host and port, without a slash at the end. */
  readonly url: string
  /** The only key the server takes, random for each start. */
  readonly key: string
  readonly symbols: readonly string[]
  /** The first and last day that any symbol has a bar for, YYYY-MM-DD. */
  readonly firstDate: string
  readonly lastDate: string
  /** The first day of each symbol. */
  readonly firstDates: ReadonlyMap<string, string>
  /** From now on the answers are as they were on this day: statements, a bar that came late, and a volume that was corrected. */
  setToday(date: string): void
  stop(): Promise<void>
}

/** One day of one symbol, as traded; `adjClose` as the source gives it, adjusted for splits and dividends. */
type Bar = {
  readonly date: string
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly adjClose: number
}

const FULL_PATH = '/stable/historical-price-eod/full'
const ADJUSTED_PATH = '/stable/historical-price-eod/dividend-adjusted'

/** Starts the server on a free port of 127.0.0.1. */
export async function startDemoServer(): Promise<DemoServer> {
  const compressed = await Bun.file(wikiPrices).bytes()
  const bars = parseBars(new TextDecoder().decode(Bun.gunzipSync(compressed)))
  const key = crypto.randomUUID()
  let today = '9999-12-31'
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => answer(request, { key, bars, today }),
  })
  const dates = [...bars.values()].flat().map(({ date }) => date)
  return {
    url: `http://127.0.0.1:${server.port}`,
    key,
    symbols: [...bars.keys()],
    firstDate: dates.reduce((a, b) => (a < b ? a : b)),
    lastDate: dates.reduce((a, b) => (a > b ? a : b)),
    firstDates: new Map([...bars].map(([symbol, ofSymbol]) => [symbol, ofSymbol.at(-1)?.date ?? ''])),
    setToday: (date) => (today = date),
    stop: () => server.stop(true),
  }
}

/** The bars of each symbol, newest first as the vendor sends them. The file has them by symbol, oldest first. */
function parseBars(csv: string): ReadonlyMap<string, readonly Bar[]> {
  const lines = csv.trimEnd().split('\n').slice(1).toReversed()
  const bars = Map.groupBy(lines, (line) => line.slice(0, line.indexOf(',')))
  return new Map([...bars].toReversed().map(([symbol, ofSymbol]) => [symbol, ofSymbol.map(parseBar)]))
}

function parseBar(line: string): Bar {
  const [, date = '', ...numbers] = line.split(',')
  const [open = NaN, high = NaN, low = NaN, close = NaN, volume = NaN, adjClose = NaN] = numbers.map(Number)
  return { date, open, high, low, close, volume, adjClose }
}

/** Before this day the vendor lacks one bar and has another with a provisional volume. */
const SETTLED_ON = '2013-03-01'
const LATE_BAR = { symbol: 'FB', date: '2013-02-26' }
const PROVISIONAL_BAR = { symbol: 'IBM', date: '2013-02-26' }

/** The bars of a symbol as the vendor has them on a day. */
function barsOn(today: string, symbol: string, bars: readonly Bar[]): readonly Bar[] {
  if (today >= SETTLED_ON) return bars
  const is = (other: typeof LATE_BAR, { date }: Bar) => symbol === other.symbol && date === other.date
  const known = bars.filter((bar) => !is(LATE_BAR, bar))
  return known.map((bar) => (is(PROVISIONAL_BAR, bar) ? { ...bar, volume: Math.round(bar.volume * 0.98) } : bar))
}

type Served = { readonly key: string; readonly bars: ReadonlyMap<string, readonly Bar[]>; readonly today: string }

/** Status and body like the vendor's: 401 and a message for a wrong key, 404 and an empty list for an unknown path. */
function answer(request: Request, { key, bars, today }: Served): Response {
  const { pathname, searchParams } = new URL(request.url)
  if (request.headers.get('apikey') !== key) {
    return Response.json(
      { 'Error Message': 'Invalid API KEY. The demo server takes its own key only.' },
      { status: 401 },
    )
  }
  const symbol = searchParams.get('symbol') ?? ''
  const period = searchParams.get('period') ?? ''
  const statement = syntheticRows(pathname.replace('/stable/', ''), { symbol, period, today })
  if (statement !== undefined) return Response.json(statement)
  if (request.method !== 'GET' || (pathname !== FULL_PATH && pathname !== ADJUSTED_PATH)) {
    return Response.json([], { status: 404 })
  }
  const from = searchParams.get('from') ?? ''
  const to = searchParams.get('to') ?? '9999-12-31'
  const asked = barsOn(today, symbol, bars.get(symbol) ?? []).filter(({ date }) => from <= date && date <= to)
  return Response.json(asked.map((bar) => (pathname === FULL_PATH ? fullRow(symbol, bar) : adjustedRow(symbol, bar))))
}

function fullRow(symbol: string, { date, open, high, low, close, volume }: Bar): object {
  return { symbol, date, open, high, low, close, volume }
}

/** The source adjusts the close only, so the other prices are multiplied by the same factor. The volume is as traded. */
function adjustedRow(symbol: string, { date, open, high, low, close, volume, adjClose }: Bar): object {
  const factor = adjClose / close
  return { symbol, date, adjOpen: open * factor, adjHigh: high * factor, adjLow: low * factor, adjClose, volume }
}
