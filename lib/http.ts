// The only door to the vendor: one attempt after another through the gate, each under a timeout and a byte cap, retried
// where a retry can help, and paid from the call budget. What an answer means is the caller's `interpret`; this file
// knows statuses only as redirects, and never lets fetch's own words out, because they quote the URL and its key.

import PQueue from 'p-queue'
import { budgetError, type Reservation } from './budget.ts'
import type { Clock } from './clock.ts'
import { IngestError, oneLine } from './errors.ts'
import { createGate, parseRetryAfterMs, type Turn } from './gate.ts'
import { backoffMs } from './retry.ts'

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export type HttpOptions = {
  readonly fetch: Fetch
  readonly clock: Clock
  /** From 0 up to 1, for the waits before retries. */
  readonly random: () => number
  /** The least time between the starts of two attempts; 0 is no gate. */
  readonly intervalMs: number
  /** For one attempt, its body included; the wait at the gate is not. */
  readonly timeoutMs: number
  /** The most that a decoded body may hold; 16 MiB unless told. */
  readonly maxBodyBytes?: number
  /** The run's stop: calls that wait and calls on their way reject with its reason. */
  readonly signal: AbortSignal
  /** Blots secrets out of text that came from outside. */
  readonly redact: (text: string) => string
}

/** `what` names the request in messages; the URL is never shown, because it may hold the key. */
export type HttpRequest = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly what: string
}

/** A whole answer: its status and its decoded text. */
export type HttpReply = { readonly status: number; readonly body: string }

/** What a run has asked of the vendor so far. */
export type HttpStats = {
  /** Attempts sent, retries included: what the vendor counts. */
  readonly calls: number
  /** Those of them that repeated an earlier one, after a failure or after a refusal for the call limit. */
  readonly retries: number
  /** Answers that refused for the call limit. */
  readonly limited: number
  /** The time that attempts waited at the gate, summed over all of them, in milliseconds. */
  readonly gateWaitMs: number
}

export interface Http {
  /**
   * What `interpret` makes of the answer. Throws what it throws with scope `symbol` or `run`; with scope `attempt` the
   * request is sent again, and at last that error is thrown with scope `symbol`. Kinds of its own: `network`, `timeout`,
   * `request` (a redirect), `payload` (a body past the cap), `budget` (no call is left for a retry) and `quota` (the
   * day's limit). After an error of the run that an answer gave, nothing more is sent.
   */
  call<T>(request: HttpRequest, interpret: (reply: HttpReply) => T, reservation: Reservation): Promise<T>
  stats(): HttpStats
}

type Call<T> = { request: HttpRequest; interpret: (reply: HttpReply) => T; reservation: Reservation }

const MAX_RETRIES = 4
const BACKOFF = { baseMs: 1_000, capMs: 30_000 }

/** About 70,000 rows of prices, many times the vendor's most; a bomb in gzip is stopped here. */
const MAX_BODY_BYTES = 16 * 1_024 * 1_024

/** The door for one run. */
export function createHttp(options: HttpOptions): Http {
  const { clock, random, signal } = options
  const gate = createGate(options)
  // One call is alone until something has answered: a refused key is then refused once.
  const opening = new PQueue({ concurrency: 1 })
  const counts = { calls: 0, retries: 0, limited: 0 }

  async function attempt<T>({ request, interpret }: Call<T>, turn: Turn): Promise<T> {
    counts.calls += 1
    let reply: FullReply | undefined
    try {
      reply = await exchange(request, options)
      const value = interpret(reply)
      gate.answered(turn)
      opening.concurrency = Infinity
      return value
    } catch (error) {
      if (!(error instanceof IngestError) || signal.aborted) throw error
      throw settle(error, turn, reply?.retryAfterMs)
    }
  }

  /** Draws the consequences of a failed attempt for all the others, before any of them can be sent. */
  function settle(error: IngestError, turn: Turn, retryAfterMs: number | undefined): IngestError {
    const isLimit = isCallLimit(error)
    if (isLimit) counts.limited += 1
    const verdict = isLimit ? gate.refused(turn, error, retryAfterMs) : error
    if (verdict.scope === 'run') gate.close(verdict)
    const isAnswer = error.kind !== 'network' && error.kind !== 'timeout'
    if (isAnswer && !isLimit) gate.answered(turn)
    if (isAnswer) opening.concurrency = Infinity
    return verdict
  }

  async function attemptUntilSettled<T>(call: Call<T>): Promise<T> {
    call.reservation.spend()
    let failures = 0
    let last: IngestError | undefined
    for (;;) {
      const isRetry = last !== undefined
      const isUrgent = last !== undefined && isCallLimit(last)
      const outcome = await gate.pass((turn) => {
        if (isRetry) counts.retries += 1
        return attempt(call, turn).then((value) => ({ value }), toRetry)
      }, isUrgent)
      if ('value' in outcome) return outcome.value
      last = outcome.retry
      // The gate's own pause is the wait after a refusal for the call limit, and uses up no attempt.
      const isPaused = isCallLimit(last)
      if (!isPaused) failures += 1
      if (failures > MAX_RETRIES) throw givenUp(last)
      if (!call.reservation.extra()) throw budgetSpent(call.request.what, last)
      if (!isPaused) await clock.sleep(backoffMs(failures, BACKOFF, random), gate.halted)
    }
  }

  return {
    call: (request, interpret, reservation) =>
      opening.add(() => attemptUntilSettled({ request, interpret, reservation }), { signal }),
    stats: () => ({ ...counts, gateWaitMs: gate.waitedMs() }),
  }
}

