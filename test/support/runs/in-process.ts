// The whole program but for its entry, in this process: from argv and environment to exit code, in surroundings that are
// handed in. A run takes milliseconds, so a test can afford thousands.

import { parseCommandLine } from '../../../lib/cli/cli.ts'
import type { CommandName, LakeCommandName } from '../../../lib/cli/commands.ts'
import { resolveConfig, secretsOf } from '../../../lib/cli/resolve.ts'
import type { Effects } from '../../../lib/commands/effects.ts'
import { runIngest } from '../../../lib/commands/ingest/ingest.ts'
import { lakeCommand } from '../../../lib/commands/inspect/inspect.ts'
import { describeError, IngestError } from '../../../lib/core/errors.ts'
import { createRedactor } from '../../../lib/core/text.ts'
import type { Fetch } from '../../../lib/core/fetch.ts'
import { createEncoder } from '../../../lib/parquet/encoder.ts'
import packageJson from '../../../package.json' with { type: 'json' }
import { createMemoryStore } from '../lakes/memory-store.ts'
import { createFakeClock } from './fake-clock.ts'
import type { Cli, CliResult } from './process.ts'

/** An instant of a Tuesday morning in New York: the last session before today is Monday, 2024-09-16. */
export const NOW = '2024-09-17T13:00:00Z'

/** With characters that a URL escapes, so that an escaped key would be noticed as well. */
export const KEY = 'e2e+Key/0123456789=='

/** What the entry would open. */
export type Surroundings = Pick<Effects, 'clock' | 'fetch' | 'openStore' | 'readTextFile' | 'appendText'> & {
  readonly env: Readonly<Record<string, string>>
  /** 0.5 unless told. */
  readonly random?: (() => number) | undefined
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const

/**
 * Starts `ingest`, or a command that looks at a lake, here, at the instant `NOW` unless --now tells another. The other
 * commands end at once. `done` rejects with whatever is no IngestError: a defect. A second signal has no effect.
 */
export function startInProcess(args: readonly string[], surroundings: Surroundings): Cli {
  const stop = new AbortController()
  const interruption = new AbortController()
  const { env: given, random = () => 0.5, ...doors } = surroundings
  // A process has no other text in its environment, and the entry lets a variable that is set to nothing be unset.
  const env = Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === '' ? [] : [[name, value.toWellFormed()]])),
  ) as Readonly<Record<string, string>>
  const said = { stdout: '', stderr: '' }
  let signalCode: number | undefined

  async function finish(): Promise<number> {
    const line = parseCommandLine(args)
    if (line.kind !== 'run' || isAlone(line.command)) return 0
    const effects: Effects = {
      ...doors,
      // Where --now tells the instant, the clock is the machine's own, as in a process.
      nowMs: args.includes('--now') ? Date.now() : Date.parse(NOW),
      random,
      version: packageJson.version,
      stop,
      interruption: interruption.signal,
      print: async (text) => void (said.stdout += text),
      printError: (text) => void (said.stderr += text),
      isTerminal: false,
      columns: () => undefined,
      every: () => () => undefined,
      openEncoder: createEncoder,
    }
    if (line.command === 'ingest') return await runIngest(resolveConfig(line, env, { isCompiled: false }), effects)
    return await lakeCommand(line.command, line, { effects, environment: { ...env }, isCompiled: false })
  }

  async function run(): Promise<CliResult> {
    const code = await finish().catch((error: unknown) => {
      if (!(error instanceof IngestError)) throw error
      said.stderr += createRedactor(secretsOf(env))(`❌ ${describeError(error)}\n`)
      return error.kind === 'usage' ? 2 : 1
    })
    // A defect that ends the work is reported with the run.
    if (said.stderr.includes('💥 This is a defect')) throw new Error(said.stderr)
    return { code: signalCode ?? code, ...said }
  }

  return {
    kill(signal) {
      if (signal === 'SIGKILL') throw new Error('Only a process can be killed.')
      if (signalCode !== undefined) return
      signalCode = EXIT_CODES[signal]
      const hint = 'Run again to go on where it stopped.'
      const data = { exitCode: EXIT_CODES[signal] }
      const error = new IngestError(`Interrupted by ${signal}.`, { kind: 'interrupted', scope: 'run', hint, data })
      interruption.abort(error)
      stop.abort(error)
    },
    done: run(),
  }
}

export type InProcessOptions = {
  readonly args: readonly string[]
  /** Answers every call. */
  readonly vendor: (url: URL) => Response | Promise<Response>
  readonly env?: Readonly<Record<string, string>>
  readonly random?: () => number
  /** For --tickers-path. */
  readonly listText?: string
}

export type InProcessRun = CliResult & {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly calls: number
}

/** Whether a command is no run over a lake: its own tests call it. */
function isAlone(command: CommandName): command is Exclude<CommandName, LakeCommandName | 'ingest'> {
  return ['sql', 'demo', 'databricks', 'schema'].includes(command)
}

/** One run over an empty store in memory, in which no wait takes time. */
export async function runInProcess({
  args,
  vendor,
  listText,
  random,
  ...options
}: InProcessOptions): Promise<InProcessRun> {
  const store = createMemoryStore()
  let calls = 0
  const fetch: Fetch = async (url) => {
    calls += 1
    return await vendor(new URL(url))
  }
  const env = { FMP_API_KEY: KEY, FMP_BASE_URL: 'http://127.0.0.1:9', RATE_LIMIT_SECONDS: '0', ...options.env }
  const { done } = startInProcess(args, {
    env,
    random,
    fetch,
    clock: createFakeClock(),
    openStore: async () => store,
    readTextFile: async () => listText,
    appendText: async () => undefined,
  })
  return { ...(await done), files: store.files, calls }
}
