// Effects: the real clock, randomness, network, streams, files and stores, handed to a run as plain functions.

import { createReadStream, readFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import type { Clock } from '../core/clock.ts'
import { createEncoder, createThreadEncoder } from '../parquet/encoder.ts'
import { errnoOf, IngestError, usageError } from '../core/errors.ts'
import type { Fetch } from '../core/fetch.ts'
import type { FileSettings, Encoder } from '../parquet/parquet.ts'
import { type Config, type StoreSettings, type Target, CREATOR } from '../core/config.ts'
import { withGcTrigger } from '../store/gc-trigger.ts'
import type { Store } from '../store/store.ts'
import { ignoreClosedStderr, print, printError, stderrColumns } from './streams.ts'
import { oneLine, userAgentOf } from '../core/text.ts'

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
  /** Whether stderr is a terminal that can draw a line anew. */
  readonly isTerminal: boolean
  /** The width of that terminal as it is now; undefined when it does not say so. */
  readonly columns: () => number | undefined
  /** Calls `tick` every `ms` milliseconds until the returned function is called. */
  readonly every: (ms: number, tick: () => void) => () => void
  readonly openStore: (target: Target, settings: OpenSettings, options: StoreOptions) => Promise<Store>
  /** A file's text; undefined if there is no file. Throws an IngestError if it cannot be read or is too large. */
  readonly readTextFile: (path: string, maxBytes: number) => Promise<string | undefined>
  /** Opens an encoder for up to `files` files. */
  readonly openEncoder: (settings: FileSettings, files: number) => Encoder
  /** Appends to a file. Rejects with an IngestError if that fails. */
  readonly appendText: (path: string, text: string) => Promise<void>
  /** Is told the summary of a run, without secrets, also where stdout gets something else. */
  readonly onSummary?: (text: string) => void
}

/** `creator` is absent where nothing is written. */
type OpenSettings = StoreSettings & Partial<Pick<Config, 'creator'>>

export type StoreOptions = {
  readonly runUuid: string
  readonly onWarning: (text: string) => void
  /**
   * What the store is opened for. `write`: a folder is prepared at once, so that one that cannot be written to is known before
   * anything costly is done. `plan`: nothing is made, and the folder need not be there. `read`: nothing is made, and it must
   * be there.
   */
  readonly access: 'write' | 'plan' | 'read'
  /** Is told of a bucket without create-only writes that is used all the same, in place of `onWarning`. */
  readonly onUnsafe?: (text: string) => void
  /** How often a request to S3 is tried; as often as a run does if absent. */
  readonly maxAttempts?: number
  /** Sends the requests to S3 in place of the usual one. */
  readonly fetch?: Fetch
}

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
  ignoreClosedStderr()
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
    isTerminal: process.stderr.isTTY && process.env['TERM'] !== 'dumb',
    columns: stderrColumns,
    every,
    openStore: async (...args) => withGcTrigger(await openStore(version, ...args)),
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

const SIGHUP_BIT = 1n

/** Whether this process was started with SIGHUP ignored, as nohup does. Only Linux tells; elsewhere it is false. */
export function ignoresHangup(): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
    return mask !== undefined && (BigInt(`0x${mask}`) & SIGHUP_BIT) !== 0n
  } catch {
    return false
  }
}

/** Requests to this machine bypass any proxy, which would see the API key in plain text. */
function bypassProxyForLoopback(): void {
  // The runtime reads one of the two names, so both get what either had.
  const { NO_PROXY, no_proxy: lowerCase } = process.env
  const hosts = [NO_PROXY, lowerCase, 'localhost', '127.0.0.1', '[::1]', '::1'].filter(Boolean).join(',')
  for (const name of ['NO_PROXY', 'no_proxy']) process.env[name] = hosts
}

const clock: Effects['clock'] = {
  elapsedMs: () => performance.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted === true) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        // Else a long run would leave thousands of listeners at its one signal.
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      signal?.addEventListener('abort', wake, { once: true })
    })
  },
}

function every(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms)
  return () => clearInterval(timer)
}

async function openStore(
  version: string,
  target: Target,
  settings: OpenSettings,
  { access, ...options }: StoreOptions,
): Promise<Store> {
  // Imported when needed: the S3 client alone takes longer to load than all the rest.
  if (target.kind === 'folder') {
    if (settings.creator === CREATOR) await refuseDemoLake(target.folder)
    const { openFolderStore } = await import('../store/folder/folder.ts')
    return await openFolderStore({
      folder: target.folder,
      preparesAtOnce: access === 'write',
      mustExist: access === 'read',
      concurrency: settings.uploadConcurrency,
      nowMs: Date.now,
    })
  }
  const { openS3Store } = await import('../store/s3/s3.ts')
  return await openS3Store({
    bucket: target.bucket,
    fetch: send,
    nowMs: Date.now,
    region: settings.defaultRegion,
    addressingStyle: settings.addressingStyle,
    environment: process.env,
    userAgent: userAgentOf(version),
    concurrency: settings.uploadConcurrency,
    allowUnsafe: settings.allowsUnsafeStore,
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
