import { describe, expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import type { Footer } from '../../../lib/parquet/parquet.ts'
import { planMend } from '../../../lib/datasets/prices/mend.ts'
import type { Past } from '../../../lib/datasets/prices/past.ts'
import type { PastStep } from '../../../lib/datasets/prices/past-steps.ts'
import { at, day, footerOf, priceRow, storedFile } from '../../support/values.ts'

const SPLIT: PastStep = {
  before: day('2024-06-10'),
  priceFactor: 0.25,
  adjFactor: 0.249,
  exactFactor: 0.25,
  exactAdjFactor: 0.249,
  ratio: '4:1',
  isSplit: true,
  dividend: undefined,
}
const pastOf = (differing: readonly string[], steps: readonly PastStep[] = [SPLIT]): Past => ({
  verdict: 'rebased',
  steps,
  differing: differing.map(day),
})
const answerOf = (dates: readonly string[]) =>
  new Map(dates.map((date): [Row['date'], Row] => [day(date), priceRow(date)]))
/** What is stored and absent from the answer, with the footers of year files and the sessions of day files. */
const storedWith = (
  absent: readonly Row[],
  footers: Readonly<Record<number, Partial<Footer>>> = {},
  days: readonly string[] = [],
) => ({
  absent,
  yearFiles: new Map(
    Object.entries(footers).map(([year, footer]) => [
      Number(year),
      { file: storedFile(year), footer: footerOf(`${year}-01-03..${year}-06-07`, footer) },
    ]),
  ),
  dayFiles: new Map(days.map((date) => [day(date), storedFile(date)])),
})

describe('planMend()', () => {
  test('writes the years in which a row differs, oldest first, up to the newest stored session', () => {
    const answer = answerOf(['2022-01-03', '2023-01-03', '2024-01-02', '2024-06-11', '2024-06-12'])
    const years = planMend({
      past: pastOf(['2024-01-02', '2022-01-03']),
      answer,
      stored: storedWith([]),
      newest: day('2024-06-11'),
    })
    expect(years.map(({ year, rows }) => [year, rows.map(({ date }) => date)])).toEqual([
      [2022, [day('2022-01-03')]],
      [2024, [day('2024-06-11'), day('2024-01-02')]],
    ])
  })

  test('carries over what the answer lacks: prices by the split’s fraction, adjClose by its own factor, shares by the inverse', () => {
    const absent = [priceRow('2020-01-02', { open: 10.01, close: 11.03, adjClose: 10.9, volume: 1_000 })]
    const [year] = planMend({
      past: pastOf(['2024-01-02']),
      answer: answerOf(['2024-01-02']),
      stored: storedWith(absent),
      newest: day('2024-06-07'),
    })
    expect(year).toMatchObject({ year: 2020, carried: [{ from: '2020-01-02', to: '2020-01-02' }] })
    expect(year?.rows[0]).toMatchObject({ open: 2.5025, close: 2.7575, adjClose: 10.9 * 0.249, volume: 4_000 })
  })

  test('names the stretches of carried rows', () => {
    const absent = ['2024-01-02', '2024-01-03', '2024-01-05'].map((date) => priceRow(date))
    const answer = answerOf(['2024-01-04', '2024-01-08'])
    const [year] = planMend({
      past: pastOf(['2024-01-04']),
      answer,
      stored: storedWith(absent),
      newest: day('2024-06-07'),
    })
    expect(year?.carried).toEqual([
      { from: day('2024-01-02'), to: day('2024-01-03') },
      { from: day('2024-01-05'), to: day('2024-01-05') },
    ])
  })

  test('carries nothing into years that need no mend where no base has changed', () => {
    const years = planMend({
      past: pastOf(['2024-01-04'], []),
      answer: answerOf(['2024-01-04']),
      stored: storedWith([priceRow('2020-01-02')]),
      newest: day('2024-06-07'),
    })
    expect(years.map(({ year }) => year)).toEqual([2024])
  })

  describe('after one that was interrupted before the year beside those that the vendor lacks', () => {
    const absent = [priceRow('2020-01-02', { close: 5.5, adjClose: 5.4, volume: 2_000 })]
    const carriedBy = 'price=0.5 adjClose=0.498 volume=2 beside=2024'
    const facts = { past: pastOf(['2024-01-02']), answer: answerOf(['2024-01-02']), newest: day('2024-06-07') }
    const [earlier, later] = [1_000, 2_000].map((ms) => ({ ingestMs: at('2024-06-10T00:00:00Z') + ms }))

    test('carries a year on from where that mend left it, and marks it as from the base of that year', () => {
      const stored = storedWith(absent, { 2020: { ...later, carriedBy }, 2024: { ...earlier } })
      const [year] = planMend({ ...facts, stored })
      expect(year?.rows[0]).toMatchObject({ close: 2.75, adjClose: 5.4 * (0.249 / 0.498), volume: 4_000 })
      expect(year?.carriedBy).toBe('price=0.25 adjClose=0.249 volume=4 beside=2024')
    })

    test('is told from one that was whole, and from a row that was stored after it', () => {
      const whole = storedWith(absent, { 2020: { ...later, carriedBy }, 2024: { ...later } })
      expect(planMend({ ...facts, stored: whole })[0]?.rows[0]).toMatchObject({ close: 1.375, volume: 8_000 })
      const files = { 2020: { ...later, carriedBy }, 2024: { ...earlier } }
      const newer = storedWith(absent, files, ['2020-01-02'])
      expect(planMend({ ...facts, stored: newer })[0]?.rows[0]).toMatchObject({ close: 1.375, volume: 8_000 })
    })
  })
})
