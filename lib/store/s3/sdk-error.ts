import { oneLine } from '../../core/text.ts'
// An error of the AWS SDK taken apart: S3's code and words, wherever the SDK has put them. And a refusal put together as
// the SDK would, where the SDK has not seen the answer.

/** The SDK's error taken apart; `code` is S3's, `status` is absent when no answer came. */
export type Failure = {
  readonly code: string
  readonly status: number | undefined
  /** The store's own words, empty where it has none. */
  readonly said: string
  readonly fields: Record<string, unknown>
}

/** The bytes that came are not those that were sent. */
export const DAMAGE_CODES = new Set([
  'BadDigest',
  'IncompleteBody',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  'ChecksumMismatch',
])
const TRANSIENT_CODES = new Set(['ConditionalRequestConflict', 'OperationAborted', 'RequestTimeout', 'SlowDown'])
/** With 200 among them: an error then means that the answer is not S3's. */
const TRANSIENT_STATUSES = new Set([200, 408, 429, 500, 502, 503, 504])
/** The SDK's and the runtime's names for a connection that failed. */
export const NETWORK_CODE =
  /^(ECONN\w+|EPIPE|EPROTO|ETIMEDOUT|ENOTFOUND|EAI_\w+|EHOST\w+|ENET\w+|EADDRNOTAVAIL|HPE_\w+|ERR_STREAM_PREMATURE_CLOSE|TimeoutError)$/

/** Whether another try may succeed. */
export function isTransient({ code, status, fields }: Failure): boolean {
  if (DAMAGE_CODES.has(code) || TRANSIENT_CODES.has(code) || NETWORK_CODE.test(code)) return true
  if (status !== undefined) return TRANSIENT_STATUSES.has(status)
  // fetch has dozens of codes for answers that are no HTTP, all with small letters (InvalidHTTPResponse). Certificates and
  // bad arguments have capitals only.
  return typeof fields['code'] === 'string' && /[a-z]/.test(fields['code'])
}

/** Takes an error of the SDK apart. */
export function dissect(error: unknown): Failure {
  const fields: Record<string, unknown> = typeof error === 'object' && error !== null ? { ...error } : {}
  const message = textOf(error, 'message')
  const metadata = fields['$metadata'] as { httpStatusCode?: number } | undefined
  const status = metadata?.httpStatusCode
  const response: unknown = error instanceof Error && '$response' in error ? error.$response : undefined
  return {
    code: codeOf(error, message, fields, status),
    status,
    said: message === 'UnknownError' ? '' : oneLine(message, 300),
    fields: { ...fields, ...headersOf(response) },
  }
}

function codeOf(error: unknown, message: string, fields: Record<string, unknown>, status: number | undefined): string {
  if (message.startsWith('Checksum mismatch')) return 'ChecksumMismatch'
  // These errors of the runtime have no code, or hide it.
  if (message.startsWith('Hostname/IP does not match')) return 'ERR_TLS_CERT_ALTNAME_INVALID'
  if (/^Header '[^']+' has invalid value|^Invalid character in header/.test(message)) return 'ERR_INVALID_CHAR'
  const name = oneLine(textOf(error, 'name'), 80) || 'Unknown'
  // A refusal whose words were cut off on the way has a status too, and is none.
  if (typeof fields['code'] === 'string' && NETWORK_CODE.test(fields['code'])) return fields['code']
  if (status !== undefined) return status === 200 ? 'Unknown' : name
  return typeof fields['code'] === 'string' ? fields['code'] : name
}

/** The SDK copies what the answer's XML holds into the error: two messages make a list. */
function textOf(error: unknown, field: 'name' | 'message'): string {
  const value: unknown = error instanceof Error ? error[field] : undefined
  return typeof value === 'string' ? value : ''
}

function headersOf(response: unknown): Record<string, unknown> {
  const headers = (response as { headers?: Record<string, unknown> } | undefined)?.headers
  return headers === undefined ? {} : { bucketRegion: headers['x-amz-bucket-region'] }
}

const XML_ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

/**
 * A refusal as the SDK throws it: named by S3's code, with S3's words, status, headers and the fields of the answer's XML
 * (`Region`, `ServerTime`). `body` that is not S3's makes the error that the SDK makes of it.
 */
export function refusalInSdkShape(status: number, headers: Headers, body: string): Error {
  const fields: Record<string, string> = {}
  // S3's answers are flat: <Error><Code>…</Code><Message>…</Message>…</Error>.
  for (const [, name = '', text = ''] of body.matchAll(/<([A-Za-z]\w*)>([^<]*)<\/\1>/g)) {
    fields[name] ??= text.replaceAll(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => XML_ENTITIES[entity] ?? '')
  }
  const { Code: code, Message: message, ...others } = fields
  const isForeign = code === undefined && body.trim() !== ''
  const error = new Error(isForeign ? 'Deserialization error: no XML of S3' : (message ?? 'UnknownError'))
  error.name = code ?? (status === 404 && !isForeign ? 'NotFound' : 'Unknown')
  const $response = { headers: Object.fromEntries(headers) }
  return Object.assign(error, { ...others, $metadata: { httpStatusCode: status }, $response })
}
