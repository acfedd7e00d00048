import { describe, expect, test } from 'bun:test'
import {
  factorIn,
  factorsOf,
  halfUnit,
  intersection,
  quotient,
  simplestDecimal,
  simplestFraction,
} from '../../../lib/datasets/prices/intervals.ts'

test.each([
  [124.81, 0.005],
  [125, 0.005],
  [0.1234, 0.00005],
  [1e-7, 0.5e-7],
  [1e-12, 0.5e-8],
])('halfUnit(%d) is %d', (price, expected) => {
  expect(halfUnit(price)).toBeCloseTo(expected, 12)
})

describe('factorsOf()', () => {
  test('holds the factor that made one rounded price of another', () => {
    const interval = factorsOf(499.24, 124.81)
    expect(interval?.low).toBeLessThan(0.25)
    expect(interval?.high).toBeGreaterThan(0.25)
    expect((interval?.high ?? 1) - (interval?.low ?? 0)).toBeLessThan(0.0001)
  })

  test.each([
    ['a price of nothing', 0, 1],
    ['a price below nothing', 1, -1],
  ])('is none of %s', (_, from, to) => {
    expect(factorsOf(from, to)).toBeUndefined()
  })

  test('has no upper end where the price can have been nothing', () => {
    expect(factorsOf(0.0000000001, 1)?.high).toBe(Infinity)
  })
})

test('intersection() and quotient() of intervals', () => {
  expect(intersection({ low: 1, high: 3 }, { low: 2, high: 4 })).toEqual({ low: 2, high: 3 })
  expect(intersection({ low: 1, high: 2 }, { low: 3, high: 4 })).toBeUndefined()
  expect(quotient({ low: 1, high: 2 }, { low: 4, high: 8 })).toEqual({ low: 0.125, high: 0.5 })
  expect(factorIn({ low: 0.9, high: 1.1 })).toBe(1)
  expect(factorIn({ low: 4, high: 9 })).toBe(6)
})

test.each([
  [0.249988, 0.250012, '1/4'],
  [0.666, 0.6672, '2/3'],
  [1.9999, 2.0001, '2/1'],
  [0.95231, 0.95245, '20/21'],
  [0.0333, 0.03334, '1/30'],
  [0.95602294, 0.95602295, '500/523'],
  [0.123456789, 0.1234567891, undefined],
])('simplestFraction() of %d to %d', (low, high, expected) => {
  const fraction = simplestFraction({ low, high })
  expect(fraction && `${fraction.numerator}/${fraction.denominator}`).toBe(expected)
})

test.each([
  [0.829_99, 0.830_02, 0.83],
  [0.0018, 0.0021, undefined],
  [0.001_999, 0.002_001, 0.002],
  [2.999, 3.001, 3],
  [0.123_456, 0.123_458, undefined],
  // Any interval that is so wide holds a number of one decimal.
  [0.05, 0.25, undefined],
])('simplestDecimal() of %d to %d', (low, high, expected) => {
  expect(simplestDecimal({ low, high })).toBe(expected as number)
})
