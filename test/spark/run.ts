// `bun run test:spark`: the files of sql/warehouse on open-source Spark with Delta, over lakes of the program's own
// making, and the SQL of the pipelines before the parser of a newer Spark. Makes its Python environments the first time;
// Python 3 and Java 17 are to be there.

import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { makeStages } from './lakes.ts'

const FOLDER = import.meta.dir
const ROOT = join(FOLDER, '../..')
const WORK = join(ROOT, 'node_modules/.cache/spark')

/** They pair; another Spark needs another Delta. */
const PACKAGES = [
  'pyspark==4.2.0',
  'delta-spark==4.4.0',
  'duckdb==2.0.1',
  'polars==2.1.0',
  'pandas==3.1.1',
  'pyarrow==26.0.1',
]
/** The first whose parser knows what pipelines are made of; Delta has nothing for it yet. */
const PARSER_PACKAGES = ['pyspark==4.3.0']

async function run(command: readonly string[]): Promise<number> {
  const child = Bun.spawn([...command], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  return await child.exited
}

/** The interpreter of an environment that has the packages; made the first time. */
async function python(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(WORK, name)
  const interpreter = join(folder, 'bin/python')
  const stamp = Bun.file(join(folder, 'packages.txt'))
  if ((await stamp.exists()) && (await stamp.text()) === packages.join('\n')) return interpreter
  await mkdir(WORK, { recursive: true })
  const steps = [
    ['python3', '-m', 'venv', '--clear', folder],
    [interpreter, '-m', 'pip', 'install', '--quiet', ...packages],
  ]
  for (const step of steps) {
    if ((await run(step)) !== 0) throw new Error(`${step.join(' ')} failed: Python 3 with venv and pip is needed.`)
  }
  await stamp.write(packages.join('\n'))
  return interpreter
}

async function main(): Promise<number> {
  const parsed = await run([await python('parser', PARSER_PACKAGES), join(FOLDER, 'parse.py')])
  if (parsed !== 0) return parsed
  const lakes = await makeStages(join(WORK, 'lakes'))
  return await run([await python('delta', PACKAGES), join(FOLDER, 'check.py'), lakes, join(WORK, 'jars')])
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
