// The tasks of an array, as `scontrol --oneliner show job` prints them.

export type Task = {
  /** In the array. */
  readonly index: number
  /** `ARRAY_INDEX`, by which Slurm's commands take it. */
  readonly id: string
  readonly state: string
  /** Of the batch script; a signal counts as 128 and its number. */
  readonly exitCode: number
  /** How often Slurm has started it again. */
  readonly restarts: number
  /** Where it runs or ran last; empty before. */
  readonly node: string
}

const ENDED = new Set(['COMPLETED', 'FAILED', 'TIMEOUT', 'CANCELLED', 'NODE_FAIL', 'OUT_OF_MEMORY', 'DEADLINE'])

export function hasEnded({ state }: Task): boolean {
  return ENDED.has(state)
}

/** Tasks that wait together are one line (`ArrayTaskId=3-8`), and no task here yet. */
export function readTasks(text: string): readonly Task[] {
  const lines = text.split('\n').map(fieldsOf)
  return lines.flatMap((fields) => {
    const { ArrayJobId = '', ArrayTaskId = '', JobState = '', ExitCode = '', Restarts = '', BatchHost = '' } = fields
    if (!/^\d+$/.test(ArrayTaskId)) return []
    const [code = 0, signal = 0] = ExitCode.split(':').map(Number)
    return {
      index: Number(ArrayTaskId),
      id: `${ArrayJobId}_${ArrayTaskId}`,
      state: JobState,
      exitCode: signal === 0 ? code : 128 + signal,
      restarts: Number(Restarts),
      node: BatchHost,
    }
  })
}

function fieldsOf(line: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...line.matchAll(/(\w+)=(\S*)/g)].map(([, name = '', value = '']) => [name, value]))
}
