// The files of a symbol's last sessions as the survey has listed them: all that most nights compare, so that the run lists no
// symbol twice.

import type { Calendar } from '../../core/calendar.ts'
import { isWithin, laterOf, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import type { Footer } from '../../parquet/parquet.ts'
import type { StoredFile } from '../../store/store.ts'
import type { SessionDataset } from './schema.ts'
import type { StoredYear } from './year-files.ts'

/** The stored sessions before what is asked that every call covers too. */
export const COMPARED_SESSIONS = 10

/** A year file, with its footer if that was read. */
export type ListedYear = { readonly file: StoredFile; readonly footer?: Footer }

/** The day files of a symbol by date, and its year files. */
export type ListedFiles = {
  readonly days: ReadonlyMap<IsoDate, StoredFile>
  readonly years: ReadonlyMap<number, ListedYear>
}

/** All files of a symbol with rows of a span. */
export type RecentFiles = {
  readonly span: DateRange
  /** The day files, packed: a run keeps those of all its symbols, and as objects they take three times the memory. */
  readonly days: string
  readonly years: ReadonlyMap<number, ListedYear>
}

/** The sessions whose files a survey keeps: those that a night compares that stores the last session alone. */
export function recentSpan({ range, lookbackFrom }: Period, calendar: Calendar): DateRange | undefined {
  if (range === undefined || lookbackFrom === undefined) return undefined
  const from = calendar.sessionsBack(range.to, COMPARED_SESSIONS + 1)
  // The survey lists whole years.
  return { from: laterOf(from, wholeYear(yearOf(range.from)).from), to: range.to }
}

/** A day file without its key, which its date tells. */
type PackedDay = readonly [date: IsoDate, sizeBytes: number, modifiedMs: number, tag: string]

/** What the survey has listed of a symbol: the day files of a span, and all year files. */
type Listed = { readonly days: ListedFiles['days']; readonly years: ReadonlyMap<number, StoredFile> }

/** Packs the files of a span. `read` are the year files whose footers the survey has read. */
export function packRecent(
  span: DateRange,
  { days, years }: Listed,
  read: ReadonlyMap<number, StoredYear>,
): RecentFiles {
  const packed = [...days].map(([date, file]): PackedDay => [date, file.sizeBytes, file.modifiedMs, file.tag])
  const recentYears = [...years].filter(([year]) => year >= yearOf(span.from))
  return {
    span,
    days: JSON.stringify(packed),
    years: new Map(recentYears.map(([year, file]) => [year, read.get(year) ?? { file }])),
  }
}

/** The files with rows of a range; undefined if others may have some too. */
export function unpackRecent(
  recent: RecentFiles | undefined,
  range: DateRange,
  { symbol, dataset }: { readonly symbol: string; readonly dataset: SessionDataset },
): ListedFiles | undefined {
  if (recent === undefined || !isWithin(range.from, recent.span) || !isWithin(range.to, recent.span)) return undefined
  const days = (JSON.parse(recent.days) as readonly PackedDay[])
    .filter(([date]) => isWithin(date, range))
    .map(([date, sizeBytes, modifiedMs, tag]): [IsoDate, StoredFile] => {
      return [date, { key: dataset.key(symbol, { kind: 'day', date }), sizeBytes, modifiedMs, tag }]
    })
  return { days: new Map(days), years: recent.years }
}
