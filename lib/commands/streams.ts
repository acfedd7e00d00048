// stdout and stderr: what is written arrives, or the program knows that it did not.

import process from 'node:process'
import { IngestError } from '../core/errors.ts'

let lastWrite: Promise<void> = Promise.resolve()

/** Writes to stderr, in order. */
export function printError(text: string): void {
  lastWrite = new Promise((resolve) => process.stderr.write(text, () => resolve()))
}

/** Resolves once stderr has taken all there was to say: a pipe can be slower than the program's end. */
export async function flushStderr(): Promise<void> {
  await lastWrite
}

/** Writes to stdout. Rejects with an IngestError when the text does not get there: results must not get lost silently. */
export async function print(text: string): Promise<void> {
  try {
    // Not by process.stdout, whose streams take longer to load than all of --help.
    await Bun.write(Bun.stdout, text)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw outputLost(error)
  }
}

function outputLost(error: Error & { readonly code?: string }): IngestError {
  const message = `The output could not be written to stdout (${error.code ?? error.name}); the run itself has ended.`
  return new IngestError(message, { kind: 'output', scope: 'run', cause: error })
}
