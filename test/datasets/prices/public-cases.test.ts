// Public cases of a vendor's past that moved, by their verdict: events and faults that users of several vendors met. Bodies
// recorded and prices of the market where there are any, else series made on the public figures; prices and dates that
// nobody published are made up. Cases that need a whole run, and the first of all, are in public-cases.runs.test.ts.

import { expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { COMPARED_SESSIONS } from '../../../lib/datasets/prices/recent-files.ts'
import { comparePast, glanceAt, type Past } from '../../../lib/datasets/prices/past.ts'
import type { RowPair } from '../../../lib/datasets/prices/past-steps.ts'
import { iso, sessions } from '../../support/bars.ts'
import {
  asIs,
  changedPast,
  dividend,
  from,
  makeSeries,
  spinOff,
  split,
  UNCHANGED,
  type Base,
  type ChangedPast,
  type Event,
} from '../../support/changed-pasts.ts'
import { seededRandom } from '../../support/random.ts'
import { readRealSeries, realRowOn } from '../../support/real-prices.ts'
import { fixtureText } from '../../support/recorded.ts'

/** A seed whose series has five years. */
const LONG = 79
const SERIES = makeSeries(seededRandom(LONG))

/** Stored rows on the night of an ex date, when the vendor has applied the event; `level` is the close of that date. */
function pastOf(event: Event, { level, exDate }: { readonly level: number; readonly exDate: string }): ChangedPast {
  const [stored, now] = [from(1, event.unapplied), from(1, event.applied)]
  return changedPast(SERIES, { level, newest: iso(exDate), stored, now })
}

/** What is said of all rows, where those of the night tell to look at them. */
function lookAt({ pairs, next }: ChangedPast): Past {
  expect(glanceAt(pairs.slice(0, COMPARED_SESSIONS), false)).toBe('look')
  return comparePast(pairs, next)
}

test('case 2: NVDA 10:1 of 2024-06-10: rebased', () => {
  const past = lookAt(pastOf(split(10, 1), { level: 121, exDate: '2024-06-10' }))
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: '2024-06-10', ratio: '10:1', isSplit: true }] })
})

test.each([130, 180])(
  'case 2: NVDA dividend of 0.01 at %d, less than a hundredth of a percent: readjusted',
  (level) => {
    expect(lookAt(pastOf(dividend(0.01 / level), { level, exDate: '2024-09-12' })).verdict).toBe('readjusted')
  },
)

test.each([
  ['GOOGL', 109],
  ['GOOG', 110],
])('case 3: %s 20:1 of 2022-07-18: rebased', (_, level) => {
  const past = lookAt(pastOf(split(20, 1), { level, exDate: '2022-07-18' }))
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: '2022-07-18', ratio: '20:1', isSplit: true }] })
})

test.each([
  [2_002, '2014-03-27', '1001:500'],
  [1_998, '2014-04-03', '999:500'],
])('case 4: GOOG %d:1000 of %s in one list, otherwise in others: rebased as measured', (after, exDate, ratio) => {
  const past = lookAt(pastOf(split(after, 1_000), { level: 560, exDate }))
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: exDate, ratio, isSplit: true }] })
})

test('case 5: GOOG 10027455:10000000 of 2015-04-27: rebased, no simple fraction', () => {
  const past = lookAt(pastOf(split(10_027_455, 10_000_000), { level: 565, exDate: '2015-04-27' }))
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: '2015-04-27', isSplit: true }] })
  expect(past.steps[0]?.ratio).toBeUndefined()
  expect(past.steps[0]?.exactFactor).toBeCloseTo(1 / 1.0027455, 6)
})

test('case 6: GE 1:8 of 2021-08-02: rebased', () => {
  const past = lookAt(pastOf(split(1, 8), { level: 103, exDate: '2021-08-02' }))
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: '2021-08-02', ratio: '1:8', isSplit: true }] })
})

test.each([
  ['2023-01-04', 1_281, 'price and volume'],
  ['2023-01-04', 1_281, 'price alone'],
  ['2024-04-02', 1_253, 'price and volume'],
  ['2024-04-02', 1_253, 'price alone'],
])('case 6: GE spin-off of %s, %d:1000 in some lists, in %s: rebased', (exDate, after, where) => {
  const isSplit = where === 'price and volume'
  const past = lookAt(pastOf(isSplit ? split(after, 1_000) : spinOff(1_000 / after), { level: 140, exDate }))
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: exDate, isSplit, dividend: undefined }] })
  expect(past.steps[0]?.exactFactor).toBeCloseTo(1_000 / after, 5)
})

test('case 10: MHH of 2018-08-24, volume × 2 alone: corrected volumes', () => {
  const now = from(1, { ...UNCHANGED, volume: 2 })
  const { pairs, next } = changedPast(SERIES, { level: 9, newest: iso('2018-08-24'), stored: asIs, now })
  expect(glanceAt(pairs.slice(0, COMPARED_SESSIONS), false)).toBe('corrected')
  expect(comparePast(pairs, next)).toMatchObject({ verdict: 'revolumed', steps: [] })
})

test('case 16: MSFT 3.00 + 0.08 special of 2004-11-15 (real prices): readjusted, 0.8989', async () => {
  const past = lookAt(await realPast('MSFT', '2004-11-12', '2004-11-15'))
  expect(past).toMatchObject({ verdict: 'readjusted', steps: [{ before: '2004-11-15', priceFactor: 1 }] })
  expect(past.steps[0]?.adjFactor).toBeCloseTo(0.8989, 4)
})

