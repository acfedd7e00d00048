// Thirteen years of real bars with their 95 splits and dividends, served night by night as the vendor would have had them.

import { describe, expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { comparePast, glanceAt } from '../../../lib/datasets/prices/past.ts'
import type { RowPair } from '../../../lib/datasets/prices/past-steps.ts'
import { iso } from '../../support/bars.ts'
import { forRandomRuns } from '../../support/random.ts'

/** A session as traded. `adjustment` is the source's adjusted close over its close. */
type Session = {
  readonly date: string
  readonly prices: readonly number[]
  readonly volume: number
  readonly adjustment: number
}

/** Public-domain prices; where they come from stands beside them. */
const FILE = new URL('../../../lib/commands/demo/wiki-prices.csv.gz', import.meta.url)
/** Of the five series within these years. All other events are dividends. */
const SPLITS: Readonly<Record<string, number>> = {
  'AAPL 2000-06-21': 2,
  'AAPL 2005-02-28': 2,
  'MSFT 2003-02-18': 2,
}
const COMPARED = 10
/** The source's factors are exact to more digits than this; its smallest event is 0.11 %. */
const SMALLEST_EVENT = 0.0005

const cents = (value: number) => Math.round(value * 100) / 100

async function readSeries(): Promise<ReadonlyMap<string, readonly Session[]>> {
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
function rowOn(symbol: string, session: Session, today: Session): Row {
  const splits = Object.entries(SPLITS).filter(([name]) => {
    const [of, date = ''] = name.split(' ')
    return of === symbol && session.date < date && date <= today.date
  })
  const shares = splits.reduce((product, [, ratio]) => product * ratio, 1)
  const [open, high, low, close = 0] = session.prices.map((price) => cents(price / shares))
  // The adjustment holds the splits too. Without the source's last digits, which are noise and would tip half cents.
  const adjustment = Number((session.adjustment / today.adjustment).toPrecision(9))
  const adjClose = cents((session.prices[3] ?? 0) * adjustment)
  const volume = Math.round(session.volume * shares)
  return { symbol, date: iso(session.date), open, high, low, close, adjClose, volume } as Row
}

type Night = {
  readonly symbol: string
  readonly date: string
  readonly pairs: readonly RowPair[]
  readonly next: Row
  readonly isEvent: boolean
}

/** Every night with ten stored sessions before it. `stored` makes of the vendor's newest row what was stored the night before. */
async function nightsOf(provisional: (row: Row) => Row): Promise<readonly Night[]> {
  const nights: Night[] = []
  for (const [symbol, sessions] of await readSeries()) {
    for (let at = COMPARED; at < sessions.length; at += 1) {
      const [today, before] = [sessions[at], sessions[at - 1]]
      if (today === undefined || before === undefined) throw new Error('There is no such session')
      const pairs = sessions
        .slice(at - COMPARED, at)
        .toReversed()
        .map((session, position): RowPair => {
          const row = rowOn(symbol, session, before)
          return { stored: position === 0 ? provisional(row) : row, now: rowOn(symbol, session, today) }
        })
      const isEvent = Math.abs(before.adjustment / today.adjustment - 1) > SMALLEST_EVENT
      nights.push({ symbol, date: today.date, pairs, next: rowOn(symbol, today, today), isEvent })
    }
  }
  return nights
}

const textOf = ({ symbol, date }: Night) => `${symbol} ${date}`

describe('of 12,104 nights', () => {
  test('the 95 with an event are looked at, and no other', async () => {
    const nights = await nightsOf((row) => row)
    const events = nights.filter(({ isEvent }) => isEvent)
    expect({ nights: nights.length, events: events.length }).toEqual({ nights: 12_104, events: 95 })
    const looks = nights.filter(({ pairs }) => glanceAt(pairs, false) === 'look')
    expect(looks.map(textOf)).toEqual(events.map(textOf))
  })

  test('each event has its name: three splits, and dividends', async () => {
    const events = (await nightsOf((row) => row)).filter(({ isEvent }) => isEvent)
    const named = events.map((night) => ({ night: textOf(night), ...comparePast(night.pairs, night.next) }))
    const rebased = named.filter(({ verdict }) => verdict === 'rebased')
    expect(rebased.map(({ night, steps }) => [night, steps[0]?.ratio])).toEqual(
      Object.entries(SPLITS).map(([night, ratio]) => [night, `${ratio}:1`]),
    )
    expect(named.filter(({ verdict }) => verdict === 'readjusted')).toHaveLength(95 - rebased.length)
  })

  test('none is looked at for a volume or a close that was provisional the night before', async () => {
    await forRandomRuns('provisional values', 1, async (random) => {
      const nights = await nightsOf((row) => {
        const isVolume = random() < 0.3
        const close = random() < 0.002 ? cents(Number(row['close']) * (1 + (random() - 0.5) * 0.04)) : row['close']
        const volume = isVolume ? Math.round(Number(row['volume']) * (1 + (random() - 0.5) * 0.01)) : row['volume']
        return { ...row, close, volume } as Row
      })
      const looks = nights.filter(({ pairs }) => glanceAt(pairs, false) === 'look')
      expect(looks.filter(({ isEvent }) => !isEvent).map(textOf)).toEqual([])
      expect(looks).toHaveLength(95)
    })
  })
})
