// Whether the symbols of a run have its newest session, judged when all have ended.

import type { IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import { withoutNoDataError, type SymbolOutcome } from '../../core/outcome.ts'
import type { Judgement } from '../../pipeline/pipeline.ts'

/** Fewer symbols than this without the newest session say little about the session. */
const MIN_SYMBOLS_TO_JUDGE = 5

export type SessionContext = {
  /** The newest session that the run may store; undefined where its range holds none. */
  readonly newest: IsoDate | undefined
  /** The last session before today. */
  readonly lastSession: IsoDate
  readonly mode: 'daily' | 'backfill'
}

/**
 * Judges the outcomes of prices together. When the range reaches the last session before today and none of five or more
 * answered symbols has its newest session, that is one error of the run. It replaces the symbols' own errors of having no
 * data.
 */
export function judgeNewestSession(outcomes: readonly SymbolOutcome[], context: SessionContext): Judgement {
  const { newest } = context
  if (newest === undefined) return { outcomes, error: undefined, freshness: undefined }
  const late = outcomes.filter(({ through }) => (through ?? '') < newest)
  const error = absentSession(outcomes, { ...context, newest })
  return {
    outcomes: error === undefined ? outcomes : outcomes.map(withoutNoDataError),
    error,
    freshness: { newest, symbols: outcomes.length, late },
  }
}

/** The error of a newest session that no symbol has, or undefined where one has it or too few were answered. */
function absentSession(
  outcomes: readonly SymbolOutcome[],
  { newest, lastSession, mode }: SessionContext & { readonly newest: IsoDate },
): IngestError | undefined {
  const answered = outcomes.filter(
    ({ isFinished, errors }) => isFinished && errors.every(({ kind }) => kind === 'no-data'),
  )
  const isJudged = newest >= lastSession && answered.length >= MIN_SYMBOLS_TO_JUDGE
  if (!isJudged || answered.some(({ through }) => (through ?? '') >= newest)) return undefined
  const isIncomplete = answered.some(({ withheldThrough }) => withheldThrough === newest)
  const what = isIncomplete
    ? `no adjusted close for ${newest} yet`
    : `no bars for ${newest} yet, or the market was closed`
  // A year file remembers what was asked: only another session or --force asks again.
  const later = mode === 'daily' ? 'Run again later' : 'The next session brings it, or --force'
  return new IngestError(`FMP has ${what}: none of ${answered.length} symbols has that session`, {
    kind: 'session-absent',
    scope: 'run',
    hint: `${later}; older sessions were stored as usual.`,
  })
}
