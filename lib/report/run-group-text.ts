// The runs of a group added up, as text for people.

import type { Counts } from '../core/outcome.ts'
import { counted, grouped, listed, oneLine } from '../core/text.ts'
import { RUNS_PREFIX } from './metrics-file.ts'
import type { RunGroup } from './run-group.ts'

/** So many shards are named; `--json` has all of them. */
const MAX_NAMED = 10

/** The text for people. */
export function runGroupText(group: RunGroup): string {
  const { shards, missing, unfinished, documents, datasets } = group
  const lines = [
    `Run group: ${oneLine(group.run_group)}`,
    `Lake: ${oneLine(group.target)}`,
    `Shards: ${grouped(shards - missing.length)} of ${grouped(shards)} with a document, ${counted(documents, 'document')}`,
    ...(missing.length === 0 ? [] : [`Missing: ${namedShards(missing)}: still running, or ended without a document`]),
    ...unfinished.map(
      ({ shard, status, exit_code: code, key }) =>
        `Unfinished: shard ${shard}, ${status}${code === null ? '' : `, exit code ${code}`}, ${oneLine(key)}`,
    ),
    ...(group.other_documents === 0
      ? []
      : [`Another number of shards: ${counted(group.other_documents, 'document')}. Give each run a group of its own`]),
    ...group.unreadable.map(({ key, problem }) => `Unreadable: ${oneLine(key)} ${oneLine(problem)}`),
    ...(documents === 0 ? [] : totalLines(group)),
    ...datasets.flatMap(({ dataset, unit, counts, present }) =>
      unit === 'sessions' ? [] : [`${dataset}: ${countsText(counts, present)}`],
    ),
    verdictText(group),
  ]
  return `${lines.join('\n')}\n`
}

function namedShards(shards: readonly number[]): string {
  return listed(
    shards.map((shard) => String(shard)),
    MAX_NAMED,
  )
}

function totalLines(group: RunGroup): readonly string[] {
  return [
    `Time: ${group.started} to ${group.ended}`,
    `Symbols: ${grouped(group.symbols_processed)} of ${grouped(group.symbols)} processed`,
    `Sessions: ${grouped(group.sessions)}: ${countsText(group.counts, group.present)}`,
    `Through: ${group.through_date ?? 'none'}`,
    `Files written: ${grouped(group.files_written)}, ${counted(group.rows_written, 'row')}`,
    `Calls: ${grouped(group.calls)}, ${grouped(group.retries)} of them retries`,
    `Errors: ${grouped(group.errors)}`,
  ]
}

/** `100 present (60 new, 40 before), 2 without data`. */
function countsText(counts: Counts, present: number): string {
  const others: readonly (readonly [number, string])[] = [
    [counts.no_data, 'without data'],
    [counts.missing, 'missing'],
    [counts.rejected, 'rejected'],
    [counts.failed, 'failed'],
    [counts.not_reached, 'not reached'],
  ]
  const shown = others.filter(([number]) => number > 0).map(([number, what]) => `${grouped(number)} ${what}`)
  const there = `${grouped(present)} present (${grouped(counts.stored)} new, ${grouped(counts.already_stored)} before)`
  return [there, ...shown].join(', ')
}

function verdictText({ ok, documents, missing, unfinished, unreadable, other_documents: others }: RunGroup): string {
  if (ok) return '✅ All shards have ended, and nothing failed'
  const isReadable = unreadable.length === 0
  if (documents === 0 && isReadable) return '❌ No run of the last 30 days has this group'
  const parts = [
    ...(documents === 0 ? ['no document of this group found'] : []),
    ...(missing.length === 0 ? [] : [`${counted(missing.length, 'shard')} missing`]),
    ...(unfinished.length === 0 ? [] : [`${counted(unfinished.length, 'shard')} unfinished`]),
    ...(others === 0 ? [] : ['another number of shards']),
    ...(isReadable ? [] : [`${counted(unreadable.length, 'document')} unreadable, perhaps of this group`]),
  ]
  const start = isReadable ? 'Start' : `Move what is unreadable out of ${RUNS_PREFIX}, then start`
  // Not only those: an array of fewer tasks is another division of the list.
  return `❌ Not done: ${parts.join(', ')}. ${start} all shards again: what is stored is not fetched again`
}
