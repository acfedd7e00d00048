// How fresh and how whole the stored sessions of a symbol are, by the rule of a nightly run (nightly.ts).

import type { Calendar } from '../../core/calendar.ts'
import { addDays, dateOf, earlierOf, yearOf, type IsoDate } from '../../core/dates.ts'
import type { SymbolFiles } from '../inventory.ts'
import { tradesElsewhere } from './exchange.ts'
import { newestStored } from './inventory.ts'
import { isHeldInYears, planNight } from './nightly.ts'
import type { SessionDataset } from './schema.ts'
import { surveyListed, type StoredSessions, type SurveyContext } from './survey.ts'

/** The sessions of a calendar month, as far as they are finished. */
export type Month = { readonly month: string; readonly sessions: readonly IsoDate[] }

/** What is stored of one symbol. */
export type SymbolState = {
  readonly symbol: string
  /** The newest stored session; of a bar on a closed day the session before it. Undefined if nothing is stored. */
  readonly newest: IsoDate | undefined
  /** Sessions of the reach that are not stored though older and newer ones are, oldest first; none of a symbol of another exchange. */
  readonly holes: readonly IsoDate[]
  /** Stored sessions in each of the months. */
  readonly stored: readonly number[]
}

export type StateContext = Pick<SurveyContext, 'store' | 'dataset' | 'calendar' | 'period'> & {
  /** The last finished session: later ones count as not stored. */
  readonly asOf: IsoDate
  readonly months: readonly Month[]
}

/** The month of a date and those before it, `count` in all, oldest first; the last ends with the date. */
export function monthsUpTo(date: IsoDate, count: number, calendar: Calendar): readonly Month[] {
  const [year, month] = [yearOf(date), Number(date.slice(5, 7))]
  return Array.from({ length: count }, (_, index) => {
    const first = firstOfMonth(year, month - count + 1 + index)
    const next = firstOfMonth(year, month - count + 2 + index)
    return {
      month: first.slice(0, 7),
      sessions: calendar.sessions({ from: first, to: earlierOf(addDays(next, -1), date) }),
    }
  })
}

/** `month` counts from 1 and may lie outside 1 to 12. */
function firstOfMonth(year: number, month: number): IsoDate {
  const index = year * 12 + month - 1
  return dateOf(Math.floor(index / 12), (index % 12) + 1, 1)
}

/**
 * The state of a symbol by its files: of year files the footers, of those that lack rows the dates too. Throws an IngestError if
 * the store fails.
 */
export async function stateOf(files: SymbolFiles<SessionDataset>, context: StateContext): Promise<SymbolState> {
  const { calendar, period, months, asOf } = context
  const readsFrom = months.flatMap(({ sessions }) => sessions)[0]
  const stored = await surveyListed(files, { ...context, mode: 'daily', ...(readsFrom && { readsFrom }) })
  const newest = stored.newest === undefined ? await newestStored(files, context, asOf) : earlierOf(stored.newest, asOf)
  return {
    symbol: files.symbol,
    newest: newest && calendar.sessionsBack(newest, 1),
    holes: tradesElsewhere(files.symbol) ? [] : holesIn(stored, period, calendar),
    stored: storedIn(months, stored),
  }
}

function holesIn(
  stored: StoredSessions,
  { range, lookbackFrom }: StateContext['period'],
  calendar: Calendar,
): readonly IsoDate[] {
  if (range === undefined || lookbackFrom === undefined) return []
  return planNight(stored, { calendar, range, lookbackFrom, isForced: false }).holes
}

function storedIn(months: readonly Month[], stored: StoredSessions): readonly number[] {
  const days = new Set([...stored.days, ...stored.earlierDays])
  const isStored = (session: IsoDate) => days.has(session) || isHeldInYears(session, stored)
  return months.map(({ sessions }) => sessions.filter(isStored).length)
}
