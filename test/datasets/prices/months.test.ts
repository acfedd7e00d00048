import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { monthsOf, monthsUpTo, type MonthsContext } from '../../../lib/datasets/prices/months.ts'
import type { PriceFile } from '../../../lib/datasets/prices/price-files.ts'
import { symbolCoverage } from '../../../lib/datasets/prices/symbol-coverage.ts'
import { sessions } from '../../support/bars.ts'
import { brokenYear, dayFile, yearFile, yearFiles } from '../../support/coverage.ts'
import { day, span } from '../../support/values.ts'

type Case = {
  readonly symbol?: string
  readonly asOf?: string
  readonly due?: string
  readonly isHeld?: boolean
  readonly asked?: MonthsContext['asked']
}

/** The months of 2024 up to a date, and what is missing in all of them. */
function monthsIn(
  files: readonly PriceFile[],
  { symbol = 'A', asOf = '2024-06-14', due = asOf, isHeld = false, asked }: Case = {},
) {
  const all = monthsUpTo(XNYS, 2024, day(asOf))
  const context = { calendar: XNYS, asOf: day(asOf), due: day(due), isHeld, asked, months: all }
  const months = monthsOf(symbolCoverage(symbol, files, context), files, context)
  return { ...months, states: months.states.join(' ') }
}

describe('monthsUpTo()', () => {
  test('has every session of the calendar once, the last month up to the date', () => {
    const months = monthsUpTo(XNYS, 1990, day('2024-09-16'))
    expect(months.flat()).toEqual(sessions('1990-01-02', '2024-09-16').map(day))
    expect(months).toHaveLength(34 * 12 + 9)
    expect(new Set(months.flatMap((month) => new Set(month.map((date) => date.slice(0, 7))).size))).toEqual(
      new Set([1]),
    )
  })
})

