// Temporary files. A file is written in DIR/.ingest-tmp first, so that it appears under its own name whole or not at all.
// What a killed run left there is removed by the next one.
import { lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join, resolve, sep } from 'node:path'
import process from 'node:process'
import { errnoOf, IngestError } from '../../core/errors.ts'
import { toFolderError } from './errors.ts'
import { oneLine } from '../../core/text.ts'

export const TEMP_FOLDER = '.ingest-tmp'

/** The file in it that all processes lock (see `replace-lock.ts`). It stays: a second one would be another lock. */
export const LOCK_NAME = 'replace.lock'

const MS_PER_DAY = 86_400_000

/** The path of a new temporary file in `tempFolder`. The name holds process and host. */
export function tempPath(tempFolder: string): string {
  return join(tempFolder, `${process.pid}.${hostname()}.${crypto.randomUUID()}`)
}

/**
 * Makes the folder for temporary files and removes stale files in it: those of a process of this machine that has ended,
 * and those older than a day. Throws if it is a symbolic link, which would lead writes elsewhere. `sync` is called for the
 * parents of all folders that were made.
 */
export async function prepareTempFolder(
  tempFolder: string,
  nowMs: number,
  sync: (path: string) => Promise<void>,
): Promise<void> {
  try {
    const made = await mkdir(tempFolder, { recursive: true })
    if (made !== undefined) await syncUpwards(dirname(tempFolder), dirname(made), sync)
    if (!(await lstat(tempFolder)).isDirectory()) throw notAFolder(tempFolder)
    for (const name of await namesIn(tempFolder)) {
      const path = join(tempFolder, name)
      if (await isStale(path, name, nowMs)) await rm(path, { force: true })
    }
  } catch (error) {
    // mkdir fails with EEXIST for a dangling link and for a file.
    throw errnoOf(error) === 'EEXIST' ? notAFolder(tempFolder) : toFolderError(error, tempFolder)
  }
}

/** The names in `tempFolder` of files that no run can still need: stale ones, and those that no run has named so. */
export async function staleNames(tempFolder: string, nowMs: number): Promise<readonly string[]> {
  try {
    const names = await namesIn(tempFolder)
    const found = await Promise.all(
      names.map(async (name) => !TEMP_NAME.test(name) || (await isStale(join(tempFolder, name), name, nowMs))),
    )
    return names.filter((_name, index) => found[index]).toSorted()
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw toFolderError(error, tempFolder)
  }
}

function notAFolder(path: string): IngestError {
  return new IngestError(`${oneLine(path)} is not a folder of its own (a symbolic link or a file).`, {
    kind: 'store',
    scope: 'run',
    hint: 'Remove it: temporary files are written there.',
  })
}

/** What `tempPath` gives: process, host and a random part. */
const TEMP_NAME = /^(\d+)\.(.+)\.[0-9a-f-]{36}$/

/** The names of the files in it, without the lock. */
async function namesIn(tempFolder: string): Promise<readonly string[]> {
  return (await readdir(tempFolder)).filter((name) => name !== LOCK_NAME)
}

async function isStale(path: string, name: string, nowMs: number): Promise<boolean> {
  const info = await lstat(path).catch(absent)
  if (info === undefined || info.isDirectory()) return false
  if (nowMs - info.mtimeMs > MS_PER_DAY) return true
  const [, pid, host] = TEMP_NAME.exec(name) ?? []
  return pid !== undefined && host === hostname() && !isRunning(Number(pid))
}

/** Another run may have removed or finished the file since it was listed. */
function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: the process runs as another user.
    return errnoOf(error) !== 'ESRCH'
  }
}

/** Writes a new file and waits until the disk has it. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Waits until the disk has the names in the folder; without it a new name may be lost in a power cut. */
export async function syncFolder(path: string): Promise<void> {
  // Windows syncs no folders (EPERM); NTFS keeps a journal of names itself.
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems cannot sync a folder, and there is no alternative.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/**
 * Syncs `from` and its parents up to `to`, the parent of the first folder that was made. The two may be spelled differently;
 * if `to` is no ancestor of `from`, only `from` is synced.
 */
export async function syncUpwards(from: string, to: string, sync: (path: string) => Promise<void>): Promise<void> {
  const [lowest, top] = [resolve(from), resolve(to)]
  const isAncestor = lowest === top || lowest.startsWith(top.endsWith(sep) ? top : top + sep)
  for (let folder = lowest; ; folder = dirname(folder)) {
    await sync(folder)
    if (folder === top || !isAncestor) return
  }
}

/**
 * Shares syncs: one sync serves all callers that asked for the same folder before it started. Many files are stored at once,
 * and one sync of a folder covers every name in it: 3.1 s instead of 4.4 for 12,580 files.
 */
export function shareSyncs(sync: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>()
  const next = new Map<string, Promise<void>>()

  async function syncAfter(previous: Promise<void> | undefined, path: string): Promise<void> {
    // A caller that comes while a sync runs may be too late for it. Its failure is reported to its own callers.
    await previous?.catch(() => undefined)
    next.delete(path)
    const current = sync(path)
    running.set(path, current)
    try {
      await current
    } finally {
      if (running.get(path) === current) running.delete(path)
    }
  }

  return async (path) => {
    const upcoming = next.get(path) ?? syncAfter(running.get(path), path)
    next.set(path, upcoming)
    await upcoming
  }
}
