// The key: where it goes, and that it goes nowhere else. Every way that a call can fail is taken with a key that no encoding
// leaves as it is, and everything that comes out is searched for it, whole, encoded and in pieces.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { startFakeFmp, type Fault, type FmpRequestInfo } from './support/fake-fmp.ts'
import { leaksIn } from './support/leaks.ts'
import { disposableFolder, folderLake, type Lake } from './support/lake.ts'
import { barsFor, KEY, NOW, runCli, setS3Stage, type CliResult } from './support/run-cli.ts'

setDefaultTimeout(30_000)

const SENTINEL = `S3nt~inel+Key/!*'(0123456789)==`
const AWS_SECRET = 'fake+secret/key'
const DAY = '2024-09-16'

/** Everything a run has left: both streams, every file's name and bytes. */
async function traces({ stdout, stderr }: CliResult, lake: Lake): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const keys = await lake.keys()
  const files = await Promise.all(keys.map(async (key) => [key, await lake.bytes(key)] as const))
  return new Map<string, string | Uint8Array>([
    ['stdout', stdout],
    ['stderr', stderr],
    ['names', keys.join('\n')],
    ...files,
  ])
}

async function runWithKey(
  onRequest: ((info: FmpRequestInfo) => Fault) | undefined,
  { api = 'stable', args = [], preload = 'test/support/time-warp.ts', key = SENTINEL }: Partial<Setting> = {},
) {
  await using folder = await disposableFolder()
  const lake = folderLake(join(folder.path, 'lake'))
  const fmp = startFakeFmp({
    key: SENTINEL,
    bars: barsFor(['A', 'B'], DAY, DAY),
    onRequest: (info) => onRequest?.(info),
  })
  const run = await runCli(['--tickers', 'A,B', '--out', lake.out, '--now', NOW, ...args], {
    env: {
      FMP_API_KEY: key,
      FMP_BASE_URL: fmp.url,
      FMP_API: api,
      RATE_LIMIT_SECONDS: '0',
      API_TIMEOUT_SECONDS: '0.3',
      TIME_WARP: '200',
    },
    preload,
  })
  fmp.stop()
  return { ...run, requests: fmp.requests, leaks: leaksIn(await traces(run, lake), [SENTINEL]) }
}

type Setting = { api: string; args: readonly string[]; preload: string; key: string }

const BASE64 = Buffer.from(SENTINEL).toString('base64')
const query = new URLSearchParams({ apikey: SENTINEL }).toString()

/** What a vendor, a proxy or a debug page may say back, the key in every dress. */
const ECHO = [
  SENTINEL,
  query,
  query.replaceAll(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
  encodeURIComponent(SENTINEL),
  BASE64,
  BASE64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''),
  JSON.stringify(SENTINEL),
].join(' ')

const FAULTS: readonly [string, (info: FmpRequestInfo) => Fault][] = [
  ['a reset', () => ({ reset: true })],
  ['a body that is too short', () => ({ lengthOff: 50 })],
  ['a body that is no gzip', () => ({ falseEncoding: 'gzip' })],
  ['no HTTP', () => ({ raw: `oops ${SENTINEL}\r\n\r\n` })],
  ['a silent server', () => 'hang'],
  ['a web page that quotes the request', ({ url }) => new Response(`<html>${url}${ECHO}</html>`)],
  ['a refusal that quotes the request', ({ url }) => new Response(`Bad: ${url} ${ECHO}`, { status: 400 })],
  ['an error that quotes the headers', () => Response.json({ 'Error Message': ECHO }, { status: 403 })],
  ['a broken JSON that quotes the key', () => new Response(`{"url": "${query}", "`)],
  ['a bomb', () => ({ bombMiB: 64 })],
  [
    'a redirect with the key in its path',
    () => Response.redirect(`http://127.0.0.1:9/${encodeURIComponent(SENTINEL)}?${query}`),
  ],
  ['rows with the key for a symbol', () => Response.json([{ symbol: SENTINEL, date: DAY }])],
  [
    'rows with the key in odd places',
    ({ symbol }) =>
      Response.json([
        { symbol, date: SENTINEL, open: query, high: 1, low: 1, close: 1, volume: BASE64, [SENTINEL]: 1 },
      ]),
  ],
]

