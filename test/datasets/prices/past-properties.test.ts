// What holds of the verdict on a vendor's past for every series, split, dividend and correction.

import { expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { addDays, type IsoDate } from '../../../lib/core/dates.ts'
import { COMPARED_SESSIONS } from '../../../lib/datasets/prices/recent-files.ts'
import { comparePast, glanceAt } from '../../../lib/datasets/prices/past.ts'
import type { RowPair } from '../../../lib/datasets/prices/past-steps.ts'
import { planMend } from '../../../lib/datasets/prices/mend.ts'
import {
  asIs,
  between,
  changedPast,
  dividend,
  from,
  makeSeries,
  movedClose,
  PRICE_NAMES,
  rounded,
  split,
  times,
  withStored,
  type Bases,
  type ChangedPast,
  type Event,
} from '../../support/changed-pasts.ts'
import { forRandomCases, oneOf, wholeBetween, type Random } from '../../support/random.ts'

const CASES = 100

const ORDINARY_RATIOS: readonly (readonly [after: number, before: number])[] = [
  [2, 1],
  [4, 1],
  [3, 2],
  [1, 8],
  [1, 10],
]

const drawLevel = (random: Random) => between(random, 20, 1_500)

function unchanged(random: Random): ChangedPast {
  return changedPast(makeSeries(random), { level: drawLevel(random), stored: asIs, now: asIs })
}

/** Terms without a common divisor, of a split that moves every price by cents. */
function drawRatio(random: Random): readonly [after: number, before: number] {
  for (;;) {
    const [after, before] = [wholeBetween(random, 1, 50), wholeBetween(random, 1, 50)]
    if (after !== before && divisorOf(after, before) === 1) return [after, before]
  }
}

function divisorOf(a: number, b: number): number {
  return b === 0 ? a : divisorOf(b, a % b)
}

/** A level at which the prices before and after a split tell its ratio. */
const levelOf = (random: Random, [after, before]: readonly [number, number]) =>
  drawLevel(random) * Math.max(1, before / after)

/** An event that the vendor has applied since, with its ex date after a position. */
function applied(random: Random, event: Event, { level, at = 1 }: { readonly level: number; readonly at?: number }) {
  return changedPast(makeSeries(random), { level, stored: from(at, event.unapplied), now: from(at, event.applied) })
}

/** A past of any kind: an event, corrections, another base of the volumes, or nothing. */
function anyPast(random: Random): ChangedPast {
  const ratio = drawRatio(random)
  const level = levelOf(random, ratio)
  const kinds = [
    () => unchanged(random),
    () => applied(random, split(...ratio), { level }),
    () => applied(random, dividend(between(random, 0.001, 0.1)), { level, at: wholeBetween(random, 1, 30) }),
    () =>
      withStored(applied(random, split(...ratio), { level }), (row, at) =>
        at < 2 ? movedClose(row, 1.01) : undefined,
      ),
    () => withStored(unchanged(random), (row) => (random() < 0.2 ? movedClose(row, 1 + random()) : undefined)),
    () => withStored(unchanged(random), ({ volume }) => ({ volume: Number(volume) + wholeBetween(random, 0, 1) })),
  ]
  return oneOf(random, kinds)()
}

function shuffled<T>(random: Random, list: readonly T[]): readonly T[] {
  const keyed = list.map((value) => ({ value, key: random() }))
  return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value)
}

test('equal rows are the same', () => {
  forRandomCases('equal rows', CASES, (random) => {
    const { pairs, next } = unchanged(random)
    expect(comparePast(pairs, random() < 0.5 ? next : undefined)).toEqual({ verdict: 'same', steps: [], differing: [] })
    expect(glanceAt(pairs, random() < 0.5)).toBe('same')
  })
})

test('the order of the rows changes nothing', () => {
  forRandomCases('permutations', CASES, (random) => {
    const { pairs, next } = anyPast(random)
    expect(comparePast(shuffled(random, pairs), next)).toEqual(comparePast(pairs, next))
    const recent = pairs.slice(0, COMPARED_SESSIONS)
    expect(glanceAt(shuffled(random, recent), false)).toBe(glanceAt(recent, false))
  })
})

test('the sessions that differ are those in which a value does, newest first', () => {
  forRandomCases('differing sessions', CASES, (random) => {
    const { pairs, next } = anyPast(random)
    const expected = pairs.filter(({ stored, now }) => !Bun.deepEquals(stored, now)).map(({ now }) => now.date)
    expect(comparePast(pairs, next).differing).toEqual(expected)
  })
})

