// How the program treats the vendor: what it stores of recorded answers, both APIs, the first call, the pace of calls.

import { describe, expect, test } from 'bun:test'
import type { FmpRequestInfo } from '../support/servers/vendor.ts'
import { KEY } from '../support/runs/in-process.ts'
import { barsFor, dayKey, iso, sessions, yearKey } from '../support/bars.ts'
import { callsOf, metricsOf, setStage } from '../support/runs/stage.ts'
import { fixtureText, recordedError } from '../support/recorded.ts'
import { readRows } from '../support/lakes/lake.ts'

const EIGHT = ['A', 'B', 'C', 'D', 'E', 'F', 'G', 'H']
const V3 = { FMP_API: 'v3' }

type Recorded = Record<'open' | 'high' | 'low' | 'close' | 'adjClose' | 'volume', number> & { readonly date: string }

function recordedBody(name: string): Response {
  return new Response(fixtureText(name), { headers: { 'content-type': 'application/json; charset=utf-8' } })
}

function recordedRows(name: string): Recorded[] {
  return JSON.parse(fixtureText(name)) as Recorded[]
}

/** The recorded bodies around Apple's split of 2020-08-31. */
function recordedSplit({ variant }: FmpRequestInfo): Response {
  return recordedBody(`stable-historical-price-eod-${variant}.AAPL.2020-split.json`)
}

describe.concurrent('the recorded bodies', () => {
  test('around the split of 2020 come out row by row, with the documented close and adjClose', async () => {
    await using stage = await setStage({ onRequest: recordedSplit })
    const run = await stage.run(['--tickers', 'AAPL', '--from-date', '2020-08-27', '--to-date', '2020-09-02'])
    expect(run.code).toBe(0)
    const rows = await readRows(stage.lake)
    expect(rows.find(({ date }) => date === '2020-08-28')).toMatchObject({ close: 124.81, adjClose: 120.96 })
    const adjusted = recordedRows('stable-historical-price-eod-dividend-adjusted.AAPL.2020-split.json')
    const expected = recordedRows('stable-historical-price-eod-full.AAPL.2020-split.json').map(
      ({ date, open, high, low, close, volume }, index) => {
        return { symbol: 'AAPL', date, open, high, low, close, adjClose: adjusted[index]?.adjClose ?? null, volume }
      },
    )
    const stored = rows.map(({ key: _key, ingestTs: _ingestTs, ...row }) => row)
    expect(stored.toReversed()).toEqual(expected)
    // The header carries the key, the URL does not.
    expect(run.requests.map(({ headers }) => headers.get('apikey'))).toEqual([KEY, KEY])
    expect(run.requests.filter(({ url }) => url.searchParams.has('apikey'))).toEqual([])
  })

  test('around the split come out the same in a year file', async () => {
    await using stage = await setStage({ onRequest: recordedSplit })
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2020-01-01', '--to-date', '2020-12-31']
    expect((await stage.run(args)).changed).toEqual([yearKey('AAPL', 2020)])
    const rows = await readRows(stage.lake)
    expect(rows.map(({ date }) => date)).toEqual(['2020-09-02', '2020-09-01', '2020-08-31', '2020-08-28', '2020-08-27'])
    expect(rows[3]).toMatchObject({ close: 124.81, adjClose: 120.96, volume: 187_630_000 })
  })

  test('of the legacy API come out with their own adjClose, at one call a symbol, the key in its query', async () => {
    const body = 'legacy-v3-historical-price-full.AAPL.2023-01.json'
    await using stage = await setStage({ onRequest: () => recordedBody(body) })
    const args = ['--tickers', 'AAPL', '--from-date', '2023-01-01', '--to-date', '2023-01-10']
    const run = await stage.run(args, { env: V3 })
    expect(run.code).toBe(0)
    expect(run.requests.map(({ path, url }) => [path, url.searchParams.get('apikey')])).toEqual([
      ['/api/v3/historical-price-full/AAPL', KEY],
    ])
    expect(run.changed).toEqual(sessions('2023-01-03', '2023-01-10').map((date) => dayKey('AAPL', date)))
    expect(await readRows(stage.lake, '2023-01-10')).toMatchObject([{ close: 130.73, adjClose: 130.17 }])
  })
})

