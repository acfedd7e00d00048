// A folder as a store, with the guarantees of an S3 bucket: a file is there whole or not at all, a create never replaces a
// file, and what is reported as stored survives a power cut.
import type { BigIntStats } from 'node:fs'
import { link, lstat, mkdir, open, readFile as readAtOnce, rename, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { createLimit } from '../../core/concurrency.ts'
import { errnoOf, IngestError } from '../../core/errors.ts'
import type { ByteRange, Store } from '../store.ts'
import { noHardLinks, toFolderError } from './errors.ts'
import { listFolder, listLevel, tagOf } from './listing.ts'
import { createReplaceLock } from './replace-lock.ts'
import { sharedTextIn } from './shared-text.ts'
import {
  LOCK_NAME,
  prepareTempFolder,
  shareSyncs,
  staleNames,
  syncFolder,
  syncUpwards,
  TEMP_FOLDER,
  tempPath,
  writeDurably,
} from './temp-files.ts'
import { grouped, oneLine } from '../../core/text.ts'

type FolderStoreOptions = {
  /** Created before the first write if it does not exist. */
  readonly folder: string
  /** Prepares for writing at once, so that a folder that cannot be written to is known before anything costly is done. */
  readonly preparesAtOnce?: boolean
  /** Refuses a folder that is not there: whoever only reads has named a wrong one. */
  readonly mustExist?: boolean
  /** How many files are read and prefixes listed at once; 32 if not given. */
  readonly concurrency?: number
  /** Milliseconds since 1970, to find old temporary files. */
  readonly nowMs: () => number
}

type FolderPaths = {
  readonly folder: string
  readonly tempFolder: string
  /** Makes the temporary folder, once. */
  readonly prepare: () => Promise<void>
  /** Waits until the disk has the names in a folder. */
  readonly sync: (path: string) => Promise<void>
}

/** Opens the folder as a store. This and the store's functions throw IngestErrors of kind 'store'. Drops metadata. */
export async function openFolderStore(options: FolderStoreOptions): Promise<Store> {
  const folder = resolve(options.folder)
  const tempFolder = join(folder, TEMP_FOLDER)
  const sync = shareSyncs(syncFolder)
  let prepared: Promise<void> | undefined
  async function prepare(): Promise<void> {
    prepared ??= prepareTempFolder(tempFolder, options.nowMs(), sync)
    try {
      await prepared
    } catch (error) {
      // The next write tries again: the disk may have space by then.
      prepared = undefined
      throw error
    }
  }
  if (options.preparesAtOnce === true) await prepare()
  if (options.mustExist === true) await refuseMissing(folder)
  // Each file that is read is open, and a process may have few open files.
  const reads = createLimit(options.concurrency ?? 32)
  const replaceLock = createReplaceLock(join(tempFolder, LOCK_NAME))
  const paths: FolderPaths = { folder, tempFolder, prepare, sync }
  return {
    locate: (key) => oneLine(join(options.folder, key)),
    list: (prefix, after, until) =>
      reads.run(async () => await listFolder({ folder, prefix: checkedPrefix(folder, prefix), after, until })),
    listLevel: (prefix) => reads.run(async () => await listLevel({ folder, prefix: checkedPrefix(folder, prefix) })),
    read: (key, range, maxBytes) => reads.run(async () => await readFile(pathOf(folder, key), range, maxBytes)),
    readWithMetadata: (key, maxBytes) =>
      reads.run(async () => {
        const bytes = await readFile(pathOf(folder, key), undefined, maxBytes)
        return bytes && { bytes, metadata: {} }
      }),
    leftovers: async () => (await staleNames(tempFolder, options.nowMs())).map((name) => `${TEMP_FOLDER}/${name}`),
    create: (key, bytes) => store(paths, key, bytes, createAt),
    replace: (key, bytes, _metadata, tag) =>
      store(paths, key, bytes, (temp, path) => replaceLock.run(async () => await replaceAt(temp, path, tag))),
    sharedText: (key) => sharedTextIn({ path: pathOf(folder, key.replace(/\.json$/, '')), tempFolder, prepare }),
    recoveredWrites: () => 0,
  }
}

async function refuseMissing(folder: string): Promise<void> {
  const info = await stat(folder).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw toFolderError(error, folder)
  })
  if (info?.isDirectory() === true) return
  const what = info === undefined ? 'there is no such folder' : 'this is a file and no folder'
  const hint = 'Name the folder of the lake with --out.'
  throw new IngestError(`${oneLine(folder)}: ${what}`, { kind: 'store', scope: 'run', hint })
}

