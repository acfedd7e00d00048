// The backfill, one file per symbol and year: the real program against the fake vendor, into a folder.

import { describe, expect, test } from 'bun:test'
import { addDays } from '../../lib/core/dates.ts'
import type { Run } from '../support/runs/checks.ts'
import { NOW } from '../support/runs/in-process.ts'
import { ROOT } from '../support/runs/process.ts'
import { callsOf, metricsOf, setStage, type Stage } from '../support/runs/stage.ts'
import { recordedError } from '../support/recorded.ts'
import { type Bar, barsFor, iso, sessions, yearKey } from '../support/bars.ts'
import { askedOf, foreignParquet, priceFiles, priceKeys, readRows } from '../support/lakes/lake.ts'

const DEFAULT_SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'TSLA', 'AMZN', 'GOOGL', 'META', 'JPM', 'SPY', 'V']
const AN_HOUR_LATER = '2024-09-17T14:00:00Z'

/** What a run that has nothing to do looks like. */
function expectIdle(run: Run): void {
  expect({ code: run.code, calls: callsOf(run), changed: run.changed }).toEqual({ code: 0, calls: [], changed: [] })
  expect(run.stderr).toContain('0 calls')
}

/** Drops all bars outside the dates, as a vendor would. */
function keepBars({ bars }: Stage, symbol: string, keep: (date: string) => boolean): void {
  bars[symbol] = bars[symbol]?.filter(({ date }) => keep(date)) ?? []
}

describe.concurrent('five years of ten symbols', () => {
  test('take 20 API calls and about 60 year files, and the second run makes none', async () => {
    await using stage = await setStage({ bars: barsFor(DEFAULT_SYMBOLS, '2019-01-02', '2024-09-17') })
    const args = ['--backfill', '--backfill-days', '1825']
    const run = await stage.run(args, { cwd: ROOT })
    expect(run.requests).toHaveLength(20)
    expect(run.changed).toHaveLength(60)
    expect(run.stderr.match(/2019-01-01 to 2024-09-16/g)).toHaveLength(1)
    expect(metricsOf(run)).toMatchObject({
      date_range: { from: '2019-01-01', to: '2024-09-16' },
      rows_written: 10 * sessions('2019-01-01', '2024-09-16').length,
      mode: 'backfill',
    })
    const rows = await readRows(stage.lake)
    const stored = Map.groupBy(rows, ({ symbol }) => symbol)
    for (const symbol of DEFAULT_SYMBOLS) {
      const sorted = stored.get(symbol)?.toSorted((a, b) => a.date.localeCompare(b.date))
      const bars = stage.bars[symbol]?.filter(({ date }) => date <= '2024-09-16') ?? []
      expect(sorted?.map(({ date, close, adjClose, volume }) => [date, close, adjClose, volume])).toEqual(
        bars.map(({ date, close, adjClose, volume }) => [date, close, adjClose, volume]),
      )
    }
    for (const [key, ofFile] of Map.groupBy(rows, (row) => row.key)) {
      const dates = ofFile.map(({ date }) => date)
      // Newest first, each date once, all of one year.
      expect(dates).toEqual([...new Set(dates)].toSorted().toReversed())
      expect(new Set(dates.map((date) => date.slice(0, 4)))).toEqual(new Set([key.slice(-12, -8)]))
    }
    expectIdle(await stage.run(args, { cwd: ROOT, now: AN_HOUR_LATER }))
  })

  test('take 10 with --no-adj-close', async () => {
    await using stage = await setStage({ bars: barsFor(DEFAULT_SYMBOLS, '2019-01-02', '2024-09-17') })
    const args = ['--backfill', '--backfill-days', '1825', '--no-adj-close']
    const run = await stage.run(args, { cwd: ROOT })
    expect({ calls: run.requests.length, files: run.changed.length }).toEqual({ calls: 10, files: 60 })
    expectIdle(await stage.run(args, { cwd: ROOT }))
  })
})

