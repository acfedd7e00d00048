// `bun run test:spark` writes the Databricks bundle and tests its SQL. The files of sql/warehouse run on open-source Spark
// with Delta, over lakes that the program has written, in local mode and then on a cluster that loses workers; the parser
// of a newer Spark parses the SQL of the pipelines. The first run makes the Python environments. It needs Python 3 and
// Java 17.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleFiles } from '../../lib/commands/databricks/bundle.ts'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { makeStages } from './lakes.ts'
import { python } from './python.ts'

const FOLDER = import.meta.dir
const ROOT = join(FOLDER, '../..')
const WORK = join(ROOT, 'node_modules/.cache/spark')

/** Spark and Delta belong together: another Spark needs another Delta. */
const PACKAGES = ['pyspark==4.2.0', 'delta-spark==4.4.0', 'duckdb==2.0.1']
/** The first Spark whose parser knows the statements of pipelines. There is no Delta for it yet. */
const PARSER_PACKAGES = ['pyspark==4.3.0']

async function run(command: readonly string[]): Promise<number> {
  // Spark listens where the name of the machine leads, unless it is told another address.
  const env = { ...process.env, SPARK_LOCAL_IP: '127.0.0.1' }
  const child = Bun.spawn([...command], { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] })
  return await child.exited
}

/** Writes the bundle anew and returns the folder of its SQL. */
async function writeSql(): Promise<string> {
  const folder = join(WORK, 'bundle')
  await rm(folder, { recursive: true, force: true })
  const files = bundleFiles({ bucket: undefined, prefix: 'raw', catalog: 'main' })
  for (const [path, text] of files) await Bun.write(join(folder, path), text)
  return join(folder, 'sql')
}

async function main(): Promise<number> {
  const sql = await writeSql()
  const names = STATEMENTS.map(({ name }) => name)
  const parsed = await run([
    await python(join(WORK, 'parser'), PARSER_PACKAGES),
    join(FOLDER, 'parse.py'),
    sql,
    ...names,
  ])
  if (parsed !== 0) return parsed
  const lakes = await makeStages(join(WORK, 'lakes'))
  const interpreter = await python(join(WORK, 'delta'), PACKAGES)
  const places = [sql, lakes, join(WORK, 'jars'), join(WORK, 'contents.json')]
  const checked = await run([interpreter, join(FOLDER, 'check.py'), ...places, ...names])
  if (checked !== 0) return checked
  return await run([interpreter, join(FOLDER, 'lost_workers.py'), ...places, ...names])
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
