// `bun run bench`: the program against servers on this machine and against what others need for a part of the job.
import { cpus } from 'node:os'
import process from 'node:process'
import { CASES, type CaseMaker } from './cases.ts'
import { prepareGround, ROOT, type Ground } from './ground.ts'
import { parseOptions, USAGE, type Options } from './options.ts'
import { runCase, type Result } from './rounds.ts'
import { BenchError } from './servers.ts'
import { tableOf } from './table.ts'

async function main(argv: readonly string[]): Promise<void> {
  const options = parseOptions(argv)
  if (options === 'help') return console.log(USAGE)
  if (options === 'list') return console.log(CASES.map(({ name }) => name).join('\n'))
  const chosen = CASES.filter(({ name }) => isChosen(name, options))
  if (chosen.length === 0 && !options.hasGrowth) throw new BenchError(`No case is called ${options.only.join(',')}.`, 2)

  const ground = await prepareGround(options)
  if (ground.s5cmd === undefined) console.error('s5cmd is not on the PATH and not named by S5CMD: left out.')
  const results = await runAll(ground, chosen, options.runs)
  const facts = await factsOf(options)
  const about = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  console.log(`${about.join(', ')}\n\n${tableOf(results)}`)
  if (options.jsonPath !== undefined) await Bun.write(options.jsonPath, JSON.stringify({ ...facts, results }, null, 2))
}

function isChosen(name: string, { only }: Options): boolean {
  return only.length === 0 || only.some((part) => name.includes(part))
}

async function runAll(ground: Ground, makers: readonly CaseMaker[], runs: number): Promise<readonly Result[]> {
  const results: Result[] = []
  for (const { name, make } of makers) {
    const begunMs = performance.now()
    const result = await runCase(ground, await make(ground), runs)
    results.push(result)
    const medians = result.contenders.map(({ name: who, median }) => `${who} ${(median.wallMs / 1_000).toFixed(3)} s`)
    console.error(`${name} (${((performance.now() - begunMs) / 1_000).toFixed(0)} s): ${medians.join(', ')}`)
  }
  return results
}

function git(...args: readonly string[]): string {
  return Bun.spawnSync(['git', ...args], { cwd: ROOT })
    .stdout.toString()
    .trim()
}

async function factsOf({ runs, isSource, programPath }: Options) {
  const isClean = git('status', '--porcelain') === ''
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${git('rev-parse', '--short', 'HEAD')}${isClean ? '' : ' with changes'}`,
    CPUs: cpus().length,
    Bun: Bun.version,
    runs,
    program: isSource ? 'source' : programPath === undefined ? 'binary' : 'given binary',
  }
}

try {
  await main(process.argv.slice(2))
  // Explicitly, because the servers' pipes would hold the process.
  process.exit(0)
} catch (error) {
  if (error instanceof BenchError) console.error(error.message)
  else if (error instanceof TypeError && 'code' in error) console.error(`${error.message}\n\n${USAGE}`)
  else console.error(error)
  process.exit(error instanceof BenchError ? error.exitCode : 1)
}
