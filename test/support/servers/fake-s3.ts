// An S3 server on loopback, strict where S3 is: signatures, checksums, conditional writes, key rules. Faults come from
// a hook that sees each request before it is served. On node:http, because only there a socket can be cut.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { checkBody, checkSignature, crc32, md5Hex, type Identity, type Refusal } from './fake-s3-auth.ts'

type FakeObject = {
  readonly bytes: Uint8Array
  /** User metadata without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>
  /** MD5 in hex, without quotes. */
  readonly etag: string
  readonly modifiedMs: number
}

export type FakeRequest = {
  /** From 1, over all requests of this server. */
  readonly number: number
  readonly method: string
  readonly operation: 'list' | 'get' | 'head' | 'put' | 'other'
  /** Decoded, empty for a listing. */
  readonly key: string
  readonly query: Readonly<Record<string, string>>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** What happens to a request in place of, or on top of, being served. */
export type Fault =
  /** Answered so; nothing is stored. `extra` is XML that goes into the error, `message` is the error's text. */
  | ({ readonly action: 'reply'; readonly message?: string } & Refusal)
  /** The connection is cut; before or after the request was carried out. */
  | { readonly action: 'drop-before' | 'drop-after' }
  | { readonly action: 'delay'; readonly ms: number }
  /** No answer ever; with or without the request being carried out. */
  | { readonly action: 'hang' | 'hang-after' }
  /** `200 text/html` of a login page, or 200 and no body; nothing is stored. */
  | { readonly action: 'html200' | 'empty200' }
  /** Carried out as if it had no If-Match and no If-None-Match. */
  | { readonly action: 'ignore-preconditions' }
  /** Carried out; the answer lacks its ETag, or its Date. */
  | { readonly action: 'no-etag' | 'no-date' }
  /** From this request on all are answered ExpiredToken. */
  | { readonly action: 'expire-credentials' }
  /** The answer does not announce its length. */
  | { readonly action: 'chunked' }
  /** The answer's body is cut in the middle, or has a byte changed. */
  | { readonly action: 'truncate' | 'corrupt' }

type FakeS3Options = {
  readonly bucket?: string
  readonly region?: string
  /** When given, requests must carry it. */
  readonly sessionToken?: string
}

export type FakeS3 = {
  readonly bucket: string
  readonly url: string
  /** Open to tests, which may add, change and remove objects; `put` makes one as an upload would. */
  readonly objects: Map<string, FakeObject>
  put(key: string, bytes: Uint8Array, metadata?: Record<string, string>): void
  /** All requests so far, refused ones too. */
  readonly requests: FakeRequest[]
  /** Sees each request before anything is checked; a fault decides what becomes of it. */
  onRequest: (request: FakeRequest) => Fault | undefined
  /** A store that takes conditions and does not act on them. */
  ignorePreconditions: boolean
  /** A store that does not know ranges and sends whole objects. */
  ignoreRanges: boolean
  /** The form of a tag in If-Match that the store takes: Ceph 16 refuses quotes, R2 answers 500 without them. */
  tagForm: 'both' | 'quoted' | 'plain'
  /** Objects on a page of a listing. */
  pageSize: number
  /** Permissions that the caller lacks: `s3:ListBucket`, `s3:GetObject`, `s3:PutObject`. */
  readonly denied: Set<string>
  /** How far this server's clock is ahead. */
  skewMs: number
  /** The environment for a spawned program; also keeps the SDK away from the machine's own profile and metadata. */
  env(): Record<string, string>
  stop(): Promise<void>
}

type State = Omit<FakeS3, 'stop' | 'env' | 'url' | 'put'> & { readonly identity: Identity; isExpired: boolean }
type Answer = {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: Uint8Array | string
}

export async function startFakeS3(options: FakeS3Options = {}): Promise<FakeS3> {
  const { bucket = 'test-bucket', region = 'us-east-1', sessionToken } = options
  const identity = { accessKeyId: 'AKIAFAKEFAKEFAKEFAKE', secretAccessKey: 'fake+secret/key', sessionToken, region }
  const fake: State = {
    bucket,
    identity,
    objects: new Map(),
    requests: [],
    onRequest: () => undefined,
    ignorePreconditions: false,
    ignoreRanges: false,
    tagForm: 'both',
    pageSize: 1_000,
    denied: new Set(),
    skewMs: 0,
    isExpired: false,
  }
  const server = createServer((incoming, response) => void serve(fake, incoming, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // The same object goes to the test, so that what it sets is what the server reads.
  return Object.assign(fake, {
    url,
    put: (key: string, bytes: Uint8Array, metadata = {}) => putObject(fake, key, bytes, metadata),
    env: () => environment(url, identity),
    stop: () => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
}

function environment(url: string, { accessKeyId, secretAccessKey, sessionToken, region }: Identity) {
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    AWS_REGION: region,
    AWS_ENDPOINT_URL_S3: url,
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

function putObject(fake: State, key: string, bytes: Uint8Array, metadata: Record<string, string>): FakeObject {
  const object = { bytes, metadata, etag: md5Hex(bytes), modifiedMs: Date.now() + fake.skewMs }
  fake.objects.set(key, object)
  return object
}

async function serve(fake: State, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(incoming)
  // A request that was cut off is no request.
  if (body === undefined) return
  const request = parse(fake, incoming, body)
  fake.requests.push(request)
  const fault = fake.onRequest(request)
  if (fault?.action === 'expire-credentials') fake.isExpired = true
  if (fault?.action === 'delay') await Bun.sleep(fault.ms)
  if (fault?.action === 'hang') return
  if (fault?.action === 'drop-before') return void incoming.socket.destroy()
  const answer = answerFor(fake, request, { fault, target: incoming.url ?? '' })
  if (fault?.action === 'hang-after') return
  if (fault?.action === 'drop-after') return void incoming.socket.destroy()
  reply(response, { ...answer, headers: { date: clockOf(fake), ...answer.headers } }, fault)
}

/** The server's clock, for the header that every answer has. */
function clockOf({ skewMs }: State): string {
  return new Date(Date.now() + skewMs).toUTCString()
}

function reply(response: ServerResponse, { status, headers = {}, body = '' }: Answer, fault: Fault | undefined): void {
  const bytes = Uint8Array.from(typeof body === 'string' ? Buffer.from(body) : body)
  if (fault?.action === 'corrupt' && bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 1
  const isHead = 'content-length' in headers
  const length = isHead || fault?.action === 'chunked' ? {} : { 'content-length': String(bytes.length) }
  // Else the server adds one of its own.
  response.sendDate = false
  response.writeHead(status, { ...headersUnder(fault, headers), ...length })
  if (fault?.action !== 'truncate') return void response.end(isHead ? undefined : bytes)
  response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
}

/** The headers of an answer without that which the fault takes away. */
function headersUnder(fault: Fault | undefined, headers: Record<string, string>): Record<string, string> {
  const lacking = fault?.action === 'no-etag' ? 'ETag' : fault?.action === 'no-date' ? 'date' : undefined
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name !== lacking))
}

async function readBody(incoming: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  try {
    for await (const chunk of incoming) chunks.push(chunk as Uint8Array)
  } catch {
    return undefined
  }
  const bytes = new Uint8Array(Buffer.concat(chunks))
  const announced = incoming.headers['content-length']
  return announced === undefined || Number(announced) === bytes.length ? bytes : undefined
}

function parse(fake: State, incoming: IncomingMessage, body: Uint8Array): FakeRequest {
  const [path = '', query = ''] = (incoming.url ?? '').split('?', 2)
  const [bucket, ...parts] = path.slice(1).split('/').map(decodeURIComponent)
  const key = parts.join('/')
  const method = incoming.method ?? ''
  return {
    number: fake.requests.length + 1,
    method,
    operation: bucket === fake.bucket ? operationOf(method, key) : 'other',
    key,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
    body,
  }
}

function operationOf(method: string, key: string): FakeRequest['operation'] {
  if (key === '') return method === 'GET' ? 'list' : 'other'
  return ({ GET: 'get', HEAD: 'head', PUT: 'put' } as const)[method] ?? 'other'
}

type Serving = { readonly fault: Fault | undefined; readonly target: string }

function answerFor(fake: State, request: FakeRequest, { fault, target }: Serving): Answer {
  const stranger = strangeAnswer(request, fault)
  if (stranger !== undefined) return stranger
  if (fake.isExpired) return refuse(request, { status: 400, code: 'ExpiredToken' })
  const { method, headers, body } = request
  const signed = { method, target, headers, body }
  const refusal = checkSignature(signed, fake.identity, Date.now() + fake.skewMs) ?? checkBody(signed)
  if (refusal !== undefined) return refuse(request, refusal)
  if (target.split('?')[0]?.split('/')[1] !== fake.bucket) return refuse(request, { status: 404, code: 'NoSuchBucket' })
  if (request.operation === 'list') return listObjects(fake, request)
  if (request.operation === 'other') return refuse(request, { status: 501, code: 'NotImplemented' })
  const isPut = request.operation === 'put'
  if (fake.denied.has(isPut ? 's3:PutObject' : 's3:GetObject'))
    return refuse(request, { status: 403, code: 'AccessDenied' })
  return isPut ? storeObject(fake, request, fault) : getObject(fake, request)
}

/** An answer that does not come from serving the request. */
function strangeAnswer(request: FakeRequest, fault: Fault | undefined): Answer | undefined {
  if (fault?.action === 'reply') return refuse(request, fault)
  if (fault?.action === 'empty200') return { status: 200 }
  if (fault?.action !== 'html200') return undefined
  const body = '<!doctype html><html><body>Please log in<br></body></html>'
  return { status: 200, headers: { 'content-type': 'text/html' }, body }
}

function refuse(request: FakeRequest, { status, code, extra = '', message }: Refusal & { message?: string }): Answer {
  const said = escapeXml(message ?? `Refused by the fake: ${code}`)
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${said}</Message>${extra}<RequestId>FAKE</RequestId></Error>`
  // HEAD's errors have no body, so nobody learns a reason from them.
  return { status, headers: { 'content-type': 'application/xml' }, body: request.method === 'HEAD' ? '' : body }
}

function storeObject(fake: State, request: FakeRequest, fault: Fault | undefined): Answer {
  const { key, headers, body } = request
  if (key.split('/').includes('..')) return refuse(request, { status: 400, code: 'InvalidURI' })
  if (Buffer.byteLength(key) > 1_024) return refuse(request, { status: 400, code: 'KeyTooLongError' })
  // Check and write in one go, with no await between: atomic.
  const isHeeded = !fake.ignorePreconditions && fault?.action !== 'ignore-preconditions'
  const refusal = isHeeded ? checkConditions(fake, key, headers) : undefined
  if (refusal !== undefined) return refuse(request, refusal)
  const metadata = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('x-amz-meta-') ? [[name.slice('x-amz-meta-'.length), value]] : [],
  )
  const { etag } = putObject(fake, key, body, Object.fromEntries(metadata))
  return { status: 200, headers: { ETag: `"${etag}"`, 'x-amz-checksum-crc32': crc32(body) } }
}

function checkConditions(fake: State, key: string, headers: FakeRequest['headers']): Refusal | undefined {
  const there = fake.objects.get(key)
  const absent = headers['if-none-match']
  const match = headers['if-match']
  if (absent !== undefined && absent !== '*') return { status: 501, code: 'NotImplemented' }
  if (absent === '*' && there !== undefined) return { status: 412, code: 'PreconditionFailed' }
  if (match === undefined) return undefined
  const isQuoted = /^".*"$/.test(match)
  if (fake.tagForm === 'quoted' && !isQuoted) return { status: 500, code: 'InternalError' }
  if (fake.tagForm === 'plain' && isQuoted) return { status: 412, code: 'PreconditionFailed' }
  if (there === undefined) return { status: 404, code: 'NoSuchKey' }
  return match.replaceAll('"', '') === there.etag ? undefined : { status: 412, code: 'PreconditionFailed' }
}

function getObject(fake: State, request: FakeRequest): Answer {
  const object = fake.objects.get(request.key)
  if (object === undefined) {
    // Who may not list is not told what does not exist.
    const isHidden = fake.denied.has('s3:ListBucket')
    return refuse(request, isHidden ? { status: 403, code: 'AccessDenied' } : { status: 404, code: 'NoSuchKey' })
  }
  const match = request.headers['if-match']
  if (match !== undefined && match.replaceAll('"', '') !== object.etag) {
    return refuse(request, { status: 412, code: 'PreconditionFailed' })
  }
  const { bytes, etag, modifiedMs, metadata } = object
  const range = fake.ignoreRanges ? undefined : rangeOf(request.headers['range'], bytes.length)
  if (range === 'unsatisfiable') return refuse(request, { status: 416, code: 'InvalidRange' })
  const [start, end] = range ?? [0, bytes.length]
  const headers: Record<string, string> = {
    ETag: `"${etag}"`,
    'last-modified': new Date(modifiedMs).toUTCString(),
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
  }
  if (range !== undefined) headers['content-range'] = `bytes ${start}-${end - 1}/${bytes.length}`
  // Only whole objects have a checksum of what is sent.
  else if (request.headers['x-amz-checksum-mode'] === 'ENABLED') headers['x-amz-checksum-crc32'] = crc32(bytes)
  if (request.method === 'HEAD') headers['content-length'] = String(end - start)
  return { status: range === undefined ? 200 : 206, headers, body: bytes.subarray(start, end) }
}

/** Start and end (exclusive) of `bytes=a-b`, `bytes=a-` and `bytes=-n`; a header that is none of these is ignored. */
function rangeOf(header: string | undefined, size: number): [number, number] | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || first + last === '') return undefined
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return start < end ? [start, end] : 'unsatisfiable'
}

function listObjects(fake: State, request: FakeRequest): Answer {
  if (fake.denied.has('s3:ListBucket')) return refuse(request, { status: 403, code: 'AccessDenied' })
  const { query } = request
  if (query['list-type'] !== '2') return refuse(request, { status: 501, code: 'NotImplemented' })
  const prefix = query['prefix'] ?? ''
  const token = query['continuation-token']
  // As S3: with a token, where the listing began no longer counts.
  const after = token === undefined ? (query['start-after'] ?? '') : Buffer.from(token, 'base64url').toString()
  const delimiter = query['delimiter'] ?? ''
  // With a delimiter, one entry stands for all keys that go on after it.
  const entryOf = (key: string) => {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    return end === -1 ? key : key.slice(0, end + delimiter.length)
  }
  const entries = [...fake.objects.keys()].filter((key) => key.startsWith(prefix)).map(entryOf)
  const keys = [...new Set(entries)]
    .filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0)
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const page = keys.slice(0, Math.min(fake.pageSize, Number(query['max-keys'] ?? 1_000)))
  const isTruncated = page.length < keys.length
  const next = isTruncated ? `<NextContinuationToken>${tokenFor(page)}</NextContinuationToken>` : ''
  const isFolder = (entry: string) => delimiter !== '' && entry.slice(prefix.length).includes(delimiter)
  const contents = page
    .map((entry) => {
      const text =
        query['encoding-type'] === 'url' ? encodeURIComponent(entry).replaceAll('%2F', '/') : escapeXml(entry)
      return isFolder(entry) ? folderXml(text) : contentsXml(text, fake.objects.get(entry))
    })
    .join('')
  const head = `<Name>${fake.bucket}</Name><Prefix>${escapeXml(prefix)}</Prefix><KeyCount>${page.length}</KeyCount>`
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${head}<MaxKeys>1000</MaxKeys><IsTruncated>${isTruncated}</IsTruncated>${next}${contents}</ListBucketResult>`
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: xml }
}

function tokenFor(page: readonly string[]): string {
  return Buffer.from(page.at(-1) ?? '').toString('base64url')
}

/** `key` is written as XML, or encoded as in an address. */
function contentsXml(key: string, object: FakeObject | undefined): string {
  if (object === undefined) return ''
  const modified = new Date(object.modifiedMs).toISOString()
  return `<Contents><Key>${key}</Key><LastModified>${modified}</LastModified><ETag>&quot;${object.etag}&quot;</ETag><Size>${object.bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`
}

function folderXml(prefix: string): string {
  return `<CommonPrefixes><Prefix>${prefix}</Prefix></CommonPrefixes>`
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
