// An S3 bucket as a store: sends the requests and interprets the responses. Uses GET, never HEAD, because the response to a
// HEAD has no error document. Bodies are byte arrays: streams are sent in a framing that other stores reject or store.
import { GetObjectCommand, ListObjectsV2Command, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { IngestError } from '../../core/errors.ts'
import { grouped } from '../../core/text.ts'
import { compareKeys, type ByteRange, type Metadata, type Store, type StoredFile } from '../store.ts'
import {
  checkCreateOnly,
  type Condition,
  type CheckedPut,
  type CreateOnlySupport,
  type PutOutcome,
  type Upload,
} from './create-only.ts'
import { createConnector, type Connection, type ConnectionOptions } from './client.ts'
import { errorCode, unexpectedResponse, type Operation } from './errors.ts'
import type { Read } from './wire.ts'

export type S3StoreOptions = ConnectionOptions & {
  /** A random id of this process, to recognise its own writes when a response was lost. */
  readonly runUuid: string
  /** Accept a store that ignores create-only writes: there a create overwrites. */
  readonly allowUnsafe: boolean
  readonly onWarning: (text: string) => void
}

type Bucket = Connection & { readonly bucket: string; readonly locate: (key: string) => string }

/** A connection to the bucket, with its writes. */
type Link = { readonly at: Bucket; readonly put: CheckedPut }

/**
 * Opens the bucket as a store, without sending a request. Throws a usage error if no region can be found; the store's
 * functions throw IngestErrors of kind 'store'.
 */
export async function openS3Store(options: S3StoreOptions): Promise<Store> {
  const { bucket, runUuid } = options
  const name = `s3://${bucket}`
  const locate = (key: string) => (key === '' ? name : `${name}/${key}`)
  const connect = await createConnector(options)
  const support: CreateOnlySupport = { state: 'unknown' }
  let recovered = 0
  let link = openLink()

  function openLink(): Link {
    const at: Bucket = { ...connect(), bucket, locate }
    const put: CheckedPut = checkCreateOnly((...write) => putFile(at, ...write), { ...options, locate, support })
    return { at, put }
  }

  function upload(key: string, bytes: Uint8Array, metadata: Metadata): Upload {
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    return { key, bytes, metadata: { ...metadata, sha256, 'run-id': runUuid } }
  }

  /**
   * Sends a file, and tells whether it is stored. The store may refuse because of the file that this same write has stored:
   * in an earlier attempt whose response was lost, or in one that fetch made by itself when a reused connection broke.
   */
  async function isStored(file: Upload, condition: Condition | undefined): Promise<boolean> {
    const { at, put } = link
    if ((await put(file, condition)) === 'stored') return true
    if (!(await isOwn(at, file))) return false
    recovered += 1
    return true
  }

  return {
    locate,
    list: (prefix, after, until) => listFiles(link.at, prefix, after, until),
    read: async (key, range, maxBytes) => (await getFile(link.at, key, range, maxBytes))?.bytes,
    create: async (key, bytes, metadata) =>
      (await isStored(upload(key, bytes, metadata), 'absent')) ? 'created' : 'exists',
    replace: async (key, bytes, metadata, tag) =>
      (await isStored(upload(key, bytes, metadata), tag === undefined ? undefined : { tag })) ? 'replaced' : 'conflict',
    abortInFlight() {
      link.at.cancel()
      link = openLink()
    },
    recoveredWrites: () => recovered,
  }
}

async function putFile(at: Bucket, file: Upload, condition: Condition | undefined): Promise<PutOutcome> {
  const operation = operationOn(at, 's3:PutObject', file.key)
  return await at.request(operation, async () => {
    try {
      const tag = await at.wire.put(file, condition)
      if (tag === undefined) throw unexpectedResponse(operation, 'an answer without an ETag to a write')
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
  // If the file is gone, there is no tag to match: S3 responds with 404.
  return code === 'NoSuchKey' && condition !== 'absent' ? 'refused' : undefined
}

/** Whether the stored file was written by this run, with these bytes. */
async function isOwn(at: Bucket, file: Upload): Promise<boolean> {
  const stored = await getFile(at, file.key, 'metadata', 1)
  const isSame = (name: string) => stored?.metadata[name] === file.metadata[name]
  return isSame('run-id') && isSame('sha256')
}

/** `metadata`: one byte, for the headers that come with it. Undefined: the whole file. */
type Range = ByteRange | 'metadata' | undefined

function getFile(at: Bucket, key: string, range: Range, maxBytes: number): Promise<Read | undefined> {
  const operation = operationOn(at, 's3:GetObject', key)
  const part = range && {
    range: range === 'metadata' ? 'bytes=0-0' : `bytes=-${range.suffixBytes}`,
    maxBytes,
    // For the metadata the size does not matter: a store may ignore ranges and send the whole file.
    ...(range === 'metadata' ? {} : { tooLarge: (size: number) => tooLarge(operation, size, maxBytes) }),
  }
  return at.request(operation, async () => {
    try {
      const response = part === undefined ? await readWhole(at, operation, key, maxBytes) : await at.wire.get(key, part)
      if (response.tag === undefined) throw unexpectedResponse(operation, 'an answer without an ETag to a read')
      // A store that ignores ranges sends the whole file.
      if (typeof range !== 'object') return response
      return { ...response, bytes: response.bytes.subarray(Math.max(0, response.bytes.length - range.suffixBytes)) }
    } catch (error) {
      const code = errorCode(error)
      if (code === 'NoSuchKey' || code === 'NotFound') return undefined
      // An empty file has no range.
      if (code === 'InvalidRange' && range !== undefined) return { tag: '', bytes: new Uint8Array(0), metadata: {} }
      throw error
    }
  })
}

/** Reads a whole file with the SDK, which compares the bytes with the stored checksum. */
async function readWhole(at: Bucket, operation: Operation, key: string, maxBytes: number): Promise<Read> {
  const response = await at.client.send(new GetObjectCommand({ Bucket: at.bucket, Key: key }), {
    abortSignal: at.signal,
  })
  // Checked before the body is read, because a body that is not a store's may have any size.
  if (response.ETag === undefined) throw unexpectedResponse(operation, 'an answer without an ETag to a read')
  return { tag: response.ETag, bytes: await readBody(operation, response, maxBytes), metadata: response.Metadata ?? {} }
}

async function readBody(operation: Operation, response: GetObjectCommandOutput, maxBytes: number): Promise<Uint8Array> {
  // In this runtime the body is always a Node stream.
  const body = response.Body as Readable | undefined
  if (body === undefined) throw unexpectedResponse(operation, 'an answer without a body to a read')
  const announced = response.ContentLength
  if (announced !== undefined && announced > maxBytes) {
    body.destroy()
    throw tooLarge(operation, announced, maxBytes)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  // A body that is too short throws here. An error that leaves the loop closes the stream.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(operation, size, maxBytes)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLarge({ location }: Operation, size: number, maxBytes: number): IngestError {
  const message = `${location}: ${grouped(size)} bytes or more, but at most ${grouped(maxBytes)} are read.`
  return new IngestError(message, {
    kind: 'store',
    scope: 'symbol',
    hint: 'This is hardly a file of this program: look at it.',
  })
}

/** S3 may send a page without keys in the middle of a listing, but not many in a row. */
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

/** Keys ascend from page to page, so a listing must end. Without this check a listing that repeats would be read for ever. */
function isEndless(last: StoredFile | undefined, { files: [first] }: Page, emptyPages: number): boolean {
  const isRepeating = last !== undefined && first !== undefined && compareKeys(first.key, last.key) <= 0
  return isRepeating || emptyPages > MAX_EMPTY_PAGES
}

function endless(location: string): IngestError {
  const hint = 'This is no answer of S3: check AWS_ENDPOINT_URL_S3.'
  return new IngestError(`${location}: the store's listing does not end`, { kind: 'store', scope: 'run', hint })
}

type Page = { readonly files: readonly StoredFile[]; readonly nextToken: string | undefined }

/** One page, from a token or from the start; not from the last key, because a page may end at a key that it does not list. */
async function listPage(at: Bucket, prefix: string, from: string | { after: string | undefined }): Promise<Page> {
  const operation: Operation = { permission: 's3:ListBucket', bucket: at.bucket, location: at.locate(prefix) }
  const start = typeof from === 'string' ? { ContinuationToken: from } : { StartAfter: from.after }
  return await at.request(operation, async () => {
    const command = new ListObjectsV2Command({ Bucket: at.bucket, Prefix: prefix, ...start })
    const response = await at.client.send(command, { abortSignal: at.signal })
    const { IsTruncated, NextContinuationToken: nextToken, Contents = [] } = response
    // An empty body with status 200 must not count as an empty bucket, nor half a listing as a whole one.
    if (IsTruncated === undefined || (IsTruncated && (nextToken === undefined || nextToken === from))) {
      throw unexpectedResponse(operation, 'a listing that does not say whether it goes on')
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
    throw unexpectedResponse(operation, 'a listing with an entry that lacks key, size, time or ETag')
  }
  // Without the quotes: some stores compare If-Match without them, and AWS accepts both.
  return { key: Key, sizeBytes: Size, modifiedMs: LastModified.getTime(), tag: ETag.replaceAll('"', '') }
}

function operationOn(at: Bucket, permission: Operation['permission'], key: string): Operation {
  return { permission, bucket: at.bucket, location: at.locate(key) }
}
