// One request to the vendor and its whole answer, under a timeout and a byte cap. The only user of fetch, whose own words
// never get out, because they quote the URL and its key. Redirects are refused.

import { IngestError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** `what` names the request in messages; the URL is never shown, because it may hold the key. */
export type HttpRequest = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly what: string
}

/** A whole answer: its status and its decoded text. */
export type HttpReply = { readonly status: number; readonly body: string }

export type ExchangeOptions = {
  readonly fetch: Fetch
  /** For one attempt, its body included; the wait at the gate is not. */
  readonly timeoutMs: number
  /** The most that a decoded body may hold; 4 MiB unless told. */
  readonly maxBodyBytes?: number
  /** The run's stop: calls that wait and calls on their way reject with its reason. */
  readonly signal: AbortSignal
  /** Blots secrets out of text that came from outside. */
  readonly redact: (text: string) => string
}

/** Twice what 5,000 rows take, the vendor's most, in the wordier of its two shapes; a bomb in gzip is stopped here. */
const MAX_BODY_BYTES = 4 * 1_024 * 1_024

/** An answer, and how long it asks to wait before the next request, in milliseconds. */
export type FullReply = HttpReply & { readonly retryAfterMs: number | undefined }

/** One request and its whole answer. Throws IngestErrors, the stop's reason, or whatever a bug throws. */
export async function exchange(request: HttpRequest, options: ExchangeOptions): Promise<FullReply> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const giveUp = new AbortController()
  const signal = AbortSignal.any([options.signal, timeout, giveUp.signal])
  try {
    // A connection of its own: on one that is used again the runtime repeats a request by itself when it breaks, past
    // the gate and uncounted.
    // And gzip as it comes: the runtime's own inflating runs far ahead of the byte cap.
    const headers = { ...request.headers, 'accept-encoding': 'gzip' }
    const init = { headers, redirect: 'manual', signal, keepalive: false, decompress: false } as const
    const response = await options.fetch(request.url, init)
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
  for await (const piece of inflated(what, response)) {
    bytes += piece.byteLength
    if (bytes > maxBytes) throw tooLarge(what, maxBytes)
    text += decoder.decode(piece, { stream: true })
  }
  return text + decoder.decode()
}

/** The body's bytes, inflated no faster than they are taken. */
async function* inflated(what: string, { body, headers }: Response): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding === 'identity') return yield* body
  if (encoding !== 'gzip') throw damaged(what, `an encoding that was not asked for, ${oneLine(encoding, 40)}`)
  try {
    yield* body.pipeThrough(new DecompressionStream('gzip'))
  } catch (error) {
    // Of the network's failures each has a code; gzip's own have none.
    if (error instanceof TypeError && !('code' in error)) throw damaged(what, 'damaged gzip')
    throw error
  }
}

function damaged(what: string, found: string): IngestError {
  const hint = 'Check the network and FMP_BASE_URL, then run again: what is stored is kept.'
  return new IngestError(`FMP's answer for ${what} came as ${found}.`, { kind: 'network', scope: 'attempt', hint })
}

function tooLarge(what: string, maxBytes: number): IngestError {
  const message = `FMP's answer for ${what} is larger than ${maxBytes / 1_048_576} MiB, far more than such an answer needs.`
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
  BrotliDecompressionError: 'the compressed body is damaged',
  ZstdDecompressionError: 'the compressed body is damaged',
  Malformed_HTTP_Response: 'what answers there does not speak HTTP',
  InvalidContentLength: 'what answers there does not speak proper HTTP',
  UnrequestedUpgrade: 'what answers there does not speak proper HTTP',
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
  const hint = 'Check the network and FMP_BASE_URL, then run again: what is stored is kept.'
  return new IngestError(message, { kind: 'network', scope: 'attempt', hint })
}

/** Every call would meet the same certificate, so it is an error of the run. */
function untrusted(host: string, code: string): IngestError {
  const message = `The TLS certificate of ${host} is not trusted (${code}); nothing was sent to it.`
  const hint =
    "Check FMP_BASE_URL, this machine's clock, and whether a proxy puts in certificates of its own: NODE_EXTRA_CA_CERTS names their CA."
  return new IngestError(message, { kind: 'network', scope: 'run', hint })
}

/** A Retry-After in seconds or as a date, which is held against the server's own clock, not against ours. */
function parseRetryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+(?:\.\d+)?$/.test(value)) return Number(value) * 1_000
  const ms = Date.parse(value) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(ms) ? undefined : ms
}
