// Sends the SDK's own requests by the program's fetch, as wire.ts sends the others: with the same proxy, certificates and
// timeout. Requests to STS for credentials go the same way.
import { Readable } from 'node:stream'
import { IngestError } from '../../core/errors.ts'
import type { Fetch } from '../../core/fetch.ts'
import { oneLine } from '../../core/text.ts'
import { timedOut } from './deadline.ts'
import { encodePart } from './sigv4.ts'

/** The SDK's request. */
type Request = {
  readonly method: string
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
  /** Escaped. */
  readonly path: string
  /** Not escaped. */
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

type Result = {
  readonly response: { readonly statusCode: number; readonly headers: Record<string, string>; readonly body: Readable }
}

type Handler = {
  readonly handle: (request: Request, options?: { readonly abortSignal?: AbortSignal }) => Promise<Result>
}

/** `timeoutMs` is for a response with its body. */
export function createFetchHandler(fetch: Fetch, timeoutMs: number): Handler {
  return {
    handle: async (request, { abortSignal } = {}) => {
      const controller = new AbortController()
      const cancel = (): void => controller.abort(abortSignal?.reason)
      const timer = setTimeout(() => controller.abort(timedOut(timeoutMs)), timeoutMs)
      abortSignal?.addEventListener('abort', cancel)
      const release = (): void => {
        clearTimeout(timer)
        abortSignal?.removeEventListener('abort', cancel)
      }
      if (abortSignal?.aborted === true) cancel()
      try {
        const response = await fetch(urlOf(request), initOf(request, controller.signal))
        const body = Readable.from(chunksOf(response, release))
        return { response: { statusCode: response.status, headers: Object.fromEntries(response.headers), body } }
      } catch (error) {
        release()
        throw error
      }
    },
  }
}

function initOf({ method, headers, body }: Request, signal: AbortSignal): RequestInit {
  const { host: _host, ...sent } = headers
  const init = { method, headers: sent, redirect: 'manual', signal, decompress: false } as const
  return body === undefined ? init : { ...init, body }
}

async function* chunksOf({ body }: Response, release: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body ?? []
  } finally {
    release()
  }
}

function urlOf({ protocol, hostname, port, path, query = {} }: Request): string {
  const terms = Object.entries(query).flatMap(([name, values]) =>
    [values].flat().map((value) => (value === null ? encodePart(name) : `${encodePart(name)}=${encodePart(value)}`)),
  )
  const host = port === undefined ? hostname : `${hostname}:${port}`
  const url = `${protocol}//${host}${path}`
  // fetch would resolve `..` and ask another bucket, with the signature of the path as it stands.
  if (new URL(url).pathname !== path) throw climbingError(path)
  return terms.length === 0 ? url : `${url}?${terms.join('&')}`
}

function climbingError(path: string): IngestError {
  const message = `${oneLine(path)}: a key with . or .. between its slashes is not asked for`
  return new IngestError(message, { kind: 'store', scope: 'run', hint: 'Name the file without them.' })
}
