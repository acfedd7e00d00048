// What S3's refusals mean, in words that name the place, the cause and the cure. Reads the AWS SDK's errors; the rest
// of the program sees an IngestError only. Scope 'attempt' means: worth another try.
import { IngestError, oneLine } from '../errors.ts'

/** What was being done when it failed. */
export type Operation = {
  /** The permission that it needs, which is also its name. */
  readonly permission: 's3:ListBucket' | 's3:GetObject' | 's3:PutObject'
  readonly bucket: string
  /** For people: `s3://bucket/key`. */
  readonly location: string
}

/** The SDK's error taken apart; `code` is S3's, `status` is absent when no answer came. */
type Failure = { code: string; status: number | undefined; said: string; fields: Record<string, unknown> }

type Explanation = { what: string; hint: string }

/** S3's error code, `Unknown` where the answer had none (it did not come from S3). */
export function errorCode(error: unknown): string {
  return dissect(error).code
}

/**
 * The failure as this program tells it. Network trouble, timeouts, throttling and server errors have scope 'attempt',
 * what only the user can mend has scope 'run'. Returns an error that is no answer of the store (a bug) as it came.
 */
export function toStoreError(error: unknown, operation: Operation): unknown {
  if (error instanceof IngestError || !(error instanceof Error)) return error
  const failure = dissect(error)
  const scope = isTransient(failure) ? 'attempt' : 'run'
  const explained = scope === 'attempt' ? explainTransient(failure) : explainLasting(failure, operation)
  if (explained === undefined) return error
  return new IngestError(`${operation.location}: ${explained.what}`, {
    kind: 'store',
    scope,
    hint: explained.hint,
    cause: error,
  })
}

/** An answer with status 200 that S3 would not give, so that it may come from a proxy: worth another try. */
export function strangeAnswer(operation: Operation, what: string): IngestError {
  return new IngestError(`${operation.location}: ${what}`, { kind: 'store', scope: 'attempt', hint: STRANGER_HINT })
}

/** Whether the bytes were damaged on the way; if that goes on, more tries will not help. */
export function isDamage(error: unknown): boolean {
  return DAMAGE_CODES.has(dissect(error instanceof IngestError ? error.cause : error).code)
}

const STRANGER_HINT = 'A proxy or a login page may be answering in place of the store: check AWS_ENDPOINT_URL_S3.'

