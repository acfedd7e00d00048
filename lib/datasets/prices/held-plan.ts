// The part of a plan that lies before a session which is held back.

import { addDays, earlierOf, wholeYear, type DateRange, type IsoDate } from '../../core/dates.ts'
import { withFate } from '../../core/outcome.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'

/** The plan without `heldFrom` and all after it. Sessions that it loses count as failed. */
export function planBefore(plan: SymbolPlan, heldFrom: IsoDate): SymbolPlan {
  const files = plan.files.flatMap((file) => (firstDayOf(file) < heldFrom ? [withSessionsBefore(file, heldFrom)] : []))
  const lost = countSessions(plan.files) - countSessions(files)
  return {
    ...plan,
    range: plan.range && before(plan.range, heldFrom),
    windows: windowsBefore(plan.windows, heldFrom),
    files,
    surveyedCounts: withFate(plan.surveyedCounts, 'failed', lost),
  }
}

/** The parts of windows before the session. */
export function windowsBefore(windows: readonly DateRange[], heldFrom: IsoDate): readonly DateRange[] {
  return windows.filter(({ from }) => from < heldFrom).map((window) => before(window, heldFrom))
}

function before({ from, to }: DateRange, heldFrom: IsoDate): DateRange {
  return { from, to: earlierOf(to, addDays(heldFrom, -1)) }
}

function firstDayOf({ partition }: PlannedFile): IsoDate {
  return partition.kind === 'day' ? partition.date : wholeYear(partition.year).from
}

function withSessionsBefore(file: PlannedFile, heldFrom: IsoDate): PlannedFile {
  return { ...file, sessions: file.sessions.filter((session) => session < heldFrom) }
}

/** An extra session counts only if it has a row. */
function countSessions(files: readonly PlannedFile[]): number {
  return files.reduce((sum, { sessions, isExtra }) => sum + (isExtra ? 0 : sessions.length), 0)
}
