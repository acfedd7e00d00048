// One array of the project's batch script, from its submission to the end of its last task.

import { join } from 'node:path'
import type { Random } from '../support/random.ts'
import type { Span } from './checks.ts'
import { TASKS, type Cluster } from './cluster.ts'
import { killTasks, type Told } from './kills.ts'
import { hasEnded, type Task } from './tasks.ts'

const LOOK_EVERY_MS = 250
/** A safety net, so that an array that hangs is seen. */
const TIME_LIMIT_MS = 600_000

export type ArrayRun = {
  readonly id: string
  readonly tasks: readonly Task[]
  readonly kills: readonly Told[]
  /** When all eight tasks had their program running: milliseconds since 1970. */
  readonly allLive: readonly Span[]
  /** When all those had that had not ended. */
  readonly noneDead: readonly Span[]
  readonly seconds: number
}

type ArrayOptions = {
  readonly cluster: Cluster
  /** The batch script and its arguments. */
  readonly command: readonly string[]
  readonly program: string
  readonly random: Random
  readonly kills: number
  readonly losesNode: boolean
}

export async function runArray({ cluster, command, program, random, ...options }: ArrayOptions): Promise<ArrayRun> {
  const begunMs = performance.now()
  const output = `--output=${join(cluster.folder, '%x-%A-%a.log')}`
  const id = (await cluster.slurm('sbatch', '--parsable', output, ...command)).trim()
  const ended = new AbortController()
  const { kills: count, losesNode } = options
  const killing = killTasks({ cluster, arrayId: id, program, random, count, losesNode, ended: ended.signal })
  const [allLive, noneDead]: [Span[], Span[]] = [[], []]
  let before = { atMs: Date.now(), live: 0, isNoneDead: false }
  let tasks: readonly Task[] = []
  while (tasks.length < TASKS || !tasks.every(hasEnded)) {
    if (performance.now() - begunMs > TIME_LIMIT_MS) throw new Error(`${summaryOf(tasks)} after ten minutes`)
    await Bun.sleep(LOOK_EVERY_MS)
    tasks = await cluster.tasks(id)
    const live = cluster.running(program).length
    const isNoneDead = live > 0 && live === tasks.filter((task) => !hasEnded(task)).length
    const now = { atMs: Date.now(), live, isNoneDead }
    const span = { fromMs: before.atMs, toMs: now.atMs }
    if (before.live === TASKS && live === TASKS) allLive.push(span)
    if (before.isNoneDead && isNoneDead) noneDead.push(span)
    before = now
  }
  ended.abort()
  const told = await killing
  return { id, tasks, kills: told, allLive, noneDead, seconds: Math.round((performance.now() - begunMs) / 1_000) }
}

function summaryOf(tasks: readonly Task[]): string {
  return tasks.map(({ index, state, restarts }) => `${index} ${state} (${restarts} restarts)`).join(', ')
}

/** What the tasks of an array have said, for a person to read. */
export async function logsOf(cluster: Cluster, id: string): Promise<string> {
  const paths = [...new Bun.Glob(`*-${id}-*.log`).scanSync({ cwd: cluster.folder, absolute: true })].toSorted()
  return (await Promise.all(paths.map(async (path) => `== ${path}\n${await Bun.file(path).text()}`))).join('\n')
}
