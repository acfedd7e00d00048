// From what is asked and what is stored to what to fetch and what to write, as plain data. Nothing here does I/O.

import type { Calendar } from '../../core/calendar.ts'
import { NO_SESSIONS, withFate, type Counts } from '../../core/outcome.ts'
import { earlierOf, yearOf, yearsIn, type DateRange, type IsoDate } from '../../core/dates.ts'
import { foreignFileError, type IngestError } from '../../core/errors.ts'
import type { Footer } from '../../parquet/metadata.ts'
import type { Period } from '../../core/period.ts'
import type { Holdings } from './survey.ts'
import { replaceableOf, yearPart, type Replaceable } from './year-files.ts'
import type { SessionDataset, Partition } from './schema.ts'
import { actionOn, type FileAction } from '../file-action.ts'
import { addSettled, judgeYears, type YearPart } from './judged-years.ts'

/** A file of a symbol that the run may write. Where nothing is stored, one value serves all symbols: plans are long. */
export type PlannedFile = {
  readonly partition: Partition
  /** The sessions it answers for, oldest first. */
  readonly sessions: readonly IsoDate[]
  /** What stands there already and may be replaced. */
  readonly stored: Replaceable | undefined
  readonly action: FileAction
}

export type SymbolPlan = {
  readonly symbol: string
  readonly dataset: SessionDataset
  readonly range: DateRange | undefined
  /** What to ask the vendor for, newest first, none longer than ten years. */
  readonly windows: readonly DateRange[]
  readonly calls: number
  /** Newest first. */
  readonly files: readonly PlannedFile[]
  /** Sessions whose fate is known without asking. */
  readonly settled: Counts
  /** Files that are left alone because they are not this program's. */
  readonly errors: readonly IngestError[]
  /** Oldest and newest stored bar, as far as the survey saw. */
  readonly known: DateRange | undefined
  readonly newest: IsoDate | undefined
  /**
   * A nightly run takes the newest stored session as the mark up to which nothing is missing. So its files are written
   * oldest first, each when the one before it stands: a kill then leaves no hole behind the mark.
   */
  readonly writesOldestFirst: boolean
  /** Years with a file in the store. */
  readonly yearsStored: readonly number[]
  /** Sessions from here on are the last five of the range. */
  readonly recentFrom: IsoDate | undefined
}

export type PlanContext = {
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  readonly mode: 'daily' | 'backfill'
  readonly period: Period
  readonly isForced: boolean
}

/** A window's greatest length: 5,000 rows, the vendor's cut, are 13.7 years of a series that trades every day. */
const MAX_WINDOW_YEARS = 10

/** The sessions at the range's end whose adjusted close may still be on its way. */
const RECENT_SESSIONS = 5

/** One plan a symbol: those whose newest stored session is oldest come first, ties in the order of the list. */
export function planRun(holdings: readonly Holdings[], context: PlanContext): readonly SymbolPlan[] {
  const forAll = { ...context, years: yearsOf(context), newDay: createNewDays(actionOn(undefined, context.isForced)) }
  return holdings
    .map((held) => (context.mode === 'daily' ? planDays(held, forAll) : planYears(held, forAll)))
    .toSorted((a, b) => (a.newest ?? '').localeCompare(b.newest ?? ''))
}

/** What the plans of all symbols have in common. */
type Shared = PlanContext & {
  /** Those of the range, oldest first. */
  readonly years: readonly YearPart[]
  /** The file of a day that has none yet. */
  readonly newDay: (date: IsoDate) => PlannedFile
}

function yearsOf({ period: { range }, calendar }: PlanContext): readonly YearPart[] {
  if (range === undefined) return []
  return yearsIn(range).map((year) => {
    const part = yearPart(year, range)
    return { year, part, sessions: calendar.sessions(part) }
  })
}

function createNewDays(action: FileAction): Shared['newDay'] {
  const files = new Map<IsoDate, PlannedFile>()
  return (date) => {
    const file = files.get(date) ?? { partition: { kind: 'day', date }, sessions: [date], stored: undefined, action }
    files.set(date, file)
    return file
  }
}

