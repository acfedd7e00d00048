import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { XNYS } from '../../../lib/core/calendar.ts'
import { dateOf, parseIsoDate } from '../../../lib/core/dates.ts'
import { startDemoServer } from '../../../lib/commands/demo/server.ts'
import type { DemoServer } from '../../../lib/commands/demo/server.ts'

const DATA = new URL('../../../lib/commands/demo/wiki-prices.csv.gz', import.meta.url)
const FULL = '/stable/historical-price-eod/full'
const ADJUSTED = '/stable/historical-price-eod/dividend-adjusted'

type Row = Record<string, string | number>

let demo: DemoServer
/** The file's rows as text: Ticker, Date, Open, High, Low, Close, Volume, Adj Close. */
let lines: readonly (readonly string[])[]

beforeAll(async () => {
  demo = await startDemoServer()
  const text = new TextDecoder().decode(Bun.gunzipSync(await Bun.file(DATA).bytes()))
  lines = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(','))
})

afterAll(async () => {
  await demo.stop()
})

function ask(pathAndQuery: string, headers: Record<string, string> = { apikey: demo.key }): Promise<Response> {
  return fetch(`${demo.url}${pathAndQuery}`, { headers })
}

async function rows(path: string, query: string): Promise<Row[]> {
  const response = await ask(`${path}?${query}`)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toStartWith('application/json')
  const list: Row[] = JSON.parse(await response.text())
  return list
}

