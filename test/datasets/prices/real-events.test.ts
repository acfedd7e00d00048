// Thirteen years of real bars with their 95 splits and dividends, served night by night as the vendor would have had them.

import { describe, expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { comparePast, glanceAt } from '../../../lib/datasets/prices/past.ts'
import type { RowPair } from '../../../lib/datasets/prices/past-steps.ts'
import { cents } from '../../support/bars.ts'
import { forRandomRuns } from '../../support/random.ts'
import { readRealSeries, REAL_SPLITS, realRowOn } from '../../support/real-prices.ts'

const COMPARED = 10
/** The source's factors are exact to more digits than this; its smallest event is 0.11 %. */
const SMALLEST_EVENT = 0.0005

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
  for (const [symbol, sessions] of await readRealSeries()) {
    for (let at = COMPARED; at < sessions.length; at += 1) {
      const [today, before] = [sessions[at], sessions[at - 1]]
      if (today === undefined || before === undefined) throw new Error('There is no such session')
      const pairs = sessions
        .slice(at - COMPARED, at)
        .toReversed()
        .map((session, position): RowPair => {
          const row = realRowOn(symbol, session, before)
          return { stored: position === 0 ? provisional(row) : row, now: realRowOn(symbol, session, today) }
        })
      const isEvent = Math.abs(before.adjustment / today.adjustment - 1) > SMALLEST_EVENT
      nights.push({ symbol, date: today.date, pairs, next: realRowOn(symbol, today, today), isEvent })
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
      Object.entries(REAL_SPLITS).map(([night, ratio]) => [night, `${ratio}:1`]),
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
