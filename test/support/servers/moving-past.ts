// A vendor whose past moves as FMP's does: every split and dividend multiplies all rows before it, rounded to cents.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { cents, type Bar } from '../bars.ts'

/** A session as it was traded. */
export type TradedBar = Omit<Bar, 'adjClose'> & { readonly close: number; readonly volume: number }

/** What the vendor does about one ex date. A night is named by the newest session that the vendor has on it. */
export type PastEvent = {
  readonly exDate: IsoDate
  /** The first night on which the vendor applies it: the ex date, unless it is early or late. */
  readonly from?: IsoDate
  /** The first night on which it applies it no more: it was wrong, lost or amended. */
  readonly until?: IsoDate
  /** The first night on which the adjusted closes have it, where that is another one than `from`. */
  readonly adjustedFrom?: IsoDate
  /** Shares after for shares before. */
  readonly split?: readonly [number, number]
  /** In the currency of the session before. */
  readonly dividend?: number
  /** What is left of the price after a spin-off; the volumes stay. */
  readonly spinOff?: number
}

/** What a series before some date is multiplied by. */
type Factors = { readonly price: number; readonly adjusted: number; readonly shares: number }

/** Whether the vendor has applied an event on a night: to the prices, or to the adjusted closes. */
export function isApplied(event: PastEvent, night: IsoDate, column: 'prices' | 'adjusted'): boolean {
  const { exDate, from = exDate, until, adjustedFrom = from } = event
  return (column === 'prices' ? from : adjustedFrom) <= night && (until === undefined || night < until)
}

/**
 * The bars of a series as the vendor has them on a night, newest session included. Both lists are oldest first. `applied`: the
 * night whose events it has applied so far.
 */
export function barsOn(
  night: IsoDate,
  traded: readonly TradedBar[],
  events: readonly PastEvent[],
  applied = night,
): readonly Bar[] {
  const waiting = events
    .filter((event) => isApplied(event, applied, 'prices') || isApplied(event, applied, 'adjusted'))
    .toSorted((a, b) => (a.exDate < b.exDate ? -1 : 1))
  const bars: Bar[] = []
  let factors: Factors = { price: 1, adjusted: 1, shares: 1 }
  for (const bar of traded.toReversed()) {
    if (bar.date > night) continue
    for (let event = waiting.at(-1); event !== undefined && bar.date < event.exDate; event = waiting.at(-1)) {
      waiting.pop()
      factors = multiplied(factors, event, { applied, closeBefore: bar.close })
    }
    bars.push(rebased(bar, factors))
  }
  return bars.toReversed()
}

function multiplied(
  { price, adjusted, shares }: Factors,
  event: PastEvent,
  { applied, closeBefore }: { readonly applied: IsoDate; readonly closeBefore: number },
): Factors {
  const { split: [after, before] = [1, 1], dividend = 0, spinOff = 1 } = event
  const isInPrices = isApplied(event, applied, 'prices')
  const step = (before / after) * spinOff
  return {
    price: isInPrices ? price * step : price,
    shares: isInPrices ? (shares * after) / before : shares,
    adjusted: isApplied(event, applied, 'adjusted') ? adjusted * step * (1 - dividend / closeBefore) : adjusted,
  }
}

function rebased(bar: TradedBar, { price, adjusted, shares }: Factors): Bar {
  const times = (value: number | null) => (value === null ? null : cents(value * price))
  return {
    date: bar.date,
    open: times(bar.open),
    high: times(bar.high),
    low: times(bar.low),
    close: cents(bar.close * price),
    adjClose: cents(bar.close * adjusted),
    volume: Math.round(bar.volume * shares),
  }
}
