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
 * The rows of windows that are longer than the plan's, so that stored rows can be compared. The vendor's plan may refuse
 * windows that are older than its history: then the rows of the symbol's own windows, and older ones are not compared.
 */
export async function fetchComparedWindows(
  { symbol, windows }: SymbolPlan,
  longer: readonly DateRange[],
  asking: Asking,
): Promise<{ readonly windows: readonly DateRange[]; readonly raw: readonly RawRow[] }> {
  try {
    return { windows: longer, raw: await fetchWindows(symbol, longer, asking) }
  } catch (error) {
    if (longer === windows || !isRefusedByPlan(error)) throw error
    return { windows, raw: await fetchWindows(symbol, windows, { ...asking, budget: 'extra' }) }
  }
}

/** Whether the vendor's plan does not serve what was asked of a symbol. */
export function isRefusedByPlan(error: unknown): boolean {
  return error instanceof IngestError && error.kind === 'plan' && error.scope === 'symbol'
}
