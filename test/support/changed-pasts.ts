// Random series of a vendor that rounds to cents: as they were stored, and as the vendor has them after a change of its past.

import type { Row } from '../../lib/core/dataset.ts'
import { XNYS } from '../../lib/core/calendar.ts'
import { addDays, type IsoDate } from '../../lib/core/dates.ts'
import type { RowPair } from '../../lib/datasets/prices/past-steps.ts'
import { iso } from './bars.ts'
import { wholeBetween, type Random } from './random.ts'

/** A session before rounding. `adjustment` is its adjusted close over its close. */
export type Session = {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly adjustment: number
  readonly volume: number
}

/** Newest first: the new bar, then what is stored. */
export type Series = readonly Session[]

/** What the vendor multiplies prices, adjusted closes and volumes of a session by. */
export type Base = { readonly price: number; readonly adjusted: number; readonly volume: number }

/** The base of each session, by its position in the series. */
export type Bases = (position: number) => Base

/** What the verdict is about: stored rows with the vendor's, newest first, and the vendor's new bar. */
export type ChangedPast = { readonly pairs: readonly RowPair[]; readonly next: Row }

export const UNCHANGED: Base = { price: 1, adjusted: 1, volume: 1 }
export const PRICE_NAMES = ['open', 'high', 'low', 'close'] as const

const LAST_SESSION = iso('2024-09-16')
/** As many days have at least so many sessions as the longest series. */
const MAX_DAYS = 1_900

/** The sessions up to one, newest first, by that one. */
const SESSIONS = new Map<IsoDate, readonly IsoDate[]>()

function sessionsBackFrom(newest: IsoDate): readonly IsoDate[] {
  const known = SESSIONS.get(newest)
  if (known !== undefined) return known
  const sessions = XNYS.sessions({ from: addDays(newest, -MAX_DAYS), to: newest }).toReversed()
  SESSIONS.set(newest, sessions)
  return sessions
}

/** A new bar and 40 to 1,260 stored sessions, of 0.7 to 5 % a day, with a dividend a quarter; the newest close is 1. */
export function makeSeries(random: Random): Series {
  const volatility = 0.007 + random() * 0.043
  const count = Math.round(between(random, 40, 1_260)) + 1
  const usualVolume = between(random, 1e4, 1e8)
  const quarterly = random() < 0.3 ? 0 : random() * 0.01
  const firstDividend = wholeBetween(random, 1, 63)
  const series: Session[] = []
  let [log, adjustment] = [0, 1]
  for (let position = 0; position < count; position += 1) {
    const close = Math.exp(log)
    const open = close * Math.exp(normal(random) * volatility * 0.7)
    const high = Math.max(open, close) * Math.exp(random() * volatility)
    const low = Math.min(open, close) * Math.exp(-random() * volatility)
    series.push({ open, high, low, close, adjustment, volume: usualVolume * Math.exp(normal(random) * 0.5) })
    if (position % 63 === firstDividend) adjustment *= 1 - quarterly
    // Drawn back to where it came from, so that it stays a price.
    log += normal(random) * volatility - log * 0.001
  }
  return series
}

/** Evenly over the orders of magnitude. */
export function between(random: Random, low: number, high: number): number {
  return low * (high / low) ** random()
}

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

type Change = {
  /** The newest close. */
  readonly level: number
  /** The session of the new bar; one of 2024 unless told. */
  readonly newest?: IsoDate
  readonly stored: Bases
  readonly now: Bases
  readonly decimals?: number
}

/** A series as it was stored, and as the vendor has it now. */
export function changedPast(series: Series, change: Change): ChangedPast {
  const { level, stored, now, newest: newestDate = LAST_SESSION, decimals = 2 } = change
  const dates = sessionsBackFrom(newestDate)
  const round = (value: number) => rounded(value * level, decimals)
  const rowAt = (session: Session, position: number, bases: Bases): Row => {
    const date = dates[position]
    if (date === undefined) throw new Error('The series is longer than its calendar')
    const { price, adjusted, volume } = bases(position)
    return {
      symbol: 'AAPL',
      date,
      open: round(session.open * price),
      high: round(session.high * price),
      low: round(session.low * price),
      close: round(session.close * price),
      adjClose: round(session.close * session.adjustment * adjusted),
      volume: Math.round(session.volume * volume),
    }
  }
  const [newest, ...older] = series
  if (newest === undefined) throw new Error('There is no session')
  return {
    next: rowAt(newest, 0, now),
    pairs: older.map((session, index) => ({
      stored: rowAt(session, index + 1, stored),
      now: rowAt(session, index + 1, now),
    })),
  }
}

/** The same past with other stored rows; `undefined` leaves one as it is. */
export function withStored(
  past: ChangedPast,
  edit: (row: Row, position: number) => Partial<Row> | undefined,
): ChangedPast {
  return {
    ...past,
    pairs: past.pairs.map((pair, position): RowPair => {
      const changes = edit(pair.stored, position)
      return changes === undefined ? pair : { ...pair, stored: { ...pair.stored, ...changes } as Row }
    }),
  }
}

/** A row with its close, and the adjusted close with it, multiplied. */
export function movedClose({ close, adjClose }: Row, factor: number): Partial<Row> {
  return { close: rounded(Number(close) * factor, 2), adjClose: rounded(Number(adjClose) * factor, 2) }
}

export function rounded(value: number, decimals: number): number {
  const unit = 10 ** decimals
  return Math.round(value * unit) / unit
}

/** What an event does to the sessions before its ex date: on the base of their day, and once the vendor has applied it. */
export type Event = { readonly unapplied: Base; readonly applied: Base }

/** `after` shares for `before`. The series is on the base after it. */
export function split(after: number, before: number): Event {
  return { unapplied: { price: after / before, adjusted: after / before, volume: before / after }, applied: UNCHANGED }
}

/** A dividend of this share of the price, which fell by it on the ex date. */
export function dividend(share: number): Event {
  const price = 1 / (1 - share)
  return { unapplied: { price, adjusted: price, volume: 1 }, applied: { price, adjusted: 1, volume: 1 } }
}

/** A part of a company that left, by what remained of the price. Its vendor moves no volumes. */
export function spinOff(rest: number): Event {
  return { unapplied: { price: 1 / rest, adjusted: 1 / rest, volume: 1 }, applied: UNCHANGED }
}

/** One after the other. */
export function times(a: Base, b: Base): Base {
  return { price: a.price * b.price, adjusted: a.adjusted * b.adjusted, volume: a.volume * b.volume }
}

/** Both on one day. */
export function joined(a: Event, b: Event): Event {
  return { unapplied: times(a.unapplied, b.unapplied), applied: times(a.applied, b.applied) }
}

/** The base of the sessions from a position on, which are the older ones. */
export function from(position: number, base: Base): Bases {
  return (at) => (at >= position ? base : UNCHANGED)
}

export const asIs: Bases = () => UNCHANGED
