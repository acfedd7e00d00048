// The nightly mode, one file per symbol and session: the real program against the fake vendor, into a folder.

import { describe, expect, test } from 'bun:test'
import { NOW } from '../support/runs/in-process.ts'
import { ROOT } from '../support/runs/process.ts'
import { callsOf, metricsOf, setStage } from '../support/runs/stage.ts'
import { type Bar, barsFor, dayKey, iso, sessions, yearKey } from '../support/bars.ts'
import { describeFile, priceFiles, priceKeys, readFooter, readRows, type StoredRow } from '../support/lakes/lake.ts'

const DEFAULT_SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'TSLA', 'AMZN', 'GOOGL', 'META', 'JPM', 'SPY', 'V']
const RULE = '='.repeat(60)

/** Stored rows as the vendor's bars, without what the program adds. */
function asBars(rows: readonly StoredRow[]): readonly unknown[] {
  return rows.map(({ key: _key, symbol: _symbol, ingestTs: _ingestTs, ...bar }) => bar)
}

function without(bars: readonly Bar[] = [], ...dates: readonly string[]): Bar[] {
  return bars.filter(({ date }) => !dates.includes(date))
}

describe.concurrent('a nightly run', () => {
  test('stores the last session of every default symbol; another on the same day makes no API call', async () => {
    await using stage = await setStage({ bars: barsFor(DEFAULT_SYMBOLS, '2024-08-01', '2024-09-16') })
    const first = await stage.run([], { cwd: ROOT })
    expect(first.stdout.split('\n').filter((line) => !line.startsWith('⏱️'))).toEqual([
      '✅ Ingestion Complete',
      RULE,
      '📊 Symbols: 10',
      '📁 Files written: 10',
      '📝 Rows written: 10',
      '❌ Errors: 0',
      '📅 Through: 2024-09-16 (10 of 10 symbols)',
      `📋 Metrics: ${stage.lake.out}/logs/ingest/date=2024-09-17/run-1726578000.json`,
      RULE,
      '',
    ])
    expect(first.stderr).toContain('20 calls')
    expect(first.stderr).toContain('--backfill')
    expect(first.changed).toEqual(DEFAULT_SYMBOLS.map((symbol) => dayKey(symbol, '2024-09-16')).toSorted())
    expect(metricsOf(first)).toMatchObject({
      run_id: '2024-09-17T13:00:00+00:00',
      date_range: { from: '2024-09-16', to: '2024-09-16' },
      symbols_processed: 10,
      calls: 20,
      retries: 0,
      mode: 'daily',
      now_overridden: true,
      interrupted: false,
      counts: { stored: 10 },
    })
    const rows = await readRows(stage.lake)
    expect(rows.map(({ ingestTs }) => ingestTs)).toEqual(rows.map(() => Date.parse(NOW)))
    for (const row of rows) expect(asBars([row])).toEqual([stage.bars[row.symbol]?.at(-1)])

    const second = await stage.run([], { cwd: ROOT })
    expect({ calls: callsOf(second), changed: second.changed, code: second.code }).toEqual({
      calls: [],
      changed: [],
      code: 0,
    })
    expect(metricsOf(second).counts).toMatchObject({ stored: 0, already_stored: 10 })
    // Two runs in one second.
    expect(second.metricsKey).toBe('logs/ingest/date=2024-09-17/run-1726578000-2.json')
    const third = await stage.run(['--lookback', '30'], { cwd: ROOT })
    expect({ calls: callsOf(third), changed: third.changed }).toEqual({ calls: [], changed: [] })
    expect(third.metricsKey).toBe('logs/ingest/date=2024-09-17/run-1726578000-3.json')
  })

  test('writes the files that the design describes', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', '^GSPC', 'BRK-B'], '2024-09-16', '2024-09-16') })
    const run = await stage.run(['--tickers', 'aapl,^gspc,brk.b'])
    expect(run.changed).toEqual([
      'raw/prices/symbol=%5EGSPC/year=2024/month=09/%5EGSPC-2024-09-16.parquet',
      dayKey('AAPL', '2024-09-16'),
      dayKey('BRK-B', '2024-09-16'),
    ])
    expect(new Set(run.requests.map(({ symbol }) => symbol))).toEqual(new Set(['AAPL', '^GSPC', 'BRK-B']))
    expect(new Set((await readRows(stage.lake)).map(({ symbol }) => symbol))).toEqual(
      new Set(['AAPL', '^GSPC', 'BRK-B']),
    )
    const key = dayKey('AAPL', '2024-09-16')
    expect(await describeFile(stage.lake, key)).toEqual([
      'symbol VARCHAR NOT NULL',
      'date DATE NOT NULL',
      'open DOUBLE',
      'high DOUBLE',
      'low DOUBLE',
      'close DOUBLE',
      'adjClose DOUBLE',
      'volume BIGINT',
      'ingest_ts TIMESTAMP WITH TIME ZONE NOT NULL',
    ])
    const footer = await readFooter(stage.lake, key)
    const bar = stage.bars['AAPL']?.[0]
    const line = JSON.stringify([
      'AAPL',
      '2024-09-16',
      bar?.open,
      bar?.high,
      bar?.low,
      bar?.close,
      bar?.adjClose,
      bar?.volume,
    ])
    expect(footer).toMatchObject({ rows: 1, rowGroups: 1, asked: undefined, codecs: new Set(['SNAPPY']) })
    expect(footer.createdBy).toStartWith('fmp-ingest')
    expect(footer.rowsSha256).toBe(new Bun.CryptoHasher('sha256').update(`${line}\n`).digest('hex'))
  })

  test('heals a missing day with one window over it, to the same bytes', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], '2024-09-03', '2024-09-16') })
    await stage.run(['--tickers', 'AAPL,MSFT', '--from-date', '2024-09-09'])
    const whole = await priceFiles(stage.lake)
    expect(Object.keys(whole)).toHaveLength(12)
    await stage.lake.remove(dayKey('AAPL', '2024-09-11'))
    const healing = await stage.run(['--tickers', 'AAPL,MSFT', '--audit', '0'])
    // The ten sessions before it are compared.
    expect(callsOf(healing)).toEqual([
      'AAPL full 2024-08-27..2024-09-11',
      'AAPL dividend-adjusted 2024-08-27..2024-09-11',
    ])
    expect(metricsOf(healing).counts).toMatchObject({ stored: 1, already_stored: 9 })
    expect(healing.stdout).toContain('⏭️  Already stored: 9\n')
    expect(await priceFiles(stage.lake)).toEqual(whole)
  })

  test('catches up a skipped week at no extra call, from the newest day file or the newest year file', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], '2024-01-02', '2024-09-30') })
    await stage.run(['--tickers', 'AAPL'], { now: '2024-08-06T13:00:00Z' })
    await stage.run(['--tickers', 'MSFT', '--backfill'], { now: '2024-08-06T13:00:00Z' })
    const run = await stage.run(['--tickers', 'AAPL,MSFT', '--audit', '0'])
    // From ten sessions before 2024-08-06 on: the day file and the year file have the rows up to 2024-08-05.
    expect(callsOf(run).toSorted()).toEqual([
      'AAPL dividend-adjusted 2024-07-23..2024-09-16',
      'AAPL full 2024-07-23..2024-09-16',
      'MSFT dividend-adjusted 2024-07-23..2024-09-16',
      'MSFT full 2024-07-23..2024-09-16',
    ])
    const skipped = sessions('2024-08-06', '2024-09-16')
    expect(run.changed.filter((key) => key.includes('AAPL'))).toEqual(skipped.map((date) => dayKey('AAPL', date)))
    expect(asBars(await readRows(stage.lake, 'AAPL-')).slice(1)).toEqual(
      (stage.bars['AAPL'] ?? []).filter(({ date }) => skipped.includes(date)),
    )
    expect(callsOf(await stage.run(['--tickers', 'AAPL,MSFT']))).toEqual([])
  })

  test('reaches back --lookback sessions, and a symbol with nothing stored gets the last session only', async () => {
    await using stage = await setStage({ bars: barsFor(['OLD', 'NEW'], '2024-01-02', '2024-09-16') })
    await stage.run(['--tickers', 'OLD', '--from-date', '2024-08-01', '--to-date', '2024-09-11'])
    await stage.run(['--tickers', 'OLD', '--from-date', '2024-09-16'])
    const run = await stage.run(['--tickers', 'OLD,NEW', '--lookback', '3', '--audit', '0'])
    // With the ten sessions before 2024-09-12, which are compared.
    expect(callsOf(run)).toContain('OLD full 2024-08-28..2024-09-13')
    expect(callsOf(run)).toContain('NEW full 2024-09-16..2024-09-16')
    expect(metricsOf(run)).toMatchObject({ date_range: { from: '2024-09-12', to: '2024-09-16' } })
    expect(run.stderr.match(/--backfill-days/g)).toHaveLength(1)
    expect(run.stderr).toContain('NEW')
  })

  test('asks again, when it has dates, only for the sessions that had no bar', async () => {
    const bars = barsFor(['GAP', 'LATE', 'GOOD'], '2024-09-03', '2024-09-16')
    const late = bars['LATE']?.filter(({ date }) => date >= '2024-09-10')
    await using stage = await setStage({ bars: { ...bars, GAP: without(bars['GAP'], '2024-09-11'), LATE: late ?? [] } })
    const range = ['--from-date', '2024-09-03', '--to-date', '2024-09-16']
    const args = ['--tickers', 'GAP,LATE,GOOD', ...range, '--audit', '0']
    const first = await stage.run(args)
    expect(first.requests).toHaveLength(6)
    expect(metricsOf(first).counts).toMatchObject({ stored: 24, missing: 1, no_data: 5 })
    expect(first.stderr).toMatch(/⚠️ +GAP: .*2024-09-11/)
    expect(first.stderr).not.toContain('LATE:')
    const again = await stage.run(args)
    expect(callsOf(again).toSorted()).toEqual([
      // From ten sessions before 2024-09-11 and 2024-09-03 on.
      'GAP dividend-adjusted 2024-08-27..2024-09-11',
      'GAP full 2024-08-27..2024-09-11',
      'LATE dividend-adjusted 2024-08-19..2024-09-09',
      'LATE full 2024-08-19..2024-09-09',
    ])
    expect(again.changed).toEqual([])
    expect(again.code).toBe(0)
  })

  test('takes the symbols whose newest stored session is oldest first, those with nothing before all', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B', 'C', 'D'], '2024-08-01', '2024-09-16') })
    await stage.run(['--tickers', 'A'], { now: '2024-09-12T13:00:00Z' })
    await stage.run(['--tickers', 'B'], { now: '2024-09-10T13:00:00Z' })
    await stage.run(['--tickers', 'D'], { now: '2024-09-12T13:00:00Z' })
    const run = await stage.run(['--tickers', 'A,B,C,D'], { env: { MAX_WORKERS: '1' } })
    expect([...new Set(run.requests.map(({ symbol }) => symbol))]).toEqual(['C', 'B', 'A', 'D'])
    expect(run.requests.map(({ variant }) => variant)).toEqual(
      Array.from({ length: 4 }, () => ['full', 'dividend-adjusted'] as const).flat(),
    )
  })

  test('overwrites with --force what is there, and P8: another instant changes ingest_ts alone', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-09-09', '2024-09-16') })
    const args = ['--tickers', 'AAPL', '--from-date', '2024-09-10', '--to-date', '2024-09-12']
    await stage.run(args)
    const before = await readRows(stage.lake)
    const forced = await stage.run([...args, '--force'], { now: '2024-09-17T14:00:00Z' })
    expect(metricsOf(forced)).toMatchObject({ files_written: 3, calls: 2, counts: { stored: 3, already_stored: 0 } })
    expect(forced.changed).toHaveLength(3)
    const after = await readRows(stage.lake)
    expect(asBars(after)).toEqual(asBars(before))
    expect(after.map(({ ingestTs }) => ingestTs - 3_600_000)).toEqual(before.map(({ ingestTs }) => ingestTs))
  })

  test('leaves adjClose null with --no-adj-close, at one call a symbol', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-09-16', '2024-09-16') })
    const run = await stage.run(['--tickers', 'AAPL', '--no-adj-close'])
    expect(callsOf(run)).toEqual(['AAPL full 2024-09-16..2024-09-16'])
    expect((await readRows(stage.lake)).map(({ adjClose, close }) => [adjClose, close])).toEqual([
      [null, stage.bars['AAPL']?.[0]?.close ?? Number.NaN],
    ])
  })

  test('leaves a recent date without an adjusted close for later, and stores an older one with null', async () => {
    const bars = barsFor(['AAPL'], '2024-08-26', '2024-09-16')
    const lacking = bars['AAPL']?.map((bar) =>
      ['2024-08-28', '2024-09-16'].includes(bar.date) ? { ...bar, adjClose: null } : bar,
    )
    await using stage = await setStage({ bars: { AAPL: lacking ?? [] } })
    const args = ['--tickers', 'AAPL', '--from-date', '2024-08-26']
    const run = await stage.run(args)
    expect(run.code).toBe(0)
    expect(metricsOf(run).counts).toMatchObject({ stored: 14, no_data: 1 })
    expect(run.stdout).toContain('Rows without adjClose: 1')
    expect(run.stderr).toMatch(/AAPL: .*2024-09-16/)
    const rows = await readRows(stage.lake)
    expect(rows.filter(({ adjClose }) => adjClose === null).map(({ date }) => date)).toEqual(['2024-08-28'])
    stage.bars['AAPL'] = bars['AAPL'] ?? []
    // An adjusted close that came late is a correction of its row.
    expect((await stage.run(args)).changed).toEqual([dayKey('AAPL', '2024-08-28'), dayKey('AAPL', '2024-09-16')])
  })

  test('does not write bars of days when the market is closed, nor rows outside the range', async () => {
    const bars = barsFor(['AAPL'], '2024-08-26', '2024-09-16')['AAPL'] ?? []
    // Labor Day and a Saturday.
    const closed = ['2024-09-02', '2024-09-07'].map((date) => ({ ...(bars[0] as Bar), date: iso(date) }))
    await using stage = await setStage({ bars: { AAPL: [...bars, ...closed] } })
    const run = await stage.run(['--tickers', 'AAPL', '--from-date', '2024-08-28', '--to-date', '2024-09-10'])
    expect(run.changed).toEqual(sessions('2024-08-28', '2024-09-10').map((date) => dayKey('AAPL', date)))
    expect(run.stderr.match(/⚠️ +AAPL: /g)).toHaveLength(1)
    expect(run.stderr).toContain('2024-09-02, 2024-09-07')
    expect(metricsOf(run)).toMatchObject({ bars_on_closed_days: 2, errors: 0, counts: { stored: 9 } })
  })

  test('stores today only when --to-date names it and it is finished', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-09-16', '2024-09-17') })
    const args = ['--tickers', 'AAPL', '--from-date', '2024-09-17', '--to-date', '2024-09-17']
    const early = await stage.run(args, { now: '2024-09-17T22:29:00Z' })
    expect({ code: early.code, requests: early.requests.length }).toEqual({ code: 0, requests: 0 })
    expect(early.stderr).toContain('2024-09-17 is not finished')
    expect(metricsOf(early).sessions).toBe(0)
    const unnamed = await stage.run(['--tickers', 'AAPL', '--from-date', '2024-09-16'], { now: '2024-09-17T22:30:00Z' })
    expect(unnamed.changed).toEqual([dayKey('AAPL', '2024-09-16')])
    const late = await stage.run(args, { now: '2024-09-17T22:30:00Z' })
    expect(late.changed).toEqual([dayKey('AAPL', '2024-09-17')])
  })

  test('leaves a last session without an adjusted close for the next run, and that is no failure', async () => {
    const bars = barsFor(['A', 'B'], '2024-09-13', '2024-09-16')
    const late = bars['A']?.map((bar) => ({ ...bar, adjClose: null })) ?? []
    await using stage = await setStage({ bars: { ...bars, A: late } })
    const run = await stage.run(['--tickers', 'A,B'])
    expect({ code: run.code, changed: run.changed }).toEqual({ code: 0, changed: [dayKey('B', '2024-09-16')] })
    expect(run.stderr).toMatch(/^⚠️ +A: .*2024-09-16/m)
    expect(metricsOf(run)).toMatchObject({ errors: 0, counts: { stored: 1, no_data: 1 } })
    stage.bars['A'] = bars['A'] ?? []
    expect((await stage.run(['--tickers', 'A'])).changed).toEqual([dayKey('A', '2024-09-16')])
  })

  test('of a delisted symbol with dates stores its bars; what comes after the last is no data', async () => {
    const bars = barsFor(['GONE', 'GOOD'], '2024-09-03', '2024-09-16')
    await using stage = await setStage({ bars })
    stage.bars['GONE'] = bars['GONE']?.filter(({ date }) => date <= '2024-09-06') ?? []
    const run = await stage.run(['--tickers', 'GONE,GOOD', '--from-date', '2024-09-03'])
    expect(run.code).toBe(0)
    expect(metricsOf(run).counts).toMatchObject({ stored: 14, no_data: 6, missing: 0 })
    expect(run.stdout).toContain('📅 Through: 2024-09-16 (1 of 2 symbols)')
  })

  test('reaches back 250 sessions for the newest stored one, and no further', async () => {
    await using stage = await setStage({ bars: barsFor(['NEAR', 'FAR'], '2023-08-01', '2024-09-16') })
    const [outside = '', inside = ''] = sessions('2023-08-01', '2024-09-16').slice(-251)
    // Ten sessions before the one after `inside`.
    const compared = sessions('2023-08-01', inside).at(-10)
    expect(sessions(inside, '2024-09-16')).toHaveLength(250)
    await stage.run(['--tickers', 'NEAR', '--from-date', inside, '--to-date', inside])
    await stage.run(['--tickers', 'FAR', '--from-date', outside, '--to-date', outside])
    const run = await stage.run(['--tickers', 'NEAR,FAR', '--no-adj-close', '--audit', '0'])
    expect(callsOf(run).toSorted()).toEqual(['FAR full 2024-09-16..2024-09-16', `NEAR full ${compared}..2024-09-16`])
  })

  test('ignores the rows of year files', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-01-02', '2024-09-16') })
    await stage.run(['--tickers', 'AAPL', '--backfill'])
    const run = await stage.run(['--tickers', 'AAPL', '--from-date', '2024-09-13'], { now: '2024-09-17T14:00:00Z' })
    expect(run.changed).toEqual([dayKey('AAPL', '2024-09-13'), dayKey('AAPL', '2024-09-16')])
    expect(await priceKeys(stage.lake)).toContain(yearKey('AAPL', 2024))
  })
})

