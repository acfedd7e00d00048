import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { Footer } from '../../../lib/parquet/parquet.ts'
import type { PriceFile } from '../../../lib/datasets/prices/price-files.ts'
import type { Partition } from '../../../lib/datasets/prices/schema.ts'
import { symbolCoverage } from '../../../lib/datasets/prices/symbol-coverage.ts'
import { sessions } from '../../support/bars.ts'
import { day, footerOf, prices, span, storedFile } from '../../support/values.ts'

function listed(symbol: string, partition: Partition) {
  return { ...storedFile(prices().key(symbol, partition)), partition }
}

/** A year file with a row for every session of a span, or for some of them. */
function year(
  dates: string,
  { rows, ...changes }: Partial<Omit<Footer, 'rows'>> & { rows?: readonly string[] } = {},
): PriceFile {
  const footer = footerOf(dates, { ...changes, ...(rows && { rows: rows.length }) })
  return { file: listed('A', { kind: 'year', year: Number(dates.slice(0, 4)) }), footer, dates: rows?.map(day) }
}

function days(...dates: readonly string[]): readonly PriceFile[] {
  return dates.map((date) => ({
    file: listed('A', { kind: 'day', date: day(date) }),
    footer: footerOf(`${date}..${date}`),
  }))
}

function coverageOf(files: readonly PriceFile[], { symbol = 'A', range }: { symbol?: string; range?: string } = {}) {
  const context = { calendar: XNYS, asOf: day('2024-09-16'), range: range === undefined ? undefined : span(range) }
  return symbolCoverage(symbol, files, context)
}

describe('symbolCoverage()', () => {
  test('of nothing is nothing', () => {
    expect(coverageOf([])).toMatchObject({ first: undefined, through: undefined, sessions: 0, missing: [], rows: 0 })
  })

  test('joins years and days, and names the dates that both hold', () => {
    const coverage = coverageOf([
      year('2023-01-03..2023-12-29'),
      year('2024-01-02..2024-09-12'),
      ...days('2024-09-12', '2024-09-13', '2024-09-16'),
    ])
    expect(coverage).toMatchObject({
      first: '2023-01-03',
      through: '2024-09-16',
      missing: [],
      files: { year: 2, day: 3 },
      doubled: ['2024-09-12'],
      carriedRows: 0,
    })
    expect(coverage.sessions).toBe(sessions('2023-01-03', '2024-09-16').length)
    expect(coverage.rows).toBe(coverage.sessions + 1)
  })

  test('names the sessions between two that no file holds', () => {
    const rows = sessions('2024-01-02', '2024-01-31').filter((date) => date !== '2024-01-16')
    expect(
      coverageOf([year('2024-01-02..2024-01-31', { rows }), ...days('2024-02-02')]).missing as readonly string[],
    ).toEqual(['2024-01-16', '2024-02-01'])
  })

  test('calls none missing that a file which cannot be read may hold, nor one of another exchange', () => {
    const torn: PriceFile = { file: listed('A', { kind: 'day', date: day('2024-09-12') }), problem: 'is torn' }
    expect(coverageOf([...days('2024-09-10', '2024-09-13'), torn])).toMatchObject({
      missing: ['2024-09-11'],
      files: { day: 3 },
    })
    const tornYear: PriceFile = { file: listed('A', { kind: 'year', year: 2023 }), problem: 'is torn' }
    expect(coverageOf([year('2022-01-03..2022-12-30'), tornYear, year('2024-01-02..2024-09-16')]).missing).toEqual([])
    expect(coverageOf(days('2024-09-10', '2024-09-13'), { symbol: 'VOD.L' })).toMatchObject({
      tradesElsewhere: true,
      missing: [],
    })
  })

  test('counts bars of closed days as rows and dates, and not as sessions', () => {
    const rows = ['2024-09-13', '2024-09-14', '2024-09-15', '2024-09-16']
    const coverage = coverageOf([year('2024-09-13..2024-09-16', { rows })], { symbol: 'BTCUSD' })
    expect(coverage).toMatchObject({ rows: 4, sessions: 2, missing: [] })
    expect([...coverage.dates] as string[]).toEqual(rows)
  })

  test('leaves out what is later than the last finished session, and what lies outside a range', () => {
    expect(coverageOf(days('2024-09-16', '2024-09-17'))).toMatchObject({ through: '2024-09-16', sessions: 1 })
    const coverage = coverageOf([year('2024-01-02..2024-09-16')], { range: '2024-03-01..2024-03-31' })
    expect(coverage).toMatchObject({ first: '2024-03-01', through: '2024-03-28', sessions: 20 })
  })

  test('counts the rows that were carried over, and tells what was asked for', () => {
    const carried = [span('2019-01-02..2019-01-04')]
    const coverage = coverageOf([year('2019-01-02..2019-12-31', { carried, asked: span('2018-01-01..2019-12-31') })])
    expect(coverage).toMatchObject({ carried, carriedRows: 3, asked: [{ from: '2018-01-01', to: '2019-12-31' }] })
  })
})
