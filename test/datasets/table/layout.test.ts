import { describe, expect, test } from 'bun:test'
import { isWithin } from '../../../lib/core/dates.ts'
import {
  bucketOf,
  chooseLayout,
  spanOf,
  unitName,
  unitNamed,
  unitOf,
  type Layout,
} from '../../../lib/datasets/table/layout.ts'
import { oneOf, forRandomCases, wholeBetween } from '../../support/random.ts'
import { day } from '../../support/values.ts'

const PRICES: Layout = { baseYear: 2026, buckets: 16 }
const STATEMENTS: Layout = { baseYear: undefined, buckets: 100 }

test.each([
  [1, 16],
  [512, 16],
  [513, 17],
  [5_000, 157],
  [8_192, 256],
  [50_000, 256],
])('the layout of %p symbols has %p files beside the months', (symbols, buckets) => {
  expect(chooseLayout(symbols, 2026)).toEqual({ baseYear: 2026, buckets })
})

describe('the file of a row', () => {
  test.each([
    ['AAPL', '2025-12-31', PRICES, 'closed-2026-11-of-16.parquet'],
    ['AAPL', '2026-01-02', PRICES, 'month-2026-01.parquet'],
    ['^GSPC', '2031-11-28', PRICES, 'month-2031-11.parquet'],
    ['^GSPC', '1999-12-31', PRICES, 'closed-2026-14-of-16.parquet'],
    ['AAPL', '2031-11-28', STATEMENTS, 'bucket-55-of-100.parquet'],
  ])('of %p on %p is that of its month or of its symbol', (symbol, date, layout, name) => {
    expect(unitName(unitOf(symbol, day(date), layout), layout)).toBe(name)
  })

  test('has a name that tells it again, and a span with its date: it is one file, whatever else is stored', () => {
    forRandomCases('the files of rows', 2_000, (random) => {
      const layout = {
        baseYear: oneOf(random, [undefined, wholeBetween(random, 1991, 2034)]),
        buckets: wholeBetween(random, 1, 256),
      }
      const year = wholeBetween(random, 1990, 2035)
      const month = String(wholeBetween(random, 1, 12)).padStart(2, '0')
      const date = day(`${year}-${month}-${String(wholeBetween(random, 1, 28)).padStart(2, '0')}`)
      const symbol = String.fromCodePoint(...Array.from({ length: 4 }, () => wholeBetween(random, 33, 126)))
      const unit = unitOf(symbol, date, layout)
      const name = unitName(unit, layout)
      expect(unitNamed(name, layout)).toEqual(unit)
      const span = spanOf(unit, layout)
      expect(span === undefined || isWithin(date, span)).toBe(true)
      expect(unit.kind === 'month' || Bun.deepEquals(unit, bucketOf(symbol, layout))).toBe(true)
    })
  })
})

describe('a name', () => {
  test.each([
    'month-2025-12.parquet',
    'month-2026-13.parquet',
    'month-2026-1.parquet',
    'month-2026-01.parquet.tmp',
    'month-2026-01 (1).parquet',
    'closed-2026-16-of-16.parquet',
    'closed-2026-3-of-16.parquet',
    'closed-2026-003-of-16.parquet',
    'closed-2025-03-of-16.parquet',
    'closed-2026-03-of-17.parquet',
    'bucket-03-of-16.parquet',
    'xmonth-2026-01.parquet',
    'data.parquet',
    '.parquet',
    '',
  ])('%p is none of a table of prices', (name) => {
    expect(unitNamed(name, PRICES)).toBeUndefined()
  })

  test.each(['month-2026-01.parquet', 'closed-2026-03-of-100.parquet', 'bucket-100-of-100.parquet'])(
    '%p is none of a table without months',
    (name) => {
      expect(unitNamed(name, STATEMENTS)).toBeUndefined()
    },
  )
})

test.each([
  ['2026-02', '2026-02-01', '2026-02-28'],
  ['2028-02', '2028-02-01', '2028-02-29'],
  ['2026-12', '2026-12-01', '2026-12-31'],
])('the span of %p ends with its last day', (month, from, to) => {
  expect(spanOf({ kind: 'month', month }, PRICES)).toEqual({ from: day(from), to: day(to) })
})
