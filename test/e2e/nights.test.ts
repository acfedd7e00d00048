// Runs without dates over what other runs have stored: nothing is asked for or written twice, and holes are filled or named.

import { describe, expect, test } from 'bun:test'
import { barsFor, dayKey, sessions, yearKey } from '../support/bars.ts'
import { readRows } from '../support/lakes/lake.ts'
import { callsOf, metricsOf, setS3Stage, setStage, type Stage } from '../support/runs/stage.ts'

const TEN = ['AAPL', 'MSFT', 'NVDA', 'TSLA', 'AMZN', 'GOOGL', 'META', 'JPM', 'SPY', 'V']
const NEXT_MORNING = '2024-09-18T13:00:00Z'

async function expectNothingToDo(stage: Stage, args: readonly string[], now?: string): Promise<void> {
  const run = await stage.run(args, now === undefined ? {} : { now })
  expect({ code: run.code, calls: callsOf(run), changed: run.changed }).toEqual({ code: 0, calls: [], changed: [] })
}

describe.concurrent('a night after a backfill', () => {
  test('with nothing new makes no call and writes nothing, for ten symbols; a new session is one file each', async () => {
    await using stage = await setStage({ bars: barsFor(TEN, '2020-01-02', '2024-09-17') })
    const list = ['--tickers', TEN.join(',')]
    await stage.run([...list, '--backfill', '--from-date', '2023-01-01'])
    await expectNothingToDo(stage, list)
    await expectNothingToDo(stage, [...list, '--lookback', '60'])
    const next = await stage.run(list, { now: NEXT_MORNING })
    expect(next.changed).toEqual(TEN.map((symbol) => dayKey(symbol, '2024-09-17')).toSorted())
    expect(callsOf(next)).toHaveLength(20)
    await expectNothingToDo(stage, list, NEXT_MORNING)
  })

  test('asks S3 for one listing and one file of each symbol', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['A', 'B'], '2022-01-03', '2024-09-16') })
    await stage.run(['--tickers', 'A,B', '--backfill', '--from-date', '2022-01-01'])
    const before = stage.s3.requests.length
    await expectNothingToDo(stage, ['--tickers', 'A,B'])
    const asked = stage.s3.requests.slice(before).map(({ operation, key }) => `${operation} ${key}`)
    expect(asked.filter((text) => !text.includes('logs/')).toSorted()).toEqual([
      `get ${yearKey('A', 2024)}`,
      `get ${yearKey('B', 2024)}`,
      'list ',
      'list ',
    ])
  })

  test('asks again for a session of the lookback that the year file lacks', async () => {
    const bars = barsFor(['A'], '2024-01-02', '2024-09-16')
    const late = bars['A']?.filter(({ date }) => date !== '2024-09-12')
    await using stage = await setStage({ bars: { A: late ?? [] } })
    await stage.run(['--tickers', 'A', '--backfill'])
    // With the ten sessions before it, which are compared.
    expect(callsOf(await stage.run(['--tickers', 'A', '--audit', '0']))[0]).toBe('A full 2024-08-28..2024-09-12')
    Object.assign(stage.bars, bars)
    expect((await stage.run(['--tickers', 'A'])).changed).toEqual([dayKey('A', '2024-09-12')])
    await expectNothingToDo(stage, ['--tickers', 'A'])
  })

  test('over the turn of a year reads both files and asks for nothing', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2023-06-01', '2024-01-05') })
    await stage.run(['--tickers', 'A', '--backfill', '--from-date', '2023-01-01'], { now: '2024-01-04T13:00:00Z' })
    await expectNothingToDo(stage, ['--tickers', 'A'], '2024-01-04T13:00:00Z')
    const next = await stage.run(['--tickers', 'A'], { now: '2024-01-05T13:00:00Z' })
    expect(next.changed).toEqual([dayKey('A', '2024-01-04')])
  })

  test('with dates writes day files, whatever year files hold', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-01-02', '2024-09-16') })
    await stage.run(['--tickers', 'A', '--backfill'])
    const run = await stage.run(['--tickers', 'A', '--from-date', '2024-09-13', '--to-date', '2024-09-16'])
    expect(run.changed).toEqual(['2024-09-13', '2024-09-16'].map((date) => dayKey('A', date)))
  })

  test('does not take the file of another program for stored sessions', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-01-02', '2024-09-16') })
    await stage.lake.put('raw/prices/symbol=A/year=2024/A-2024.parquet', new TextEncoder().encode('not parquet'))
    expect((await stage.run(['--tickers', 'A'])).changed).toEqual([dayKey('A', '2024-09-16')])
  })
})

