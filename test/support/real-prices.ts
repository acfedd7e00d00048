// Thirteen years of real bars with their splits and dividends, as a vendor would have had them on a night.

import type { Row } from '../../lib/core/dataset.ts'
import { cents, iso, type Bar } from './bars.ts'

/** A session as traded. `adjustment` is the source's adjusted close over its close. */
export type RealSession = {
  readonly date: string
  readonly prices: readonly number[]
  readonly volume: number
  readonly adjustment: number
}

/** Public-domain prices; where they come from stands beside them. */
const FILE = new URL('../../lib/commands/demo/wiki-prices.csv.gz', import.meta.url)

/** Of the five series within these years. All other events are dividends. */
export const REAL_SPLITS: Readonly<Record<string, number>> = {
  'AAPL 2000-06-21': 2,
  'AAPL 2005-02-28': 2,
  'MSFT 2003-02-18': 2,
}

/** The sessions of each symbol, oldest first. */
export async function readRealSeries(): Promise<ReadonlyMap<string, readonly RealSession[]>> {
  const text = new TextDecoder().decode(Bun.gunzipSync(await Bun.file(FILE).bytes()))
  const rows = text.trim().split('\n').slice(1)
  const sessions = rows.map((line) => {
    const [symbol = '', date = '', ...cells] = line.split(',')
    const [open = 0, high = 0, low = 0, close = 0, volume = 0, adjClose = 0] = cells.map(Number)
    return { symbol, date, prices: [open, high, low, close], volume, adjustment: adjClose / close }
  })
  return Map.groupBy(sessions, ({ symbol }) => symbol)
}

/** The vendor's row of a session on the night of `today`: rounded to cents, on the base of that night. */
export function realRowOn(symbol: string, session: RealSession, today: RealSession): Row {
  const splits = Object.entries(REAL_SPLITS).filter(([name]) => {
    const [of, date = ''] = name.split(' ')
    return of === symbol && session.date < date && date <= today.date
  })
  const shares = splits.reduce((product, [, ratio]) => product * ratio, 1)
  const [open = 0, high = 0, low = 0, close = 0] = session.prices.map((price) => cents(price / shares))
  // The adjustment holds the splits too. Without the source's last digits, which are noise and would tip half cents.
  const adjustment = Number((session.adjustment / today.adjustment).toPrecision(9))
  const adjClose = cents((session.prices[3] ?? 0) * adjustment)
  const volume = Math.round(session.volume * shares)
  return { symbol, date: iso(session.date), open, high, low, close, adjClose, volume }
}

/** The vendor's bars of these symbols up to the night of a session. */
export async function realBarsOf(symbols: readonly string[], night: string): Promise<Record<string, readonly Bar[]>> {
  const series = await readRealSeries()
  const entries = symbols.map((symbol) => {
    const past = (series.get(symbol) ?? []).filter(({ date }) => date <= night)
    const today = past.at(-1)
    const bars = today === undefined ? [] : past.map((session) => realRowOn(symbol, session, today))
    return [symbol, bars as readonly Row[] as readonly Bar[]] as const
  })
  return Object.fromEntries(entries)
}