describe.concurrent('a second backfill', () => {
  test('makes no call for symbols listed late, delisted, or silent for years, because footers say what was asked', async () => {
    const bars = barsFor(['LATE', 'GONE', 'HOLE', 'FULL'], '2018-01-02', '2024-09-16')
    await using stage = await setStage({ bars })
    keepBars(stage, 'LATE', (date) => date >= '2022-06-01')
    keepBars(stage, 'GONE', (date) => date <= '2020-03-31')
    keepBars(stage, 'HOLE', (date) => date < '2020' || date >= '2022')
    const args = ['--tickers', 'LATE,GONE,HOLE,FULL', '--backfill', '--from-date', '2018-01-01']
    const run = await stage.run(args)
    expect(run.code).toBe(0)
    const asked = await askedOf(stage.lake)
    expect(asked).toMatchObject({
      'LATE 2022': '2018-01-01..2022-12-31',
      'LATE 2023': '2023-01-01..2023-12-31',
      'LATE 2024': '2024-01-01..2024-09-16',
      'GONE 2018': '2018-01-01..2018-12-31',
      'GONE 2020': '2020-01-01..2024-09-16',
      'FULL 2018': '2018-01-01..2018-12-31',
      'FULL 2024': '2024-01-01..2024-09-16',
    })
    // The hole is claimed by a file beside it, and never over a year that has rows.
    expect([asked['HOLE 2019'], asked['HOLE 2022']]).toContainEqual(
      expect.stringMatching(/^(2019-01-01\.\.2021-12-31|2020-01-01\.\.2022-12-31)$/),
    )
    const { counts } = metricsOf(run)
    expect(counts.stored).toBe(metricsOf(run).rows_written)
    expect(counts.missing).toBe(sessions('2020-01-01', '2021-12-31').length)
    const again = await stage.run(args, { now: AN_HOUR_LATER })
    expectIdle(again)
    expect(metricsOf(again).counts.already_stored).toBe(counts.stored)
  })

  test('asks again for a year that had bad rows only: no file claims that it is empty', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2022-01-03', '2024-09-16') })
    stage.bars['AAPL'] = stage.bars['AAPL']?.map((bar) => (bar.date < '2023' ? { ...bar, volume: -1 } : bar)) ?? []
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2021-01-01']
    const run = await stage.run(args)
    expect({ code: run.code, changed: run.changed }).toEqual({
      code: 0,
      changed: [yearKey('AAPL', 2023), yearKey('AAPL', 2024)],
    })
    expect(metricsOf(run).counts.rejected).toBe(sessions('2022-01-01', '2022-12-31').length)
    expect(await askedOf(stage.lake)).toMatchObject({ 'AAPL 2023': '2023-01-01..2023-12-31' })
    Object.assign(stage.bars, barsFor(['AAPL'], '2022-01-03', '2024-09-16'))
    expect((await stage.run(args)).changed).toContain(yearKey('AAPL', 2022))
    expectIdle(await stage.run(args))
  })

  test('fetches only the year whose file is gone', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], '2020-01-02', '2024-09-16') })
    const args = ['--tickers', 'AAPL,MSFT', '--backfill', '--from-date', '2020-01-01']
    await stage.run(args)
    const whole = await priceFiles(stage.lake)
    await stage.lake.remove(yearKey('AAPL', 2022))
    const healing = await stage.run(args)
    // With ten sessions of the year before, which are compared.
    expect(callsOf(healing)).toEqual([
      'AAPL full 2021-12-17..2022-12-31',
      'AAPL dividend-adjusted 2021-12-17..2022-12-31',
    ])
    expect(await priceFiles(stage.lake)).toEqual(whole)
  })

  test('heals the first year of a late symbol and the last of a delisted one, and the next makes no call', async () => {
    await using stage = await setStage({ bars: barsFor(['LATE', 'GONE'], '2018-01-02', '2024-09-16') })
    keepBars(stage, 'LATE', (date) => date >= '2022-06-01')
    keepBars(stage, 'GONE', (date) => date <= '2020-03-31')
    const args = ['--tickers', 'LATE,GONE', '--backfill', '--from-date', '2018-01-01']
    await stage.run(args)
    const whole = await priceFiles(stage.lake)
    await stage.lake.remove(yearKey('LATE', 2022))
    await stage.lake.remove(yearKey('GONE', 2020))
    const healing = await stage.run(args)
    expect(healing.changed).toEqual([yearKey('GONE', 2020), yearKey('LATE', 2022)])
    expect(await priceFiles(stage.lake)).toEqual(whole)
    expectIdle(await stage.run(args))
  })

  test('refreshes the unfinished year and leaves the others', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2022-01-03', '2024-09-30') })
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2022-01-01']
    await stage.run(args)
    const later = await stage.run(args, { now: '2024-09-25T13:00:00Z' })
    expect(callsOf(later)).toEqual([
      'AAPL full 2024-01-01..2024-09-24',
      'AAPL dividend-adjusted 2024-01-01..2024-09-24',
    ])
    expect(later.changed).toEqual([yearKey('AAPL', 2024)])
    const dates = (await readRows(stage.lake, 'AAPL-2024')).map(({ date }) => date)
    expect(dates.toReversed()).toEqual([...sessions('2024-01-01', '2024-09-24')])
  })

  test('asks a past year again until its last session is there or has had five sessions to come', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2023-01-03', '2024-01-31') })
    keepBars(stage, 'AAPL', (date) => date !== '2023-12-29')
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2023-06-01', '--to-date', '2023-06-30']
    expect((await stage.run(args, { now: '2024-01-02T13:00:00Z' })).requests).toHaveLength(2)
    // The fifth session after 2023-12-29 is 2024-01-08.
    expect((await stage.run(args, { now: '2024-01-05T13:00:00Z' })).requests).toHaveLength(2)
    const settling = await stage.run(args, { now: '2024-01-08T13:00:00Z' })
    expect({ calls: settling.requests.length, changed: settling.changed }).toEqual({
      calls: 2,
      changed: [yearKey('AAPL', 2023)],
    })
    expectIdle(await stage.run(args, { now: '2024-01-09T13:00:00Z' }))
  })

  test('that begins earlier fetches the earlier years and the oldest stored one', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'LATE'], '2018-01-02', '2024-09-16') })
    keepBars(stage, 'LATE', (date) => date >= '2022-03-01')
    await stage.run(['--tickers', 'AAPL,LATE', '--backfill', '--from-date', '2022-01-01'])
    const args = ['--tickers', 'AAPL,LATE', '--backfill', '--from-date', '2019-05-05']
    const run = await stage.run(args, { now: AN_HOUR_LATER })
    expect(
      callsOf(run)
        .filter((call) => call.includes('full'))
        .toSorted(),
    ).toEqual(['AAPL full 2019-01-01..2022-12-31', 'LATE full 2019-01-01..2022-12-31'])
    expect((await askedOf(stage.lake))['LATE 2022']).toBe('2019-01-01..2022-12-31')
    expectIdle(await stage.run(args, { now: AN_HOUR_LATER }))
  })

  test('with --force fetches and overwrites everything', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2022-01-03', '2024-09-16') })
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2022-01-01']
    await stage.run(args)
    const forced = await stage.run([...args, '--force'], { now: AN_HOUR_LATER })
    expect(forced.changed).toHaveLength(3)
    expect(new Set((await readRows(stage.lake)).map(({ ingestTs }) => ingestTs))).toEqual(
      new Set([Date.parse(AN_HOUR_LATER)]),
    )
  })
})

