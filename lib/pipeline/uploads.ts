// Upload queue: encodes ahead, bounds concurrent writes, starts none after the run was aborted. The store bounds requests,
// of which a write may take several. Here writes are bounded, because only a file that has not been given to the store can
// still be stopped by an abort.

import { createLimit, mapLimit } from '../core/concurrency.ts'
import { IngestError } from '../core/errors.ts'
import { createFetchAhead, type FetchSlot } from './fetch-ahead.ts'
import { createGracePeriod, type Interruptible } from './interrupt.ts'
import type { FileOfRows, Uploaded, UploadSlot, FileWriter } from './pipeline.ts'

export type UploadContext = Interruptible & {
  /** Stops the run, for an IngestError or for a defect; writes in flight are finished. */
  readonly stop: AbortController
  readonly maxUploads: number
}

type UploadOne = <File extends FileOfRows, Prepared, Result>(
  file: File,
  writing: FileWriter<File, Prepared, Result>,
) => Promise<Uploaded<File, Result>>

export type Uploads = {
  /** Resolves as soon as a symbol that may bring so many rows may be fetched (see fetch-ahead.ts). */
  readonly admit: (rows: number) => Promise<UploadSlot>
}

/** How long an interrupted run waits for the writes in flight; CI systems kill within ten seconds. */
const INTERRUPT_GRACE_MS = 5_000

/**
 * How many files of a symbol are prepared beyond those that are written: two batches of the encoder thread. How many symbols
 * do so at once is bounded by their rows (fetch-ahead.ts). Without it 12,580 day files took a sixth longer at 32 uploads.
 */
const PREPARED_AHEAD = 64

/** One for all symbols of a run. */
export function createUploads(context: UploadContext): Uploads {
  const { stop, maxUploads } = context
  const withGrace = createGracePeriod(context, INTERRUPT_GRACE_MS)
  const fetchAhead = createFetchAhead(context)
  const writes = createLimit(maxUploads)

  async function send<Result>(write: () => Promise<Result>): Promise<Result | IngestError | undefined> {
    if (stop.signal.aborted) return undefined
    try {
      return await withGrace(write())
    } catch (error) {
      if (!(error instanceof IngestError)) throw error
      if (error.scope === 'run') stop.abort(error)
      return error
    }
  }

  const upload: UploadOne = async (file, { prepare, write }) => {
    if (stop.signal.aborted) return { ...file, result: undefined }
    const prepared = await prepare(file)
    const result = await writes.run(async () => await send(async () => await write(file, prepared)))
    return { ...file, result }
  }

  return { admit: async (rows) => uploadSlot(await fetchAhead.admit(rows), upload, maxUploads + PREPARED_AHEAD) }
}

function uploadSlot(slot: FetchSlot, upload: UploadOne, maxOpen: number): UploadSlot {
  const uploadCounted: UploadOne = async (file, writing) => {
    const uploaded = await upload(file, writing)
    slot.fileDone(file.rows.length, isStored(uploaded))
    return uploaded
  }

  return {
    fetched: slot.fetched,
    startStoring: slot.startStoring,
    release: slot.release,
    uploadAll: async (files, writing) =>
      await mapLimit(files, maxOpen, async (file) => await uploadCounted(file, writing)),
    uploadOldestFirst: async (files, writing) => {
      let isStopped = false
      return await mapLimit(files.toReversed(), 1, async (file) => {
        if (isStopped) return { ...file, result: undefined }
        const uploaded = await uploadCounted(file, writing)
        isStopped = !isStored(uploaded)
        return uploaded
      })
    },
  }
}

function isStored({ result }: { readonly result: unknown }): boolean {
  return result !== undefined && !(result instanceof IngestError)
}
