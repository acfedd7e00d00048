// What the stored prices of one symbol come to: which sessions they hold, which are missing between them, which dates two
// files hold. Pure: from the listing and the footers of the symbol's files.

import type { Calendar } from '../../core/calendar.ts'
import { isWithin, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { tradesElsewhere } from './exchange.ts'
import type { PriceFile, ReadPriceFile } from './price-files.ts'
import type { Partition } from './schema.ts'

export type SymbolCoverage = {
  readonly symbol: string
  /** Whether the calendar does not know the symbol's sessions: then none is called missing. */
  readonly tradesElsewhere: boolean
  /** The oldest and the newest stored date up to `asOf`; undefined if nothing is stored that can be read. */
  readonly first: IsoDate | undefined
  readonly through: IsoDate | undefined
  /** Every stored date up to `asOf`, bars of closed days included. */
  readonly dates: ReadonlySet<IsoDate>
  /** How many of them are sessions of the calendar. */
  readonly sessions: number
  /** Sessions from the first to the newest stored one without a row, oldest first. A file that cannot be read hides none. */
  readonly missing: readonly IsoDate[]
  /** Rows of all files together. */
  readonly rows: number
  readonly files: { readonly year: number; readonly day: number }
  /** Dates that are in a year file and in a day file, oldest first. */
  readonly doubled: readonly IsoDate[]
  /** Stretches of rows that were carried over from older files, and how many rows they are. */
  readonly carried: readonly DateRange[]
  readonly carriedRows: number
  /** What the year files were asked for: a session in it without a row is one that the vendor had no bar for. */
  readonly asked: readonly DateRange[]
}

export type CoverageContext = {
  readonly calendar: Calendar
  /** The last finished session: later rows do not count. */
  readonly asOf: IsoDate
  /** Looks at these dates only. */
  readonly range?: DateRange | undefined
}

/** What the files of one symbol come to. `files` are all files of the symbol, or all whose dates can lie in `range`. */
export function symbolCoverage(
  symbol: string,
  files: readonly PriceFile[],
  { calendar, asOf, range }: CoverageContext,
): SymbolCoverage {
  const isSeen = (date: IsoDate) => date <= asOf && (range === undefined || isWithin(date, range))
  const readable = files.filter((stored) => 'footer' in stored)
  const held = readable.map((stored) => ({ ...stored, dates: datesOf(stored, calendar).filter(isSeen) }))
  const datesIn = (kind: Partition['kind']) =>
    new Set(held.flatMap(({ file, dates }) => (file.partition.kind === kind ? dates : [])))
  const [inYears, inDays] = [datesIn('year'), datesIn('day')]
  const dates = inYears.union(inDays)
  const extent = extentOf(dates)
  const sessions = extent === undefined ? [] : calendar.sessions(extent)
  const isElsewhere = tradesElsewhere(symbol)
  const mayBeHeld = unreadableDates(files)
  const carried = readable.flatMap(({ footer }) => footer.carried)
  return {
    symbol,
    tradesElsewhere: isElsewhere,
    first: extent?.from,
    through: extent?.to,
    dates,
    sessions: sessions.filter((session) => dates.has(session)).length,
    missing: isElsewhere ? [] : sessions.filter((session) => !dates.has(session) && !mayBeHeld(session)),
    rows: readable.reduce((sum, { footer }) => sum + footer.rows, 0),
    files: { year: countOf(files, 'year'), day: countOf(files, 'day') },
    doubled: [...inYears.intersection(inDays)].toSorted(),
    carried,
    carriedRows: held.reduce((sum, { footer, dates: own }) => sum + countWithin(own, footer.carried), 0),
    asked: readable.flatMap(({ footer }) => footer.asked ?? []),
  }
}

/** From the oldest to the newest date. */
function extentOf(dates: ReadonlySet<IsoDate>): DateRange | undefined {
  let extent: DateRange | undefined
  for (const date of dates) {
    if (extent === undefined) extent = { from: date, to: date }
    else if (date < extent.from) extent = { from: date, to: extent.to }
    else if (date > extent.to) extent = { from: extent.from, to: date }
  }
  return extent
}

function countOf(files: readonly PriceFile[], kind: Partition['kind']): number {
  return files.filter(({ file }) => file.partition.kind === kind).length
}

/** The dates of a file's rows, as far as they are known. */
function datesOf({ footer: { span }, dates }: ReadPriceFile, calendar: Calendar): readonly IsoDate[] {
  if (dates !== undefined) return dates
  return span.from === span.to ? [span.from] : calendar.sessions(span)
}

function countWithin(dates: readonly IsoDate[], ranges: readonly DateRange[]): number {
  return ranges.length === 0 ? 0 : dates.filter((date) => ranges.some((range) => isWithin(date, range))).length
}

/** Whether a file that cannot be read may hold a date. */
function unreadableDates(files: readonly PriceFile[]): (date: IsoDate) => boolean {
  const broken = files.filter((stored) => 'problem' in stored).map(({ file }) => file.partition)
  const days = new Set(broken.flatMap((partition) => (partition.kind === 'day' ? [partition.date] : [])))
  const years = new Set(broken.flatMap((partition) => (partition.kind === 'year' ? [partition.year] : [])))
  return (date) => days.has(date) || years.has(yearOf(date))
}
