// `ingest status` in this process, over real stores.

import { describe, expect, test } from 'bun:test'
import { barsFor, dayKey, iso, sessions } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { putPrices, rowsFor } from '../../support/lakes/price-files.ts'
import { setS3Stage, setStage, type Run, type Stage } from '../../support/runs/stage.ts'
import type { Status } from '../../../lib/report/status.ts'

const DAY = '2024-09-16'

function statusIn({ stdout, stderr }: Run): Status {
  expect(stderr).toBe('')
  const status = JSON.parse(stdout) as Status
  expect(schemaErrors('status', status)).toEqual([])
  return status
}

/** Looks at the lake and gives the document and the exit code. */
async function look(stage: Stage, args: readonly string[] = [], now?: string) {
  const run = await stage.run(['status', '--json', ...args], now === undefined ? {} : { now })
  return { ...statusIn(run), code: run.code }
}

const month = (name: string, count: number, stored: number) => ({ month: name, sessions: count, stored })

describe.concurrent('ingest status', () => {
  test('after a night tells that all symbols have the last session, in text and as a document', async () => {
    await using stage = await setStage({ bars: barsFor(['A', 'B', '^C'], DAY, DAY) })
    expect((await stage.run(['--tickers', 'A,B,^C'])).code).toBe(0)
    const asked = stage.fmp.requests.length
    expect(await look(stage)).toMatchObject({
      code: 0,
      ok: true,
      run_id: '2024-09-17T13:00:00+00:00',
      target: stage.lake.out,
      as_of: DAY,
      symbols: 3,
      symbols_stored: 3,
      newest_session: DAY,
      symbols_with_newest: 3,
      sessions_behind: 0,
      max_behind: 1,
      runs: [{ run_id: '2024-09-17T13:00:00+00:00', exit_code: 0, calls: 6, problem: null }],
    })
    const run = await stage.run(['status'])
    expect(run).toMatchObject({ code: 0, stderr: '' })
    expect(run.stdout).toContain(
      [
        `Newest session: ${DAY}, 3 of 3 symbols have it`,
        'Next session: 2024-09-17, will be finished at 2024-09-17T22:30:00+00:00',
        'Sessions a month: ···········▁ 2023-10 to 2024-09',
        'Holes: none in the last 250 sessions',
        'Calls today: 6 (UTC)',
        'Run: 2024-09-17T13:00:00+00:00, exit code 0, 6 calls, ',
      ].join('\n'),
    )
    expect(run.stdout).toEndWith('✅ Fresh: the last finished session is stored\n')
    expect((await stage.run(['status', '--quiet'])).stdout).toBe('')
    expect(stage.fmp.requests.length).toBe(asked)
  })

  test('never cries on a weekend or a holiday, and cries on the first session that is one too many', async () => {
    await using stage = await setStage()
    // Independence Day 2024 is a Thursday.
    await putPrices(stage.lake, rowsFor('A', '2024-07-01', '2024-07-02'), 'day')
    const codes = async (now: string) => [
      (await look(stage, [], now)).code,
      (await look(stage, ['--max-behind', '0'], now)).code,
    ]
    expect(await codes('2024-07-03T22:29:00Z')).toEqual([0, 0])
    expect(await codes('2024-07-03T22:30:00Z')).toEqual([0, 1])
    expect(await codes('2024-07-05T22:29:00Z')).toEqual([0, 1])
    expect(await codes('2024-07-05T22:30:00Z')).toEqual([1, 1])
    const stale = await stage.run(['status', '--quiet'], { now: '2024-07-08T12:00:00Z' })
    expect(stale).toMatchObject({ code: 1, stderr: '' })
    expect(stale.stdout).toContain(
      `❌ Stale: 2 sessions behind, at most 1 allowed. To catch up: ingest --out ${stage.lake.out}\n`,
    )
  })

  test('is right at any instant of a quarter, whatever is stored later', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', '2024-01-02', '2024-06-28'), 'year')
    await putPrices(stage.lake, rowsFor('B', '2024-01-02', '2024-05-31'), 'day')
    const all = sessions('2024-04-01', '2024-06-28')
    for (const [index, session] of all.entries()) {
      const {
        as_of: asOf,
        newest_session: newest,
        symbols_with_newest: having,
      } = await look(stage, [], `${session}T23:00:00Z`)
      expect([asOf, newest, having] as unknown[]).toEqual([session, all[index] ?? '', session <= '2024-05-31' ? 2 : 1])
    }
  })

  test('makes one listing a symbol and one of the runs, and reads the year files of the last twelve months once', async () => {
    await using stage = await setS3Stage()
    await putPrices(stage.lake, rowsFor('A', '2022-01-03', DAY), 'year')
    for (const symbol of ['A', 'B', 'C']) await putPrices(stage.lake, rowsFor(symbol, '2024-09-03', DAY), 'day')
    await putPrices(stage.lake, rowsFor('D', '2024-09-03', '2024-09-13'), 'year')
    const asked = stage.s3.requests.length
    expect(await look(stage)).toMatchObject({ symbols: 4, symbols_with_newest: 3, holes: [] })
    const operations: string[] = stage.s3.requests.slice(asked).map(({ operation }) => operation)
    const get = Array.from({ length: 3 }, () => 'get')
    expect(operations.toSorted()).toEqual([...get, ...Array.from({ length: 6 }, () => 'list')])
  })

  test('counts what a year file holds and what it lacks, month by month, and no session twice', async () => {
    await using stage = await setStage()
    const year = rowsFor('A', '2023-09-01', '2024-08-30').filter(({ date }) => date !== '2024-02-05')
    await putPrices(stage.lake, year, 'year', { asked: { from: iso('2023-01-01'), to: iso('2024-08-30') } })
    await putPrices(stage.lake, rowsFor('A', '2024-08-29', '2024-09-13'), 'day')
    await putPrices(stage.lake, rowsFor('B', '2024-09-03', DAY), 'day')
    await stage.lake.remove(dayKey('B', '2024-09-05'))
    const { months, holes, stale } = await look(stage)
    expect(months.length).toBe(12)
    expect([months[0], months[4], months[10], months[11]]).toEqual([
      month('2023-10', 22, 22),
      month('2024-02', 20, 19),
      month('2024-08', 22, 22),
      month('2024-09', 10, 9 + 9),
    ])
    // What a year file was asked for and lacks is no hole: FMP has no bar.
    expect(holes as unknown[]).toEqual([{ symbol: 'B', sessions: ['2024-09-05'] }])
    expect(stale as unknown[]).toEqual([{ symbol: 'A', newest_session: '2024-09-13', sessions_behind: 1 }])
  })

  test('does not see the runs that are later than --now', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2024-09-03', DAY) })
    for (const now of ['2024-09-16T23:59:59Z', '2024-09-17T12:00:00Z', '2024-09-17T13:00:00Z'])
      await stage.run(['--tickers', 'A'], { now })
    const { runs, calls_today: calls } = await look(stage, [], '2024-09-17T12:59:59Z')
    expect([runs.map(({ run_id: id }) => id), calls]).toEqual([
      ['2024-09-17T12:00:00+00:00', '2024-09-16T23:59:59+00:00'],
      2,
    ])
    expect((await look(stage, [], '2024-09-18T00:00:00Z')).calls_today).toBe(0)
  })

  test('takes the symbols of a list, stored or not', async () => {
    await using stage = await setStage()
    await putPrices(stage.lake, rowsFor('A', DAY, DAY), 'day')
    await putPrices(stage.lake, rowsFor('B', '2024-09-13', '2024-09-13'), 'day')
    expect(await look(stage, ['--tickers', 'B,NEW'])).toMatchObject({
      symbols: 2,
      symbols_stored: 1,
      newest_session: '2024-09-13',
      symbols_with_newest: 1,
      sessions_behind: 1,
    })
    await stage.lake.put('list.csv', new TextEncoder().encode('A\nnot a symbol\n'))
    const list = ['status', '--tickers-path', `${stage.lake.out}/list.csv`]
    expect(await stage.run(list)).toMatchObject({ code: 2, stdout: '' })
    const lenient = await stage.run([...list, '--skip-bad-tickers'])
    expect(lenient.code).toBe(0)
    expect(lenient.stderr).toStartWith('⚠️ Left out of the ticker list: ')
  })

  test('of an empty lake says that nothing is stored', async () => {
    await using stage = await setS3Stage()
    expect(await look(stage)).toMatchObject({
      code: 1,
      ok: false,
      symbols: 0,
      newest_session: null,
      sessions_behind: null,
    })
  })

  test('sees a bar of a closed day as one of the session before', async () => {
    await using stage = await setStage()
    await putPrices(
      stage.lake,
      rowsFor('A', '2024-09-13', '2024-09-13').map((row) => ({ ...row, date: '2024-09-15' as typeof row.date })),
      'year',
    )
    await putPrices(stage.lake, rowsFor('B', '2024-09-13', '2024-09-13'), 'day')
    expect(await look(stage)).toMatchObject({ newest_session: '2024-09-13', symbols_with_newest: 2 })
  })
})
