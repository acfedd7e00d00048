// The lock under which files of a folder are replaced. No operation of a file system replaces a file only if it is unchanged:
// a process looks at the file and then renames its own over it, and between the two no other process may do the same. The
// operating system releases the lock when its process ends, however it ends. SQLite asks for it, because the runtime has no
// function for it; the file itself stays empty.

import type { Database } from 'bun:sqlite'
import { constants } from 'node:fs'
import { access, stat, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { createLimit } from '../../core/concurrency.ts'
import { errnoOf } from '../../core/errors.ts'
import { lockHeld, toLockError } from './errors.ts'

export type ReplaceLock = {
  /** Does `act` while neither this process nor another one replaces a file. Rejects with an IngestError if that cannot be had. */
  run<T>(act: () => Promise<T>): Promise<T>
}

/** The lock is held for two operations of the file system: one that is not had for 30 seconds is that of a stopped process. */
const [RETRY_MS, MAX_TRIES] = [5, 6_000]

/** After so many turns a process waits for longer than the others do between two tries, so that they have a turn. */
const TURNS_IN_A_ROW = 16

/** An open file, and which file it is: the name may be given to another one. */
type Opened = { readonly database: Database; readonly inode: number | undefined }

/** The lock that all processes take at `path`. The file is made when the lock is first taken. */
export function createReplaceLock(path: string, maxTries = MAX_TRIES): ReplaceLock {
  const oneAtATime = createLimit(1)
  let opened: Opened | undefined
  let turns = 0

  function close(): void {
    opened?.database.close()
    opened = undefined
  }

  async function take(): Promise<Database> {
    try {
      for (let tries = 1; tries <= maxTries; tries += 1) {
        const { database, inode } = (opened ??= await openFile(path))
        if (!isTaken(database)) await delay(RETRY_MS)
        else if ((await inodeOf(path)) === inode) return database
        // A user has removed the file, and other processes lock the one that has come after it.
        else close()
      }
      throw lockHeld(path, (maxTries * RETRY_MS) / 1_000)
    } catch (error) {
      close()
      throw toLockError(error, path)
    }
  }

  return {
    run: async (act) =>
      await oneAtATime.run(async () => {
        turns += 1
        if (turns % TURNS_IN_A_ROW === 0) await delay(2 * RETRY_MS)
        const database = await take()
        try {
          return await act()
        } finally {
          database.run('ROLLBACK')
        }
      }),
  }
}

async function openFile(path: string): Promise<Opened> {
  const sqlite = await import('bun:sqlite')
  // SQLite would make it with its own mode instead of the umask's. `wx` opens no file that is there: to close that one again would
  // end this process's lock on it.
  await writeFile(path, '', { flag: 'wx' }).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error
  })
  // In a file that may only be read SQLite begins a transaction for reading, which is no lock.
  await access(path, constants.W_OK)
  const inode = await inodeOf(path)
  const database = new sqlite.Database(path)
  // Else each transaction makes and removes a file, though it writes nothing.
  database.run('PRAGMA journal_mode = MEMORY')
  return { database, inode }
}

/** Which file has this name; undefined if none. */
async function inodeOf(path: string): Promise<number | undefined> {
  const info = await stat(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error
  })
  return info?.ino
}

function isTaken(database: Database): boolean {
  try {
    database.run('BEGIN IMMEDIATE')
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return false
    throw error
  }
}
