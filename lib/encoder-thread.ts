// The thread that encodes files: settings once, then batches of drafts, each answered by its files in the same order.

import type { Batch, BatchReply } from './encoder.ts'
import { encodeFile, type EncodedFile, type FileSettings } from './parquet.ts'

declare const self: Worker

let settings: FileSettings | undefined

self.addEventListener('message', ({ data }: MessageEvent<FileSettings | Batch>) => {
  if (!('drafts' in data)) {
    settings = data
    return
  }
  const [reply, buffers] = answer(data)
  self.postMessage(reply, buffers)
})

function answer({ drafts }: Batch): [BatchReply, ArrayBuffer[]] {
  try {
    if (settings === undefined) throw new Error('The thread has no settings yet')
    const files: EncodedFile[] = []
    for (const draft of drafts) files.push(encodeFile(draft, settings))
    return [{ files }, files.map(({ bytes }) => bytes.buffer as ArrayBuffer)]
  } catch (failure) {
    return [{ failure }, []]
  }
}
