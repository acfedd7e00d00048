// `bun run bench`: the program against servers on this machine and against what others need for a part of the job.
import { cpus } from 'node:os'
import process from 'node:process'
import { CASES } from './cases.ts'
import { prepareGround, ROOT, type Ground } from './ground.ts'
import { growthTable, runScale, SCALES, SERIES } from './growth.ts'
import { parseOptions, USAGE, type Options } from './options.ts'
import { runCase, type Result } from './rounds.ts'
import { BenchError } from './servers.ts'
import { tableOf } from './table.ts'

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv)
  if (options === 'help') return console.log(USAGE)
  if (options === 'list') return console.log([...Object.keys(CASES), ...Object.keys(SERIES)].join('\n'))
  const { only, hasGrowth, runs, jsonPath } = options
  const cases = Object.entries(CASES).filter(([name]) => only.length === 0 || only.some((part) => name.includes(part)))
  // A series takes minutes: it is run where it is meant.
  const isMeant = (name: string) => only.some((part) => part.startsWith('growth') && name.includes(part))
  const series = Object.keys(SERIES).filter((name) => (hasGrowth && only.length === 0) || isMeant(name))
  if (cases.length + series.length === 0) throw new BenchError(`No case is called ${only.join(',')}: see --list.`, 2)

  const ground = await prepareGround(options)
  if (ground.s5cmd === undefined) {
    console.error(
      's5cmd is left out, for it is not on the PATH: go install github.com/peak/s5cmd/v2@v2.3.0, or S5CMD=path.',
    )
  }
  const results: Result[] = []
  const grown: Result[] = []
  for (const [name, make] of cases) {
    results.push(await timed(async () => await runCase(ground, { ...(await make(ground)), name }, runs)))
  }
  for (const name of series) {
    for (const scale of SCALES) grown.push(await timed(async () => await runScale(ground, name, { scale, runs })))
  }
  const facts = factsOf(options, ground)
  const about = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const tables = [...(results.length > 0 ? [tableOf(results)] : []), ...(grown.length > 0 ? [growthTable(grown)] : [])]
  console.log([about.join(', '), ...tables].join('\n\n'))
  if (jsonPath !== undefined) await Bun.write(jsonPath, `${JSON.stringify({ ...facts, results, grown }, null, 2)}\n`)
}

/** Says on stderr what a case came to, for the one who waits. */
async function timed(perform: () => Promise<Result>): Promise<Result> {
  const begunMs = performance.now()
  const result = await perform()
  const medians = result.contenders.map(({ name, median }) => `${name} ${(median.wallMs / 1_000).toFixed(3)} s`)
  const tookSeconds = ((performance.now() - begunMs) / 1_000).toFixed(0)
  console.error(`${result.name} (in ${tookSeconds} s): ${medians.join(', ')}`)
  return result
}

function factsOf({ runs, isSource, programPath }: Options, { env }: Ground) {
  const isClean = git('status', '--porcelain', '--untracked-files=no') === ''
  const handedOn = Object.entries(env).filter(([name]) => name === 'UPLOAD_CONCURRENCY' || name === 'MAX_WORKERS')
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with changes'}`,
    CPUs: cpus().length,
    Bun: Bun.version,
    runs,
    program: isSource ? 'source' : programPath === undefined ? 'binary' : 'given binary',
    ...Object.fromEntries(handedOn),
  }
}

function git(...args: readonly string[]): string {
  return Bun.spawnSync(['git', ...args], { cwd: ROOT })
    .stdout.toString()
    .trim()
}

/** What went wrong, and the exit code: 2 where the one who called it has something to put right. */
function judge(error: unknown): { readonly words: string; readonly exitCode: number } {
  if (error instanceof BenchError) return { words: error.message, exitCode: error.exitCode }
  // What parseArgs throws for an option that it does not know.
  const isUsage = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  return isUsage ? { words: `${error.message}\n\n${USAGE}`, exitCode: 2 } : { words: Bun.inspect(error), exitCode: 1 }
}

try {
  await main(process.argv.slice(2))
  // Explicitly, because the servers' pipes would hold the process.
  process.exit(0)
} catch (error) {
  const { words, exitCode } = judge(error)
  console.error(words)
  process.exit(exitCode)
}
