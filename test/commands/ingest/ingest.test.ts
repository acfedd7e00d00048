// The composition: one run from its settings to its exit code, over a real folder, with the vendor as a plain function.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { Clock } from '../../../lib/core/clock.ts'
import { createEncoder } from '../../../lib/parquet/encoder.ts'
import type { Config } from '../../../lib/core/config.ts'
import type { RawRow } from '../../../lib/core/dataset.ts'
import { IngestError } from '../../../lib/core/errors.ts'
import { runIngest } from '../../../lib/commands/ingest/ingest.ts'
import type { Effects } from '../../../lib/commands/effects.ts'
import type { Store } from '../../../lib/store/store.ts'
import { createFakeClock } from '../../support/runs/fake-clock.ts'
import { keysIn, openShelf, putDays, type Shelf } from '../../support/lakes/folder-store.ts'
import { askedDates, at, configOf, day, failureOf, priceRow, rawPrice, span } from '../../support/values.ts'
import type { Metrics } from '../../../lib/report/contract.ts'

const NOW = '2024-09-16T13:00:00Z'
const KEY = 'key-of-a-test-0123456789'
const WEEK: readonly string[] = XNYS.sessions(span('2024-09-09..2024-09-13'))
const WEEK_DATES = askedDates({ fromDate: day('2024-09-09'), toDate: day('2024-09-13') })

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

/** Answers a request, or is undefined where FMP's usual answer from `bars` will do. */
type Vendor = (url: URL) => Response | undefined

type Options = {
  readonly config?: Partial<Config>
  readonly bars?: Readonly<Record<string, readonly RawRow[]>>
  readonly vendor?: Vendor
  readonly effects?: Partial<Effects>
  readonly store?: Store
}

type Ran = {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly urls: readonly URL[]
  readonly keys: readonly string[]
}

async function run({
  config = {},
  bars = {},
  vendor = () => undefined,
  effects = {},
  store = shelf.store,
}: Options): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const urls: URL[] = []
  const fetch: Effects['fetch'] = async (text) => {
    const url = new URL(text)
    urls.push(url)
    return vendor(url) ?? usualAnswer(url, bars)
  }
  const tickers = { kind: 'flag', list: Object.keys(bars).join(',') } as const
  const code = await runIngest(configOf({ tickers, target: { kind: 'folder', folder: shelf.folder }, ...config }), {
    nowMs: at(NOW),
    clock: createFakeClock(),
    random: () => 0.5,
    fetch,
    version: '1.2.3',
    stop: new AbortController(),
    interruption: new AbortController().signal,
    print: async (text) => void (said.stdout += text),
    printError: (text) => void (said.stderr += text),
    appendText: async () => undefined,
    openEncoder: createEncoder,
    isTerminal: false,
    columns: () => undefined,
    every: () => () => undefined,
    openStore: async () => store,
    readTextFile: async () => undefined,
    ...effects,
  })
  return { code, ...said, urls, keys: await keysIn(shelf) }
}

function usualAnswer(url: URL, bars: Options['bars'] = {}): Response {
  const from = url.searchParams.get('from') ?? ''
  const to = url.searchParams.get('to') ?? ''
  const symbol = url.searchParams.get('symbol') ?? ''
  const rows = (bars[symbol] ?? []).filter(({ date }) => String(date) >= from && String(date) <= to)
  const isFull = url.pathname.endsWith('/full')
  return Response.json(
    rows.map(({ adjClose, ...row }) => (isFull ? { ...row, symbol } : { symbol, date: row['date'], adjClose })),
  )
}

const barsOf = (dates: readonly string[]): readonly RawRow[] => dates.map((date) => rawPrice(date))
const isPriceKey = (key: string) => key.startsWith('raw/')

async function metricsIn(folder: string, keys: readonly string[]): Promise<Metrics> {
  const [key, ...more] = keys.filter((name) => name.endsWith('.json'))
  expect(more).toEqual([])
  return (await Bun.file(join(folder, key ?? 'there are none')).json()) as Metrics
}

