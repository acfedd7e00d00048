// Made-up statements for the demo: the source of its prices has no public-domain statements.

import type { RawRow } from '../../core/dataset.ts'
import { STATEMENTS } from '../../datasets/datasets.ts'

/** The note in every file of these statements and in every message about them. */
export const SYNTHETIC = 'synthetic: made-up figures for a demonstration, of no company'

const QUARTERS = [
  ['2012-03-31', 'Q1'],
  ['2012-06-30', 'Q2'],
  ['2012-09-30', 'Q3'],
  ['2012-12-31', 'Q4'],
] as const

/** The rows of a statement's path for a symbol and period, newest first; undefined for any other path. */
export function syntheticRows(path: string, symbol: string, period: string): readonly RawRow[] | undefined {
  const statement = STATEMENTS.find((one) => one.path === path)
  if (statement === undefined) return undefined
  const ends = period === 'quarter' ? QUARTERS.toReversed() : [['2012-12-31', 'FY'] as const]
  return ends.map(([date, name], quarter) => ({
    date,
    symbol,
    reportedCurrency: 'USD',
    cik: null,
    filingDate: null,
    acceptedDate: null,
    fiscalYear: date.slice(0, 4),
    period: name,
    // Round numbers, so that nobody takes them for real ones.
    ...Object.fromEntries(statement.amounts.map((field, index) => [field, (index + 1) * 1_000_000 + quarter])),
  }))
}
