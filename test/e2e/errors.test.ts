// What goes wrong at the vendor, and how far it reaches: a try, a symbol, the run.

import { describe, expect, test } from 'bun:test'
import type { FmpRequestInfo } from '../support/servers/vendor.ts'
import { KEY } from '../support/runs/in-process.ts'
import { callsOf, metricsOf, setStage, type Stage } from '../support/runs/stage.ts'
import { recordedError } from '../support/recorded.ts'
import { startFakeFmp } from '../support/servers/fake-fmp.ts'
import { type Bar, barsFor, dayKey } from '../support/bars.ts'
import { readRows } from '../support/lakes/lake.ts'

const TEN = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J']
const ONE_AT_A_TIME = { MAX_WORKERS: '1', UPLOAD_CONCURRENCY: '1' }

/** A vendor that has the last session of these symbols. */
async function setVendor(symbols: readonly string[], onRequest?: Stage['onRequest']): Promise<Stage> {
  return await setStage({ bars: barsFor(symbols, '2024-09-16', '2024-09-16'), onRequest })
}

/** Rows as the stable API sends them, with other values where a test wants them. */
function fullRow(bar: Bar | undefined, changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { adjClose: _adjClose, ...row } = bar ?? { adjClose: null }
  return { symbol: 'BAD', ...row, ...changes }
}

/** An answer to `full` calls; the others get the usual one. */
function fullReply(info: FmpRequestInfo, rows: readonly Record<string, unknown>[]): Response | undefined {
  return info.variant === 'full' ? json(rows) : undefined
}

function json(value: unknown): Response {
  return Response.json(value)
}

describe.concurrent('what stops the run', () => {
  test('a refused key: exactly one request with five workers, and the account of the run', async () => {
    await using stage = await setVendor(TEN, () => recordedError('invalid-key'))
    const run = await stage.run(['--tickers', TEN.join(',')], { env: { MAX_WORKERS: '5' } })
    expect({ code: run.code, calls: run.requests.length, changed: run.changed }).toEqual({
      code: 1,
      calls: 1,
      changed: [],
    })
    expect(run.stderr).toMatch(/FMP_API_KEY/)
    expect(metricsOf(run)).toMatchObject({ stopped_by: 'key', symbols_processed: 0, errors: 1 })
    expect(metricsOf(run).run_errors).toHaveLength(1)
    expect(metricsOf(run).counts.not_reached).toBe(10)
    expect(run.stdout).toContain('❌ Errors: 1\n')
  })

  test('a key refused in the middle of a run: what was stored stays', async () => {
    await using stage = await setVendor(TEN, ({ n }) => (n > 4 ? recordedError('account-suspended') : undefined))
    const run = await stage.run(['--tickers', TEN.join(',')], { env: ONE_AT_A_TIME })
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 5 })
    expect(run.changed).toEqual([dayKey('A', '2024-09-16'), dayKey('B', '2024-09-16')])
    expect(metricsOf(run).counts).toMatchObject({ stored: 2, not_reached: 8 })
  })

  test('a plan without dividend-adjusted: a hint at --no-adj-close, and no null by accident', async () => {
    await using stage = await setVendor(TEN, ({ variant }) =>
      variant === 'dividend-adjusted' ? recordedError('endpoint-not-in-plan') : undefined,
    )
    const run = await stage.run(['--tickers', TEN.join(',')], { env: ONE_AT_A_TIME })
    expect({ code: run.code, calls: callsOf(run).length, changed: run.changed }).toEqual({
      code: 1,
      calls: 2,
      changed: [],
    })
    expect(run.stderr).toContain('--no-adj-close')
    const without = await stage.run(['--tickers', TEN.join(','), '--no-adj-close'])
    expect({ code: without.code, changed: without.changed.length }).toEqual({ code: 0, changed: 10 })
  })

  test('spent bandwidth: exit 3 after one request', async () => {
    await using stage = await setVendor(TEN, () => recordedError('bandwidth-limit'))
    const run = await stage.run(['--tickers', TEN.join(',')])
    expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 3, calls: 1 })
    expect(metricsOf(run)).toMatchObject({ stopped_by: 'bandwidth', interrupted: false })
  })

  test('the day limit: 429s unbroken for 130 seconds, exit 3, what is stored stays, the next run goes on', async () => {
    await using stage = await setVendor(TEN, ({ n }) => (n > 6 ? recordedError('call-limit') : undefined))
    const run = await stage.run(['--tickers', TEN.join(',')], { env: ONE_AT_A_TIME })
    expect(run.code).toBe(3)
    expect(run.changed).toHaveLength(3)
    expect(metricsOf(run)).toMatchObject({ stopped_by: 'quota', counts: { stored: 3, not_reached: 7 } })
    expect(run.stderr).toContain('day limit')
    expect(metricsOf(run).duration_seconds).toBeGreaterThan(130)
    // After 5, 10, 20, 40 and 60 seconds, and perhaps once more before 130 are over.
    expect(run.requests.length - 6).toBeGreaterThanOrEqual(4)
    expect(run.requests.length - 6).toBeLessThanOrEqual(7)
    stage.onRequest = undefined
    const next = await stage.run(['--tickers', TEN.join(','), '--from-date', '2024-09-16'])
    expect({ code: next.code, calls: next.requests.length, stored: next.changed.length }).toEqual({
      code: 0,
      calls: 14,
      stored: 7,
    })
  })
})

