// Checks the rows of one symbol's price files, each by itself: values, order, dates that come twice. Pure.

import type { Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import type { FindingKind } from '../../core/findings.ts'
import { counted } from '../../core/text.ts'
import type { Fault } from '../verify-file.ts'
import { tradesElsewhere } from './exchange.ts'
import { factorsOf } from './intervals.ts'
import type { SessionDataset } from './schema.ts'

export type RowsContext = {
  readonly symbol: string
  readonly dataset: Pick<SessionDataset, 'check'>
  /** Whether any row of the symbol has an adjusted close. */
  readonly hasAdjusted: boolean
}

/** A row with what the rules for a vendor's rows say of it, which are asked once. */
type JudgedRow = { readonly row: Row; readonly bad: string | undefined; readonly suspicion: string | undefined }

/** A rule for one row: what is wrong with it, a sentence's end; undefined where nothing is. */
type Rule = {
  readonly kind: FindingKind
  readonly problemOf: (row: JudgedRow, context: RowsContext) => string | undefined
}

const RULES: readonly Rule[] = [
  { kind: 'bad_value', problemOf: ({ bad }) => bad },
  { kind: 'suspect_bar', problemOf: ({ suspicion }) => suspicion },
  {
    kind: 'null_adj_close',
    problemOf: ({ row }, { hasAdjusted }) =>
      hasAdjusted && row['adjClose'] === null ? 'adjClose is null, and other rows of the symbol have one' : undefined,
  },
  { kind: 'adj_above_close', problemOf: ({ row }) => adjustedAbove(row) },
]

function judgeRow(row: Row, { symbol, dataset }: RowsContext): JudgedRow {
  const found = dataset.check(symbol, row)
  if ('reason' in found) return { row, bad: found.reason, suspicion: undefined }
  // Prices below zero are real only where contracts are traded, as of oil on 2020-04-20.
  const negative = PRICES.find((name) => Number(row[name]) < 0)
  if (negative === undefined || tradesElsewhere(symbol)) return { row, bad: undefined, suspicion: found.suspicions[0] }
  return { row, bad: `${negative} is negative`, suspicion: undefined }
}

const PRICES = ['open', 'high', 'low', 'close', 'adjClose']

/** An adjusted close is the close less later dividends: it is above it only by rounding. */
const MAX_ADJUSTMENT = 1.02

function adjustedAbove({ adjClose, close }: Row): string | undefined {
  if (typeof close !== 'number' || typeof adjClose !== 'number' || adjClose <= close * MAX_ADJUSTMENT) return undefined
  const ratio = factorsOf(close, adjClose)
  return ratio !== undefined && ratio.low > MAX_ADJUSTMENT ? `adjClose ${adjClose} is above close ${close}` : undefined
}

/** What is wrong with the rows of one file, in the order of the file. Neighbouring rows that break one rule are one fault. */
export function faultsOfRows(rows: readonly Row[], context: RowsContext): readonly Fault[] {
  const judged = rows.map((row) => judgeRow(row, context)).toReversed()
  return [...duplicates(rows), ...disorder(rows), ...RULES.flatMap((rule) => faultsOf(rule, judged, context))]
}

function duplicates(rows: readonly Row[]): readonly Fault[] {
  const seen = new Set<IsoDate>()
  const twice = new Set<IsoDate>()
  for (const { date } of rows) (seen.has(date) ? twice : seen).add(date)
  return [...twice].map((date) => ({ kind: 'duplicate_date', date, detail: 'has more than one row of this date' }))
}

function disorder(rows: readonly Row[]): readonly Fault[] {
  const at = rows.findIndex(({ date }, index) => date > (rows[index - 1]?.date ?? date))
  const date = rows[at]?.date
  return date === undefined ? [] : [{ kind: 'unsorted', date, detail: 'is not sorted newest first' }]
}

/** `rows` are given oldest first. */
function faultsOf({ kind, problemOf }: Rule, rows: readonly JudgedRow[], context: RowsContext): readonly Fault[] {
  return stretches(rows, (row) => problemOf(row, context)).map(({ first, last, count, what }) => {
    const more = count === 1 ? '' : ` (${counted(count, 'row')} to ${last.row.date})`
    return { kind, date: first.row.date, detail: `${what}${more}` }
  })
}

/** Neighbours of which something is said, with what is said of the first. */
function stretches<T>(items: readonly T[], say: (item: T) => string | undefined) {
  const found: { first: T; last: T; count: number; what: string }[] = []
  let open: (typeof found)[number] | undefined
  for (const item of items) {
    const what = say(item)
    if (what === undefined) open = undefined
    else if (open === undefined) found.push((open = { first: item, last: item, count: 1, what }))
    else Object.assign(open, { last: item, count: open.count + 1 })
  }
  return found
}
