// What FMP has now of one session of a symbol, and what that makes of the stored rows around it.

import type { RawRow, Row } from '../../core/dataset.ts'
import { addDays, earlierOf, isWithin, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import { checkRows } from '../check.ts'
import { answerOf, comparedAtOnce } from './compare.ts'
import { YEARS_BEFORE } from './compared-windows.ts'
import type { Past } from './past.ts'
import { stepsText } from './past-text.ts'
import { readStoredRows, type StoredRowsContext } from './stored-rows.ts'
import { fetchWindows } from './windows.ts'

export type AskedCell = {
  readonly window: DateRange
  /** FMP's row of the date as it would be stored; undefined if there is none that is valid. */
  readonly row: Row | undefined
  /** The row as it came where it breaks a hard rule, and the rule. */
  readonly reject: { readonly row: RawRow; readonly reason: string } | undefined
  /** Whether the stored row differs; undefined where either is missing. */
  readonly differs: boolean | undefined
  /** Of the stored rows in the window, by the rule of a run; undefined where none could be compared. */
  readonly verdict: Past['verdict'] | undefined
  readonly steps: string
  readonly comparedSessions: number
}

/** Calendar days before the date that hold ten sessions. */
const DAYS_BEFORE = 20

/**
 * Asks for one window: from ten sessions before the date to `asOf`, ten years at most. A call costs the same for ten days and for
 * ten years, and the rows after the date show on which base the date stands. Throws what the calls throw.
 */
export async function askPriceCell(
  symbol: string,
  { date, asOf }: { readonly date: IsoDate; readonly asOf: IsoDate },
  context: StoredRowsContext,
  call: Call,
): Promise<AskedCell> {
  const { dataset } = context
  const last = date > asOf ? date : asOf
  const from = addDays(date, -DAYS_BEFORE)
  const window = { from, to: earlierOf(last, wholeYear(yearOf(from) + YEARS_BEFORE).to) }
  const raw = await fetchWindows(symbol, [window], { dataset, call })
  const { good, rejects } = checkRows(dataset, raw, symbol)
  const rows = good.map(({ row }) => row).filter((row) => isWithin(row.date, window))
  const answer = answerOf(rows, [window])
  const stored = await readStoredRows(symbol, window, answer.rows, context)
  const pair = stored.pairs.find(({ now }) => now.date === date)
  const { past } = comparedAtOnce({ stored, answer })
  const reject = rejects.find((one) => one.date?.startsWith(date))
  return {
    window,
    row: answer.rows.get(date),
    reject: reject && { row: reject.row, reason: reject.reason },
    differs: pair && past.differing.includes(date),
    verdict: stored.pairs.length === 0 ? undefined : past.verdict,
    steps: stepsText(past.steps),
    comparedSessions: stored.pairs.length,
  }
}
