// Series of symbols whose past moves by night, for tests of what is stored and read of them.

import { XNYS } from '../../lib/core/calendar.ts'
import { addDays, type DateRange, type IsoDate } from '../../lib/core/dates.ts'
import { cents, makeBars, type Bar } from './bars.ts'
import { barsOn, type PastEvent, type TradedBar } from './servers/moving-past.ts'

export type Events = Readonly<Record<string, readonly PastEvent[]>>

/** By symbol: every session as it was traded, and what has happened. */
export type MovingSeries = Readonly<
  Record<string, { readonly traded: readonly TradedBar[]; readonly events: readonly PastEvent[] }>
>

/** Series over these sessions, the same for the same seed. A split moves the price of its own session. */
export function movingSeries(events: Events, sessions: DateRange, seed: number): MovingSeries {
  return Object.fromEntries(
    Object.entries(events).map(([symbol, own], index) => [
      symbol,
      { events: own, traded: makeBars(XNYS.sessions(sessions), seed + index).map((bar) => asTraded(bar, own)) },
    ]),
  )
}

function asTraded(bar: Bar, events: readonly PastEvent[]): TradedBar {
  const past = events.filter(({ exDate }) => exDate <= bar.date)
  const factor = past.reduce((product, { split: [after, before] = [1, 1] }) => (product * before) / after, 1)
  const times = (value: number | null) => cents((value ?? 0) * factor)
  return {
    date: bar.date,
    open: times(bar.open),
    high: times(bar.high),
    low: times(bar.low),
    close: times(bar.close),
    volume: Math.round((bar.volume ?? 0) / factor),
  }
}

/** The vendor's bars of every symbol on the night of a session. */
export function barsOfNight(series: MovingSeries, night: IsoDate): Record<string, readonly Bar[]> {
  return Object.fromEntries(
    Object.entries(series).map(([symbol, { traded, events }]) => [symbol, barsOn(night, traded, events)]),
  )
}

/** In New York, on the day after a session. */
export function morningAfter(session: IsoDate): string {
  return `${addDays(session, 1)}T13:00:00Z`
}
