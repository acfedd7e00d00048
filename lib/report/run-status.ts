// Earlier runs as `ingest status` and `ingest coverage` list them. The shards of one run are one line.

import { counted, grouped, oneLine } from '../core/text.ts'
import { amount, count, object, orNull, RUN_ID, runIdOf, text, type TypeOf } from './json-schema.ts'
import type { StoredRun } from './runs.ts'
import { partText, SHARD, shardFact } from './shard.ts'

/** An earlier run, as `runStatus` gives it. */
export const RUN_STATUS = object(
  {
    key: text('The key of its metrics document'),
    run_id: RUN_ID,
    exit_code: orNull(count('Its exit code; null where the document does not say so')),
    calls: orNull(count('API calls made, retries included; null likewise')),
    duration_seconds: orNull(amount('How long it took; null likewise')),
    shard: SHARD,
    run_group: orNull(text('The name of the runs that are one with it; null where it has none')),
    problem: orNull(text('Why the document cannot be read; null where it can')),
  },
  'An earlier run',
)

export type RunStatus = TypeOf<typeof RUN_STATUS>

/** An earlier run by the document's field names. */
export function runStatus(run: StoredRun): RunStatus {
  const { exit_code, calls, duration_seconds, shard, run_group } = 'metrics' in run ? run.metrics : {}
  return {
    key: run.key,
    run_id: runIdOf(run.startMs),
    exit_code: exit_code ?? null,
    calls: calls ?? null,
    duration_seconds: duration_seconds ?? null,
    shard: shardFact(shard ?? undefined),
    run_group: run_group ?? null,
    problem: 'problem' in run ? run.problem : null,
  }
}

/** What the shards of one run have in common: the name of their group. A run that is no shard of a group is by itself. */
export function groupOf(run: RunStatus): string | RunStatus {
  return run.shard === null ? run : (run.run_group ?? run)
}

/** A line for each run, newest first. */
export function runLines(runs: readonly RunStatus[]): readonly string[] {
  return [...Map.groupBy(runs, groupOf).values()].map((ofGroup) => {
    const [first] = ofGroup
    return first === undefined || ofGroup.length === 1 ? ofGroup.map(runText).join('') : groupText(first, ofGroup)
  })
}

function runText(run: RunStatus): string {
  const { key, run_id: id, exit_code: code, calls, duration_seconds: seconds, problem } = run
  if (problem !== null) return `Run: ${id}, ${key} ${problem}`
  const part = partText(run.shard)
  const facts = [
    ...(part === undefined ? [] : [`shard ${part}`]),
    ...(code === null ? [] : [`exit code ${code}`]),
    ...(calls === null ? [] : [counted(calls, 'call')]),
    ...(seconds === null ? [] : [`${grouped(seconds, 1)} s`]),
  ]
  return `Run: ${[id, ...facts].join(', ')}`
}

/** The shards of one run, newest first: how each ended in the end, and the time of the longest. */
function groupText({ run_id: id, run_group: group, shard }: RunStatus, runs: readonly RunStatus[]): string {
  const shards = [...Map.groupBy(runs, (run) => run.shard?.index).values()]
  const codes = new Set(shards.flatMap(([newest]) => newest?.exit_code ?? []))
  const calls = runs.reduce((sum, run) => sum + (run.calls ?? 0), 0)
  const seconds = Math.max(...runs.map((run) => run.duration_seconds ?? 0))
  const facts = [
    `group ${oneLine(group ?? '')}`,
    `${grouped(shards.length)} of ${grouped(shard?.count ?? 0)} shards`,
    ...(codes.size === 0 ? [] : [`exit code ${[...codes].toSorted((a, b) => a - b).join(' and ')}`]),
    counted(calls, 'call'),
    `${grouped(seconds, 1)} s`,
  ]
  return `Run: ${[id, ...facts].join(', ')}`
}