test('stored rows scaled by any p:q are rebased by p:q', () => {
  forRandomCases('splits', CASES, (random) => {
    const [after, before] = drawRatio(random)
    const { pairs, next } = applied(random, split(after, before), { level: levelOf(random, [after, before]) })
    const { verdict, steps } = comparePast(pairs, next)
    expect({ verdict, steps: steps.length }).toEqual({ verdict: 'rebased', steps: 1 })
    expect(steps[0]).toMatchObject({
      before: next.date,
      ratio: `${after}:${before}`,
      exactFactor: before / after,
      isSplit: true,
      dividend: undefined,
    })
  })
})

test('the same split in prices alone is rebased too, and no split of the shares', () => {
  forRandomCases('spin-offs', CASES, (random) => {
    const [after, before] = drawRatio(random)
    const { unapplied, applied: base } = split(after, before)
    const event = { unapplied: { ...unapplied, volume: 1 }, applied: base }
    const { pairs, next } = applied(random, event, { level: levelOf(random, [after, before]) })
    const { verdict, steps } = comparePast(pairs, next)
    expect({ verdict, steps }).toMatchObject({ verdict: 'rebased', steps: [{ isSplit: false }] })
  })
})

test('a split is rebased where the vendor has no bar after it, before the day after the newest row', () => {
  forRandomCases('splits without a bar', CASES, (random) => {
    const [after, before] = drawRatio(random)
    const { pairs } = applied(random, split(after, before), { level: levelOf(random, [after, before]) })
    const day = addDays(pairs[0]?.now.date as IsoDate, 1)
    const { verdict, steps } = comparePast(pairs, undefined)
    expect({ verdict, steps }).toMatchObject({
      verdict: 'rebased',
      steps: [{ before: day, ratio: `${after}:${before}` }],
    })
  })
})

test('a dividend is found, and named with its amount and its ex date', () => {
  forRandomCases('dividends', CASES, (random) => {
    const level = drawLevel(random)
    const share = between(random, 0.003, 0.15)
    const at = wholeBetween(random, 1, 30)
    const { pairs, next } = applied(random, dividend(share), { level, at })
    const { verdict, steps } = comparePast(pairs, next)
    expect({ verdict, steps: steps.length }).toEqual({ verdict: 'readjusted', steps: 1 })
    const last = pairs[at - 1]
    expect(steps[0]).toMatchObject({ before: (pairs[at - 2]?.now ?? next).date, ratio: undefined, priceFactor: 1 })
    const amount = share * Number(last?.now['close'])
    expect(Math.abs((steps[0]?.dividend ?? 0) - amount)).toBeLessThan(0.01)
  })
})

test('a dividend is named the same on a night that corrects the newest bar', () => {
  forRandomCases('dividends and corrections', CASES, (random) => {
    const past = applied(random, dividend(between(random, 0.003, 0.15)), { level: drawLevel(random) })
    const corrected = withStored(past, (row, position) => (position === 0 ? movedClose(row, 1.01) : undefined))
    const [plain, both] = [past, corrected].map(({ pairs, next }) => comparePast(pairs, next))
    expect(both?.verdict).toBe('readjusted')
    expect(both?.steps).toHaveLength(1)
    expect(both?.steps[0]?.adjFactor).toBeCloseTo(plain?.steps[0]?.adjFactor ?? 0, 3)
  })
})

test('up to three rows are corrected, if they are not among the oldest three', () => {
  forRandomCases('corrections', CASES, (random) => {
    const { pairs: all, next } = unchanged(random)
    const pairs = all.slice(0, wholeBetween(random, 4, all.length))
    const positions = new Set(
      Array.from({ length: wholeBetween(random, 1, 3) }, () => wholeBetween(random, 0, pairs.length - 4)),
    )
    const names = [...PRICE_NAMES, 'volume']
    const factor = 1 + (random() < 0.5 ? -1 : 1) * between(random, 0.005, 0.5)
    const isWhole = random() < 0.5
    const edited = withStored({ pairs, next }, (row, position) => {
      if (!positions.has(position)) return undefined
      if (!isWhole) return movedClose(row, factor)
      return Object.fromEntries(
        names.map((name) => [name, rounded(Number(row[name]) * factor, name === 'volume' ? 0 : 2)]),
      )
    })
    expect(glanceAt(edited.pairs, false)).toBe('corrected')
    expect(comparePast(edited.pairs, next)).toMatchObject({ verdict: 'corrected', steps: [] })
  })
})

