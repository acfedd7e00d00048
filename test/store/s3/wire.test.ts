// The requests that the SDK does not send itself: where they go and what they carry is still what the SDK would do.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { openTestStore, setAwsEnvironment } from '../../support/lakes/s3-store.ts'

const BYTES = new TextEncoder().encode('the bytes')
const KEYS = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret-of-a-test' }

type Sent = { readonly url: string; readonly headers: Readonly<Record<string, string>> }

let restore: () => void = () => undefined
beforeEach(() => {
  restore = setAwsEnvironment({})
})
afterEach(() => restore())

/** The writes of a store for `bucket` under this environment; each is refused as if the file were there. */
async function putUnder(env: Readonly<Record<string, string>>, bucket = 'my-bucket', key = 'raw/a.parquet') {
  restore()
  restore = setAwsEnvironment({ ...KEYS, AWS_CONFIG_FILE: '/dev/null', ...env })
  const sent: Sent[] = []
  const store = await openTestStore({
    bucket,
    fetch: async (url, { headers }) => {
      sent.push({ url, headers: headers as Record<string, string> })
      return new Response(null, { status: 200, headers: { etag: '"x"' } })
    },
  })
  // Unconditional, so that nothing has to be proven first.
  await store.replace(key, BYTES, { 'rows-sha256': 'abc' })
  const [first] = sent
  if (first === undefined || sent.length > 1) throw new Error(`${sent.length} requests were sent`)
  return first
}

describe('a file goes', () => {
  test.each([
    [
      'to the bucket’s own host',
      { AWS_REGION: 'eu-west-1' },
      'my-bucket',
      'https://my-bucket.s3.eu-west-1.amazonaws.com/raw/',
    ],
    [
      'into a path where the name has dots',
      { AWS_REGION: 'eu-west-1' },
      'my.bucket',
      'https://s3.eu-west-1.amazonaws.com/my.bucket/raw/',
    ],
    ['to China', { AWS_REGION: 'cn-north-1' }, 'my-bucket', 'https://my-bucket.s3.cn-north-1.amazonaws.com.cn/raw/'],
    [
      'by IPv6 and IPv4 where the SDK is told so',
      { AWS_REGION: 'us-west-2', AWS_USE_DUALSTACK_ENDPOINT: 'true' },
      'my-bucket',
      'https://my-bucket.s3.dualstack.us-west-2.amazonaws.com/raw/',
    ],
    [
      'to a FIPS endpoint where the SDK is told so',
      { AWS_REGION: 'us-west-2', AWS_USE_FIPS_ENDPOINT: 'true' },
      'my-bucket',
      'https://my-bucket.s3-fips.us-west-2.amazonaws.com/raw/',
    ],
    [
      'below the path of another store',
      { AWS_REGION: 'auto', AWS_ENDPOINT_URL_S3: 'https://store.example:8443/base/' },
      'my-bucket',
      'https://store.example:8443/base/my-bucket/raw/',
    ],
  ])('%s', async (_name, env, bucket, expected) => {
    const { url, headers } = await putUnder(env, bucket)
    expect(url).toBe(`${expected}a.parquet`)
    const signedFor = new RegExp(
      `^AWS4-HMAC-SHA256 Credential=AKID/\\d{8}/${env.AWS_REGION}/s3/aws4_request, SignedHeaders=.*\\bhost\\b`,
    )
    expect(headers['authorization']).toMatch(signedFor)
  })

  test('under its key with every sign escaped that S3 escapes before it checks the signature', async () => {
    const { url } = await putUnder({ AWS_REGION: 'eu-west-1' }, 'my-bucket', "a=b/%5EX.Y-1+2 (3)'!*~_/ü.parquet")
    expect(new URL(url).pathname).toBe('/a%3Db/%255EX.Y-1%2B2%20%283%29%27%21%2A~_/%C3%BC.parquet')
  })
})

describe('a file carries', () => {
  test('the hash of its bytes, their checksum and its metadata, all signed', async () => {
    const { headers } = await putUnder({ AWS_REGION: 'eu-west-1', AWS_SESSION_TOKEN: 'the-token' })
    const sha256 = new Bun.CryptoHasher('sha256').update(BYTES).digest('hex')
    expect(headers).toMatchObject({
      'x-amz-content-sha256': sha256,
      'x-amz-meta-sha256': sha256,
      'x-amz-meta-rows-sha256': 'abc',
      'x-amz-security-token': 'the-token',
      // Python: base64.b64encode(zlib.crc32(b'the bytes').to_bytes(4))
      'x-amz-checksum-crc32': '4dHv3g==',
    })
    const [, signed = ''] = /SignedHeaders=([^,]+),/.exec(headers['authorization'] ?? '') ?? []
    const names = Object.keys(headers).filter((name) => name.startsWith('x-amz-') || name === 'if-none-match')
    expect(names.filter((name) => !signed.split(';').includes(name))).toEqual([])
  })

  test('no checksum where the SDK is told that the store knows none', async () => {
    const { headers } = await putUnder({ AWS_REGION: 'eu-west-1', AWS_REQUEST_CHECKSUM_CALCULATION: 'when_required' })
    expect(Object.keys(headers).filter((name) => name.includes('checksum'))).toEqual([])
  })
})

