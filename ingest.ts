#!/usr/bin/env bun
// The program's entry: reads argv and environment, runs one command, ends with its exit code.

import { parseCommandLine } from './lib/cli/cli.ts'
import { IngestError } from './lib/core/errors.ts'
import { flushStderr, print, stdoutColumns } from './lib/commands/streams.ts'
import packageJson from './package.json' with { type: 'json' }

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'
/** A terminal that is closed ends a run as SIGTERM does. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 143 } as const satisfies Readonly<Record<Signal, number>>

/** The commit of the sources, set by build.ts. Undefined when the sources themselves are run. */
declare const BUILD_COMMIT: string | undefined

const { version } = packageJson
const isCompiled = typeof BUILD_COMMIT !== 'undefined'
const stop = new AbortController()
const interruption = new AbortController()
let interruptedBy: Signal | undefined

function onSignal(signal: Signal): void {
  // The second signal ends the program at once.
  if (interruptedBy !== undefined) process.exit(EXIT_CODES[signal])
  interruptedBy = signal
  const hint = 'Run again to go on where it stopped.'
  const data = { exitCode: EXIT_CODES[signal] }
  const error = new IngestError(`Interrupted by ${signal}.`, { kind: 'interrupted', scope: 'run', hint, data })
  interruption.abort(error)
  stop.abort(error)
}

async function main(): Promise<number> {
  const line = parseCommandLine(process.argv.slice(2))
  if (line.kind === 'version') await print(`ingest ${version} (${isCompiled ? BUILD_COMMIT : 'from source'})\n`)
  // Everything else is loaded when it is used, so that help and version do not wait for it.
  if (line.kind === 'help') {
    const { helpText } = await import('./lib/cli/help.ts')
    await print(await helpText(line.command, version, await stdoutColumns()))
  }
  if (line.kind !== 'run') return 0

  const { resolveBundle, resolveDemoFolder } = await import('./lib/cli/resolve.ts')
  if (line.command === 'schema') {
    const { schemaText } = await import('./lib/commands/schema.ts')
    await print(schemaText(line))
    return 0
  }
  if (line.command === 'databricks') {
    const { writeBundle } = await import('./lib/commands/databricks/databricks.ts')
    await print(await writeBundle(resolveBundle(line, process.env)))
    return 0
  }
  if (line.command === 'sql') {
    const { sqlText } = await import('./lib/commands/sql/sql.ts')
    await print(await sqlText(line, process.env))
    return 0
  }
  const { ignoresHangup, openEffects } = await import('./lib/commands/effects.ts')
  // Under nohup a run outlives its terminal.
  if (!ignoresHangup()) process.on('SIGHUP', onSignal)
  const encoderScript = new URL('./lib/parquet/worker.ts', import.meta.url).href
  const effects = openEffects({ version, stop, interruption: interruption.signal, encoderScript })
  if (line.command === 'demo') {
    const folder = resolveDemoFolder(line)
    const { runDemo } = await import('./lib/commands/demo/demo.ts')
    return await runDemo(folder, effects)
  }
  const start = { effects, environment: process.env, isCompiled }
  if (line.command !== 'ingest') {
    const { lakeCommand } = await import('./lib/commands/inspect/inspect.ts')
    return await lakeCommand(line.command, line, start)
  }
  const { ingestCommand } = await import('./lib/commands/ingest/command.ts')
  return await ingestCommand(line, start)
}

process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)

const code = await main().catch(async (error: unknown) => {
  const { reportFailure } = await import('./lib/commands/failure.ts')
  return await reportFailure(error, process.argv.slice(2), process.env)
})
await flushStderr()
// Ended explicitly, because a timer of the S3 client can outlive the run by seconds.
process.exit(interruptedBy === undefined ? code : EXIT_CODES[interruptedBy])