test('volumes that have all changed by one ratio are revolumed, others corrected', () => {
  forRandomCases('volumes', CASES, (random) => {
    const past = unchanged(random)
    const ratio = oneOf(random, [0.01, 0.1, 0.5, 1.5, 2, 3, 10, 100])
    const all = withStored(past, ({ volume }) => ({ volume: Math.round(Number(volume) * ratio) }))
    const some = withStored(past, ({ volume }) => ({ volume: Math.round(Number(volume) * (1 + random() * 0.05)) + 1 }))
    expect(comparePast(all.pairs, past.next).verdict).toBe('revolumed')
    expect(comparePast(some.pairs, past.next).verdict).toBe('corrected')
  })
})

test('adjustments that have reached a part of the rows are no corrections', () => {
  forRandomCases('strays', CASES, (random) => {
    const past = unchanged(random)
    const strays = new Set([
      1,
      8,
      9,
      ...Array.from({ length: 3 }, () => wholeBetween(random, 11, past.pairs.length - 1)),
    ])
    const pairs = past.pairs.map(({ stored, now }, at): RowPair => {
      const factor = strays.has(at) ? 0.5 : 1
      const prices = [...PRICE_NAMES, 'adjClose'].map((name) => [name, rounded(Number(now[name]) * factor, 2)])
      return { stored, now: { ...now, ...(Object.fromEntries(prices) as Partial<Row>) } as Row }
    })
    expect(['other', 'implausible']).toContain(comparePast(pairs, past.next).verdict)
  })
})

test('what is carried over is what the vendor would have, within what rounding leaves of the factor', () => {
  forRandomCases('carried rows', CASES, (random) => {
    const [first, second] = [drawEvent(random), drawEvent(random)]
    const bases =
      (which: keyof Event): Bases =>
      (position) =>
        times(from(first.at, first.event[which])(position), from(second.at, second.event[which])(position))
    const [stored, now, level] = [bases('unapplied'), bases('applied'), between(random, 100, 1_500)]
    const { pairs, next } = changedPast(makeSeries(random), { level, stored, now })
    const [kept, gone] = [pairs.slice(0, 30), pairs.slice(30)]
    const mended = carriedOver({ pairs: kept, next }, gone)
    const least = Math.min(...kept.map((pair) => Number(pair.now['adjClose'])))
    const differing = gone.filter((pair) => {
      const row = mended.get(pair.now.date)
      const [of, is] = [(name: string) => Number(pair.now[name]), (name: string) => Number(row?.[name])]
      // Half a cent of both sides, and more where a price is higher than those that told the factor.
      const cent = 0.01 * (1 + of('close') / Number(pair.stored['close']))
      const isPriceNear = PRICE_NAMES.every((name) => Math.abs(is(name) - of(name)) < cent)
      const isAdjustedNear = Math.abs(is('adjClose') - of('adjClose')) < cent * Math.max(1, of('adjClose') / least)
      return !isPriceNear || !isAdjustedNear || Math.abs(is('volume') / of('volume') - 1) > 0.01
    })
    expect(differing).toEqual([])
  })
})

/** A split or a dividend, and the position before which it was. */
function drawEvent(random: Random): { readonly at: number; readonly event: Event } {
  const at = wholeBetween(random, 1, 18)
  if (random() < 0.3) return { at, event: dividend(between(random, 0.003, 0.1)) }
  const [after, before] = oneOf(random, ORDINARY_RATIOS)
  return { at, event: split(after, before) }
}

/** The rows that a mend makes of those that the vendor has no more, by date. */
function carriedOver({ pairs, next }: ChangedPast, gone: readonly RowPair[]): ReadonlyMap<IsoDate, Row> {
  const years = planMend({
    past: comparePast(pairs, next),
    answer: new Map(pairs.map(({ now }) => [now.date, now])),
    stored: { absent: gone.map(({ stored }) => stored), yearFiles: new Map(), dayFiles: new Map() },
    newest: pairs[0]?.now.date ?? next.date,
  })
  return new Map(years.flatMap(({ rows }) => rows).map((row) => [row.date, row]))
}
