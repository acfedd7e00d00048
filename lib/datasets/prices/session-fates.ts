// The fate of each planned session of a symbol: stored, already stored, missing, rejected, without data, failed or not reached.

import { withFate, ZERO_COUNTS, type Counts, type Fate } from '../../core/outcome.ts'
import { dayNamedIn, isWithin, type DateRange, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { FileResult } from './outcome.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import type { CheckedSessions } from './validate.ts'

/** The fates of a file's sessions. `uploaded` is undefined if no row was fetched for the file. */
export function fatesOf(file: PlannedFile, uploaded: FileResult | undefined, fateOfAbsent: FateOf): Counts {
  if (uploaded === undefined && file.isExtra) return ZERO_COUNTS
  if (uploaded === undefined) {
    return file.stored === undefined ? countFates(file, fateOfAbsent) : fatesOfKept(file, 'no_data')
  }
  const { result, rows } = uploaded
  if (result === undefined || isNotReached(result)) return withFate(ZERO_COUNTS, 'not_reached', file.sessions.length)
  if (result instanceof IngestError) return withFate(ZERO_COUNTS, 'failed', file.sessions.length)
  const dates = new Set(rows.map(({ date }) => date))
  const fatesWith = (present: Fate) =>
    countFates(file, (session) => (dates.has(session) ? present : fateOfAbsent(session)))
  // Without a default, so that a kind of result without a case does not compile.
  switch (result.kind) {
    case 'written':
      return fatesWith('stored')
    case 'already':
      return fatesWith('already_stored')
    case 'shrink':
      return fatesOfKept(file, result.isOnlyOldestEnd ? 'no_data' : 'failed')
  }
}

type FateOf = (session: IsoDate) => Fate

function countFates({ sessions }: PlannedFile, fateOf: FateOf): Counts {
  return sessions.reduce((counts, session) => withFate(counts, fateOf(session)), ZERO_COUNTS)
}

/** The fates in a stored file that is kept: one session per row is already stored, the others end as `rest`. */
function fatesOfKept({ sessions, stored, partition }: PlannedFile, rest: Fate): Counts {
  const rows = stored?.footer?.rows ?? (partition.kind === 'day' ? 1 : 0)
  const kept = Math.min(sessions.length, rows)
  return withFate(withFate(ZERO_COUNTS, 'already_stored', kept), rest, sessions.length - kept)
}

/** The fate of a session without a row: its row was rejected, it lies between two bars, or there is no data for it. */
export function createFateOfAbsent(
  { tradesElsewhere }: SymbolPlan,
  rejected: ReadonlySet<IsoDate>,
  barSpan: DateRange | undefined,
): FateOf {
  return (session) => {
    if (rejected.has(session)) return 'rejected'
    // Of another exchange nobody knows whether it was open.
    return barSpan !== undefined && isWithin(session, barSpan) && !tradesElsewhere ? 'missing' : 'no_data'
  }
}

/**
 * The planned sessions whose rows came and were all rejected. A rejected row whose date cannot be read stands for the newest
 * session that is without any row: a bar that came is never called missing.
 */
export function rejectedSessions(
  { files }: SymbolPlan,
  { rows, rejects, withheld }: CheckedSessions,
): ReadonlySet<IsoDate> {
  const dated = new Set(rejects.map(({ date }) => dayNamedIn(date)))
  // 2024-02-30 can be read, and is no session.
  const unreadable = rejects.filter(({ date }) => date === null || !/^\d{4}-\d{2}-\d{2}/.test(date)).length
  const present = new Set([...rows.map(({ date }) => date), ...withheld])
  const sessions = files.flatMap((file) => file.sessions).filter((session) => !present.has(session))
  const guessed = sessions.filter((session) => !dated.has(session)).toSorted()
  return new Set([
    ...sessions.filter((session) => dated.has(session)),
    ...guessed.slice(Math.max(0, guessed.length - unreadable)),
  ])
}

/** Whether the run stopped before this write or during it. */
export function isNotReached(result: FileResult['result']): boolean {
  return result === undefined || (result instanceof IngestError && result.scope === 'run')
}
