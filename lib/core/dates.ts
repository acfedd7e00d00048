// Calendar dates as ISO text, and arithmetic on them in UTC. New York is the only time zone that the program knows.

/** A real calendar date, YYYY-MM-DD. Dates compare correctly as text. */
export type IsoDate = string & { readonly __brand: 'IsoDate' }

/** Both ends are inclusive. */
export type DateRange = { readonly from: IsoDate; readonly to: IsoDate }

/** The first and last year that the program works with. The calendar's rules are checked for all years between them. */
export const FIRST_YEAR = 1990
export const LAST_YEAR = 2035

export const MS_PER_DAY = 86_400_000
const ISO_DATE = /^(\d{4})-(\d{2})-(\d{2})$/

/** The date in `text`, or undefined if it is not a real date (2024-02-31). */
export function parseIsoDate(text: string): IsoDate | undefined {
  if (!ISO_DATE.test(text)) return undefined
  const days = dayNumber(text as IsoDate)
  const date = Number.isNaN(days) ? undefined : dateOfDay(days)
  return date === text ? date : undefined
}

/** Whether `text` is a real calendar date. */
export function isIsoDate(text: string): text is IsoDate {
  return parseIsoDate(text) !== undefined
}

/** The day that a date, or a date with a time after it, names: `2024-09-30T16:00:00Z` is 2024-09-30. */
export function dayNamedIn(text: string | null): IsoDate | undefined {
  return text !== null && /^.{10}(?:[T ]\d{1,2}:\d{2}.*)?$/.test(text) ? parseIsoDate(text.slice(0, 10)) : undefined
}

const MIDNIGHT = /^[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d{2}:?\d{2})?$/

/** The day of a date, or of a stamp at midnight in whatever zone. Any other time could be of the day before or after. */
export function midnightDay(text: string): IsoDate | undefined {
  return text.length === 10 || MIDNIGHT.test(text.slice(10)) ? dayNamedIn(text) : undefined
}

/**
 * Days since 1970-01-01, as Parquet's DATE counts them. By arithmetic, in years that begin in March (Howard Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms"). `Date.parse` is slow, and a map of its results for the days of all years takes
 * 3 MB.
 */
export function dayNumber(date: IsoDate): number {
  const month = numberAt(date, 5, 2)
  const isBeforeMarch = month <= 2
  const year = numberAt(date, 0, 4) - (isBeforeMarch ? 1 : 0)
  const dayOfYear = Math.floor((153 * (month + (isBeforeMarch ? 9 : -3)) + 2) / 5) + numberAt(date, 8, 2) - 1
  const leapDays = Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400)
  return year * 365 + leapDays + dayOfYear - DAYS_BEFORE_1970
}

/** From 0000-03-01. */
const DAYS_BEFORE_1970 = 719_468

function numberAt(text: string, start: number, digits: number): number {
  let value = 0
  for (let index = start; index < start + digits; index += 1) value = value * 10 + text.charCodeAt(index) - DIGIT_ZERO
  return value
}

const DIGIT_ZERO = 48

/** By day, those that were asked for: the same few thousand again and again, of which one text each is enough. */
const DATES: (IsoDate | undefined)[] = []

/** A century. A damaged file may ask for any day. */
const KEPT_DAYS = 36_525

/** The date `days` days after 1970-01-01. */
export function dateOfDay(days: number): IsoDate {
  const known = DATES[days]
  if (known !== undefined) return known
  const date = new Date(days * MS_PER_DAY).toISOString().slice(0, 10) as IsoDate
  if (days >= 0 && days < KEPT_DAYS) DATES[days] = date
  return date
}

/** The UTC date of an instant in milliseconds since 1970. */
export function utcDate(ms: number): IsoDate {
  return dateOfDay(Math.floor(ms / MS_PER_DAY))
}

export function addDays(date: IsoDate, days: number): IsoDate {
  return dateOfDay(dayNumber(date) + days)
}

export function yearOf(date: IsoDate): number {
  return Number(date.slice(0, 4))
}

/** The date of a year, month (1–12) and day of the month. */
export function dateOf(year: number, month: number, day: number): IsoDate {
  return dateOfDay(Date.UTC(year, month - 1, day) / MS_PER_DAY)
}

/** 1 January to 31 December. */
export function wholeYear(year: number): DateRange {
  return { from: `${year}-01-01` as IsoDate, to: `${year}-12-31` as IsoDate }
}

export function earlierOf(a: IsoDate, b: IsoDate): IsoDate {
  return a < b ? a : b
}

export function laterOf(a: IsoDate, b: IsoDate): IsoDate {
  return a > b ? a : b
}

export function isWithin(date: IsoDate, range: DateRange): boolean {
  return range.from <= date && date <= range.to
}

/** The years that a range overlaps, oldest first. */
export function yearsIn(range: DateRange): number[] {
  const first = yearOf(range.from)
  return Array.from({ length: Math.max(0, yearOf(range.to) - first + 1) }, (_, index) => first + index)
}

const NEW_YORK = new Intl.DateTimeFormat('en-CA', {
  timeZone: 'America/New_York',
  hourCycle: 'h23',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
})

/** The date in New York, and the minutes since midnight there, at an instant in milliseconds since 1970. */
export function newYorkClock(ms: number): { date: IsoDate; minutes: number } {
  const part = Object.fromEntries(NEW_YORK.formatToParts(ms).map(({ type, value }) => [type, value]))
  const date = `${part['year']}-${part['month']}-${part['day']}` as IsoDate
  return { date, minutes: Number(part['hour']) * 60 + Number(part['minute']) }
}

/**
 * Milliseconds since 1970 of a wall clock time in New York; `at` is HH:MM:SS. A time that the clock shows twice is the
 * first of the two. A time that the clock skips is read as standard time.
 */
export function newYorkInstant(date: IsoDate, at: string): number {
  const asUtc = Date.parse(`${date}T${at}Z`)
  const summer = asUtc + 4 * 3_600_000
  const { date: shown, minutes } = newYorkClock(summer)
  const isSummer = shown === date && minutes === Number(at.slice(0, 2)) * 60 + Number(at.slice(3, 5))
  return isSummer ? summer : asUtc + 5 * 3_600_000
}

const INSTANT = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/

/** Milliseconds since 1970 of an ISO instant with a time zone, or undefined if `text` is not one. */
export function parseInstant(text: string): number | undefined {
  const date = INSTANT.exec(text)?.[1]
  if (date === undefined || parseIsoDate(date) === undefined) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/** The smallest range that contains all given ranges; undefined if none is given. */
export function rangeAround(ranges: readonly (DateRange | undefined)[]): DateRange | undefined {
  const present = ranges.filter((range) => range !== undefined)
  if (present.length === 0) return undefined
  return present.reduce((a, b) => ({ from: earlierOf(a.from, b.from), to: laterOf(a.to, b.to) }))
}