describe.concurrent('the range of a backfill', () => {
  test('is the year of the last session without dates, and whole years with them', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2022-01-03', '2025-01-02') })
    const newYear = await stage.run(['--tickers', 'AAPL', '--backfill'], { now: '2025-01-02T13:00:00Z' })
    expect(callsOf(newYear)[0]).toBe('AAPL full 2024-01-01..2024-12-31')
    expect(newYear.stderr).not.toContain('whole years')
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2022-06-01', '--to-date', '2023-02-01']
    const typed = await stage.run(args, { now: '2025-01-02T13:00:00Z' })
    expect(callsOf(typed)[0]).toBe('AAPL full 2022-01-01..2023-12-31')
    expect(typed.stderr.match(/2022-01-01 to 2023-12-31/g)).toHaveLength(1)
    expect(metricsOf(typed)).toMatchObject({
      date_range: { from: '2022-01-01', to: '2023-12-31' },
      settings: { from_date: '2022-06-01', to_date: '2023-02-01' },
    })
  })

  test('ends with the last session before today, or with a finished one that --to-date names', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-01-02', '2024-09-17') })
    const night = '2024-09-17T23:00:00Z'
    const open = await stage.run(['--tickers', 'AAPL', '--backfill'], { now: night })
    expect(callsOf(open)[0]).toBe('AAPL full 2024-01-01..2024-09-16')
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2024-01-01', '--to-date', '2024-09-17']
    const named = await stage.run(args, { now: night })
    expect(callsOf(named)[0]).toBe('AAPL full 2024-01-01..2024-09-17')
    expect(named.changed).toEqual([yearKey('AAPL', 2024)])
    // A day later that session is the last before today: the file is as good as it can be.
    expectIdle(await stage.run(['--tickers', 'AAPL', '--backfill'], { now: '2024-09-18T13:00:00Z' }))
  })

  test('of more than ten years is asked for in windows of at most ten, newest first, before anything is written', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2003-01-02', '2024-09-16') })
    const filesAtRequest: number[] = []
    stage.onRequest = async () => {
      filesAtRequest.push((await priceKeys(stage.lake)).length)
      return undefined
    }
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2003-01-01']
    const run = await stage.run(args)
    const full = run.requests.filter(({ variant }) => variant === 'full')
    const ends = full.map(({ to = '' }) => to)
    expect(ends).toEqual(ends.toSorted().toReversed())
    for (const { from = '', to = '' } of full)
      expect(Number(to.slice(0, 4)) - Number(from.slice(0, 4))).toBeLessThan(11)
    expect({ calls: run.requests.length, files: run.changed.length }).toEqual({ calls: 6, files: 22 })
    expect(filesAtRequest).toEqual([0, 0, 0, 0, 0, 0])
    expect((await readRows(stage.lake)).length).toBe(stage.bars['AAPL']?.length ?? 0)
    expectIdle(await stage.run(args))
  })

  test('writes nothing of a symbol whose older window is refused', async () => {
    await using stage = await setStage({ bars: barsFor(['OLD', 'NEW'], '2010-01-04', '2024-09-16') })
    stage.onRequest = ({ symbol, from = '' }) =>
      symbol === 'OLD' && from < '2012' ? recordedError('symbol-not-in-plan') : undefined
    const run = await stage.run(['--tickers', 'OLD,NEW', '--backfill', '--from-date', '2010-01-01'])
    expect(run.code).toBe(1)
    expect(run.changed.filter((key) => key.includes('OLD'))).toEqual([])
    expect(run.changed).toHaveLength(15)
    expect(metricsOf(run).counts.failed).toBe(sessions('2010-01-01', '2024-09-16').length)
  })

  test('does not reach into days that are not over, whatever --to-date says', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-01-02', '2025-12-31') })
    const args = ['--tickers', 'AAPL', '--backfill', '--from-date', '2024-01-01', '--to-date', '2025-12-31']
    const run = await stage.run(args, { now: '2025-01-01T15:00:00Z' })
    expect({ code: run.code, call: callsOf(run)[0] }).toEqual({ code: 0, call: 'AAPL full 2024-01-01..2024-12-31' })
    expect(run.stderr).toContain('2025-12-31')
    // Two days later the new year has its first session.
    const next = await stage.run(args, { now: '2025-01-03T13:00:00Z' })
    // With ten sessions of the year before, which are compared.
    expect(callsOf(next)[0]).toBe('AAPL full 2024-12-17..2025-01-02')
    expect(next.changed).toEqual([yearKey('AAPL', 2025)])
  })

  test('keeps bars of days when the market is closed in the year files', async () => {
    const bars = barsFor(['COIN'], '2024-08-01', '2024-09-16')['COIN'] ?? []
    const saturday: Bar = { ...(bars[0] as Bar), date: iso('2024-09-07') }
    await using stage = await setStage({ bars: { COIN: [...bars, saturday] } })
    const run = await stage.run(['--tickers', 'COIN', '--backfill'])
    expect(run.stderr.match(/⚠️ +COIN: .*2024-09-07/g)).toHaveLength(1)
    expect(metricsOf(run)).toMatchObject({ bars_on_closed_days: 1, rows_written: bars.length + 1 })
    expect(metricsOf(run).counts.stored).toBe(bars.length)
    expect((await readRows(stage.lake)).map(({ date }) => date)).toContain('2024-09-07')
    expectIdle(await stage.run(['--tickers', 'COIN', '--backfill']))
  })
})

