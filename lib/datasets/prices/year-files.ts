// Judgements on year files by their footers alone: is one finished, which years are known to be empty, what may a
// fresh one claim, and would it make the stored year shorter.

import type { Calendar } from '../../core/calendar.ts'
import {
  addDays,
  dayNumber,
  earlierOf,
  isWithin,
  newYorkClock,
  wholeYear,
  yearOf,
  type DateRange,
  type IsoDate,
} from '../../core/dates.ts'
import type { Footer } from '../../parquet/metadata.ts'
import type { StoredYear } from './survey.ts'

/** How long after its last session a year that lacks this session's bar is still asked for, in sessions. */
const SETTLING_SESSIONS = 5

/** A stored version that may be replaced: its tag for the compare-and-swap, if there is one, and its footer if it is ours. */
export type Replaceable = { readonly tag: string | undefined; readonly footer: Footer | undefined }

/** The stored version of a year file, for the write that may replace it. */
export function replaceableOf(stored: StoredYear): Replaceable {
  return { tag: stored.file.tag, footer: 'footer' in stored ? stored.footer : undefined }
}

export type YearContext = {
  readonly calendar: Calendar
  /** The run's range. */
  readonly range: DateRange
  /** New York's date now. */
  readonly today: IsoDate
}

/** The part of a calendar year that lies in the range. */
export function yearPart(year: number, range: DateRange): DateRange {
  const whole = wholeYear(year)
  return { from: whole.from, to: earlierOf(whole.to, range.to) }
}

/** Whether the stored file of a year needs no further asking within the range. */
export function isFinished(year: number, footer: Footer, { calendar, range, today }: YearContext): boolean {
  const part = yearPart(year, range)
  // Not the whole list of sessions: this is asked of every stored year of every symbol.
  const last = calendar.sessionsBack(part.to, 1)
  if (!isWithin(last, part)) return true
  if (footer.asked === undefined || footer.asked.to < last) return false
  if (yearOf(last) === yearOf(today) || footer.span.to >= last) return true
  const settled = calendar.nthSessionAfter(last, SETTLING_SESSIONS)
  return settled !== undefined && newYorkClock(footer.ingestMs).date >= settled
}

/** Whether some stored file was written by a run that asked for this year and found it empty. */
export function isKnownEmpty(year: number, footers: readonly Footer[], { calendar, range }: YearContext): boolean {
  const sessions = calendar.sessions(yearPart(year, range))
  const [first, last] = [sessions[0], sessions.at(-1)]
  if (first === undefined || last === undefined) return true
  return footers.some(({ asked }) => asked !== undefined && asked.from <= first && last <= asked.to)
}

export type Answered = {
  readonly range: DateRange
  /** What this run asked the vendor for. */
  readonly windows: readonly DateRange[]
  /** Years with a stored file or with rows in the answer, good or rejected. */
  readonly yearsWithRows: ReadonlySet<number>
}

/**
 * What the file of `year` may claim as `asked`: its own year, cut at the range's end, and the empty years beside it
 * that this run asked for: those before it, and when it is the newest also those after it. It never covers another
 * year that has rows, so it stays true whichever of a symbol's files are written.
 */
export function askedBy(year: number, { range, windows, yearsWithRows }: Answered): DateRange {
  const isEmpty = (other: number) => {
    const { from, to } = yearPart(other, range)
    return (
      !yearsWithRows.has(other) && from >= range.from && from <= to && windows.some((w) => w.from <= from && to <= w.to)
    )
  }
  let first = year
  while (isEmpty(first - 1)) first -= 1
  let last = year
  if (Math.max(...yearsWithRows) <= year) while (isEmpty(last + 1)) last += 1
  return { from: yearPart(first, range).from, to: yearPart(last, range).to }
}

export type Shrinkage = { readonly message: string; readonly isOnlyOldestEnd: boolean }

/**
 * How a fresh file would be shorter than the stored one, or undefined when it would not. Only the oldest end is
 * lacking when the fresh one begins later, ends no earlier, and misses no more rows than lie before its beginning:
 * that is what a plan does whose history rolls.
 */
export function shrinkage(
  stored: Footer,
  fresh: { readonly span: DateRange; readonly rows: number },
  calendar: Calendar,
): Shrinkage | undefined {
  const beginsLater = fresh.span.from > stored.span.from
  const endsEarlier = fresh.span.to < stored.span.to
  if (!beginsLater && !endsEarlier && fresh.rows >= stored.rows) return undefined
  return {
    message: `would shrink from ${describeRows(stored.rows, stored.span)} to ${describeRows(fresh.rows, fresh.span)}`,
    isOnlyOldestEnd:
      beginsLater && !endsEarlier && fresh.rows >= stored.rows - rowsBefore(fresh.span.from, stored, calendar),
  }
}

/** The same for a stored year of which the vendor's answer, with rows from `freshFrom` on, has nothing at all. */
export function vanishing({ rows, span }: Footer, freshFrom: IsoDate): Shrinkage {
  return { message: `would shrink from ${describeRows(rows, span)} to none`, isOnlyOldestEnd: freshFrom > span.to }
}

/** How many of a stored file's rows can lie before `date`, one of its later dates. */
function rowsBefore(date: IsoDate, stored: Footer, calendar: Calendar): number {
  // A series with more rows than sessions trades every day.
  const tradesDaily = stored.rows > calendar.sessions(stored.span).length
  return tradesDaily
    ? dayNumber(date) - dayNumber(stored.span.from)
    : calendar.sessions({ from: stored.span.from, to: addDays(date, -1) }).length
}

function describeRows(rows: number, { from, to }: DateRange): string {
  return `${rows} rows ${from} to ${to}`
}
