// What is announced is found again in rounded prices: the fraction of a split, the amount of a dividend.

import { describe, expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { XNYS } from '../../../lib/core/calendar.ts'
import { comparePast } from '../../../lib/datasets/prices/past.ts'
import type { PastStep, RowPair } from '../../../lib/datasets/prices/past-steps.ts'
import { iso } from '../../support/bars.ts'
import { forRandomCases, oneOf, seededRandom, type Random } from '../../support/random.ts'
import { barsOn, type PastEvent } from '../../support/servers/moving-past.ts'
import { drawSeries, type Series } from '../../support/year/series.ts'

const SESSIONS = XNYS.sessions({ from: iso('2019-09-16'), to: iso('2024-09-16') })
/** The newest stored session, and the ex date after it. */
const [BEFORE, EX_DATE] = [SESSIONS.at(-2) ?? iso('2024-09-13'), SESSIONS.at(-1) ?? iso('2024-09-16')]

/** Five years with a dividend a quarter, so that no stored adjusted close is its close. */
function seriesAbout(price: number, random: Random): Series {
  const events = SESSIONS.filter((_, index) => index % 63 === 40).map((exDate) => ({ exDate, yield: 0.004 }))
  return drawSeries(random, { sessions: SESSIONS, price, volatility: 0.012, shares: 1e6, events })
}

/** The steps of the night of the ex date. */
function stepsAfter({ traded, events }: Series, own: readonly PastEvent[]): readonly PastStep[] {
  const all = [...events, ...own]
  const rowsOn = (night: typeof BEFORE) => barsOn(night, traded, all).map((bar): Row => ({ symbol: 'A', ...bar }))
  const now = rowsOn(EX_DATE)
  const pairs = rowsOn(BEFORE).map((stored, at): RowPair => ({ stored, now: now[at] ?? stored }))
  return comparePast(pairs, now.at(-1)).steps
}

const closeBefore = ({ traded }: Series, sessions = 1) => traded.at(-1 - sessions)?.close ?? 0

describe('the exact factors', () => {
  test.each([
    [1046, 1000],
    [1281, 1000],
    [2002, 1000],
    [729, 1000],
    [21, 20],
    [4, 1],
    [1, 8],
  ])('of a %d:%d split are its fraction, which the volumes tell from its neighbours', (after, before) => {
    const [step] = stepsAfter(seriesAbout(300, seededRandom(1)), [{ exDate: EX_DATE, split: [after, before] }])
    expect(step?.exactFactor).toBe(before / after)
    expect(step?.exactAdjFactor).toBe(before / after)
    const [p, q] = (step?.ratio ?? '').split(':').map(Number)
    expect((p ?? 0) / (q ?? 1)).toBe(after / before)
  })

  test.each([
    [400, 0.83],
    [24, 0.15],
    [150, 15],
    [2, 0.01],
  ])('of prices about %d and a dividend of %d are those of that amount', (price, dividend) => {
    const series = seriesAbout(price, seededRandom(1))
    const [step] = stepsAfter(series, [{ exDate: EX_DATE, dividend }])
    expect(step?.exactFactor).toBe(1)
    expect(step?.exactAdjFactor).toBeCloseTo(1 - dividend / closeBefore(series), 12)
  })

  test('of a dividend on the day of a split are those of both', () => {
    const series = seriesAbout(200, seededRandom(1))
    const [step] = stepsAfter(series, [{ exDate: EX_DATE, split: [2, 1], dividend: 1.5 }])
    expect(step?.exactFactor).toBe(0.5)
    expect(step?.exactAdjFactor).toBeCloseTo(0.5 * (1 - 1.5 / closeBefore(series)), 5)
  })

  test('of two steps come to the factor of the oldest rows: the four between them tell less', () => {
    const series = seriesAbout(90, seededRandom(1))
    const late = { exDate: SESSIONS.at(-5) ?? BEFORE, from: EX_DATE, dividend: 0.7 }
    const steps = stepsAfter(series, [late, { exDate: EX_DATE, dividend: 0.4 }])
    expect(steps).toHaveLength(2)
    const truth = (1 - 0.4 / closeBefore(series)) * (1 - 0.7 / closeBefore(series, 5))
    expect(steps.reduce((all, { exactAdjFactor }) => all * exactAdjFactor, 1)).toBeCloseTo(truth, 5)
  })

  test('of a dividend that no single row tells are told by all of them', () => {
    const [tenth, half] = [seriesAbout(24, seededRandom(1)), seriesAbout(0.7, seededRandom(1))]
    for (const [series, dividend] of [
      [tenth, 0.002],
      [half, 0.006],
    ] as const) {
      const [step] = stepsAfter(series, [{ exDate: EX_DATE, dividend }])
      expect(step).toMatchObject({ before: EX_DATE, priceFactor: 1, isSplit: false })
      expect((1 - (step?.exactAdjFactor ?? 1)) * closeBefore(series)).toBeCloseTo(dividend, 3)
    }
  })

  test('of a dividend of any amount are off by a fifth of a cent of the close at most', () => {
    forRandomCases('exact dividends', 40, (random) => {
      const series = seriesAbout(10 ** (0.7 + 2 * random()), random)
      const digits = oneOf(random, [100, 1_000, 10_000])
      const dividend = Math.max(1, Math.round(closeBefore(series) * 0.02 * random() * digits)) / digits
      const [step] = stepsAfter(series, [{ exDate: EX_DATE, dividend }])
      const truth = 1 - dividend / closeBefore(series)
      expect(Math.abs((step?.exactAdjFactor ?? 1) - truth) * closeBefore(series)).toBeLessThan(0.002)
    })
  })
})