describe.concurrent('a stored year never shrinks', () => {
  const ARGS = ['--tickers', 'AAPL,MSFT', '--backfill', '--from-date', '2022-01-01', '--force']

  test('with a vendor whose history rolls it is left with a warning, until the file is deleted', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], '2022-01-03', '2024-09-16') })
    await stage.run(ARGS)
    keepBars(stage, 'AAPL', (date) => date >= '2022-09-19')
    const rolled = await stage.run(ARGS, { now: AN_HOUR_LATER })
    expect(rolled.code).toBe(0)
    expect(rolled.changed).not.toContain(yearKey('AAPL', 2022))
    expect(rolled.changed).toHaveLength(5)
    expect(metricsOf(rolled)).toMatchObject({ would_shrink: 1, errors: 0 })
    // Of the years that it leaves there is nothing else to say: their rows are stored.
    expect(rolled.stderr.match(/^⚠️.*/gm)).toHaveLength(1)
    expect(rolled.stderr).toMatch(/⚠️ +AAPL: .*AAPL-2022\.parquet.*2022-01-03 to 2022-12-30.*2022-09-19 to 2022-12-30/)
    await stage.lake.remove(yearKey('AAPL', 2022))
    const accepted = await stage.run(ARGS, { now: AN_HOUR_LATER })
    expect(metricsOf(accepted).would_shrink).toBe(0)
    expect((await readRows(stage.lake, 'AAPL-2022')).at(-1)?.date).toBe('2022-09-19')
  })

  test('by a short answer it is left with an error, forced or refreshed', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], '2022-01-03', '2024-09-30') })
    await stage.run(ARGS)
    const before = await priceFiles(stage.lake)
    keepBars(stage, 'AAPL', (date) => date < '2023-06-01' || date > '2023-06-30')
    keepBars(stage, 'MSFT', (date) => date < '2024-09-12')
    const short = await stage.run(ARGS, { now: AN_HOUR_LATER })
    expect(short.code).toBe(1)
    expect(metricsOf(short)).toMatchObject({ would_shrink: 2, errors: 2, files_written: 4 })
    expect(short.stderr).toMatch(/^❌ AAPL: .*AAPL-2023\.parquet/m)
    expect(short.stderr).toMatch(/^❌ MSFT: .*MSFT-2024\.parquet.*2024-09-16.*2024-09-11/m)
    expect(short.stdout).toContain('would shrink: 2')
    const after = await priceFiles(stage.lake)
    for (const key of [yearKey('AAPL', 2023), yearKey('MSFT', 2024)]) expect(after[key]).toBe(before[key] ?? '')

    const refresh = ['--tickers', 'MSFT', '--backfill']
    const refreshed = await stage.run(refresh, { now: '2024-09-20T13:00:00Z' })
    expect({ code: refreshed.code, changed: refreshed.changed }).toEqual({ code: 1, changed: [] })
  })
})

