// Writes to stdout and stderr, so that no text is lost unnoticed, and asks how wide the terminal behind them is.

import process from 'node:process'
import { errnoOf, IngestError } from '../core/errors.ts'

let lastWrite: Promise<void> = Promise.resolve()

/** Writes to stderr, in order. A closed stderr is no error: a run must not lose data because nobody reads its log. */
export function printError(text: string): void {
  ignoreClosedStderr()
  lastWrite = new Promise((resolve) => process.stderr.write(text, () => resolve()))
}

/** Without a listener the runtime ends the program when a write to stderr fails. */
export function ignoreClosedStderr(): void {
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => undefined)
}

/** Resolves when stderr has taken all text. The program awaits it before it exits, because a pipe may be slow. */
export async function flushStderr(): Promise<void> {
  await lastWrite
}

/**
 * Writes to stdout. Rejects with an IngestError if that fails, because results must not be lost silently: of kind
 * `closed-output` when the reader of a pipe has gone, else of kind `output`.
 */
export async function print(text: string): Promise<void> {
  try {
    // Without process.stdout: its streams take longer to load than all of --help.
    await Bun.write(Bun.stdout, text)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw stdoutError(error)
  }
}

/** What is printed of a defect: an error that is no IngestError, with its stack trace. */
export function defectText(error: unknown): string {
  return `💥 This is a defect of the program, please report it.\n${Bun.inspect(error)}\n`
}

function stdoutError(error: Error): IngestError {
  const code = errnoOf(error) ?? error.name
  const message = `The output could not be written to stdout (${code}); the run itself has ended.`
  return new IngestError(message, { kind: code === 'EPIPE' ? 'closed-output' : 'output', scope: 'run', cause: error })
}

/** The columns of the terminal that stdout is; undefined when it is none. */
export async function stdoutColumns(): Promise<number | undefined> {
  // A terminal is a device. What is none is known without process.stdout and node:fs, which take longer to load than --help.
  const file = await Bun.stdout.stat().catch(() => undefined)
  return file?.isCharacterDevice() === true ? process.stdout.columns : undefined
}

/** The columns of the terminal that stderr is, as they are now; undefined when it is none. */
export function stderrColumns(): number | undefined {
  return process.stderr.columns
}
