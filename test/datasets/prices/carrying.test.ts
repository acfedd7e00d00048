import { describe, expect, test } from 'bun:test'
import { interruptedBy, markOf, multiplied, multipliersAt, remaining } from '../../../lib/datasets/prices/carrying.ts'
import type { PastStep } from '../../../lib/datasets/prices/past-steps.ts'
import { at, day, footerOf, priceRow } from '../../support/values.ts'

const stepOf = (before: string, changes: Partial<PastStep>): PastStep => ({
  before: day(before),
  priceFactor: 1,
  adjFactor: 1,
  exactFactor: 1,
  exactAdjFactor: 1,
  ratio: undefined,
  isSplit: false,
  dividend: undefined,
  ...changes,
})

describe('multipliersAt()', () => {
  const steps = [
    stepOf('2024-06-10', { exactFactor: 0.25, exactAdjFactor: 0.25, isSplit: true }),
    stepOf('2023-03-01', { exactFactor: 0.8, exactAdjFactor: 0.79 }),
  ]

  test.each([
    ['2024-06-10', { price: 1, adjClose: 1, volume: 1 }],
    ['2024-06-07', { price: 0.25, adjClose: 0.25, volume: 4 }],
    ['2023-02-28', { price: 0.2, adjClose: 0.1975, volume: 4 }],
  ])('of %s are those of the steps after it; a spin-off leaves the volume', (date, expected) => {
    expect(multipliersAt(day(date), steps)).toEqual(expected)
  })
})

test('a row is multiplied unrounded but for its volume, and what it lacks stays lacking', () => {
  const row = priceRow('2020-01-02', { open: null, close: 11.03, adjClose: 10.9, volume: 1_001 })
  expect(multiplied(row, { price: 0.25, adjClose: 0.249, volume: 1.5 })).toEqual({
    ...row,
    high: 3,
    low: 2.3125,
    close: 2.7575,
    adjClose: 10.9 * 0.249,
    volume: 1_502,
  })
})

const fileOf = (year: number, ms: number, carriedBy?: string) =>
  [
    year,
    { footer: footerOf(`${year}-01-03..${year}-06-07`, { ingestMs: at('2024-06-10T00:00:00Z') + ms, carriedBy }) },
  ] as const

describe('interruptedBy()', () => {
  const done = { price: 0.956_022_944_550_669_2, adjClose: 0.95, volume: 1.046 }

  test('reads from the mark of a year what it was multiplied by, to the last digit', () => {
    const files = new Map([fileOf(2018, 5, markOf(done, 2024)), fileOf(2024, 4)])
    expect(interruptedBy(2018, files)).toEqual(done)
    expect(remaining(done, done)).toEqual({ price: 1, adjClose: 1, volume: 1 })
    // A lake of day files has no year yet.
    expect(interruptedBy(2018, new Map([fileOf(2018, 5, markOf(done, 2024))]))).toEqual(done)
  })

  test.each([
    ['a mend that reached the year beside it', [fileOf(2018, 5, markOf(done, 2024)), fileOf(2024, 5)]],
    ['a year beside it that was written again since', [fileOf(2018, 5, markOf(done, 2024)), fileOf(2024, 9)]],
    ['a year without a mark', [fileOf(2018, 5), fileOf(2024, 4)]],
    ['a mark that nobody wrote', [fileOf(2018, 5, 'price=x adjClose=1 volume=1 beside=2024'), fileOf(2024, 4)]],
    ['a year without a file', [fileOf(2024, 4)]],
  ])('is undefined for %s', (_, files) => {
    expect(interruptedBy(2018, new Map(files))).toBeUndefined()
  })
})
