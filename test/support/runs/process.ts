// The real program as a process of its own, with a clean environment.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import PQueue from 'p-queue'

export const ROOT = join(import.meta.dir, '../../..')

// One home for all runs: Bun keeps what it has transpiled there.
const HOME = mkdtempSync(join(tmpdir(), 'ingest-home-'))
process.on('exit', () => rmSync(HOME, { recursive: true, force: true }))

/** A safety net, so that a run that hangs is seen and does not hold up everything: far above what a busy machine takes. */
export const TIME_LIMIT_MS = 200_000

// Each program lives for a tenth of a second: compiling its hot code takes a quarter more time than it gains.
const SHORT_LIVED = { BUN_JSC_useDFGJIT: '0' }

// Concurrent tests would otherwise start twenty programs at once and each of them would crawl.
const slots = new PQueue({ concurrency: 6 })

export type CliOptions = {
  /** All of the environment besides PATH, HOME and a setting of the runtime. */
  readonly env?: Readonly<Record<string, string>>
  /** An empty folder unless told. */
  readonly cwd?: string | undefined
  /** A script that is run before the program, as a path from the root. */
  readonly preload?: string | undefined
}

export type CliResult = {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type Cli = {
  /** `afterMs` on the run's own clock, where that is virtual time. */
  kill(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGKILL', afterMs?: number): void
  readonly done: Promise<CliResult>
}

/** Starts `ingest` as soon as there is a slot for it. */
export function startCli(args: readonly string[], options: CliOptions = {}): Cli {
  const started = Promise.withResolvers<Cli>()
  const run = async () => {
    const cli = spawnCli(args, options)
    started.resolve(cli)
    return await cli.done
  }
  return { kill: (signal) => void started.promise.then(({ kill }) => kill(signal)), done: slots.add(run) }
}

function spawnCli(args: readonly string[], options: CliOptions): Cli {
  const { env = {}, cwd = HOME, preload } = options
  const preloading = preload === undefined ? [] : ['--preload', join(ROOT, preload)]
  const child = Bun.spawn([process.execPath, '--no-env-file', ...preloading, join(ROOT, 'ingest.ts'), ...args], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME, ...SHORT_LIVED, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIME_LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const finish = async (): Promise<CliResult> => {
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
    // A killed process has no exit code; shells count it so.
    const code = child.exitCode ?? 128 + (child.signalCode === 'SIGKILL' ? 9 : 15)
    return { code, stdout, stderr }
  }
  return { kill: (signal) => child.kill(signal), done: finish() }
}

/** Runs `ingest` to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return await startCli(args, options).done
}

const MEASURE = `
  const child = Bun.spawn(JSON.parse(process.argv.at(-1)), { stdout: 'pipe', stderr: 'pipe' })
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  console.log(JSON.stringify({ code, stdout, stderr, peakBytes: child.resourceUsage().maxRSS }))`

/**
 * Runs `ingest` and tells its peak memory too. By way of a small process in between: Linux counts what a process was before
 * its exec as its own, and that would be this one, tests and databases and all.
 */
export async function measureCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliResult & { readonly peakBytes: number }> {
  const command = [process.execPath, '--no-env-file', join(ROOT, 'ingest.ts'), ...args]
  const child = Bun.spawn([process.execPath, '--no-env-file', '-e', MEASURE, JSON.stringify(command)], {
    cwd: HOME,
    env: { PATH: process.env['PATH'] ?? '', HOME, ...env },
    stdout: 'pipe',
  })
  return JSON.parse(await child.stdout.text()) as CliResult & { peakBytes: number }
}
