// Checks what a year file says beside its rows: what it was asked for, and which rows were carried over. No hash covers
// either, so a damaged byte in them shows only by what no run writes. Pure, of files of the program's own version.

import { lastFinishedSession, type Calendar } from '../../core/calendar.ts'
import { newYorkClock, yearOf, yearsIn, type IsoDate } from '../../core/dates.ts'
import type { Footer } from '../../parquet/parquet.ts'
import type { RunOfFile } from '../verify-file.ts'

export type YearFacts = {
  readonly year: number
  readonly footer: Footer
  /** Of its rows. */
  readonly dates: ReadonlySet<IsoDate>
  /** Other years with a file. */
  readonly otherYears: readonly number[]
}

/** What no run would have written, a sentence's end; undefined where nothing is. */
export function askedProblem(facts: YearFacts, run: RunOfFile | undefined, calendar: Calendar): string | undefined {
  const { year, footer, dates, otherYears } = facts
  const { asked, carried, span } = footer
  const isCarried = carried.every(({ from, to }) => from <= to && dates.has(from) && dates.has(to))
  if (!isCarried) return 'says that rows were carried over which it has not'
  if (asked === undefined) return undefined
  const { from, to } = asked
  const says = `says that it was asked for ${from} to ${to}`
  if (!from.endsWith('-01-01') || yearOf(from) > year || to < span.to) return `${says}, which are not its years`
  if (!endsOf(footer, calendar).has(to) && !to.endsWith('-12-31')) return `${says}, and no run ends so`
  if (to > newYorkClock(footer.ingestMs).date) return `${says}, after the run that wrote it`
  const claimed = yearsIn(asked).find((other) => otherYears.includes(other))
  if (claimed !== undefined) return `${says}, and ${claimed} has a file of its own`
  const isLonger = run !== undefined && yearOf(from) < year && from < (run.backfilledFrom ?? span.from)
  return isLonger ? `${says}, and the run that wrote it began later` : undefined
}

/** How the range of a run may end: with its last session, or with the newest stored one. */
function endsOf({ span, ingestMs }: Footer, calendar: Calendar): ReadonlySet<IsoDate> {
  const today = newYorkClock(ingestMs).date
  return new Set([span.to, calendar.lastSessionBefore(today), lastFinishedSession(calendar, ingestMs)])
}
