// A raw TCP proxy on loopback in front of any HTTP server, a real S3 for one: it hands bytes on untouched, signatures
// included, and spoils connections and requests as a script says.
//
//   await using proxy = await startTcpProxy(s3Url, { onRequest: inTurn(['pass', 'dropAfterStore']) })
//   AWS_ENDPOINT_URL_S3=<proxy.url> ingest …
//
// Each request and each answer is read whole before it is handed on, so "before" and "after the store" are exact.
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { readMessages, type WireMessage, type WireReader } from './http-wire.ts'
import { oneOf, seededRandom } from '../random.ts'

export type ProxyAction =
  | 'pass'
  /** The connection is reset; the server gets nothing. */
  | 'dropBefore'
  /** The server carries the request out and answers; the connection is reset in place of the answer. */
  | 'dropAfterStore'
  /** The server gets nothing and no answer ever comes. */
  | 'hang'
  /** The answer comes so many milliseconds after the server gave it; a client may have given up by then. */
  | { readonly delayAfterStoreMs: number }
  /** The answer is cut in the middle: of its body, or of its head if it has none. */
  | 'truncate'
  /** A bit is flipped on the way: in the request's body, or in the answer's where the request has none. */
  | 'corrupt'
  /** The answer comes byte by byte, a millisecond each. */
  | 'drip'
  /** This status with an error of S3's form; the server gets nothing. */
  | { readonly status: number }
  /** The login page of a captive portal, with status 200; the server gets nothing. */
  | 'html200'

export type ProxiedRequest = {
  /** Both from 1: of all requests, of all connections. */
  readonly number: number
  readonly connection: number
  readonly method: string
  /** Path and query as sent. */
  readonly target: string
}

export type ProxyScript = {
  /** What becomes of every request of a connection. `dropBefore` and `hang` happen before a byte is read. */
  onConnection?: (connection: number) => ProxyAction | undefined
  /** What becomes of a request on a connection that has no action of its own; `pass` unless told. */
  onRequest?: (request: ProxiedRequest) => ProxyAction | undefined
}

export type TcpProxy = AsyncDisposable & {
  /** For AWS_ENDPOINT_URL_S3. */
  readonly url: string
  /** Open to tests: the next connection or request is judged by what is set then. */
  readonly script: ProxyScript
  /** All requests so far with what was done to them. */
  readonly requests: readonly (ProxiedRequest & { readonly action: ProxyAction })[]
  /** Cuts every connection and ends the proxy. */
  stop(): Promise<void>
}

type State = {
  readonly upstream: URL
  readonly script: ProxyScript
  readonly requests: (ProxiedRequest & { readonly action: ProxyAction })[]
  readonly sockets: Set<Socket>
}

/** Starts the proxy on a free port in front of `http://host:port`. */
export async function startTcpProxy(upstreamUrl: string, script: ProxyScript = {}): Promise<TcpProxy> {
  const state: State = { upstream: new URL(upstreamUrl), script, requests: [], sockets: new Set() }
  let connections = 0
  const server = createServer((client) => {
    connections += 1
    track(state, client)
    void serve(state, client, connections)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of state.sockets) socket.destroy()
    await closed
  }
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, script, requests: state.requests, stop, [Symbol.asyncDispose]: stop }
}

/** The first matching request meets the first action, the next the second, and so on; then all pass. */
export function inTurn(
  actions: readonly ProxyAction[],
  matches: (request: ProxiedRequest) => boolean = () => true,
): (request: ProxiedRequest) => ProxyAction {
  const left = [...actions]
  return (request) => (matches(request) ? (left.shift() ?? 'pass') : 'pass')
}

type RandomOptions = {
  /** How many of a hundred requests are spoilt. */
  readonly percent: number
  readonly actions: readonly ProxyAction[]
  /** TEST_SEED unless given. */
  readonly seed?: number
}