describe.concurrent('what is tried again', () => {
  test('a 429 pauses everybody for Retry-After, then one request goes first', async () => {
    await using stage = await setVendor(TEN)
    let limitedAtMs = 0
    stage.onRequest = ({ n, atMs }) => {
      if (n !== 3) return undefined
      limitedAtMs = atMs
      const { status, headers } = recordedError('call-limit')
      return new Response('{"Error Message": "Limit Reach . Please upgrade your plan"}', {
        status,
        headers: { ...Object.fromEntries(headers), 'retry-after': '1' },
      })
    }
    const run = await stage.run(['--tickers', TEN.join(',')], { env: { MAX_WORKERS: '2' } })
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({ calls: 21, retries: 1, files_written: 10 })
    const waits = run.requests.slice(4).map(({ atMs }) => atMs - limitedAtMs)
    expect(Math.min(...waits)).toBeGreaterThan(700)
  })

  test('server errors, web pages, cut and empty answers, and a silent server, until there is a good answer', async () => {
    await using stage = await setVendor(TEN)
    const faults = [
      () => new Response('<html>Bad gateway</html>', { status: 502 }),
      () => new Response('<!doctype html><html>Please log in</html>', { headers: { 'content-type': 'text/html' } }),
      () => ({ cutAt: 20 }),
      () => new Response('', { headers: { 'content-type': 'application/json' } }),
      () => 'hang' as const,
      () => ({ reset: true }) as const,
      () =>
        json({ 'Error Message': 'Limit Reach. This is a bulk endpoint that provides a significant amount of data' }),
    ]
    const asked = new Map<string, number>()
    stage.onRequest = ({ symbol, variant }) => {
      const times = (asked.get(`${symbol} ${variant}`) ?? 0) + 1
      asked.set(`${symbol} ${variant}`, times)
      return variant === 'full' && times <= 2 ? faults[TEN.indexOf(symbol)]?.() : undefined
    }
    const run = await stage.run(['--tickers', TEN.slice(0, faults.length).join(',')], {
      env: { API_TIMEOUT_SECONDS: '0.3', MAX_WORKERS: '10' },
      isLossy: true,
    })
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({ files_written: 7, calls: 28, retries: 14 })
  })

  test('at most four times, and then it fails its symbol alone', async () => {
    await using stage = await setVendor(['GOOD', 'BAD'], ({ symbol }) =>
      symbol === 'BAD' ? new Response('oops', { status: 500 }) : undefined,
    )
    const run = await stage.run(['--tickers', 'BAD,GOOD'])
    expect(run.code).toBe(1)
    expect(run.requests.filter(({ symbol }) => symbol === 'BAD')).toHaveLength(5)
    expect(run.changed).toEqual([dayKey('GOOD', '2024-09-16')])
    expect(metricsOf(run).counts).toMatchObject({ stored: 1, failed: 1 })
    expect(run.stdout).toContain('❌ Errors: 1\n')
  })
})

