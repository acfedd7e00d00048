// A real Slurm for a moment: a controller and two node daemons on this machine's loopback interface, with a munge of their
// own. Everything is in one temporary folder; all processes are ended by their ids, and the folder is gone at the end.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { installPackages } from '../support/debian-packages.ts'
import { freePort, runTool, spawnDaemon, type Daemon } from '../support/daemons.ts'
import { processesWith, type Process } from './processes.ts'
import { readTasks, type Task } from './tasks.ts'

const NEEDED = {
  proof: 'proof on Slurm',
  packages: ['slurmctld', 'slurmd', 'slurm-client', 'slurm-wlm-basic-plugins', 'munge'],
  programs: ['slurmctld', 'slurmd', 'sbatch', 'scontrol', 'scancel', 'munged'],
  megabytes: 5,
}
const START_LIMIT_MS = 60_000
/** Of the array. */
export const TASKS = 8
export const NODES = ['node1', 'node2'] as const
export type Node = (typeof NODES)[number]

export type Cluster = {
  readonly folder: string
  /** A command of Slurm: what it printed. Throws where it fails. */
  slurm(...command: readonly string[]): Promise<string>
  /** The tasks of an array, as the controller knows them. */
  tasks(arrayId: string): Promise<readonly Task[]>
  /** The processes of running tasks whose program is this file. */
  running(program: string): readonly Process[]
  /**
   * Ends a node's daemon and all that runs there, as a loss of power does, and starts the daemon again when the controller
   * has seen that the node is down. Its tasks are started again elsewhere.
   */
  loseNode(node: Node): Promise<void>
  /** Ends all and removes the folder; safe to call twice. */
  stop(): void
}

/** Installs Slurm where it is absent and starts it; returns when both nodes are idle. */
export async function startCluster(): Promise<Cluster> {
  if (process.getuid?.() !== 0) throw new Error('The proof on Slurm needs root: munge and slurmd are started with it.')
  await installPackages(NEEDED)
  const folder = mkdtempSync(join(tmpdir(), 'ingest-slurm-'))
  // munge wants every user to reach its socket.
  chmodSync(folder, 0o711)
  const cluster = await describeCluster(folder)
  process.on('exit', cluster.stop)
  try {
    await cluster.bringUp()
    return cluster
  } catch (error) {
    cluster.stop()
    throw error
  }
}

async function describeCluster(folder: string): Promise<Cluster & { bringUp(): Promise<void> }> {
  const confPath = join(folder, 'slurm.conf')
  const [controllerPort, ...nodePorts] = [await freePort(), await freePort(), await freePort()]
  for (const name of ['state', ...NODES]) mkdirSync(join(folder, name))
  await Bun.write(confPath, configuration({ folder, controllerPort, nodePorts }))
  const env = { SLURM_CONF: confPath }
  const daemons: Daemon[] = []
  const nodeOf = new Map<Node, Daemon>()
  const slurm = async (...command: readonly string[]) => await runTool('env', `SLURM_CONF=${confPath}`, ...command)
  const startNode = (node: Node) => {
    const args = ['-D', '-N', node]
    // What a node daemon starts inherits its environment: the processes of a node are known by NODE_OF_PROOF.
    const daemon = spawnDaemon(folder, node, args, { program: 'slurmd', env: { ...env, NODE_OF_PROOF: node } })
    daemons.push(daemon)
    nodeOf.set(node, daemon)
  }
  const ours = () => processesWith('SLURM_CONF', confPath)
  return {
    folder,
    slurm,
    tasks: async (arrayId) => readTasks(await slurm('scontrol', '--oneliner', 'show', 'job', arrayId)),
    running: (program) => ours().filter(({ file }) => file === program),
    async loseNode(node) {
      nodeOf.get(node)?.child.kill('SIGKILL')
      const isThere = ({ env: { NODE_OF_PROOF, SLURMD_NODENAME } }: Process) =>
        NODE_OF_PROOF === node || SLURMD_NODENAME === node
      endAll(ours().filter(isThere))
      const isDown = async () =>
        (await slurm('sinfo', '--noheader', `--nodes=${node}`, '--format=%T')).startsWith('down')
      await until(`the loss of ${node}`, isDown, [], folder)
      startNode(node)
    },
    async bringUp() {
      await startMunge(folder, daemons)
      daemons.push(spawnDaemon(folder, 'slurmctld', ['-D', '-c', '-i'], { env }))
      for (const node of NODES) startNode(node)
      await untilIdle(slurm, folder, daemons)
    },
    stop() {
      for (const { child } of daemons) child.kill('SIGKILL')
      // Tasks and their keepers are no children of ours.
      endAll(ours())
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** With a key of its own, by which the daemons know each other. */
async function startMunge(folder: string, daemons: Daemon[]): Promise<void> {
  const key = join(folder, 'munge.key')
  writeFileSync(key, crypto.getRandomValues(new Uint8Array(128)), { mode: 0o400 })
  const paths = ['socket', 'pid-file', 'log-file', 'seed-file'].map(
    (name) => `--${name}=${join(folder, `munge.${name}`)}`,
  )
  const munge = spawnDaemon(folder, 'munged', ['--foreground', `--key-file=${key}`, ...paths])
  daemons.push(munge)
  await until('socket of munge', async () => await Bun.file(join(folder, 'munge.pid-file')).exists(), [munge], folder)
}

async function untilIdle(slurm: Cluster['slurm'], folder: string, daemons: readonly Daemon[]): Promise<void> {
  const areIdle = async () => {
    const states = await slurm('sinfo', '--noheader', '--Node', '--format=%T').catch(() => '')
    return states.trim() === 'idle\nidle'
  }
  await until('two idle nodes', areIdle, daemons, folder)
}

async function until(
  what: string,
  isUp: () => Promise<boolean>,
  daemons: readonly Daemon[],
  folder: string,
): Promise<void> {
  const deadlineMs = performance.now() + START_LIMIT_MS
  while (!(await isUp())) {
    const dead = daemons.find(({ child }) => child.exitCode !== null || child.signalCode !== null)
    const said = await Bun.file(join(folder, `${dead?.name ?? 'slurmctld'}.out`))
      .text()
      .catch(() => '')
    if (dead !== undefined) throw new Error(`${dead.name} ended at once: ${said.trim().slice(-1_000)}`)
    if (performance.now() > deadlineMs) {
      throw new Error(`No ${what} after ${START_LIMIT_MS / 1_000} s: ${said.trim().slice(-1_000)}`)
    }
    await Bun.sleep(100)
  }
}

type Settings = {
  readonly folder: string
  readonly controllerPort: number
  readonly nodePorts: readonly number[]
}

/**
 * More CPUs a node than the machine has, so that eight tasks run at once; each goes to the node with the least load. No
 * cgroups, no accounting. A task that is started again waits for `cred_expire` seconds first, of which 5 is the least.
 */
function configuration({ folder, controllerPort, nodePorts }: Settings): string {
  const [host = 'localhost'] = hostname().split('.')
  const nodes = NODES.map(
    (node, index) =>
      `NodeName=${node} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${nodePorts[index]} CPUs=8 RealMemory=8192`,
  )
  return `ClusterName=proof
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${controllerPort}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge.socket,cred_expire=5
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/%n
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/%n.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/%n.log
MailProg=/bin/true
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU,CR_LLN
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1
PropagateResourceLimits=NONE
JobRequeue=1
ReturnToService=2
SlurmdTimeout=5
KillWait=5
${nodes.join('\n')}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`
}

function endAll(processes: readonly Process[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
}
