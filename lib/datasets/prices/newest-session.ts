// Judges at the end of a run whether its symbols have its newest session.

import type { IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import { withoutNoDataError, type SymbolOutcome } from '../../core/outcome.ts'
import { grouped } from '../../core/text.ts'
import type { Judgement } from '../../pipeline/pipeline.ts'
import { tradesElsewhere } from './exchange.ts'

/** With fewer symbols than this, a session that all of them lack says little about the session. */
const MIN_SYMBOLS_TO_JUDGE = 5

export type NewestSessionContext = {
  /** The newest session that the run may store; undefined if its range has none. */
  readonly newest: IsoDate | undefined
  /** The last session before today. */
  readonly lastSession: IsoDate
  readonly mode: 'daily' | 'backfill'
}

export type JudgedSession = Pick<Judgement, 'outcomes' | 'freshness'> & {
  /** The error of the run where no symbol has the session. */
  readonly error: IngestError | undefined
}

/**
 * Judges the outcomes of all symbols together. If the range reaches the last session before today, and none of five or more
 * fetched symbols has its newest session, that is one error of the run. It replaces the symbols' own no-data errors.
 */
export function judgeNewestSession(outcomes: readonly SymbolOutcome[], context: NewestSessionContext): JudgedSession {
  const { newest } = context
  if (newest === undefined) return { outcomes, error: undefined, freshness: undefined }
  const late = outcomes.filter(({ through }) => (through ?? '') < newest)
  const error = sessionAbsentError(outcomes, { ...context, newest })
  return {
    outcomes: error === undefined ? outcomes : outcomes.map(withoutNoDataError),
    error,
    freshness: { newest, symbols: outcomes.length, late },
  }
}

/** The error of a newest session that no symbol has; undefined if a symbol has it or too few symbols were fetched. */
function sessionAbsentError(
  outcomes: readonly SymbolOutcome[],
  { newest, lastSession, mode }: NewestSessionContext & { readonly newest: IsoDate },
): IngestError | undefined {
  const judged = outcomes.filter(
    // Another exchange may have been closed.
    ({ symbol, isFinished, errors }) =>
      isFinished && !tradesElsewhere(symbol) && errors.every(({ kind }) => kind === 'no-data'),
  )
  const isJudged = newest >= lastSession && judged.length >= MIN_SYMBOLS_TO_JUDGE
  // A rejected bar came all the same. Its symbol may have failed for that, and then it is not judged.
  const hasCome = outcomes.some(({ rejectedThrough }) => (rejectedThrough ?? '') >= newest)
  if (!isJudged || hasCome || judged.some(({ through }) => (through ?? '') >= newest)) return undefined
  const isIncomplete = judged.some(({ withheldThrough }) => withheldThrough === newest)
  const what = isIncomplete
    ? `no adjusted close for ${newest} yet`
    : `no bars for ${newest} yet, or the market was closed`
  // A year file records the range that was fetched, so only a later session or --force fetches the year again.
  const later = mode === 'daily' ? 'Run again later' : 'The next session brings it, or --force'
  return new IngestError(`FMP has ${what}: none of ${grouped(judged.length)} symbols has that session`, {
    kind: 'session-absent',
    scope: 'run',
    hint: `${later}; older sessions were stored as usual.`,
  })
}
