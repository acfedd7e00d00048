// One request to FMP and its whole reply, under a timeout and a byte cap. The only user of fetch, whose own error messages
// are never passed on, because they quote the URL and its key. Redirects are not followed.

import type { FmpApi } from '../core/config.ts'
import type { Ask } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import type { Fetch } from '../core/fetch.ts'
import { oneLine } from '../core/text.ts'

/** Which API is asked, where, and with which key. */
export type Endpoint = { readonly api: FmpApi; readonly baseUrl: string; readonly key: string }

/** `what` names the request in messages; the URL is never shown, because it may hold the key. */
export type HttpRequest = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly what: string
}

export type HttpReply = {
  readonly status: number
  /** Inflated and decoded. */
  readonly body: string
  /** How long the reply asks to wait before the next request. */
  readonly retryAfterMs: number | undefined
}

export type RequestOptions = {
  readonly fetch: Fetch
  /** For one attempt with its body, without its wait at the rate gate. */
  readonly timeoutMs: number
  /** The signal of the run: when it aborts, waiting and sent requests reject with its reason. */
  readonly signal: AbortSignal
  /** The program's name and version, as the header `User-Agent` has them. */
  readonly userAgent: string
  /** Replaces secrets in a text that came from outside. */
  readonly redact: (text: string) => string
}

/**
 * Twice the size of 5,000 rows, FMP's most, in the longer of its two formats. Inflated bytes are counted, so a gzip bomb is
 * stopped here.
 */
const MAX_BODY_BYTES = 4 * 1_024 * 1_024

/** The request of one call, as the API in use wants it. */
export function requestOf(ask: Ask, { api, baseUrl, key }: Endpoint): HttpRequest {
  const base = baseUrl.replace(/\/+$/, '')
  const what = `${ask.symbol} ${ask.name}`
  if (api === 'v3') {
    const query = new URLSearchParams({ ...ask.query, apikey: key })
    const url = `${base}/api/v3/${ask.path}/${encodeURIComponent(ask.symbol)}?${query.toString()}`
    return { url, headers: { accept: 'application/json' }, what }
  }
  const query = new URLSearchParams({ symbol: ask.symbol, ...ask.query })
  // In a header the key stays out of URLs, and so out of the logs and error messages of proxies.
  return {
    url: `${base}/stable/${ask.path}?${query.toString()}`,
    headers: { accept: 'application/json', apikey: key },
    what,
  }
}

/**
 * Sends one request and reads its whole reply. Throws an IngestError of kind `network`, `timeout`, `payload` (a body above
 * the byte cap) or `request` (a redirect), the reason of the run's signal once that is aborted, or whatever a bug throws.
 */
export async function sendRequest(request: HttpRequest, options: RequestOptions): Promise<HttpReply> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const abandoned = new AbortController()
  const signal = AbortSignal.any([options.signal, timeout, abandoned.signal])
  try {
    // A new connection for each request: on a reused one that breaks, the runtime repeats the request by itself, past the
    // rate gate and uncounted. And gzip is left as it comes: the runtime's own inflating runs far ahead of the byte cap.
    const headers = { ...request.headers, 'user-agent': options.userAgent, 'accept-encoding': 'gzip' }
    const init = { headers, redirect: 'manual', signal, keepalive: false, decompress: false } as const
    const response = await options.fetch(request.url, init)
    if (response.status >= 300 && response.status < 400) throw redirected(request, response, options.redact)
    const body = await readBody(request.what, response)
    return { status: response.status, body, retryAfterMs: parseRetryAfterMs(response.headers) }
  } catch (error) {
    options.signal.throwIfAborted()
    // Closes the connection: nobody reads the rest of the body.
    abandoned.abort()
    if (error instanceof IngestError) throw error
    throw timeout.aborted ? timedOut(request, options.timeoutMs) : networkError(request, error)
  }
}

