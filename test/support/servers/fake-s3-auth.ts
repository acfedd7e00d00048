// Signature version 4 and body checksums, checked as S3 does: independent of the SDK that made them.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export type Refusal = { readonly status: number; readonly code: string; readonly extra?: string }

type SignedRequest = {
  readonly method: string
  /** Path and query as they stood in the request line. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export type Identity = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly region: string
}

const MAX_SKEW_MS = 15 * 60_000
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/

/** Why S3 would refuse the request's signature, or undefined. */
export function checkSignature(request: SignedRequest, identity: Identity, nowMs: number): Refusal | undefined {
  const { headers } = request
  const [, keyId, day, region, signedHeaders, signature] = AUTHORIZATION.exec(headers['authorization'] ?? '') ?? []
  if (!keyId || !day || !region || !signedHeaders || !signature) return { status: 403, code: 'AccessDenied' }
  if (keyId !== identity.accessKeyId) return { status: 403, code: 'InvalidAccessKeyId' }
  if (region !== identity.region) {
    return { status: 400, code: 'AuthorizationHeaderMalformed', extra: `<Region>${identity.region}</Region>` }
  }
  if (headers['x-amz-security-token'] !== identity.sessionToken) return { status: 400, code: 'InvalidToken' }
  const date = headers['x-amz-date'] ?? ''
  const skew = checkSkew(date, nowMs)
  if (skew !== undefined) return skew
  if (unsigned(headers, signedHeaders.split(';')).length > 0) return { status: 403, code: 'AccessDenied' }
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical(request, signedHeaders))].join('\n')
  const expected = hmac(signingKey(identity.secretAccessKey, day, region), text)
  const isRight = date.startsWith(day) && timingSafeEqual(expected, Buffer.from(signature, 'hex'))
  return isRight ? undefined : { status: 403, code: 'SignatureDoesNotMatch' }
}

/** Why S3 would refuse the body: not the one that was signed, or not the one of the checksums. */
export function checkBody({ headers, body, method }: SignedRequest): Refusal | undefined {
  const signed = headers['x-amz-content-sha256']
  if (signed === undefined) return { status: 400, code: 'InvalidRequest' }
  if (signed.startsWith('STREAMING-')) return { status: 501, code: 'NotImplemented' }
  if (signed !== 'UNSIGNED-PAYLOAD' && signed !== sha256(body))
    return { status: 400, code: 'XAmzContentSHA256Mismatch' }
  if (method === 'PUT' && headers['content-length'] === undefined) return { status: 411, code: 'MissingContentLength' }
  const sums: Record<string, () => string> = {
    'content-md5': () => digest('md5', body),
    'x-amz-checksum-crc32': () => crc32(body),
    'x-amz-checksum-sha1': () => digest('sha1', body),
    'x-amz-checksum-sha256': () => digest('sha256', body),
  }
  const wrong = Object.entries(sums).find(([name, sum]) => headers[name] !== undefined && headers[name] !== sum())
  return wrong === undefined ? undefined : { status: 400, code: 'BadDigest' }
}

/** CRC32 of the bytes as S3 writes it: base64 of four bytes. */
export function crc32(bytes: Uint8Array): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(Bun.hash.crc32(bytes))
  return sum.toString('base64')
}

export function md5Hex(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex')
}

function checkSkew(date: string, nowMs: number): Refusal | undefined {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  if (Math.abs(Date.parse(iso) - nowMs) <= MAX_SKEW_MS) return undefined
  const server = new Date(nowMs).toISOString()
  const extra = `<RequestTime>${date}</RequestTime><ServerTime>${server}</ServerTime>`
  return { status: 403, code: 'RequestTimeTooSkewed', extra }
}

/** S3 wants the host and every x-amz header signed. */
function unsigned(headers: SignedRequest['headers'], signed: readonly string[]): string[] {
  const needed = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))]
  return needed.filter((name) => !signed.includes(name))
}

function canonical({ method, target, headers }: SignedRequest, signedHeaders: string): string {
  const [path = '', query = ''] = target.split('?', 2)
  const pairs = query === '' ? [] : query.split('&').map((pair) => (pair.includes('=') ? pair : `${pair}=`))
  const lines = signedHeaders
    .split(';')
    .map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}\n`)
  const bodyHash = headers['x-amz-content-sha256'] ?? ''
  return [method, path, pairs.toSorted().join('&'), lines.join(''), signedHeaders, bodyHash].join('\n')
}

function signingKey(secret: string, day: string, region: string): Buffer {
  return hmac(hmac(hmac(hmac(Buffer.from(`AWS4${secret}`), day), region), 's3'), 'aws4_request')
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function sha256(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}

function digest(algorithm: string, data: Uint8Array): string {
  return createHash(algorithm).update(data).digest('base64')
}