const DAMAGE_CODES = new Set([
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
const NETWORK_CODE =
  /^(ECONN\w+|EPIPE|EPROTO|ETIMEDOUT|ENOTFOUND|EAI_\w+|EHOST\w+|ENET\w+|EADDRNOTAVAIL|HPE_\w+|ERR_STREAM_PREMATURE_CLOSE|TimeoutError)$/

function isTransient({ code, status }: Failure): boolean {
  if (DAMAGE_CODES.has(code) || TRANSIENT_CODES.has(code) || NETWORK_CODE.test(code)) return true
  return status !== undefined && TRANSIENT_STATUSES.has(status)
}

function dissect(error: unknown): Failure {
  const fields: Record<string, unknown> = typeof error === 'object' && error !== null ? { ...error } : {}
  const message = textOf(error, 'message')
  const metadata = fields['$metadata'] as { httpStatusCode?: number } | undefined
  const status = metadata?.httpStatusCode
  const response: unknown = error instanceof Error && '$response' in error ? error.$response : undefined
  return {
    code: codeOf(error, message, fields, status),
    status,
    said: oneLine(message, 300),
    fields: { ...fields, ...headersOf(response) },
  }
}

function codeOf(error: unknown, message: string, fields: Record<string, unknown>, status: number | undefined): string {
  if (message.startsWith('Checksum mismatch')) return 'ChecksumMismatch'
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

function explainTransient({ code, status, said }: Failure): Explanation {
  if (DAMAGE_CODES.has(code)) {
    return {
      what: `the bytes were damaged on the way (${code})`,
      hint: 'Check the network between here and the store.',
    }
  }
  if (status === undefined || NETWORK_CODE.test(code)) {
    const hint = 'Check the network and AWS_ENDPOINT_URL_S3, then run again: what is stored is kept.'
    return { what: `no answer from the store (${code}: ${said})`, hint }
  }
  if (status === 200) return { what: 'an answer that is not from S3', hint: STRANGER_HINT }
  const what = `the store is busy or out of order (${status} ${code})`
  return { what, hint: 'Run again later: what is stored is kept. A lower UPLOAD_CONCURRENCY asks less of it.' }
}

const WRONG_KEY = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'UnrecognizedClientException']
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']
/** The last two: a file that the profile or AWS_WEB_IDENTITY_TOKEN_FILE names. */
const NO_CREDENTIALS = ['CredentialsProviderError', 'TokenProviderError', 'ENOENT', 'EACCES']
const OTHER_REGION = [
  'PermanentRedirect',
  'TemporaryRedirect',
  'Redirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]
const QUOTA = ['QuotaExceeded', 'InsufficientStorage', 'InsufficientCapacity', 'XMinioStorageFull', 'TooManyBuckets']

/** Codes and what to say of them; the first row that names the code speaks. */
const EXPLANATIONS: readonly [codes: readonly string[], explain: (f: Failure, o: Operation) => Explanation][] = [
  [['NoSuchBucket', 'InvalidBucketName'], noBucket],
  [WRONG_KEY, wrongKey],
  [EXPIRED, expired],
  [NO_CREDENTIALS, noCredentials],
  [OTHER_REGION, otherRegion],
  [['RequestTimeTooSkewed'], skewed],
  [QUOTA, quota],
  [['NotImplemented'], unsupported],
]

function explainLasting(failure: Failure, operation: Operation): Explanation | undefined {
  const explain = EXPLANATIONS.find(([codes]) => codes.includes(failure.code))?.[1]
  if (explain !== undefined) return explain(failure, operation)
  const { code, status, said } = failure
  if (status === 401 || status === 403) return denied(failure, operation)
  if (status === 501) return unsupported(failure)
  if (status !== undefined) {
    const hint = 'Check the bucket, AWS_REGION and AWS_ENDPOINT_URL_S3.'
    return { what: `${operation.permission} was refused (${status} ${code}: ${said})`, hint }
  }
  if (code === 'ERR_INVALID_URL') {
    return { what: 'AWS_ENDPOINT_URL_S3 is no URL', hint: 'Write it with its scheme: https://host.' }
  }
  return /CERT|TLS|SSL/.test(code) ? untrusted(failure) : undefined
}

function noBucket({ code }: Failure, { bucket }: Operation): Explanation {
  const what = code === 'NoSuchBucket' ? `there is no bucket "${bucket}"` : `"${bucket}" is no name of a bucket`
  return { what, hint: 'Check S3_BUCKET (or --out), or create the bucket.' }
}

function denied({ said }: Failure, { permission, bucket }: Operation): Explanation {
  const what = `access denied to ${permission} (the store says: ${said})`
  if (said.includes('sts:')) {
    return { what, hint: 'The role could not be taken on: check its trust policy and AWS_ROLE_ARN.' }
  }
  const resource = permission === 's3:ListBucket' ? `arn:aws:s3:::${bucket}` : `arn:aws:s3:::${bucket}/*`
  return { what, hint: `Allow ${permission} on ${resource}.${ALSO[permission]}` }
}

/** What else can make S3 answer "denied". */
const ALSO: Record<Operation['permission'], string> = {
  's3:ListBucket': '',
  's3:GetObject': ' Without s3:ListBucket, files that do not exist look denied too.',
  's3:PutObject': ' Replacing a stored file takes s3:GetObject as well.',
}

function wrongKey({ code }: Failure): Explanation {
  const which = code === 'SignatureDoesNotMatch' ? 'secret key does not fit the access key' : 'access key is not known'
  const what = `the credentials are refused: the ${which} (${code})`
  return { what, hint: 'Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile.' }
}

function expired({ code }: Failure): Explanation {
  const hint =
    'Get new credentials and run again: it goes on where it stopped. For long runs raise the role’s session duration.'
  return { what: `the credentials have expired (${code})`, hint }
}

function noCredentials({ said }: Failure): Explanation {
  const hint = 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role with a web identity.'
  return { what: `no AWS credentials found (${said})`, hint }
}

function otherRegion({ code, fields }: Failure, { bucket }: Operation): Explanation {
  const region = fields['Region'] ?? fields['bucketRegion'] ?? regionOfHost(fields['Endpoint'])
  const what = `the bucket "${bucket}" is asked for in the wrong region (${code})`
  if (typeof region !== 'string') return { what, hint: "Set AWS_REGION to the bucket's own region." }
  return { what: `${what}: it expects ${oneLine(region, 40)}`, hint: `Set AWS_REGION=${oneLine(region, 40)}.` }
}

function regionOfHost(host: unknown): string | undefined {
  return typeof host === 'string' ? /s3[.-]([a-z]{2}[a-z-]*-\d)\./.exec(host)?.[1] : undefined
}

function skewed({ fields }: Failure): Explanation {
  const offMs = Math.abs(instantOf(fields['ServerTime']) - instantOf(fields['RequestTime']))
  const off = Number.isNaN(offMs) ? '' : ` by ${Math.round(offMs / 60_000)} minutes`
  const what = `this machine's clock is off${off} (RequestTimeTooSkewed)`
  return { what, hint: 'Set the clock (NTP): S3 refuses requests signed more than 15 minutes off.' }
}

/** Milliseconds since 1970 of `20240930T120000Z` or an ISO instant, NaN for anything else. */
function instantOf(text: unknown): number {
  if (typeof text !== 'string') return Number.NaN
  return Date.parse(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

function quota({ code }: Failure, { bucket }: Operation): Explanation {
  return {
    what: `the store has no room left (${code})`,
    hint: `Raise the quota of "${bucket}" or make room, then run again.`,
  }
}

function unsupported({ said }: Failure): Explanation {
  const hint = 'This program needs If-None-Match and If-Match on PUT: use a store that has them.'
  return { what: `the store does not support this request (501 NotImplemented: ${said})`, hint }
}

function untrusted({ code }: Failure): Explanation {
  const hint = 'Check AWS_ENDPOINT_URL_S3; a private authority is named by NODE_EXTRA_CA_CERTS.'
  return { what: `the store's TLS certificate is not trusted (${code})`, hint }
}
