// Rows to the bytes of their files: at once in this thread, or, where there are thousands, in a thread of its own, so that
// encoding and sending keep a core each.

import { encodeFile, type EncodedFile, type Encoder, type FileDraft, type FileSettings } from './parquet.ts'

/** Encodes in this thread. */
export function createEncoder(settings: FileSettings): Encoder {
  return { encode: async (draft) => encodeFile(draft, settings), close: () => undefined }
}

/**
 * What goes to the thread, many files a message, because a message costs as much as a file: their drafts as JSON, which
 * takes a tenth of the time that the runtime's own copying of objects takes. Rows are texts, numbers and nulls.
 */
export type Batch = string
/** What comes back: the files one after the other, where each ends, and their hashes. */
export type BatchReply =
  | { readonly bytes: Uint8Array; readonly ends: readonly number[]; readonly shas: readonly string[] }
  | { readonly failure: unknown }

const MAX_BATCH = 32

type Waiting = {
  readonly draft: FileDraft
  readonly resolve: (file: EncodedFile) => void
  readonly reject: (reason: unknown) => void
}

/** Encodes in a thread of its own, which ends with `close`. `script` is where encoder-thread.ts is. */
export function createThreadEncoder(settings: FileSettings, script: string): Encoder {
  const thread = new Worker(script, { type: 'module', smol: true })
  thread.postMessage(settings)
  let waiting: Waiting[] = []
  let underWay: readonly Waiting[] = []
  let death: Error | undefined

  function send(): void {
    if (underWay.length > 0 || waiting.length === 0) return
    underWay = waiting.slice(0, MAX_BATCH)
    waiting = waiting.slice(MAX_BATCH)
    thread.postMessage(JSON.stringify(underWay.map(({ draft }) => draft)) satisfies Batch)
  }

  thread.addEventListener('message', ({ data }: MessageEvent<BatchReply>) => {
    const done = underWay
    underWay = []
    send()
    for (const [index, { resolve, reject }] of done.entries()) {
      const file = fileIn(data, index)
      if (file === undefined) reject('failure' in data ? data.failure : new Error('The thread has lost a file'))
      else resolve(file)
    }
  })
  function die(reason: string): void {
    death ??= new Error(`The encoding thread has ended: ${reason}`)
    for (const { reject } of [...underWay, ...waiting]) reject(death)
  }
  thread.addEventListener('error', ({ message }) => die(message))
  // A thread that is ended from within or by the system says nothing else.
  thread.addEventListener('close', () => die('no reason given'))
  return {
    encode: async (draft) =>
      await new Promise((resolve, reject) => {
        if (death !== undefined) return reject(death)
        waiting.push({ draft, resolve, reject })
        // After all that this turn of the loop asks for, so that batches fill.
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
