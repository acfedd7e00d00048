// A look: the whole stored past of a symbol asked for at once, because its newest rows tell that it has moved.

import type { RawRow, Row } from '../../core/dataset.ts'
import { isWithin, laterOf, wholeYear, yearOf, yearsIn, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import { checkRows } from '../check.ts'
import { coverSpans, type SymbolPlan } from './plan.ts'
import type { SessionDataset } from './schema.ts'
import { fetchWindows, isRefusedByPlan } from './windows.ts'

/** The vendor's rows of a symbol by date, and the windows that they answer, newest first. */
export type Answer = { readonly rows: ReadonlyMap<IsoDate, Row>; readonly windows: readonly DateRange[] }

/** `extent`: the days that the stored files can hold. */
type LookFacts = { readonly answer: Answer; readonly extent: DateRange }

/** The years of history that every plan of FMP's has, by its price list of 2026. */
const LEAST_DEPTH_YEARS = 5

/**
 * The vendor's rows from the oldest stored year to the newest stored session, in as few calls as possible. Undefined if they
 * do not repeat the rows that the night's own calls brought. A plan that refuses old years ends the look there. Throws what
 * the calls throw.
 */
export async function look(
  plan: SymbolPlan,
  { answer, extent }: LookFacts,
  { dataset }: { readonly dataset: SessionDataset },
  call: Call,
): Promise<Answer | undefined> {
  const newest = answer.windows[0]?.to
  if (newest === undefined) return undefined
  const to = laterOf(newest, extent.to)
  const whole = windowsFrom(wholeYear(yearOf(extent.from)).from, to)
  const raw: RawRow[] = []
  const windows: DateRange[] = []
  for (const window of whole) {
    const rows = await fetchWindows(plan.symbol, [window], { dataset, call, budget: 'extra' }).catch(noneIfRefused)
    if (rows === undefined) break
    raw.push(...rows)
    windows.push(window)
  }
  if (windows.length === 0) {
    const recent = { from: wholeYear(yearOf(to) - LEAST_DEPTH_YEARS + 1).from, to }
    raw.push(...(await fetchWindows(plan.symbol, [recent], { dataset, call, budget: 'extra' })))
    windows.push(recent)
  }
  const good = checkRows(dataset, raw, plan.symbol).good.map(({ row }) => row)
  const rows = new Map(
    good.filter(({ date }) => windows.some((window) => isWithin(date, window))).map((row) => [row.date, row]),
  )
  const isRepeated = [...answer.rows.values()].every((row) => {
    const again = rows.get(row.date)
    return again === undefined || Bun.deepEquals(again, row)
  })
  return isRepeated ? { rows, windows } : undefined
}

function windowsFrom(from: IsoDate, to: IsoDate): readonly DateRange[] {
  const spans = yearsIn({ from, to }).map((year) => {
    const whole = wholeYear(year)
    return { from: whole.from, to: whole.to < to ? whole.to : to }
  })
  return coverSpans(spans.toReversed())
}

/** A plan refuses a window that is older than its depth. */
function noneIfRefused(error: unknown): undefined {
  if (isRefusedByPlan(error)) return undefined
  throw error
}