describe.concurrent('what the vendor does not have', () => {
  test('yet, of five symbols, is one error of the run, also of the rerun that needs no call', async () => {
    const symbols = ['A', 'B', 'C', 'D', 'E']
    await using stage = await setStage({ bars: barsFor(symbols, '2024-01-02', '2024-09-13') })
    const args = ['--tickers', symbols.join(','), '--backfill']
    const run = await stage.run(args)
    expect({ code: run.code, errors: metricsOf(run).errors, files: run.changed.length }).toEqual({
      code: 1,
      errors: 1,
      files: 5,
    })
    expect(metricsOf(run).run_errors).toEqual([expect.stringContaining('2024-09-16')])
    const again = await stage.run(args)
    expect({ code: again.code, calls: callsOf(again) }).toEqual({ code: 1, calls: [] })
    expect(metricsOf(again).run_errors).toHaveLength(1)
    Object.assign(stage.bars, barsFor(symbols, '2024-01-02', '2024-09-17'))
    expect((await stage.run(args, { now: '2024-09-18T13:00:00Z' })).code).toBe(0)
  })

  test('any more is a warning with the last stored date, even where that lies before the range', async () => {
    await using stage = await setStage({ bars: barsFor(['GONE', 'GOOD'], '2021-01-04', '2024-09-16') })
    keepBars(stage, 'GONE', (date) => date < '2021-07')
    await stage.run(['--tickers', 'GONE', '--backfill', '--from-date', '2021-01-01', '--to-date', '2021-12-31'])
    const run = await stage.run(['--tickers', 'GONE,GOOD', '--backfill'])
    expect(run.code).toBe(0)
    expect(run.stderr).toMatch(/^⚠️ +GONE: .*2021-06-30/m)
    expect(metricsOf(run).counts.no_data).toBe(sessions('2024-01-01', '2024-09-16').length)
    const daily = await stage.run(['--tickers', 'GONE,GOOD'])
    expect(daily.code).toBe(0)
    expect(daily.stderr).toMatch(/^⚠️ +GONE: .*2021-06-30/m)
  })
})

