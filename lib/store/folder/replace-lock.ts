// The lock under which files of a folder are replaced. No operation of a file system replaces a file only if it is unchanged:
// a process looks at the file and then renames its own over it, and between the two no other process may do the same. The
// operating system releases the lock when its process ends, however it ends. SQLite asks for it, because the runtime has no
// function for it; the file itself stays empty.

import type { Database } from 'bun:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { createLimit } from '../../core/concurrency.ts'
import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { noLock } from './errors.ts'

export type ReplaceLock = {
  /** Does `act` while neither this process nor another one replaces a file. Rejects with an IngestError if that cannot be had. */
  run<T>(act: () => Promise<T>): Promise<T>
}

/** The lock is held for two operations of the file system, so one that is held for so long is that of a stopped process. */
const [RETRY_MS, MAX_TRIES] = [5, 6_000]

/** The lock that all processes take at `path`. The file is made when the lock is first taken. */
export function createReplaceLock(path: string, maxTries = MAX_TRIES): ReplaceLock {
  const oneAtATime = createLimit(1)
  let opened: Database | undefined

  async function take(): Promise<Database> {
    try {
      const database = (opened ??= await openDatabase(path))
      for (let tries = 1; ; tries += 1) {
        if (isTaken(database)) return database
        if (tries >= maxTries) throw heldTooLong(path, (maxTries * RETRY_MS) / 1_000)
        await delay(RETRY_MS)
      }
    } catch (error) {
      // Another file may have its name by the next time.
      opened?.close()
      opened = undefined
      throw error instanceof IngestError ? error : noLock(path, error)
    }
  }

  return {
    run: async (act) =>
      await oneAtATime.run(async () => {
        const database = await take()
        try {
          return await act()
        } finally {
          database.run('ROLLBACK')
        }
      }),
  }
}

async function openDatabase(path: string): Promise<Database> {
  const sqlite = await import('bun:sqlite')
  const database = new sqlite.Database(path)
  // Else each transaction makes and removes a file, though it writes nothing.
  database.run('PRAGMA journal_mode = MEMORY')
  return database
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

function heldTooLong(path: string, seconds: number): IngestError {
  const message = `${oneLine(path)}: another process has held this lock for ${seconds} seconds, so no file can be replaced`
  // SQLite says the same where there are no locks (ENOLCK).
  const hint =
    `Let that process go on, or end it (fuser ${oneLine(path)} gives its id), and run again. ` +
    'If there is none, the file system has no locks: choose another folder.'
  return new IngestError(message, { kind: 'store', scope: 'run', hint })
}
