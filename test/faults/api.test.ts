// What the vendor and the way to it can do to a run, on the real program: the rows of the fault table that no test of the
// parts alone can prove.

import { describe, expect, test } from 'bun:test'
import type { Fault, FmpRequestInfo } from '../support/servers/vendor.ts'
import { KEY, NOW } from '../support/runs/in-process.ts'
import { measureCli } from '../support/runs/process.ts'
import { metricsOf, setStage, type Stage } from '../support/runs/stage.ts'
import { type Bar, barsFor, dayKey } from '../support/bars.ts'
import { disposableFolder, folderLake, priceKeys, readRows } from '../support/lakes/lake.ts'
import type { Metrics } from '../../lib/report/contract.ts'

const DAY = '2024-09-16'
const LIST = ['--tickers', 'BAD,GOOD']

/** A vendor that has the last session of both symbols and does this to every request for BAD. */
async function setVendor(fault: (info: FmpRequestInfo) => Fault | undefined): Promise<Stage> {
  return await setStage({
    bars: barsFor(['BAD', 'GOOD'], DAY, DAY),
    onRequest: (info) => (info.symbol === 'BAD' ? fault(info) : undefined),
  })
}

function rowOf(bar: Bar | undefined, changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { symbol: 'BAD', ...bar, ...changes }
}

describe.concurrent('a call limit', () => {
  test('with a date in Retry-After is waited out by the server’s own clock', async () => {
    await using stage = await setVendor(({ n }) => {
      const headers = { date: 'Mon, 16 Sep 2024 10:00:00 GMT', 'retry-after': 'Mon, 16 Sep 2024 10:00:30 GMT' }
      return n === 1 ? new Response('{"Error Message": "Limit Reach ."}', { status: 429, headers }) : undefined
    })
    const run = await stage.run(LIST)
    expect({ code: run.code, files: run.changed.length }).toEqual({ code: 0, files: 2 })
    expect(metricsOf(run)).toMatchObject({ calls: 5, retries: 1 })
    expect(metricsOf(run).duration_seconds).toBeGreaterThan(29)
  })

  test('told with status 200 pauses the run as a 429 does, without a hot loop', async () => {
    await using stage = await setVendor(({ n }) =>
      n <= 3 ? Response.json({ 'Error Message': 'Limit Reach . Please upgrade your plan' }) : undefined,
    )
    const run = await stage.run(LIST)
    expect({ code: run.code, files: run.changed.length }).toEqual({ code: 0, files: 2 })
    expect(metricsOf(run)).toMatchObject({ calls: 7, retries: 3 })
    // 5, 10 and 20 seconds.
    expect(metricsOf(run).duration_seconds).toBeGreaterThan(34)
  })
})

/** Symbols that are each answered by one of these, the other way round from the list of cases. */
function bySymbol<T>(cases: readonly T[]): { readonly names: readonly string[]; of(symbol: string): T | undefined } {
  const names = cases.map((_case, index) => `BAD${index}`)
  return { names, of: (symbol) => cases[names.indexOf(symbol)] }
}