describe.concurrent('the key is in no output and no file after', () => {
  test.each(FAULTS)('%s', async (_name, fault) => {
    for (const [api, args] of [
      ['stable', ['--json']],
      ['v3', ['--quiet']],
    ] as const) {
      const run = await runWithKey(fault, { api, args })
      expect(run.code).toBe(1)
      expect(run.requests.length).toBeGreaterThan(0)
      expect(run.leaks).toEqual([])
    }
  })

  test('a good run, its metrics and its files', async () => {
    const run = await runWithKey(undefined)
    expect({ code: run.code, leaks: run.leaks }).toEqual({ code: 0, leaks: [] })
  })

  test('a defect whose trace, cause and fields are full of it', async () => {
    const setting = { preload: 'test/support/broken-fetch.ts', api: 'v3' }
    for (const key of [SENTINEL, ` ${SENTINEL}\n`]) {
      const run = await runWithKey(undefined, { ...setting, key })
      expect(run.code).toBe(1)
      expect(run.stderr).toContain('defect')
      expect(run.stderr).toContain('[redacted]')
      expect(run.leaks).toEqual([])
    }
  })
})

describe.concurrent('the key goes to the vendor only:', () => {
  test('on stable in a header, with v3 in the query, and in nothing else of the request', async () => {
    const stable = await runWithKey(undefined)
    for (const { url, headers } of stable.requests) {
      expect(headers.get('apikey')).toBe(SENTINEL)
      expect(leaksIn(new Map([['url', url.href]]), [SENTINEL])).toEqual([])
    }
    const legacy = await runWithKey(undefined, { api: 'v3' })
    for (const { url, headers } of legacy.requests) {
      expect(url.searchParams.get('apikey')).toBe(SENTINEL)
      expect(leaksIn(new Map([['headers', JSON.stringify([...headers])]]), [SENTINEL])).toEqual([])
    }
  })

  test('S3 sees neither it nor its own secret: keys, metadata, headers and bodies are searched', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A'], DAY, DAY) })
    const run = await stage.run(['--tickers', 'A,NONE'], { env: { FMP_API: 'v3' } })
    expect(stage.s3.requests.length).toBeGreaterThan(4)
    const seen = stage.s3.requests.map(
      ({ number, key, query: asked, headers, body }) =>
        [`request ${number}`, Buffer.concat([Buffer.from(JSON.stringify({ key, asked, headers })), body])] as const,
    )
    const texts = new Map<string, string | Uint8Array>([['streams', run.stdout + run.stderr], ...seen])
    expect(leaksIn(texts, [KEY, AWS_SECRET])).toEqual([])
    // The bucket's own defaults hold: no access list, no tags, no encryption of this program's choosing.
    const sent = new Set(stage.s3.requests.flatMap(({ headers }) => Object.keys(headers)))
    expect([...sent].filter((name) => /acl|grant|tagging|encryption|storage-class/.test(name))).toEqual([])
  })
})

describe.concurrent('on the command line', () => {
  test.each([
    [[`--api-key=${SENTINEL}`]],
    [['--apikey', SENTINEL]],
    [['-k', SENTINEL]],
    [[`FMP_API_KEY=${SENTINEL}`]],
    [['--tickers', 'A', `--token=${SENTINEL}`, '--out', 'x']],
  ])('a key is refused, and not repeated: %p', async (args) => {
    const run = await runCli(args, { env: { FMP_API_KEY: SENTINEL } })
    expect(run.code).toBe(2)
    expect(leaksIn(new Map([['stderr', run.stderr + run.stdout]]), [SENTINEL])).toEqual([])
  })

  test('a key that is no key is refused without being shown', async () => {
    const odd = `${SENTINEL}\u00e9 with blanks`
    const run = await runCli(['--tickers', 'A', '--out', 'x'], { env: { FMP_API_KEY: odd } })
    expect(run.code).toBe(2)
    expect(run.stderr).toContain('FMP_API_KEY')
    expect(leaksIn(new Map([['stderr', run.stderr]]), [SENTINEL])).toEqual([])
  })
})

test('the search of these tests finds a key in any dress, and a good half of one', () => {
  const finds = (text: string) => leaksIn(new Map([['text', text]]), [SENTINEL]).length > 0
  const dresses = [SENTINEL, ECHO, encodeURIComponent(query), btoa(`key=${SENTINEL}`), btoa(`a ${SENTINEL} b`)]
  expect(dresses.map(finds)).toEqual(dresses.map(() => true))
  expect(finds(`it begins with ${SENTINEL.slice(0, 12)}…`)).toBe(true)
  expect(finds('an ordinary line')).toBe(false)
})