/** Spoils requests at random and prints the seed that deals the same actions again. */
export function atRandom({ percent, actions, seed }: RandomOptions): (request?: ProxiedRequest) => ProxyAction {
  const dealt = seed ?? Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000)
  console.log(`proxy: seed ${dealt} (TEST_SEED=${dealt} repeats it)`)
  const random = seededRandom(dealt)
  const damaged = new Map<string, number>()
  return (request) => {
    const action = random() * 100 < percent ? oneOf(random, actions) : 'pass'
    if (action !== 'corrupt' || request === undefined) return action
    const name = `${request.method} ${request.target}`
    const times = (damaged.get(name) ?? 0) + 1
    damaged.set(name, times)
    // The store gives up what is damaged three times.
    return times < 3 ? action : 'pass'
  }
}

/** Errors of a connection are what this proxy is about; each also ends it. */
function track({ sockets }: State, socket: Socket): void {
  sockets.add(socket)
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  socket.on('close', () => sockets.delete(socket))
}

async function serve(state: State, client: Socket, connection: number): Promise<void> {
  const fate = state.script.onConnection?.(connection)
  if (fate === 'dropBefore') return void client.resetAndDestroy()
  // The client's own end must be noticed, or its socket stays for ever.
  if (fate === 'hang') return void client.resume()
  const incoming = readMessages(client)
  const upstream = connect({ host: state.upstream.hostname, port: Number(state.upstream.port) })
  track(state, upstream)
  upstream.once('close', () => client.destroy())
  client.once('close', () => upstream.destroy())
  const answers = readMessages(upstream)
  for (;;) {
    const message = await incoming.next()
    if (message === undefined) return void client.destroy()
    const [method = '', target = ''] = message.startLine.split(' ')
    const request = { number: state.requests.length + 1, connection, method, target }
    const action = fate ?? state.script.onRequest?.(request) ?? 'pass'
    state.requests.push({ ...request, action })
    await handle({ message, action, client, upstream, answers, isHead: method === 'HEAD' })
  }
}

type Exchange = {
  readonly message: WireMessage
  readonly action: ProxyAction
  readonly client: Socket
  readonly upstream: Socket
  readonly answers: WireReader
  readonly isHead: boolean
}

async function handle(exchange: Exchange): Promise<void> {
  const { message, action, client, upstream, answers, isHead } = exchange
  if (action === 'hang') return
  if (action === 'dropBefore') return void client.resetAndDestroy()
  if (action === 'html200') return void client.write(answerOf(200, 'text/html', LOGIN_PAGE))
  if (typeof action === 'object' && 'status' in action) {
    return void client.write(answerOf(action.status, 'application/xml', errorXml(action.status)))
  }
  const hasBody = message.body.length > 0
  upstream.write(Buffer.concat([message.head, action === 'corrupt' ? flipped(message.body) : message.body]))
  const answer = await answers.next(isHead)
  if (answer === undefined) return void client.destroy()
  const whole = Buffer.concat([answer.head, answer.body])
  if (typeof action === 'object') await Bun.sleep(action.delayAfterStoreMs)
  else if (action === 'dropAfterStore') return void client.resetAndDestroy()
  else if (action === 'drip') return await drip(client, whole)
  else if (action === 'corrupt' && !hasBody) {
    return void client.write(Buffer.concat([answer.head, flipped(answer.body)]))
  } else if (action === 'truncate') {
    const cut = answer.body.length > 0 ? answer.head.length + answer.body.length / 2 : whole.length / 2
    // Ended, not reset: what was written must arrive.
    return void client.end(whole.subarray(0, cut))
  }
  client.write(whole)
}

async function drip(client: Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length && !client.destroyed; at += 1) {
    client.write(bytes.subarray(at, at + 1))
    await Bun.sleep(1)
  }
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const middle = Math.floor(copy.length / 2)
  if (copy.length > 0) copy[middle] = (copy[middle] ?? 0) ^ 1
  return copy
}

const LOGIN_PAGE = '<!doctype html><html><body>Please log in<br></body></html>'

function errorXml(status: number): string {
  const code = { 403: 'AccessDenied', 409: 'ConditionalRequestConflict', 429: 'SlowDown', 500: 'InternalError' }[status]
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code ?? 'ServiceUnavailable'}</Code><Message>Answered by the proxy</Message></Error>`
}

function answerOf(status: number, contentType: string, body: string): string {
  return `HTTP/1.1 ${status} Proxy\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
