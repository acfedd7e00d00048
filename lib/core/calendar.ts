// The trading days of a market. A calendar is a value: a name and the sessions of the years 1990 to 2035, computed when
// first needed. So far there is only the New York Stock Exchange; another market needs another list of closed days.
// Closing times are not kept: a session is finished at 18:30 in New York, early closes included.

import {
  addDays,
  dateOf,
  dayNumber,
  FIRST_YEAR,
  LAST_YEAR,
  newYorkClock,
  newYorkInstant,
  wholeYear,
  yearOf,
} from './dates.ts'
import type { DateRange, IsoDate } from './dates.ts'
import { usageError } from './errors.ts'
import type { IngestError } from './errors.ts'

/** The trading days of a market. Every method throws a usage error for a date outside 1990 to 2035. */
export interface Calendar {
  readonly name: string
  isSession(date: IsoDate): boolean
  /** The sessions in the range, oldest first; none if `from` is later than `to`. */
  sessions(range: DateRange): readonly IsoDate[]
  /** The last session before the date. Throws a usage error if the calendar has none. */
  lastSessionBefore(date: IsoDate): IsoDate
  /**
   * The first of the `count` sessions up to and including `date`, which itself need not be a session. If there are fewer,
   * the calendar's first session.
   */
  sessionsBack(date: IsoDate, count: number): IsoDate
  /** The n-th session after the date, counted from 1, or undefined if the calendar ends before it. */
  nthSessionAfter(date: IsoDate, n: number): IsoDate | undefined
}

/**
 * The New York Stock Exchange; NASDAQ trades on the same days. The rules are those of exchange_calendars 4.13 (XNYS) and
 * pandas_market_calendars 5.5 (NYSE), which agree on every session of these years.
 */
export const XNYS: Calendar = createCalendar('XNYS', nyseClosures)

/** A session is finished this many minutes after midnight in New York: at 18:30, two and a half hours after the close. */
const FINISHED_MINUTES = 18 * 60 + 30

/**
 * The newest session that is finished at `nowMs`, in milliseconds since 1970.
 * Throws a usage error if that instant is outside the calendar's years.
 */
export function lastFinishedSession(calendar: Calendar, nowMs: number): IsoDate {
  const { date, minutes } = newYorkClock(nowMs)
  const isFinished = minutes >= FINISHED_MINUTES && calendar.isSession(date)
  return isFinished ? date : calendar.lastSessionBefore(date)
}

/** When a session is finished, in milliseconds since 1970. */
export function finishedMs(session: IsoDate): number {
  return newYorkInstant(session, '18:30:00')
}

/** A calendar whose sessions are Monday to Friday, without the closed days that `closuresOf` returns for a year. */
function createCalendar(name: string, closuresOf: (year: number) => readonly IsoDate[]): Calendar {
  let computed: readonly IsoDate[] | undefined
  const all = (): readonly IsoDate[] => (computed ??= weekdaysWithout(closuresOf))

  /** The number of sessions up to and including the date: also the index of the first session after it. */
  const countThrough = (date: IsoDate): number => {
    if (yearOf(date) < FIRST_YEAR || yearOf(date) > LAST_YEAR) throw outsideError(name, `${date} is outside`)
    return positionAfter(all(), date)
  }

  return {
    name,
    isSession: (date) => all()[countThrough(date) - 1] === date,
    sessions({ from, to }) {
      const end = countThrough(to)
      const throughFrom = countThrough(from)
      return all().slice(all()[throughFrom - 1] === from ? throughFrom - 1 : throughFrom, end)
    },
    lastSessionBefore(date) {
      const through = countThrough(date)
      const last = all()[all()[through - 1] === date ? through - 2 : through - 1]
      if (last === undefined) throw outsideError(name, `No session before ${date} is in`)
      return last
    },
    sessionsBack(date, count) {
      const start = all()[Math.max(0, countThrough(date) - count)]
      if (start === undefined) throw outsideError(name, `No session up to ${date} is in`)
      return start
    },
    nthSessionAfter: (date, n) => all()[countThrough(date) + n - 1],
  }
}

function outsideError(name: string, what: string): IngestError {
  return usageError(`${what} the calendar ${name}, which covers ${FIRST_YEAR} to ${LAST_YEAR}.`)
}

/** The index of the first date after `date` in an ascending list, by binary search. */
function positionAfter(dates: readonly IsoDate[], date: IsoDate): number {
  let low = 0
  let high = dates.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((dates[middle] ?? date) <= date) low = middle + 1
    else high = middle
  }
  return low
}

