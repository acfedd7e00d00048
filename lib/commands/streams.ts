// Writes to stdout and stderr, so that no text is lost unnoticed.

import process from 'node:process'
import { IngestError } from '../core/errors.ts'

let lastWrite: Promise<void> = Promise.resolve()

/** Writes to stderr, in order. */
export function printError(text: string): void {
  lastWrite = new Promise((resolve) => process.stderr.write(text, () => resolve()))
}

/** Resolves when stderr has taken all text. The program awaits it before it exits, because a pipe may be slow. */
export async function flushStderr(): Promise<void> {
  await lastWrite
}

/** Writes to stdout. Rejects with an IngestError if that fails, because results must not be lost silently. */
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

function stdoutError(error: Error & { readonly code?: string }): IngestError {
  const message = `The output could not be written to stdout (${error.code ?? error.name}); the run itself has ended.`
  return new IngestError(message, { kind: 'output', scope: 'run', cause: error })
}
