// What all cases stand on: the servers, the program that is measured, a temporary folder, the stopwatch.
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { XNYS } from '../../lib/core/calendar.ts'
import type { IsoDate } from '../../lib/core/dates.ts'
import type { Options } from './options.ts'
import { BenchError, buildFakes, startSink, startVendor, type Sink, type Vendor } from './servers.ts'

export const ROOT = join(import.meta.dir, '../..')
export const BUCKET = 'bench-bucket'

/** A Tuesday. The first run is at this morning in New York; each later run is a second later. */
const FIRST_DATE = '2025-03-04' as IsoDate

export type Ground = {
  /** For everything a case wants to put down; gone at the end. */
  readonly folder: string
  readonly vendor: Vendor
  readonly sink: Sink
  /** The command before a run's own arguments. */
  readonly program: readonly string[]
  /** A program that does nothing, built the same way. */
  readonly empty: readonly string[]
  readonly s5cmd: string | undefined
  /** The whole environment of a run. */
  readonly env: Readonly<Record<string, string>>
  /** Runs a command to its end. Throws with its stderr when it fails. */
  measure(command: readonly string[]): Promise<Measured>
  /** What the last run said on stderr. */
  lastStderr(): Promise<string>
  /**
   * The next run's instant for --now, on the morning of `date` if one is given: no two runs share the second that names
   * their metrics.
   */
  nextNow(date?: IsoDate): string
}

export type Measured = {
  readonly wallMs: number
  /** User and system. */
  readonly cpuMs: number
  readonly peakBytes: number
  readonly stdout: string
}

/** One script of the benchmark as a command of its own. */
export function processOf(name: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, '--no-env-file', join(import.meta.dir, 'processes', `${name}.ts`), ...args]
}

export async function prepareGround(options: Options): Promise<Ground> {
  const folder = mkdtempSync(join(tmpdir(), 'ingest-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  // The servers and the program under measure end with this process; the folder would not.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
  const fakes = await buildFakes(folder)
  const sessions = XNYS.sessions({ from: '1990-01-01' as IsoDate, to: '2025-12-31' as IsoDate })
  await Bun.write(join(folder, 'sessions.txt'), sessions.join('\n'))
  await mkdir(join(folder, 'home'))
  const vendor = await startVendor(fakes, join(folder, 'sessions.txt'))
  const sink = await startSink(fakes)
  const env = environment(folder, vendor, sink)
  let runs = 0
  return {
    folder,
    vendor,
    sink,
    ...(await programs(options, folder)),
    s5cmd: process.env['S5CMD'] ?? Bun.which('s5cmd') ?? undefined,
    env,
    measure: async (command) => await measure(command, { fakes, folder, env }),
    lastStderr: async () => await Bun.file(join(folder, 'stderr')).text(),
    nextNow(date = FIRST_DATE) {
      runs += 1
      return new Date(Date.parse(`${date}T14:00:00Z`) + runs * 1_000).toISOString()
    },
  }
}

async function programs({ isSource, programPath }: Options, folder: string) {
  const empty = join(folder, 'empty')
  if (isSource) {
    const program = [process.execPath, '--no-env-file', join(ROOT, 'ingest.ts')]
    return { program, empty: processOf('empty') }
  }
  if (programPath === undefined) await run([process.execPath, 'build.ts', '--outdir', folder])
  const program = programPath ?? join(folder, 'ingest')
  // Compiled as build.ts compiles the program.
  const how = ['--compile', '--minify', '--bytecode', '--format=esm', '--no-compile-autoload-bunfig']
  const emptySource = 'test/bench/processes/empty.ts'
  await run([process.execPath, 'build', ...how, '--no-compile-autoload-dotenv', emptySource, '--outfile', empty])
  // Once for nothing: the first start reads a hundred megabytes from the disk.
  for (const binary of [program, empty]) await run([binary, '--version'])
  return { program: [program], empty: [empty] }
}

async function run(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { cwd: ROOT, stdout: 'ignore', stderr: 'pipe' })
  const [stderr, code] = await Promise.all([child.stderr.text(), child.exited])
  if (code !== 0) throw new BenchError(`${command.join(' ')} failed:\n${stderr}`)
}

const HANDED_ON = ['UPLOAD_CONCURRENCY', 'MAX_WORKERS']

function environment(folder: string, vendor: Vendor, sink: Sink): Readonly<Record<string, string>> {
  const handedOn = HANDED_ON.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: join(folder, 'home'),
    FMP_API_KEY: 'key-of-the-benchmark',
    FMP_BASE_URL: vendor.url,
    RATE_LIMIT_SECONDS: '0',
    AWS_ACCESS_KEY_ID: 'AKIABENCHBENCHBENCH0',
    AWS_SECRET_ACCESS_KEY: 'secret/of/the+benchmark',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: sink.url,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    ...Object.fromEntries(handedOn),
  }
}

type Stopwatch = { readonly fakes: string; readonly folder: string; readonly env: Ground['env'] }

async function measure(command: readonly string[], { fakes, folder, env }: Stopwatch): Promise<Measured> {
  // Into files, so that nobody has to be awake to read along.
  const [stdoutPath, stderrPath] = [join(folder, 'stdout'), join(folder, 'stderr')]
  const child = Bun.spawn([fakes, 'measure', stdoutPath, stderrPath, ...command], {
    cwd: join(folder, 'home'),
    env,
    // Held open: where it closes, the measured program is killed.
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const told = await child.stdout.text()
  if ((await child.exited) !== 0) throw new BenchError(`${command[0]} could not be run.`)
  const { code, ...measured } = JSON.parse(told) as Omit<Measured, 'stdout'> & { readonly code: number }
  if (code !== 0) {
    throw new BenchError(`${command.join(' ')} ended with ${code}:\n${await Bun.file(stderrPath).text()}`)
  }
  return { ...measured, stdout: await Bun.file(stdoutPath).text() }
}
