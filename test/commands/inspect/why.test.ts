// `ingest why` in this process, over real stores: objects and their hashes, statements, what FMP has now, and its mistakes.

import { describe, expect, test } from 'bun:test'
import { barsFor, dayKey, iso, yearKey } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { foreignParquet } from '../../support/lakes/lake.ts'
import { putPrices, rowsFor } from '../../support/lakes/price-files.ts'
import { setS3Stage, setStage, type Run, type RunOptions, type Stage } from '../../support/runs/stage.ts'
import type { Why } from '../../../lib/report/why.ts'

const DAY = '2024-09-16'
const NIGHT = '2024-09-17T13:00:00Z'

function whyIn({ stdout, stderr, code }: Run): Why {
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const why = JSON.parse(stdout) as Why
  expect(schemaErrors('why', why)).toEqual([])
  return why
}

async function ask(stage: Stage, args: readonly string[], options?: RunOptions): Promise<Why> {
  return whyIn(await stage.run(['why', ...args, '--json'], options))
}

/** The text without the instant-long names that a folder has. */
async function textOf(stage: Stage, args: readonly string[], options?: RunOptions): Promise<readonly string[]> {
  const run = await stage.run(['why', ...args], options)
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' })
  return run.stdout.trimEnd().split('\n')
}