/** The error as a reason to try again, or thrown on where another try cannot help. */
function toRetry(error: unknown): { retry: IngestError } {
  if (error instanceof IngestError && error.scope === 'attempt') return { retry: error }
  throw error
}

function isCallLimit(error: IngestError): boolean {
  return error.kind === 'quota' && error.scope === 'attempt'
}

function givenUp({ message, kind, hint }: IngestError): IngestError {
  const says = `${message} Given up after ${MAX_RETRIES + 1} attempts.`
  return new IngestError(says, { kind, scope: 'symbol', hint })
}

function budgetSpent(what: string, { message }: IngestError): IngestError {
  return budgetError(`The call budget has no call left to try ${what} again. ${message}`)
}

// One attempt

type FullReply = HttpReply & { retryAfterMs: number | undefined }

/** One request and its whole answer. Throws IngestErrors, the stop's reason, or whatever a bug throws. */
async function exchange(request: HttpRequest, options: HttpOptions): Promise<FullReply> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const giveUp = new AbortController()
  const signal = AbortSignal.any([options.signal, timeout, giveUp.signal])
  try {
    const response = await options.fetch(request.url, { headers: request.headers, redirect: 'manual', signal })
    if (response.status >= 300 && response.status < 400) throw redirected(request, response, options.redact)
    const body = await readBody(request, response, options.maxBodyBytes ?? MAX_BODY_BYTES)
    return { status: response.status, body, retryAfterMs: parseRetryAfterMs(response.headers) }
  } catch (error) {
    options.signal.throwIfAborted()
    // Nobody reads on, so the rest of the body need not come.
    giveUp.abort()
    if (error instanceof IngestError) throw error
    throw timeout.aborted ? timedOut(request, options.timeoutMs) : networkError(request, error)
  }
}

async function readBody({ what }: HttpRequest, response: Response, maxBytes: number): Promise<string> {
  // Read piece by piece, because a body taken whole is decoded whole first: 1 MB of gzip can hold 1 GB.
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > maxBytes) throw tooLarge(what, maxBytes)
    text += decoder.decode(piece, { stream: true })
  }
  return text + decoder.decode()
}

function tooLarge(what: string, maxBytes: number): IngestError {
  const message = `The answer to ${what} is larger than ${maxBytes / 1_048_576} MiB, far more than prices need.`
  return new IngestError(message, { kind: 'payload', scope: 'symbol', hint: 'Check what answers at FMP_BASE_URL.' })
}

function redirected({ url, what }: HttpRequest, response: Response, redact: (text: string) => string): IngestError {
  const location = response.headers.get('location')
  const target = location !== null && URL.canParse(location, url) ? new URL(location, url) : undefined
  // Without its query, which may repeat the key.
  const place = target === undefined ? 'nowhere' : oneLine(redact(`${target.origin}${target.pathname}`), 200)
  const message = `The request for ${what} was redirected to ${place} (HTTP ${response.status}), which is not followed.`
  const hint = 'Check FMP_BASE_URL: the key goes to no other address than that.'
  return new IngestError(message, { kind: 'request', scope: 'symbol', hint })
}

function timedOut({ url, what }: HttpRequest, timeoutMs: number): IngestError {
  const message = `${new URL(url).host} sent no complete answer for ${what} within ${timeoutMs / 1_000} s.`
  const hint = 'A larger API_TIMEOUT_SECONDS waits longer.'
  return new IngestError(message, { kind: 'timeout', scope: 'attempt', hint })
}

const NETWORK_TROUBLES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing accepts connections there',
  ENOTFOUND: 'no such host is known',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: 'the connection was closed before the answer was complete',
  EPIPE: 'the connection was closed before the answer was complete',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  EPROTO: 'the TLS handshake failed',
  ZlibError: 'the compressed body is damaged',
}

/**
 * fetch's error in words of our own; its message, stack and path may quote the URL. What is no failure of the network (no
 * code, or that of a bad argument) is a bug and is given back as it is.
 */
function networkError({ url, what }: HttpRequest, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  if (error.code.startsWith('ERR_INVALID')) return error
  const { host } = new URL(url)
  const code = oneLine(error.code, 60)
  if (/CERT|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH/.test(code)) return untrusted(host, code)
  const trouble = NETWORK_TROUBLES[code] ?? 'the connection failed'
  const message = `The request for ${what} to ${host} failed: ${trouble} (${code}).`
  return new IngestError(message, { kind: 'network', scope: 'attempt' })
}

/** Every call would meet the same certificate, so it is an error of the run. */
function untrusted(host: string, code: string): IngestError {
  const message = `The TLS certificate of ${host} is not trusted (${code}); nothing was sent to it.`
  const hint =
    "Check FMP_BASE_URL, this machine's clock, and whether a proxy puts in certificates of its own: NODE_EXTRA_CA_CERTS names their CA."
  return new IngestError(message, { kind: 'network', scope: 'run', hint })
}
