// Effects: the real clock, randomness, network, streams, files and stores, handed in as plain functions.

import { createReadStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import process from 'node:process'
import type { Clock } from '../core/clock.ts'
import { createEncoder, createThreadEncoder } from '../parquet/encoder.ts'
import { IngestError, usageError } from '../core/errors.ts'
import type { Fetch } from '../core/fetch.ts'
import type { FileSettings, Encoder } from '../parquet/parquet.ts'
import type { Config, Target } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import { print, printError } from './streams.ts'
import { oneLine } from '../core/text.ts'

/** Everything a run needs from outside; a test hands in its own. */
export type Effects = {
  /** Milliseconds since 1970 now, unless the settings say otherwise. */
  readonly nowMs: number
  readonly clock: Clock
  /** From 0 up to, but without, 1. */
  readonly random: () => number
  readonly fetch: Fetch
  readonly version: string
  /** Aborted with an IngestError of kind 'interrupted' when the user wants the run to end. */
  readonly stop: AbortController
  /** Aborted at the same moment, also when an error has aborted `stop` before. */
  readonly interruption: AbortSignal
  /** Resolves once stdout has the text. Rejects with an IngestError when it takes none. */
  readonly print: (text: string) => Promise<void>
  readonly printError: (text: string) => void
  readonly isTerminal: boolean
  readonly openStore: (target: Target, config: Config, options: StoreOptions) => Promise<Store>
  /** A file's text, or undefined where there is none. Throws an IngestError when it cannot be read or is too large. */
  readonly readTextFile: (path: string, maxBytes: number) => Promise<string | undefined>
  /** Encodes the files of a run, `files` of them. */
  readonly openEncoder: (settings: FileSettings, files: number) => Encoder
  /** Adds to a file's end. Rejects with an IngestError when it takes none. */
  readonly appendText: (path: string, text: string) => Promise<void>
  /** Is told the summary of a run, without secrets, also where stdout gets something else. */
  readonly onSummary?: (text: string) => void
}

export type StoreOptions = { readonly runUuid: string; readonly onWarning: (text: string) => void }

export type Opening = {
  readonly version: string
  /** Ends a run early. */
  readonly stop: AbortController
  readonly interruption: AbortSignal
  /** Where lib/parquet/worker.ts is: in a compiled program only its entry knows. */
  readonly encoderScript: string
}

/** The effects of this process. */
export function openEffects({ version, stop, interruption, encoderScript }: Opening): Effects {
  keepLoopbackDirect()
  // A log that nobody takes is no reason to leave data behind.
  process.stderr.on('error', () => undefined)
  return {
    nowMs: Date.now(),
    clock,
    random: Math.random,
    fetch: send,
    version,
    stop,
    interruption,
    print,
    printError,
    isTerminal: process.stderr.isTTY,
    openStore,
    readTextFile,
    openEncoder: (settings, files) =>
      files < MANY_FILES ? createEncoder(settings) : createThreadEncoder(settings, encoderScript),
    appendText,
  }
}

/** From so many files on, a thread of its own gains more than its start costs: 20 ms and 30 MB. */
const MANY_FILES = 1_000

const send: Fetch = async (url, init) => await fetch(url, init)

/** What is on this machine is never asked through a proxy, which would get the key in the clear. */
function keepLoopbackDirect(): void {
  for (const name of ['NO_PROXY', 'no_proxy']) {
    process.env[name] = [process.env[name], 'localhost', '127.0.0.1', '[::1]', '::1'].filter(Boolean).join(',')
  }
}

const clock: Effects['clock'] = {
  elapsedMs: () => performance.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted === true) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      const wake = () => {
        clearTimeout(timer)
        resolve()
      }
      signal?.addEventListener('abort', wake, { once: true })
    })
  },
}

async function openStore(target: Target, config: Config, options: StoreOptions): Promise<Store> {
  // Loaded when used: the S3 client alone takes longer to load than all the rest.
  if (target.kind === 'folder') {
    const { openFolderStore } = await import('../store/folder/folder.ts')
    return await openFolderStore({
      folder: target.folder,
      preparesAtOnce: !config.isDryRun,
      concurrency: config.uploadConcurrency,
      nowMs: Date.now,
    })
  }
  const { openS3Store } = await import('../store/s3/s3.ts')
  return await openS3Store({
    bucket: target.bucket,
    fetch: send,
    nowMs: Date.now,
    region: config.defaultRegion,
    hasCustomEndpoint: config.hasCustomEndpoint,
    environment: process.env,
    concurrency: config.uploadConcurrency,
    allowUnsafe: config.allowsUnsafeStore,
    clock,
    random: Math.random,
    ...options,
  })
}

async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    // Not by the size it claims: a pipe or a device claims none.
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of createReadStream(path, { end: maxBytes })) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxBytes)
        throw usageError(`${oneLine(path)} is larger than a ticker list may be (${maxBytes} bytes).`)
    }
    return new TextDecoder().decode(Buffer.concat(chunks))
  } catch (error) {
    if (error instanceof IngestError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') return undefined
    const hint = 'Name a readable file with --tickers-path.'
    throw usageError(`The ticker list ${oneLine(path)} cannot be read (${code}).`, hint)
  }
}

/** Adds to a file's end, for GitHub's step summary. Throws an IngestError when it takes none. */
export async function appendText(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const message = `The step summary could not be written to ${oneLine(path)} (${code})`
    throw new IngestError(message, { kind: 'output', scope: 'run', cause: error })
  }
}
