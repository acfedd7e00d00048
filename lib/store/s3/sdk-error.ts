import { oneLine } from '../../core/text.ts'
// Reads S3's code and message from an error of the AWS SDK, wherever the SDK has put them; and builds an error in the SDK's
// shape from a response that the SDK has not seen.

/** What is read from the SDK's error. `code` is S3's; `status` is undefined if there was no response. */
export type Failure = {
  readonly code: string
  readonly status: number | undefined
  /** The store's own message, empty if there is none. */
  readonly said: string
  readonly fields: Record<string, unknown>
}

/** The bytes that arrived are not those that were sent. */
export const DAMAGE_CODES = new Set([
  'BadDigest',
  'IncompleteBody',
  'InvalidDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  'ChecksumMismatch',
])
const TRANSIENT_CODES = new Set(['ConditionalRequestConflict', 'OperationAborted', 'RequestTimeout', 'SlowDown'])
/** 200 is among them: an error with status 200 means that the response is not S3's. */
const TRANSIENT_STATUSES = new Set([200, 408, 429, 500, 502, 503, 504])
/** The SDK's and the runtime's codes for a failed connection. */
export const NETWORK_CODE =
  /^(ECONN\w+|EPIPE|EPROTO|ETIMEDOUT|ENOTFOUND|EAI_\w+|EHOST\w+|ENET\w+|EADDRNOTAVAIL|HPE_\w+|ERR_STREAM_PREMATURE_CLOSE|TimeoutError)$/

/** Whether a retry may succeed. */
export function isTransient({ code, status, fields }: Failure): boolean {
  if (DAMAGE_CODES.has(code) || TRANSIENT_CODES.has(code) || NETWORK_CODE.test(code)) return true
  if (status !== undefined) return TRANSIENT_STATUSES.has(status)
  // fetch has dozens of codes for responses that are not HTTP, all with lower-case letters (InvalidHTTPResponse). The codes
  // for certificates and bad arguments have capitals only.
  return typeof fields['code'] === 'string' && /[a-z]/.test(fields['code'])
}

/** Reads an error of the SDK. */
export function parseSdkError(error: unknown): Failure {
  const fields: Record<string, unknown> = typeof error === 'object' && error !== null ? { ...error } : {}
  const message = textOf(error, 'message')
  const metadata = fields['$metadata'] as { httpStatusCode?: number } | undefined
  const status = metadata?.httpStatusCode
  const response: unknown = error instanceof Error && '$response' in error ? error.$response : undefined
  return {
    code: codeOf(error, message, fields, status),
    status,
    // The sentence of a denial is long, and its end names the policy.
    said: message === 'UnknownError' ? '' : oneLine(message, 1_000),
    fields: { ...fields, ...headersOf(response) },
  }
}

function codeOf(error: unknown, message: string, fields: Record<string, unknown>, status: number | undefined): string {
  if (message.startsWith('Checksum mismatch')) return 'ChecksumMismatch'
  // These errors of the runtime have no code of their own.
  if (message.startsWith('Hostname/IP does not match')) return 'ERR_TLS_CERT_ALTNAME_INVALID'
  if (/^Header '[^']+' has invalid value|^Invalid character in header/.test(message)) return 'ERR_INVALID_CHAR'
  const name = oneLine(textOf(error, 'name'), 80) || 'Unknown'
  // A connection that broke within the response has a status too.
  if (typeof fields['code'] === 'string' && NETWORK_CODE.test(fields['code'])) return fields['code']
  if (status !== undefined) return status === 200 ? 'Unknown' : name
  return typeof fields['code'] === 'string' ? fields['code'] : name
}

/** Not always a text: the SDK copies the response's XML into the error, and two messages make a list. */
function textOf(error: unknown, field: 'name' | 'message'): string {
  const value: unknown = error instanceof Error ? error[field] : undefined
  return typeof value === 'string' ? value : ''
}

function headersOf(response: unknown): Record<string, unknown> {
  const headers = (response as { headers?: Record<string, unknown> } | undefined)?.headers
  return headers === undefined ? {} : { bucketRegion: headers['x-amz-bucket-region'], date: headers['date'] }
}

const XML_ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

/**
 * An error response as the error that the SDK throws: its name is S3's code; it has S3's message, status, headers and the
 * fields of the XML (`Region`, `ServerTime`). A `body` that is not S3's gives the SDK's error for that.
 */
export function sdkErrorOf(status: number, headers: Headers, body: string): Error {
  const fields: Record<string, string> = {}
  // S3's error documents are flat: <Error><Code>…</Code><Message>…</Message>…</Error>.
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
