import type { Metrics } from '../../lib/report/contract.ts'
import type { Totals } from './checks.ts'
export type Status = any
export function totalsOfRun({ counts, symbols }: Metrics): Totals {
  const { stored, already_stored: already, not_reached: notReached } = counts
  return { symbols, sessions: Object.values(counts).reduce((sum, count) => sum + count, 0), held: stored + already, notReached }
}
export function totalsOfGroup(status: Status): Totals {
  return status
}
