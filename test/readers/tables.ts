// Tables by every reader's default line, and the lines of `ingest sql` for each reader over a folder with odd characters and
// over a bucket.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { READERS, type ReaderName } from '../../lib/core/config.ts'
import { runCli } from '../support/runs/process.ts'
import { startFakeS3, type FakeS3 } from '../support/servers/fake-s3.ts'
import { knownOn } from './lake.ts'
import { checksumOf, countingRows, makeTableLake, makeTables } from './table-lake.ts'

export type Tools = {
  /** Where lakes and tasks are made. */
  readonly work: string
  /** Python with the readers, and with a DuckDB that has its extensions for S3. */
  readonly interpreter: string
  readonly duckdbS3: string
  readonly hasJava: boolean
}

/** What patterns, quotes of SQL and Python, and Hive's partitions could take for something of theirs. */
const ODD = `it's a "lake" [1]/env=prod`

/** Makes the lakes and runs everything over them. The exit code is that of the first check that failed. */
export async function checkTables(tools: Tools): Promise<number> {
  const { work, interpreter, hasJava } = tools
  const [plain, odd] = [join(work, 'table-lake'), join(work, 'odd', ODD)]
  for (const lake of [plain, odd]) {
    await rm(lake, { recursive: true, force: true })
    await makeTableLake(lake)
    await makeTables(lake)
  }
  const task = { ...(await checksumOf(plain)), lake: plain, withSpark: hasJava }
  const code = await perform(interpreter, { name: 'default_lines.py', path: join(work, 'default-lines.json'), task })
  if (code !== 0) return code
  const readers = READERS.filter((reader) => hasJava || reader !== 'spark')
  const overFolder = await checkSnippets(
    odd,
    readers.filter((reader) => reader !== 'athena'),
    tools,
  )
  return overFolder === 0 ? await checkBucket(plain, readers, tools) : overFolder
}

async function checkBucket(lake: string, readers: readonly ReaderName[], tools: Tools): Promise<number> {
  const s3 = await startFakeS3({ bucket: 'my-bucket' })
  try {
    for await (const path of new Bun.Glob('{raw,tables}/**/*.parquet').scan({ cwd: lake })) {
      s3.put(path, await Bun.file(join(lake, path)).bytes())
    }
    return await checkSnippets(lake, readers, tools, s3)
  } finally {
    await s3.stop()
  }
}

/** Runs the lines of each reader in a process of its own, over the folder or over a bucket that holds the same. */
async function checkSnippets(lake: string, readers: readonly ReaderName[], tools: Tools, s3?: FakeS3): Promise<number> {
  const { work, interpreter, duckdbS3 } = tools
  const env = s3?.env() ?? {}
  const known = (await countingRows(lake)).map(({ symbol, date }) => [symbol, date, knownOn(symbol, date)])
  const expected = { ...(await checksumOf(lake)), known, lake }
  const out = s3 === undefined ? lake : `s3://${s3.bucket}`
  for (const reader of readers) {
    const snippets = []
    for (const mode of ['--table', '--raw']) {
      const { code, stdout, stderr } = await runCli(['sql', reader, mode, '--out', out], { env })
      if (code !== 0) throw new Error(`ingest sql ${reader} failed: ${stderr}`)
      snippets.push({ name: `${s3 === undefined ? 'folder' : 'bucket'}, ${reader} ${mode}`, reader, code: stdout })
    }
    const isOfS3 = reader === 'duckdb' && s3 !== undefined
    const task = { ...expected, snippets, extensions: isOfS3 ? ['httpfs', 'aws'] : [] }
    const path = join(work, `${reader}.json`)
    const code = await perform(isOfS3 ? duckdbS3 : interpreter, { name: 'snippets.py', path, task }, env)
    if (code !== 0) return code
  }
  return 0
}

/** A script of this folder, and what it is told. */
type Script = { readonly name: string; readonly path: string; readonly task: object }

async function perform(
  interpreter: string,
  { name, path, task }: Script,
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  await Bun.write(path, JSON.stringify(task))
  const child = Bun.spawn([interpreter, join(import.meta.dir, name), path], {
    env: { ...process.env, PYSPARK_SUBMIT_ARGS: submitArguments(join(path, '..')), ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return await child.exited
}

/** How Spark starts from Python. It fetches its S3 client the first time, into a folder of `work`. */
export function submitArguments(work: string): string {
  const settings = [
    `spark.jars.ivy=${join(work, 'jars')}`,
    'spark.ui.enabled=false',
    'spark.ui.showConsoleProgress=false',
  ]
  return [...settings.map((setting) => `--conf ${setting}`), 'pyspark-shell'].join(' ')
}
