// Which shard this process is, and of which group: from the flag, its variable, or what the scheduler has set.

import { whereTrue } from '../core/text.ts'
import type { Shard } from '../core/shard.ts'
import type { Reader } from './reader.ts'
import { FLAGS } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** One source's word on the shard. What it does not know is undefined. */
type Claim = {
  /** `SLURM_ARRAY_TASK_ID 3 of 0 to 7` */
  readonly words: string
  /** From 1. */
  readonly index: number | undefined
  readonly count: number | undefined
}

/** The shard, undefined for the whole list, and what is wrong with the settings that name it, each a sentence with its cure. */
export type ShardReading = { readonly shard: Shard | undefined; readonly problems: readonly string[] }

/** No shard, and nothing wrong. */
export const WHOLE: ShardReading = { shard: undefined, problems: [] }

/** Nobody's word is taken for another's: sources that do not agree are a problem. `none` is the last word. */
export function readShard(reader: Reader): ShardReading {
  const { read, isGiven } = reader
  const given = read(FLAGS.shard)
  if (given === 'none') return WHOLE
  const name = isGiven(FLAGS.shard.flag) ? FLAGS.shard.flag : FLAGS.shard.variable
  const flag: readonly Claim[] =
    given === undefined ? [] : [{ words: `${name} ${given.index}/${given.count}`, ...given }]
  const count = read(VARIABLES.shardCount)
  const counted: readonly Claim[] =
    count === undefined ? [] : [{ words: `${VARIABLES.shardCount.variable} ${count}`, index: undefined, count }]
  const slurm = slurmClaim(reader)
  // An array that is no range says nothing of shards: whoever names the shard has thought of it.
  if (typeof slurm === 'string' && given === undefined) return { shard: undefined, problems: [slurm] }
  const told = [
    typeof slurm === 'string' ? undefined : slurm,
    ...ZERO_BASED.map((variables) => claimOf(variables, reader)),
  ]
  return agreed([...flag, ...told.filter((claim) => claim !== undefined), ...counted])
}

/** The one shard that all claims name. */
function agreed(claims: readonly Claim[]): ShardReading {
  if (claims.length === 0) return WHOLE
  const source = claims.map(({ words }) => words).join(' and ')
  const [index, otherIndex] = new Set(claims.flatMap((claim) => claim.index ?? []))
  const [count, otherCount] = new Set(claims.flatMap((claim) => claim.count ?? []))
  const differ = otherIndex !== undefined || otherCount !== undefined
  const problems = whereTrue([
    [
      differ,
      `${source} name different shards. Unset what does not start the shards, or give --shard none for the whole list.`,
    ],
    [
      count === undefined,
      `${source} does not say of how many shards: set SHARD_COUNT to their number, or give --shard none for the whole list.`,
    ],
    [
      index === undefined,
      `${source} does not say which shard this is: give --shard i/n, start it as a task of an array, or unset it.`,
    ],
    [
      !differ && index !== undefined && count !== undefined && index > count,
      `${source} name shard ${index} of ${count}: set SHARD_COUNT to the number of tasks.`,
    ],
  ])
  if (problems.length > 0 || index === undefined || count === undefined) return { shard: undefined, problems }
  return { shard: { index, count, source }, problems }
}

/**
 * Schedulers that count their tasks from 0: Kubernetes (Indexed Jobs), AWS Batch (array jobs; "AWS Batch job environment
 * variables") and Cloud Run jobs ("Container runtime contract"). Kubernetes does not tell the number of completions.
 */
const ZERO_BASED = [
  { task: VARIABLES.completionIndex, size: undefined },
  { task: VARIABLES.batchIndex, size: VARIABLES.batchSize },
  { task: VARIABLES.cloudRunIndex, size: VARIABLES.cloudRunCount },
] as const

function claimOf({ task, size }: (typeof ZERO_BASED)[number], { read }: Reader): Claim | undefined {
  const index = read(task)
  if (index === undefined) return undefined
  const count = size && read(size)
  const of = size === undefined || count === undefined ? '' : ` of ${size.variable} ${count}`
  return { words: `${task.variable} ${index}${of}`, index: index + 1, count }
}

/**
 * Slurm's array task (sbatch, "Output environment variables"); a sentence where the array is no range. The numbers of an
 * array begin where the user says (`--array=1-8`, `--array=0-14:2`).
 */
function slurmClaim({ read, isGiven }: Reader): Claim | string | undefined {
  const task = read(VARIABLES.slurmTask)
  if (task === undefined) return undefined
  const [first, step, count] = [read(VARIABLES.slurmFirst), read(VARIABLES.slurmStep), read(VARIABLES.slurmCount)]
  if (![VARIABLES.slurmFirst, VARIABLES.slurmCount].every(({ variable }) => isGiven(variable))) {
    return `SLURM_ARRAY_TASK_ID is set without SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_COUNT, which Slurm sets with it: pass them on too, or give --shard none for the whole list.`
  }
  // A value that cannot be used is a problem already.
  if (first === undefined || count === undefined) return undefined
  const last = first + (count - 1) * step
  const index = (task - first) / step + 1
  const isRange =
    Number.isInteger(index) && index >= 1 && index <= count && last === (read(VARIABLES.slurmLast) ?? last)
  if (!isRange) {
    return `The Slurm array of task ${task} is no range of ${count} tasks: start it with --array=1-${count}, or give --shard i/n.`
  }
  return { words: `SLURM_ARRAY_TASK_ID ${task} of ${first} to ${last}`, index, count }
}

/**
 * The name of the runs that are one with this: as given, else what the scheduler calls all its tasks together. AWS Batch
 * appends the task's index to the job's id after a colon ("Array jobs").
 */
export function readRunGroup({ read }: Reader, shard: Shard | undefined): string | undefined {
  const given = read(FLAGS.runGroup)
  if (given !== undefined || shard === undefined) return given
  return (
    read(VARIABLES.slurmJob) ??
    read(VARIABLES.batchJob)?.replace(/:\d+$/, '') ??
    read(VARIABLES.cloudRunExecution) ??
    read(VARIABLES.workflowRun)
  )
}
