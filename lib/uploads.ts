// The files of a run on their way into the store: so many at once, each encoded while others are sent, none begun after
// the run has stopped.

import type { Clock } from './clock.ts'
import { IngestError } from './errors.ts'
import { createPatience } from './interrupt.ts'
import type { Tried } from './outcome.ts'
import type { EncodedFile } from './parquet.ts'
import { createTurns } from './turns.ts'
import { writeFile, type FileRows, type WriteContext } from './write.ts'

export type UploadContext = WriteContext & {
  /** Stops the run, for an IngestError or for a defect; writes in flight are finished. */
  readonly stop: AbortController
  readonly clock: Clock
  /** The bytes of a file; rejects with a defect only. */
  readonly encode: (file: FileRows) => Promise<EncodedFile>
  readonly maxUploads: number
}

/** Each resolves to what became of the files, in any order; rejects with a defect only. */
export type Uploads = {
  /** All at once, as far as there are turns. */
  readonly all: (files: readonly FileRows[]) => Promise<readonly Tried[]>
  /** Oldest first, each when the one before it stands; none after one that does not. */
  readonly inTurn: (files: readonly FileRows[]) => Promise<readonly Tried[]>
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
  const { stop, encode, maxUploads } = context
  const patience = createPatience(context, INTERRUPT_GRACE_MS)
  // As many as are sent at once may wait encoded.
  const prepared = createTurns(maxUploads * 2)
  const sent = createTurns(maxUploads)

  let uploaded = 0

  async function send(file: FileRows, encoded: EncodedFile): Promise<Tried['result']> {
    if (stop.signal.aborted) return undefined
    try {
      return await patience.until(writeFile(file, encoded, context))
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      if (error.scope === 'run') stop.abort(error)
      return error
    }
  }

  async function upload(file: FileRows): Promise<Tried> {
    const result = await prepared.run(async () => {
      if (stop.signal.aborted) return undefined
      const encoded = await encode(file)
      return await sent.run(async () => await send(file, encoded))
    })
    uploaded += 1
    if (uploaded % FILES_PER_COLLECTION === 0) Bun.gc(true)
    return { ...file, result }
  }

  return {
    all: async (files) => await Promise.all(files.map(upload)),
    inTurn: async (files) => {
      const tried: Tried[] = []
      let isStopped = false
      for (const file of files.toReversed()) {
        const one: Tried = isStopped ? { ...file, result: undefined } : await upload(file)
        isStopped ||= one.result === undefined || one.result instanceof IngestError
        tried.push(one)
      }
      return tried
    },
  }
}
