// The files of a run on their way into the store: so many at once, each prepared while others are sent, none begun after
// the run has stopped.

import { IngestError } from '../core/errors.ts'
import { createSweeper } from '../core/garbage.ts'
import { createPatience, type Interruptible } from './interrupt.ts'
import { createRoom, type Share } from './fetch-ahead.ts'
import { createTurns, mapAtMost } from '../core/concurrency.ts'

export type UploadContext = Interruptible & {
  /** Stops the run, for an IngestError or for a defect; writes in flight are finished. */
  readonly stop: AbortController
  readonly maxUploads: number
}

type FileOfRows = { readonly rows: readonly unknown[] }

/** How the files of one dataset get into the store. */
export type Writing<File, Prepared, Result> = {
  /** What can be done before it is the file's turn to be sent; rejects with a defect only. */
  readonly prepare: (file: File) => Promise<Prepared>
  /** Rejects with an IngestError of the symbol or of the run. */
  readonly write: (file: File, prepared: Prepared) => Promise<Result>
}

/** A file that was tried and how that ended; `undefined` when the run stopped before it. */
export type Uploaded<File, Result> = File & { readonly result: Result | IngestError | undefined }

type UploadOne = <File extends FileOfRows, Prepared, Result>(
  file: File,
  writing: Writing<File, Prepared, Result>,
) => Promise<Uploaded<File, Result>>

type UploadAll = <File extends FileOfRows, Prepared, Result>(
  files: readonly File[],
  writing: Writing<File, Prepared, Result>,
) => Promise<readonly Uploaded<File, Result>[]>

/** What one symbol stores its files by. Both resolve to what became of them, in any order; they reject with a defect only. */
export type Place = Pick<Share, 'enter' | 'leave'> & {
  /** All at once, as far as there are turns. */
  readonly all: UploadAll
  /** Oldest first, where they are given newest first; each when the one before it stands, none after one that does not. */
  readonly inTurn: UploadAll
}

export type Uploads = {
  /** Resolves once a symbol that may bring so many rows may be fetched: when few enough of others are open. */
  readonly admit: (rows: number) => Promise<Place>
}

/** How long an interrupted run waits for the writes in flight; CI systems kill within ten seconds. */
const INTERRUPT_GRACE_MS = 5_000

/** So many wait prepared for their turn to be sent: two batches of the encoding thread. */
const MORE_PREPARED = 64

/** One for all symbols of a run. */
export function createUploads(context: UploadContext): Uploads {
  const { stop, maxUploads } = context
  const patience = createPatience(context, INTERRUPT_GRACE_MS)
  const room = createRoom(context)
  const mostPrepared = maxUploads + MORE_PREPARED
  const prepared = createTurns(mostPrepared)
  const sent = createTurns(maxUploads)
  const sweep = createSweeper()

  async function send<Result>(write: () => Promise<Result>): Promise<Result | IngestError | undefined> {
    if (stop.signal.aborted) return undefined
    try {
      return await patience.until(write())
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      if (error.scope === 'run') stop.abort(error)
      return error
    }
  }

  const upload: UploadOne = async (file, { prepare, write }) => {
    const result = await prepared.run(async () => {
      if (stop.signal.aborted) return undefined
      const made = await prepare(file)
      return await sent.run(async () => await send(async () => await write(file, made)))
    })
    sweep()
    return { ...file, result }
  }

  return { admit: async (rows) => placeIn(await room.admit(rows), upload, mostPrepared) }
}

function placeIn(share: Share, upload: UploadOne, mostAtOnce: number): Place {
  const counted: UploadOne = async (file, writing) => {
    const one = await upload(file, writing)
    share.done(file.rows.length, isStanding(one))
    return one
  }

  return {
    enter: share.enter,
    all: async (files, writing) => await mapAtMost(files, mostAtOnce, async (file) => await counted(file, writing)),
    inTurn: async (files, writing) => {
      let isStopped = false
      return await mapAtMost(files.toReversed(), 1, async (file) => {
        if (isStopped) return { ...file, result: undefined }
        const one = await counted(file, writing)
        isStopped = !isStanding(one)
        return one
      })
    },
    leave: share.leave,
  }
}

function isStanding({ result }: { readonly result: unknown }): boolean {
  return result !== undefined && !(result instanceof IngestError)
}