async function readBody(what: string, response: Response): Promise<string> {
  // Chunk by chunk, because a body read in one piece is inflated in one piece: 1 MB of gzip can hold 1 GB.
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of inflated(what, response)) {
    bytes += chunk.byteLength
    if (bytes > MAX_BODY_BYTES) throw tooLarge(what)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** The bytes of the body, inflated no faster than they are read. */
async function* inflated(what: string, { body, headers }: Response): AsyncGenerator<Uint8Array> {
  if (body === null) return
  const encoding = headers.get('content-encoding') ?? 'identity'
  if (encoding === 'identity') return yield* body
  if (encoding !== 'gzip') throw damaged(what, `an encoding that was not asked for, ${oneLine(encoding, 40)}`)
  try {
    yield* body.pipeThrough(new DecompressionStream('gzip'))
  } catch (error) {
    // Each failure of the network has a code; those of gzip have none.
    if (error instanceof TypeError && !('code' in error)) throw damaged(what, 'damaged gzip')
    throw error
  }
}

function damaged(what: string, found: string): IngestError {
  const hint = 'Check the network and FMP_BASE_URL, then run again: what is stored is kept.'
  return new IngestError(`FMP's answer for ${what} came as ${found}.`, { kind: 'network', scope: 'attempt', hint })
}

function tooLarge(what: string): IngestError {
  const message = `FMP's answer for ${what} is larger than ${MAX_BODY_BYTES / 1_048_576} MiB, far more than such an answer needs.`
  return new IngestError(message, { kind: 'payload', scope: 'symbol', hint: 'Check what answers at FMP_BASE_URL.' })
}

function redirected({ url, what }: HttpRequest, response: Response, redact: (text: string) => string): IngestError {
  const location = response.headers.get('location')
  const target = location !== null && URL.canParse(location, url) ? new URL(location, url) : undefined
  // Without its query, which may repeat the key.
  const shownTarget = target === undefined ? 'nowhere' : oneLine(redact(`${target.origin}${target.pathname}`), 200)
  const message = `The request for ${what} was redirected to ${shownTarget} (HTTP ${response.status}), which is not followed.`
  const hint = 'Check FMP_BASE_URL: the key goes to no other address than that.'
  return new IngestError(message, { kind: 'request', scope: 'symbol', hint, data: { isNotVendors: true } })
}

function timedOut({ url, what }: HttpRequest, timeoutMs: number): IngestError {
  const message = `${new URL(url).host} sent no complete answer for ${what} within ${timeoutMs / 1_000} s.`
  const hint = 'A larger API_TIMEOUT_SECONDS waits longer.'
  return new IngestError(message, { kind: 'timeout', scope: 'attempt', hint })
}

const NETWORK_PROBLEMS: Readonly<Record<string, string>> = {
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
 * The error of fetch in our own words, because its message, stack and path may quote the URL. An error without a code, or
 * with the code of a bad argument, is a bug and is returned as it is.
 */
function networkError({ url, what }: HttpRequest, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  if (error.code.startsWith('ERR_INVALID')) return error
  const { host } = new URL(url)
  const code = oneLine(error.code, 60)
  if (/CERT|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH/.test(code)) return untrusted(host, code)
  const problem = NETWORK_PROBLEMS[code] ?? 'the connection failed'
  const message = `The request for ${what} to ${host} failed: ${problem} (${code}).`
  const hint = 'Check the network and FMP_BASE_URL, then run again: what is stored is kept.'
  return new IngestError(message, { kind: 'network', scope: 'attempt', hint })
}

/** An error of the run, because every call would meet the same certificate. */
function untrusted(host: string, code: string): IngestError {
  const message = `The TLS certificate of ${host} is not trusted (${code}); nothing was sent to it.`
  const hint =
    "Check FMP_BASE_URL, this machine's clock, and whether a proxy puts in certificates of its own: NODE_EXTRA_CA_CERTS names their CA."
  return new IngestError(message, { kind: 'network', scope: 'run', hint })
}

/** Retry-After is a number of seconds or a date. A date is compared with the server's own clock, not with ours. */
function parseRetryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? ''
  if (/^\d+(?:\.\d+)?$/.test(value)) return Number(value) * 1_000
  const ms = Date.parse(value) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(ms) ? undefined : ms
}
