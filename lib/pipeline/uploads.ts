// Upload queue: encodes ahead, bounds concurrent writes, starts none after the run was aborted.

import { createLimit, mapLimit } from '../core/concurrency.ts'
import { IngestError } from '../core/errors.ts'
import { createGcTrigger } from '../core/garbage.ts'
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

/** Files that are prepared while they wait for the store: two batches of the encoder thread. */
const PREPARED_AHEAD = 64

/** One for all symbols of a run. */
export function createUploads(context: UploadContext): Uploads {
  const { stop, maxUploads } = context
  const withGrace = createGracePeriod(context, INTERRUPT_GRACE_MS)
  const fetchAhead = createFetchAhead(context)
  const maxOpen = maxUploads + PREPARED_AHEAD
  const openFiles = createLimit(maxOpen)
  const sent = createLimit(maxUploads)
  const gcTrigger = createGcTrigger()

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
    const result = await openFiles.run(async () => {
      if (stop.signal.aborted) return undefined
      const prepared = await prepare(file)
      return await sent.run(async () => await send(async () => await write(file, prepared)))
    })
    gcTrigger()
    return { ...file, result }
  }

  return { admit: async (rows) => uploadSlot(await fetchAhead.admit(rows), upload, maxOpen) }
}

function uploadSlot(slot: FetchSlot, upload: UploadOne, maxOpen: number): UploadSlot {
  const uploadCounted: UploadOne = async (file, writing) => {
    const uploaded = await upload(file, writing)
    slot.fileDone(file.rows.length, isStored(uploaded))
    return uploaded
  }

  return {
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
