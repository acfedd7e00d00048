// The verdict on a vendor's past. The cases are public ones: splits, dividends and faults that users of several vendors met.

import { describe, expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { XNYS } from '../../../lib/core/calendar.ts'
import { comparePast, glanceAt } from '../../../lib/datasets/prices/past.ts'
import type { RowPair } from '../../../lib/datasets/prices/past-steps.ts'
import { iso, makeBars, SEED } from '../../support/bars.ts'
import { forRandomCases, wholeBetween } from '../../support/random.ts'

const SESSIONS = XNYS.sessions({ from: iso('2024-06-03'), to: iso('2024-09-16') })
const cents = (value: number) => Math.round(value * 100) / 100

/** Stored rows, newest first; the newest session of all is not stored yet. */
function storedRows(count: number, seed = SEED): readonly Row[] {
  return makeBars(SESSIONS, seed)
    .slice(-count - 1, -1)
    .toReversed()
    .map((bar): Row => ({ symbol: 'AAPL', ...bar }))
}

type Change = (row: Row, position: number) => Partial<Row>

const scaled =
  (price: number, adjusted = price, volume = 1 / price): Change =>
  (row) => ({
    open: cents(Number(row['open']) * price),
    high: cents(Number(row['high']) * price),
    low: cents(Number(row['low']) * price),
    close: cents(Number(row['close']) * price),
    adjClose: cents(Number(row['adjClose']) * adjusted),
    volume: Math.round(Number(row['volume']) * volume),
  })

/** Beyond a position, rows from there on are changed. */
const from =
  (position: number, change: Change): Change =>
  (row, at) =>
    at >= position ? change(row, at) : {}

const only =
  (positions: readonly number[], change: Change): Change =>
  (row, at) =>
    positions.includes(at) ? change(row, at) : {}

function pairsOf(stored: readonly Row[], change: Change): readonly RowPair[] {
  return stored.map((row, position) => ({ stored: row, now: { ...row, ...change(row, position) } as Row }))
}

/** The vendor's newest bar: prices on the base of its rows now, the adjusted close as far below the close as before. */
function nextAfter(pairs: readonly RowPair[]): Row {
  const [newest] = pairs
  if (newest === undefined) throw new Error('There is no row')
  const { stored, now } = newest
  const adjClose = cents((Number(now['close']) * Number(stored['adjClose'])) / Number(stored['close']))
  return { ...now, date: SESSIONS.at(-1) ?? now.date, adjClose }
}

const pastOf = (change: Change, count = 30, seed = SEED) => {
  const pairs = pairsOf(storedRows(count, seed), change)
  return comparePast(pairs, nextAfter(pairs))
}

describe('the verdict', () => {
  test.each<[string, Change, string]>([
    ['nothing', () => ({}), 'same'],
    ['an adjusted close that the vendor has no more', only([0], () => ({ adjClose: null })), 'same'],
    ['a volume corrected by shares', only([3], (row) => ({ volume: Number(row['volume']) + 13 })), 'corrected'],
    ['every volume doubled', (row) => ({ volume: Number(row['volume']) * 2 }), 'revolumed'],
    [
      'one bar corrected',
      only([2], (row) => ({ close: Number(row['close']) + 0.07, adjClose: Number(row['adjClose']) + 0.07 })),
      'corrected',
    ],
    ['a 4:1 split', scaled(1 / 4), 'rebased'],
    ['a 10:1 split', scaled(1 / 10), 'rebased'],
    ['a 20:1 split', scaled(1 / 20), 'rebased'],
    ['a 1:8 reverse split', scaled(8), 'rebased'],
    ['a 1:30 reverse split', scaled(30), 'rebased'],
    ['a 3:2 split', scaled(2 / 3), 'rebased'],
    ['a 21:20 stock dividend', scaled(20 / 21), 'rebased'],
    ['a ratio that no list has', scaled(1 / 1.0027455), 'rebased'],
    ['a spin-off in prices alone', scaled(0.78, 0.78, 1), 'rebased'],
    ['a split one session early', from(1, scaled(1 / 4)), 'implausible'],
    ['a dividend of half a percent', scaled(1, 0.995, 1), 'readjusted'],
    ['a special dividend of ten percent', scaled(1, 0.9, 1), 'readjusted'],
    ['a split and a dividend at once', scaled(1 / 2, 0.49, 2), 'rebased'],
    ['a dividend of long ago, late', from(12, scaled(1, 0.99, 1)), 'readjusted'],
    [
      'every bar restated a little, each in its own way',
      (row, at) => scaled(1 + 0.001 * ((at % 7) - 3), 1, 1)(row, at),
      'restated',
    ],
    ['a lost split: old rows multiplied back', from(10, scaled(4)), 'implausible'],
    ['a split of the closes that the adjusted closes have not', scaled(1 / 4, 1, 4), 'unsettled'],
    ['a split of the adjusted closes that the closes have not', scaled(1, 1 / 2, 1), 'implausible'],
  ])('of %s', (_, change, expected) => {
    expect(pastOf(change).verdict).toBe(expected as never)
  })

  test('of another company’s series is other', () => {
    const mine = storedRows(30, SEED)
    const theirs = storedRows(30, SEED + 1_000)
    const pairs = mine.map((stored, at): RowPair => ({
      stored,
      now: { ...stored, ...theirs[at], date: stored.date } as Row,
    }))
    expect(comparePast(pairs, undefined).verdict).toBe('other')
  })

  test('of a false split before the newest of two new bars is implausible: the older one is multiplied with the past', () => {
    const pairs = pairsOf(storedRows(30), scaled(1 / 4))
    const next = nextAfter(pairs)
    const newest = nextAfter(pairsOf(storedRows(30), () => ({})))
    expect(comparePast(pairs, next).verdict).toBe('rebased')
    expect(comparePast(pairs, next, newest).verdict).toBe('implausible')
  })

  test('of a single stored row that a split has moved is restated: there is nothing to explain it by', () => {
    expect(['rebased', 'restated']).toContain(pastOf(scaled(1 / 4), 1).verdict)
  })
})

describe('the steps', () => {
  test('of a split tell its ratio and the session before which it is', () => {
    expect(pastOf(scaled(1 / 4)).steps).toEqual([
      expect.objectContaining({
        before: '2024-09-16',
        ratio: '4:1',
        exactFactor: 0.25,
        isSplit: true,
        dividend: undefined,
      }),
    ])
  })

  test('of a dividend tell its amount', () => {
    const past = pastOf((row, at) => scaled(1, 1 - 0.83 / 100, 1)(row, at))
    const [step] = past.steps
    const close = Number(storedRows(30)[0]?.['close'])
    expect(step?.dividend).toBeCloseTo(0.0083 * close, 1)
  })

  test('of two events are two, newest first', () => {
    const past = pastOf((row, at) => (at >= 15 ? scaled(1 / 4) : scaled(1 / 2))(row, at))
    expect(past.steps.map(({ ratio }) => ratio)).toEqual(['2:1', '2:1'])
  })
})

describe('the glance', () => {
  const glance = (change: Change, isAll = false) => glanceAt(pairsOf(storedRows(10), change), isAll)
  test.each<[string, Change, boolean, string]>([
    ['no difference', () => ({}), false, 'same'],
    ['volumes alone', (row) => ({ volume: Number(row['volume']) + 1 }), false, 'corrected'],
    ['one bar', only([1], (row) => ({ close: Number(row['close']) + 1 })), false, 'corrected'],
    ['one bar, and it is all that is stored', only([1], (row) => ({ close: Number(row['close']) + 1 })), true, 'look'],
    ['four bars', only([0, 1, 2, 3], (row) => ({ close: Number(row['close']) + 1 })), false, 'look'],
    ['an old bar', only([8], (row) => ({ close: Number(row['close']) + 1 })), false, 'look'],
    ['an adjusted close alone', only([1], (row) => ({ adjClose: Number(row['adjClose']) - 0.01 })), false, 'look'],
    ['every row', scaled(1 / 2), false, 'look'],
  ])('at %s', (_, change, isAll, expected) => {
    expect(glance(change, isAll)).toBe(expected as never)
  })
})

test('a split of any ratio is told as it is, whatever the series', () => {
  forRandomCases('past', 200, (random) => {
    const [after, before] = [wholeBetween(random, 1, 25), wholeBetween(random, 1, 10)]
    if (after === before || Math.abs(Math.log(after / before)) < Math.log(1.3)) return
    const past = pastOf(scaled(before / after), 40, wholeBetween(random, 1, 1e6))
    expect({ after, before, verdict: past.verdict }).toEqual({ after, before, verdict: 'rebased' })
    const [p, q] = (past.steps[0]?.ratio ?? '0:1').split(':').map(Number)
    expect(Math.abs((p ?? 0) / (q ?? 1) / (after / before) - 1)).toBeLessThan(0.002)
  })
})
