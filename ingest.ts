#!/usr/bin/env bun
// The program's entry: argv and environment in, one run, an exit code out.

import { helpText, parseCommandLine } from './lib/cli/cli.ts'
import { describeError, IngestError } from './lib/core/errors.ts'
import type { ActionsJob } from './lib/core/config.ts'
import { allSaid, print, printError } from './lib/commands/streams.ts'
import packageJson from './package.json' with { type: 'json' }
import { createRedactor } from './lib/core/text.ts'

type Signal = 'SIGINT' | 'SIGTERM'
const EXIT_CODES: Readonly<Record<Signal, number>> = { SIGINT: 130, SIGTERM: 143 }

/** Which sources it was compiled from, put in by build.ts; there is none when the sources themselves are run. */
declare const BUILD_COMMIT: string | undefined

const { version } = packageJson
const isCompiled = typeof BUILD_COMMIT !== 'undefined'
const stop = new AbortController()
const interruption = new AbortController()
let interruptedBy: Signal | undefined

function onSignal(signal: Signal): void {
  // The second one means it.
  if (interruptedBy !== undefined) process.exit(EXIT_CODES[signal])
  interruptedBy = signal
  interruption.abort()
  const hint = 'Run again to go on where it stopped.'
  stop.abort(new IngestError(`Interrupted by ${signal}.`, { kind: 'interrupted', scope: 'run', hint }))
}

async function main(): Promise<number> {
  const line = parseCommandLine(process.argv.slice(2))
  if (line.kind === 'version') await print(`ingest ${version} (${isCompiled ? BUILD_COMMIT : 'from source'})\n`)
  if (line.kind === 'help') await print(await helpText(line.command, version))
  if (line.kind !== 'run') return 0

  // Loaded when used: help and version shall not wait for it.
  const { resolveBundle, resolveConfig, resolveDemoFolder, unsetEmpty } = await import('./lib/cli/resolve.ts')
  if (line.command === 'databricks') {
    const { writeBundle } = await import('./lib/commands/databricks/databricks.ts')
    await print(await writeBundle(resolveBundle(line, process.env)))
    return 0
  }
  const { openEffects } = await import('./lib/commands/effects.ts')
  const encoderScript = new URL('./lib/parquet/worker.ts', import.meta.url).href
  const effects = openEffects({ version, stop, interruption: interruption.signal, encoderScript })
  if (line.command === 'demo') {
    const folder = resolveDemoFolder(line)
    const { runDemo } = await import('./lib/commands/demo/demo.ts')
    return await runDemo(folder, effects)
  }
  // The SDK would take an empty AWS variable for a set one.
  unsetEmpty(process.env)
  const config = resolveConfig(line, process.env, { isCompiled })
  const { runIngest } = await import('./lib/commands/ingest/ingest.ts')
  return await runIngest(config, effects)
}

/** The exit code of what ended the program before its run could account for it. */
async function failedWith(error: unknown): Promise<number> {
  const { actionsSummary, secretsOf } = await import('./lib/cli/resolve.ts')
  const redact = createRedactor(secretsOf(process.env))
  const isExpected = error instanceof IngestError
  const text = isExpected ? describeError(error) : 'This is a defect of the program, please report it.'
  // A defect is loud, with its trace.
  printError(redact(isExpected ? `❌ ${text}\n` : `💥 ${text}\n${Bun.inspect(error)}\n`))
  await tellActions(redact(text), isExpected && error.kind === 'interrupted', actionsSummary(process.env))
  return isExpected && error.kind === 'usage' ? 2 : 1
}

async function tellActions(
  text: string,
  isInterrupted: boolean,
  actions: Pick<ActionsJob, 'summaryPath'> | undefined,
): Promise<void> {
  if (actions === undefined) return
  const { annotation, failureSummary } = await import('./lib/report/github.ts')
  const { appendText } = await import('./lib/commands/effects.ts')
  printError(annotation('Ingestion', text))
  try {
    if (actions.summaryPath !== undefined) await appendText(actions.summaryPath, failureSummary(text, isInterrupted))
  } catch (failure) {
    // What has failed is said above: that its summary is lost as well changes nothing.
    if (!(failure instanceof IngestError)) throw failure
  }
}

process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)

const code = await main().catch(failedWith)
await allSaid()
// Explicitly, because a timer of the S3 client can outlive the run by seconds.
process.exit(interruptedBy === undefined ? code : EXIT_CODES[interruptedBy])
