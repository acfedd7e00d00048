// A vendor whose past moves as FMP's does: every split and dividend multiplies all rows before it, rounded to cents.

import type { IsoDate } from '../../../lib/core/dates.ts'
import type { Bar } from '../bars.ts'

/** A session as it was traded. */
export type TradedBar = Omit<Bar, 'adjClose'> & { readonly close: number; readonly volume: number }

/** `from` is the session on whose night the vendor begins to apply it: the ex date, unless it is late. */
export type PastEvent = {
  readonly exDate: IsoDate
  readonly from?: IsoDate
  /** Shares after for shares before. */
  readonly split?: readonly [number, number]
  /** In the currency of the session before. */
  readonly dividend?: number
}

/** The bars of a series as the vendor has them on the night of `today`, newest session included. */
export function barsOn(today: IsoDate, traded: readonly TradedBar[], events: readonly PastEvent[]): readonly Bar[] {
  const applied = events.filter(({ exDate, from = exDate }) => from <= today)
  const closes = new Map(traded.map(({ date, close }, index) => [date, traded[index - 1]?.close ?? close]))
  return traded
    .filter(({ date }) => date <= today)
    .map((bar): Bar => {
      const later = applied.filter(({ exDate }) => bar.date < exDate)
      const price = later.reduce((product, { split: [after, before] = [1, 1] }) => (product * before) / after, 1)
      const adjusted = later.reduce(
        (product, { exDate, dividend = 0 }) => product * (1 - dividend / (closes.get(exDate) ?? 1)),
        price,
      )
      const times = (value: number | null) => (value === null ? null : cents(value * price))
      return {
        date: bar.date,
        open: times(bar.open),
        high: times(bar.high),
        low: times(bar.low),
        close: times(bar.close),
        adjClose: cents(bar.close * adjusted),
        volume: Math.round(bar.volume / price),
      }
    })
}

function cents(value: number): number {
  return Math.round(value * 100) / 100
}
