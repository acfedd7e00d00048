// Where the key and the data may travel: certificates are checked, nothing is sent in the clear, proxies and redirects do not
// take the key elsewhere, and what a user has switched off is said.

import { describe, expect, test } from 'bun:test'
import net from 'node:net'
import { join } from 'node:path'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor } from '../support/bars.ts'
import { runCli } from '../support/runs/process.ts'
import { setS3Stage, setStage } from '../support/runs/stage.ts'
import { startFakeFmp } from '../support/servers/fake-fmp.ts'
import { runInProcess } from '../support/runs/in-process.ts'
import { disposableFolder } from '../support/lakes/lake.ts'
import { certificatePath, startTlsServer, type Certificate } from '../support/servers/tls-server.ts'

const DAY = '2024-09-16'
const WARPED = { preload: 'test/support/runs/time-warp.ts' }

async function runAgainst(url: string, env: Record<string, string> = {}, args: readonly string[] = []) {
  await using folder = await disposableFolder()
  const out = args.includes('--out') ? [] : ['--out', join(folder.path, 'lake')]
  const vendor = { FMP_API_KEY: KEY, FMP_BASE_URL: url, RATE_LIMIT_SECONDS: '0', TIME_WARP: '200' }
  return await runCli(['--tickers', 'A,B,C', '--now', NOW, ...out, ...args], { env: { ...vendor, ...env }, ...WARPED })
}

/** Accepts connections and writes down what comes, which should be nothing. */
function startListener() {
  const heard: string[] = []
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      heard.push(data.toString('latin1'))
      socket.end('HTTP/1.1 502 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  })
  server.listen(0, '127.0.0.1')
  const { port } = server.address() as net.AddressInfo
  return { heard, port, url: `http://127.0.0.1:${port}`, [Symbol.dispose]: () => void server.close() }
}

describe.concurrent('a certificate that is not to be trusted', () => {
  test.each<[string, Certificate, boolean, string]>([
    ['self-signed', 'loopback', false, 'SELF_SIGNED'],
    ['of another host', 'other-host', true, 'ALTNAME'],
    ['expired', 'expired', true, 'EXPIRED'],
  ])(
    '(%s) stops the run at the first call, with cause and cure, and nothing is sent',
    async (_name, cert, isKnown, code) => {
      await using server = startTlsServer(cert)
      const run = await runAgainst(server.url, isKnown ? { NODE_EXTRA_CA_CERTS: certificatePath(cert) } : {})
      expect({ code: run.code, requests: server.requests }).toEqual({ code: 1, requests: [] })
      expect(run.stderr.match(/^🛑.*$/gm)).toEqual([
        expect.stringMatching(/TLS certificate of 127\.0\.0\.1:\d+ is not trusted/),
      ])
      expect(run.stderr).toContain(code)
      expect(run.stderr).toContain('NODE_EXTRA_CA_CERTS')
    },
  )

  test('is trusted when its authority is named', async () => {
    await using server = startTlsServer('loopback')
    const run = await runAgainst(server.url, { NODE_EXTRA_CA_CERTS: certificatePath('loopback') })
    expect(server.requests.length).toBeGreaterThan(0)
    expect(run.stderr).toContain('A: FMP has no data')
  })

  test.each<[Certificate, boolean]>([
    ['loopback', false],
    ['other-host', true],
  ])('of the store (%s) is refused before any call', async (cert, isKnown) => {
    await using server = startTlsServer(cert)
    await using stage = await setS3Stage()
    const known: Record<string, string> = isKnown ? { NODE_EXTRA_CA_CERTS: certificatePath(cert) } : {}
    const env = { ...stage.s3.env(), ...known, AWS_ENDPOINT_URL_S3: server.url }
    const run = await runAgainst(stage.fmp.url, env, ['--out', 's3://test-bucket'])
    expect({ code: run.code, store: server.requests, calls: stage.fmp.requests }).toEqual({
      code: 1,
      store: [],
      calls: [],
    })
    expect(run.stderr).toMatch(/^❌ s3:\/\/test-bucket\/.*TLS certificate is not trusted.*NODE_EXTRA_CA_CERTS/m)
  })

  test('is let through by NODE_TLS_REJECT_UNAUTHORIZED=0 with a loud warning only', async () => {
    await using server = startTlsServer('loopback')
    const run = await runAgainst(server.url, { NODE_TLS_REJECT_UNAUTHORIZED: '0' })
    expect(run.stderr).toMatch(/^⚠️ .*NODE_TLS_REJECT_UNAUTHORIZED=0.*(key|read)/m)
    const quiet = await runAgainst(server.url, { NODE_TLS_REJECT_UNAUTHORIZED: '1' })
    expect(quiet.stderr).not.toContain('NODE_TLS_REJECT_UNAUTHORIZED')
    expect(quiet.code).toBe(1)
  })
})

describe.concurrent('in the clear', () => {
  test('nothing goes to an https:// address, even where no TLS answers', async () => {
    using plain = startListener()
    const run = await runAgainst(`https://127.0.0.1:${plain.port}`)
    expect(run.code).toBe(1)
    expect(plain.heard.length).toBeGreaterThan(0)
    // Records of a TLS handshake and its alerts, and no request.
    for (const bytes of plain.heard) expect([0x15, 0x16]).toContain(bytes.charCodeAt(0))
    // Long enough not to be among the random bytes of a handshake by chance.
    expect(plain.heard.join('')).not.toMatch(/GET \/|apikey/)
    expect(run.stderr).toMatch(/^❌ A: .*TLS handshake failed.*(Check|run again)/m)
  })

  test.each([
    'http://example.com',
    'http://10.0.0.1',
    'http://127.0.0.1.example.com',
    'http://[::2]:80',
    'ftp://127.0.0.1',
  ])('%s is no address for the key', async (url) => {
    const args = ['--tickers', 'A', '--out', 'x', '--now', NOW]
    const run = await runInProcess({ args, env: { FMP_BASE_URL: url }, vendor: () => Response.json([]) })
    expect(run.calls).toBe(0)
    expect({ code: run.code, stdout: run.stdout }).toEqual({ code: 2, stdout: '' })
    expect(run.stderr).toContain('FMP_BASE_URL')
    expect(run.stderr).toContain('loopback')
  })

  test('a store on another machine is warned of, one on this machine is not', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY) })
    const near = await runAgainst(stage.fmp.url, stage.s3.env(), ['--out', 's3://test-bucket', '--dry-run'])
    expect(near.stderr).not.toMatch(/plain HTTP/i)
    for (const name of ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL']) {
      // Port 1 of a name that leads here: nobody answers, and nothing leaves the machine.
      const env = { ...stage.s3.env(), AWS_ENDPOINT_URL_S3: '', [name]: 'http://0.0.0.0:1' }
      const run = await runAgainst(stage.fmp.url, env, ['--out', 's3://test-bucket', '--dry-run'])
      expect(run.code).toBe(1)
      expect(run.stderr).toMatch(/^⚠️ .*plain HTTP.*https:\/\//m)
    }
  })
})