describe.concurrent('ingest why', () => {
  test('tells a stored cell in ten lines', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-09-03', DAY) })
    await stage.run(['--tickers', 'AAPL', '--backfill'], { now: '2024-09-16T13:00:00Z' })
    await stage.run(['--tickers', 'AAPL'], { now: NIGHT })
    const bar = stage.bars['AAPL']?.find(({ date }) => date === '2024-09-12')
    const values = Object.entries(bar ?? {}).flatMap(([name, value]) => (name === 'date' ? [] : [`${name} ${value}`]))
    const key = yearKey('AAPL', 2024)
    const size = (await stage.lake.bytes(key)).length.toLocaleString('en-US')
    expect(await textOf(stage, ['AAPL', '2024-09-12'])).toEqual([
      "✅ AAPL 2024-09-12: stored. The row is FMP's of 2024-09-16T13:00:00+00:00.",
      'Day: a session, finished at 2024-09-12T22:30:00+00:00',
      `Object: ${key}, ${size} bytes, of 2024-09-16T13:00:00+00:00 by logs/ingest/date=2024-09-16/run-1726491600.json; rows as their hash says, bytes without a hash`,
      `  ${values.join('  ')}`,
      'Counts: AAPL-2024.parquet, the only one that holds it',
      'History: 2024-09-16T13:00:00+00:00 stored: in a backfill',
      "         2024-09-17T13:00:00+00:00 compared: equal to FMP's row",
      "Next run: on 2024-09-18 it compares the row with FMP's, in the symbol's turn to be compared wholly",
    ])
  })

  test('gives a write to the run that made it, not to others of the same second', async () => {
    await using stage = await setStage({ bars: barsFor(['AAPL'], '2024-09-03', DAY) })
    const list = ['--tickers', 'AAPL']
    await stage.run(list, { now: NIGHT })
    await stage.run([...list, '--dataset', 'income'], { now: NIGHT })
    await stage.run(list, { now: NIGHT })
    const { history } = await ask(stage, ['AAPL', DAY])
    expect(history.map(({ event }) => event)).toEqual(['stored'])
  })

  test('tells of two objects which one counts, and of each hash, in a bucket also of the bytes', async () => {
    await using stage = await setS3Stage({ bars: barsFor(['AAPL'], '2024-09-03', DAY) })
    await stage.run(['--tickers', 'AAPL'], { now: '2024-09-13T13:00:00Z' })
    await stage.run(['--tickers', 'AAPL', '--backfill'], { now: NIGHT })
    const why = await ask(stage, ['AAPL', '2024-09-12'])
    expect(why).toMatchObject({
      state: 'stored',
      winner: yearKey('AAPL', 2024),
      winner_reason: expect.stringContaining('both'),
    })
    expect(why.objects.map(({ kind, rows_hash: rows, bytes_hash: bytes, run }) => [kind, rows, bytes, run])).toEqual([
      ['year', 'equal', 'equal', 'logs/ingest/date=2024-09-17/run-1726578000.json'],
      ['day', 'equal', 'equal', 'logs/ingest/date=2024-09-13/run-1726232400.json'],
    ])
    expect(why.history.map(({ event }) => event)).toEqual(['stored', 'rewritten'])
    const day = dayKey('AAPL', '2024-09-12')
    const kept = stage.s3.objects.get(day)
    // The bytes of another row under the metadata of this one.
    stage.s3.put(day, await stage.lake.bytes(yearKey('AAPL', 2024)), { ...kept?.metadata })
    const altered = await ask(stage, ['AAPL', '2024-09-12'])
    expect(altered.objects[1]).toMatchObject({ rows_hash: 'equal', bytes_hash: 'differs' })
  })

  test('names objects that cannot be relied on, and asks nothing of them', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', '2024-09-09', DAY), 'day')
    await stage.lake.put(dayKey('A', '2024-09-12'), new Uint8Array(12))
    await stage.lake.put(dayKey('A', '2024-09-13'), await foreignParquet())
    const torn = await ask(stage, ['A', '2024-09-12'])
    expect(torn).toMatchObject({ state: 'unreadable', winner: null, objects: [{ rows: [], ingest_ts: null }] })
    expect(torn.objects[0]?.problem).toBe('is not a readable Parquet file')
    expect(await textOf(stage, ['A', '2024-09-13'])).toContainEqual(
      expect.stringContaining('was not written by this program'),
    )
  })

  test('of a year without a file says that FMP was asked for it, where another file says so', async () => {
    await using stage = await setStage({ bars: barsFor(['NEW'], '2023-06-01', DAY) })
    const args = ['--tickers', 'NEW', '--backfill', '--from-date', '2021-01-01']
    expect((await stage.run(args, { now: NIGHT })).code).toBe(0)
    expect(await ask(stage, ['NEW', '2022-03-01'])).toMatchObject({ state: 'no_data', objects: [] })
    // Within the year of the first bar the file itself tells what was asked.
    expect(await ask(stage, ['NEW', '2023-03-01'])).toMatchObject({
      state: 'not_stored',
      objects: [{ rows: [], asked: { from: '2021-01-01', to: '2023-12-31' } }],
    })
    expect(await ask(stage, ['NEW', '2020-03-02'])).toMatchObject({
      state: 'not_stored',
      objects: [],
      next: { action: 'none' },
    })
    expect(await ask(stage, ['OTHER', DAY])).toMatchObject({
      state: 'not_stored',
      next: { action: 'fetch', on: '2024-09-17' },
    })
  })

  test('of a symbol that the ticker list lacks says that no run asks for it', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', '2024-09-09', DAY), 'day')
    const lines = await textOf(stage, ['A', '2024-09-12', '--tickers', 'B'])
    expect(lines.at(-1)).toBe('Next run: the ticker list does not have the symbol: no run asks for it')
  })

  test('knows the days of another exchange as such', async () => {
    await using stage = await setStage()
    const rows = rowsFor('VOD.L', '2024-08-28', DAY).filter(({ date }) => date !== '2024-09-04')
    // Labor Day, on which London trades.
    const labor = rowsFor('VOD.L', '2024-09-03', '2024-09-03').map((row) => ({ ...row, date: iso('2024-09-02') }))
    await putPrices(stage.lake, [...rows, ...labor], 'day')
    expect(await ask(stage, ['VOD.L', '2024-09-02'])).toMatchObject({ day: 'holiday', state: 'stored' })
    expect(await ask(stage, ['VOD.L', '2024-09-04'])).toMatchObject({ day: 'session', state: 'no_data' })
    expect(await ask(stage, ['VOD.L', '2024-09-07'])).toMatchObject({ day: 'weekend', state: 'closed' })
  })

  test('says that the whole market held a session, and with which figures', async () => {
    const symbols = Array.from({ length: 24 }, (_, index) => `S${index + 10}`)
    await using stage = await setStage({ bars: barsFor(symbols, '2024-07-01', DAY) })
    const list = ['--tickers', symbols.join(',')]
    await stage.run([...list, '--backfill'], { now: '2024-09-16T13:00:00Z' })
    for (const symbol of symbols)
      stage.bars[symbol] = (stage.bars[symbol] ?? []).map((bar) => (bar.date === DAY ? { ...bar, volume: 0 } : bar))
    expect((await stage.run(list, { now: NIGHT })).code).toBe(1)
    const why = await ask(stage, ['S10', DAY])
    expect(why).toMatchObject({ state: 'held', history: [{ event: 'session_held' }], next: { action: 'fetch' } })
    expect(why.reason).toContain('have no volume')
    const status = await stage.run(['status'])
    expect(status.stdout).toContain(`\nSession held: ${DAY}, `)
  })

  test('reads the first runs and the last ones where there are very many, and says so', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'day')
    const first = Date.parse('2024-09-16T22:30:00Z') / 1_000
    const document = new TextEncoder().encode('{"results":[]}')
    for (let run = 0; run < 403; run += 1)
      await stage.lake.put(`logs/ingest/date=2024-09-16/run-${first + run}.json`, document)
    await stage.lake.put(`logs/ingest/date=2024-09-16/run-${first - 1}.json`, document)
    await stage.lake.put(`logs/ingest/date=2024-09-16/run-${first + 7}.json`, new Uint8Array(3))
    const counts = { runs_read: 399, runs_unreadable: 1, runs_left_out: 3 }
    expect(await ask(stage, ['A', DAY])).toMatchObject(counts)
    const lines = await textOf(stage, ['A', DAY])
    expect(lines).toContain('  3 runs not read, because there are so many')
    expect(lines).toContain('  1 run with metrics that cannot be read')
  })

  test('takes of the rejected rows those of the cell, whatever else their file holds', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', '2024-09-09', '2024-09-13'), 'day')
    const stem = 'logs/ingest/date=2024-09-17/run-1726578000'
    await stage.lake.put(`${stem}.json`, new TextEncoder().encode('{"results":[{"symbol":"A"}]}'))
    const line = (changes: object) =>
      JSON.stringify({ symbol: 'A', dataset: 'prices', date: DAY, reason: 'volume is\nnegative', row: {}, ...changes })
    const others = [
      line({ symbol: 'AA' }),
      line({ dataset: 'income' }),
      line({ date: '2024-09-13' }),
      line({ date: 7 }),
    ]
    const lines = [...others, '"A"', 'null', '{"A', line({ reason: 7 }), line({})]
    await stage.lake.put(`${stem}.rejects.jsonl`, new TextEncoder().encode(lines.join('\n')))
    const why = await ask(stage, ['A', DAY])
    expect(why).toMatchObject({ state: 'rejected', reason: "FMP's row broke a hard rule: volume is negative." })
    expect(why.history.map(({ detail }) => detail)).toEqual(['no reason given', 'volume is negative'])
  })

  test.each([
    [[], 'SYMBOL and DATE are needed'],
    [['AAPL'], 'SYMBOL and DATE are needed'],
    [['AAPL', '2024-02-30'], 'DATE is "2024-02-30", expected a date like 2024-09-30.'],
    [['NASDAQ:AAPL', DAY], 'SYMBOL is "NASDAQ:AAPL", expected a symbol in FMP\'s spelling, like AAPL or BRK-B.'],
    [['AAPL', '1985-01-02'], 'DATE 1985-01-02 is outside 1990 to 2035, the years of the calendar.'],
    [['AAPL', DAY, 'MSFT'], 'unexpected argument "MSFT".'],
    [
      ['AAPL', DAY, '--dataset', 'fundamentals'],
      '--dataset is "fundamentals", expected prices, income, balance, cashflow.',
    ],
  ])('%j is a usage error', async (args, says) => {
    await using stage = await setStage()
    const run = await stage.run(['why', ...args])
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect(run.stderr).toContain(says)
  })

  test('takes a symbol in any spelling that a list may have', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('BRK-B', DAY, DAY), 'day')
    expect(await ask(stage, ['brk.b', DAY])).toMatchObject({ symbol: 'BRK-B', state: 'stored' })
  })
})

