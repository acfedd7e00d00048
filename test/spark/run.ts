// `bun run test:spark`: the files of sql/warehouse on open-source Spark with Delta, over lakes of the program's own
// making. Makes a Python environment with the two of them the first time (Python 3 and Java 17 are to be there).

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makeStages } from './lakes.ts'

const FOLDER = import.meta.dir
const ROOT = join(FOLDER, '../..')
const WORK = join(ROOT, 'node_modules/.cache/spark')
const VENV = join(WORK, 'venv')
/** They pair; another Spark needs another Delta. */
const PACKAGES = ['pyspark==4.2.0', 'delta-spark==4.4.0', 'duckdb==2.0.1']

async function run(command: readonly string[], cwd = ROOT): Promise<number> {
  const child = Bun.spawn([...command], { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  return await child.exited
}

/** The interpreter of an environment that has the packages. */
async function python(): Promise<string> {
  const interpreter = join(VENV, 'bin/python')
  const stamp = Bun.file(join(VENV, 'packages.txt'))
  if ((await stamp.exists()) && (await stamp.text()) === PACKAGES.join('\n')) return interpreter
  await mkdir(WORK, { recursive: true })
  const steps = [
    ['python3', '-m', 'venv', '--clear', VENV],
    [interpreter, '-m', 'pip', 'install', '--quiet', ...PACKAGES],
  ]
  for (const step of steps) {
    if ((await run(step)) !== 0) throw new Error(`${step.join(' ')} failed: Python 3 with venv and pip is needed.`)
  }
  await stamp.write(PACKAGES.join('\n'))
  return interpreter
}

async function main(): Promise<number> {
  const interpreter = await python()
  const lakes = await makeStages(join(WORK, 'lakes'))
  return await run([interpreter, join(FOLDER, 'check.py'), lakes, join(WORK, 'jars')])
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