describe('a run', () => {
  test('stores what is missing, leaves its metrics, says so and ends with 0', async () => {
    const ran = await run({ bars: { AAPL: barsOf(WEEK), MSFT: barsOf(WEEK) }, config: { dates: WEEK_DATES } })
    expect(ran.code).toBe(0)
    expect(ran.keys.filter(isPriceKey)).toHaveLength(10)
    expect(ran.urls).toHaveLength(4)
    expect(ran.stdout).toStartWith('✅ Ingestion Complete\n')
    expect(ran.stdout).toContain('📁 Files written: 10\n')
    expect(ran.stdout).toContain(
      `📋 Metrics: ${join(shelf.folder, 'logs/ingest/date=2024-09-16/run-1726491600.json')}\n`,
    )
    expect(ran.stderr).toContain('4 calls, no rate limit')
    const metrics = await metricsIn(shelf.folder, ran.keys)
    expect(metrics).toMatchObject({ files_written: 10, errors: 0, calls: 4, sessions: 10, counts: { stored: 10 } })
  })

  test('run again makes no call', async () => {
    const options = { bars: { AAPL: barsOf(WEEK) }, config: { dates: WEEK_DATES } }
    await run(options)
    const again = await run({ ...options, effects: { nowMs: at(NOW) + 1_000 } })
    expect(again).toMatchObject({ code: 0, urls: [] })
    expect(again.stdout).toContain('⏭️  Already stored: 5')
  })

  test('without dates gives a new symbol the last session, and one note for all of them', async () => {
    const ran = await run({ bars: { AAPL: barsOf(WEEK), MSFT: barsOf(WEEK) } })
    expect(ran.code).toBe(0)
    expect(ran.keys.filter(isPriceKey).map((key) => key.slice(-18, -8))).toEqual(['2024-09-13', '2024-09-13'])
    expect(ran.stderr.match(/nothing stored/g)).toHaveLength(1)
    expect(ran.stderr).toContain('--backfill')
  })

  test('quiet says nothing at all when all is well', async () => {
    const ran = await run({ bars: { AAPL: barsOf(WEEK) }, config: { isQuiet: true } })
    expect(ran).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })

  test('with --json prints the metrics document and nothing else on stdout', async () => {
    const ran = await run({ bars: { AAPL: barsOf(WEEK) }, config: { isJson: true } })
    expect(JSON.parse(ran.stdout)).toEqual(await metricsIn(shelf.folder, ran.keys))
  })

  test('of a symbol that FMP does not know ends with 1 and one line on stderr', async () => {
    const ran = await run({ bars: { AAPL: barsOf(WEEK), AAPPL: [] }, config: { isQuiet: true } })
    expect(ran.code).toBe(1)
    expect(ran.stderr.match(/^❌ AAPPL: /gm)).toHaveLength(1)
    expect(ran.stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(ran.stdout).toContain('❌ Errors: 1\n')
  })

  test('in which nobody has the day has one error, and none of the symbols', async () => {
    const symbols = ['A', 'B', 'C', 'D', 'E']
    const bars = Object.fromEntries(symbols.map((symbol) => [symbol, []]))
    const ran = await run({ bars, config: { isQuiet: true } })
    expect(ran.code).toBe(1)
    expect(ran.stderr.trimEnd().split('\n')).toEqual([expect.stringContaining('FMP has no bars for 2024-09-13 yet')])
    expect(await metricsIn(shelf.folder, ran.keys)).toMatchObject({ errors: 1, counts: { no_data: 5, failed: 0 } })
  })

  test('in which the day waits for its adjusted close everywhere says so, and stores the older ones', async () => {
    const bars = Object.fromEntries(
      ['A', 'B', 'C', 'D', 'E'].map((symbol) => [
        symbol,
        [...barsOf(WEEK.slice(0, 4)), rawPrice('2024-09-13', { adjClose: null })],
      ]),
    )
    for (const mode of ['daily', 'backfill'] as const) {
      const dates = { ...WEEK_DATES, mode }
      const ran = await run({ bars, config: { dates, isQuiet: true, isForced: true } })
      expect(ran.code).toBe(1)
      expect(ran.stderr).toBe(
        `❌ FMP has no adjusted close for 2024-09-13 yet: none of 5 symbols has that session. ` +
          `${mode === 'daily' ? 'Run again later' : 'The next session brings it, or --force'}; ` +
          'older sessions were stored as usual.\n',
      )
      expect(ran.stdout).toContain(`📁 Files written: ${mode === 'daily' ? 20 : 5}\n`)
    }
  })

  test('that FMP holds up says how long all wait, and counts the calls of each symbol', async () => {
    let calls = 0
    const ran = await run({
      bars: { AAPL: barsOf(WEEK), MSFT: barsOf(WEEK) },
      config: { maxWorkers: 1 },
      vendor: () => {
        calls += 1
        return calls === 1
          ? Response.json({ 'Error Message': 'Limit Reach .' }, { status: 429, headers: { 'retry-after': '7' } })
          : undefined
      },
    })
    expect(ran.code).toBe(0)
    expect(ran.stderr.match(/^ℹ️ +FMP refuses calls for now: all wait for 7 s\.$/gm)).toHaveLength(1)
    const metrics = await metricsIn(shelf.folder, ran.keys)
    expect(metrics).toMatchObject({ calls: 5, retries: 1, refused_calls: 1 })
    expect(metrics.results.map(({ calls: made }) => made)).toEqual([3, 2])
  })

  test('tells how far it is by its calls', async () => {
    const bars = Object.fromEntries(['A', 'B', 'C', 'D'].map((symbol) => [symbol, barsOf(WEEK)]))
    const clock = createFakeClock()
    const ran = await run({
      bars,
      config: { maxWorkers: 1 },
      vendor: () => {
        clock.advance(10_000)
        return undefined
      },
      effects: { clock },
    })
    // How many are stored by then is the disk's affair, and with it whether the end of a symbol or of a call is told first.
    expect(ran.stderr.match(/^⏳.*$/gm)).toEqual([
      expect.stringMatching(/^⏳ \d of 4 symbols, [23] of 8 calls, \d+ files, about [12] min left$/),
      expect.stringMatching(/^⏳ \d of 4 symbols, [56] of 8 calls, \d+ files, about 1 min left$/),
    ])
  })

  test('at a terminal ticks by itself, and ends its timer however the run ends', async () => {
    const failing = {
      ...shelf.store,
      list: async () => await Promise.reject(new IngestError('Gone.', { kind: 'store', scope: 'run' })),
    }
    const ends: readonly [string, Options, string | undefined][] = [
      ['all is stored', {}, undefined],
      ['a symbol fails', { bars: { AAPL: barsOf(WEEK), NONE: [] } }, undefined],
      ['the key is refused', { vendor: () => refusal(401, 'Invalid API KEY.') }, undefined],
      ['the budget is spent', { config: { maxCalls: 2 } }, undefined],
      ['FMP pauses', { vendor: pausingOnce() }, undefined],
      [
        'nothing is to do',
        { config: { dates: askedDates({ fromDate: day('2024-09-14'), toDate: day('2024-09-15') }) } },
        undefined,
      ],
      ['only a plan is asked for', { config: { isDryRun: true } }, undefined],
      ['there is no list', { config: { tickers: { kind: 'file', path: 'none.csv' } } }, 'usage'],
      ['the list has no symbol', { config: { tickers: { kind: 'flag', list: '?' } } }, 'usage'],
      ['the survey fails', { store: failing }, 'store'],
    ]
    for (const [name, options, kind] of ends) {
      const clock = createFakeClock()
      const said: string[] = []
      const effects = {
        clock,
        isTerminal: true,
        columns: () => 60,
        every: clock.every,
        printError: (text: string) => void said.push(text),
      }
      // Each answer takes ten seconds.
      const vendor: Vendor = (url) => {
        clock.advance(10_000)
        return options.vendor?.(url)
      }
      const running = run({ bars: { AAPL: barsOf(WEEK), MSFT: barsOf(WEEK) }, ...options, vendor, effects })
      if (kind === undefined) await running
      else expect(await failureOf(running)).toMatchObject({ kind })
      expect({ name, timers: clock.timers() }).toEqual({ name, timers: 0 })
      const drawn = said.filter((text) => text.startsWith('\r\u001B[K⏳'))
      for (const line of drawn) expect(Bun.stringWidth(line.slice(4))).toBeLessThan(60)
      if (name === 'all is stored') expect(drawn.length).toBeGreaterThan(30)
      // The last word is no live line.
      if (said.length > 0) expect(said.at(-1)).not.toContain('⏳')
    }
  })

  test('over dates without a session says so and has nothing to do', async () => {
    const dates = askedDates({ fromDate: day('2024-09-14'), toDate: day('2024-09-15') })
    const ran = await run({ bars: { AAPL: [] }, config: { dates } })
    expect(ran).toMatchObject({ code: 0, urls: [] })
    expect(ran.stderr).toContain('no finished session')
    expect((await metricsIn(shelf.folder, ran.keys)).date_range).toEqual({ from: null, to: null })
  })

  test('notes symbols that are listed twice, and fields that are not stored', async () => {
    const bars = { AAPL: WEEK.map((date) => rawPrice(date, { surprise: 1 })) }
    const ran = await run({ bars, config: { tickers: { kind: 'flag', list: 'AAPL,aapl' } } })
    expect(ran.stderr).toContain('AAPL.')
    expect(ran.stderr).toContain('surprise')
  })

  test('at another instant is at that instant throughout', async () => {
    const ran = await run({ bars: { AAPL: barsOf(['2020-03-02']) }, config: { nowMs: at('2020-03-03T12:00:00Z') } })
    expect(ran.keys).toEqual([
      'logs/ingest/date=2020-03-03/run-1583236800.json',
      'raw/prices/symbol=AAPL/year=2020/month=03/AAPL-2020-03-02.parquet',
    ])
    expect(await metricsIn(shelf.folder, ran.keys)).toMatchObject({
      run_id: '2020-03-03T12:00:00+00:00',
      now_overridden: true,
    })
  })

  test('says what is dangerous in its environment', async () => {
    expect((await run({ bars: { AAPL: [] }, config: { warnings: ['Take care.'] } })).stderr).toContain('Take care.')
  })
})

describe('a dry run', () => {
  test('prints totals and, on demand, keys, calls nobody and writes nothing', async () => {
    await putDays(shelf, [priceRow('2024-09-12')])
    const before = await keysIn(shelf)
    const config = { dates: WEEK_DATES, isDryRun: true, showsKeys: true, apiKey: '' }
    const ran = await run({ bars: { AAPL: barsOf(WEEK) }, config })
    expect(ran).toMatchObject({ code: 0, urls: [], keys: before })
    expect(ran.stdout).toStartWith('Files: 4\nCalls: 2\n')
    expect(ran.stdout.trimEnd().split('\n').slice(-4)).toEqual(
      ['13', '11', '10', '09'].map((date) => `raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-${date}.parquet`),
    )
  })

  test('with --json is one object', async () => {
    const ran = await run({ bars: { AAPL: [] }, config: { isDryRun: true, isJson: true, rateLimitSeconds: 15 } })
    expect(JSON.parse(ran.stdout)).toEqual({
      files: ['raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-13.parquet'],
      calls: 2,
      calls_left_today: null,
      seconds: 30,
      shard: null,
    })
  })

  test('names a file that is not ours, with exit 1', async () => {
    await Bun.write(join(shelf.folder, 'raw/prices/symbol=AAPL/year=2024/AAPL-2024.parquet'), 'not parquet')
    const dates = askedDates({ mode: 'backfill' })
    const ran = await run({ bars: { AAPL: [] }, config: { isDryRun: true, dates } })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain(
      '❌ AAPL: raw/prices/symbol=AAPL/year=2024/AAPL-2024.parquet is not a readable Parquet file',
    )
  })
})

/** Refuses the first call for the call limit. */
function pausingOnce(): Vendor {
  let calls = 0
  return () => {
    calls += 1
    return calls === 1 ? Response.json({ 'Error Message': 'Limit Reach .' }, { status: 429 }) : undefined
  }
}

const refusal = (status: number, message: string) => Response.json({ 'Error Message': message }, { status })

describe('what stops a run', () => {
  test('a refused key: exit 1, nothing more is called, the key is shown nowhere', async () => {
    const ran = await run({
      bars: { AAPL: barsOf(WEEK), MSFT: barsOf(WEEK) },
      vendor: () => refusal(401, `Invalid API KEY ${KEY}. Feel free to create a Free API Key`),
      effects: { clock: patientClock() },
    })
    expect(ran.code).toBe(1)
    expect(ran.urls).toHaveLength(1)
    const metrics = await metricsIn(shelf.folder, ran.keys)
    expect(metrics).toMatchObject({ stopped_by: 'key', counts: { not_reached: 2 }, errors: 1 })
    expect(metrics.run_errors).toHaveLength(1)
    expect(ran.stdout + ran.stderr + JSON.stringify(metrics)).not.toContain(KEY)
    expect(ran.stdout).not.toContain('Complete')
  })

  test('a spent budget: exit 3, no error, what was reached is stored', async () => {
    const bars = { A: barsOf(WEEK), B: barsOf(WEEK), C: barsOf(WEEK) }
    const ran = await run({ bars, config: { maxCalls: 5, maxWorkers: 1 } })
    expect(ran.code).toBe(3)
    expect(ran.urls).toHaveLength(4)
    expect(await metricsIn(shelf.folder, ran.keys)).toMatchObject({
      stopped_by: 'budget',
      run_errors: [],
      counts: { stored: 2, not_reached: 1 },
    })
    expect(ran.stdout).toContain('(budget)')
  })

  test('writes its metrics however long that takes, when an error of the run stopped it', async () => {
    // Every wait of the run is over at once; the store takes its time.
    const create: Store['create'] = async (key, bytes, metadata) => {
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      return await shelf.store.create(key, bytes, metadata)
    }
    const ran = await run({
      bars: { AAPL: barsOf(WEEK) },
      vendor: () => refusal(401, 'Invalid API KEY.'),
      store: { ...shelf.store, create },
    })
    expect(ran.keys).toEqual(['logs/ingest/date=2024-09-16/run-1726491600.json'])
    expect(ran.stdout).toContain('run-1726491600.json')
  })

  test('metrics that cannot be written: exit 1 and the summary says it', async () => {
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (key.startsWith('logs/')) throw new IngestError('The bucket is full.', { kind: 'store', scope: 'run' })
      return await shelf.store.create(key, bytes, metadata)
    }
    const ran = await run({ bars: { AAPL: barsOf(WEEK) }, store: { ...shelf.store, create } })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('The bucket is full.')
    expect(ran.stdout).toContain('📋 Metrics: could not be written')
    expect(ran.keys.filter(isPriceKey)).toHaveLength(1)
  })

  test('rejected rows that cannot be written: an error and exit 1, and the metrics stay', async () => {
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (key.endsWith('.rejects.jsonl')) throw new IngestError('The bucket is full.', { kind: 'store', scope: 'run' })
      return await shelf.store.create(key, bytes, metadata)
    }
    const bars = { AAPL: [...barsOf(WEEK.slice(0, 4)), rawPrice('2024-09-13', { volume: -1 })] }
    const ran = await run({ bars, config: { dates: WEEK_DATES }, store: { ...shelf.store, create } })
    expect(ran.code).toBe(1)
    expect(ran.stderr.match(/^❌ .*/gm)).toEqual(['❌ The bucket is full.'])
    expect(ran.stdout).not.toContain('Complete')
    expect(ran.stdout).toContain('❌ Errors: 1\n')
    expect(ran.stdout).toContain('run-1726491600.json\n')
    expect(await metricsIn(shelf.folder, ran.keys)).toMatchObject({ rejected_rows: 1, counts: { stored: 4 } })
  })

  test('rejected rows that hang when the user interrupts are given up, and the metrics are not called lost', async () => {
    const user = new AbortController()
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (!key.endsWith('.rejects.jsonl')) return await shelf.store.create(key, bytes, metadata)
      user.abort()
      return await new Promise(() => undefined)
    }
    const bars = { AAPL: [...barsOf(WEEK.slice(0, 4)), rawPrice('2024-09-13', { volume: -1 })] }
    const store = { ...shelf.store, create }
    const ran = await run({ bars, config: { dates: WEEK_DATES }, store, effects: { interruption: user.signal } })
    expect(ran.stderr).toMatch(/^❌ .*run-1726491600\.rejects\.jsonl could not be written in time$/m)
    expect(ran.stdout).toContain('run-1726491600.json\n')
  })

  test('a defect in mid-run is told once, with its trace, and counts what was not reached', async () => {
    let page = ''
    const defect = new TypeError('x is not a function')
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (isPriceKey(key)) throw defect
      return await shelf.store.create(key, bytes, metadata)
    }
    const ran = await run({
      bars: { AAPL: barsOf(WEEK) },
      store: { ...shelf.store, create },
      config: {
        actionsJob: { summaryPath: 'summary.md', timeoutMinutes: undefined, roleDurationSeconds: undefined },
      },
      effects: { clock: patientClock(), appendText: async (_, text) => void (page += text) },
    })
    expect(ran.code).toBe(1)
    expect(ran.stderr.match(/💥/gu)).toHaveLength(1)
    expect(ran.stderr.match(/^::error /gm)).toHaveLength(1)
    expect(page.match(/^## /gm)).toHaveLength(1)
    expect(page).toContain('Stopped Early')
    expect(ran.stderr).toContain('TypeError: x is not a function')
    expect(ran.stdout).toStartWith('🛑 Ingestion Stopped Early (bug)\n')
    expect(ran.stdout).toContain('🛑 Sessions not reached: 1\n')
    const metrics = await metricsIn(shelf.folder, await keysIn(shelf))
    expect(metrics).toMatchObject({ status: 'failed', exit_code: 1, errors: 1, stopped_by: 'bug' })
    expect(metrics.run_errors).toEqual([expect.stringContaining('defect')])
    expect(metrics.counts.not_reached).toBe(1)
  })

  test('an interrupt before the survey is over ends it without metrics', async () => {
    const stop = new AbortController()
    const interrupted = new IngestError('Interrupted.', { kind: 'interrupted', scope: 'run' })
    const list: Store['list'] = async () => {
      stop.abort(interrupted)
      return await new Promise(() => undefined)
    }
    const error = await failureOf(run({ bars: { AAPL: [] }, store: { ...shelf.store, list }, effects: { stop } }))
    expect(error).toBe(interrupted)
    expect(await keysIn(shelf)).toEqual([])
  })

  test('a list that is not there is a usage error before anything is opened', async () => {
    const config = { tickers: { kind: 'file', path: 'absent.csv' } as const }
    expect(await failureOf(run({ config }))).toMatchObject({ kind: 'usage' })
  })
})

/** A clock on which a wait never ends, for runs that need none. */
function patientClock(): Clock {
  return { ...createFakeClock(), sleep: async () => await new Promise<void>(() => undefined) }
}
