// The outcome of a symbol of which FMP has no rows for the sessions asked for.

import { IngestError } from '../../core/errors.ts'
import type { IsoDate } from '../../core/dates.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import { buildOutcome, outcomeWithFate } from './outcome.ts'
import type { SymbolPlan } from './plan.ts'
import type { SessionDataset } from './schema.ts'
import { validateRows } from './validate.ts'

export type NoRowsContext = {
  readonly dataset: SessionDataset
  /** The newest stored session of a symbol, also before the range. */
  readonly findNewestSession: (symbol: string) => Promise<IsoDate | undefined>
}

/** The outcome if FMP has no rows: an error with a hint if nothing is stored of the symbol, else a late warning. */
export async function outcomeWithoutRows(
  plan: SymbolPlan,
  { findNewestSession, dataset }: NoRowsContext,
): Promise<SymbolOutcome> {
  const newest = plan.newest ?? (await findNewestSession(plan.symbol))
  const { from, to } = { from: plan.windows.at(-1)?.from, to: plan.windows[0]?.to }
  if (newest === undefined) {
    const error = new IngestError(`FMP has no data from ${from} to ${to}`, {
      kind: 'no-data',
      scope: 'symbol',
      hint: 'Check the spelling; class shares take a dash (BRK-B); a delisted symbol needs --from-date and --to-date from when it traded.',
    })
    return outcomeWithFate(plan, 'failed', [error])
  }
  const context = { symbol: plan.symbol, windows: [], isWanted: () => false, recentFrom: newest }
  const checked = validateRows(dataset, [], context)
  const outcome = buildOutcome({ plan, checked, results: [], closedDays: [] })
  // Days between two bars on which another exchange may have been closed are nothing to warn of.
  const isExpected = plan.tradesElsewhere && to !== undefined && to < newest
  const reason = plan.tradesElsewhere ? '; its exchange may have been closed' : ''
  const lateWarning = `FMP has no data from ${from} to ${to}; the newest stored is ${newest}${reason}.`
  return { ...outcome, through: newest, lateWarning: isExpected ? undefined : lateWarning }
}
