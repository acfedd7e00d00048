// A text in a folder that several processes change, without a lock. A folder can create a file only if there is none (link): so
// each version is a file of its own, `00000042.json`, and the greatest number counts.
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import type { SharedText, StoreTime } from '../store.ts'
import { toFolderError } from './errors.ts'
import { syncFolder, tempPath, writeDurably } from './temp-files.ts'

type Options = {
  /** The folder of the versions. */
  readonly path: string
  readonly tempFolder: string
  /** Makes the temporary folder. */
  readonly prepare: () => Promise<void>
}

/** So many earlier versions are kept. A process that has slept meanwhile finds the version that it read gone. */
const KEPT_VERSIONS = 16

/** The system gives files the time of its last tick. */
const TICK_MS = 20

/** Some file systems keep whole seconds, FAT every second one. */
const COARSE_MS = 2_000

export function sharedTextIn({ path, tempFolder, prepare }: Options): SharedText {
  return {
    async read() {
      try {
        await prepare()
        const time = await timeOf(tempFolder)
        return { ...(await readNewest(path)), time }
      } catch (error) {
        throw toFolderError(error, path)
      }
    },

    async look() {
      try {
        const { text } = await readNewest(path)
        return { text, time: undefined }
      } catch (error) {
        throw toFolderError(error, path)
      }
    },

    async write(text, version) {
      const temp = tempPath(tempFolder)
      const next = Number(version) + 1
      try {
        await prepare()
        await mkdir(path, { recursive: true })
        await writeDurably(temp, new TextEncoder().encode(text))
        if (!(await isLinked(temp, nameOf(path, next)))) return false
        await syncFolder(path)
        const versions = await versionsIn(path)
        // The number was free because it is long past, or another process was as fast: reading again tells.
        const isNewest = versions.at(-1) === next && (next === 1 || versions.includes(next - 1))
        if (isNewest) await removeBefore(next - KEPT_VERSIONS, versions, path)
        return isNewest
      } catch (error) {
        throw toFolderError(error, path)
      } finally {
        await rm(temp, { force: true })
      }
    },
  }
}

function nameOf(path: string, version: number): string {
  return join(path, `${String(version).padStart(8, '0')}.json`)
}

async function versionsIn(path: string): Promise<readonly number[]> {
  try {
    const names = (await readdir(path)).filter((name) => /^\d{8}\.json$/.test(name))
    return names.toSorted().map((name) => Number(name.slice(0, 8)))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

async function readNewest(path: string): Promise<{ readonly text: string | undefined; readonly version: string }> {
  for (;;) {
    const newest = (await versionsIn(path)).at(-1)
    if (newest === undefined) return { text: undefined, version: '0' }
    const text = await readVersion(path, newest)
    // Removed since: there are newer ones.
    if (text !== undefined) return { text, version: String(newest) }
  }
}

async function readVersion(path: string, version: number): Promise<string | undefined> {
  try {
    return await readFile(nameOf(path, version), 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function isLinked(temp: string, path: string): Promise<boolean> {
  try {
    await link(temp, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

async function removeBefore(first: number, versions: readonly number[], path: string): Promise<void> {
  const past = versions.filter((version) => version < first)
  await Promise.all(past.map(async (version) => await rm(nameOf(path, version), { force: true })))
}

/** The time of the file system, which several machines may share: that of a new file. */
async function timeOf(tempFolder: string): Promise<StoreTime> {
  const temp = tempPath(tempFolder)
  try {
    await (await open(temp, 'wx')).close()
    const { mtimeMs } = await stat(temp)
    const isCoarse = mtimeMs % 1_000 === 0
    return { fromMs: mtimeMs, toMs: mtimeMs + (isCoarse ? COARSE_MS : TICK_MS) }
  } finally {
    await rm(temp, { force: true })
  }
}
