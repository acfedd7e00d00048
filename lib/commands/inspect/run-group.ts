// Finds the runs of a group among the metrics documents.

import { targetLocation } from '../../core/config.ts'
import { MS_PER_DAY } from '../../core/dates.ts'
import { runIdOf } from '../../report/json-schema.ts'
import { addUp, missingIn, shardsIn, type GroupRun, type RunGroup } from '../../report/run-group.ts'
import { readRuns } from '../../report/runs.ts'
import type { Lake } from './look.ts'

/** Older runs are not looked at: nobody waits for a group for so long. */
const MAX_AGE_MS = 30 * MS_PER_DAY

/** Once every shard is found, a run that began so long before the others is of no group with them. */
const MAX_GAP_MS = 2 * MS_PER_DAY

/** The runs of a group up to the instant of the look, added up. Throws an IngestError if the store fails. */
export async function runGroupOf(id: string, { store, config, startMs }: Lake): Promise<RunGroup> {
  const runs: GroupRun[] = []
  const unreadable: RunGroup['unreadable'][number][] = []
  const stored = readRuns(store, (listed) =>
    listed.filter((run) => run.startMs <= startMs && run.startMs > startMs - MAX_AGE_MS),
  )
  for await (const run of stored) {
    if (isWhole(runs) && run.startMs < (runs.at(-1)?.startMs ?? 0) - MAX_GAP_MS) break
    if ('problem' in run) unreadable.push({ key: run.key, problem: run.problem })
    else if (run.metrics.run_group === id) {
      const { results: _results, ...metrics } = run.metrics
      runs.push({ key: run.key, startMs: run.startMs, metrics })
    }
  }
  return addUp(runs, { run_id: runIdOf(startMs), target: targetLocation(config.target), run_group: id, unreadable })
}

function isWhole(runs: readonly GroupRun[]): boolean {
  return shardsIn(runs) > 0 && missingIn(runs).length === 0
}