/** The path of a key. Refuses a key that would leave the folder or name a temporary file. */
function pathOf(folder: string, key: string): string {
  const parts = key.split('/')
  const isLegal = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'))
  if (!isLegal || parts[0] === TEMP_FOLDER) {
    throw new IngestError(`${JSON.stringify(key)} is no key of a file in ${oneLine(folder)}.`, {
      kind: 'store',
      scope: 'symbol',
    })
  }
  return join(folder, ...parts)
}

function checkedPrefix(folder: string, prefix: string): string {
  if (prefix !== '') pathOf(folder, prefix.replace(/\/$/, ''))
  return prefix
}

async function readFile(path: string, range: ByteRange | undefined, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const info = await statOf(path)
    if (info === undefined || !info.isFile()) return undefined
    const limit = Math.min(maxBytes, range?.suffixBytes ?? maxBytes)
    // In one operation of the runtime instead of four: half the time of a small file.
    const whole = info.size <= limit ? await readAtOnce(path) : undefined
    // Unless another, larger file has taken the name since.
    if (whole !== undefined && whole.length <= limit)
      return new Uint8Array(whole.buffer, whole.byteOffset, whole.length)
    const handle = await open(path, 'r')
    try {
      // The size of the open file: another file may have taken the name since.
      const { size } = await handle.stat()
      const length = range === undefined ? size : Math.min(size, range.suffixBytes)
      if (length > maxBytes) throw tooLarge(path, length, maxBytes)
      const bytes = new Uint8Array(length)
      await readFully(handle, bytes, size - length)
      return bytes
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw toFolderError(error, path)
  }
}

type Readable = {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
}

async function readFully(handle: Readable, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done)
    if (bytesRead === 0) throw Object.assign(new Error('the file became shorter while it was read'), { code: 'EIO' })
    done += bytesRead
  }
}

function tooLarge(path: string, size: number, maxBytes: number): IngestError {
  const message = `${oneLine(path)}: ${grouped(size)} bytes, but at most ${grouped(maxBytes)} are read.`
  return new IngestError(message, {
    kind: 'store',
    scope: 'symbol',
    hint: 'This is hardly a file of this program: look at it.',
  })
}

/** Writes a temporary file, which `publish` then gives its name. The temporary name is removed in any case. */
async function store<T>(
  paths: FolderPaths,
  key: string,
  bytes: Uint8Array,
  publish: (temp: string, path: string) => Promise<T>,
): Promise<T> {
  const path = pathOf(paths.folder, key)
  await paths.prepare()
  const temp = tempPath(paths.tempFolder)
  try {
    const made = await mkdir(dirname(path), { recursive: true })
    await writeDurably(temp, bytes)
    const outcome = await publish(temp, path)
    await syncUpwards(dirname(path), made === undefined ? dirname(path) : dirname(made), paths.sync)
    return outcome
  } catch (error) {
    throw toFolderError(error, path)
  } finally {
    await discard(temp)
  }
}

/** A temporary file that cannot be removed now is removed as stale by a later run; that must not hide the write's result. */
async function discard(temp: string): Promise<void> {
  await rm(temp, { force: true }).catch(() => undefined)
}

async function createAt(temp: string, path: string): Promise<'created' | 'exists'> {
  try {
    await link(temp, path)
    return 'created'
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return 'exists'
    throw errnoOf(error) === 'EPERM' ? noHardLinks(path, error) : error
  }
}

async function replaceAt(temp: string, path: string, tag: string | undefined): Promise<'replaced' | 'conflict'> {
  if (tag !== undefined) {
    const info = await statOf(path)
    if (info === undefined || tagOf(info) !== tag) return 'conflict'
  }
  await rename(temp, path)
  return 'replaced'
}

/** What is at `path` itself (links are not followed), or undefined. */
async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}
