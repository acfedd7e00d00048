// What a cell is in the end: from where it lies among what is stored, and from what the runs said of it.

import type { IsoDate } from '../core/dates.ts'
import { oneLine } from '../core/text.ts'
import type { CellEvent } from './cell-events.ts'
import type { Why } from './why.ts'

type State = Pick<Why, 'state' | 'reason'>

/** The words for the places that say nothing of what FMP has. */
type AbsentPlace = 'before' | 'between' | 'after' | 'nothing'

export type StateFacts = {
  readonly place: AbsentPlace | 'stored' | 'carried' | 'unreadable' | 'closed' | 'future' | 'known_empty'
  readonly history: readonly CellEvent[]
  /** From the oldest to the newest stored date. */
  readonly stored: { readonly from: IsoDate; readonly to: IsoDate } | undefined
  /** When the row that counts was fetched. */
  readonly ingest: string | undefined
  /** Why an object that could hold it cannot be relied on. */
  readonly problem: string | undefined
  /** Whether days without a bar say nothing, because the symbol trades on other days than New York's. */
  readonly tradesElsewhere: boolean
}

/** The last of these that a run said decides about a cell that is not stored. */
const DECIDING: ReadonlySet<CellEvent['event']> = new Set(['rejected', 'held', 'session_held'])

export function stateOf(facts: StateFacts): State {
  const { place } = facts
  if (place === 'before' || place === 'between' || place === 'after' || place === 'nothing')
    return absentState(place, facts)
  const reasons = {
    stored: `The row is FMP's of ${facts.ingest}.`,
    carried: `FMP no longer has the row: it was carried over at ${facts.ingest}, on the base of the rows beside it.`,
    unreadable: `An object that should hold it ${oneLine(facts.problem ?? 'cannot be read')}.`,
    closed: facts.tradesElsewhere
      ? 'New York is closed, and the symbol has no bar of another exchange.'
      : 'There is no session, so there is nothing to store.',
    future: 'It is not finished: no run stores it before that.',
    known_empty: 'FMP was asked for its year and had no rows.',
  }
  return { state: place === 'known_empty' ? 'no_data' : place, reason: reasons[place] }
}

function absentState(place: AbsentPlace, { history, stored, tradesElsewhere }: StateFacts): State {
  const decided = history.findLast(({ event }) => DECIDING.has(event))
  if (decided?.event === 'rejected')
    return { state: 'rejected', reason: `FMP's row broke a hard rule: ${decided.detail}.` }
  if (decided !== undefined) return { state: 'held', reason: `It waits: ${decided.detail}.` }
  if (place === 'nothing') return { state: 'not_stored', reason: 'Nothing at all is stored of the symbol.' }
  if (place === 'before')
    return {
      state: 'not_stored',
      reason: `It is before the first stored one, ${stored?.from}, and no file says that FMP was asked.`,
    }
  if (place === 'after') return { state: 'not_stored', reason: `It is after the newest stored one, ${stored?.to}.` }
  if (tradesElsewhere)
    return { state: 'no_data', reason: 'It lies between stored days; whether its exchange was open is not known.' }
  const [told] = history.filter(({ event }) => event === 'stored' || event === 'no_bar').slice(-1)
  return {
    state: 'missing',
    reason: `It lies between stored ones${told === undefined ? '' : (MISSING[told.event] ?? '')}.`,
  }
}

const MISSING: Partial<Record<CellEvent['event'], string>> = {
  stored: ': a run stored it, and its object is gone',
  no_bar: ': FMP was asked and had no bar',
}
