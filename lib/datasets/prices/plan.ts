// From what is asked and what is stored to what to fetch and what to write, as plain data. Nothing here does I/O.

import type { Calendar } from '../../core/calendar.ts'
import { NO_SESSIONS, withFate, type Counts } from '../../core/outcome.ts'
import { earlierOf, yearOf, yearsIn, type DateRange, type IsoDate } from '../../core/dates.ts'
import { foreignFileError, type IngestError } from '../../core/errors.ts'
import type { Footer } from '../../parquet/metadata.ts'
import type { Period } from '../../core/period.ts'
import type { Holdings } from './survey.ts'
import { isFinished, isKnownEmpty, standingOf, yearPart, type Standing } from './year-files.ts'
import type { SessionDataset, Partition } from './schema.ts'

/** A file of a symbol that the run may write. Where nothing is stored, one value serves all symbols: plans are long. */
export type PlannedFile = {
  readonly partition: Partition
  /** The sessions it answers for, oldest first. */
  readonly sessions: readonly IsoDate[]
  /** What stands there already and may be replaced. */
  readonly stored: Standing | undefined
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
  readonly isMarking: boolean
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
  const forAll = { ...context, years: yearsOf(context), newDay: createNewDays() }
  return holdings
    .map((held) => (context.mode === 'daily' ? planDays(held, forAll) : planYears(held, forAll)))
    .toSorted((a, b) => (a.newest ?? '').localeCompare(b.newest ?? ''))
}

type Year = { readonly year: number; readonly part: DateRange; readonly sessions: readonly IsoDate[] }

/** What the plans of all symbols have in common. */
type Shared = PlanContext & {
  /** Those of the range, oldest first. */
  readonly years: readonly Year[]
  /** The file of a day that has none yet. */
  readonly newDay: (date: IsoDate) => PlannedFile
}

function yearsOf({ period: { range }, calendar }: PlanContext): readonly Year[] {
  if (range === undefined) return []
  return yearsIn(range).map((year) => {
    const part = yearPart(year, range)
    return { year, part, sessions: calendar.sessions(part) }
  })
}

function createNewDays(): Shared['newDay'] {
  const files = new Map<IsoDate, PlannedFile>()
  return (date) => {
    const file = files.get(date) ?? { partition: { kind: 'day', date }, sessions: [date], stored: undefined }
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
    isMarking: period.lookbackFrom !== undefined,
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
  const years = range === undefined ? [] : judgeYears(held, range, context)
  const asking = years.filter(({ verdict }) => verdict === 'ask').toReversed()
  const [oldest] = footersOf(held)
    .map((footer) => footer.span.from)
    .toSorted()
  return {
    ...shared(held, range, context),
    ...fetching(
      asking.map(({ part }) => part),
      dataset,
    ),
    files: asking.map(({ year, sessions }) => plannedYear(year, sessions, held)),
    settled: years.reduce((counts, judged) => settle(counts, judged), NO_SESSIONS),
    errors: years.flatMap(({ year, verdict }) => (verdict === 'foreign' ? [foreignFile(year, held)] : [])),
    known: span(oldest, held.newest),
    isMarking: false,
    yearsStored: [...held.years.keys()],
  }
}

type JudgedYear = Year & {
  readonly verdict: 'ask' | 'finished' | 'empty' | 'foreign'
  /** Rows of the stored file. */
  readonly rows: number
}

/** What becomes of every year of the range, oldest first. */
function judgeYears(
  held: Holdings,
  range: DateRange,
  { calendar, period, isForced, years }: Shared,
): readonly JudgedYear[] {
  const context = { calendar, range, today: period.today }
  const extended = yearToExtend(held, range)
  // A file that is written anew may claim only what its own run asked for: the years it knew to be empty are asked again.
  const lasting = new Map<number, Footer>()
  for (const [year, stored] of held.years) {
    const isAskedAgain = !('footer' in stored) || isForced || year === extended
    if (!isAskedAgain && isFinished(year, stored.footer, context)) lasting.set(year, stored.footer)
  }
  const lastingFooters = [...lasting.values()]
  return years.map(({ year, part, sessions }) => {
    const stored = held.years.get(year)
    const footer = stored !== undefined && 'footer' in stored ? stored.footer : undefined
    const verdict = (): JudgedYear['verdict'] => {
      if (footer !== undefined) return lasting.has(year) ? 'finished' : 'ask'
      if (stored !== undefined) return isForced ? 'ask' : 'foreign'
      return !isForced && isKnownEmpty(year, lastingFooters, context) ? 'empty' : 'ask'
    }
    return { year, part, sessions, verdict: verdict(), rows: footer?.rows ?? 0 }
  })
}

/** The oldest stored year, when the range holds earlier years and begins before what that year's file has asked. */
function yearToExtend({ years }: Holdings, range: DateRange): number | undefined {
  const oldest = [...years].filter(([, stored]) => 'footer' in stored).toSorted(([a], [b]) => a - b)[0]
  if (oldest === undefined || !('footer' in oldest[1])) return undefined
  const [year, { footer }] = oldest
  const isAhead = year > yearOf(range.from) && range.from < (footer.asked?.from ?? footer.span.from)
  return isAhead ? year : undefined
}

function settle(counts: Counts, { verdict, sessions, rows }: JudgedYear): Counts {
  const count = sessions.length
  switch (verdict) {
    case 'finished':
      return withFate(withFate(counts, 'already_stored', Math.min(rows, count)), 'no_data', Math.max(0, count - rows))
    case 'empty':
      return withFate(counts, 'no_data', count)
    case 'foreign':
      return withFate(counts, 'failed', count)
    case 'ask':
      return counts
  }
}

function plannedYear(year: number, sessions: readonly IsoDate[], { years }: Holdings): PlannedFile {
  const stored = years.get(year)
  return { partition: { kind: 'year', year }, sessions, stored: stored && standingOf(stored) }
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