describe.concurrent('the legacy API', () => {
  test('works in both modes, with no change in what is stored', async () => {
    const bars = barsFor(['BRK-B'], '2024-01-02', '2024-09-16')['BRK-B'] ?? []
    const sunday = bars.slice(0, 1).map((bar) => ({ ...bar, date: iso('2024-09-15') }))
    await using stage = await setStage({ bars: { 'BRK-B': [...bars, ...sunday] } })
    const years = await stage.run(['--tickers', 'BRK.B', '--backfill'], { env: V3 })
    expect({ code: years.code, calls: callsOf(years) }).toEqual({ code: 0, calls: ['BRK-B v3 2024-01-01..2024-09-16'] })
    expect(metricsOf(years)).toMatchObject({ rows_written: bars.length + 1, bars_on_closed_days: 1 })
    const days = await stage.run(['--tickers', 'BRK.B', '--from-date', '2024-09-13'], { env: V3 })
    expect(days.changed).toEqual([dayKey('BRK-B', '2024-09-13'), dayKey('BRK-B', '2024-09-16')])
    expect(metricsOf(days).bars_on_closed_days).toBe(1)
    const rows = await readRows(stage.lake, '2024-09-16')
    expect(rows).toMatchObject([{ symbol: 'BRK-B', close: bars.at(-1)?.close, adjClose: bars.at(-1)?.adjClose }])
  })

  test.each(['legacy-endpoint-2025', 'legacy-endpoint-2026'])(
    'closed to the key (%s) stops the run with a hint at FMP_API',
    async (name) => {
      await using stage = await setStage({ onRequest: () => recordedError(name) })
      const run = await stage.run(['--tickers', EIGHT.join(',')], { env: V3 })
      expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 1, calls: 1 })
      expect(run.stderr).toContain('FMP_API=stable')
      expect(metricsOf(run).counts).toMatchObject({ not_reached: 8, failed: 0 })
    },
  )

  test('without data for a symbol is no data, and nothing that fails shows the key of its query', async () => {
    await using stage = await setStage({ bars: barsFor(['GOOD', 'BAD'], '2024-09-16', '2024-09-16') })
    stage.onRequest = ({ symbol }) => (symbol === 'BAD' ? { reset: true } : undefined)
    const run = await stage.run(['--tickers', 'GOOD,NONE,BAD'], { env: V3, isLossy: true })
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(/^❌ NONE: .*no data/m)
    expect(run.stderr).toMatch(/^❌ BAD: .*closed/m)
    expect(metricsOf(run)).toMatchObject({ calls: 7, retries: 4 })
    const nobody = await stage.run(['--tickers', 'GOOD', '--from-date', '2024-09-13', '--to-date', '2024-09-13'], {
      env: { ...V3, FMP_BASE_URL: 'http://127.0.0.1:9' },
      isShared: true,
    })
    expect(nobody.code).toBe(1)
    expect(nobody.stderr).toMatch(/^❌ GOOD: .*127\.0\.0\.1:9/m)
  })
})

describe.concurrent('calls', () => {
  test('are one until the first of a run is answered, and at most MAX_WORKERS after it', async () => {
    await using stage = await setStage({ bars: barsFor(EIGHT, '2024-09-16', '2024-09-16') })
    let inFlightAtFirstAnswer = 0
    stage.onRequest = async ({ n }) => {
      if (n > 1) return { delayMs: 30 }
      // Long enough for whatever would be sent before the first answer.
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => void setImmediate(resolve))
      inFlightAtFirstAnswer = stage.fmp.maxInFlight()
      return undefined
    }
    const run = await stage.run(['--tickers', EIGHT.join(',')], { env: { MAX_WORKERS: '5' } })
    expect(run.requests).toHaveLength(16)
    expect(inFlightAtFirstAnswer).toBe(1)
    expect(stage.fmp.maxInFlight()).toBeGreaterThan(1)
    expect(stage.fmp.maxInFlight()).toBeLessThanOrEqual(5)
  })

  test('keep the set distance, retries included', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], '2024-09-16', '2024-09-16') })
    stage.onRequest = ({ n }) => (n === 2 ? new Response('oops', { status: 503 }) : undefined)
    const run = await stage.run(['--tickers', 'A,B'], { env: { RATE_LIMIT_SECONDS: '0.15' } })
    expect(metricsOf(run)).toMatchObject({ calls: 5, retries: 1 })
    expect(run.stderr).toContain('4 calls, one per 0.15 s')
    const distances = run.requests.slice(1).map(({ atMs }, index) => atMs - (run.requests[index]?.atMs ?? 0))
    expect(Math.min(...distances)).toBeGreaterThanOrEqual(150)
    expect(metricsOf(run).gate_wait_seconds).toBeGreaterThan(0.3)
  })
})
