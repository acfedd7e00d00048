import { describe, expect, test } from 'bun:test'
import { STATEMENTS } from '../../../lib/datasets/datasets.ts'
import { INCOME } from '../../../lib/datasets/statements/income.ts'
import type { RawRow } from '../../../lib/core/dataset.ts'
import { createStatement } from '../../../lib/datasets/statements/schema.ts'
import { day } from '../../support/values.ts'

const dataset = createStatement(INCOME, { prefix: 'raw' })
const ROW: RawRow = {
  date: '2024-09-28',
  symbol: 'AAPL',
  reportedCurrency: 'USD',
  cik: '0000320193',
  filingDate: '2024-11-01',
  acceptedDate: '2024-11-01 06:01:36',
  fiscalYear: '2024',
  period: 'FY',
  revenue: 0,
}

describe('check()', () => {
  test.each([
    ['no date', { date: undefined }, 'date is missing'],
    ['a date that is none', { date: '2024-02-31' }, 'date is not a real date'],
    ['another period', { period: 'H1' }, 'period is not one of FY and Q1 to Q4'],
    ['no symbol', { symbol: null }, 'symbol is missing'],
  ])('refuses %s', (_, changes, reason) => {
    expect(dataset.check('AAPL', { ...ROW, ...changes })).toEqual({ reason })
  })

  const sideFields: readonly [RawRow, string | number | null, 'suspect' | 'good'][] = [
    [{ filingDate: '2024-13-01' }, null, 'suspect'],
    [{ filingDate: '0000-00-00' }, null, 'suspect'],
    [{ filingDate: 20241101 }, null, 'suspect'],
    [{ filingDate: '2024-11-01T00:00:00.000Z' }, '2024-11-01', 'good'],
    [{ filingDate: '' }, null, 'good'],
    [{ acceptedDate: '2024-11-01 25:00:00' }, null, 'suspect'],
    [{ acceptedDate: '0000-00-00 00:00:00' }, null, 'suspect'],
    [{ acceptedDate: 'soon' }, null, 'suspect'],
    [{ acceptedDate: '2024-11-01T06:01:36' }, '2024-11-01T10:01:36.000Z', 'good'],
    [{ acceptedDate: '2024-11-01T06:01:36.000Z' }, '2024-11-01T06:01:36.000Z', 'good'],
    [{ acceptedDate: '2024-11-01T06:01:36-04:00' }, '2024-11-01T10:01:36.000Z', 'good'],
    [{ acceptedDate: '2024-11-01 06:01' }, '2024-11-01T10:01:00.000Z', 'good'],
    [{ acceptedDate: '2024-11-01' }, '2024-11-01T04:00:00.000Z', 'good'],
    [{ fiscalYear: '' }, null, 'suspect'],
    [{ fiscalYear: 'FY2024' }, null, 'suspect'],
    [{ fiscalYear: 24 }, null, 'suspect'],
    [{ fiscalYear: 2024 }, 2_024, 'good'],
    [{ cik: 320193 }, '0000320193', 'good'],
    [{ cik: 12_345_678_901 }, null, 'suspect'],
    [{ cik: ['0000320193'] }, null, 'suspect'],
    [{ reportedCurrency: 840 }, null, 'suspect'],
    [{ revenue: '' }, null, 'suspect'],
    [{ revenue: 'N/A' }, null, 'suspect'],
    [{ revenue: '1e999' }, null, 'suspect'],
    [{ revenue: Infinity }, null, 'suspect'],
    [{ revenue: '391035000000' }, 391_035_000_000, 'good'],
    [{ revenue: '-1.5' }, -1.5, 'good'],
  ]
  test.each(sideFields)('never loses a statement for a side field: %p', (changes, value, verdict) => {
    const [field = ''] = Object.keys(changes)
    const checked = dataset.check('AAPL', { ...ROW, ...changes })
    expect(checked).toMatchObject({ row: { date: '2024-09-28', period: 'FY', [field]: value } })
    const doubts = verdict === 'good' ? [] : [expect.stringContaining(`${field} cannot be read: `)]
    expect(checked).toMatchObject({ suspicions: doubts })
  })

  test('keeps nought, makes null of what is not there, and cuts the time off a day', () => {
    const old = { ...ROW, filingDate: '2019-10-31 00:00:00', date: '2019-09-28', acceptedDate: '', cik: null }
    expect(dataset.check('AAPL', old)).toMatchObject({
      row: { revenue: 0, netIncome: null, filingDate: '2019-10-31', acceptedDate: null, cik: null, fiscalYear: 2024 },
      suspicions: [],
    })
  })

  test('doubts a filing before its period ended', () => {
    const early = { ...ROW, filingDate: '2024-09-01', acceptedDate: '2024-09-01 09:00:00' }
    expect(dataset.check('AAPL', early)).toMatchObject({
      suspicions: ["the filing is dated before its period's end", "the filing was accepted before its period's end"],
    })
  })
})

test('a key is of this dataset only if it is the one that it would give', () => {
  const key = dataset.key('^GSPC', day('2024-09-28'))
  expect(key).toBe(
    'raw/fundamentals/type=income/symbol=%5EGSPC/year=2024/docdate=2024-09-28/%5EGSPC-2024-09-28.parquet',
  )
  expect(dataset.partitionOf('^GSPC', key)).toEqual({ kind: 'document', date: day('2024-09-28') })
  expect(dataset.partitionOf('^GSPC', key.replace('year=2024', 'year=2023'))).toBeUndefined()
})

test('the document about statements names each of them', async () => {
  const text = await Bun.file(new URL('../../../lib/datasets/statements/README.md', import.meta.url)).text()
  expect(STATEMENTS.filter(({ name }) => !text.includes(`\`${name}\``)).map(({ name }) => name)).toEqual([])
})
