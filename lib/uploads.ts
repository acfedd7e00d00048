// The files of a run on their way into the store: so many at once, each prepared while others are sent, none begun after
// the run has stopped.

import { IngestError } from './errors.ts'
import { createPatience, type Interruptible } from './interrupt.ts'
import { createTurns } from './turns.ts'

export type UploadContext = Interruptible & {
  /** Stops the run, for an IngestError or for a defect; writes in flight are finished. */
  readonly stop: AbortController
  readonly maxUploads: number
}

/** How the files of one dataset get into the store. */
export type Writing<File, Prepared, Result> = {
  /** What can be done before it is the file's turn to be sent; rejects with a defect only. */
  readonly prepare: (file: File) => Promise<Prepared>
  /** Rejects with an IngestError of the symbol or of the run. */
  readonly write: (file: File, prepared: Prepared) => Promise<Result>
}

/** A file that was tried and how that ended; `undefined` when the run stopped before it. */
export type Uploaded<File, Result> = File & { readonly result: Result | IngestError | undefined }

type Upload = <File extends object, Prepared, Result>(
  files: readonly File[],
  writing: Writing<File, Prepared, Result>,
) => Promise<readonly Uploaded<File, Result>[]>

/** `all` and `inTurn` resolve to what became of the files, in any order; they reject with a defect only. */
export type Uploads = {
  /** All at once, as far as there are turns. */
  readonly all: Upload
  /** Oldest first, where they are given newest first; each when the one before it stands, none after one that does not. */
  readonly inTurn: Upload
  /** Resolves when few enough files wait for more to be fetched. */
  readonly room: () => Promise<void>
}

/** How long an interrupted run waits for the writes in flight; CI systems kill within ten seconds. */
const INTERRUPT_GRACE_MS = 5_000

/**
 * The runtime lets garbage pile up to a multiple of what lives: 650 MB at 200,000 files, of which 60 live. Collected after
 * so many files it is half of that, for a twentieth of the time (measured; no slower at 12,580 files).
 */
const FILES_PER_COLLECTION = 2_500

/** One for all symbols of a run. */
export function createUploads(context: UploadContext): Uploads {
  const { stop, maxUploads } = context
  const patience = createPatience(context, INTERRUPT_GRACE_MS)
  // As many as are sent at once may wait prepared.
  const prepared = createTurns(maxUploads * 2)
  const sent = createTurns(maxUploads)
  const room = createRoom(context)
  let uploaded = 0

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

  async function upload<File extends object, Prepared, Result>(
    file: File,
    { prepare, write }: Writing<File, Prepared, Result>,
  ): Promise<Uploaded<File, Result>> {
    const result = await prepared.run(async () => {
      if (stop.signal.aborted) return undefined
      const made = await prepare(file)
      return await sent.run(async () => await send(async () => await write(file, made)))
    })
    if (result !== undefined && !(result instanceof IngestError)) room.prove()
    uploaded += 1
    if (uploaded % FILES_PER_COLLECTION === 0) Bun.gc(true)
    return { ...file, result }
  }

  async function inTurn<File extends object, Prepared, Result>(
    files: readonly File[],
    writing: Writing<File, Prepared, Result>,
  ): Promise<readonly Uploaded<File, Result>[]> {
    room.enter(files.length)
    const tried: Uploaded<File, Result>[] = []
    let isStopped = false
    for (const file of files.toReversed()) {
      const one: Uploaded<File, Result> = isStopped ? { ...file, result: undefined } : await upload(file, writing)
      room.leave()
      isStopped ||= one.result === undefined || one.result instanceof IngestError
      tried.push(one)
    }
    return tried
  }

  return {
    all: async (files, writing) => {
      room.enter(files.length)
      return await Promise.all(files.map(async (file) => await upload(file, writing).finally(room.leave)))
    },
    inTurn,
    room: room.found,
  }
}

/** Counts the files that were handed in and are not done, and lets those wait who would bring more. */
function createRoom({ stop, maxUploads }: Pick<UploadContext, 'stop' | 'maxUploads'>) {
  let open = 0
  let seekers: (() => void)[] = []
  /** Until the store has taken one file, no calls are spent on what may have no place. */
  let isProven = false

  function hasRoom(): boolean {
    return stop.signal.aborted || open < (isProven ? maxUploads : 1)
  }

  function callIn(): void {
    for (const look of seekers) look()
    seekers = []
  }
  stop.signal.addEventListener('abort', callIn, { once: true })

  return {
    enter: (files: number): void => void (open += files),
    leave(): void {
      open -= 1
      if (hasRoom()) callIn()
    },
    prove: (): void => void (isProven = true),
    found: async (): Promise<void> => {
      while (!hasRoom()) await new Promise<void>((look) => seekers.push(look))
    },
  }
}