describe.concurrent('the default day', () => {
  test.each([
    ['on a Tuesday is Monday', '2024-09-17T13:00:00Z', '2024-09-16'],
    ['late on a Monday in New York is still Friday', '2024-09-17T03:59:00Z', '2024-09-13'],
    ['on a Sunday is Friday', '2024-09-15T16:00:00Z', '2024-09-13'],
    ['after a long weekend is the Friday before it', '2024-09-03T13:00:00Z', '2024-08-30'],
    ['on New Year’s Day is the old year’s last session', '2025-01-01T16:00:00Z', '2024-12-31'],
    ['after a day of mourning is the session before it', '2025-01-10T13:00:00Z', '2025-01-08'],
  ])('%s', async (_name, now, date) => {
    await using stage = await setStage()
    const { code, stdout } = await stage.run(['--dry-run', '--json', '--tickers', 'AAPL'], {
      now,
      env: { RATE_LIMIT_SECONDS: '' },
    })
    expect({ code, said: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      said: { files: [dayKey('AAPL', date)], calls: 2, seconds: 30, shard: null },
    })
  })
})

describe.concurrent('what the vendor does not have', () => {
  const FIVE = ['A', 'B', 'C', 'D', 'E']

  test('one error of the run says that nobody has the day yet, and older sessions are stored as usual', async () => {
    await using stage = await setStage({ bars: barsFor(FIVE, '2024-08-01', '2024-09-13') })
    await stage.run(['--tickers', 'A,B,C,D'], { now: '2024-09-12T13:00:00Z' })
    const run = await stage.run(['--tickers', 'A,B,C,D,E'])
    expect(run.code).toBe(1)
    expect(metricsOf(run)).toMatchObject({ errors: 1, files_written: 8 })
    expect(metricsOf(run).run_errors).toEqual([expect.stringContaining('2024-09-16')])
    expect(run.stdout).toContain('❌ Errors: 1\n')
    expect(run.stderr.match(/^❌/gm)).toHaveLength(1)
  })

  test('when one symbol has the day by what is stored, the others are late and nothing failed', async () => {
    await using stage = await setStage({ bars: barsFor(FIVE, '2024-08-01', '2024-09-16') })
    await stage.run(['--tickers', 'A,B,C,D'], { now: '2024-09-16T13:00:00Z' })
    await stage.run(['--tickers', 'E', '--from-date', '2024-09-10'])
    Object.assign(stage.bars, barsFor(['A', 'B', 'C', 'D'], '2024-08-01', '2024-09-13'))
    const run = await stage.run(['--tickers', 'A,B,C,D,E'])
    expect({ code: run.code, run_errors: metricsOf(run).run_errors }).toEqual({ code: 0, run_errors: [] })
    expect(run.stdout).toContain('📅 Through: 2024-09-16 (1 of 5 symbols)')
    expect(metricsOf(run).counts).toMatchObject({ no_data: 4, failed: 0 })
  })

  test('an unknown symbol fails with help, a delisted one is warned of with its last stored date', async () => {
    await using stage = await setStage({ bars: barsFor(['GOOD', 'GONE'], '2024-08-01', '2024-09-16') })
    await stage.run(['--tickers', 'GONE'], { now: '2024-08-13T13:00:00Z' })
    stage.bars['GONE'] = []
    const run = await stage.run(['--tickers', 'GOOD,GONE,TYPO'])
    expect(run.code).toBe(1)
    const errors = metricsOf(run).results.map(({ symbol, errors: own }) => [symbol, own.length] as const)
    expect(Object.fromEntries(errors)).toEqual({ GOOD: 0, GONE: 0, TYPO: 1 })
    expect(run.stderr).toMatch(/^❌ TYPO: .*spelling.*delisted/m)
    expect(run.stderr).toMatch(/^⚠️ +GONE: .*2024-08-12/m)
    expect(run.changed).toEqual([dayKey('GOOD', '2024-09-16')])
  })
})
