// Asks the vendor for the windows of a symbol.

import type { RawRow } from '../../core/dataset.ts'
import type { DateRange } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import type { SymbolPlan } from './plan.ts'
import type { SessionDataset } from './schema.ts'

type Asking = {
  readonly dataset: SessionDataset
  readonly call: Call
  /** `extra`: calls that the plan has not reserved. */
  readonly budget?: 'extra'
}

/** The rows of the windows. Throws what the calls throw. */
export async function fetchWindows(
  symbol: string,
  windows: readonly DateRange[],
  { dataset, call, budget }: Asking,
): Promise<readonly RawRow[]> {
  const rows: RawRow[] = []
  for (const window of windows) {
    const replies: (readonly RawRow[])[] = []
    for (const ask of dataset.asks(symbol, window)) replies.push(await call(ask, budget))
    rows.push(...dataset.merge(replies))
  }
  return rows
}

/**
 * The rows of windows that are longer than the plan's, so that stored rows can be compared. `longer` are such windows, the
 * longest first. The vendor's plan may refuse those that reach further back than its history: then the next ones are asked
 * for, and the symbol's own at last. So it is of windows of any length: the words of a refusal do not tell whether the years
 * are meant or the symbol, and a plan that serves less than five years shall cost a call, not the night.
 */
export async function fetchComparedWindows(
  plan: SymbolPlan,
  longer: readonly (readonly DateRange[])[],
  asking: Asking,
): Promise<{ readonly windows: readonly DateRange[]; readonly raw: readonly RawRow[] }> {
  const [windows = plan.windows, ...others] = longer
  try {
    return { windows, raw: await fetchWindows(plan.symbol, windows, asking) }
  } catch (error) {
    if (longer.length === 0 || !isRefusedByPlan(error)) throw error
    return await fetchComparedWindows(plan, others, { ...asking, budget: 'extra' })
  }
}

/** Whether the vendor's plan does not serve what was asked of a symbol. */
export function isRefusedByPlan(error: unknown): boolean {
  return error instanceof IngestError && error.kind === 'plan' && error.scope === 'symbol'
}
