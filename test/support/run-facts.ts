// What the metrics of a run are built from.

import type { RunFacts } from '../../lib/report/metrics.ts'
import { configOf, span } from './values.ts'

/** 2024-10-01T00:00:00Z. */
export const START = 1_727_740_800_000

/** The facts of a run of prices that began at `START` and found nothing to do. */
export function factsOf(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    config: configOf(),
    version: '1.2.3',
    runUuid: '0a1b2c3d-0000-4000-8000-000000000000',
    startMs: START,
    durationSeconds: 45.2,
    range: span('2024-09-23..2024-09-27'),
    jobs: [{ dataset: 'prices', unit: 'sessions' }],
    outcomes: [],
    runErrors: [],
    heldSessions: [],
    stoppedBy: undefined,
    interruptCode: undefined,
    lostFiles: [],
    vendorStats: { calls: 0, retries: 0, limited: 0, gateWaitMs: 0 },
    recoveredWrites: 0,
    tableFilesWritten: 0,
    ...changes,
  }
}