test('a large page of a stranger in place of a footer is worth another try, not the fault of the file', async () => {
  restore()
  restore = setAwsEnvironment({ ...KEYS, AWS_REGION: 'eu-west-1' })
  let asked = 0
  const store = await openTestStore({
    fetch: async (_url, { headers }) => {
      asked += 1
      expect((headers as Record<string, string>)['range']).toBe('bytes=-100')
      if (asked < 3) return new Response('<html>'.repeat(100), { status: 200 })
      return new Response('the footer', { status: 206, headers: { etag: '"x"', 'x-amz-meta-run-id': 'r' } })
    },
  })
  const bytes = await store.read('raw/a.parquet', { suffixBytes: 100 }, 100)
  expect({ text: new TextDecoder().decode(bytes), asked }).toEqual({ text: 'the footer', asked: 3 })
  const larger = openTestStore({
    fetch: async () => new Response('x'.repeat(200), { status: 206, headers: { etag: '"x"' } }),
  })
  expect((await larger).read('raw/a.parquet', { suffixBytes: 100 }, 100)).rejects.toThrow('at most 100 are read')
})

test('a file that is not there is none, also where the store sends no words', async () => {
  restore()
  restore = setAwsEnvironment({ ...KEYS, AWS_REGION: 'eu-west-1' })
  const store = await openTestStore({
    fetch: async () => new Response(null, { status: 404 }),
  })
  expect(await store.read('raw/a.parquet', { suffixBytes: 100 }, 100)).toBeUndefined()
})

/** The failure of a write that fetch has failed with this. */
async function failureWith(code: string, message = code): Promise<unknown> {
  restore()
  restore = setAwsEnvironment({ ...KEYS, AWS_REGION: 'eu-west-1' })
  const store = await openTestStore({
    fetch: async () => {
      throw Object.assign(new TypeError(message), code === '' ? {} : { code })
    },
  })
  return await store.replace('raw/a', BYTES, {}).catch((error: unknown) => error)
}

describe('a failure of fetch', () => {
  test.each([
    'UnsupportedTransferEncoding',
    'InvalidHTTPResponse',
    'Malformed_HTTP_Response',
    'TLSHandshakeFailed',
    'ECONNRESET',
  ])('(%s) is one of the network, tried again', async (code) => {
    const message = expect.stringMatching(new RegExp(`no answer from the store .${code}: .*, 14 tries$`))
    expect(await failureWith(code)).toMatchObject({ kind: 'store', scope: 'run', message })
  })

  test.each(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'HOSTNAME_MISMATCH'])(
    '(%s) is one of the certificate',
    async (code) => {
      const hint = expect.stringContaining('NODE_EXTRA_CA_CERTS')
      expect(await failureWith(code)).toMatchObject({ kind: 'store', scope: 'run', hint })
    },
  )

  test('that no code explains is a defect', async () => {
    expect(await failureWith('', 'x is not a function')).toBeInstanceOf(TypeError)
  })
})

test('credentials that expire are fetched anew before they do', async () => {
  restore()
  let given = 0
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: () => {
      given += 1
      // The SDK takes new ones five minutes before the old ones expire.
      const lifeMs = given === 1 ? 60_000 : 3_600_000
      const Expiration = new Date(Date.now() + lifeMs).toISOString()
      return Response.json({ AccessKeyId: `AKID${given}`, SecretAccessKey: 's', Token: `token-${given}`, Expiration })
    },
  })
  restore = setAwsEnvironment({
    AWS_REGION: 'eu-west-1',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.url.origin}/`,
  })
  const tokens: (string | undefined)[] = []
  const store = await openTestStore({
    fetch: async (_url, { headers }) => {
      tokens.push((headers as Record<string, string>)['x-amz-security-token'])
      return new Response(null, { status: 200, headers: { etag: '"x"' } })
    },
  })
  // They are renewed in the background, from the second write on.
  for (let n = 0; n < 500 && tokens.at(-1) !== 'token-2'; n += 1) {
    await store.replace(String(n), BYTES, {})
    await Bun.sleep(0)
  }
  await server.stop(true)
  expect(tokens[0]).toBe('token-1')
  expect(tokens.at(-1)).toBe('token-2')
  expect(given).toBe(2)
})

test('credentials that are not there yet are asked for again by the next write', async () => {
  restore()
  const nowhere = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' }
  const env = { AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true', ...nowhere }
  restore = setAwsEnvironment(env)
  const store = await openTestStore({
    fetch: async () => new Response(null, { status: 200, headers: { etag: '"x"' } }),
  })
  const before = await store.replace('a', BYTES, {}).catch((error: unknown) => error)
  expect(before).toMatchObject({ message: expect.stringContaining('no AWS credentials found') })
  restore()
  restore = setAwsEnvironment({ ...env, ...KEYS })
  expect(await store.replace('a', BYTES, {})).toBe('replaced')
})
