// Decisions about year files by their footers alone: whether a file is finished, which years are known to be empty, which
// `asked` range a new file may claim, and whether it would make the stored file shorter.

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
import type { Footer } from '../../parquet/parquet.ts'
import { grouped } from '../../core/text.ts'
import type { StoredFooter } from '../stored-file.ts'

/** A year without a bar for its last session is fetched again until this many sessions after it: the bar may come late. */
export const LATE_BAR_SESSIONS = 5

/** A year file with its footer, or with the problem why its footer cannot be used. */
export type StoredYear = StoredFooter

/** The footers that were read, of files of this program. */
export function footersOf(years: ReadonlyMap<number, StoredYear>): readonly Footer[] {
  return [...years.values()].flatMap((year) => ('footer' in year ? [year.footer] : []))
}

/** The newest date in these year files. */
export function newestIn(years: ReadonlyMap<number, StoredYear>): IsoDate | undefined {
  return footersOf(years)
    .map(({ span }) => span.to)
    .toSorted()
    .at(-1)
}

/** Stored version to replace: its tag (compare-and-swap), if there is one, and its footer if this program wrote it. */
export type Replaceable = { readonly tag: string | undefined; readonly footer: Footer | undefined }

/** The stored version of a year file, for a write that may replace it. */
export function replaceableOf(stored: StoredYear): Replaceable {
  return { tag: stored.file.tag, footer: 'footer' in stored ? stored.footer : undefined }
}

export type YearContext = {
  readonly calendar: Calendar
  /** The run's range. */
  readonly range: DateRange
  /** Today's date in New York. */
  readonly today: IsoDate
}

/** A calendar year, cut at the range's end. */
export function yearPart(year: number, range: DateRange): DateRange {
  const whole = wholeYear(year)
  return { from: whole.from, to: earlierOf(whole.to, range.to) }
}

/** Whether the stored file of a year is complete for the range, so that the year need not be fetched again. */
export function isFinished(year: number, footer: Footer, { calendar, range, today }: YearContext): boolean {
  const part = yearPart(year, range)
  // Computes one session, not the list of all: this runs for every stored year of every symbol.
  const last = calendar.sessionsBack(part.to, 1)
  if (!isWithin(last, part)) return true
  if (footer.asked === undefined || footer.asked.to < last) return false
  if (yearOf(last) === yearOf(today) || footer.span.to >= last) return true
  const lastTry = calendar.nthSessionAfter(last, LATE_BAR_SESSIONS)
  return lastTry !== undefined && newYorkClock(footer.ingestMs).date >= lastTry
}

/** Whether the `asked` range of a stored file covers this year without a file: the year was fetched and had no rows. */
export function isKnownEmpty(year: number, footers: readonly Footer[], { calendar, range }: YearContext): boolean {
  const sessions = calendar.sessions(yearPart(year, range))
  const [first, last] = [sessions[0], sessions.at(-1)]
  if (first === undefined || last === undefined) return true
  return footers.some(({ asked }) => asked !== undefined && asked.from <= first && last <= asked.to)
}

/** What one run fetched of a symbol. */
export type FetchedYears = {
  readonly range: DateRange
  /** The windows that this run fetched. */
  readonly windows: readonly DateRange[]
  /** Years with a stored file or with fetched rows, valid or rejected. */
  readonly yearsWithRows: ReadonlySet<number>
}

/**
 * The `asked` range that the file of `year` may claim: its own year, cut at the range's end, and the empty years next to it
 * that this run fetched: those before it and, if it is the newest year with rows, those after it. The range never covers
 * another year with rows, so it is true no matter which files of the symbol are written before a kill.
 */
export function askedRange(year: number, { range, windows, yearsWithRows }: FetchedYears): DateRange {
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

/** How a new file would be shorter than the stored one. */
export type Shrinkage = { readonly message: string; readonly isOnlyOldestEnd: boolean }

/**
 * How a new file would be shorter than the stored one; undefined if it would not be. It lacks only the oldest end if it
 * begins later, ends no earlier, and misses no more rows than can lie before its first date. A plan that includes a rolling
 * history has this effect.
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

/** The shrinkage of a stored year without any fetched row. `freshFrom` is the oldest fetched date of the symbol. */
export function shrinkageToNothing({ rows, span }: Footer, freshFrom: IsoDate): Shrinkage {
  return { message: `would shrink from ${describeRows(rows, span)} to none`, isOnlyOldestEnd: freshFrom > span.to }
}

/** The most rows of a stored file that can lie before `date`. */
function rowsBefore(date: IsoDate, stored: Footer, calendar: Calendar): number {
  // A series with more rows than sessions trades on every day.
  const tradesDaily = stored.rows > calendar.sessions(stored.span).length
  return tradesDaily
    ? dayNumber(date) - dayNumber(stored.span.from)
    : calendar.sessions({ from: stored.span.from, to: addDays(date, -1) }).length
}

function describeRows(rows: number, { from, to }: DateRange): string {
  return `${grouped(rows)} rows ${from} to ${to}`
}
