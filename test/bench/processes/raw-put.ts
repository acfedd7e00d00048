// Baseline: ready-made bytes to S3 with a signature written by hand and Bun's own fetch: create-only, with the metadata
// that the program adds, and no retry, no timeout, no error handling.
import { createHash, createHmac } from 'node:crypto'
import type { Packed } from '../drafts.ts'

const IN_FLIGHT = 128

const [packPath = '', indexPath = '', bucket = ''] = process.argv.slice(2)
const { AWS_ENDPOINT_URL_S3: endpoint = '', AWS_REGION: region = '' } = process.env
const { AWS_ACCESS_KEY_ID: keyId = '', AWS_SECRET_ACCESS_KEY: secret = '' } = process.env

const host = new URL(endpoint).host
const now = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')
const scope = `${now.slice(0, 8)}/${region}/s3/aws4_request`
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
const signingKey = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`)
const runId = crypto.randomUUID()

const pack = await Bun.file(packPath).bytes()
const files = ((await Bun.file(indexPath).json()) as readonly Packed[]).values()

async function put({ key, offset, length, rowsSha256 }: Packed): Promise<void> {
  const body = pack.subarray(offset, offset + length)
  const path = `/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
  const hash = sha256(body)
  const signed = {
    host,
    'if-none-match': '*',
    'x-amz-content-sha256': hash,
    'x-amz-date': now,
    'x-amz-meta-rows-sha256': rowsSha256,
    'x-amz-meta-run-id': runId,
    'x-amz-meta-sha256': hash,
  }
  const names = Object.keys(signed).join(';')
  const lines = Object.entries(signed).map(([name, value]) => `${name}:${value}\n`)
  const canonical = `PUT\n${path}\n\n${lines.join('')}\n${names}\n${hash}`
  const toSign = `AWS4-HMAC-SHA256\n${now}\n${scope}\n${sha256(canonical)}`
  const signature = hmac(signingKey, toSign).toString('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${keyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
  const { host: _host, ...sent } = signed
  const response = await fetch(`${endpoint}${path}`, { method: 'PUT', body, headers: { ...sent, authorization } })
  if (response.status !== 200) throw new Error(`${key}: ${response.status} ${await response.text()}`)
}

async function work(): Promise<void> {
  for (const file of files) await put(file)
}
await Promise.all(Array.from({ length: IN_FLIGHT }, work))
