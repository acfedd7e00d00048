// Effects: the real clock, randomness, network, streams, files and stores, handed to a run as plain functions.

import { createReadStream } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import type { Clock } from '../core/clock.ts'
import { createEncoder, createThreadEncoder } from '../parquet/encoder.ts'
import { errnoOf, IngestError, usageError } from '../core/errors.ts'
import type { Fetch } from '../core/fetch.ts'
import type { FileSettings, Encoder } from '../parquet/parquet.ts'
import { type Config, type Target, CREATOR } from '../core/config.ts'
import { withGcTrigger } from '../store/gc-trigger.ts'
import type { Store } from '../store/store.ts'
import { print, printError } from './streams.ts'
import { oneLine } from '../core/text.ts'

/** Everything that a run needs from outside. Tests hand in their own. */
export type Effects = {
  /** The current instant in milliseconds since 1970. `--now` overrides it. */
  readonly nowMs: number
  readonly clock: Clock
  /** At least 0 and less than 1. */
  readonly random: () => number
  readonly fetch: Fetch
  readonly version: string
  /** Aborted with an IngestError of kind 'interrupted' when the user interrupts the run. */
  readonly stop: AbortController
  /** Aborted when the user interrupts the run, even if an error has aborted `stop` before. */
  readonly interruption: AbortSignal
  /** Resolves when stdout has taken the text. Rejects with an IngestError if it takes none. */
  readonly print: (text: string) => Promise<void>
  readonly printError: (text: string) => void
  readonly isTerminal: boolean
  readonly openStore: (target: Target, config: Config, options: StoreOptions) => Promise<Store>
  /** A file's text; undefined if there is no file. Throws an IngestError if it cannot be read or is too large. */
  readonly readTextFile: (path: string, maxBytes: number) => Promise<string | undefined>
  /** Opens an encoder for up to `files` files. */
  readonly openEncoder: (settings: FileSettings, files: number) => Encoder
  /** Appends to a file. Rejects with an IngestError if that fails. */
  readonly appendText: (path: string, text: string) => Promise<void>
  /** Is told the summary of a run, without secrets, also where stdout gets something else. */
  readonly onSummary?: (text: string) => void
}

export type StoreOptions = { readonly runUuid: string; readonly onWarning: (text: string) => void }

export type EffectsOptions = {
  readonly version: string
  /** As in Effects. */
  readonly stop: AbortController
  readonly interruption: AbortSignal
  /** The path of lib/parquet/worker.ts. In a compiled program only the entry knows it. */
  readonly encoderScript: string
}

/** The effects of this process. */
export function openEffects({ version, stop, interruption, encoderScript }: EffectsOptions): Effects {
  bypassProxyForLoopback()
  // Ignores a closed stderr: a run must not lose data because nobody reads its log.
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
    openStore: async (...args) => withGcTrigger(await openStore(...args)),
    readTextFile,
    openEncoder: (settings, files) =>
      files < MIN_FILES_FOR_THREAD ? createEncoder(settings) : createThreadEncoder(settings, encoderScript),
    appendText,
  }
}

/**
 * With so many files, the encoder thread gains more than its start costs: 20 ms and 30 MB. 12,580 day files into S3 at 20 ms
 * take 2.8 s with it and 3.6 s without, where s5cmd takes 2.7; callbacks of the event loop wait 16 ms instead of 142 (99th
 * percentile). On a busy machine they take 5.8 s of CPU and 144 MB with it, 6.7 s and 151 MB without.
 */
const MIN_FILES_FOR_THREAD = 1_000

const send: Fetch = async (url, init) => await fetch(url, init)

/** Requests to this machine bypass any proxy, which would see the API key in plain text. */
function bypassProxyForLoopback(): void {
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
  // Imported when needed: the S3 client alone takes longer to load than all the rest.
  if (target.kind === 'folder') {
    if (config.creator === CREATOR) await refuseDemoLake(target.folder)
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

/** The file by which the demo marks its folder: prices of 2012 must not pass for the user's own. */
export const DEMO_MARK = 'DEMO.txt'

async function refuseDemoLake(folder: string): Promise<void> {
  if (!(await Bun.file(join(folder, DEMO_MARK)).exists())) return
  throw usageError(`${oneLine(folder)} is a lake of the demo (${DEMO_MARK}).`, 'Name another folder with --out.')
}

async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    // Counts bytes instead of asking for the file's size: a pipe or a device has none.
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
    const code = errnoOf(error) ?? ''
    if (code === 'ENOENT') return undefined
    const hint = 'Name a readable file with --tickers-path.'
    throw usageError(`The ticker list ${oneLine(path)} cannot be read (${code}).`, hint)
  }
}

/** Appends to a file, for GitHub's step summary. Throws an IngestError if that fails. */
export async function appendText(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text)
  } catch (error) {
    const code = errnoOf(error) ?? ''
    const message = `The step summary could not be written to ${oneLine(path)} (${code})`
    throw new IngestError(message, { kind: 'output', scope: 'run', cause: error })
  }
}
