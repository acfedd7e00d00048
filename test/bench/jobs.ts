// The program's own runs, as contenders of a case: what they are told, what has to be there, what they must leave.
import type { IsoDate } from '../../lib/core/dates.ts'
import type { Ground } from './ground.ts'
import { clear, countLake, keep, outOf, type Place } from './place.ts'
import type { After, Contender } from './rounds.ts'

export type Job = {
  readonly place: Place
  /** The day on whose morning it runs, if it is not that of all others. */
  readonly date?: IsoDate
  readonly args: readonly string[]
  /** `NAME=value`, besides those of the benchmark. */
  readonly variables?: readonly string[]
  /** Price files that a run has to leave where there were none. */
  readonly files: number
  /** Files of tables that a run leaves where there were none; absent: none. */
  readonly tableFiles?: number
  readonly calls: number
}

/** A run that begins with nothing stored. */
export function freshJob(ground: Ground, job: Job): Contender {
  return {
    name: 'ingest',
    command: () => commandOf(ground, job),
    before: async () => await clear(job.place, ground),
    // The metrics document is one more.
    flaw: async (after) => await flawOf(ground, job, { after, objects: job.files + 1, calls: job.calls }),
  }
}

/** A run that finds everything there, left by `fill`. */
export function rerunJob(ground: Ground, job: Job, fill: Job = job): Contender {
  let objects = 0
  return {
    name: 'ingest',
    command: () => commandOf(ground, job),
    before: async () => {
      if (objects > 0) return
      await clear(fill.place, ground)
      await ground.measure(commandOf(ground, fill))
      objects = fill.files + 1
    },
    flaw: async (after) => {
      objects += 1
      return await flawOf(ground, job, { after, objects, calls: 0 })
    },
  }
}

/** Runs over what `fills` have left, each named and as if it were the first: what it adds is taken away again. */
export function jobsOver(
  ground: Ground,
  fills: readonly Job[],
  jobs: Readonly<Record<string, Job>>,
): readonly Contender[] {
  const stored = fills.reduce((sum, { files, tableFiles = 0 }) => sum + files + tableFiles + 1, 0)
  let putBack: (() => Promise<void>) | undefined
  const before = async (place: Place): Promise<void> => {
    if (putBack === undefined) {
      await clear(place, ground)
      for (const fill of fills) await ground.measure(commandOf(ground, fill))
      putBack = await keep(place, ground)
    }
    await putBack()
  }
  return Object.entries(jobs).map(([name, job]) => ({
    name,
    command: () => commandOf(ground, job),
    before: async () => await before(job.place),
    flaw: async (after) => await flawOf(ground, job, { after, objects: stored + job.files + 1, calls: job.calls }),
  }))
}

export function commandOf(ground: Ground, { place, date, args, variables = [] }: Job): readonly string[] {
  // env replaces itself by the program: what is measured is that.
  const prefix = variables.length === 0 ? [] : ['env', ...variables]
  return [...prefix, ...ground.program, ...args, '--out', outOf(place, ground), '--now', ground.nextNow(date)]
}

type Expected = { readonly after: After; readonly objects: number; readonly calls: number }

async function flawOf(
  ground: Ground,
  { place }: Job,
  { after, objects, calls }: Expected,
): Promise<string | undefined> {
  const found = place.kind === 's3' ? after.keys : await countLake(ground)
  if (found !== objects) return `${found} files, the metrics included, are there, ${objects} expected`
  return after.requests.api === calls ? undefined : `${after.requests.api} API calls, ${calls} expected`
}
