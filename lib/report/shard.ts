// The shard of a process, in documents and in texts for people.

import { callIntervalSeconds, type CallPace, type Config } from '../core/config.ts'
import { isPart, type Shard } from '../core/shard.ts'
import { counted, grouped, whereTrue } from '../core/text.ts'
import { count, object, orNull, type TypeOf } from './json-schema.ts'

/** Of a document: the part that its process took. */
export const SHARD = orNull(
  object(
    { index: count('Which part, counted from 1'), count: count('The number of parts') },
    'The part of the symbols (of tables: of their files) that this process took; null for all of them',
  ),
)

/** The shard by the names of the document. */
export function shardFact(shard: Pick<Shard, 'index' | 'count'> | undefined): TypeOf<typeof SHARD> {
  return shard === undefined ? null : { index: shard.index, count: shard.count }
}

/** `3 of 8`; undefined where there is one part only. */
export function partText(shard: Pick<Shard, 'index' | 'count'> | null | undefined): string | undefined {
  return shard && shard.count > 1 ? `${grouped(shard.index)} of ${grouped(shard.count)}` : undefined
}

/** `Shard 3 of 8 (SLURM_ARRAY_TASK_ID 2 of 0 to 7)`. */
export function shardTitle(shard: Shard): string {
  return `Shard ${partText(shard)} (${shard.source})`
}

type NoteConfig = CallPace & Pick<Config, 'maxCalls'>

/**
 * What a run says of its shard before the plan: which it is and why, how to turn that off, and what it keeps or does not keep
 * for the others' sake. None where one process takes all.
 */
export function shardNotes(config: NoteConfig, symbols: number, listed: number): readonly string[] {
  const { shard, rateLimitSeconds, usesLedger, maxCalls } = config
  if (!isPart(shard)) return []
  const [title, interval] = [`Shard ${partText(shard)}`, callIntervalSeconds(config)]
  const most = maxCalls === undefined ? 0 : maxCalls * shard.count
  return [
    `${shardTitle(shard)}: ${grouped(symbols)} of ${counted(listed, 'symbol')}. --shard none takes all of them.`,
    ...whereTrue([
      [
        interval !== rateLimitSeconds,
        `${title} without --ledger: one call per ${interval} s, so that all together keep one per ${rateLimitSeconds} s.`,
      ],
      [
        !usesLedger && most > 0,
        `--max-calls ${grouped(maxCalls ?? 0)} is of each shard: all together may make ${counted(most, 'call')}.`,
      ],
    ]),
  ]
}
