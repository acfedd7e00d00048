// Series of a year's story: bars as they were traded, moved by the splits and dividends of their ex dates.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { cents } from '../bars.ts'
import type { Random } from '../random.ts'
import type { PastEvent, TradedBar } from '../servers/moving-past.ts'

/** An event of a story. A dividend is an amount, or a part of the close before it. */
export type ToldEvent = PastEvent & {
  readonly yield?: number
  /** The vendor has it, the market has not: no price moved. */
  readonly isFalse?: true
}

export type SeriesOptions = {
  readonly sessions: readonly IsoDate[]
  readonly price: number
  /** Of a day, as a logarithm. */
  readonly volatility: number
  readonly shares: number
  readonly events: readonly ToldEvent[]
  /** A fund has one price a day and no volume. */
  readonly isFund?: boolean
}

export type Series = { readonly traded: readonly TradedBar[]; readonly events: readonly PastEvent[] }

/** Bars of every session, and the events with the amounts that the closes give them. */
export function drawSeries(random: Random, options: SeriesOptions): Series {
  const { sessions, volatility, isFund = false } = options
  let { price: close, shares } = options
  const events: PastEvent[] = []
  const traded = sessions.map((date): TradedBar => {
    for (const told of options.events.filter(({ exDate }) => exDate === date)) {
      const event = amountsOf(told, close)
      events.push(event)
      if (told.isFalse === true) continue
      const { split: [after, before] = [1, 1], dividend = 0, spinOff = 1 } = event
      close = ((close - (told.until === undefined ? dividend : 0)) * before * spinOff) / after
      shares = (shares * after) / before
    }
    const open = price(close * Math.exp(volatility * 0.4 * normal(random)))
    close = price(isFund ? open : open * Math.exp(volatility * normal(random)))
    const high = isFund ? close : price(Math.max(open, close) * (1 + volatility * random()))
    const low = isFund ? close : price(Math.min(open, close) * (1 - volatility * random()))
    const volume = isFund ? 0 : Math.round(shares * Math.exp(0.3 * normal(random)))
    return { date, open, high, low, close, volume }
  })
  return { traded, events }
}

const price = (value: number) => Math.max(0.01, cents(value))

function amountsOf({ yield: part, isFalse: _isFalse, ...event }: ToldEvent, closeBefore: number): PastEvent {
  return part === undefined ? event : { ...event, dividend: Math.round(closeBefore * part * 10_000) / 10_000 }
}

/** About normal, of variance 1: the sum of twelve uniform values less six. */
function normal(random: Random): number {
  let sum = -6
  for (let count = 0; count < 12; count += 1) sum += random()
  return sum
}