function planDays(held: Holdings, context: Shared): SymbolPlan {
  const { dataset, calendar, period, isForced } = context
  const { days } = held
  const range = daysRange(held, period)
  const sessions = range === undefined ? [] : calendar.sessions(range)
  const open = isForced ? sessions : sessions.filter((session) => !days.has(session))
  const stored = [...days].toSorted()
  const files = open.map((date): PlannedFile => {
    const file = context.newDay(date)
    return days.has(date) ? { ...file, stored: { tag: undefined, footer: undefined } } : file
  })
  return {
    ...shared(held, range, context),
    ...fetching(
      open.map((date) => ({ from: date, to: date })),
      dataset,
    ),
    files: files.toReversed(),
    settled: withFate(NO_SESSIONS, 'already_stored', sessions.length - open.length),
    errors: [],
    known: span(stored[0], stored.at(-1)),
    writesOldestFirst: period.lookbackFrom !== undefined,
    yearsStored: [],
  }
}

/** With dates the range itself; without, as far back as the lookback, and further to the newest stored session. */
function daysRange({ newest }: Holdings, { range, lookbackFrom }: Period): DateRange | undefined {
  if (range === undefined || lookbackFrom === undefined) return range
  return { from: newest === undefined ? range.to : earlierOf(lookbackFrom, newest), to: range.to }
}

function planYears(held: Holdings, context: Shared): SymbolPlan {
  const { dataset, period } = context
  const { range } = period
  const years = range === undefined ? [] : judgeYears(held, { ...context, range, today: period.today })
  const asking = years.filter(({ judgement }) => judgement === 'ask').toReversed()
  const [oldest] = footersOf(held)
    .map((footer) => footer.span.from)
    .toSorted()
  return {
    ...shared(held, range, context),
    ...fetching(
      asking.map(({ part }) => part),
      dataset,
    ),
    files: asking.map((year) => plannedYear(year, held, context.isForced)),
    settled: years.reduce(addSettled, NO_SESSIONS),
    errors: years.flatMap(({ year, judgement }) => (judgement === 'foreign' ? [foreignFile(year, held)] : [])),
    known: span(oldest, held.newest),
    writesOldestFirst: false,
    yearsStored: [...held.years.keys()],
  }
}

function plannedYear({ year, sessions }: YearPart, { years }: Holdings, isForced: boolean): PlannedFile {
  const found = years.get(year)
  const stored = found && replaceableOf(found)
  return { partition: { kind: 'year', year }, sessions, stored, action: actionOn(stored, isForced) }
}

function foreignFile(year: number, { symbol, years }: Holdings): IngestError {
  const stored = years.get(year)
  const problem = stored !== undefined && 'problem' in stored ? stored.problem : 'cannot be judged'
  return foreignFileError(`${stored?.file.key ?? `The file of ${symbol} ${year}`} ${problem}`)
}

function shared({ symbol, newest }: Holdings, range: DateRange | undefined, { dataset, calendar }: PlanContext) {
  const recentFrom = range && calendar.sessionsBack(range.to, RECENT_SESSIONS)
  return { symbol, dataset, range, newest, recentFrom }
}

function fetching(spans: readonly DateRange[], { callsPerWindow }: SessionDataset) {
  const windows = coverSpans(spans.toSorted((a, b) => b.to.localeCompare(a.to)))
  return { windows, calls: windows.length * callsPerWindow }
}

/** The fewest windows of at most ten years that hold all spans, given newest first. */
export function coverSpans(spans: readonly DateRange[]): readonly DateRange[] {
  const windows: DateRange[] = []
  for (const { from, to } of spans) {
    const last = windows.at(-1)
    // As text: a 29 February ten years back need not be a real date to compare right.
    const limit = last && `${yearOf(last.to) - MAX_WINDOW_YEARS}${last.to.slice(4)}`
    if (last !== undefined && limit !== undefined && from > limit) windows[windows.length - 1] = { from, to: last.to }
    else windows.push({ from, to })
  }
  return windows
}

function footersOf({ years }: Holdings): readonly Footer[] {
  return [...years.values()].flatMap((stored) => ('footer' in stored ? [stored.footer] : []))
}

function span(from: IsoDate | undefined, to: IsoDate | undefined): DateRange | undefined {
  return from === undefined || to === undefined ? undefined : { from, to }
}
