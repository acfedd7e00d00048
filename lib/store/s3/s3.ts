// Files in an S3 bucket. Owns the requests and what their answers mean; asks with GET, never with HEAD, whose answers
// carry no reason. Bodies are byte arrays: streams are sent in a framing that other stores reject or store.
import { GetObjectCommand, ListObjectsV2Command, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { IngestError } from '../../core/errors.ts'
import type { ByteRange, Metadata, Store, StoredFile } from '../store.ts'
import { compareKeys } from '../keys.ts'
import { proveFirst, type Condition, type Known, type ProvenPut, type PutOutcome, type Upload } from './create-only.ts'
import { connector, type Connection, type ConnectionOptions } from './client.ts'
import { errorCode, strangeAnswer, type Operation } from './errors.ts'
import type { Read } from './wire.ts'

export type S3StoreOptions = ConnectionOptions & {
  /** This process's own random id: tells its writes from others' when an answer was lost. */
  readonly runUuid: string
  /** Accept a store that ignores create-only writes: creates overwrite there. */
  readonly allowUnsafe: boolean
  readonly onWarning: (text: string) => void
}

type Bucket = Connection & { readonly bucket: string; readonly locate: (key: string) => string }

/** A connection, and the way that writes take over it. */
type Line = { readonly at: Bucket; readonly put: ProvenPut }

/**
 * The bucket as a store. Sends nothing yet. Throws a usage error where no region is to be found; the store's functions
 * throw IngestErrors of kind 'store'.
 */
export async function openS3Store(options: S3StoreOptions): Promise<Store> {
  const { bucket, runUuid } = options
  const name = `s3://${bucket}`
  const locate = (key: string) => (key === '' ? name : `${name}/${key}`)
  const connect = await connector(options)
  const known: Known = { verdict: 'open' }
  let recovered = 0
  let line = openLine()

  function openLine(): Line {
    const at: Bucket = { ...connect(), bucket, locate }
    return { at, put: proveFirst((file, condition) => putFile(at, file, condition), { ...options, locate, known }) }
  }

  function upload(key: string, bytes: Uint8Array, metadata: Metadata): Upload {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { key, bytes, metadata: { ...metadata, sha256, 'run-id': runUuid } }
  }

  /**
   * Sends a file, and tells whether it is stored. A refusal may be of the file that this very write has stored: of an
   * earlier try whose answer was lost, ours or one that fetch has made by itself when a connection that it used again
   * broke.
   */
  async function isStored(file: Upload, condition: Condition | undefined): Promise<boolean> {
    const { at, put } = line
    if ((await put(file, condition)) === 'stored') return true
    if (!(await isOwn(at, file))) return false
    recovered += 1
    return true
  }

  return {
    locate,
    list: (prefix, after, until) => listFiles(line.at, prefix, after, until),
    read: async (key, range, maxBytes) => (await getFile(line.at, key, range, maxBytes))?.bytes,
    create: async (key, bytes, metadata) =>
      (await isStored(upload(key, bytes, metadata), 'absent')) ? 'created' : 'exists',
    replace: async (key, bytes, metadata, tag) =>
      (await isStored(upload(key, bytes, metadata), tag === undefined ? undefined : { tag })) ? 'replaced' : 'conflict',
    abortInFlight() {
      line.at.cut()
      line = openLine()
    },
    recoveredWrites: () => recovered,
  }
}

async function putFile(at: Bucket, file: Upload, condition: Condition | undefined): Promise<PutOutcome> {
  const operation = operationOn(at, 's3:PutObject', file.key)
  return await at.request(operation, async () => {
    try {
      const tag = await at.wire.put(file, condition)
      if (tag === undefined) throw strangeAnswer(operation, 'an answer without an ETag to a write')
      return 'stored'
    } catch (error) {
      const refusal = condition === undefined ? undefined : refusalOf(errorCode(error), condition)
      if (refusal === undefined) throw error
      return refusal
    }
  })
}

function refusalOf(code: string, condition: Condition): PutOutcome | undefined {
  if (code === 'PreconditionFailed') return 'refused'
  if (code === 'NotImplemented') return 'unsupported'
  // A file that is gone has no tag to match: S3 answers 404 there.
  return code === 'NoSuchKey' && condition !== 'absent' ? 'refused' : undefined
}

/** Whether the file that is there was written by this run, with these bytes. */
async function isOwn(at: Bucket, file: Upload): Promise<boolean> {
  const stored = await getFile(at, file.key, 'first byte', 1)
  const isSame = (name: string) => stored?.metadata[name] === file.metadata[name]
  return isSame('run-id') && isSame('sha256')
}

type Range = ByteRange | 'first byte' | undefined

function getFile(at: Bucket, key: string, range: Range, maxBytes: number): Promise<Read | undefined> {
  const operation = operationOn(at, 's3:GetObject', key)
  const part = range && {
    range: rangeHeader(range),
    maxBytes,
    tooLarge: (size: number) => tooLarge(operation, size, maxBytes),
  }
  return at.request(operation, async () => {
    try {
      const answer = part === undefined ? await readWhole(at, operation, key, maxBytes) : await at.wire.get(key, part)
      if (answer.tag === undefined) throw strangeAnswer(operation, 'an answer without an ETag to a read')
      // A server that does not know the range sends the whole.
      if (typeof range !== 'object') return answer
      return { ...answer, bytes: answer.bytes.subarray(Math.max(0, answer.bytes.length - range.suffixBytes)) }
    } catch (error) {
      const code = errorCode(error)
      if (code === 'NoSuchKey' || code === 'NotFound') return undefined
      // An empty file has no range that could be given.
      if (code === 'InvalidRange' && range !== undefined) return { tag: '', bytes: new Uint8Array(0), metadata: {} }
      throw error
    }
  })
}

function rangeHeader(range: NonNullable<Range>): string {
  return range === 'first byte' ? 'bytes=0-0' : `bytes=-${range.suffixBytes}`
}

/** By the SDK, which checks a whole file's bytes against its checksum. */
async function readWhole(at: Bucket, operation: Operation, key: string, maxBytes: number): Promise<Read> {
  const answer = await at.client.send(new GetObjectCommand({ Bucket: at.bucket, Key: key }), {
    abortSignal: at.signal,
  })
  // Before the body, of which a stranger's may have any size.
  if (answer.ETag === undefined) throw strangeAnswer(operation, 'an answer without an ETag to a read')
  return { tag: answer.ETag, bytes: await readBody(operation, answer, maxBytes), metadata: answer.Metadata ?? {} }
}

async function readBody(operation: Operation, answer: GetObjectCommandOutput, maxBytes: number): Promise<Uint8Array> {
  // In this runtime the SDK's body is always a Node stream.
  const body = answer.Body as Readable | undefined
  if (body === undefined) throw strangeAnswer(operation, 'an answer without a body to a read')
  const announced = answer.ContentLength
  if (announced !== undefined && announced > maxBytes) {
    body.destroy()
    throw tooLarge(operation, announced, maxBytes)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  // A body that is cut short throws here; leaving the loop by throwing closes the stream.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(operation, size, maxBytes)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLarge({ location }: Operation, size: number, maxBytes: number): IngestError {
  const message = `${location}: ${size} bytes or more, but at most ${maxBytes} are read.`
  return new IngestError(message, {
    kind: 'store',
    scope: 'symbol',
    hint: 'This is hardly a file of this program: look at it.',
  })
}

/** S3 may send a page without keys and go on, but hardly often in a row. */
const MAX_EMPTY_PAGES = 10

async function listFiles(at: Bucket, prefix: string, after?: string, until?: string): Promise<readonly StoredFile[]> {
  const files: StoredFile[] = []
  let token: string | undefined
  let emptyPages = 0
  do {
    const page = await listPage(at, prefix, token ?? { after })
    emptyPages = page.files.length === 0 ? emptyPages + 1 : 0
    if (isEndless(files.at(-1), page, emptyPages)) throw endless(at.locate(prefix))
    for (const file of page.files) {
      if (until !== undefined && compareKeys(file.key, until) > 0) return files
      files.push(file)
    }
    token = page.nextToken
  } while (token !== undefined)
  return files
}

/** Keys ascend over the pages, so a listing must end; one that goes in circles would be followed for ever. */
function isEndless(last: StoredFile | undefined, { files: [first] }: Page, emptyPages: number): boolean {
  const isInCircles = last !== undefined && first !== undefined && compareKeys(first.key, last.key) <= 0
  return isInCircles || emptyPages > MAX_EMPTY_PAGES
}

function endless(location: string): IngestError {
  const hint = 'This is no answer of S3: check AWS_ENDPOINT_URL_S3.'
  return new IngestError(`${location}: the store's listing does not end`, { kind: 'store', scope: 'run', hint })
}

type Page = { readonly files: readonly StoredFile[]; readonly nextToken: string | undefined }

/** One page, from a token or from the start. Never by the last key: a page may be cut at a key that is not listed. */
async function listPage(at: Bucket, prefix: string, from: string | { after: string | undefined }): Promise<Page> {
  const operation: Operation = { permission: 's3:ListBucket', bucket: at.bucket, location: at.locate(prefix) }
  const start = typeof from === 'string' ? { ContinuationToken: from } : { StartAfter: from.after }
  return await at.request(operation, async () => {
    const command = new ListObjectsV2Command({ Bucket: at.bucket, Prefix: prefix, ...start })
    const answer = await at.client.send(command, { abortSignal: at.signal })
    const { IsTruncated, NextContinuationToken: nextToken, Contents = [] } = answer
    // An empty body with status 200 must not pass for an empty bucket, nor half a listing for a whole one.
    if (IsTruncated === undefined || (IsTruncated && (nextToken === undefined || nextToken === from))) {
      throw strangeAnswer(operation, 'a listing that does not say whether it goes on')
    }
    return { files: Contents.map((object) => toStoredFile(operation, object)), nextToken }
  })
}

type Listed = {
  Key?: string | undefined
  Size?: number | undefined
  LastModified?: Date | undefined
  ETag?: string | undefined
}

function toStoredFile(operation: Operation, { Key, Size, LastModified, ETag }: Listed): StoredFile {
  if (Key === undefined || Size === undefined || LastModified === undefined || ETag === undefined) {
    throw strangeAnswer(operation, 'a listing with an entry that lacks key, size, time or ETag')
  }
  // Without its quotes, because some stores compare If-Match without them and AWS takes both.
  return { key: Key, sizeBytes: Size, modifiedMs: LastModified.getTime(), tag: ETag.replaceAll('"', '') }
}

function operationOn(at: Bucket, permission: Operation['permission'], key: string): Operation {
  return { permission, bucket: at.bucket, location: at.locate(key) }
}
