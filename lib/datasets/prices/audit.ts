// Which symbols a run compares wholly: each has a turn every N sessions, computed without any stored state.

import type { Calendar } from '../../core/calendar.ts'
import { hashOf } from '../../core/hash.ts'
import { FIRST_YEAR, wholeYear, type IsoDate } from '../../core/dates.ts'

/** A tenth of the symbols, so that ten are compared wholly every night; at most twenty, about a month. */
const SYMBOLS_PER_SESSION = 10
const MAX_EVERY = 20

/** Whether a symbol is compared wholly by a run that stores these sessions. */
export type Audit = (symbol: string, sessions: readonly IsoDate[]) => boolean

/**
 * The turns of a run: a symbol's is every session whose position in the calendar plus the symbol's hash is a multiple of
 * `every`. A run that stores several sessions takes the turns of all, so that skipped nights lose none. 0 is never.
 */
export function createAudit(symbols: number, every: number | undefined, calendar: Calendar): Audit {
  const period = every ?? Math.min(MAX_EVERY, Math.ceil(symbols / SYMBOLS_PER_SESSION))
  const positions = new Map<IsoDate, number>()
  const positionOf = (session: IsoDate): number => {
    const known = positions.get(session)
    if (known !== undefined) return known
    const position = calendar.sessions({ from: wholeYear(FIRST_YEAR).from, to: session }).length - 1
    positions.set(session, position)
    return position
  }
  return (symbol, sessions) =>
    period > 0 && sessions.some((session) => (positionOf(session) + hashOf(symbol)) % period === 0)
}
