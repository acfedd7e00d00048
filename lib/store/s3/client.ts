// The connection to S3: region and client, how many requests are in flight, how often one is sent again. The SDK's own
// retries are off: they share a quota per client that a short storm of 503s uses up, and then every write fails.
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Clock } from '../../core/clock.ts'
import { IngestError, usageError } from '../../core/errors.ts'
import type { Fetch } from '../../core/fetch.ts'
import { retry, type RetryPolicy } from '../../core/retry.ts'
import { fileTroubles, withFileTroubles, type Environment } from './credential-files.ts'
import { createAdaptiveLimit } from './adaptive-limit.ts'
import { isAboutCredentials, isDamage, isTooMuch, toStoreError, type Operation } from './errors.ts'
import { openWire, type Wire } from './wire.ts'

export type ConnectionOptions = {
  readonly bucket: string
  readonly fetch: Fetch
  /** Milliseconds since 1970 now, whatever the run's own instant is. */
  readonly nowMs: () => number
  /** The region where neither AWS_REGION nor the profile gives one: AWS_DEFAULT_REGION. */
  readonly region?: string | undefined
  /** Whether AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is set; the SDK reads the endpoint itself. */
  readonly hasCustomEndpoint: boolean
  /** The one that the SDK reads, to name what is wrong with the files that it names. */
  readonly environment: Environment
  /** Requests in flight. */
  readonly concurrency: number
  readonly clock: Clock
  /** From 0 up to, but without, 1. */
  readonly random: () => number
  /** How long one request may keep silent; 20 s if not given. */
  readonly timeoutMs?: number
}

/** What is sent through it has its turns in common, and its end. */
export type Connection = {
  readonly client: S3Client
  /** For what the client sends: aborted when the connection is cut. */
  readonly signal: AbortSignal
  /** Sends until an answer comes; throws an IngestError of scope 'run' or 'symbol'. */
  request<T>(operation: Operation, send: () => Promise<T>): Promise<T>
  /** For what is sent by the thousand. */
  readonly wire: Wire
  /** Ends what is under way; nothing more is sent. */
  cut(): void
}

/**
 * About 20 s of waiting in all, so a store that is away for a moment is waited for. Of a store that refuses one request in
 * three, one in five million fails as often as this.
 */
const POLICY: RetryPolicy = { maxAttempts: 14, baseMs: 100, capMs: 5_000 }
/** Bytes damaged on the way three times are damaged by something that stays. */
const MAX_DAMAGED_TRIES = 3
const TIMEOUT_MS = 20_000
const CONNECTION_TIMEOUT_MS = 5_000

/**
 * What opens a connection, as often as one is needed: they share region and credentials. Sends nothing: the first request
 * does. Throws a usage error where no region can be found.
 */
export async function connector(options: ConnectionOptions): Promise<() => Connection> {
  const client = new S3Client(clientConfig(options, await findRegion(options)))
  return () => connect(client, options)
}

function connect(client: S3Client, options: ConnectionOptions): Connection {
  const { clock, random, concurrency, environment } = options
  const pace = createAdaptiveLimit(concurrency)
  const end = new AbortController()
  const wire = openWire({ ...options, client, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })

  async function request<T>(operation: Operation, send: () => Promise<T>): Promise<T> {
    let tries = 0
    let damagedTries = 0
    const isRetryable = (error: unknown): boolean => {
      if (isDamage(error)) damagedTries += 1
      return isAttempt(error) && damagedTries < MAX_DAMAGED_TRIES
    }
    const attempt = async (number: number): Promise<T> => {
      tries = number
      try {
        return await pace.run(send, isTooMuch)
      } catch (error) {
        const told = toStoreError(error, operation)
        const isTold = told instanceof IngestError && isAboutCredentials(error)
        throw isTold ? await withFileTroubles(told, environment) : told
      }
    }
    try {
      return await retry(attempt, { policy: POLICY, clock, random, isRetryable })
    } catch (error) {
      throw isAttempt(error) ? exhausted(error, tries) : error
    }
  }
  return {
    client,
    signal: end.signal,
    request,
    wire,
    cut() {
      const reason = new IngestError('Nobody waits for this request any more', { kind: 'interrupted', scope: 'run' })
      end.abort(reason)
      wire.cut(reason)
    },
  }
}

function isAttempt(error: unknown): error is IngestError {
  return error instanceof IngestError && error.scope === 'attempt'
}

/** A store that stays away after all tries is away for every symbol. */
function exhausted(error: IngestError, tries: number): IngestError {
  const { kind, hint, cause } = error
  return new IngestError(`${error.message}, ${tries} tries`, { kind, scope: 'run', hint, cause })
}

function clientConfig(options: ConnectionOptions, region: string): S3ClientConfig {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const agent = { maxSockets: options.concurrency, keepAlive: true }
  return {
    region,
    maxAttempts: 1,
    // Without throwOnRequestTimeout the handler prints a warning and waits for ever; socketTimeout covers bodies.
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
    `${['No AWS region is set', ...(await fileTroubles(environment))].join('; ')}.`,
    "Set AWS_REGION to the bucket's region, for instance AWS_REGION=eu-central-1.",
  )
}

/** What AWS_REGION or the profile says; undefined where they say nothing. */
async function regionOfSdk(): Promise<string | undefined> {
  const probe = new S3Client({})
  try {
    return await probe.config.region()
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    // An empty variable is an unset one here, but not to the SDK.
    if (message === 'Region is missing' || message.includes('region=""')) return undefined
    if (message.startsWith('Region not accepted')) throw usageError('AWS_REGION (or the profile) names no region.')
    throw error
  } finally {
    probe.destroy()
  }
}
