// The connection to S3: region, credentials, limit of requests in flight, retries. The SDK's own retries are off: they share
// one quota for the client, which a short series of 503s uses up, and then every write fails.
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import { errnoOf, IngestError, usageError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import type { Fetch } from '../../core/fetch.ts'
import { retry, type RetryPolicy } from '../../core/retry.ts'
import { createAdaptiveLimit } from './adaptive-limit.ts'
import { isAboutCredentials, isDamage, isThrottled, toStoreError, type Operation } from './errors.ts'
import { openWire, type Wire } from './wire.ts'

type Environment = Readonly<Record<string, string | undefined>>

export type ConnectionOptions = {
  readonly bucket: string
  readonly fetch: Fetch
  /** Milliseconds since 1970 on the machine's clock, whatever `--now` says. */
  readonly nowMs: () => number
  /** AWS_DEFAULT_REGION: the region if neither AWS_REGION nor the profile names one. */
  readonly region?: string | undefined
  /** Whether AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is set; the SDK reads the endpoint itself. */
  readonly hasCustomEndpoint: boolean
  /** The environment that the SDK reads. Here it is for messages about the files that it names. */
  readonly environment: Environment
  /** How many requests may be in flight. */
  readonly concurrency: number
  readonly clock: Clock
  /** From 0 up to, but without, 1. */
  readonly random: () => number
  /** How long one request may take; 20 s if not given. */
  readonly timeoutMs?: number
}

/** One limit of requests, and one cancellation, for all that is sent through it. */
export type Connection = {
  readonly client: S3Client
  /** For what `client` sends: aborts when the connection is cancelled. */
  readonly signal: AbortSignal
  /** Sends with retries; throws an IngestError of scope 'run' or 'symbol'. */
  request<T>(operation: Operation, send: () => Promise<T>): Promise<T>
  /** For the requests that a run sends by the thousand. */
  readonly wire: Wire
  /** Cancels the requests in flight; later ones are not sent. */
  cancel(): void
}

/**
 * About 20 s of waiting in all, enough for a short outage of the store. If the store refuses one request in three, one
 * request in five million fails this often.
 */
const POLICY: RetryPolicy = { maxAttempts: 14, baseMs: 100, capMs: 5_000 }
/** Bytes that arrive damaged three times will do so again. */
const MAX_DAMAGED_ATTEMPTS = 3
const TIMEOUT_MS = 20_000
const CONNECTION_TIMEOUT_MS = 5_000

/**
 * Returns a function that opens connections, which share region and credentials. Sends nothing before the first request.
 * Throws a usage error if no region can be found.
 */
export async function createConnector(options: ConnectionOptions): Promise<() => Connection> {
  const client = new S3Client(clientConfig(options, await findRegion(options)))
  return () => connect(client, options)
}

function connect(client: S3Client, options: ConnectionOptions): Connection {
  const { clock, random, concurrency, environment } = options
  const limit = createAdaptiveLimit(concurrency)
  const cancelled = new AbortController()
  const wire = openWire({ ...options, client, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })

  async function request<T>(operation: Operation, send: () => Promise<T>): Promise<T> {
    let attempts = 0
    let damagedAttempts = 0
    const isRetryable = (error: unknown): boolean => {
      if (isDamage(error)) damagedAttempts += 1
      return isAttempt(error) && damagedAttempts < MAX_DAMAGED_ATTEMPTS
    }
    const attempt = async (number: number): Promise<T> => {
      attempts = number
      try {
        return await limit.run(send, isThrottled)
      } catch (error) {
        const storeError = toStoreError(error, operation)
        const hasFiles = storeError instanceof IngestError && isAboutCredentials(error)
        throw hasFiles ? await withFileProblems(storeError, environment) : storeError
      }
    }
    try {
      return await retry(attempt, { policy: POLICY, clock, random, isRetryable })
    } catch (error) {
      throw isAttempt(error) ? exhausted(error, attempts) : error
    }
  }
  return {
    client,
    signal: cancelled.signal,
    request,
    wire,
    cancel() {
      const reason = new IngestError('Nobody waits for this request any more', { kind: 'interrupted', scope: 'run' })
      cancelled.abort(reason)
      wire.cancel(reason)
    },
  }
}

function isAttempt(error: unknown): error is IngestError {
  return error instanceof IngestError && error.scope === 'attempt'
}

/** The store is out of reach for every symbol, so the error ends the run. */
function exhausted(error: IngestError, attempts: number): IngestError {
  const { kind, hint, cause } = error
  return new IngestError(`${error.message}, ${attempts} tries`, { kind, scope: 'run', hint, cause })
}

function clientConfig(options: ConnectionOptions, region: string): S3ClientConfig {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const agent = { maxSockets: options.concurrency, keepAlive: true }
  return {
    region,
    maxAttempts: 1,
    // Without throwOnRequestTimeout the handler prints a warning and waits for ever; socketTimeout covers response bodies.
    requestHandler: {
      requestTimeout: timeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeoutMs,
      connectionTimeout: Math.min(CONNECTION_TIMEOUT_MS, timeoutMs),
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(options.hasCustomEndpoint ? { forcePathStyle: true } : {}),
  }
}

async function findRegion({ region, hasCustomEndpoint, environment }: ConnectionOptions): Promise<string> {
  const found = (await regionOfSdk()) ?? region
  if (found !== undefined && found !== '') return found
  if (hasCustomEndpoint) return 'us-east-1'
  throw usageError(
    `${['No AWS region is set', ...(await fileProblems(environment))].join('; ')}.`,
    "Set AWS_REGION to the bucket's region, for instance AWS_REGION=eu-central-1.",
  )
}

/** The region of AWS_REGION or the profile; undefined if neither names one. */
async function regionOfSdk(): Promise<string | undefined> {
  const probe = new S3Client({})
  try {
    return await probe.config.region()
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    // Here an empty variable counts as unset, but the SDK takes it for a value.
    if (message === 'Region is missing' || message.includes('region=""')) return undefined
    if (message.startsWith('Region not accepted')) throw usageError('AWS_REGION (or the profile) names no region.')
    throw error
  } finally {
    probe.destroy()
  }
}

/** The variables that name files with credentials. The SDK skips a file that it cannot read and does not say so. */
const FILE_VARIABLES = ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']

/** A phrase for each file that cannot be used: `AWS_CONFIG_FILE names ./x, which is a folder`. */
async function fileProblems(environment: Environment): Promise<readonly string[]> {
  const problems = FILE_VARIABLES.map(async (name) => {
    const path = environment[name] ?? ''
    const problem = path === '' ? undefined : await problemAt(path)
    return problem === undefined ? [] : [`${name} names ${oneLine(path)}, which ${problem}`]
  })
  return (await Promise.all(problems)).flat()
}

/** An error about credentials, with what is wrong with the files that should hold them. */
async function withFileProblems(error: IngestError, environment: Environment): Promise<IngestError> {
  const problems = await fileProblems(environment)
  if (problems.length === 0) return error
  const { message, kind, scope, cause } = error
  const hint = 'Name a file there that has what it should and that this user may read, or unset it.'
  return new IngestError([message, ...problems].join('; '), { kind, scope, hint, cause })
}

/** Does not read the file: the SDK has already read what a pipe held. */
async function problemAt(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path)
    if (info.isDirectory()) return 'is a folder'
    if (info.isFile() && info.size === 0) return 'is empty'
    await access(path, constants.R_OK)
    return undefined
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
  }
}