test('case 18: COST special 10.00 of December 2020 at 380: readjusted, 0.974', () => {
  const { pairs, next } = pastOf(dividend(10 / 380), { level: 370, exDate: '2020-12-01' })
  expect(Number(pairs[0]?.now['close'])).toBeWithin(375, 385)
  const past = lookAt({ pairs, next })
  expect(past).toMatchObject({ verdict: 'readjusted', steps: [{ before: '2020-12-01', priceFactor: 1 }] })
  expect(past.steps[0]?.adjFactor).toBeCloseTo(0.974, 3)
  expect(past.steps[0]?.dividend).toBeCloseTo(10, 0)
})

test('case 22: UVXY, 242,695,146 in 2011 and volumes near nothing: rebased, volume is no evidence', () => {
  const rise = 242_695_146 / 20
  const series = SERIES.map(({ open, high, low, close, adjustment }, at) => {
    const times = rise ** (at / (SERIES.length - 1))
    const volume = 2e6 / times
    return { open: open * times, high: high * times, low: low * times, close: close * times, adjustment, volume }
  })
  const { unapplied, applied } = split(1, 10)
  const change = { level: 20, newest: iso('2018-09-18'), stored: from(1, unapplied), now: from(1, applied) }
  const { pairs, next } = changedPast(series, change)
  expect(Number(pairs.at(-1)?.now['close'])).toBeGreaterThan(1e8)
  expect(pairs.at(-1)?.now['volume']).toBe(0)
  const past = lookAt({ pairs, next })
  expect(past).toMatchObject({ verdict: 'rebased', steps: [{ before: '2018-09-18', ratio: '1:10' }] })
  // The same where the vendor leaves all volumes alone.
  const still = pairs.map(({ stored, now }): RowPair => ({ stored, now: { ...now, volume: stored['volume'] ?? null } }))
  expect(comparePast(still, next)).toMatchObject({ verdict: 'rebased', steps: [{ ratio: '1:10', isSplit: false }] })
})

test('case 23: AAPL volumes of January 2023, 8 to 33 shares more (recorded bodies): corrected', () => {
  const earlier = JSON.parse(fixtureText('legacy-v3-historical-price-full.AAPL.2023-01.json')) as {
    readonly historical: readonly Row[]
  }
  const later = JSON.parse(fixtureText('stable-historical-price-eod-full.AAPL.2023-01.json')) as readonly Row[]
  // The later recording has no adjusted closes.
  const pairs = earlier.historical.map((stored): RowPair => {
    const now = later.find(({ date }) => date === stored.date)
    return { stored, now: { ...stored, ...now, adjClose: stored['adjClose'] ?? null } }
  })
  const more = pairs.map(({ stored, now }) => Number(now['volume']) - Number(stored['volume']))
  expect(more).toEqual([0, 13, 15, 8, 33, 0])
  expect(glanceAt(pairs, false)).toBe('corrected')
  const differing = ['2023-01-09', '2023-01-06', '2023-01-05', '2023-01-04'].map(iso)
  expect(comparePast(pairs, undefined)).toEqual({ verdict: 'corrected', steps: [], differing })
})

test('case 24: a weekly payer, a mended lake: readjusted by one step', () => {
  const past = lookAt(pastOf(dividend(0.008), { level: 20, exDate: '2024-09-12' }))
  expect(past).toMatchObject({ verdict: 'readjusted', steps: [{ before: '2024-09-12', priceFactor: 1 }] })
})

test('case 24: a weekly payer, a lake of day files that nobody mended: readjusted, a step every five rows', () => {
  const weeks = 40
  const paid = dividend(0.008).applied
  // Each row was stored as its session was traded; the vendor's has all the dividends since.
  const base = (at: number, adjusted?: number): Base => {
    const price = paid.price ** Math.ceil(at / 5)
    return { price, adjusted: adjusted ?? price, volume: 1 }
  }
  const series = SERIES.slice(0, 5 * weeks + 1).map((session) => ({ ...session, adjustment: 1 }))
  const change = {
    level: 20,
    newest: iso('2024-09-12'),
    stored: (at: number) => base(at),
    now: (at: number) => base(at, 1),
  }
  const past = lookAt(changedPast(series, change))
  expect(past.verdict).toBe('readjusted')
  const exDates = sessions('2023-10-01', '2024-09-12')
    .toReversed()
    .filter((_, at) => at % 5 === 0)
  expect(past.steps.map(({ before }) => before as string)).toEqual(exDates.slice(0, weeks))
  for (const { priceFactor, adjFactor } of past.steps) {
    expect(priceFactor).toBe(1)
    expect(adjFactor).toBeCloseTo(0.992, 2)
  }
})

/** Real prices of a year up to one session, and as the vendor has them a session later. */
async function realPast(symbol: string, newest: string, next: string): Promise<ChangedPast> {
  const all = (await readRealSeries()).get(symbol) ?? []
  const at = all.findIndex(({ date }) => date === newest)
  const [before, after] = [all[at], all[at + 1]]
  if (before === undefined || after?.date !== next) throw new Error(`${symbol} has no such sessions`)
  const pairs = all.slice(at - 250, at + 1).map((session) => {
    return { stored: realRowOn(symbol, session, before), now: realRowOn(symbol, session, after) }
  })
  return { pairs: pairs.toReversed(), next: realRowOn(symbol, after, after) }
}
