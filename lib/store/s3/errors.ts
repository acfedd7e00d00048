// Translates errors of the AWS SDK into IngestErrors with messages that name the file, the cause and the remedy. Scope
// 'attempt' means: worth a retry.
import { IngestError } from '../../core/errors.ts'
import { explainDenial } from './denial.ts'
import { explainFeature } from './features.ts'
import type { Setup } from './setup.ts'
import { DAMAGE_CODES, parseSdkError, isTransient, NETWORK_CODE, type Failure } from './sdk-error.ts'
import { oneLine } from '../../core/text.ts'

/** The operation that failed. */
export type Operation = {
  /** The permission that the operation needs, which is also its name. */
  readonly permission: 's3:ListBucket' | 's3:GetObject' | 's3:PutObject'
  readonly bucket: string
  /** For people: `s3://bucket/key`. */
  readonly location: string
  /** What messages name as the place to look. */
  readonly setup: Pick<Setup, 'endpoint' | 'endpointSetting'>
}

export type Explanation = {
  readonly what: string
  readonly hint: string
  /** The store refuses this operation only. */
  readonly isDenial?: true
}

/** S3's error code; `Unknown` if the response had none (then it did not come from S3). */
export function errorCode(error: unknown): string {
  return parseSdkError(error).code
}

/**
 * The error as an IngestError. Network errors, timeouts, throttling and server errors have scope 'attempt'; errors that only
 * the user can fix have scope 'run'. Returns an error that is not about the store (a bug) as it is.
 */
export function toStoreError(error: unknown, operation: Operation): unknown {
  if (error instanceof IngestError || !(error instanceof Error)) return error
  const failure = parseSdkError(error)
  const scope = isTransient(failure) ? 'attempt' : 'run'
  const explained = scope === 'attempt' ? explainTransient(failure, operation) : explainPermanent(failure, operation)
  if (explained === undefined) return error
  return new IngestError(`${operation.location}: ${explained.what}`, {
    kind: 'store',
    scope,
    hint: explained.hint,
    data: explained.isDenial && { isDenied: true },
    cause: error,
  })
}

/** The error of a response with status 200 that S3 would not send. It may come from a proxy, so it is worth a retry. */
export function unexpectedResponse(operation: Operation, what: string): IngestError {
  const hint = notS3Hint(operation)
  return new IngestError(`${operation.location}: ${what}`, { kind: 'store', scope: 'attempt', hint })
}

/** Whether the bytes were damaged in transit; if that happens again and again, more retries do not help. */
export function isDamage(error: unknown): boolean {
  return DAMAGE_CODES.has(parseSdkError(error instanceof IngestError ? error.cause : error).code)
}

/** Whether there are no credentials, or the token for them is not accepted. */
export function isAboutCredentials(error: unknown): boolean {
  return [...NO_CREDENTIALS, ...BAD_TOKEN].includes(parseSdkError(error).code)
}

/** Whether the store asks for fewer requests. */
export function isThrottled(error: unknown): boolean {
  const { code, status } = parseSdkError(error)
  return code === 'SlowDown' || status === 503 || status === 429
}

/** Where to look if the store is not the right one, or is out of reach. */
function placeOf({ setup: { endpoint, endpointSetting } }: Operation): string {
  if (endpoint === undefined) return `AWS_REGION, and ${endpointSetting} for a store other than AWS`
  // An address may carry a password, which the origin has not.
  return URL.canParse(endpoint) ? `${endpointSetting} (${new URL(endpoint).origin})` : endpointSetting
}

function notS3Hint(operation: Operation): string {
  return `A proxy or a login page may be answering in place of the store: check ${placeOf(operation)}.`
}

function explainTransient({ code, status, said }: Failure, operation: Operation): Explanation {
  if (DAMAGE_CODES.has(code)) {
    return {
      what: `the bytes were damaged on the way (${code})`,
      hint: 'Check the network between here and the store.',
    }
  }
  if (status === undefined || NETWORK_CODE.test(code)) {
    const place = placeOf(operation)
    const hint = said.includes('TLS handshake')
      ? `Check the scheme (http:// or https://) and the port of ${place}.`
      : `Check the network and ${place}, then run again: what is stored is kept.`
    const words = said.startsWith(`${code}: `) ? said : `${code}: ${said}`
    return { what: `no answer from the store (${words})`, hint }
  }
  if (status === 200) return { what: 'an answer that is not from S3', hint: notS3Hint(operation) }
  const what = `the store is busy or out of order (${status} ${code})`
  return { what, hint: 'Run again later: what is stored is kept. A lower UPLOAD_CONCURRENCY asks less of it.' }
}

