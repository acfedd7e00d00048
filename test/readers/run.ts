// `bun run test:readers`: the Python recipes of the documents, but for Spark's, over a lake of the program's own
// making, and what people type first; then tables by every reader's default line, what `ingest sql` prints, and files that
// are replaced in the middle of a query. Makes its Python environments the first time. Without Python it is skipped with a
// word, and so is Spark without Java; `--required` makes that an error.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { python } from '../spark/python.ts'
import { knownOn, makeReadingLake } from './lake.ts'
import { readRecipes } from './recipes.ts'
import { checkReplaced } from './replaced.ts'
import { makeTables } from './table-lake.ts'
import { checkTables } from './tables.ts'

const WORK = join(import.meta.dir, '../../node_modules/.cache/readers')
const PACKAGES = [
  'duckdb==2.0.1',
  'polars==2.1.0',
  'pandas==3.1.1',
  'pyarrow==26.0.1',
  'chdb==4.4.0',
  'datafusion==55.0.0',
  'pyspark==4.2.0',
  'sqlglot==30.30.0',
]
/** The newest DuckDB of which the registry has the extensions for S3. */
const DUCKDB_S3_PACKAGES = [
  'duckdb==1.5.5',
  'duckdb-extension-httpfs==1.5.5',
  'duckdb-extension-aws==1.5.5',
  'pyarrow==26.0.1',
]

async function main(): Promise<number> {
  const [hasPython, hasJava] = [Bun.which('python3') !== null, Bun.which('java') !== null]
  const isRequired = process.argv.includes('--required')
  const missing = [...(hasPython ? [] : ['python3']), ...(hasJava ? [] : ['java (for Spark)'])]
  for (const name of missing) {
    process.stderr.write(`${isRequired ? '❌' : 'Skipped: no'} ${name} on the PATH.\n`)
  }
  if (!hasPython || (isRequired && !hasJava)) return isRequired ? 1 : 0
  const interpreter = await python(join(WORK, 'python'), PACKAGES)
  const code = await checkRecipes(interpreter)
  if (code !== 0) return code
  const duckdbS3 = await python(join(WORK, 'duckdb-s3'), DUCKDB_S3_PACKAGES)
  const tools = { work: WORK, interpreter, duckdbS3, hasJava }
  const overTables = await checkTables(tools)
  return overTables === 0 ? await checkReplaced(tools) : overTables
}

async function checkRecipes(interpreter: string): Promise<number> {
  const folder = join(WORK, 'lake')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const lake = await makeReadingLake(folder)
  await makeTables(lake)
  const expected = await expectedRows(lake)
  const pages = [await readRecipes('lib/parquet/README.md'), await readRecipes('README.md')]
  const recipes = pages.flat().filter(({ language, heading }) => language === 'python' && heading !== 'Spark')
  const task = join(folder, 'task.json')
  await Bun.write(task, JSON.stringify({ lake, recipes, expected }))
  const child = Bun.spawn([interpreter, join(import.meta.dir, 'check.py'), task], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return await child.exited
}

/** The newest row of each symbol and date, as DuckDB's SQL in a page of its own would find it, with the known report. */
async function expectedRows(
  lake: string,
): Promise<readonly (readonly [string, string, number | null, number | null])[]> {
  const connection = await (await DuckDBInstance.create()).connect()
  const reader = await connection.runAndReadAll(`
    SELECT symbol, CAST(date AS VARCHAR) AS date, arg_max({'v': adjClose}, ingest_ts)['v'] AS adjClose
    FROM read_parquet('${lake}/raw/prices/**/*.parquet', hive_partitioning = false)
    GROUP BY ALL ORDER BY ALL`)
  const rows = reader.getRowsJson() as [string, string, number | null][]
  connection.closeSync()
  return rows.map(([symbol, date, adjClose]) => [symbol, date, adjClose, knownOn(symbol, date)] as const)
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  return 1
})
