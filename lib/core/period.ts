// The dates of a run, computed from the user's options and the instant of the run.

import { lastFinishedSession, type Calendar } from './calendar.ts'
import {
  addDays,
  earlierOf,
  FIRST_YEAR,
  LAST_YEAR,
  laterOf,
  newYorkClock,
  wholeYear,
  yearOf,
  type DateRange,
  type IsoDate,
} from './dates.ts'
import type { AskedDates } from './config.ts'
import { usageError } from './errors.ts'

/** A daily run without dates looks this many sessions back for the newest stored session of a symbol. */
const REACH_SESSIONS = 250

export type Period = {
  /** Today's date in New York. */
  readonly today: IsoDate
  /** The last session before today: the end of every range that the user left open. */
  readonly lastSession: IsoDate
  /** The dates that may be stored; undefined if no finished session lies in them. */
  readonly range: DateRange | undefined
  /**
   * In daily runs without dates: every symbol with files is filled from this session on, or from its first stored one.
   * `range` then only says how far back to look for stored sessions.
   */
  readonly lookbackFrom: IsoDate | undefined
  /** How many sessions `range` has in daily runs without dates; 0 in others. */
  readonly reachSessions: number
  /** Notes for the user about how the dates were read. */
  readonly notes: readonly string[]
}

/**
 * Computes the dates of a run. Throws a usage error if the instant or a date is outside the calendar's
 * years, or all dates are in the future.
 */
export function resolvePeriod(asked: AskedDates, calendar: Calendar, nowMs: number): Period {
  const today = newYorkClock(nowMs).date
  if (yearOf(today) < FIRST_YEAR || yearOf(today) > LAST_YEAR) {
    throw usageError(`Today is ${today}, but the trading calendar covers ${FIRST_YEAR} to ${LAST_YEAR}`)
  }
  const lastSession = calendar.lastSessionBefore(today)
  const finished = lastFinishedSession(calendar, nowMs)
  const base = { today, lastSession, lookbackFrom: undefined, reachSessions: 0 }

  const from = asked.backfillDays === undefined ? asked.fromDate : addDays(today, -asked.backfillDays)
  if (from !== undefined && yearOf(from) < FIRST_YEAR) {
    throw usageError(
      `--backfill-days ${asked.backfillDays} reaches back to ${from}`,
      `The first year is ${FIRST_YEAR}.`,
    )
  }
  if (from !== undefined && from > today) {
    throw usageError(`--from-date ${from} is in the future: today is ${today} in New York.`, 'Give an earlier date.')
  }
  const notes = unfinishedNotes({ from, to: asked.toDate }, calendar, finished)
  if (asked.mode === 'backfill') {
    const start = from ?? lastSession
    const range = wholeYears(start, asked.toDate, { calendar, lastSession, finished })
    return { ...base, range: nonEmpty(range, calendar), notes: [...notes, ...widenedNotes(from, asked.toDate, range)] }
  }
  if (from === undefined) {
    const reachSessions = Math.max(REACH_SESSIONS, asked.lookback)
    const range = { from: calendar.sessionsBack(lastSession, reachSessions), to: lastSession }
    return { ...base, range, reachSessions, lookbackFrom: calendar.sessionsBack(lastSession, asked.lookback), notes }
  }
  const to = asked.toDate === undefined ? lastSession : earlierOf(asked.toDate, finished)
  return { ...base, range: nonEmpty({ from, to }, calendar), notes }
}

/**
 * Widens the dates to whole calendar years. The end is cut at the last session before today, or at the last finished
 * session up to `toDate` if that is later.
 */
function wholeYears(
  from: IsoDate,
  toDate: IsoDate | undefined,
  { calendar, lastSession, finished }: { calendar: Calendar; lastSession: IsoDate; finished: IsoDate },
): DateRange {
  const named = toDate === undefined ? lastSession : calendar.sessionsBack(earlierOf(toDate, finished), 1)
  const end = wholeYear(yearOf(toDate ?? lastSession)).to
  return { from: wholeYear(yearOf(from)).from, to: earlierOf(end, laterOf(lastSession, named)) }
}

function nonEmpty(range: DateRange, calendar: Calendar): DateRange | undefined {
  return range.from <= range.to && calendar.sessions(range).length > 0 ? range : undefined
}

function unfinishedNotes(
  { from, to }: { readonly from: IsoDate | undefined; readonly to: IsoDate | undefined },
  calendar: Calendar,
  finished: IsoDate,
): readonly string[] {
  if (from === undefined || to === undefined || to <= finished) return []
  const unfinished = calendar.sessions({ from: laterOf(from, addDays(finished, 1)), to })
  const [first, last] = [unfinished[0], unfinished.at(-1)]
  if (first === undefined || last === undefined) return []
  const named = first === last ? `${first} is` : `${first} to ${last} are`
  return [`${named} not finished (that is at 18:30 New York) and left out.`]
}

function widenedNotes(from: IsoDate | undefined, toDate: IsoDate | undefined, range: DateRange): readonly string[] {
  const isWidened = (from !== undefined && from > range.from) || (toDate !== undefined && toDate < range.to)
  return isWidened ? [`A backfill takes whole years: the range is ${range.from} to ${range.to}.`] : []
}
