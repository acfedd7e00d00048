// The one request that a run sends by the thousand, a file into the bucket: signed here, sent by fetch. The SDK's way
// through its middleware takes six times the processor's time. Region, endpoint, credentials and their refresh stay the
// SDK's, and what goes wrong is thrown as the SDK would throw it.
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { IngestError } from '../errors.ts'
import type { Fetch } from '../exchange.ts'
import type { Condition, Upload } from './proof.ts'
import { refusalInSdkShape } from './s3-failure.ts'
import { createSigner, type SigningScope } from './sigv4.ts'

/** Sends a file once. Resolves to the ETag, undefined where the answer has none; rejects as the SDK does. */
export type Put = (file: Upload, condition: Condition | undefined) => Promise<string | undefined>

export type PutOptions = {
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

/** Sends nothing yet. */
export function openPut({ client, bucket, fetch, timeoutMs, nowMs }: PutOptions): Put {
  let destination: Promise<Destination> | undefined
  return async (file, condition) => {
    destination ??= findDestination(client, bucket)
    const { url, path, sign, hasChecksum } = await destination
    const request = {
      method: 'PUT',
      host: url.host,
      path: `${path}/${file.key.split('/').map(encodePart).join('/')}`,
      headers: headersOf(file, condition, hasChecksum),
      nowMs: nowMs(),
    }
    // The SDK keeps them and fetches new ones before they expire.
    const { host, ...headers } = sign(request, await client.config.credentials())
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(timedOut(timeoutMs)), timeoutMs)
    try {
      const init = {
        method: 'PUT',
        headers,
        body: file.bytes,
        redirect: 'manual',
        signal: timeout.signal,
        // The SDK's own requests know of no proxy, and one run must not go two ways.
        proxy: false,
      } as const
      const response = await fetch(`${url.protocol}//${host}${request.path}`, init)
      if (response.status !== 200) {
        throw refusalInSdkShape(response.status, response.headers, await readText(response))
      }
      // Read to its end, or the connection could not be used again.
      if (response.headers.get('content-length') !== '0') await readText(response)
      return response.headers.get('etag') ?? undefined
    } finally {
      // Not AbortSignal.timeout, whose timers would all stay until their time: thousands of them.
      clearTimeout(timer)
    }
  }
}

function timedOut(timeoutMs: number): DOMException {
  return new DOMException(`no answer within ${timeoutMs / 1_000} s`, 'TimeoutError')
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
  for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name}`] = value
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

/** A part of a key in a signed path: everything but letters, digits and - . _ ~ is escaped (AWS, "UriEncode"). */
function encodePart(part: string): string {
  return encodeURIComponent(part).replaceAll(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
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