describe.concurrent('a file that is not ours', () => {
  test('is named, left, and an error of its symbol; --force replaces it', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL', 'MSFT'], '2022-01-03', '2024-09-16') })
    await stage.lake.put(yearKey('AAPL', 2022), await foreignParquet())
    await stage.lake.put(yearKey('MSFT', 2023), new TextEncoder().encode('no Parquet at all'))
    const before = await priceFiles(stage.lake)
    const args = ['--tickers', 'AAPL,MSFT', '--backfill', '--from-date', '2022-01-01']
    const run = await stage.run(args)
    expect(run.code).toBe(1)
    expect(run.changed).toHaveLength(4)
    expect(run.stderr).toMatch(/^❌ AAPL: .*AAPL-2022\.parquet.*--force/m)
    expect(run.stderr).toMatch(/^❌ MSFT: .*MSFT-2023\.parquet.*--force/m)
    const after = await priceFiles(stage.lake)
    expect(after).toMatchObject(before)
    const forced = await stage.run([...args, '--force'], { now: AN_HOUR_LATER })
    expect({ code: forced.code, changed: forced.changed.length }).toEqual({ code: 0, changed: 6 })
  })
})

describe.concurrent('a call budget', () => {
  test('cuts between symbols with exit 3, and the next run begins with those that were left', async () => {
    const symbols = ['A', 'B', 'C', 'D', 'E']
    await using stage = await setStage({ bars: barsFor(symbols, '2024-01-02', '2024-09-20') })
    const args = ['--tickers', symbols.join(','), '--backfill', '--max-calls', '5']
    const first = await stage.run(args)
    expect(first.code).toBe(3)
    expect(first.requests).toHaveLength(4)
    expect(new Set(first.requests.map(({ symbol }) => symbol))).toEqual(new Set(['A', 'B']))
    expect(metricsOf(first)).toMatchObject({ stopped_by: 'budget', symbols_processed: 2, files_written: 2, errors: 0 })
    expect(metricsOf(first).counts.not_reached).toBe(3 * sessions('2024-01-01', '2024-09-16').length)
    // A day later everybody's year is unfinished; the left ones have nothing stored and come first.
    const second = await stage.run(args, { now: '2024-09-18T13:00:00Z' })
    expect(second.code).toBe(3)
    expect(new Set(second.requests.map(({ symbol }) => symbol))).toEqual(new Set(['C', 'D']))
    const third = await stage.run(args, { now: '2024-09-18T13:00:00Z' })
    expect(new Set(third.requests.map(({ symbol }) => symbol))).toEqual(new Set(['E', 'A']))
    const fourth = await stage.run(args, { now: '2024-09-18T13:00:00Z' })
    expect({ code: fourth.code, calls: fourth.requests.map(({ symbol }) => symbol) }).toEqual({
      code: 0,
      calls: ['B', 'B'],
    })
    expectIdle(await stage.run(args, { now: '2024-09-18T13:00:00Z' }))
  })

  test('that cannot pay one symbol makes no call', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-01-02', '2024-09-16') })
    const run = await stage.run(['--tickers', 'A', '--backfill', '--max-calls', '1'])
    expect({ code: run.code, calls: callsOf(run), files: run.changed }).toEqual({ code: 3, calls: [], files: [] })
    expect(metricsOf(run)).toMatchObject({ stopped_by: 'budget', symbols_processed: 0 })
  })

  test('pays retries from what no symbol has reserved, and stops when none is left', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], '2024-01-02', '2024-09-16') })
    stage.onRequest = ({ symbol }) => (symbol === 'A' ? new Response('oops', { status: 502 }) : undefined)
    const args = ['--tickers', 'A,B', '--backfill', '--max-calls', '3']
    const run = await stage.run(args, { env: { MAX_WORKERS: '1' } })
    expect(run.code).toBe(3)
    expect(run.requests.map(({ symbol }) => symbol)).toEqual(['A', 'A'])
    expect(metricsOf(run)).toMatchObject({ stopped_by: 'budget', symbols_processed: 0, files_written: 0, retries: 1 })
  })
})

test('years after the last bar are asked for again once they have sessions', async () => {
  await using stage = await setStage({ bars: barsFor(['GONE'], '2022-01-03', '2022-12-30') })
  const args = ['--tickers', 'GONE', '--backfill', '--from-date', '2022-01-01']
  await stage.run(args)
  expect(await askedOf(stage.lake)).toEqual({ 'GONE 2022': '2022-01-01..2024-09-16' })
  const tomorrow = new Date(Date.parse(NOW) + 86_400_000).toISOString()
  const run = await stage.run(args, { now: tomorrow })
  // The running year has one more session than was asked for.
  expect(callsOf(run)[0]).toEndWith(`..${addDays(iso('2024-09-16'), 1)}`)
  expect(run.code).toBe(0)
})
