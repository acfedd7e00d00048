// Encodes files: in this thread, or in a thread of its own if there are thousands.
//
// The thread is kept for runs of thousands of day files (see MIN_FILES_FOR_THREAD in commands/effects.ts), and for
// `verify --deep`, which encodes the files of a folder anew.

import { encodeHere, type EncodedFile, type Encoder, type FileDraft, type FileSettings } from './parquet.ts'

/** Encodes in this thread. */
export function createEncoder(settings: FileSettings): Encoder {
  return { encode: async (draft) => await encodeHere(draft, settings), close: () => undefined }
}

/**
 * A message to the thread: the drafts of many files, because a message costs as much as encoding a file. As JSON, which takes
 * a tenth of the time of the runtime's structured clone; rows hold texts, numbers and nulls only.
 */
export type Batch = string
/** The reply: the bytes of all files in one array, the end offset of each, and their hashes. */
export type BatchReply =
  | { readonly bytes: Uint8Array; readonly ends: readonly number[]; readonly shas: readonly string[] }
  | { readonly failure: unknown }

const MAX_BATCH = 32

type Waiting = {
  readonly draft: FileDraft
  readonly resolve: (file: EncodedFile) => void
  readonly reject: (reason: unknown) => void
}

/** Encodes in a thread of its own, which ends with `close`. `script` is the URL of worker.ts. */
export function createThreadEncoder(settings: FileSettings, script: string): Encoder {
  const thread = new Worker(script, { type: 'module', smol: true })
  thread.postMessage(settings)
  let waiting: Waiting[] = []
  let inFlight: readonly Waiting[] = []
  let death: Error | undefined

  function send(): void {
    if (inFlight.length > 0 || waiting.length === 0) return
    inFlight = waiting.slice(0, MAX_BATCH)
    waiting = waiting.slice(MAX_BATCH)
    thread.postMessage(JSON.stringify(inFlight.map(({ draft }) => draft)) satisfies Batch)
  }

  thread.addEventListener('message', ({ data }: MessageEvent<BatchReply>) => {
    const done = inFlight
    inFlight = []
    send()
    for (const [index, { resolve, reject }] of done.entries()) {
      const file = fileIn(data, index)
      if (file === undefined) reject('failure' in data ? data.failure : new Error('The thread has lost a file'))
      else resolve(file)
    }
  })
  function die(reason: string): void {
    death ??= new Error(`The encoding thread has ended: ${reason}`)
    for (const { reject } of [...inFlight, ...waiting]) reject(death)
  }
  thread.addEventListener('error', ({ message }) => die(message))
  // A thread that ends itself or is ended by the system sends no other event.
  thread.addEventListener('close', () => die('no reason given'))
  return {
    encode: async (draft) =>
      await new Promise((resolve, reject) => {
        if (death !== undefined) return reject(death)
        waiting.push({ draft, resolve, reject })
        // After all other requests of this turn of the event loop, so that batches fill.
        queueMicrotask(send)
      }),
    close: () => thread.terminate(),
  }
}

function fileIn(reply: BatchReply, index: number): EncodedFile | undefined {
  if ('failure' in reply) return undefined
  const { bytes, ends, shas } = reply
  const [end, sha] = [ends[index], shas[index]]
  if (end === undefined || sha === undefined) return undefined
  return { bytes: bytes.subarray(ends[index - 1] ?? 0, end), sha }
}