describe.concurrent('a proxy', () => {
  test.each(['HTTP_PROXY', 'http_proxy'])('in %s is not asked for what is on this machine', async (name) => {
    using proxy = startListener()
    await using stage = await setStage({ bars: barsFor(['A', 'B', 'C'], DAY, DAY) })
    const run = await runAgainst(stage.fmp.url, { [name]: proxy.url })
    expect({ code: run.code, heard: proxy.heard }).toEqual({ code: 0, heard: [] })
  })

  test('does not come between the demo and its own server', async () => {
    using proxy = startListener()
    await using folder = await disposableFolder()
    const env = { HTTP_PROXY: proxy.url, http_proxy: proxy.url, HTTPS_PROXY: proxy.url }
    const run = await runCli(['demo', '--out', join(folder.path, 'lake')], { env })
    expect({ code: run.code, heard: proxy.heard }).toEqual({ code: 0, heard: [] })
  })

  test('that tunnels to another machine sees a name and no key', async () => {
    using proxy = startListener()
    const run = await runAgainst('https://vendor.invalid', { HTTPS_PROXY: proxy.url })
    expect(run.code).toBe(1)
    expect(proxy.heard.length).toBeGreaterThan(0)
    for (const text of proxy.heard) {
      expect(text).toStartWith('CONNECT vendor.invalid:443 ')
      expect(text).not.toMatch(/apikey/i)
    }
  })
})

test.each(['stable', 'v3'])('no redirect is followed, to another host, port or path (%s)', async (api) => {
  const other = startFakeFmp({ key: KEY, bars: barsFor(['A'], DAY, DAY) })
  await using stage = await setStage()
  const cases = [301, 302, 303, 307, 308].flatMap((status) =>
    [`${other.url}/stable/x`, '//localhost:9/x', '/stable/elsewhere'].map((location) => ({ status, location })),
  )
  const names = cases.map((_case, index) => `R${index}`)
  stage.onRequest = ({ symbol }) => {
    const { status, location } = cases[names.indexOf(symbol)] ?? { status: 500, location: '' }
    return new Response('', { status, headers: { location } })
  }
  const run = await stage.run(['--tickers', names.join(',')], { env: { FMP_API: api } })
  other.stop()
  expect({ code: run.code, calls: run.requests.length, elsewhere: other.requests }).toEqual({
    code: 1,
    calls: cases.length,
    elsewhere: [],
  })
  expect(run.stderr.match(/^❌ R\d+: .*redirected to .*not followed.*FMP_BASE_URL/gm)).toHaveLength(cases.length)
})
