// Kills tasks of a running array, one every few seconds, in each of the ways in which a task may die.

import { oneOf, wholeBetween, type Random } from '../support/random.ts'
import type { Kill } from './checks.ts'
import { NODES, TASKS, type Cluster } from './cluster.ts'
import type { Process } from './processes.ts'
import { hasEnded } from './tasks.ts'

const KILL_EVERY_MS = 3_000
/** So long after the submission it begins even if a task has ended already. */
const BEGIN_MS = 8_000

/** How one task dies; each in its turn. */
const WAYS = ['SIGKILL of the program', 'scontrol requeue', 'the signal before the time limit'] as const

type Way = (typeof WAYS)[number] | 'loss of a node'

export type Told = Kill & { readonly way: Way }

type Killing = {
  readonly cluster: Cluster
  readonly arrayId: string
  readonly program: string
  readonly random: Random
  readonly count: number
  /** Whether the second kill is the loss of a whole node, while others go on. */
  readonly losesNode: boolean
  /** Aborted when the array has ended. */
  readonly ended: AbortSignal
}

type Target = Omit<Killing, 'count' | 'losesNode'>

/** From when all tasks are there, kills so many times, or until the array has ended. */
export async function killTasks({ count, losesNode, ...killing }: Killing): Promise<readonly Told[]> {
  const beginMs = performance.now() + BEGIN_MS
  const areThere = () => killing.cluster.running(killing.program).length >= TASKS
  while (!areThere() && performance.now() < beginMs) await Bun.sleep(100)
  const first = wholeBetween(killing.random, 0, WAYS.length - 1)
  const kills: Told[] = []
  let loss: Promise<Told> | undefined
  while (kills.length < count && !killing.ended.aborted) {
    await Bun.sleep(KILL_EVERY_MS)
    if (losesNode && kills.length === 1 && loss === undefined) loss = loseNode(killing)
    else kills.push(...(await killOne(WAYS[(first + kills.length) % WAYS.length] ?? WAYS[0], killing)))
  }
  return loss === undefined ? kills : [...kills, await loss]
}

/** None if no task was running. */
async function killOne(way: Way, { cluster, arrayId, program, random }: Target): Promise<readonly Told[]> {
  const running = cluster.running(program).filter(({ env }) => env['SLURM_ARRAY_JOB_ID'] === arrayId)
  if (running.length === 0) return []
  const victim = oneOf(random, running)
  const id = `${arrayId}_${victim.env['SLURM_ARRAY_TASK_ID']}`
  const isHit = await hit(way, id, victim, cluster)
  if (!isHit) return []
  console.log(`  ${way}: task ${id}`)
  return [{ way, ids: [id], isCertain: way !== 'the signal before the time limit' }]
}

/** Whether the task was still there. */
async function hit(way: Way, id: string, { pid }: Process, { slurm }: Cluster): Promise<boolean> {
  try {
    if (way === 'SIGKILL of the program') process.kill(pid, 'SIGKILL')
    else if (way === 'scontrol requeue') await slurm('scontrol', 'requeue', id)
    else await slurm('scancel', '--batch', '--signal=USR1', id)
    return true
  } catch {
    return false
  }
}

async function loseNode({ cluster, arrayId, random }: Target): Promise<Told> {
  const node = oneOf(random, NODES)
  const open = (await cluster.tasks(arrayId)).filter((task) => !hasEnded(task))
  const there = open.filter((task) => task.node === node).map(({ id }) => id)
  console.log(`  loss of a node: ${node} with ${there.join(', ')}`)
  await cluster.loseNode(node)
  // Until the controller has seen it, it may start any task there.
  return { way: 'loss of a node', ids: open.map(({ id }) => id), isCertain: false }
}
