// Where the lake of simulated nights lies: in memory, in a folder or in a bucket, behind one face.

import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openFolderStore } from '../../../lib/store/folder/folder.ts'
import type { Store } from '../../../lib/store/store.ts'
import { disposableFolder, folderLake, s3Lake, type Lake } from '../lakes/lake.ts'
import { createMemoryStore } from '../lakes/memory-store.ts'
import { openTestStore, setAwsEnvironment } from '../lakes/s3-store.ts'
import { startFakeS3 } from '../servers/fake-s3.ts'

export type WorldKind = 'memory' | 'folder' | 'bucket'

export type World = AsyncDisposable & {
  /** The store as the next run opens it. */
  open(): Promise<Store>
  readonly lake: Pick<Lake, 'keys' | 'bytes' | 'put' | 'remove'>
  /** The lake as a folder, for DuckDB. */
  folder(): Promise<string>
  /** Sets the clock that dates files, where the world has one of its own. */
  setNow(ms: number): void
}

export async function openWorld(kind: WorldKind): Promise<World> {
  if (kind === 'folder') return await folderWorld()
  return kind === 'memory' ? await memoryWorld() : await bucketWorld()
}

async function folderWorld(): Promise<World> {
  const temp = await disposableFolder()
  const folder = join(temp.path, 'lake')
  return {
    open: async () => await openFolderStore({ folder, nowMs: Date.now }),
    lake: folderLake(folder),
    folder: async () => folder,
    setNow: () => undefined,
    [Symbol.asyncDispose]: async () => await temp[Symbol.asyncDispose](),
  }
}

async function memoryWorld(): Promise<World> {
  let nowMs = 0
  const store = createMemoryStore(() => nowMs)
  const lake: World['lake'] = {
    keys: async () => [...store.files.keys()].toSorted(),
    bytes: async (key) => store.files.get(key) ?? new Uint8Array(),
    put: async (key, bytes) => void (await store.replace(key, bytes, {})),
    remove: async (key) => store.remove(key),
  }
  const copy = await copyOf(lake)
  return { open: async () => store, lake, ...copy, setNow: (ms) => void (nowMs = ms) }
}

async function bucketWorld(): Promise<World> {
  const s3 = await startFakeS3()
  const reset = setAwsEnvironment(s3.env())
  const lake = s3Lake(s3)
  const copy = await copyOf(lake)
  return {
    open: async () => {
      // Nothing looks at them, and of a year of nights they are many.
      s3.requests.length = 0
      return await openTestStore({ bucket: s3.bucket })
    },
    lake,
    folder: copy.folder,
    setNow: () => undefined,
    async [Symbol.asyncDispose]() {
      reset()
      await s3.stop()
      await copy[Symbol.asyncDispose]()
    },
  }
}

/** A folder that is brought up to date with a lake whenever it is asked for. */
export async function copyOf(lake: Pick<Lake, 'keys' | 'bytes'>): Promise<Pick<World, 'folder'> & AsyncDisposable> {
  const temp = await disposableFolder()
  const target = folderLake(temp.path)
  const copied = new Map<string, Uint8Array>()
  return {
    async folder() {
      const keys = new Set(await lake.keys())
      for (const key of copied.keys()) {
        if (keys.has(key)) continue
        copied.delete(key)
        await target.remove(key)
      }
      for (const key of keys) {
        const bytes = await lake.bytes(key)
        if (copied.get(key) === bytes) continue
        await mkdir(dirname(join(temp.path, key)), { recursive: true })
        await target.put(key, bytes)
        copied.set(key, bytes)
      }
      return temp.path
    },
    [Symbol.asyncDispose]: async () => await temp[Symbol.asyncDispose](),
  }
}
