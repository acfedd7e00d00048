// The two requests that a run sends by the thousand, a file into the bucket and the footer of one: signed here, sent by
// fetch. The SDK's way through its middleware takes six times the processor's time. Region, endpoint, credentials and their
// refresh stay the SDK's, and what goes wrong is thrown as the SDK would throw it.
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { IngestError } from '../../core/errors.ts'
import type { Fetch } from '../../core/fetch.ts'
import { createDeadline, type Deadline } from './deadline.ts'
import type { Condition, Upload } from './create-only.ts'
import { refusalInSdkShape } from './sdk-error.ts'
import { createSigner, encodePart, type SigningScope } from './sigv4.ts'

/** An answer to a read: the ETag, undefined where there is none, and what was asked for. */
export type Read = {
  readonly tag: string | undefined
  readonly bytes: Uint8Array
  readonly metadata: Readonly<Record<string, string>>
}

/** Which bytes of a file to read (as in a Range header), and the error that says that they are too many. */
export type Part = {
  readonly range: string
  readonly maxBytes: number
  readonly tooLarge: (bytes: number) => Error
}

/** Each sends one request once; rejects as the SDK does. */
export type Wire = {
  /** Resolves to the ETag, undefined where the answer has none. */
  readonly put: (file: Upload, condition: Condition | undefined) => Promise<string | undefined>
  readonly get: (key: string, part: Part) => Promise<Read>
  readonly cut: Deadline['cut']
}

export type WireOptions = {
  readonly client: S3Client
  readonly bucket: string
  readonly fetch: Fetch
  /** How long one request may take, its answer included. */
  readonly timeoutMs: number
  /** Milliseconds since 1970, for signatures: the machine's own clock, whatever `--now` says. */
  readonly nowMs: () => number
}

/** Where files go, as the SDK's endpoint rules have it: virtual host, path style, FIPS, a custom endpoint. */
type Destination = {
  readonly url: URL
  /** Of the bucket, without a slash at its end. */
  readonly path: string
  readonly sign: ReturnType<typeof createSigner>
  /** Whether the store is to check the bytes: on unless the SDK's own setting says that it cannot. */
  readonly hasChecksum: boolean
}

/** More than any refusal of S3 has. */
const MAX_ANSWER_BYTES = 65_536

/** SHA-256 of nothing, the body of a read. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

type Message = {
  readonly method: 'GET' | 'PUT'
  readonly key: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** Sends nothing yet. */
export function openWire({ client, bucket, fetch, timeoutMs, nowMs }: WireOptions): Wire {
  let found: Promise<Destination> | undefined
  const deadline = createDeadline(timeoutMs)

  async function destination(): Promise<Destination> {
    found ??= findDestination(client, bucket)
    try {
      return await found
    } catch (error) {
      // It takes credentials too, and who gives them may be away for a moment: the next try asks again.
      found = undefined
      throw error
    }
  }

  /** One request; `read` takes what is wanted of a good answer, body and all. */
  async function send<T>(message: Message, read: (response: Response) => Promise<T>): Promise<T> {
    const { url, path, sign } = await destination()
    const { method, key, headers, body } = message
    const target = `${path}/${key.split('/').map(encodePart).join('/')}`
    const request = { method, host: url.host, path: target, headers, nowMs: nowMs() }
    // The SDK keeps them and fetches new ones before they expire.
    const { host, ...signed } = sign(request, await client.config.credentials())
    return await deadline.within(async (signal) => {
      const init = {
        method,
        headers: signed,
        ...(body === undefined ? {} : { body }),
        redirect: 'manual',
        signal,
        decompress: false,
        // The SDK's own requests know of no proxy, and one run must not go two ways.
        proxy: false,
      } as const
      const response = await fetch(`${url.protocol}//${host}${target}`, init)
      const isGood = response.status === 200 || (method === 'GET' && response.status === 206)
      if (!isGood) {
        throw refusalInSdkShape(response.status, response.headers, await readText(response))
      }
      return await read(response)
    })
  }

  return {
    put: async (file, condition) => {
      const { hasChecksum } = await destination()
      const headers = headersOf(file, condition, hasChecksum)
      return await send({ method: 'PUT', key: file.key, headers, body: file.bytes }, async (response) => {
        // Read to its end, or the connection could not be used again.
        if (response.headers.get('content-length') !== '0') await readText(response)
        return response.headers.get('etag') ?? undefined
      })
    },
    get: async (key, part) => {
      const headers = { range: part.range, 'x-amz-content-sha256': EMPTY_SHA256 }
      return await send({ method: 'GET', key, headers }, async (response) => {
        const tag = response.headers.get('etag') ?? undefined
        // Without one it is no answer of a store, and its body may have any size.
        const bytes = tag === undefined ? await discard(response) : await readBytes(response, part)
        return { tag, bytes, metadata: metadataIn(response.headers) }
      })
    },
    cut: deadline.cut,
  }
}

async function discard(response: Response): Promise<Uint8Array> {
  await response.body?.cancel()
  return new Uint8Array(0)
}

/** A body that is shorter than announced rejects here. */
async function readBytes(response: Response, { maxBytes, tooLarge }: Part): Promise<Uint8Array> {
  const announced = Number(response.headers.get('content-length') ?? '0')
  if (announced > maxBytes) {
    await discard(response)
    throw tooLarge(announced)
  }
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.length
    if (bytes > maxBytes) throw tooLarge(bytes)
    pieces.push(piece)
  }
  return new Uint8Array(Buffer.concat(pieces))
}

const METADATA_PREFIX = 'x-amz-meta-'

function metadataIn(headers: Headers): Record<string, string> {
  const entries = [...headers].filter(([name]) => name.startsWith(METADATA_PREFIX))
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(METADATA_PREFIX.length), value]))
}

/** Asks the SDK where it would send a file, and stops it before it does. */
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

/** The region and service that a signature is for; another kind than SigV4 is that of a bucket this program cannot use. */
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

/** CRC-32 in the form of S3's headers: four bytes, most significant first, in base64. */
function crc32(bytes: Uint8Array): string {
  const four = new DataView(new ArrayBuffer(4))
  four.setUint32(0, Bun.hash.crc32(bytes))
  return new Uint8Array(four.buffer).toBase64()
}

/** An answer's text, cut where no answer of S3 goes on. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true })
    bytes += piece.length
    if (bytes > MAX_ANSWER_BYTES) break
  }
  return text
}
