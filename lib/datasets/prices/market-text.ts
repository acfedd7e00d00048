// What is wrong with the whole market at the vendor, as errors of the run.

import type { IsoDate } from '../../core/dates.ts'
import { IngestError, usageError } from '../../core/errors.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import { counted } from '../../core/text.ts'
import { heldCandidates, type MarketContext, type MarketVerdict } from './market.ts'

/** The errors of a run whose market was held back, in whole or in part. `outcomes` are those of all symbols. */
export function marketErrors(
  { held, heldFrom, moved }: MarketVerdict,
  outcomes: readonly Pick<SymbolOutcome, 'past'>[],
): readonly IngestError[] {
  const errors: IngestError[] = []
  if (heldFrom !== undefined) {
    const what = held
      .map(({ date, reason }) => `session ${date} looks wrong for the whole market: ${reason}`)
      .join('; ')
    const dates = held.map(({ date }) => date).join(',')
    const message = `FMP's ${what}. Nothing from ${heldFrom} on was stored`
    const hint = `The next run asks again, and stores a session once it is not among the last three. If the market did this: --accept-session ${dates}`
    errors.push(new IngestError(message, { kind: 'past', scope: 'run', hint }))
  }
  if (moved !== undefined) {
    const symbols = outcomes.filter(({ past }) => past?.isHeld).length
    const message = `Old prices have changed at FMP for ${moved.symbols} of the first ${moved.of} symbols at once: ${counted(symbols, 'symbol')} were left as they are, new sessions too`
    const hint =
      'Check FMP_API, FMP_BASE_URL and the plan of the key; if they are as before, FMP has a fault: run again later. To take the past as FMP has it now: --accept all'
    errors.push(new IngestError(message, { kind: 'past', scope: 'run', hint }))
  }
  return errors
}

/** Throws a usage error for sessions of --accept-session that no run would hold back now. */
export function refuseUnheld(accepted: readonly IsoDate[], market: Pick<MarketContext, 'calendar' | 'newest'>): void {
  const candidates = heldCandidates(market)
  const unheld = accepted.filter((date) => !candidates.includes(date))
  if (unheld.length === 0) return
  throw usageError(
    `--accept-session names ${unheld.join(', ')}: only the last three finished sessions are ever held back.`,
    `They are ${candidates.join(', ')}; older ones are stored without it.`,
  )
}
