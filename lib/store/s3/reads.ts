// Reads of a file: the whole, its end, or its metadata. The SDK reads whole files, because it compares the bytes with the
// stored checksum; the others go by the wire.
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import type { Readable } from 'node:stream'
import { IngestError } from '../../core/errors.ts'
import { grouped } from '../../core/text.ts'
import type { ByteRange } from '../store.ts'
import { operationOn, type Bucket } from './bucket.ts'
import { errorCode, unexpectedResponse, type Operation } from './errors.ts'
import type { Read } from './wire.ts'

/** `metadata`: one byte, for the headers that come with it. Undefined: the whole file. */
type Range = ByteRange | 'metadata' | undefined

/** How much of a whole file is read, and the error of a larger one. */
type WholeLimit = {
  readonly operation: Operation
  readonly maxBytes: number
  readonly tooLarge: (bytes: number) => IngestError
}

/** The file, undefined if there is none. Throws an IngestError if more than `maxBytes` would have to be read. */
export function getFile(at: Bucket, key: string, range: Range, maxBytes: number): Promise<Read | undefined> {
  const operation = operationOn(at, 's3:GetObject', key)
  const part = range && {
    range: range === 'metadata' ? 'bytes=0-0' : `bytes=-${range.suffixBytes}`,
    maxBytes,
    // For the metadata the size does not matter: a store may ignore ranges and send the whole file.
    ...(range === 'metadata' ? {} : { tooLarge: rangeTooLarge(operation, maxBytes) }),
  }
  const wholeLimit = { operation, maxBytes, tooLarge: (bytes: number) => tooLargeError(operation, bytes, maxBytes) }
  return at.request(operation, async () => {
    try {
      const response = part === undefined ? await readWhole(at, key, wholeLimit) : await at.wire.get(key, part)
      if (response.tag === undefined) throw unexpectedResponse(operation, 'an answer without an ETag to a read')
      return typeof range === 'object' ? tailOf(response, range) : response
    } catch (error) {
      const code = errorCode(error)
      if (code === 'NoSuchKey' || code === 'NotFound') return undefined
      if (code !== 'InvalidRange' || range === undefined) throw error
      // An empty file has no range. A store that does not know ranges from the end says the same of any file.
      if (range === 'metadata') return { tag: '', bytes: new Uint8Array(0), metadata: {} }
      const whole = await readWhole(at, key, { operation, maxBytes, tooLarge: (bytes) => noRange(operation, bytes) })
      return tailOf(whole, range)
    }
  })
}

/** The end of what was read: a store that ignores ranges sends the whole file. */
function tailOf(read: Read, { suffixBytes }: ByteRange): Read {
  return { ...read, bytes: read.bytes.subarray(Math.max(0, read.bytes.length - suffixBytes)) }
}

/** Reads a whole file with the SDK, which compares the bytes with the stored checksum. */
async function readWhole(at: Bucket, key: string, limit: WholeLimit): Promise<Read> {
  const response = await at.client.send(new GetObjectCommand({ Bucket: at.bucket, Key: key }), {
    abortSignal: at.signal,
  })
  // Checked before the body is read, because a body that is not a store's may have any size.
  if (response.ETag === undefined) throw unexpectedResponse(limit.operation, 'an answer without an ETag to a read')
  return { tag: response.ETag, bytes: await readBody(response, limit), metadata: response.Metadata ?? {} }
}

async function readBody(response: GetObjectCommandOutput, limit: WholeLimit): Promise<Uint8Array> {
  const { operation, maxBytes, tooLarge } = limit
  // In this runtime the body is always a Node stream.
  const body = response.Body as Readable | undefined
  if (body === undefined) throw unexpectedResponse(operation, 'an answer without a body to a read')
  const announced = response.ContentLength
  if (announced !== undefined && announced > maxBytes) {
    body.destroy()
    throw tooLarge(announced)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  // A body that is too short throws here. An error that leaves the loop closes the stream.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(size)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLargeError({ location }: Operation, size: number, maxBytes: number): IngestError {
  const message = `${location}: ${grouped(size)} bytes or more, but at most ${grouped(maxBytes)} are read.`
  return new IngestError(message, {
    kind: 'store',
    scope: 'symbol',
    hint: 'This is hardly a file of this program: look at it.',
  })
}

/** The error of a response with more than was asked for: with status 200 it is the whole file. */
function rangeTooLarge(operation: Operation, maxBytes: number): (bytes: number, status: number) => IngestError {
  return (bytes, status) => (status === 200 ? noRange(operation, bytes) : tooLargeError(operation, bytes, maxBytes))
}

/** The error of a store that sends a whole file where a part of it was asked for. */
function noRange({ location }: Operation, size: number): IngestError {
  const message = `${location}: the store does not send parts of files (Range): it sent ${size} bytes or more`
  const hint =
    'Let the proxy before the store pass the header Range, or use another store (lib/store/README.md lists some).'
  return new IngestError(message, { kind: 'store', scope: 'symbol', hint })
}