describe.concurrent('what fails a symbol at once and lets the others go on', () => {
  const rows = barsFor(['BAD'], '2024-09-16', '2024-09-16')['BAD'] ?? []
  const many = Array.from({ length: 5_000 }, () => fullRow(rows[0]))
  test.each<[string, () => Response, RegExp]>([
    ['a 402 about it', () => recordedError('symbol-not-in-plan'), /plan/],
    ['a 404', () => recordedError('no-such-path'), /404/],
    ['a 400', () => recordedError('missing-parameter'), /400/],
    ['rows of another symbol', () => json([fullRow(rows[0], { symbol: 'OTHER' })]), /OTHER/],
    ['a field that no row has', () => json([fullRow(rows[0], { volume: undefined })]), /volume/],
    ['5,000 rows', () => json(many), /5000|5,000/],
    ['a shape that nobody knows', () => json({ rows: [] }), /shape/],
    ['a redirect', () => Response.redirect('http://127.0.0.1:9/elsewhere', 302), /redirect/],
  ])('%s', async (_name, answer, message) => {
    await using stage = await setVendor(['GOOD', 'BAD', 'FINE'], ({ symbol, variant }) =>
      symbol === 'BAD' && variant === 'full' ? answer() : undefined,
    )
    const run = await stage.run(['--tickers', 'GOOD,BAD,FINE'])
    expect(run.code).toBe(1)
    expect(callsOf(run).filter((call) => call.startsWith('BAD full'))).toHaveLength(1)
    expect(run.changed).toEqual([dayKey('FINE', '2024-09-16'), dayKey('GOOD', '2024-09-16')])
    expect(run.stderr.match(/^❌ BAD: .*/gm)).toEqual([expect.stringMatching(message)])
    expect(metricsOf(run)).toMatchObject({ symbols_processed: 3, errors: 1, run_errors: [], stopped_by: null })
  })
})

