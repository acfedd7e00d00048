// The key: where it goes, and that it goes nowhere else. Every way that a call can fail is taken with a key that no encoding
// leaves as it is, and everything that comes out is searched for it, whole, encoded and in pieces.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { Fault, FmpRequestInfo } from '../support/servers/vendor.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { barsFor } from '../support/bars.ts'
import { runCli, type CliResult } from '../support/runs/process.ts'
import { setS3Stage } from '../support/runs/stage.ts'
import { startFakeFmp } from '../support/servers/fake-fmp.ts'
import { runInProcess } from '../support/runs/in-process.ts'
import { leaksIn } from '../support/leaks.ts'
import { disposableFolder, folderLake, type Lake } from '../support/lakes/lake.ts'

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
  onRequest: ((info: FmpRequestInfo) => Fault | undefined) | undefined,
  {
    api = 'stable',
    command = [],
    args = [],
    list = 'A,B',
    preload = 'test/support/runs/time-warp.ts',
    key = SENTINEL,
    timeoutSeconds = '20',
  }: Partial<Setting> = {},
) {
  await using folder = await disposableFolder()
  const lake = folderLake(join(folder.path, 'lake'))
  const fmp = startFakeFmp({
    key: SENTINEL,
    bars: barsFor(['A', 'B'], DAY, DAY),
    onRequest: (info) => onRequest?.(info),
  })
  const run = await runCli([...command, '--tickers', list, '--out', lake.out, '--now', NOW, ...args], {
    env: {
      FMP_API_KEY: key,
      FMP_BASE_URL: fmp.url,
      FMP_API: api,
      RATE_LIMIT_SECONDS: '0',
      API_TIMEOUT_SECONDS: timeoutSeconds,
      TIME_WARP: '200',
    },
    preload,
  })
  fmp.stop()
  return { ...run, requests: fmp.requests, leaks: leaksIn(await traces(run, lake), [SENTINEL]) }
}

type Setting = Record<'api' | 'list' | 'preload' | 'key' | 'timeoutSeconds', string> & {
  command: readonly string[]
  args: readonly string[]
}

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

const FAULTS: readonly ((info: FmpRequestInfo) => Fault)[] = [
  () => ({ reset: true }),
  () => ({ lengthOff: 50 }),
  () => ({ falseEncoding: 'gzip' }),
  () => ({ raw: `oops ${SENTINEL}\r\n\r\n` }),
  () => 'hang',
  () => ({ bombMiB: 64 }),
  ({ url }) => new Response(`<html>${url.href}${ECHO}</html>`),
  ({ url }) => new Response(`Bad: ${url.href} ${ECHO}`, { status: 400 }),
  () => Response.json({ 'Error Message': ECHO }, { status: 403 }),
  () => new Response(`{"url": "${query}", "`),
  () => new Response(`{"url": "${'x'.repeat(190 - SENTINEL.length)}${SENTINEL}`),
  () => Response.redirect(`http://127.0.0.1:9/${encodeURIComponent(SENTINEL)}?${query}`),
  () => Response.json([{ symbol: SENTINEL, date: DAY }]),
  () => Response.json([{ symbol: { key: SENTINEL }, date: DAY }]),
  ({ symbol }) =>
    Response.json([{ symbol, date: SENTINEL, open: query, high: 1, low: 1, close: 1, volume: BASE64, [SENTINEL]: 1 }]),
]

