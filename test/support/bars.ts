// Bars of the vendor, and the keys of the files that are made of them.

import { XNYS } from '../../lib/core/calendar.ts'
import { isIsoDate, type IsoDate } from '../../lib/core/dates.ts'
import { seededRandom } from './random.ts'

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

/** Bars that look real, one for each session, the same for the same seed. */
export function makeBars(dates: readonly IsoDate[], seed: number): Bar[] {
  const random = seededRandom(seed)
  let close = 20 + random() * 300
  return dates.map((date) => {
    const open = cents(close * (0.99 + random() * 0.02))
    close = cents(Math.max(1, open * (0.97 + random() * 0.0602)))
    const high = cents(Math.max(open, close) * (1 + random() * 0.01))
    const low = cents(Math.min(open, close) * (1 - random() * 0.01))
    const volume = 100_000 + Math.floor(random() * 90_000_000)
    return { date, open, high, low, close, adjClose: cents(close * 0.98), volume }
  })
}

/** Rounded to cents. */
export function cents(price: number): number {
  return Math.round(price * 100) / 100
}

export function iso(text: string): IsoDate {
  if (!isIsoDate(text)) throw new Error(`${text} is no date.`)
  return text
}

/** The NYSE's sessions from one date to another. */
export function sessions(from: string, to: string): readonly string[] {
  return XNYS.sessions({ from: iso(from), to: iso(to) })
}

/** What random cases are drawn by; printed as TEST_SEED. */
export const SEED = Number(process.env['TEST_SEED'] ?? 1)

/** Bars of each symbol for each session, drawn by TEST_SEED. */
export function barsFor(symbols: readonly string[], from: string, to: string): Record<string, readonly Bar[]> {
  return Object.fromEntries(
    symbols.map((symbol, index) => [symbol, makeBars(XNYS.sessions({ from: iso(from), to: iso(to) }), SEED + index)]),
  )
}

/** The day file's key of a symbol without characters that a path escapes. */
export function dayKey(symbol: string, date: string): string {
  const [year, month] = date.split('-')
  return `raw/prices/symbol=${symbol}/year=${year}/month=${month}/${symbol}-${date}.parquet`
}

export function yearKey(symbol: string, year: number): string {
  return `raw/prices/symbol=${symbol}/year=${year}/${symbol}-${year}.parquet`
}
