// The one request that a run sends by the thousand, a file into the bucket: signed by the SDK's own signer, sent by fetch.
// The SDK's way through its middleware takes three times the processor's time. Region, endpoint, credentials and their
// refresh stay the SDK's, and what goes wrong is thrown as the SDK would throw it.
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { Fetch } from '../exchange.ts'
import type { Condition, Upload } from './proof.ts'
import { refusalInSdkShape } from './s3-failure.ts'

/** Sends a file once. Resolves to the ETag, undefined where the answer has none; rejects as the SDK does. */
export type Put = (file: Upload, condition: Condition | undefined) => Promise<string | undefined>

export type PutOptions = {
  readonly client: S3Client
  readonly bucket: string
  readonly fetch: Fetch
  /** How long one request may take, its answer included. */
  readonly timeoutMs: number
}

type Signer = Awaited<ReturnType<S3Client['config']['signer']>>

/** Where files go, as the SDK's endpoint rules have it: virtual host, path style, FIPS, a custom endpoint. */
type Destination = {
  readonly url: URL
  /** Of the bucket, without a slash at its end. */
  readonly path: string
  readonly signer: Signer
  /** Whether the store is to check the bytes: on unless the SDK's own setting says that it cannot. */
  readonly hasChecksum: boolean
}

/** More than any refusal of S3 has. */
const MAX_ANSWER_BYTES = 65_536

/** Sends nothing yet. */
export function openPut({ client, bucket, fetch, timeoutMs }: PutOptions): Put {
  let destination: Promise<Destination> | undefined
  return async (file, condition) => {
    destination ??= findDestination(client, bucket)
    const { url, path, signer, hasChecksum } = await destination
    const target = `${path}/${file.key.split('/').map(encodePart).join('/')}`
    const { host, ...headers } = await sign(signer, {
      ...addressOf(url),
      method: 'PUT',
      path: target,
      headers: headersOf(file, condition, { host: url.host, hasChecksum }),
      body: file.bytes,
    })
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
      const response = await fetch(`${url.protocol}//${host}${target}`, init)
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
  const [scheme] = (endpoint.properties?.['authSchemes'] ?? []) as NonNullable<
    Parameters<typeof client.config.signer>[0]
  >[]
  const { url } = endpoint
  return {
    url,
    path: url.pathname.replace(/\/$/, ''),
    signer: await client.config.signer(scheme),
    hasChecksum: (await client.config.requestChecksumCalculation()) !== 'WHEN_REQUIRED',
  }
}

function addressOf({ protocol, hostname, port }: URL) {
  return { protocol, hostname, ...(port === '' ? {} : { port: Number(port) }), query: {} }
}

type Request = Parameters<Signer['sign']>[0]

async function sign(signer: Signer, request: Request): Promise<Record<string, string>> {
  // The signer's credentials are the client's: it fetches new ones before they expire.
  return (await signer.sign(request)).headers
}

function headersOf(
  { bytes, metadata }: Upload,
  condition: Condition | undefined,
  { host, hasChecksum }: { readonly host: string; readonly hasChecksum: boolean },
): Record<string, string> {
  const headers: Record<string, string> = {
    host,
    'content-type': 'application/octet-stream',
    // Known already, and the signer does not hash again what it finds here.
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
