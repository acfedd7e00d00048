// The windows of a plan, made longer so that the stored sessions before them can be compared.

import { addDays, laterOf, wholeYear, yearOf, type DateRange } from '../../core/dates.ts'
import type { CompareContext } from './compare.ts'
import type { SymbolPlan } from './plan.ts'
import { COMPARED_SESSIONS } from './recent-files.ts'
import { newestStoredBefore, storedExtent } from './stored-rows.ts'

type WindowsContext = Omit<CompareContext, 'accepts'>

/** A window's greatest length is ten years: this calendar year and nine before it. */
export const YEARS_BEFORE = 9

/**
 * The windows of a plan, made longer so that they cover stored sessions: in an audit all from the oldest stored year on, nine
 * years back at most, and ten sessions before what is asked. Longest first, for a vendor that refuses the longest. Never more
 * windows: a call costs the same for ten days and ten years. Empty where the plan's own windows are compared, if anything is.
 */
export async function comparedWindows(
  plan: SymbolPlan,
  context: WindowsContext,
): Promise<readonly (readonly DateRange[])[]> {
  const { windows, symbol, isAudited, files } = plan
  const last = windows.at(-1)
  if (last === undefined || !mayBeStored(plan, context)) return []
  // A year file that is refreshed is in its window already. Day files are compared with those before them.
  const isRefresh = files.some(({ partition, stored }) => partition.kind === 'year' && stored !== undefined)
  const oldest = isAudited ? (await storedExtent(symbol, new Map(), context))?.from : undefined
  const newest = context.isNightly || isRefresh ? undefined : await newestStoredBefore(symbol, last.from, context)
  const near = context.calendar.sessionsBack(newest ?? addDays(last.from, -1), COMPARED_SESSIONS)
  const wanted = [...(oldest === undefined ? [] : [wholeYear(yearOf(oldest)).from]), ...(isRefresh ? [] : [near])]
  return wanted
    .map((date) => laterOf(date, wholeYear(yearOf(last.to) - YEARS_BEFORE).from))
    .filter((from) => from < last.from)
    .map((from) => [...windows.slice(0, -1), { from, to: last.to }])
}

/** Whether anything of a symbol can be stored before its windows; a run with dates has not looked there. */
function mayBeStored({ newest, yearsStored, files }: SymbolPlan, { isNightly }: WindowsContext): boolean {
  const isByYear = files[0]?.partition.kind === 'year'
  return isByYear ? yearsStored.length > 0 : !isNightly || newest !== undefined
}
