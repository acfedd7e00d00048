// An S3 bucket as a store: sends the requests and interprets the responses. Uses GET, never HEAD, because the response to a
// HEAD has no error document. Bodies are byte arrays: streams are sent in a framing that other stores reject or store.
import { createHash } from 'node:crypto'
import type { Metadata, Store } from '../store.ts'
import {
  checkCreateOnly,
  type Condition,
  type CheckedPut,
  type CreateOnlySupport,
  type PutOutcome,
  type Upload,
} from './create-only.ts'
import { operationOn, type Bucket } from './bucket.ts'
import { createConnector, type ConnectionOptions } from './client.ts'
import { unexpectedResponse } from './errors.ts'
import { missingFeature } from './features.ts'
import { parseSdkError } from './sdk-error.ts'
import { putWithTag, type TagForm } from './if-match.ts'
import { listFiles, listLevel } from './listing.ts'
import { getFile } from './reads.ts'
import { sharedTextAt } from './shared-text.ts'

export type S3StoreOptions = ConnectionOptions & {
  /** A random id of this process, to recognise its own writes when a response was lost. */
  readonly runUuid: string
  /** Accept a store that ignores create-only writes: there a create overwrites. */
  readonly allowUnsafe: boolean
  /** Is told of such a store in place of `onWarning`. */
  readonly onUnsafe?: (text: string) => void
}

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
  const form: TagForm = { isPlain: false }
  let recovered = 0
  let link = openLink()

  function openLink(): Link {
    const at: Bucket = { ...connect(), bucket, locate }
    const store = {
      form,
      put: (file: Upload, condition: Condition | undefined) => putFile(at, file, condition),
      tagOf: (key: string) => tagOf(at, key),
    }
    const put: CheckedPut = checkCreateOnly((...write) => putWithTag(...write, store), { ...options, locate, support })
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
    // The AWS console shows no S3-compatible store.
    webPage: (location) =>
      link.at.setup.endpoint === undefined
        ? `https://console.aws.amazon.com/s3/object/${bucket}?prefix=${encodeURIComponent(location.slice(locate('/').length - 1))}`
        : undefined,
    list: (prefix, after, until) => listFiles(link.at, { prefix, after, until }),
    listLevel: (prefix) => listLevel(link.at, prefix),
    read: async (key, range, maxBytes) => (await getFile(link.at, key, range, maxBytes))?.bytes,
    readWithMetadata: async (key, maxBytes) => {
      const file = await getFile(link.at, key, undefined, maxBytes)
      return file && { bytes: file.bytes, metadata: file.metadata }
    },
    create: async (key, bytes, metadata) =>
      (await isStored(upload(key, bytes, metadata), 'absent')) ? 'created' : 'exists',
    replace: async (key, bytes, metadata, tag) =>
      (await isStored(upload(key, bytes, metadata), tag === undefined ? undefined : { tag })) ? 'replaced' : 'conflict',
    sharedText: (key) =>
      sharedTextAt(key, {
        at: () => link.at,
        put: (file, condition) => link.put(file, condition),
        upload: (at, bytes) => upload(at, bytes, {}),
        isUnsafe: () => support.state === 'unsafe',
      }),
    abortInFlight() {
      link.at.cancel()
      link = openLink()
    },
    recoveredWrites: () => recovered,
  }
}

/** The tag of the stored file, without quotes as in a listing. */
async function tagOf(at: Bucket, key: string): Promise<string | undefined> {
  return (await getFile(at, key, 'metadata', 1))?.tag?.replaceAll('"', '')
}

async function putFile(at: Bucket, file: Upload, condition: Condition | undefined): Promise<PutOutcome> {
  const operation = operationOn(at, 's3:PutObject', file.key)
  return await at.request(operation, async () => {
    try {
      const tag = await at.wire.put(file, condition)
      if (tag === undefined) throw unexpectedResponse(operation, 'an answer without an ETag to a write')
      return 'stored'
    } catch (error) {
      const refusal = condition === undefined ? undefined : refusalOf(error, condition)
      if (refusal === undefined) throw error
      return refusal
    }
  })
}

/** Older versions of MinIO answer 304 where S3 answers 412. */
const NOT_MODIFIED = 304

function refusalOf(error: unknown, condition: Condition): PutOutcome | undefined {
  const failure = parseSdkError(error)
  const { code, status } = failure
  if (code === 'PreconditionFailed' || status === NOT_MODIFIED) return 'refused'
  const feature = missingFeature(failure, 's3:PutObject')
  // A store that names no header refuses the one that few stores have.
  if (feature === 'condition' || feature === 'other') return 'unsupported'
  // If the file is gone, there is no tag to match: S3 responds with 404.
  return code === 'NoSuchKey' && condition !== 'absent' ? 'refused' : undefined
}

/** Whether the stored file was written by this run, with these bytes. */
async function isOwn(at: Bucket, file: Upload): Promise<boolean> {
  const stored = await getFile(at, file.key, 'metadata', 1)
  const isSame = (name: string) => stored?.metadata[name] === file.metadata[name]
  return isSame('run-id') && isSame('sha256')
}
