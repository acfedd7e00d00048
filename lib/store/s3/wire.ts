// The two requests that a run sends by the thousand: PUT of a file and GET of a footer. They are signed here and sent by
// fetch, which takes 0.30 ms of CPU for a file; the SDK's middleware takes 1.12. The SDK still gives region, endpoint and
// credentials and refreshes them. Errors are thrown in the SDK's shape.
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { IngestError } from '../../core/errors.ts'
import type { Fetch } from '../../core/fetch.ts'
import { createDeadline, type Deadline } from './deadline.ts'
import type { Condition, Upload } from './create-only.ts'
import { sdkErrorOf } from './sdk-error.ts'
import { createSigner, encodePart, type SigningScope } from './sigv4.ts'

/** The response to a read. `tag` is the ETag, undefined if there is none. */
export type Read = {
  readonly tag: string | undefined
  readonly bytes: Uint8Array
  readonly metadata: Readonly<Record<string, string>>
  /** The header `Date`: the store's clock, in whole seconds. */
  readonly date?: string | undefined
}

/** Which bytes of a file to read. */
export type Part = {
  /** The value of the Range header. A store may ignore it and send the whole file. */
  readonly range: string
  readonly maxBytes: number
  /** The error of a response with more than `maxBytes`; if not given, such a response is read no further. */
  readonly tooLarge?: (bytes: number, status: number) => Error
}

/** Each function sends one request once, without retries, and rejects with an error in the SDK's shape. */
export type Wire = {
  /** Resolves to the ETag, undefined if the response has none. */
  readonly put: (file: Upload, condition: Condition | undefined) => Promise<string | undefined>
  readonly get: (key: string, part: Part) => Promise<Read>
  readonly cancel: Deadline['cancel']
}

export type WireOptions = {
  readonly client: S3Client
  readonly bucket: string
  readonly fetch: Fetch
  /** How long one request may take, response included. */
  readonly timeoutMs: number
  readonly userAgent: string
  /** Milliseconds since 1970, for signatures: the machine's own clock, whatever `--now` says. */
  readonly nowMs: () => number
}

/** The bucket's endpoint by the SDK's rules: virtual host, path style, FIPS, a custom endpoint. */
type Destination = {
  readonly url: URL
  /** The path of the bucket, without a trailing slash. */
  readonly path: string
  readonly sign: ReturnType<typeof createSigner>
  /** Whether to send a checksum: yes, unless the SDK's setting says that the store does not support it. */
  readonly hasChecksum: boolean
}

/** No error document of S3 is longer. */
const MAX_ERROR_BYTES = 65_536

/** SHA-256 of the empty body of a GET. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

type Message = {
  readonly method: 'GET' | 'PUT'
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Sends nothing yet. */
export function openWire({ client, bucket, fetch, timeoutMs, userAgent, nowMs }: WireOptions): Wire {
  let found: Promise<Destination> | undefined
  const deadline = createDeadline(timeoutMs)

  async function destination(): Promise<Destination> {
    found ??= findDestination(client, bucket)
    try {
      return await found
    } catch (error) {
      // The endpoint needs credentials, whose provider may be out of reach for a moment: the next attempt asks again.
      found = undefined
      throw error
    }
  }

  /** Sends one request; `read` reads a successful response, its body included. */
  async function send<T>(message: Message, read: (response: Response) => Promise<T>): Promise<T> {
    const { url, path, sign } = await destination()
    const { method, key, headers, body } = message
    const target = `${path}/${key.split('/').map(encodePart).join('/')}`
    const request = { method, host: url.host, path: target, headers, nowMs: nowMs() }
    // The SDK caches credentials and fetches new ones before they expire.
    const { host, ...signed } = sign(request, await client.config.credentials())
    return await deadline.within(async (signal) => {
      const init = {
        method,
        // Not signed: a proxy may change it.
        headers: { ...signed, 'user-agent': userAgent },
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
        signal,
        decompress: false,
      } as const
      const response = await fetch(`${url.protocol}//${host}${target}`, init)
      const isGood = response.status === 200 || (method === 'GET' && response.status === 206)
      if (!isGood) {
        throw sdkErrorOf(response.status, response.headers, await readText(response))
      }
      return await read(response)
    })
  }

  return {
    put: async (file, condition) => {
      const { hasChecksum } = await destination()
      const headers = headersOf(file, condition, hasChecksum)
      return await send({ method: 'PUT', key: file.key, headers, body: file.bytes }, async (response) => {
        // The body must be read to its end, or the connection cannot be reused.
        if (response.headers.get('content-length') !== '0') await readText(response)
        return response.headers.get('etag') ?? undefined
      })
    },
    get: async (key, part) => {
      const headers = { range: part.range, 'x-amz-content-sha256': EMPTY_SHA256 }
      return await send({ method: 'GET', key, headers }, async (response) => {
        const tag = response.headers.get('etag') ?? undefined
        // Without an ETag it is no response of a store, and its body may have any size.
        const bytes = tag === undefined ? await discard(response) : await readBytes(response, part)
        const date = response.headers.get('date') ?? undefined
        return { tag, bytes, metadata: metadataIn(response.headers), date }
      })
    },
    cancel: deadline.cancel,
  }
}

