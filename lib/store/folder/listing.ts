// Lists a folder's files in the order of an S3 listing. Subfolders are entered in that order too, and those outside the
// wanted range of keys are not read.
import type { BigIntStats, Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../../core/errors.ts'
import { compareKeys, type Level, type StoredFile } from '../store.ts'
import { toFolderError } from './errors.ts'
import { TEMP_FOLDER } from './temp-files.ts'

type Listing = {
  readonly folder: string
  /** Ends with `/`, or is empty for everything. */
  readonly prefix: string
  readonly after: string | undefined
  readonly until: string | undefined
}

/** Changes whenever the file changes: a replaced file has another inode, an overwritten one another time. */
export function tagOf({ size, mtimeNs, ino }: BigIntStats): string {
  return `${size}-${mtimeNs}-${ino}`
}

/** Lists regular files only, without links, temporary files and files that disappear meanwhile. */
export async function listFolder(listing: Listing): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = []
  await walk(listing, listing.prefix, files)
  return files
}

/** Lists one folder, without what `listFolder` leaves out. A folder in which no file is left is listed too. */
export async function listLevel({ folder, prefix }: Pick<Listing, 'folder' | 'prefix'>): Promise<Level> {
  const keys = (await keysIn(folder, prefix)).filter((key) => key !== `${TEMP_FOLDER}/`)
  const files: StoredFile[] = []
  for (const key of keys.filter((name) => !name.endsWith('/'))) await addFile(folder, key, files)
  return { folders: keys.filter((key) => key.endsWith('/')), files }
}

async function walk(listing: Listing, prefix: string, files: StoredFile[]): Promise<void> {
  for (const key of await keysIn(listing.folder, prefix)) {
    if (key === `${TEMP_FOLDER}/` || isBefore(key, listing.after) || isPast(key, listing.until)) continue
    if (key.endsWith('/')) await walk(listing, key, files)
    else await addFile(listing.folder, key, files)
  }
}

/** What a folder holds, by key; subfolders with a slash at their ends. */
async function keysIn(folder: string, prefix: string): Promise<readonly string[]> {
  const entries = await entriesOf(join(folder, prefix))
  const keys = entries.map((entry) => (entry.isDirectory() ? `${prefix}${entry.name}/` : prefix + entry.name))
  // `a/` sorts after `a-b`, as it does within whole keys.
  return keys.toSorted(compareKeys)
}

/** Whether the file, or every file in the folder, sorts no later than `after`. */
function isBefore(key: string, after: string | undefined): boolean {
  if (after === undefined || compareKeys(key, after) > 0) return false
  return !(key.endsWith('/') && after.startsWith(key))
}

function isPast(key: string, until: string | undefined): boolean {
  return until !== undefined && compareKeys(key, until) > 0
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true })
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw toFolderError(error, path)
  }
}

async function addFile(folder: string, key: string, files: StoredFile[]): Promise<void> {
  const path = join(folder, key)
  try {
    const info = await lstat(path, { bigint: true })
    if (!info.isFile()) return
    files.push({ key, sizeBytes: Number(info.size), modifiedMs: Number(info.mtimeMs), tag: tagOf(info) })
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw toFolderError(error, path)
  }
}
