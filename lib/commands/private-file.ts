// Reads a file together with the rights to it, both of the same open file.

import { open, type FileHandle } from 'node:fs/promises'
import process from 'node:process'
import { usageError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'

type PrivateFile = { readonly text: string; readonly mode: number | undefined }

/** The text of a file or pipe and its permission bits. Throws a usage error when it cannot be read or is too large. */
export async function readPrivateFile(path: string, maxBytes: number): Promise<PrivateFile> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    const { mode } = await file.stat()
    const bytes = await readAtMost(file, maxBytes + 1)
    if (bytes.length > maxBytes) throw usageError(`--env-file ${oneLine(path)} is larger than ${maxBytes} bytes.`)
    // Windows has no such bits, and makes some up.
    return { text: new TextDecoder().decode(bytes), mode: process.platform === 'win32' ? undefined : mode }
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    throw usageError(`--env-file ${oneLine(path)} cannot be read (${String(error.code)}).`, 'Name a readable file.')
  } finally {
    await file?.close()
  }
}

/** Until its end, or so many bytes: a pipe does not say how long it is. */
async function readAtMost(file: FileHandle, maxBytes: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(maxBytes)
  let length = 0
  while (length < maxBytes) {
    const { bytesRead } = await file.read(buffer, length, maxBytes - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}
