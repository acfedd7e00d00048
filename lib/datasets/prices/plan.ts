// Plans what to fetch and what to write, from what the user asked for and what is stored. Plain data, no I/O.

import type { Calendar } from '../../core/calendar.ts'
import { ZERO_COUNTS, withFate, type Counts } from '../../core/outcome.ts'
import { earlierOf, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { foreignFileError, type IngestError } from '../../core/errors.ts'
import type { Period } from '../../core/period.ts'
import type { StoredSessions } from './survey.ts'
import { oldestKnown, planNight, type Night } from './nightly.ts'
import { footersOf, replaceableOf, type Replaceable } from './year-files.ts'
import type { SessionDataset, Partition } from './schema.ts'
import { actionOn, type FileAction } from '../file-action.ts'
import { addSurveyed, yearPartsOf, yearsWithStatus, type YearPart } from './year-status.ts'
import type { Audit } from './audit.ts'
import { closedDaysIn, tradesElsewhere, withClosedDays } from './exchange.ts'

/** A file that the run may write. Day files without a stored version are shared by all symbols, because plans are long. */
export type PlannedFile = {
  readonly partition: Partition
  /** The sessions whose fates this file decides, oldest first; none for a day on which only another exchange may trade. */
  readonly sessions: readonly IsoDate[]
  /** The stored version, if there is one. */
  readonly stored: Replaceable | undefined
  readonly action: FileAction
  /** Whether it came at no extra call and is counted only if it has a row. */
  readonly isExtra: boolean
}

export type SymbolPlan = {
  readonly symbol: string
  readonly dataset: SessionDataset
  readonly range: DateRange | undefined
  /** The windows to fetch, newest first, none longer than ten years. */
  readonly windows: readonly DateRange[]
  readonly calls: number
  /** Newest first. */
  readonly files: readonly PlannedFile[]
  /** Sessions whose fate the survey decided. */
  readonly surveyedCounts: Counts
  /** Foreign files, which are left as they are. */
  readonly errors: readonly IngestError[]
  /** From the oldest to the newest stored bar that the survey found. */
  readonly storedSpan: DateRange | undefined
  /** The newest stored session of the range. */
  readonly newest: IsoDate | undefined
  /** The newest day file of the range. A backfill does not count it as its newest session. */
  readonly newestDay: IsoDate | undefined
  /**
   * A nightly run takes the newest stored session as its high-water mark. So files are written one by one, oldest first,
   * each after the one before it is stored: a kill then leaves no missing session before the mark. The days on which only
   * another exchange trades are asked for with the session after them, so they too are stored before it.
   */
  readonly writesOldestFirst: boolean
  /** Whether the symbol trades on other days than the calendar's: what it has on them is kept, what it lacks is not missing. */
  readonly tradesElsewhere: boolean
  /**
   * Sessions between stored ones that this run does not reach, from the first to the last; undefined if there are none, or
   * if it is not known on which days the symbol trades.
   */
  readonly holeBeyond: DateRange | undefined
  /** Years with a stored file. */
  readonly yearsStored: readonly number[]
  /** Whether the run compares all that is stored of the symbol. */
  readonly isAudited: boolean
  /** The first of the last five sessions of the range. */
  readonly recentFrom: IsoDate | undefined
}

export type PlanContext = {
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  readonly mode: 'daily' | 'backfill'
  readonly period: Period
  readonly isForced: boolean
  readonly audit: Audit
}

/** The longest window. FMP cuts a reply at 5,000 rows, which are 13.7 years of a series that trades every day. */
const MAX_WINDOW_YEARS = 10

/** The last sessions of the range, for which the vendor may add the adjusted close later. */
const RECENT_SESSIONS = 5

/** One plan per symbol: first symbols without stored sessions, then by newest stored session, oldest first. */
export function planSessions(surveyed: readonly StoredSessions[], context: PlanContext): readonly SymbolPlan[] {
  return sortPlans(surveyed.map(createPlanner(context)))
}

/** Plans one symbol after the other; what is the same for all of them is made once. */
export function createPlanner(context: PlanContext): (stored: StoredSessions) => SymbolPlan {
  const shared = { ...context, years: yearPartsOf(context), newDay: createNewDayFiles(context) }
  const planOne = context.mode === 'daily' ? planDays : planYears
  return (stored) => planOne(stored, shared)
}

/** Puts first what is furthest behind; equals keep their order. */
export function sortPlans(plans: readonly SymbolPlan[]): readonly SymbolPlan[] {
  return plans.toSorted((a, b) => (a.newest ?? '').localeCompare(b.newest ?? ''))
}

/** What is the same for all symbols. */
type PlanningContext = PlanContext & {
  /** The years of the range, oldest first. */
  readonly years: readonly YearPart[]
  /** The planned file of a day without a stored file. */
  readonly newDay: (date: IsoDate) => PlannedFile
}

function createNewDayFiles({ calendar, isForced }: PlanContext): PlanningContext['newDay'] {
  const files = new Map<IsoDate, PlannedFile>()
  const action = actionOn(undefined, isForced)
  return (date) => {
    const file = files.get(date) ?? {
      partition: { kind: 'day', date },
      sessions: calendar.isSession(date) ? [date] : [],
      stored: undefined,
      action,
      isExtra: false,
    }
    files.set(date, file)
    return file
  }
}

function planDays(stored: StoredSessions, context: PlanningContext): SymbolPlan {
  const { dataset, calendar, period, isForced } = context
  const { days, newest } = stored
  const { range, toFetch, lacking, extra, holeBeyond } = sessionsToFetch(stored, context)
  const sessions = range === undefined ? [] : calendar.sessions(range)
  const shared = sharedFields(stored, range, context)
  const spans = [...extra, ...toFetch].map((date) => ({ from: date, to: date }))
  const reach = range && { ...range, from: earlierOf(range.from, extra[0] ?? range.from) }
  const fetched = fetchFields(shared.tradesElsewhere && reach ? withClosedDays(spans, reach, calendar) : spans, dataset)
  const closedDays = shared.tradesElsewhere ? fetched.windows.flatMap((window) => closedDaysIn(window, calendar)) : []
  const dates = [...extra, ...toFetch, ...closedDays.filter((date) => isForced || !days.has(date))].toSorted()
  const atNoCall = new Set(extra)
  const files = dates.map((date): PlannedFile => {
    const file = context.newDay(date)
    if (atNoCall.has(date)) return { ...file, isExtra: true }
    return days.has(date) ? { ...file, stored: { tag: undefined, footer: undefined } } : file
  })
  const alreadyStored = withFate(ZERO_COUNTS, 'already_stored', sessions.length - lacking)
  return {
    ...shared,
    ...fetched,
    files: files.toReversed(),
    surveyedCounts: withFate(alreadyStored, 'no_data', lacking - toFetch.length),
    errors: [],
    storedSpan: span(oldestKnown(stored), newest),
    writesOldestFirst: period.lookbackFrom !== undefined || shared.tradesElsewhere,
    holeBeyond: shared.tradesElsewhere ? undefined : holeBeyond,
    yearsStored: [],
    isAudited: context.audit(stored.symbol, toFetch),
  }
}

/** `lacking`: how many sessions of the range are to be fetched or, of a symbol of another exchange, may be its holidays. */
type DaysToFetch = Omit<Night, 'range' | 'holes'> & { readonly range: DateRange | undefined; readonly lacking: number }

/**
 * With dates: the sessions of the range that have no day file. A run without dates leaves those of a symbol of another
 * exchange that has the newest one: it would ask for that exchange's holidays again, and a run that needs the newest session
 * asks for them with it.
 */
function sessionsToFetch(stored: StoredSessions, context: PlanContext): DaysToFetch {
  const { calendar, isForced } = context
  const { range, lookbackFrom } = context.period
  if (range !== undefined && lookbackFrom !== undefined) {
    const night = planNight(stored, { calendar, range, lookbackFrom, isForced })
    const lacking = night.toFetch.length
    const isUpToDate = night.toFetch.at(-1) !== calendar.sessions(night.range).at(-1)
    if (isUpToDate && tradesElsewhere(stored.symbol)) return { ...night, lacking, toFetch: [], extra: [] }
    return { ...night, lacking }
  }
  const sessions = range === undefined ? [] : calendar.sessions(range)
  const toFetch = isForced ? sessions : sessions.filter((session) => !stored.days.has(session))
  return { range, toFetch, lacking: toFetch.length, extra: [], holeBeyond: undefined }
}

function planYears(stored: StoredSessions, context: PlanningContext): SymbolPlan {
  const { dataset, period } = context
  const { range } = period
  const years = range === undefined ? [] : yearsWithStatus(stored, { ...context, range, today: period.today })
  const toFetch = years.filter(({ status }) => status === 'fetch').toReversed()
  const [oldest] = footersOf(stored.years)
    .map((footer) => footer.span.from)
    .toSorted()
  return {
    ...sharedFields(stored, range, context),
    ...fetchFields(
      toFetch.map(({ part }) => part),
      dataset,
    ),
    files: toFetch.map((year) => plannedYear(year, stored, context.isForced)),
    surveyedCounts: years.reduce(addSurveyed, ZERO_COUNTS),
    errors: years.flatMap(({ year, status }) => (status === 'foreign' ? [foreignYearError(year, stored)] : [])),
    storedSpan: span(oldest, stored.newest),
    writesOldestFirst: false,
    isAudited: false,
    holeBeyond: undefined,
    yearsStored: [...stored.years.keys()],
  }
}

function plannedYear({ year, sessions }: YearPart, { years }: StoredSessions, isForced: boolean): PlannedFile {
  const file = years.get(year)
  const stored = file && replaceableOf(file)
  return { partition: { kind: 'year', year }, sessions, stored, action: actionOn(stored, isForced), isExtra: false }
}

function foreignYearError(year: number, { symbol, years }: StoredSessions): IngestError {
  const storedYear = years.get(year)
  const problem = storedYear !== undefined && 'problem' in storedYear ? storedYear.problem : 'cannot be judged'
  return foreignFileError(`${storedYear?.file.key ?? `The file of ${symbol} ${year}`} ${problem}`)
}

function sharedFields(
  { symbol, newest, days }: StoredSessions,
  range: DateRange | undefined,
  { dataset, calendar }: PlanContext,
) {
  const recentFrom = range && calendar.sessionsBack(range.to, RECENT_SESSIONS)
  const newestDay = [...days].toSorted().at(-1)
  return { symbol, dataset, range, newest, newestDay, recentFrom, tradesElsewhere: tradesElsewhere(symbol) }
}

function fetchFields(spans: readonly DateRange[], { callsPerWindow }: SessionDataset) {
  const windows = coverSpans(spans.toSorted((a, b) => b.to.localeCompare(a.to)))
  return { windows, calls: windows.length * callsPerWindow }
}

/** The fewest windows of at most ten years that cover all spans. Spans and windows are newest first. */
export function coverSpans(spans: readonly DateRange[]): readonly DateRange[] {
  const windows: DateRange[] = []
  for (const { from, to } of spans) {
    const last = windows.at(-1)
    // Compared as text: 29 February minus ten years is not a real date, but still compares correctly.
    const limit = last && `${yearOf(last.to) - MAX_WINDOW_YEARS}${last.to.slice(4)}`
    if (last !== undefined && limit !== undefined && from > limit) windows[windows.length - 1] = { from, to: last.to }
    else windows.push({ from, to })
  }
  return windows
}

function span(from: IsoDate | undefined, to: IsoDate | undefined): DateRange | undefined {
  return from === undefined || to === undefined ? undefined : { from, to }
}
