// A case: one program among its baselines, run in turn so that what the machine does meanwhile meets them alike.
import type { Ground, Measured } from './ground.ts'
import { BenchError } from './servers.ts'

/** How many requests a run made, as the servers counted them. */
export type Requests = { readonly api: number; readonly put: number; readonly get: number; readonly list: number }

export type Sample = Omit<Measured, 'stdout'> & { readonly requests: Requests; readonly maxInFlight: number }

/** What stands on the servers when a run has ended. */
export type After = Measured & { readonly keys: number; readonly requests: Requests }

export type Contender = {
  readonly name: string
  /** Called before each run, which may ask for another instant each time. */
  readonly command: () => readonly string[]
  /** What has to be put right before each run: an empty bucket, a latency. */
  readonly before: () => Promise<void>
  /** What is wrong with a run that exited well, or undefined where it did what is measured. */
  readonly flaw: (after: After) => Promise<string | undefined> | string | undefined
  /** What was taken inside the process, where its start is not what is measured. */
  readonly inside?: (stdout: string) => Partial<Sample>
}

export type Case = {
  readonly name: string
  readonly title: string
  readonly files: number
  readonly program: Contender
  /** What it is held against; made when asked for, because that takes time. */
  readonly baselines?: () => Promise<readonly Contender[]>
  readonly minRuns?: number
}

export type Result = Pick<Case, 'name' | 'title' | 'files'> & {
  /** The program first, its baselines after it. */
  readonly contenders: readonly ContenderResult[]
}

export type ContenderResult = {
  readonly name: string
  readonly runs: readonly Sample[]
  readonly median: Sample
  /** The program's figures over this baseline's: the median over the rounds, each compared within itself. */
  readonly ratio: { readonly wall: number; readonly cpu: number } | undefined
}

/** Throws a BenchError when a run fails or did not do what is measured: that is no figure. */
export async function runCase(ground: Ground, which: Case, runs: number): Promise<Result> {
  const { name, title, files, program, baselines, minRuns = 1 } = which
  const contenders = [program, ...((await baselines?.()) ?? [])]
  const samples = contenders.map((): Sample[] => [])
  for (let round = 1; round <= Math.max(runs, minRuns); round += 1) {
    for (const [index, contender] of contenders.entries()) {
      samples[index]?.push(await runOnce(ground, contender, title))
    }
  }
  const [first = []] = samples
  const results = contenders.map((contender, index): ContenderResult => {
    const own = samples[index] ?? []
    return {
      name: contender.name,
      runs: own,
      median: medianOf(own),
      ratio: index === 0 ? undefined : ratioOf(first, own),
    }
  })
  return { name, title, files, contenders: results }
}

async function runOnce(ground: Ground, contender: Contender, title: string): Promise<Sample> {
  const { sink, vendor } = ground
  await contender.before()
  await Promise.all([sink.take(), vendor.take()])
  const measured = await ground.measure(contender.command())
  const [stored, asked] = await Promise.all([sink.take(), vendor.take()])
  const requests = {
    api: Object.values(asked.counts).reduce((sum, count) => sum + count, 0),
    put: stored.counts['put'] ?? 0,
    get: stored.counts['get'] ?? 0,
    list: stored.counts['list'] ?? 0,
  }
  const flaw = await contender.flaw({ ...measured, keys: stored.keys, requests })
  if (flaw !== undefined) {
    throw new BenchError(`${title}, ${contender.name}: ${flaw}.\n${await ground.lastStderr()}`)
  }
  const { stdout, ...figures } = measured
  return { ...figures, requests, maxInFlight: stored.maxInFlight, ...contender.inside?.(stdout) }
}

function medianOf(samples: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick))
  return {
    wallMs: of(({ wallMs }) => wallMs),
    cpuMs: of(({ cpuMs }) => cpuMs),
    peakBytes: of(({ peakBytes }) => peakBytes),
    maxInFlight: of(({ maxInFlight }) => maxInFlight),
    requests: {
      api: of(({ requests }) => requests.api),
      put: of(({ requests }) => requests.put),
      get: of(({ requests }) => requests.get),
      list: of(({ requests }) => requests.list),
    },
  }
}

function ratioOf(program: readonly Sample[], baseline: readonly Sample[]): { wall: number; cpu: number } {
  const over = (pick: (sample: Sample) => number) =>
    median(program.map((sample, round) => pick(sample) / pick(baseline[round] ?? sample)))
  return { wall: over(({ wallMs }) => wallMs), cpu: over(({ cpuMs }) => cpuMs) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = low] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}
