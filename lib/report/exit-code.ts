// What the run as a whole came to: its range, whether anybody has the newest session, and the exit code.

import type { Calendar } from '../core/calendar.ts'
import { earlierOf, laterOf, type DateRange, type IsoDate } from '../core/dates.ts'
import { describeError, IngestError } from '../core/errors.ts'
import type { Metrics } from './metrics.ts'
import type { Period } from '../core/period.ts'
import type { SymbolPlan } from '../datasets/prices/plan.ts'
import { withoutNoDataError, type SymbolOutcome } from '../core/outcome.ts'

/** Fewer symbols than this without the newest session say little about the session. */
const MIN_SYMBOLS_TO_JUDGE = 5

export type Ending = {
  readonly metrics: Metrics
  readonly stoppedBy: IngestError | undefined
  /** Where the metrics document is, or undefined where it could not be written. */
  readonly metricsPlace: string | undefined
  /** Whether there were rejected rows that could not be written beside it. */
  readonly isRejectsFileLost: boolean
  readonly newest: IsoDate | undefined
}

export type Judging = {
  /** The newest session that the run may store. */
  readonly newest: IsoDate | undefined
  /** The last session before today. */
  readonly lastSession: IsoDate
  readonly mode: 'daily' | 'backfill'
}

export type Judgement = { readonly outcomes: readonly SymbolOutcome[]; readonly error: IngestError | undefined }

/** The range of a run: from the earliest to the latest of all symbols. */
export function rangeOf(plans: readonly SymbolPlan[]): DateRange | undefined {
  const ranges = plans.flatMap(({ range }) => range ?? [])
  return ranges.length === 0
    ? undefined
    : ranges.reduce((a, b) => ({ from: earlierOf(a.from, b.from), to: laterOf(a.to, b.to) }))
}

/** The newest session that a run may store. */
export function newestOf({ range }: Period, calendar: Calendar): IsoDate | undefined {
  return range && calendar.sessions(range).at(-1)
}

/**
 * The outcomes as the run judges them together. When the range reaches the last session before today and not one of
 * five or more answered symbols has its newest session, that is one error of the run, which takes the place of the
 * symbols' own complaints that there is no data.
 */
export function judgeNewest(outcomes: readonly SymbolOutcome[], { newest, lastSession, mode }: Judging): Judgement {
  const answered = outcomes.filter(
    ({ isFinished, errors }) => isFinished && errors.every(({ kind }) => kind === 'no-data'),
  )
  const isJudged = newest !== undefined && newest >= lastSession && answered.length >= MIN_SYMBOLS_TO_JUDGE
  if (!isJudged || answered.some(({ through }) => (through ?? '') >= newest)) return { outcomes, error: undefined }
  const isIncomplete = answered.some(({ withheldThrough }) => withheldThrough === newest)
  const what = isIncomplete
    ? `no adjusted close for ${newest} yet`
    : `no bars for ${newest} yet, or the market was closed`
  // A year file remembers what was asked, so asking again takes another session or force.
  const later = mode === 'daily' ? 'Run again later' : 'The next session brings it, or --force'
  const error = new IngestError(`FMP has ${what}: none of ${answered.length} symbols has that session`, {
    kind: 'session-absent',
    scope: 'run',
    hint: `${later}; older sessions were stored as usual.`,
  })
  return { outcomes: outcomes.map(withoutNoDataError), error }
}

/**
 * Outcomes of statements as the run judges them together. A fund or an index among companies has none, which is a warning;
 * where no symbol has any, each is asked to be looked at.
 */
export function judgeAbsent(outcomes: readonly SymbolOutcome[]): readonly SymbolOutcome[] {
  const present = new Set(outcomes.filter(({ through }) => through !== undefined).map(({ dataset }) => dataset))
  return outcomes.map((outcome) => {
    const absence = outcome.errors.find(({ kind }) => kind === 'no-data')
    if (absence === undefined || !present.has(outcome.dataset)) return outcome
    return { ...withoutNoDataError(outcome), lateWarning: describeError(absence) }
  })
}

const RESUMABLE: ReadonlySet<string> = new Set(['quota', 'bandwidth', 'budget'])

/** All errors of a run: those in its metrics, and those of the metrics themselves. */
export function errorsIn({ metrics, metricsPlace, isRejectsFileLost }: Ending): number {
  const ownErrors = [metricsPlace === undefined, isRejectsFileLost].filter(Boolean).length
  return metrics.errors + metrics.run_errors.length + ownErrors
}

/** The exit code of a run that was not interrupted. */
export function exitCodeOf(ending: Ending): 0 | 1 | 3 {
  const { stoppedBy, metricsPlace, isRejectsFileLost } = ending
  if (metricsPlace === undefined || isRejectsFileLost) return 1
  if (stoppedBy !== undefined && RESUMABLE.has(stoppedBy.kind)) return 3
  return errorsIn(ending) > 0 || stoppedBy !== undefined ? 1 : 0
}
