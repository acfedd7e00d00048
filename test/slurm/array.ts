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
  /** When all tasks had their program running: milliseconds since 1970. */
  readonly allLive: readonly Span[]
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
  const allLive: Span[] = []
  let lookedMs = Date.now()
  let wereAllLive = false
  let tasks: readonly Task[] = []
  while (tasks.length < TASKS || !tasks.every(hasEnded)) {
    if (performance.now() - begunMs > TIME_LIMIT_MS) throw new Error(`${summaryOf(tasks)} after ten minutes`)
    await Bun.sleep(LOOK_EVERY_MS)
    const nowMs = Date.now()
    const areAllLive = cluster.running(program).length === TASKS
    if (wereAllLive && areAllLive) allLive.push({ fromMs: lookedMs, toMs: nowMs })
    lookedMs = nowMs
    wereAllLive = areAllLive
    tasks = await cluster.tasks(id)
  }
  ended.abort()
  const told = await killing
  return { id, tasks, kills: told, allLive, seconds: Math.round((performance.now() - begunMs) / 1_000) }
}

function summaryOf(tasks: readonly Task[]): string {
  return tasks.map(({ index, state, restarts }) => `${index} ${state} (${restarts} restarts)`).join(', ')
}

/** What the tasks of an array have said, for a person to read. */
export async function logsOf(cluster: Cluster, id: string): Promise<string> {
  const paths = [...new Bun.Glob(`*-${id}-*.log`).scanSync({ cwd: cluster.folder, absolute: true })].toSorted()
  return (await Promise.all(paths.map(async (path) => `== ${path}\n${await Bun.file(path).text()}`))).join('\n')
}
