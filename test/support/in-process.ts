// The whole program but for its entry, in this process: from argv and environment to exit code, against a vendor that is
// a function. A run takes milliseconds, so a test can afford thousands.

import { parseCommandLine } from '../../lib/cli/cli.ts'
import { resolveConfig } from '../../lib/cli/resolve.ts'
import { createEncoder } from '../../lib/parquet/encoder.ts'
import { describeError, IngestError } from '../../lib/core/errors.ts'
import type { Fetch } from '../../lib/core/fetch.ts'
import { runIngest } from '../../lib/commands/ingest/ingest.ts'
import { createFakeClock } from './fake-clock.ts'
import { createMemoryStore } from './memory-store.ts'
import { KEY, NOW } from './run-cli.ts'

export type InProcessOptions = {
  readonly args: readonly string[]
  /** Answers every call. */
  readonly vendor: (url: URL) => Response | Promise<Response>
  readonly env?: Readonly<Record<string, string>>
  readonly random?: () => number
  /** For --tickers-path. */
  readonly listText?: string
}

export type InProcessRun = {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly calls: number
}

/** One run. Rejects with whatever is no IngestError: a defect. */
export async function runInProcess(options: InProcessOptions): Promise<InProcessRun> {
  const store = createMemoryStore()
  const said = { stdout: '', stderr: '' }
  let calls = 0
  const fetch: Fetch = async (url) => {
    calls += 1
    return await options.vendor(new URL(url))
  }
  const finish = async (): Promise<number> => {
    const line = parseCommandLine(options.args)
    if (line.kind !== 'run' || line.command !== 'ingest') return 0
    const env = { FMP_API_KEY: KEY, FMP_BASE_URL: 'http://127.0.0.1:9', RATE_LIMIT_SECONDS: '0', ...options.env }
    return await runIngest(resolveConfig(line, env, { isCompiled: false }), {
      nowMs: Date.parse(NOW),
      clock: createFakeClock(),
      random: options.random ?? (() => 0.5),
      fetch,
      version: '0.0.0',
      stop: new AbortController(),
      interruption: new AbortController().signal,
      print: async (text) => void (said.stdout += text),
      printError: (text) => void (said.stderr += text),
      isTerminal: false,
      openStore: async () => store,
      readTextFile: async () => options.listText,
      appendText: async () => undefined,
      openEncoder: createEncoder,
    })
  }
  const code = await finish().catch((error: unknown) => {
    if (!(error instanceof IngestError)) throw error
    said.stderr += `❌ ${describeError(error)}\n`
    return error.kind === 'usage' ? 2 : 1
  })
  // A defect that ends the work is reported with the run.
  if (said.stderr.includes('💥')) throw new Error(said.stderr)
  return { code, ...said, files: store.files, calls }
}
