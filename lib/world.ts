// The doors to the world, opened once: clock, randomness, network, streams, files and stores.

import { readFile, stat } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import type { Config, Target } from './config.ts'
import { IngestError, usageError } from './errors.ts'
import type { StoreOptions, World } from './run.ts'
import type { Store } from './store.ts'

/** The real world. `stop` ends a run early. */
export function openWorld(version: string, stop: AbortController): World {
  return {
    nowMs: Date.now(),
    clock,
    random: Math.random,
    fetch: async (url, init) => await fetch(url, init),
    version,
    stop,
    print: (text) => void process.stdout.write(text),
    printError: (text) => void process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    openStore,
    readTextFile,
  }
}

const clock: World['clock'] = {
  elapsedMs: () => performance.now(),
  // An abort ends the wait early and is no failure of it.
  sleep: async (ms, signal) => await wait(ms, undefined, signal && { signal }).catch(() => undefined),
}

async function openStore(target: Target, config: Config, options: StoreOptions): Promise<Store> {
  // Loaded when used: the S3 client alone takes longer to load than all the rest.
  if (target.kind === 'folder') {
    const { openFolderStore } = await import('./store/folder.ts')
    return await openFolderStore({ folder: target.folder, preparesAtOnce: !config.isDryRun, nowMs: Date.now })
  }
  const { openS3Store } = await import('./store/s3.ts')
  return await openS3Store({
    bucket: target.bucket,
    region: config.defaultRegion,
    hasCustomEndpoint: config.hasCustomEndpoint,
    concurrency: config.uploadConcurrency,
    allowUnsafe: config.allowsUnsafeStore,
    clock,
    random: Math.random,
    ...options,
  })
}

async function readTextFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw usageError(`${path} has ${size} bytes, but a ticker list at most ${maxBytes}.`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof IngestError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') return undefined
    throw usageError(`The ticker list ${path} cannot be read (${code}).`, 'Name a readable file with --tickers-path.')
  }
}