const half = (value: number | null) => value && Math.round(value * 50) / 100

describe.concurrent('ingest why --ask', () => {
  test('gives the row of now and the verdict, by two calls', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-08-01', DAY) })
    await stage.run(['--tickers', 'A', '--backfill'], { now: NIGHT })
    const asked = stage.fmp.requests.length
    const same = await ask(stage, ['A', '2024-09-10', '--ask'])
    expect(same.fmp).toMatchObject({ differs: false, verdict: 'same', problem: null, calls: 2 })
    expect(same.fmp?.rows).toEqual(same.objects[0]?.rows ?? [])
    expect(stage.fmp.requests.length).toBe(asked + 2)
    stage.bars['A'] = (stage.bars['A'] ?? []).map((bar) => (bar.date === '2024-09-10' ? { ...bar, volume: 1 } : bar))
    const corrected = await ask(stage, ['A', '2024-09-10', '--ask'])
    expect(corrected.fmp).toMatchObject({ differs: true, verdict: 'corrected', rows: [{ volume: 1 }] })
    const lines = await textOf(stage, ['A', '2024-09-10', '--ask'])
    expect(lines.at(-2)).toMatch(
      /^FMP now: a row, NOT what is stored; verdict: corrected \(asked for 2024-08-21 to 2024-09-16, \d+ stored sessions compared\)$/,
    )
  })

  test('names a split by its ratio, a row that breaks a rule, and a row that is not there', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-07-01', DAY) })
    await stage.run(['--tickers', 'A', '--backfill'], { now: NIGHT })
    const whole = stage.bars['A'] ?? []
    stage.bars['A'] = whole.map((bar) =>
      bar.date >= '2024-09-05'
        ? bar
        : {
            ...bar,
            open: half(bar.open),
            high: half(bar.high),
            low: half(bar.low),
            close: half(bar.close),
            adjClose: half(bar.adjClose),
          },
    )
    const split = await ask(stage, ['A', '2024-08-28', '--ask'])
    expect(split.fmp).toMatchObject({ differs: true, verdict: 'implausible' })
    expect(split.fmp?.detail).toEndWith(': 2:1 before 2024-09-05')
    stage.bars['A'] = whole.map((bar) => (bar.date === DAY ? { ...bar, volume: -1 } : bar))
    expect((await ask(stage, ['A', DAY, '--ask'])).fmp).toMatchObject({
      rows: [],
      problem: 'volume is negative',
      differs: null,
    })
    stage.bars['A'] = whole.filter(({ date }) => date !== DAY)
    expect((await ask(stage, ['A', DAY, '--ask'])).fmp).toMatchObject({ rows: [], problem: null, differs: null })
  })

  test('needs the key, and tells what FMP refuses', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], DAY, DAY) })
    const without = await stage.run(['why', 'A', DAY, '--ask'], { env: { FMP_API_KEY: '' } })
    expect(without).toMatchObject({ code: 2, stdout: '' })
    expect(without.stderr).toContain('FMP_API_KEY is not set')
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'day')
    stage.onRequest = () => new Response('{"Error Message": "Invalid API KEY."}', { status: 401 })
    const refused = await stage.run(['why', 'A', DAY, '--ask'])
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toStartWith('❌ ')
  })
})

