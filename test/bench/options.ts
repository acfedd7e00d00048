// What the benchmark may be told on its command line.
import { parseArgs } from 'node:util'
import { BenchError } from './servers.ts'

export type Options = {
  /** Runs of every contender of a case; their median counts. */
  readonly runs: number
  /** Cases whose names hold one of these; all where there are none. */
  readonly only: readonly string[]
  readonly jsonPath: string | undefined
  /** `bun ingest.ts` in place of the compiled binary. */
  readonly isSource: boolean
  /** A binary that was built before, to compare with. */
  readonly programPath: string | undefined
  readonly hasGrowth: boolean
}

export const USAGE = `bun run bench [options]

  --runs N        runs of each case, at least 3 for a median that means something (3)
  --only A,B      only cases whose names hold A or B
  --list          the names of all cases
  --json FILE     every run as JSON as well
  --source        run ingest.ts itself, not the compiled binary
  --program PATH  measure this binary; nothing is built
  --growth        also the growth over files and symbols (long; --only growth for nothing else)

UPLOAD_CONCURRENCY and MAX_WORKERS are handed on. s5cmd is found on the PATH, or named by S5CMD.`

/** Throws an Error that names the wrong option. */
export function parseOptions(argv: readonly string[]): Options | 'help' | 'list' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
      source: { type: 'boolean', default: false },
      program: { type: 'string' },
      growth: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.list) return 'list'
  const runs = Number(values.runs)
  if (!Number.isSafeInteger(runs) || runs < 1) throw new BenchError('--runs takes a whole number of at least 1.', 2)
  return {
    runs,
    only: values.only.split(',').filter((name) => name !== ''),
    jsonPath: values.json,
    isSource: values.source,
    programPath: values.program,
    hasGrowth: values.growth,
  }
}
