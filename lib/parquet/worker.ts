// The encoder thread. Its first message holds the settings; each later one is a batch of drafts, and the reply holds the
// files in the same order.

import type { Batch, BatchReply } from './encoder.ts'
import type { FileSettings, FileDraft } from './parquet.ts'
import { encodeFile } from './writer.ts'

declare const self: Worker

let settings: FileSettings | undefined

self.addEventListener('message', ({ data }: MessageEvent<FileSettings | Batch>) => {
  if (typeof data !== 'string') {
    settings = data
    return
  }
  const reply = encodeBatch(data)
  self.postMessage(reply, 'bytes' in reply ? [reply.bytes.buffer as ArrayBuffer] : [])
})

function encodeBatch(batch: Batch): BatchReply {
  try {
    if (settings === undefined) throw new Error('The thread has no settings yet')
    const drafts = JSON.parse(batch) as readonly FileDraft[]
    const files: Uint8Array[] = []
    const shas: string[] = []
    const ends: number[] = []
    let end = 0
    for (const draft of drafts) {
      const { bytes, sha } = encodeFile(draft, settings)
      end += bytes.length
      files.push(bytes)
      shas.push(sha)
      ends.push(end)
    }
    // In a buffer of its own, because the buffer is transferred to the main thread.
    return { bytes: new Uint8Array(Buffer.concat(files)), ends, shas }
  } catch (failure) {
    return { failure }
  }
}
