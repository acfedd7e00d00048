// The connection to S3: region, credentials, limit of requests in flight, retries. The SDK's own retries are off: they share
// one quota for the client, which a short series of 503s uses up, and then every write fails.
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Clock } from '../../core/clock.ts'
import { IngestError } from '../../core/errors.ts'
import type { Fetch } from '../../core/fetch.ts'
import { retry, type RetryPolicy } from '../../core/retry.ts'
import { createAdaptiveLimit } from './adaptive-limit.ts'
import { credentialProblems, type Environment } from './aws-files.ts'
import { createFetchHandler } from './fetch-handler.ts'
import { resolveSetup, warningOf, type Setup, type SetupOptions } from './setup.ts'
import { createWaitWatch } from './slow-wait.ts'
import { isAboutCredentials, isDamage, isThrottled, toStoreError, type Operation } from './errors.ts'
import { openWire, type Wire } from './wire.ts'

export type ConnectionOptions = SetupOptions & {
  readonly bucket: string
  readonly fetch: Fetch
  /** Milliseconds since 1970 on the machine's clock, whatever `--now` says. */
  readonly nowMs: () => number
  /** The program's name and version. The SDK's own requests add it to what they say of the SDK. */
  readonly userAgent: string
  /** How many requests may be in flight. */
  readonly concurrency: number
  readonly clock: Clock
  /** From 0 up to, but without, 1. */
  readonly random: () => number
  /** How long one request may take; 20 s if not given. */
  readonly timeoutMs?: number
  /** How often a request is tried; 14 times if not given. */
  readonly maxAttempts?: number
  readonly onWarning: (text: string) => void
}

/** One limit of requests, and one cancellation, for all that is sent through it. */
export type Connection = {
  readonly client: S3Client
  readonly setup: Setup
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

/**
 * Returns a function that opens connections, which share region and credentials. Sends nothing before the first request.
 * Throws a usage error if no region can be found.
 */
export async function createConnector(options: ConnectionOptions): Promise<() => Connection> {
  const setup = await resolveSetup(options)
  const client = new S3Client(clientConfig(options, setup))
  const warning = warningOf(setup)
  if (warning !== undefined) options.onWarning(warning)
  const watchWait = createWaitWatch(options)
  return () => connect({ client, setup, watchWait }, options)
}

/** What all connections to a store share. */
type Shared = Pick<Connection, 'client' | 'setup'> & { readonly watchWait: ReturnType<typeof createWaitWatch> }

function connect({ client, setup, watchWait }: Shared, options: ConnectionOptions): Connection {
  const { random, concurrency, environment, maxAttempts = POLICY.maxAttempts } = options
  const limit = createAdaptiveLimit(concurrency)
  const cancelled = new AbortController()
  const wire = openWire({ ...options, client, timeoutMs: options.timeoutMs ?? TIMEOUT_MS })

  async function request<T>(operation: Operation, send: () => Promise<T>): Promise<T> {
    let attempts = 0
    let damagedAttempts = 0
    const wait = watchWait(operation.location)
    const sendOnce = async (): Promise<T> => {
      await checkCredentials(client)
      return await send()
    }
    const isRetryable = (error: unknown): boolean => {
      if (isDamage(error)) damagedAttempts += 1
      return isAttempt(error) && damagedAttempts < MAX_DAMAGED_ATTEMPTS
    }
    const attempt = async (number: number): Promise<T> => {
      attempts = number
      try {
        return await limit.run(async () => await wait.attempt(sendOnce), isThrottled)
      } catch (error) {
        const storeError = toStoreError(error, operation)
        if (!(storeError instanceof IngestError)) throw storeError
        wait.failed(storeError)
        throw isAboutCredentials(error) ? await withCredentialProblems(storeError, environment) : storeError
      }
    }
    try {
      return await retry(attempt, { policy: { ...POLICY, maxAttempts }, clock: wait.clock, random, isRetryable })
    } catch (error) {
      throw isAttempt(error) ? exhausted(error, attempts) : error
    }
  }
  return {
    client,
    setup,
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
  const tries = attempts === 1 ? '' : `, ${attempts} tries`
  return new IngestError(`${error.message}${tries}`, { kind, scope: 'run', hint, cause })
}

/** The SDK keeps credentials. On an incomplete profile it may fail with a TypeError, which is no defect of this program. */
async function checkCredentials(client: S3Client): Promise<void> {
  try {
    await client.config.credentials()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    const failure = new Error(`the AWS SDK fails on the settings: ${error.message}`, { cause: error })
    throw Object.assign(failure, { name: 'CredentialsProviderError' })
  }
}

function clientConfig(options: ConnectionOptions, { region, isPathStyle, endpoint }: Setup): S3ClientConfig {
  return {
    region,
    maxAttempts: 1,
    customUserAgent: options.userAgent,
    requestHandler: createFetchHandler(options.fetch, options.timeoutMs ?? TIMEOUT_MS),
    ...(isPathStyle || endpoint !== undefined ? { forcePathStyle: isPathStyle } : {}),
  }
}

/** An error about credentials, with what is wrong with the settings that should give them. */
async function withCredentialProblems(error: IngestError, environment: Environment): Promise<IngestError> {
  const problems = await credentialProblems(environment)
  const [first] = problems
  if (first === undefined) return error
  const { message, kind, scope, cause } = error
  const text = [message, ...problems.map(({ what }) => what)].join('; ')
  return new IngestError(text, { kind, scope, hint: first.hint, cause })
}