describe.concurrent('ingest why of a statement', () => {
  const INCOME = ['--dataset', 'income']

  test('tells of the document, its restatement, and when it is asked for again', async () => {
    await using stage = await setStage()
    stage.reports['A'] = [
      { date: iso('2024-03-30'), period: 'Q1', amount: 1 },
      { date: iso('2024-06-29'), period: 'Q2', amount: 2 },
    ]
    const run = async (now: string) => await stage.run([...INCOME, '--tickers', 'A'], { now })
    expect((await run('2024-08-01T13:00:00Z')).code).toBe(0)
    const first = await ask(stage, ['A', '2024-06-29', ...INCOME], { now: '2024-08-02T13:00:00Z' })
    expect(first).toMatchObject({
      day: 'period_end',
      state: 'stored',
      objects: [{ kind: 'document', rows: [{ period: 'Q2', revenue: 2 }], rows_hash: 'equal' }],
      history: [{ event: 'stored', run: 'logs/ingest/date=2024-08-01/run-1722517200.json' }],
      // 84 days after the newest one, the shortest quarter.
      next: { on: '2024-09-21', action: 'fetch' },
      fmp: null,
    })
    stage.reports['A'] = [
      { date: iso('2024-03-30'), period: 'Q1', amount: 1 },
      { date: iso('2024-06-29'), period: 'Q2', amount: 5 },
    ]
    const now = '2024-10-01T13:00:00Z'
    const asked = await ask(stage, ['A', '2024-06-29', ...INCOME, '--ask'], { now })
    expect(asked.fmp).toMatchObject({ rows: [{ revenue: 5 }], differs: true, verdict: 'restated', calls: 2 })
    expect((await run(now)).code).toBe(0)
    const later = '2024-10-02T13:00:00Z'
    const restated = await ask(stage, ['A', '2024-06-29', ...INCOME, '--ask'], { now: later })
    expect(restated).toMatchObject({
      history: [{ event: 'stored' }, { event: 'rewritten' }],
      fmp: { differs: false, verdict: 'same' },
    })
    const absent = async (date: string) => (await ask(stage, ['A', date, ...INCOME], { now: later })).state
    expect(await absent('2023-12-30')).toBe('not_stored')
    expect(await absent('2024-04-01')).toBe('missing')
    expect(await absent('2024-09-28')).toBe('not_stored')
    expect(await absent('2024-12-28')).toBe('future')
    const lines = await textOf(stage, ['A', '2024-06-29', ...INCOME, '--ask'], { now: later })
    expect(lines[0]).toStartWith('✅ A 2024-06-29 (income): stored. ')
    expect(lines.at(-2)).toBe('FMP now: a row, as it is stored; verdict: same (FMP sent 2024-03-30 to 2024-06-29)')
  })

  test('may be older than the calendar, and names what is no document', async () => {
    await using stage = await setS3Stage()
    expect(await ask(stage, ['A', '1985-09-28', ...INCOME])).toMatchObject({
      state: 'not_stored',
      next: { action: 'fetch' },
    })
    await stage.lake.put(
      'raw/fundamentals/type=income/symbol=A/year=2024/docdate=2024-06-29/A-2024-06-29.parquet',
      new Uint8Array(9),
    )
    expect(await ask(stage, ['A', '2024-06-29', ...INCOME])).toMatchObject({ state: 'unreadable', winner: null })
    const unlisted = await ask(stage, ['A', '2024-06-29', ...INCOME, '--tickers', 'B'])
    expect(unlisted.next).toMatchObject({ on: null, action: 'none' })
  })
})