const WRONG_KEY = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'UnrecognizedClientException']
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']
/** Why a file cannot be read that the profile or AWS_WEB_IDENTITY_TOKEN_FILE names. */
const UNREADABLE = ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EIO']
const NO_CREDENTIALS = ['CredentialsProviderError', 'TokenProviderError', ...UNREADABLE]
/** STS's codes for a bad token; ValidationError is the code for an empty one. */
const BAD_TOKEN = ['InvalidIdentityToken', 'IDPRejectedClaim', 'ValidationError']
const OTHER_REGION = [
  'PermanentRedirect',
  'TemporaryRedirect',
  'Redirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]
const QUOTA = ['QuotaExceeded', 'InsufficientStorage', 'InsufficientCapacity', 'XMinioStorageFull', 'TooManyBuckets']

const SUSPENDED = ['UserSuspended', 'AccountProblem', 'AllAccessDisabled', 'NotSignedUp', 'InvalidPayer']

/** Codes and their explanations; the first row with the code counts. */
const EXPLANATIONS: readonly [codes: readonly string[], explain: (f: Failure, o: Operation) => Explanation][] = [
  [['NoSuchBucket', 'InvalidBucketName'], noBucket],
  [WRONG_KEY, wrongKey],
  [EXPIRED, expired],
  [NO_CREDENTIALS, noCredentials],
  [BAD_TOKEN, badToken],
  [OTHER_REGION, otherRegion],
  [SUSPENDED, suspended],
  [['RequestTimeTooSkewed'], skewed],
  [QUOTA, quota],
  [['EndpointError'], noEndpoint],
  // The code of the SDK and of fetch for a header that cannot be sent.
  [['ERR_INVALID_CHAR'], brokenHeader],
]

function explainPermanent(failure: Failure, operation: Operation): Explanation | undefined {
  const explain = EXPLANATIONS.find(([codes]) => codes.includes(failure.code))?.[1]
  if (explain !== undefined) return explain(failure, operation)
  const { code, status, said } = failure
  // The SDK could not parse the response.
  if (said.includes('Deserialization error'))
    return { what: `an answer that is not from S3 (${status})`, hint: notS3Hint(operation) }
  const lacking = explainFeature(failure, operation)
  if (lacking !== undefined) return lacking
  if (status === 401 || status === 403) return { ...explainDenial(failure, operation), isDenial: true }
  if (status !== undefined) {
    const hint = `Check the bucket, AWS_REGION and ${operation.setup.endpointSetting}.`
    return { what: `${operation.permission} was refused (${[status, code, said].filter(Boolean).join(' ')})`, hint }
  }
  if (code === 'ERR_INVALID_URL') {
    const { endpointSetting } = operation.setup
    return { what: `${endpointSetting} is no URL`, hint: 'Write it with its scheme: https://host.' }
  }
  return /CERT|TLS|SSL|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH/.test(code) ? untrusted(failure, operation) : undefined
}

function noBucket({ code }: Failure, { bucket, setup }: Operation): Explanation {
  const what = code === 'NoSuchBucket' ? `there is no bucket "${bucket}"` : `"${bucket}" is no name of a bucket`
  return { what, hint: `Check S3_BUCKET (or --out) and ${setup.endpointSetting}, or create the bucket.` }
}

function wrongKey({ code }: Failure, { setup }: Operation): Explanation {
  const which = code === 'SignatureDoesNotMatch' ? 'secret key does not fit the access key' : 'access key is not known'
  const what = `the credentials are refused: the ${which} (${code})`
  const hint = `Check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the profile, and that ${setup.endpointSetting} is the store they are for.`
  return { what, hint }
}

function suspended({ code }: Failure): Explanation {
  const hint = "Have the store's administrator enable it again, or check AWS_ACCESS_KEY_ID."
  return { what: `the account of this access key is suspended (${code})`, hint }
}

function expired({ code }: Failure): Explanation {
  const hint =
    'Get new credentials and run again: it goes on where it stopped. For long runs raise the role’s session duration.'
  return { what: `the credentials have expired (${code})`, hint }
}

function brokenHeader(): Explanation {
  const what = 'the credentials hold a line break or another character that no header may have'
  return { what, hint: 'Copy AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN again, each in one line.' }
}

/** The SDK's error for an endpoint without a scheme, and for settings that contradict each other. */
function noEndpoint({ said }: Failure, { setup }: Operation): Explanation {
  const hint = `Check ${setup.endpointSetting}, which takes its scheme too (https://host), and the other AWS_* variables.`
  return { what: `no endpoint can be made of the settings (${said})`, hint }
}

function noCredentials({ said }: Failure): Explanation {
  const hint = 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or a role with a web identity.'
  return { what: `no AWS credentials found (${said})`, hint }
}

function badToken({ code, said }: Failure): Explanation {
  const hint = 'Check AWS_WEB_IDENTITY_TOKEN_FILE, and the identity provider and trust policy of AWS_ROLE_ARN.'
  return { what: `the web identity is refused (${code}: ${said})`, hint }
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

function untrusted({ code }: Failure, { setup }: Operation): Explanation {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') {
    const scheme = `Check the scheme (http:// or https://) and the port of ${setup.endpointSetting}.`
    return { what: `the endpoint does not speak TLS (${code})`, hint: scheme }
  }
  const hint = `Check ${setup.endpointSetting}; a private authority is named by NODE_EXTRA_CA_CERTS.`
  return { what: `the store's TLS certificate is not trusted (${code})`, hint }
}