describe.concurrent('an answer that breaks on the way', () => {
  test('is tried five times, told in one line with cause and cure, and nothing is stored; the others are', async () => {
    const faults: readonly [Fault, RegExp][] = [
      [{ lengthOff: -20 }, /broken or cut JSON/],
      [{ lengthOff: 20 }, /closed before/],
      [{ cutAt: 30 }, /closed before/],
      [{ reset: true }, /closed before/],
      [{ raw: 'SSH-2.0-OpenSSH_9.9\r\n\r\n' }, /does not speak (proper )?HTTP/],
      [{ raw: 'HTTP/1.1 200 OK\r\nContent-Le' }, /closed before/],
      [{ raw: 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n[]' }, /does not speak (proper )?HTTP/],
      [{ falseEncoding: 'gzip' }, /damaged/],
      [{ falseEncoding: 'br' }, /damaged|encoding that was not asked for/],
    ]
    const { names, of } = bySymbol(faults)
    await using stage = await setStage({ bars: barsFor([...names, 'GOOD'], DAY, DAY) })
    stage.onRequest = ({ symbol }) => of(symbol)?.[0]
    const run = await stage.spawn(['--tickers', [...names, 'GOOD'].join(',')], { warp: 200, isLossy: true }).done
    expect({ code: run.code, changed: run.changed }).toEqual({ code: 1, changed: [dayKey('GOOD', DAY)] })
    for (const name of names) {
      const tries = run.requests.filter(({ symbol }) => symbol === name)
      expect({ name, tries: tries.length }).toEqual({ name, tries: 5 })
      const lines = run.stderr.split('\n').filter((line) => line.startsWith(`❌ ${name}: `))
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(of(name)?.[1] ?? /^$/)
      expect(lines[0]).toMatch(/127\.0\.0\.1:\d+|FMP's answer/)
      expect(lines[0]).toMatch(/Given up after 5 attempts\. .*(Check|[Rr]un again)/)
    }
  })

  test('one that drips is whole when it is done in time, and a failed try when not', async () => {
    await using stage = await setVendor(({ n }) => ({ drip: { bytes: n <= 2 ? 20 : 2, everyMs: n <= 2 ? 1 : 20 } }))
    const quick = await stage.spawn(['--tickers', 'BAD']).done
    expect({ code: quick.code, changed: quick.changed }).toEqual({ code: 0, changed: [dayKey('BAD', DAY)] })
    const slow = await stage.spawn(['--tickers', 'BAD', '--from-date', DAY, '--force'], {
      env: { API_TIMEOUT_SECONDS: '0.1' },
      warp: 200,
      // What is given up so soon need not have come in.
      isLossy: true,
    }).done
    // The deadline is of a try as a whole: bytes that keep coming do not push it away.
    expect({ code: slow.code, changed: slow.changed }).toEqual({ code: 1, changed: [] })
    expect(slow.stderr).toMatch(/^❌ BAD: 127.*no complete answer .*within 0\.1 s.*API_TIMEOUT_SECONDS/m)
  })
})

describe.concurrent('an answer with nothing in it', () => {
  test('in any shape is no data, said with help, and nothing is written', async () => {
    const { names, of } = bySymbol([
      '[]',
      ' [ ]\n',
      '{}',
      'null',
      '{"symbol":"BAD","historical":[]}',
      '{"symbol":"BAD","historical":null}',
      '{"Error Message":"No Data for this symbol"}',
      'Error with query',
    ])
    await using stage = await setStage({ bars: barsFor(['GOOD'], DAY, DAY) })
    stage.onRequest = ({ symbol }) => (of(symbol) === undefined ? undefined : new Response(of(symbol)))
    const run = await stage.run(['--tickers', [...names, 'GOOD'].join(',')])
    expect({ code: run.code, changed: run.changed }).toEqual({ code: 1, changed: [dayKey('GOOD', DAY)] })
    expect(run.stderr.match(/^❌ BAD\d: FMP has no data .*spelling.*delisted/gm)).toHaveLength(names.length)
    expect(run.requests).toHaveLength(2 * names.length + 2)
  })

  test('an empty body is a failed try, not no data', async () => {
    await using stage = await setVendor(() => new Response(''))
    const run = await stage.run(LIST)
    expect(run.stderr).toMatch(/^❌ BAD: .*an empty body/m)
    expect(run.requests.filter(({ symbol }) => symbol === 'BAD')).toHaveLength(5)
  })
})

describe.concurrent('rows that are not as they should be', () => {
  const bars = barsFor(['BAD'], '2024-09-09', DAY)['BAD'] ?? []
  const range = ['--from-date', '2024-09-09', '--to-date', DAY]

  test('in any order, twice, with exponents and odd numbers: each day once, the last one wins', async () => {
    await using stage = await setStage({ bars: { BAD: bars } })
    const [first, second, third, ...rest] = bars
    const rows = [
      rowOf(third),
      rowOf(first, { close: 1 }),
      ...rest.map((bar) => rowOf(bar)),
      rowOf(second),
      rowOf(first),
    ]
    const text = JSON.stringify(rows).replace(/"volume":(\d+)\b/, '"volume":1.5e6')
    stage.onRequest = ({ variant }) => (variant === 'full' ? new Response(text) : undefined)
    const run = await stage.run(['--tickers', 'BAD', ...range])
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({ files_written: 6, rejected_rows: 1 })
    const stored = await readRows(stage.lake)
    expect(stored.map(({ date }) => date)).toEqual(bars.map(({ date }) => date))
    expect(stored[0]?.close).toBe(first?.close ?? Number.NaN)
    expect(stored[2]?.volume).toBe(1_500_000)
  })

  test('NaN and Infinity are no JSON: a failed try; 1e999 is no finite number: a rejected row', async () => {
    await using stage = await setVendor(
      ({ symbol, variant }) =>
        ({ full: new Response(`[{"symbol":"${symbol}","date":"${DAY}","close":NaN}]`) })[String(variant)],
    )
    const broken = await stage.run(LIST)
    expect(broken.stderr).toMatch(/^❌ BAD: .*broken or cut JSON.*It begins: “\[\{"symbol":"BAD"/m)
    const huge = JSON.stringify([rowOf(bars.at(-1), { close: 7.25 })]).replace('7.25', '1e999')
    stage.onRequest = ({ symbol, variant }) => (symbol === 'BAD' && variant === 'full' ? new Response(huge) : undefined)
    const rejected = await stage.run(LIST)
    expect(rejected.stderr).toMatch(/^❌ BAD: .*close is not finite/m)
    expect(metricsOf(rejected)).toMatchObject({ rejected_rows: 1, errors: 1 })
    expect(await priceKeys(stage.lake)).not.toContain(dayKey('BAD', DAY))
  })

  test('a page that is cut below what was asked is named as days that are missing', async () => {
    await using stage = await setStage({ bars: { BAD: bars } })
    const page = [bars[0], bars[4], bars[5]].map((bar) => rowOf(bar))
    stage.onRequest = ({ variant }) => (variant === 'full' ? Response.json(page) : undefined)
    const run = await stage.run(['--tickers', 'BAD', ...range])
    expect(metricsOf(run).counts).toMatchObject({ stored: 3, missing: 3 })
    expect(run.stderr).toMatch(/^⚠️ BAD: FMP has no bar for 2024-09-10, 2024-09-11, 2024-09-12/m)
  })

  test('what is quoted of a strange answer is short, on one line and without the key', async () => {
    const words = `${'x'.repeat(150)} apikey=${KEY} ${'y\n'.repeat(5_000)}`
    await using stage = await setVendor(() => new Response(words, { status: 400 }))
    const run = await stage.run(LIST)
    const quoted = /“(.*)”/.exec(run.stderr)?.[1] ?? ''
    expect(quoted).toStartWith('xxx')
    expect(quoted).toContain('[redacted]')
    expect(quoted.length).toBeLessThanOrEqual(200)
    expect(JSON.stringify(metricsOf(run).results[0]?.errors)).toContain('[redacted]')
  })
})

/** Runs over a vendor's answers to its end and tells what it took, and what it left in a fresh folder. */
async function measure(url: string, names: string, env: Record<string, string> = {}) {
  await using folder = await disposableFolder()
  const lake = folderLake(folder.path)
  const args = ['--tickers', names, '--out', lake.out, '--now', NOW]
  const vendor = { FMP_API_KEY: KEY, FMP_BASE_URL: url, RATE_LIMIT_SECONDS: '0' }
  const { code, peakBytes } = await measureCli(args, { ...vendor, ...env })
  console.log(`peak memory against ${names}: ${Math.round(peakBytes / 1e6)} MB`)
  const key = (await lake.keys()).find((name) => name.startsWith('logs/')) ?? ''
  const metrics = JSON.parse(Buffer.from(await lake.bytes(key)).toString()) as Metrics
  return { code, peakBytes, metrics, files: await priceKeys(lake) }
}

describe.concurrent('a bomb', () => {
  test.each([
    ['stable', 'BAD,GOOD'],
    ['v3', 'BAD,GOOD'],
    ['stable', 'BAD,BAD2,BAD3,BAD4,BAD5,BAD6,GOOD'],
  ])('of 1 GiB in 1 MB of gzip (%s, %s) fails its symbol, names the cap and stays under 200 MB', async (api, names) => {
    await using stage = await setStage({ bars: barsFor(['GOOD'], DAY, DAY) })
    stage.onRequest = ({ symbol }) => (symbol === 'GOOD' ? undefined : { bombMiB: 1_024 })
    const { code, peakBytes, metrics, files } = await measure(stage.fmp.url, names, { FMP_API: api })
    expect({ code, files }).toEqual({ code: 1, files: [dayKey('GOOD', DAY)] })
    const bombs = stage.fmp.requests.filter(({ symbol }) => symbol !== 'GOOD')
    expect(bombs).toHaveLength(names.split(',').length - 1)
    expect(metrics.errors).toBe(bombs.length)
    expect(metrics.results[0]?.errors[0]).toMatch(/larger than \d+ MiB.*FMP_BASE_URL/)
    expect(peakBytes).toBeLessThan(200e6)
  })

  test('of plain bytes without end stops at the cap too', async () => {
    const piece = new Uint8Array(1 << 20).fill(0x20)
    const endless = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => new Response(new ReadableStream({ pull: (to) => to.enqueue(piece) })),
    })
    const { code, peakBytes, metrics } = await measure(String(endless.url), 'ENDLESS')
    await endless.stop(true)
    expect(code).toBe(1)
    expect(metrics.results[0]?.errors[0]).toMatch(/larger than \d+ MiB/)
    expect(peakBytes).toBeLessThan(200e6)
  })
})

describe.concurrent('the clock of the machine', () => {
  test.each(['Pacific/Kiritimati', 'Pacific/Pago_Pago'])(
    'in %s stores the same session under the same keys',
    async (zone) => {
      await using stage = await setVendor(() => undefined)
      const run = await stage.spawn(LIST, { env: { TZ: zone } }).done
      expect({ code: run.code, changed: run.changed }).toEqual({
        code: 0,
        changed: [dayKey('BAD', DAY), dayKey('GOOD', DAY)],
      })
      expect(run.metricsKey).toBe('logs/ingest/date=2024-09-17/run-1726578000.json')
    },
  )
})