async function discard(response: Response): Promise<Uint8Array> {
  await response.body?.cancel()
  return new Uint8Array(0)
}

/** Rejects if the body is shorter than its Content-Length. */
async function readBytes(response: Response, { maxBytes, tooLarge }: Part): Promise<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? '0')
  if (announced > maxBytes) {
    const nothing = await discard(response)
    if (tooLarge === undefined) return nothing
    throw tooLarge(announced, response.status)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) {
      if (tooLarge === undefined) break
      throw tooLarge(size, response.status)
    }
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

const METADATA_PREFIX = 'x-amz-meta-'

function metadataIn(headers: Headers): Record<string, string> {
  const entries = [...headers].filter(([name]) => name.startsWith(METADATA_PREFIX))
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(METADATA_PREFIX.length), value]))
}

/** Lets the SDK resolve the endpoint of a write, and stops it before it sends. */
async function findDestination(client: S3Client, bucket: string): Promise<Destination> {
  let endpoint: { readonly url: URL; readonly properties?: Record<string, unknown> } | undefined
  const command = new PutObjectCommand({ Bucket: bucket, Key: 'key' })
  command.middlewareStack.add(
    (_send, context) => async () => {
      endpoint = context.endpointV2
      return { output: { $metadata: {} }, response: undefined }
    },
    { step: 'build', name: 'stopBeforeSending' },
  )
  await client.send(command)
  if (endpoint === undefined) throw new Error('The SDK has resolved no endpoint')
  const { url } = endpoint
  return {
    url,
    path: url.pathname.replace(/\/$/, ''),
    sign: createSigner(await scopeOf(endpoint.properties, client)),
    hasChecksum: (await client.config.requestChecksumCalculation()) !== 'WHEN_REQUIRED',
  }
}

/** The region and service to sign for. Throws an IngestError for buckets that need another scheme than SigV4. */
async function scopeOf(properties: Record<string, unknown> = {}, client: S3Client): Promise<SigningScope> {
  const [scheme] = (properties['authSchemes'] ?? []) as readonly Readonly<Record<string, string>>[]
  if (scheme !== undefined && scheme['name'] !== 'sigv4') {
    const message = 'This kind of bucket (a directory bucket or an access point of several regions) is not supported'
    throw new IngestError(message, { kind: 'store', scope: 'run', hint: 'Use an ordinary bucket.' })
  }
  return {
    region: scheme?.['signingRegion'] ?? (await client.config.region()),
    service: scheme?.['signingName'] ?? 's3',
  }
}

function headersOf(
  { bytes, metadata }: Upload,
  condition: Condition | undefined,
  hasChecksum: boolean,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/octet-stream',
    'x-amz-content-sha256': metadata['sha256'] ?? '',
  }
  for (const [name, value] of Object.entries(metadata)) headers[`${METADATA_PREFIX}${name}`] = value
  if (condition === 'absent') headers['if-none-match'] = '*'
  else if (condition !== undefined) headers['if-match'] = condition.tag
  if (hasChecksum) {
    headers['x-amz-sdk-checksum-algorithm'] = 'CRC32'
    headers['x-amz-checksum-crc32'] = crc32(bytes)
  }
  return headers
}

/** CRC-32 as in S3's headers: four bytes, most significant first, in base64. */
function crc32(bytes: Uint8Array): string {
  const four = new DataView(new ArrayBuffer(4))
  four.setUint32(0, Bun.hash.crc32(bytes))
  return new Uint8Array(four.buffer).toBase64()
}

/** The text of a body, cut after MAX_ERROR_BYTES. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    bytes += chunk.length
    if (bytes > MAX_ERROR_BYTES) break
  }
  return text
}