describe.concurrent('bad rows', () => {
  const [fri, mon] = barsFor(['BAD'], '2024-09-13', '2024-09-16')['BAD'] ?? []

  test('are dropped and recorded beside the metrics, doubtful ones are kept, and the run is good', async () => {
    const bars = barsFor(['BAD'], '2024-09-03', '2024-09-16')
    await using stage = await setStage({ bars })
    const of = (date: string) => bars['BAD']?.find((bar) => bar.date === date)
    const full = [
      fullRow(of('2024-09-16'), { close: 'high' }),
      fullRow(of('2024-09-13'), { volume: -1 }),
      fullRow(of('2024-09-12'), { open: null, high: null, low: null, close: null }),
      fullRow(of('2024-09-11'), { date: '2024-02-30' }),
      fullRow(of('2024-09-10'), { close: 1 }),
      fullRow(of('2024-09-10')),
      fullRow(of('2024-09-09'), { high: 1, low: 2 }),
      fullRow(of('2024-09-06'), { volume: 10.5 }),
      fullRow(of('2024-09-05')),
      fullRow(of('2024-09-04'), { surprise: 'new' }),
    ]
    stage.onRequest = (info) => fullReply(info, full)
    const run = await stage.run(['--tickers', 'BAD', '--from-date', '2024-09-04', '--to-date', '2024-09-16'])
    expect(run.code).toBe(0)
    expect(run.stdout).toContain('⚠️  Rejected rows: 5\n')
    expect(metricsOf(run)).toMatchObject({ rejected_rows: 5, errors: 0, files_written: 5 })
    expect(metricsOf(run).suspect_rows).toBeGreaterThanOrEqual(2)
    expect(metricsOf(run).counts).toMatchObject({ stored: 5, rejected: 3 })
    expect(run.stderr.match(/^⚠️ .*BAD: .*rejected/gm)).toHaveLength(1)
    expect(run.stderr.match(/surprise/g)).toHaveLength(1)
    const stored = await readRows(stage.lake)
    expect(stored.map(({ date }) => date)).toEqual([
      '2024-09-04',
      '2024-09-05',
      '2024-09-06',
      '2024-09-09',
      '2024-09-10',
    ])
    expect(stored.map(({ volume }) => volume)[2]).toBe(11)
    expect(stored.at(-1)?.close).toBe(of('2024-09-10')?.close ?? Number.NaN)
    const rejects = `${run.metricsKey?.replace(/\.json$/, '')}.rejects.jsonl`
    const lines = new TextDecoder()
      .decode(await stage.lake.bytes(rejects))
      .trim()
      .split('\n')
    const recorded = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(recorded.map(({ symbol, date }) => `${String(symbol)} ${String(date)}`)).toEqual([
      'BAD 2024-09-16',
      'BAD 2024-09-13',
      'BAD 2024-09-12',
      'BAD 2024-02-30',
      'BAD 2024-09-10',
    ])
  })

  test('only, or rows of other dates only, fail the symbol and say that nothing is valid', async () => {
    await using stage = await setStage({ bars: barsFor(['BAD', 'GOOD'], '2024-09-16', '2024-09-16') })
    stage.onRequest = (info) =>
      info.symbol === 'BAD' ? fullReply(info, [fullRow(mon, { close: 'x' }), fullRow(fri, { volume: -1 })]) : undefined
    const run = await stage.run(['--tickers', 'GOOD,BAD'])
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('⚠️ No valid data after validation')
    expect(run.stderr.match(/^❌ BAD: /gm)).toHaveLength(1)
    expect(metricsOf(run)).toMatchObject({ rejected_rows: 2, errors: 1, files_written: 1 })
    expect(await stage.lake.keys()).toContain(`${run.metricsKey?.replace(/\.json$/, '')}.rejects.jsonl`)
  })
})

describe.concurrent('what comes from outside', () => {
  test('can neither show the key, nor form a command, nor move the cursor', async () => {
    const words = `\u001B[31m::error::broken\r\n::add-mask::x ##[error] ${KEY} ${encodeURIComponent(KEY)}\u0007`
    await using stage = await setVendor(['A', 'B'], ({ symbol }) =>
      symbol === 'A' ? new Response(JSON.stringify({ 'Error Message': words }), { status: 400 }) : undefined,
    )
    const run = await stage.run(['--tickers', 'A,B'])
    expect(run.code).toBe(1)
    expect(run.stderr).toContain('broken')
    expect(run.stderr).not.toMatch(/^::/m)
    expect(run.stderr).not.toContain('##[')
    expect(JSON.stringify(metricsOf(run).results)).not.toContain('\\u001b')
  })

  test('cannot lead the key to another server by a redirect', async () => {
    const other = startFakeFmp({ key: KEY })
    await using stage = await setVendor(['A'], ({ url }) =>
      Response.redirect(`${other.url}${url.pathname}${url.search}&apikey=${encodeURIComponent(KEY)}`, 307),
    )
    const run = await stage.run(['--tickers', 'A'])
    other.stop()
    expect({ code: run.code, elsewhere: other.requests.length }).toEqual({ code: 1, elsewhere: 0 })
  })
})

describe.concurrent('the metrics', () => {
  test('that cannot be written make exit 1, even of a run that a budget has cut', async () => {
    await using stage = await setVendor(['A', 'B'])
    await stage.lake.put('logs', new TextEncoder().encode('a file where the folder should be'))
    const run = await stage.run(['--tickers', 'A,B', '--max-calls', '2'], { isShared: true })
    expect(run.code).toBe(1)
    expect(run.changed).toHaveLength(1)
    expect(run.stdout).not.toContain('✅')
    expect(run.stderr).toMatch(/^❌ .*logs/m)
  })
})
