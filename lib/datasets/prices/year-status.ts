// What a backfill does with each calendar year of its range: fetch it, or count it by what is stored.

import { withFate, type Counts } from '../../core/outcome.ts'
import { yearOf, yearsIn, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Footer } from '../../parquet/parquet.ts'
import type { PlanContext } from './plan.ts'
import type { StoredSessions } from './survey.ts'
import { isFinished, isKnownEmpty, yearPart, type YearContext } from './year-files.ts'

/** A calendar year, the part of it that lies in the range, and the sessions of that part, oldest first. */
export type YearPart = { readonly year: number; readonly part: DateRange; readonly sessions: readonly IsoDate[] }

/** The years of the range of a run, oldest first. */
export function yearPartsOf({
  period: { range },
  calendar,
}: Pick<PlanContext, 'period' | 'calendar'>): readonly YearPart[] {
  if (range === undefined) return []
  return yearsIn(range).map((year) => {
    const part = yearPart(year, range)
    return { year, part, sessions: calendar.sessions(part) }
  })
}

/**
 * `fetch`: the year is fetched. `finished`: its stored file is complete. `empty`: the file of another year says that this
 * year was fetched and had no rows. `foreign`: this program did not write its file.
 */
type YearStatus = 'fetch' | 'finished' | 'empty' | 'foreign'

export type YearWithStatus = YearPart & {
  readonly status: YearStatus
  /** The number of rows in the stored file. */
  readonly rows: number
}

type StatusContext = YearContext & {
  readonly isForced: boolean
  /** The years of the range, oldest first. */
  readonly years: readonly YearPart[]
}

/** Every year of the range with its status, oldest first. */
export function yearsWithStatus(stored: StoredSessions, context: StatusContext): readonly YearWithStatus[] {
  const { isForced } = context
  const extended = yearToExtend(stored, context.range)
  // Only files that stay may show that a year is empty: a file that is written again claims only what this run fetches.
  const finished = new Map<number, Footer>()
  for (const [year, file] of stored.years) {
    const isFetched = !('footer' in file) || isForced || year === extended
    if (!isFetched && isFinished(year, file.footer, context)) finished.set(year, file.footer)
  }
  const finishedFooters = [...finished.values()]
  return context.years.map((part) => {
    const file = stored.years.get(part.year)
    const footer = file !== undefined && 'footer' in file ? file.footer : undefined
    const statusOf = (): YearStatus => {
      if (footer !== undefined) return finished.has(part.year) ? 'finished' : 'fetch'
      if (file !== undefined) return isForced ? 'fetch' : 'foreign'
      return !isForced && isKnownEmpty(part.year, finishedFooters, context) ? 'empty' : 'fetch'
    }
    return { ...part, status: statusOf(), rows: footer?.rows ?? 0 }
  })
}

/** The oldest stored year, if the range holds earlier years and begins before the `asked` range of that year's file. */
function yearToExtend({ years }: StoredSessions, range: DateRange): number | undefined {
  const oldest = [...years].filter(([, file]) => 'footer' in file).toSorted(([a], [b]) => a - b)[0]
  if (oldest === undefined || !('footer' in oldest[1])) return undefined
  const [year, { footer }] = oldest
  const isExtended = year > yearOf(range.from) && range.from < (footer.asked?.from ?? footer.span.from)
  return isExtended ? year : undefined
}

/** The fates of a year's sessions, as far as its status decides them without an API call. */
const SURVEYED_FATES: Readonly<Record<YearStatus, (counts: Counts, sessions: number, rows: number) => Counts>> = {
  fetch: (counts) => counts,
  finished: (counts, sessions, rows) =>
    withFate(withFate(counts, 'already_stored', Math.min(rows, sessions)), 'no_data', Math.max(0, sessions - rows)),
  empty: (counts, sessions) => withFate(counts, 'no_data', sessions),
  foreign: (counts, sessions) => withFate(counts, 'failed', sessions),
}

/** The counts, with the sessions of one more year that its status decides. */
export function addSurveyed(counts: Counts, { status, sessions, rows }: YearWithStatus): Counts {
  return SURVEYED_FATES[status](counts, sessions.length, rows)
}