function weekdaysWithout(closuresOf: (year: number) => readonly IsoDate[]): readonly IsoDate[] {
  const years = Array.from({ length: LAST_YEAR - FIRST_YEAR + 1 }, (_, index) => FIRST_YEAR + index)
  return years.flatMap((year) => {
    const closed = new Set(closuresOf(year))
    const { from, to } = wholeYear(year)
    const days = Array.from({ length: dayNumber(to) - dayNumber(from) + 1 }, (_, index) => addDays(from, index))
    return days.filter((day) => weekdayOf(day) !== SUNDAY && weekdayOf(day) !== SATURDAY && !closed.has(day))
  })
}

const SUNDAY = 0
const MONDAY = 1
const THURSDAY = 4
const SATURDAY = 6

/** 0 is Sunday, 6 Saturday. */
function weekdayOf(date: IsoDate): number {
  return (dayNumber(date) + THURSDAY) % 7 // 1970-01-01 was a Thursday.
}

/** Closures that follow no rule: the exchange announced each of them. */
const NYSE_SPECIAL_CLOSURES: readonly IsoDate[] = [
  dateOf(1994, 4, 27), // Mourning for President Nixon.
  dateOf(2001, 9, 11), // The attacks of 11 September, four days.
  dateOf(2001, 9, 12),
  dateOf(2001, 9, 13),
  dateOf(2001, 9, 14),
  dateOf(2004, 6, 11), // Mourning for President Reagan.
  dateOf(2007, 1, 2), // Mourning for President Ford.
  dateOf(2012, 10, 29), // Hurricane Sandy, two days.
  dateOf(2012, 10, 30),
  dateOf(2018, 12, 5), // Mourning for President Bush.
  dateOf(2025, 1, 9), // Mourning for President Carter.
]

/** The days of a year on which the NYSE is closed all day. Some may be weekend days. */
function nyseClosures(year: number): readonly IsoDate[] {
  const closures = [
    newYear(year),
    nthWeekday(dateOf(year, 2, 1), MONDAY, 3), // Washington's Birthday.
    addDays(easterSunday(year), -2), // Good Friday.
    nthWeekday(dateOf(year, 5, 25), MONDAY, 1), // Memorial Day: May's last Monday, the first one from the 25th.
    nearestWeekday(dateOf(year, 7, 4)), // Independence Day.
    nthWeekday(dateOf(year, 9, 1), MONDAY, 1), // Labor Day.
    nthWeekday(dateOf(year, 11, 1), THURSDAY, 4), // Thanksgiving Day.
    nearestWeekday(dateOf(year, 12, 25)), // Christmas Day.
    ...NYSE_SPECIAL_CLOSURES,
  ]
  if (year >= 1998) closures.push(nthWeekday(dateOf(year, 1, 1), MONDAY, 3)) // Martin Luther King Jr. Day.
  if (year >= 2022) closures.push(nearestWeekday(dateOf(year, 6, 19))) // Juneteenth.
  return closures
}

/** 1 January, or the Monday after a Sunday. A Saturday is not moved: the exchange is open on the Friday before. */
function newYear(year: number): IsoDate {
  const day = dateOf(year, 1, 1)
  return weekdayOf(day) === SUNDAY ? addDays(day, 1) : day
}

/** The Friday before a Saturday, the Monday after a Sunday, else the day itself. */
function nearestWeekday(date: IsoDate): IsoDate {
  const weekday = weekdayOf(date)
  if (weekday === SATURDAY) return addDays(date, -1)
  return weekday === SUNDAY ? addDays(date, 1) : date
}

/** The n-th of a weekday on or after the date, counted from 1. */
function nthWeekday(from: IsoDate, weekday: number, n: number): IsoDate {
  return addDays(from, ((weekday - weekdayOf(from) + 7) % 7) + (n - 1) * 7)
}

/** Gregorian Easter: the anonymous algorithm (Meeus, Astronomical Algorithms, chapter 8), with the letters used there. */
function easterSunday(year: number): IsoDate {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const f = Math.floor((b + 8) / 25)
  const g = Math.floor((b - f + 1) / 3)
  const h = (19 * a + b - Math.floor(b / 4) - g + 15) % 30
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  const monthAndDay = h + l - 7 * m + 114
  return dateOf(year, Math.floor(monthAndDay / 31), (monthAndDay % 31) + 1)
}
