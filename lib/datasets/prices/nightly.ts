// Which sessions of a symbol a run without dates fetches. Plain data, no I/O.

import type { Calendar } from '../../core/calendar.ts'
import { earlierOf, isWithin, laterOf, wholeYear, type DateRange, type IsoDate } from '../../core/dates.ts'
import { footersOf } from './year-files.ts'
import type { StoredSessions } from './survey.ts'

export type NightContext = {
  readonly calendar: Calendar
  /** The reach of the run. */
  readonly range: DateRange
  readonly lookbackFrom: IsoDate
  readonly isForced: boolean
}

export type Night = {
  /** Every session in it is accounted for. */
  readonly range: DateRange
  /** The sessions to fetch, oldest first. */
  readonly toFetch: readonly IsoDate[]
  /**
   * Sessions before `range` that are not stored either and come at no extra call. A run that was killed while it filled a
   * long hole may leave a short one: so the next run fills that too.
   */
  readonly extra: readonly IsoDate[]
  /** Sessions of the reach between stored ones that no file holds and no year file answers for, oldest first. */
  readonly holes: readonly IsoDate[]
  /** A long hole, or the part of it, that lies before the reach. */
  readonly holeBeyond: DateRange | undefined
}

/**
 * Reaches back to the lookback, but not before the first stored session; further back to the newest stored session; and
 * further back to the first hole of more sessions than the lookback has. A shorter hole was in the lookback of the nights
 * after it, so FMP was asked and has no bar.
 */
export function planNight(stored: StoredSessions, context: NightContext): Night {
  const { calendar, range, lookbackFrom, isForced } = context
  const { newest } = stored
  const isHeld = (session: IsoDate) => stored.days.has(session) || isHeldInYears(session, stored)
  const nightFrom = (from: IsoDate) => {
    const sessions = calendar.sessions({ from, to: range.to })
    return { range: { from, to: range.to }, toFetch: isForced ? sessions : sessions.filter((day) => !isHeld(day)) }
  }
  if (newest === undefined) return { ...nightFrom(range.to), extra: [], holes: [], holeBeyond: undefined }

  const first = firstStored(stored) ?? newest
  const recentFrom = earlierOf(laterOf(lookbackFrom, first), newest)
  const older = unanswered(stored, { from: first, to: recentFrom }, calendar)
  const minLength = calendar.sessions({ from: lookbackFrom, to: range.to }).length + 1
  const long = longHoles(older, minLength, calendar)
  const night = nightFrom(long.find((session) => session >= range.from) ?? recentFrom)
  const beyond = long.filter((session) => session < range.from)
  const [from, to] = [beyond[0], beyond.at(-1)]
  const short = older.filter((day) => day >= range.from && day < night.range.from)
  return {
    ...night,
    extra: night.toFetch.length === 0 ? [] : short,
    holes: [...short, ...night.toFetch.filter((day) => day < newest)],
    holeBeyond: from === undefined || to === undefined ? undefined : { from, to },
  }
}

/** Whether a year file that was read holds the session. */
export function isHeldInYears(session: IsoDate, { heldInYears }: Pick<StoredSessions, 'heldInYears'>): boolean {
  return heldInYears.some(({ span, gaps }) => isWithin(session, span) && !gaps.has(session))
}

/** The oldest stored bar that the survey knows of. */
export function oldestKnown({ days, earlierDays, years }: StoredSessions): IsoDate | undefined {
  return earliestOf([...days, ...earlierDays, ...footersOf(years).map(({ span }) => span.from)])
}

/** A date that is no later than the first stored session, and the same if all files were read. */
function firstStored(stored: StoredSessions): IsoDate | undefined {
  return earliestOf([oldestKnown(stored) ?? [], ...stored.unreadYears.map((year) => wholeYear(year).from)].flat())
}

function earliestOf(dates: readonly IsoDate[]): IsoDate | undefined {
  return dates.reduce<IsoDate | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined)
}

/** The sessions, oldest first, that neither have a day file nor lie in dates that a year file answers for. */
function unanswered(stored: StoredSessions, range: DateRange, calendar: Calendar): readonly IsoDate[] {
  const answered = [
    ...footersOf(stored.years).flatMap(({ span, asked }) => [span, asked ?? span]),
    ...stored.unreadYears.map(wholeYear),
  ]
  const earlier = new Set(stored.earlierDays)
  return calendar.sessions(range).filter((day) => !stored.days.has(day) && !earlier.has(day) && !isInAny(day, answered))
}

/** A loop, because `some` takes a new function for each session of each symbol: 60 MB of garbage for 5,000 symbols. */
function isInAny(day: IsoDate, ranges: readonly DateRange[]): boolean {
  for (const range of ranges) if (isWithin(day, range)) return true
  return false
}

/** The sessions that belong to a run of at least `minLength` consecutive ones. */
function longHoles(sessions: readonly IsoDate[], minLength: number, calendar: Calendar): readonly IsoDate[] {
  const rows: IsoDate[][] = []
  for (const session of sessions) {
    const row = rows.at(-1)
    const last = row?.at(-1)
    if (row !== undefined && last !== undefined && calendar.nthSessionAfter(last, 1) === session) row.push(session)
    else rows.push([session])
  }
  return rows.filter(({ length }) => length >= minLength).flat()
}