describe.concurrent('the key is in no output and no file after', () => {
  test.each([
    ['stable', '--json'],
    ['v3', '--quiet'],
  ])('every way that a call can fail (%s, %s)', async (api, flag) => {
    const names = FAULTS.map((_fault, index) => `BAD${index}`)
    const run = await runWithKey((info) => FAULTS[names.indexOf(info.symbol)]?.(info), {
      api,
      list: names.join(','),
      args: [flag],
      timeoutSeconds: '1',
    })
    expect(run.code).toBe(1)
    expect(new Set(run.requests.map(({ symbol }) => symbol)).size).toBe(FAULTS.length)
    expect(run.stderr.match(/^❌ BAD\d+: /gm)).toHaveLength(FAULTS.length)
    expect(run.leaks).toEqual([])
  })

  test('every way that a call of doctor can fail', async () => {
    const pairs = FAULTS.map((fault, index) => [fault, FAULTS.at(index - 1) ?? fault] as const)
    const command = ['doctor']
    const runs = pairs
      .filter((_pair, index) => index % 2 === 0)
      .map(async ([ofAdjusted, ofSplits]) => {
        const answer = (info: FmpRequestInfo) => ([ofAdjusted, ofSplits][info.n - 2] ?? (() => undefined))(info)
        const { leaks, requests, code } = await runWithKey(answer, { command, timeoutSeconds: '1' })
        return { leaks, calls: requests.length, hasEnded: code < 2 }
      })
    for (const run of await Promise.all(runs)) expect(run).toEqual({ leaks: [], calls: 3, hasEnded: true })
    const first = FAULTS.at(-6)
    for (const api of ['stable', 'v3']) {
      const { leaks, stdout } = await runWithKey(first, { command, api, args: ['--json'] })
      expect({ leaks, isTold: stdout.includes('[redacted]') }).toEqual({ leaks: [], isTold: true })
    }
    const refused = await runWithKey(undefined, { command, key: `"${SENTINEL}"` })
    expect({ leaks: refused.leaks, code: refused.code }).toEqual({ leaks: [], code: 1 })
    expect(refused.stdout).toContain('this one is in quotation marks')
  })

  test('a good run, its metrics and its files', async () => {
    const run = await runWithKey(undefined)
    expect({ code: run.code, leaks: run.leaks }).toEqual({ code: 0, leaks: [] })
  })

  test('a defect whose trace, cause and fields are full of it', async () => {
    const setting = { preload: 'test/support/runs/broken-fetch.ts', api: 'v3' }
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
    const env = { FMP_API: 'v3' }
    const run = await stage.run(['--tickers', 'A,NONE'], { env })
    const look = await stage.run(['doctor', '--tickers', 'A'], { env })
    expect(stage.s3.requests.length).toBeGreaterThan(4)
    const seen = stage.s3.requests.map(
      ({ number, key, query: asked, headers, body }) =>
        [`request ${number}`, Buffer.concat([Buffer.from(JSON.stringify({ key, asked, headers })), body])] as const,
    )
    const texts = new Map<string, string | Uint8Array>([
      ['streams', run.stdout + run.stderr + look.stdout + look.stderr],
      ...seen,
    ])
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
    const run = await runInProcess({ args, env: { FMP_API_KEY: SENTINEL }, vendor: () => Response.json([]) })
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

test.each(['null', 'true', '2024', 'errors', '"]},', '\\u00"\\'])(
  'a key that is a word of JSON (%j) leaves the metrics a document that can be read',
  async (key) => {
    const row = { date: DAY, open: 1, high: 2, low: 1, close: 2, volume: -1, [key]: key }
    const run = await runInProcess({
      args: ['--tickers', 'A', '--out', 'x', '--now', NOW, '--json'],
      env: { FMP_API_KEY: key },
      vendor: () => Response.json([row, { 'Error Message': `bad ${key}` }]),
    })
    expect(run.code).toBe(1)
    for (const [name, bytes] of run.files) {
      const text = Buffer.from(bytes).toString()
      const documents = name.endsWith('.jsonl') ? text.trim().split('\n') : [text]
      for (const document of documents) expect(JSON.parse(document)).toBeObject()
    }
    expect(JSON.parse(run.stdout)).toMatchObject({
      schema_version: 1,
      symbols: 1,
      errors: 1,
      results: [{ symbol: 'A' }],
    })
  },
)

test('the search of these tests finds a key in any dress, and a good half of one', () => {
  const finds = (text: string) => leaksIn(new Map([['text', text]]), [SENTINEL]).length > 0
  const dresses = [SENTINEL, ECHO, encodeURIComponent(query), btoa(`key=${SENTINEL}`), btoa(`a ${SENTINEL} b`)]
  expect(dresses.map(finds)).toEqual(dresses.map(() => true))
  expect(finds(`it begins with ${SENTINEL.slice(0, 12)}…`)).toBe(true)
  expect(finds('an ordinary line')).toBe(false)
})
