// Files on their way into a folder. They are written aside, in DIR/.ingest-tmp, and appear under their own name whole
// or not at all; what a killed run left there is removed by the next one.
import { randomUUID } from 'node:crypto'
import { lstat, mkdir, open, readdir, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { IngestError } from '../../core/errors.ts'
import { errnoOf, toFolderError } from './errors.ts'
import { oneLine } from '../../core/text.ts'

export const TEMP_FOLDER = '.ingest-tmp'

const MS_PER_DAY = 86_400_000

/** A new temporary file's path in `tempFolder`, its name saying whose it is. */
export function tempPath(tempFolder: string): string {
  return join(tempFolder, `${process.pid}.${hostname()}.${randomUUID()}`)
}

/**
 * Makes the folder for temporary files and removes the stale ones in it: of a process of this machine that is gone, or
 * older than a day. Throws where a symbolic link stands in its place: it would lead the writing elsewhere. `sync` is for
 * the folders that hold those which had to be made.
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
    for (const name of await readdir(tempFolder)) {
      const path = join(tempFolder, name)
      if (await isStale(path, name, nowMs)) await rm(path, { force: true })
    }
  } catch (error) {
    // mkdir says so of a link that leads nowhere, and of a file.
    throw errnoOf(error) === 'EEXIST' ? notAFolder(tempFolder) : toFolderError(error, tempFolder)
  }
}

function notAFolder(path: string): IngestError {
  return new IngestError(`${oneLine(path)} is not a folder of its own (a symbolic link or a file).`, {
    kind: 'store',
    scope: 'run',
    hint: 'Remove it: temporary files are written there.',
  })
}

async function isStale(path: string, name: string, nowMs: number): Promise<boolean> {
  const info = await lstat(path).catch(absent)
  if (info === undefined || info.isDirectory()) return false
  if (nowMs - info.mtimeMs > MS_PER_DAY) return true
  const [, pid, host] = /^(\d+)\.(.+)\.[0-9a-f-]{36}$/.exec(name) ?? []
  return pid !== undefined && host === hostname() && !isRunning(Number(pid))
}

/** Another run may have removed or finished the file between the listing and the look. */
function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as another user.
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

/** Waits until the disk has the folder's entries; without it a new name may be gone after a power cut. */
export async function syncFolder(path: string): Promise<void> {
  // Windows syncs no folders (EPERM); NTFS keeps a journal of names itself.
  if (process.platform === 'win32') return
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some network file systems cannot sync a folder; there is nothing better to do then.
    if (!['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

/** Syncs a folder and those above it, up to the one that holds the first folder that was made. */
export async function syncUpwards(from: string, to: string, sync: (path: string) => Promise<void>): Promise<void> {
  for (let folder = from; ; folder = dirname(folder)) {
    await sync(folder)
    if (folder === to) return
  }
}

/**
 * A sync that is shared: one serves all who asked for the same folder before it began, as many files are stored at once
 * and a folder's sync covers every name in it.
 */
export function shareSyncs(sync: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>()
  const next = new Map<string, Promise<void>>()

  async function syncAfter(before: Promise<void> | undefined, path: string): Promise<void> {
    // Whoever asks while one runs may have come too late for it. It tells its own who failed.
    await before?.catch(() => undefined)
    next.delete(path)
    const mine = sync(path)
    running.set(path, mine)
    try {
      await mine
    } finally {
      if (running.get(path) === mine) running.delete(path)
    }
  }

  return async (path) => {
    const coming = next.get(path) ?? syncAfter(running.get(path), path)
    next.set(path, coming)
    await coming
  }
}