describe('what it serves', () => {
  test('says which symbols and days', () => {
    expect({ symbols: demo.symbols, from: demo.firstDate, to: demo.lastDate }).toEqual({
      symbols: ['AAPL', 'FB', 'GOOG', 'IBM', 'MSFT'],
      from: '2000-03-01',
      to: '2013-03-01',
    })
    expect(demo.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  test('full: the file’s numbers exactly, newest first', async () => {
    for (const symbol of demo.symbols) {
      const expected = lines
        .filter(([ticker]) => ticker === symbol)
        .map(([, date, ...texts]) => {
          const [open, high, low, close, volume] = texts.map(Number)
          return { symbol, date, open, high, low, close, volume }
        })
      const actual: unknown = await rows(FULL, `symbol=${symbol}`)
      expect(actual).toEqual(expected.toReversed())
    }
  })

  test('dividend-adjusted: the file’s adjusted close exactly, the other prices in proportion', async () => {
    for (const symbol of demo.symbols) {
      const adjusted = await rows(ADJUSTED, `symbol=${symbol}`)
      const ofSymbol = lines.filter(([ticker]) => ticker === symbol).toReversed()
      expect(adjusted.map(({ date, adjClose, volume }) => [date, adjClose, volume])).toEqual(
        ofSymbol.map(([, date = '', , , , , volume, adjClose]) => [date, Number(adjClose), Number(volume)]),
      )
      const first = adjusted.at(-1)
      const [, , open, , , close, , adjClose] = ofSymbol.at(-1) ?? []
      expect(Object.keys(first ?? {})).toEqual(['symbol', 'date', 'adjOpen', 'adjHigh', 'adjLow', 'adjClose', 'volume'])
      expect(first?.['adjOpen']).toBeCloseTo((Number(open) * Number(adjClose)) / Number(close), 10)
    }
  })

  test('a split is a jump in close and none in adjClose', async () => {
    const query = 'symbol=AAPL&from=2005-02-25&to=2005-02-28'
    const [after, before] = await rows(FULL, query)
    const [adjustedAfter, adjustedBefore] = await rows(ADJUSTED, query)
    expect(Number(after?.['close']) / Number(before?.['close'])).toBeCloseTo(0.5, 1)
    expect(Number(adjustedAfter?.['adjClose']) / Number(adjustedBefore?.['adjClose'])).toBeCloseTo(1, 1)
  })

  test('each symbol has a bar for every session from its first', async () => {
    for (const symbol of demo.symbols) {
      const dates = (await rows(FULL, `symbol=${symbol}`)).map(({ date }) => parseIsoDate(String(date)))
      const [from, to] = [dates.at(-1), dates[0]]
      if (from === undefined || to === undefined) throw new Error(`${symbol} has no bars`)
      expect(to).toBe(dateOf(2013, 3, 1))
      expect(dates.toReversed()).toEqual([...XNYS.sessions({ from, to })])
    }
  })
})

describe('ranges', () => {
  test.each([
    ['from=2012-01-03&to=2012-01-05', ['2012-01-05', '2012-01-04', '2012-01-03']],
    ['from=2012-01-01&to=2012-01-03', ['2012-01-03']],
    ['from=2012-01-07&to=2012-01-08', []],
    ['from=2012-01-05&to=2012-01-03', []],
    ['from=2013-02-28', ['2013-03-01', '2013-02-28']],
    ['to=2000-03-01', ['2000-03-01']],
    ['from=1990-01-01&to=1999-12-31', []],
    ['from=2013-03-02&to=2035-12-31', []],
  ])('%s, both ends included', async (query, expected) => {
    for (const path of [FULL, ADJUSTED]) {
      expect((await rows(path, `symbol=IBM&${query}`)).map(({ date }) => date)).toEqual(expected)
    }
  })

  test('an unknown symbol, none, or one with nothing yet has an empty list', async () => {
    expect(await rows(FULL, 'symbol=NOPE')).toEqual([])
    expect(await rows(FULL, 'symbol=aapl')).toEqual([])
    expect(await rows(FULL, '')).toEqual([])
    expect(await rows(ADJUSTED, 'symbol=FB&to=2012-05-17')).toEqual([])
  })
})

describe('refusals', () => {
  test.each([
    ['no key', {}],
    ['another key', { apikey: 'x' }],
    ['an empty key', { apikey: '' }],
  ])('%s is a 401 as the vendor words it', async (_, headers) => {
    const response = await ask(`${FULL}?symbol=AAPL`, headers)
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ 'Error Message': expect.stringMatching(/^Invalid API KEY\. /) })
  })

  test('the key does not count in the query', async () => {
    expect((await ask(`${FULL}?symbol=AAPL&apikey=${demo.key}`, {})).status).toBe(401)
  })

  test.each([
    '/',
    '/stable/historical-price-eod?symbol=AAPL',
    '/stable/historical-price-eod/light?symbol=AAPL',
    '/api/v3/historical-price-full/AAPL',
    `${FULL}/?symbol=AAPL`,
  ])('%s is a 404 with an empty list', async (path) => {
    const response = await ask(path)
    expect(response.status).toBe(404)
    expect(await response.text()).toBe('[]')
  })

  test('only GET is served', async () => {
    const response = await fetch(`${demo.url}${FULL}?symbol=AAPL`, { method: 'POST', headers: { apikey: demo.key } })
    expect(response.status).toBe(404)
  })
})

test('two servers have different keys, and a stopped one is gone', async () => {
  const other = await startDemoServer()
  expect(other.key).not.toBe(demo.key)
  expect(other.url).not.toBe(demo.url)
  await other.stop()
  const answer = await fetch(other.url).then(
    () => 'answered',
    () => 'refused',
  )
  expect(answer).toBe('refused')
})

test('the data is what its note says', async () => {
  const sha256 = new Bun.CryptoHasher('sha256').update(await Bun.file(DATA).bytes()).digest('hex')
  const note = await Bun.file(new URL('../../../lib/commands/demo/README.md', import.meta.url)).text()
  expect(note).toContain(sha256)
  expect(note).toContain(`${lines.length.toLocaleString('en-US')} daily bars`)
})

test('a compiled binary carries the data, away from the sources, in little memory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'demo-binary-'))
  try {
    const script = join(folder, 'probe.ts')
    const server = JSON.stringify(Bun.fileURLToPath(new URL('../../../lib/commands/demo/server.ts', import.meta.url)))
    await Bun.write(
      script,
      `import { startDemoServer } from ${server}
       const demo = await startDemoServer()
       const response = await fetch(demo.url + '${FULL}?symbol=FB', { headers: { apikey: demo.key } })
       const rows = await response.json()
       await demo.stop()
       console.log(JSON.stringify({ rows: rows.length, rss: process.memoryUsage.rss() }))`,
    )
    const built = Bun.spawnSync([process.execPath, 'build', '--compile', script, '--outfile', join(folder, 'probe')])
    expect({ code: built.exitCode, errors: built.exitCode === 0 ? '' : built.stderr.toString() }).toEqual({
      code: 0,
      errors: '',
    })
    const ran = Bun.spawnSync([join(folder, 'probe')], { cwd: folder })
    const { rows: count, rss }: { rows: number; rss: number } = JSON.parse(ran.stdout.toString())
    expect(count).toBe(196)
    expect(rss).toBeLessThan(200_000_000)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
