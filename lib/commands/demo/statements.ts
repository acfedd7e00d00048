// Made-up statements for the demo: the source of its prices has no public-domain statements.

import type { RawRow } from '../../core/dataset.ts'
import { STATEMENTS } from '../../datasets/datasets.ts'

/** The note in every file of these statements and in every message about them. */
export const SYNTHETIC = 'synthetic: made-up figures for a demonstration, of no company'

/** Each period, its end, and when its statement was accepted. */
const QUARTERS = [
  ['Q1', '2012-03-31', '2012-04-25 16:31:05'],
  ['Q2', '2012-06-30', '2012-07-24 16:30:40'],
  ['Q3', '2012-09-30', '2012-10-31 16:32:11'],
  ['Q4', '2012-12-31', '2013-01-23 16:30:52'],
] as const
const YEARS = [['FY', '2012-12-31', '2013-01-23 16:30:52']] as const

/** One statement is restated: from then on its amounts are lower by a tenth. */
const RESTATED = { path: 'income-statement', symbol: 'AAPL', period: 'Q2', accepted: '2013-01-15 09:12:44' } as const

export type StatementQuery = {
  readonly symbol: string
  readonly period: string
  /** Rows are as they were known on this day. */
  readonly today: string
}

/** The rows of a statement's path, newest first; undefined for any other path. */
export function syntheticRows(path: string, { symbol, period, today }: StatementQuery): readonly RawRow[] | undefined {
  const statement = STATEMENTS.find((one) => one.path === path)
  if (statement === undefined) return undefined
  const rows = (period === 'quarter' ? QUARTERS : YEARS).map(([name, date, firstAccepted], index) => {
    const isRestated =
      path === RESTATED.path && symbol === RESTATED.symbol && name === RESTATED.period && RESTATED.accepted <= today
    const [accepted, million] = isRestated ? [RESTATED.accepted, 900_000] : [firstAccepted, 1_000_000]
    return {
      date,
      symbol,
      reportedCurrency: 'USD',
      cik: null,
      filingDate: accepted.slice(0, 10),
      acceptedDate: accepted,
      fiscalYear: date.slice(0, 4),
      period: name,
      // Round numbers, so that nobody takes them for real ones.
      ...Object.fromEntries(statement.amounts.map((field, at) => [field, (at + 1) * million + index])),
    }
  })
  return rows.filter(({ acceptedDate }) => acceptedDate <= today).toReversed()
}
