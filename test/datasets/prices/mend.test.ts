import { describe, expect, test } from 'bun:test'
import type { Row } from '../../../lib/core/dataset.ts'
import { planMend } from '../../../lib/datasets/prices/mend.ts'
import type { Past } from '../../../lib/datasets/prices/past.ts'
import type { PastStep } from '../../../lib/datasets/prices/past-steps.ts'
import { day, priceRow } from '../../support/values.ts'

const SPLIT: PastStep = {
  before: day('2024-06-10'),
  priceFactor: 0.25,
  adjFactor: 0.249,
  exactFactor: 0.25,
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

describe('planMend()', () => {
  test('writes the years in which a row differs, oldest first, up to the newest stored session', () => {
    const answer = answerOf(['2022-01-03', '2023-01-03', '2024-01-02', '2024-06-11', '2024-06-12'])
    const years = planMend({
      past: pastOf(['2024-01-02', '2022-01-03']),
      answer,
      absent: [],
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
      absent,
      newest: day('2024-06-07'),
    })
    expect(year).toMatchObject({ year: 2020, carried: [{ from: '2020-01-02', to: '2020-01-02' }] })
    expect(year?.rows[0]).toMatchObject({ open: 2.5025, close: 2.7575, adjClose: 10.9 * 0.249, volume: 4_000 })
  })

  test('names the stretches of carried rows', () => {
    const absent = ['2024-01-02', '2024-01-03', '2024-01-05'].map((date) => priceRow(date))
    const answer = answerOf(['2024-01-04', '2024-01-08'])
    const [year] = planMend({ past: pastOf(['2024-01-04']), answer, absent, newest: day('2024-06-07') })
    expect(year?.carried).toEqual([
      { from: day('2024-01-02'), to: day('2024-01-03') },
      { from: day('2024-01-05'), to: day('2024-01-05') },
    ])
  })

  test('carries nothing into years that need no mend where no base has changed', () => {
    const years = planMend({
      past: pastOf(['2024-01-04'], []),
      answer: answerOf(['2024-01-04']),
      absent: [priceRow('2020-01-02')],
      newest: day('2024-06-07'),
    })
    expect(years.map(({ year }) => year)).toEqual([2024])
  })
})