describe.concurrent('a hole of more sessions than the lookback', () => {
  test('within the reach is filled, also when nothing else is new', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-01-02', '2024-09-16') })
    await stage.run(['--tickers', 'A', '--from-date', '2024-07-01', '--to-date', '2024-07-31'])
    await stage.run(['--tickers', 'A', '--from-date', '2024-09-03'])
    const run = await stage.run(['--tickers', 'A', '--audit', '0'])
    // With the ten sessions before the hole, which are compared.
    expect(callsOf(run)).toEqual(['A full 2024-07-18..2024-08-30', 'A dividend-adjusted 2024-07-18..2024-08-30'])
    expect(run.changed).toEqual(sessions('2024-08-01', '2024-08-30').map((date) => dayKey('A', date)))
    expect(metricsOf(run)).toMatchObject({
      date_range: { from: '2024-08-01', to: '2024-09-16' },
      counts: { missing: 0 },
    })
    await expectNothingToDo(stage, ['--tickers', 'A'])
    expect(await readRows(stage.lake)).toHaveLength(sessions('2024-07-01', '2024-09-16').length)
  })

  test('between a year file and later day files is filled', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-01-02', '2024-09-16') })
    await stage.run(['--tickers', 'A', '--backfill'], { now: '2024-08-06T13:00:00Z' })
    await stage.run(['--tickers', 'A', '--from-date', '2024-09-03'])
    const run = await stage.run(['--tickers', 'A'])
    expect(run.changed).toEqual(sessions('2024-08-06', '2024-08-30').map((date) => dayKey('A', date)))
    await expectNothingToDo(stage, ['--tickers', 'A'])
  })

  test('beyond the reach is named, with a command that fills it', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B'], '2023-01-03', '2024-09-16') })
    for (const [from, to] of [
      ['2023-02-01', '2023-02-28'],
      ['2023-06-01', '2024-09-16'],
    ] as const) {
      await stage.run(['--tickers', 'A,B', '--from-date', from, '--to-date', to])
    }
    for (const args of [['--dry-run'], []]) {
      const run = await stage.run(['--tickers', 'A,B', ...args])
      expect(run.stderr).toContain(
        `⚠️ A, B: there is nothing stored from 2023-03-01 to 2023-05-31, though older and newer sessions are; this run reaches back to 2023-09-19 only. To fill it: ingest --from-date 2023-03-01 --to-date 2023-05-31 --tickers A,B --out ${stage.lake.out}\n`,
      )
    }
    await stage.run(['--tickers', 'A,B', '--from-date', '2023-03-01', '--to-date', '2023-05-31'])
    const healed = await stage.run(['--tickers', 'A,B'])
    expect({ stderr: healed.stderr, calls: callsOf(healed) }).toEqual({
      stderr: expect.not.stringContaining('To fill it'),
      calls: [],
    })
  })

  test('that is shorter is filled along with a new session, and not counted where FMP has no bar', async () => {
    const bars = barsFor(['A', 'B'], '2024-01-02', '2024-09-17')
    const gappy = bars['B']?.filter(({ date }) => date !== '2024-08-14')
    await using stage = await setStage({ bars: { ...bars, B: gappy ?? [] } })
    await stage.run(['--tickers', 'A,B', '--from-date', '2024-08-01'])
    await stage.lake.remove(dayKey('A', '2024-08-14'))
    await expectNothingToDo(stage, ['--tickers', 'A,B'])
    const run = await stage.run(['--tickers', 'A,B'], { now: NEXT_MORNING })
    expect(run.changed).toEqual([dayKey('A', '2024-08-14'), dayKey('A', '2024-09-17'), dayKey('B', '2024-09-17')])
    expect(metricsOf(run).counts).toMatchObject({ stored: 3, missing: 0, no_data: 0 })
    expect(run.stderr).not.toContain('2024-08-14')
  })
})
