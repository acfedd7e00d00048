// Shards: each of several processes takes a part of the symbols (or of the tables' files), and no two take the same.

import { hashOf } from './hash.ts'

/** The part that this process takes. */
export type Shard = {
  /** From 1 to `count`. */
  readonly index: number
  readonly count: number
  /** What says so, in words: `--shard`, `SLURM_ARRAY_TASK_ID 3 of 0 to 7`. */
  readonly source: string
}

/** Whether there are other shards: 1 of 1 takes all. */
export function isPart<S extends Pick<Shard, 'count'>>(shard: S | undefined): shard is S {
  return shard !== undefined && shard.count > 1
}

/**
 * Whether a name (a symbol, a file of a table) belongs to the shard: always where there is none. It depends on the name and on
 * the number of shards only, so a list may change between two runs.
 */
export function inShard(name: string, shard: Pick<Shard, 'index' | 'count'> | undefined): boolean {
  return !isPart(shard) || mixed(hashOf(name)) % shard.count === shard.index - 1
}

/**
 * The finalizer of MurmurHash3: every bit of the result depends on every bit of the hash. The buckets of a table and the turns of
 * the audit are the hash itself modulo a number: without this one of eight shards would audit all of its symbols in five of
 * twenty nights, and none in the others.
 */
function mixed(hash: number): number {
  let bits = hash
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
