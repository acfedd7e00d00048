// What the months of a symbol come to: how much of each is stored, and why the rest is not. Pure: from what the symbol's files
// come to.

import type { Calendar } from '../../core/calendar.ts'
import {
  addDays,
  dateOf,
  earlierOf,
  isWithin,
  wholeYear,
  yearOf,
  type DateRange,
  type IsoDate,
} from '../../core/dates.ts'
import type { PriceFile } from './price-files.ts'
import type { SymbolCoverage } from './symbol-coverage.ts'
import { LATE_BAR_SESSIONS } from './year-files.ts'

/**
 * `stored`: all due sessions are. `carried`: so they are, some in rows that a mend carried over. `part`: some are, some are
 * missing. `missing`: none is. `unreadable`: a file that may hold some counts for nothing. `held`: at least one waits, because
 * the symbol's past is in doubt. `empty`: the vendor was asked and has none. `none`: nothing is due or known.
 */
export type MonthState = 'stored' | 'carried' | 'part' | 'missing' | 'unreadable' | 'held' | 'empty' | 'none'

/** The months of a calendar up to that of `asOf`, each with its finished sessions, oldest first. */
export type CalendarMonths = readonly (readonly IsoDate[])[]

export type SymbolMonths = {
  /** From the first month that anything is known of to that of `asOf`. */
  readonly states: readonly MonthState[]
  /** Due sessions that are neither stored nor known to be empty: between stored ones, and after the newest. */
  readonly missingInside: number
  readonly missingAfter: number
  /** The missing and held sessions of months that are stored in part, as stretches of sessions, oldest first. */
  readonly gaps: readonly DateRange[]
}

export type MonthsContext = {
  readonly calendar: Calendar
  readonly months: CalendarMonths
  /** The last session that a run would have stored: later ones may be stored, and are not missing. */
  readonly due: IsoDate
  /** Whether the symbol's new sessions wait. */
  readonly isHeld: boolean
  /** What the last run without an error asked for: its last session, and the newest one that was stored then. */
  readonly asked: { readonly upTo: IsoDate; readonly through: IsoDate } | undefined
}

/** The months from January of a year on, the last with its sessions up to `asOf`. */
export function monthsUpTo(calendar: Calendar, firstYear: number, asOf: IsoDate): CalendarMonths {
  const count = (yearOf(asOf) - firstYear) * 12 + Number(asOf.slice(5, 7))
  const firstOf = (index: number) => dateOf(firstYear + Math.floor(index / 12), (index % 12) + 1, 1)
  return Array.from({ length: count }, (_, index) =>
    calendar.sessions({ from: firstOf(index), to: earlierOf(addDays(firstOf(index + 1), -1), asOf) }),
  )
}

/** What one session is: that of a month, but that one session is never stored in part. */
type Fate = Exclude<MonthState, 'part'>

/** What is stored of a symbol, month by month. `files` are those that `coverage` was made of. */
export function monthsOf(coverage: SymbolCoverage, files: readonly PriceFile[], context: MonthsContext): SymbolMonths {
  const { through, tradesElsewhere } = coverage
  const fateOf = fateIn(coverage, files, context)
  const states: MonthState[] = []
  const gaps: DateRange[] = []
  const missing: IsoDate[] = []
  for (const sessions of context.months) {
    const fates = sessions.map(fateOf)
    // Which days of another exchange are sessions is not known: one with a bar stands for its month.
    const isKnown = !tradesElsewhere || !fates.some(isStored)
    const isMissing = (index: number) => isKnown && fates[index] === 'missing'
    const state = stateOf(isKnown ? fates : fates.filter((fate) => fate !== 'missing'))
    if (states.length > 0 || state !== 'none') states.push(state)
    missing.push(...sessions.filter((_session, index) => isMissing(index)))
    if (fates.some(isStored)) gaps.push(...stretches(sessions, (index) => isMissing(index) || fates[index] === 'held'))
  }
  const missingInside = missing.filter((session) => through !== undefined && session < through).length
  return { states, missingInside, missingAfter: missing.length - missingInside, gaps }
}

function fateIn(
  coverage: SymbolCoverage,
  files: readonly PriceFile[],
  context: MonthsContext,
): (session: IsoDate) => Fate {
  const { dates, first, through, asked, carried } = coverage
  const years = new Set([...dates].map(yearOf))
  const broken = files.flatMap((stored) => ('problem' in stored ? rangeOf(stored) : []))
  const afterwards = fateAfter(coverage, context)
  return (session) => {
    if (dates.has(session)) return isInAny(session, carried) ? 'carried' : 'stored'
    if (isInAny(session, broken)) return 'unreadable'
    if (first === undefined || through === undefined) return 'none'
    const isEmpty = isInAny(session, asked)
    if (session < first) return isEmpty ? 'empty' : 'none'
    if (session < through) return isEmpty && !years.has(yearOf(session)) ? 'empty' : 'missing'
    return session > context.due ? 'none' : afterwards
  }
}

/** What due sessions after the newest stored date are. */
function fateAfter(coverage: SymbolCoverage, context: MonthsContext): Fate {
  const { through, tradesElsewhere } = coverage
  if (context.isHeld) return 'held'
  if (hasEnded(coverage, context)) return 'empty'
  // Another exchange may have been closed on the last days.
  const lastClosed = context.calendar.sessionsBack(context.due, LATE_BAR_SESSIONS + 1)
  return tradesElsewhere && through !== undefined && through >= lastClosed ? 'none' : 'missing'
}

function rangeOf({ file: { partition } }: PriceFile): DateRange {
  return partition.kind === 'year' ? wholeYear(partition.year) : { from: partition.date, to: partition.date }
}

/**
 * Whether FMP was asked, for year files or by the last run, so long after the newest stored date that no late bar is to come,
 * and had nothing: the symbol trades no more.
 */
function hasEnded({ through, asked }: SymbolCoverage, { calendar, asked: ofRuns }: MonthsContext): boolean {
  const lastTry = through && calendar.nthSessionAfter(through, LATE_BAR_SESSIONS)
  if (through === undefined || lastTry === undefined) return false
  const told = ofRuns !== undefined && ofRuns.through <= through ? [ofRuns.upTo] : []
  return [...told, ...asked.map(({ to }) => to)].some((upTo) => upTo >= lastTry)
}

function isInAny(date: IsoDate, ranges: readonly DateRange[]): boolean {
  return ranges.some((range) => isWithin(date, range))
}

function isStored(fate: Fate): boolean {
  return fate === 'stored' || fate === 'carried'
}

const WORST_FIRST = ['unreadable', 'held', 'missing', 'carried', 'stored', 'empty'] as const

/** What is wrong with one session is wrong with its month. */
function stateOf(fates: readonly Fate[]): MonthState {
  const worst = WORST_FIRST.find((fate) => fates.includes(fate)) ?? 'none'
  return worst === 'missing' && fates.some(isStored) ? 'part' : worst
}

/** The stretches of sessions that follow each other and are meant. */
function stretches(sessions: readonly IsoDate[], isMeant: (index: number) => boolean): readonly DateRange[] {
  const found: DateRange[] = []
  for (const [index, session] of sessions.entries()) {
    const last = found.at(-1)
    if (!isMeant(index)) continue
    if (last !== undefined && last.to === sessions[index - 1]) found[found.length - 1] = { ...last, to: session }
    else found.push({ from: session, to: session })
  }
  return found
}
