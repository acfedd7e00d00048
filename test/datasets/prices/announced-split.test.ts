import { describe, expect, test } from 'bun:test'
import type { RawRow } from '../../../lib/core/dataset.ts'
import { IngestError } from '../../../lib/core/errors.ts'
import { announcedSplit, leapIn, leapText } from '../../../lib/datasets/prices/announced-split.ts'
import { day, priceRow, prices } from '../../support/values.ts'

const bar = (date: string, open: number, close = open) => priceRow(date, { open, close })
const EX_DATE = '2020-08-31'
/** AAPL before its split of 2020, and its first bar after it. */
const BEFORE = bar('2020-08-28', 504.05, 499.24)
const AFTER = bar(EX_DATE, 127.58, 129.04)

describe('leapIn()', () => {
  test('names the first bar that opens 40 % or more away from the close before it', () => {
    expect(leapIn([AFTER, bar('2020-09-01', 132.76)], BEFORE)).toEqual({ date: day(EX_DATE), ratio: 127.58 / 499.24 })
    expect(leapIn([bar('2020-08-31', 300)], BEFORE)).toBeUndefined()
    expect(leapIn([bar('2020-08-31', 299)], BEFORE)).toMatchObject({ date: '2020-08-31' })
    expect(leapIn([bar('2020-08-31', 699)], BEFORE)).toMatchObject({ date: '2020-08-31' })
  })

  test('between two new bars too: a night may have been skipped', () => {
    expect(leapIn([bar('2020-08-28', 504, 499.24), AFTER], bar('2020-08-27', 508, 500.04))?.date).toBe(day(EX_DATE))
  })

  test('a price that is absent or 0 hides no leap, and makes none', () => {
    const gap = priceRow('2020-08-28', { open: null, close: null })
    expect(leapIn([gap, AFTER], BEFORE)?.date).toBe(day(EX_DATE))
    expect(leapIn([bar('2020-08-28', 0, 0)], BEFORE)).toBeUndefined()
  })

  test('in words', () => {
    expect(leapText({ date: day(EX_DATE), ratio: 0.255 })).toBe(
      'opens 74.5 % below the close before it, and FMP lists no split that would explain it',
    )
  })
})

const LEAP = { date: day(EX_DATE), ratio: 127.58 / 499.24 }

/** What comes of a list that the vendor refuses, or that could not be had. */
async function refused(kind: 'plan' | 'server', scope: 'symbol' | 'run') {
  return await announcedSplit(LEAP, [day(EX_DATE)], {
    ask: prices().splitsAsk('AAPL'),
    call: async () => {
      throw new IngestError('No', { kind, scope })
    },
  })
}

describe('announcedSplit()', () => {
  const listed = (...rows: readonly RawRow[]) =>
    announcedSplit(LEAP, [day(EX_DATE)], { ask: prices().splitsAsk('AAPL'), call: async () => rows })
  const split = { symbol: 'AAPL', date: EX_DATE, numerator: 4, denominator: 1, splitType: 'stock-split' }

  test('finds the split of a new session that fits', async () => {
    expect(await listed({ ...split, date: '2014-06-09', numerator: 7 }, split)).toMatchObject({
      date: EX_DATE,
      ratio: '4:1',
    })
    expect(await listed({ ...split, date: `${EX_DATE} 00:00:00` })).toMatchObject({ ratio: '4:1' })
  })

  test.each<[what: string, row: RawRow]>([
    ['of another day', { ...split, date: '2020-08-24' }],
    ['of another ratio', { ...split, numerator: 2 }],
    ['the other way round', { ...split, numerator: 1, denominator: 4 }],
    ['without a number', { ...split, numerator: '4' }],
    ['of nothing', { ...split, numerator: 0 }],
    ['without a date', { ...split, date: null }],
  ])('but none %s', async (_, row) => {
    expect(await listed(row)).toBeUndefined()
  })

  test('a refused list says nothing; a list that could not be had this time fails the symbol', async () => {
    expect(await refused('plan', 'symbol')).toBeUndefined()
    await expect(refused('server', 'symbol')).rejects.toMatchObject({ kind: 'server' })
    await expect(refused('plan', 'run')).rejects.toMatchObject({ scope: 'run' })
  })

  test('asks one call of either API, which the run can do without', () => {
    expect(prices().splitsAsk('AAPL')).toMatchObject({ path: 'splits', symbol: 'AAPL', query: {}, isOptional: true })
    expect(prices({ api: 'v3' }).splitsAsk('AAPL').path).toBe('historical-price-full/stock_split')
  })
})