describe('monthsOf()', () => {
  test('of nothing is nothing', () => {
    expect(monthsIn([])).toEqual({ states: '', missingInside: 0, missingAfter: 0, gaps: [] })
  })

  test('begins with the first month that is stored, and ends with the month of the date', () => {
    expect(monthsIn([yearFile('A', '2024-03-11..2024-06-14')])).toMatchObject({
      states: 'stored stored stored stored',
      missingInside: 0,
      missingAfter: 0,
      gaps: [],
    })
  })

  test('names what is missing in a month that is stored in part, stretch by stretch', () => {
    const without = ['2024-04-02', '2024-04-03', '2024-04-05', '2024-04-08', '2024-04-30', '2024-05-01']
    expect(monthsIn([yearFile('A', '2024-03-01..2024-06-14', { without })])).toEqual({
      states: 'stored part part stored',
      missingInside: 6,
      missingAfter: 0,
      gaps: [
        '2024-04-02..2024-04-03',
        '2024-04-05..2024-04-08',
        '2024-04-30..2024-04-30',
        '2024-05-01..2024-05-01',
      ].map(span),
    })
  })

  test('a month without a row between stored ones is missing, and is no gap of its own', () => {
    const files = [yearFile('A', '2024-01-02..2024-02-29'), dayFile('A', '2024-04-01')]
    const months = monthsIn(files, { asOf: '2024-04-01' })
    expect(months).toEqual({ states: 'stored stored missing stored', missingInside: 20, missingAfter: 0, gaps: [] })
  })

  test('a symbol that is behind lacks what was due, and no more', () => {
    const files = [yearFile('A', '2024-05-01..2024-06-07')]
    expect(monthsIn(files)).toMatchObject({
      states: 'stored part',
      missingAfter: 5,
      gaps: [span('2024-06-10..2024-06-14')],
    })
    expect(monthsIn(files, { due: '2024-06-13' })).toMatchObject({
      missingAfter: 4,
      gaps: [span('2024-06-10..2024-06-13')],
    })
    // In the evening, when the session of the day is finished and no run has been due yet.
    expect(monthsIn(files, { due: '2024-06-07', asOf: '2024-06-10' })).toMatchObject({
      states: 'stored stored',
      missingAfter: 0,
    })
  })

  test('new sessions of a held symbol wait; holes between stored ones are missing all the same', () => {
    const files = [yearFile('A', '2024-04-01..2024-05-30', { without: ['2024-04-10', '2024-05-10'] })]
    expect(monthsIn(files, { isHeld: true })).toEqual({
      states: 'part held held',
      missingInside: 2,
      missingAfter: 0,
      gaps: ['2024-04-10..2024-04-10', '2024-05-10..2024-05-10', '2024-05-31..2024-05-31'].map(span),
    })
  })

  test('rows that were carried over are told from the others', () => {
    const files = [yearFile('A', '2024-01-02..2024-06-14', { carried: [span('2024-01-02..2024-02-05')] })]
    expect(monthsIn(files).states).toBe('carried carried stored stored stored stored')
  })

  test('a file that counts for nothing is neither stored nor missing', () => {
    const files = [brokenYear('A', 2024), ...yearFiles('A', '2023-01-03..2023-12-29')]
    expect(monthsIn(files)).toMatchObject({
      states: Array.from({ length: 6 }, () => 'unreadable').join(' '),
      missingInside: 0,
      missingAfter: 0,
    })
  })

  describe('what the vendor was asked for and has not', () => {
    const asked = { asked: span('2023-01-01..2024-06-14') }

    test('is empty before the first row', () => {
      expect(monthsIn([yearFile('A', '2024-03-01..2024-06-14', asked)]).states).toBe(
        'empty empty stored stored stored stored',
      )
    })

    test.each([
      ['2024-06-14', 'empty empty stored empty empty empty', 0],
      ['2024-04-05', 'empty empty stored empty empty empty', 0],
      // The bar of the first session after it may still have been late.
      ['2024-04-04', 'empty empty stored missing missing missing', 54],
    ])('up to %s is empty after the last row, once no late bar is to come: %s', (upTo, states, missingAfter) => {
      const files = [yearFile('A', '2024-03-01..2024-03-28', { asked: span(`2023-01-01..${upTo}`) })]
      expect(monthsIn(files)).toMatchObject({ states, missingAfter })
    })

    test('is what the last run tells, too, unless more has been stored since', () => {
      const files = ['2024-03-27', '2024-03-28'].map((date) => dayFile('A', date))
      const months = (through: string) => monthsIn(files, { asked: { upTo: day('2024-06-13'), through: day(through) } })
      expect(months('2024-03-28')).toMatchObject({ states: 'stored empty empty empty', missingAfter: 0 })
      expect(months('2024-04-01')).toMatchObject({ missingAfter: 54 })
    })

    test('is missing between two rows', () => {
      const file = yearFile('A', '2024-03-01..2024-06-14', { ...asked, without: ['2024-05-08'] })
      expect(monthsIn([file])).toMatchObject({ states: 'empty empty stored stored part stored', missingInside: 1 })
    })
  })

  describe('of another exchange', () => {
    test('a month with a bar is stored, whatever New York’s days are', () => {
      const file = yearFile('VOD.L', '2024-03-01..2024-06-14', { without: sessions('2024-04-02', '2024-04-29') })
      expect(monthsIn([file], { symbol: 'VOD.L' })).toEqual({
        states: 'stored stored stored stored',
        missingInside: 0,
        missingAfter: 0,
        gaps: [],
      })
    })

    test.each([
      ['2024-06-07', 'stored stored', 0],
      ['2024-06-06', 'stored stored', 0],
      ['2024-05-22', 'stored missing', 10],
    ])('through %s: %s', (through, states, missingAfter) => {
      const months = monthsIn([yearFile('BTCUSD', `2024-05-01..${through}`)], { symbol: 'BTCUSD' })
      expect(months).toMatchObject({ states, missingAfter })
    })
  })
})
