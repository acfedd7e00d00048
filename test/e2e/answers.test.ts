// What a run says and keeps of answers that are not as expected: the cases of test/fixtures/cases and their kinds.

import { describe, expect, test } from 'bun:test'
import { INCOME } from '../../lib/datasets/statements/income.ts'
import { createStatement } from '../../lib/datasets/statements/schema.ts'
import { readRows as rowsIn } from '../../lib/parquet/parquet.ts'
import priceCases from '../fixtures/cases/prices.json'
import statementCases from '../fixtures/cases/statements.json'
import { barsFor, dayKey, yearKey } from '../support/bars.ts'
import { priceKeys, readRows } from '../support/lakes/lake.ts'
import { metricsOf, setStage, type Stage } from '../support/runs/stage.ts'
import type { FmpRequestInfo } from '../support/servers/vendor.ts'

/** A Tuesday morning in New York: the last session before today is 2024-09-30. */
const NOW = '2024-10-01T13:00:00Z'
const WEEK = ['2024-09-23', '2024-09-24', '2024-09-25', '2024-09-26', '2024-09-27', '2024-09-30']

type Body = Readonly<Record<string, unknown>>
type Cases = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** Answers as the case file says, cut to the dates asked for. */
function answerFrom(cases: Cases) {
  return ({ symbol, path, url, from = '0', to = '9' }: FmpRequestInfo): Response => {
    const rows = (cases[symbol]?.[path.split('/').at(-1) ?? ''] ?? []) as readonly Body[]
    if (url.searchParams.has('limit')) return Response.json(url.searchParams.get('period') === 'annual' ? rows : [])
    return Response.json(rows.filter(({ date }) => from <= String(date) && String(date).slice(0, 10) <= to))
  }
}

async function stageOf(cases: Cases): Promise<Stage> {
  return await setStage({ onRequest: answerFrom(cases) })
}

const datesOf = async ({ lake }: Stage): Promise<string[]> => (await readRows(lake)).map(({ date }) => date)

const warningsOf = (stderr: string): string[] => stderr.split('\n').filter((line) => line.startsWith('⚠️'))

describe.concurrent('a newest bar that came and was rejected (NEGV)', () => {
  test('is counted and told as rejected, in a year file too', async () => {
    for (const flags of [['--backfill'], ['--from-date', '2024-09-23', '--to-date', '2024-09-30']]) {
      await using stage = await stageOf(priceCases)
      const run = await stage.run(['--tickers', 'NEGV', ...flags], { now: NOW })
      expect(run.code).toBe(0)
      expect(metricsOf(run)).toMatchObject({ rejected_rows: 1, through_date: '2024-09-27' })
      expect(metricsOf(run).counts).toMatchObject({ stored: 5, rejected: 1, missing: 0 })
      expect(warningsOf(run.stderr)).toEqual(['⚠️ NEGV: 1 row rejected, the first (2024-09-30): volume is negative.'])
      expect(run.stdout).toContain('📅 Through: 2024-09-27 (1 of 1 symbols)\n')
      expect(run.stdout).toMatch(/🗑️ {2}Rejects file: .*\/run-\d+\.rejects\.jsonl\n/)
    }
  })

  test('fails its symbol when it is all that was asked for, and says no other reason', async () => {
    await using stage = await stageOf(priceCases)
    await stage.run(['--tickers', 'NEGV', '--from-date', '2024-09-23', '--to-date', '2024-09-27'], { now: NOW })
    const run = await stage.run(['--tickers', 'NEGV', '--lookback', '1'], { now: NOW })
    expect(run.code).toBe(1)
    expect(metricsOf(run).counts).toMatchObject({ rejected: 1, missing: 0, no_data: 0 })
    expect(run.stderr).toContain('1 row received, 1 rejected, the first: volume is negative')
    expect(run.stderr).not.toMatch(/no bar|no data|none/)
    expect(run.stdout).toContain('📅 Through: 2024-09-27 (1 of 1 symbols)\n')
  })

  test('of every symbol is not told as a day that FMP does not have yet', async () => {
    const symbols = ['NA', 'NB', 'NC', 'ND', 'NE', 'NF']
    const [row] = priceCases.NEGV.full
    await using stage = await setStage({ onRequest: ({ symbol }) => Response.json([{ ...row, symbol }]) })
    const run = await stage.run(['--tickers', symbols.join(','), '--no-adj-close'], { now: NOW })
    expect(run.code).toBe(1)
    expect(metricsOf(run)).toMatchObject({ run_errors: [], errors: 6, rejected_rows: 6, through_date: null })
    expect(run.stderr).not.toContain('FMP has no')
    expect(run.stdout).not.toContain('Through')
  })
})

describe.concurrent('the dates of price rows', () => {
  test.each(['DTIME', 'DISO'] as const)('at midnight are their days (%s)', async (symbol) => {
    await using stage = await stageOf(priceCases)
    const run = await stage.run(['--tickers', symbol, '--from-date', '2024-09-23', '--to-date', '2024-09-30'], {
      now: NOW,
    })
    expect(run.code).toBe(0)
    expect(await datesOf(stage)).toEqual(WEEK)
    expect(metricsOf(run)).toMatchObject({ rejected_rows: 0, rows_without_adj_close: 0, suspect_rows: 0 })
    const rows = await readRows(stage.lake)
    expect(rows.at(-1)?.adjClose).toBe(priceCases[symbol]['dividend-adjusted'][0]?.adjClose ?? Number.NaN)
    expect(warningsOf(run.stderr)).toEqual([])
  })

  const forms: readonly [unknown, 'stored' | 'rejected'][] = [
    ['2024-09-26', 'stored'],
    ['2024-09-26 00:00', 'stored'],
    ['2024-09-26 00:00:00', 'stored'],
    ['2024-09-26T00:00:00', 'stored'],
    ['2024-09-26T00:00:00Z', 'stored'],
    ['2024-09-26T00:00:00.000Z', 'stored'],
    ['2024-09-26T00:00:00+00:00', 'stored'],
    ['2024-09-26T00:00:00-04:00', 'stored'],
    ['2024-09-26 16:00:00', 'rejected'],
    ['2024-09-26T20:00:00.000Z', 'rejected'],
    ['2024-09-26T00:00:01', 'rejected'],
    ['09/26/2024', 'rejected'],
    ['20240926', 'rejected'],
    ['Sep 26, 2024', 'rejected'],
    [1727308800000, 'rejected'],
    [null, 'rejected'],
    ['', 'rejected'],
  ]
  test.each(forms)('%p among good ones: %s, and never missing', async (date, fate) => {
    const { full } = priceCases.NEGV
    const rows = full.slice(1).map((row) => (row.date === '2024-09-26' ? { ...row, date } : row))
    await using stage = await setStage({ onRequest: () => Response.json(rows) })
    const flags = ['--no-adj-close', '--from-date', '2024-09-23', '--to-date', '2024-09-27']
    const run = await stage.run(['--tickers', 'NEGV', ...flags], { now: NOW })
    const isStored = fate === 'stored'
    expect(metricsOf(run).counts).toMatchObject({ stored: isStored ? 5 : 4, rejected: isStored ? 0 : 1, missing: 0 })
    expect(run.stderr).not.toMatch(/no bar|null|undefined/)
    expect(await datesOf(stage)).toEqual(
      WEEK.filter((day) => day !== '2024-09-30' && (isStored || day !== '2024-09-26')),
    )
  })
})

const PAGE = '<!DOCTYPE html>\n<html><head><title>Access Denied</title></head><body>Blocked by policy 7.</body></html>'
const symbolsOf = (count: number) => Array.from({ length: count }, (_, index) => `S${index}`)

describe.concurrent('an answer that is not of the vendor', () => {
  test('for every call is a web page of a firewall: the run stops after twenty, with one error and its first words', async () => {
    await using stage = await setStage({ onRequest: () => new Response(PAGE, { status: 403 }) })
    const run = await stage.run(['--tickers', symbolsOf(600).join(',')])
    expect(run.code).toBe(1)
    expect(metricsOf(run)).toMatchObject({ calls: 20, stopped_by: 'request' })
    expect(metricsOf(run).run_errors).toHaveLength(1)
    expect(run.stderr).toContain(
      "HTTP 403. A web page came. It begins: “<!DOCTYPE html> <html><head><title>Access Denied</title></head><body>Blocked by policy 7.</body></html>” None of the run's first 20 calls was answered by FMP.",
    )
    expect(run.stderr).toContain('A firewall or a proxy on the way may have answered in its place')
    // One line for the nineteen symbols before the one that stopped the run.
    expect(run.stderr.match(/^❌ /gm)).toHaveLength(1)
    expect(run.stderr).toMatch(/^❌ 19 symbols \(S0, S1, .*S18\): /m)
  })

  test('after one of the vendor fails its symbol alone', async () => {
    const bars = barsFor(['A', ...symbolsOf(30)], '2024-09-16', '2024-09-16')
    await using stage = await setStage({
      bars,
      onRequest: ({ symbol }) => (symbol === 'A' ? undefined : new Response(PAGE, { status: 403 })),
    })
    const run = await stage.run(['--tickers', ['A', ...symbolsOf(30)].join(',')])
    expect(metricsOf(run)).toMatchObject({ stopped_by: null, errors: 30, files_written: 1 })
  })

  const replies: readonly [string, number, string, RegExp, 'stops' | 'goes on'][] = [
    ['a firewall’s page', 403, PAGE, /HTTP 403\. A web page came\. It begins: “<!DOCTYPE/, 'stops'],
    ['a proxy’s login', 407, '<html>Log in</html>', /HTTP 407\. A web page came\. It begins: “<html>Log in/, 'stops'],
    ['a page of an unknown path', 404, '<pre>Cannot GET</pre>', /HTTP 404.*A web page came/, 'stops'],
    [
      'a portal’s page with 200',
      200,
      '<html>Welcome</html>',
      /a web page where JSON was due\. It begins: “<html>W/,
      'stops',
    ],
    ['a page with 503', 503, '<html>Down</html>', /HTTP 503\. A web page came\. It begins: “<html>Down/, 'stops'],
    ['a firewall’s words', 403, 'Forbidden by policy', /HTTP 403\. It says: “Forbidden by policy”/, 'stops'],
    ['a captive portal', 302, 'Moved', /was redirected to nowhere \(HTTP 302\)/, 'stops'],
    ['an empty refusal', 403, '', /HTTP 403\./, 'stops'],
    ['an error in another field', 400, '{"errors":["bad"]}', /HTTP 400\. It begins: “{"errors":\["bad"\]}”/, 'goes on'],
    [
      'a status in a 200',
      200,
      '{"status":"error","reason":"x"}',
      /a shape .* not know\. It begins: “{"status"/,
      'goes on',
    ],
    ['a list of texts', 200, '["no", "rows"]', /not an object\. It begins: “\["no", "rows"\]”/, 'goes on'],
    ['a problem document', 403, '{"title":"Nope"}', /HTTP 403\. It begins: “{"title":"Nope"}”/, 'goes on'],
    ['unknown words of the vendor', 403, '{"Error Message":"Not today"}', /HTTP 403\. It says: “Not today”/, 'goes on'],
    [
      'a query error in plain words',
      400,
      'Query Error: Invalid',
      /HTTP 400\. It says: “Query Error: Invalid”/,
      'goes on',
    ],
  ]
  test.each(replies)('%s (%d) is quoted', async (...[, status, body, says, course]) => {
    await using stage = await setStage({ onRequest: () => new Response(body, { status }) })
    const run = await stage.run(['--tickers', symbolsOf(25).join(','), '--no-adj-close'])
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(says)
    expect(metricsOf(run).stopped_by !== null).toBe(course === 'stops')
    expect(metricsOf(run).symbols_processed).toBe(course === 'stops' ? 19 : 25)
  })
})

/** The one row of the newest document of the cases. */
async function documentOf({ lake }: Stage, symbol: string): Promise<unknown> {
  const folder = `raw/fundamentals/type=income/symbol=${symbol}/year=2024/docdate=2024-09-28`
  const bytes = await lake.bytes(`${folder}/${symbol}-2024-09-28.parquet`)
  const rows = await rowsIn(bytes, createStatement(INCOME, { prefix: 'raw' }).columns)
  expect(rows).toHaveLength(1)
  return rows[0]
}

describe.concurrent('statements', () => {
  const asked = ['--dataset', 'income', '--period', 'annual']

  test('of two rows of one document the later accepted one is stored, whatever the order (DUPACC)', async () => {
    const rows = statementCases.DUPACC['income-statement']
    for (const order of [rows, rows.toReversed()]) {
      await using stage = await setStage({ onRequest: () => Response.json(order) })
      const run = await stage.run(['--tickers', 'DUPACC', ...asked], { now: NOW })
      expect(run.code).toBe(0)
      expect(await documentOf(stage, 'DUPACC')).toMatchObject({ revenue: 2, acceptedDate: '2025-03-01T13:00:00.000Z' })
      expect(metricsOf(run)).toMatchObject({ rejected_rows: 1 })
      expect(metricsOf(run).datasets).toMatchObject([{ counts: { stored: 1, rejected: 0 } }])
    }
  })

  test.each([
    ['FYEMPTY', 'fiscalYear', null, 1],
    ['ACCISO', 'acceptedDate', '2024-11-01T06:01:36.000Z', 0],
    ['ACCMIN', 'acceptedDate', '2024-11-01T10:01:00.000Z', 0],
    ['ACCZERO', 'acceptedDate', null, 1],
    ['FILZERO', 'filingDate', null, 1],
    ['CIKNUM', 'cik', '0000320193', 0],
    ['EMPTYAMT', 'interestIncome', null, 1],
  ] as const)('no side field loses one: %s', async (symbol, field, value, suspects) => {
    await using stage = await stageOf(statementCases)
    const run = await stage.run(['--tickers', symbol, ...asked], { now: NOW })
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({ files_written: 2, rejected_rows: 0, suspect_rows: suspects })
    expect(await documentOf(stage, symbol)).toMatchObject({ fiscalYear: 2024, [field]: value })
    expect(run.stderr.includes(`the first is 2024-09-28: ${field} cannot be read`)).toBe(suspects === 1)
  })
})

const bar = (symbol: string, date: string) => ({ symbol, date, open: 1, high: 2, low: 1, close: 2, volume: 3 })
const answer =
  (dates: readonly string[]) =>
  ({ symbol, from = '', to = '' }: FmpRequestInfo) =>
    Response.json(dates.filter((date) => from <= date && date <= to).map((date) => bar(symbol, date)))

describe.concurrent('symbols of other exchanges', () => {
  // New York is closed on Monday, 2024-09-02; London was on Monday, 2024-08-26.
  const LONDON = ['2024-08-23', '2024-08-27', '2024-08-28', '2024-08-29', '2024-08-30', '2024-09-02', '2024-09-03']
  const range = ['--no-adj-close', '--from-date', '2024-08-23', '--to-date', '2024-09-03']

  test('are named once; their bars on New York’s holidays are kept, and nothing of them is missing', async () => {
    await using stage = await setStage({ onRequest: answer(LONDON) })
    const run = await stage.run(['--tickers', 'VOD.L,SHEL.L,AAPL', ...range], { now: NOW })
    expect(run.code).toBe(0)
    expect(run.stderr.match(/New York's sessions only.*\(VOD\.L, SHEL\.L\)/g)).toHaveLength(1)
    const rows = await readRows(stage.lake)
    const of = (symbol: string) => rows.filter((row) => row.symbol === symbol).map(({ date }) => date)
    expect(of('VOD.L')).toEqual(LONDON)
    expect(of('AAPL')).toEqual(LONDON.filter((date) => date !== '2024-09-02'))
    const [, ...results] = metricsOf(run).results.toSorted((a, b) => a.symbol.localeCompare(b.symbol))
    for (const { counts, bars_on_closed_days: closed } of results) {
      expect(counts).toMatchObject({ stored: 6, no_data: 1, missing: 0 })
      expect(closed).toBe(1)
    }
    expect(run.stderr).not.toMatch(/(VOD|SHEL)\.L: .*(no bar|closed)/)
    expect(run.stderr).toContain('AAPL: FMP has no bar for 2024-08-26')
  })

  test('keep what they have: a second run with dates changes nothing, a forced one replaces', async () => {
    await using stage = await setStage({ onRequest: answer(LONDON) })
    await stage.run(['--tickers', 'VOD.L', ...range], { now: NOW })
    const again = await stage.run(['--tickers', 'VOD.L', ...range], { now: NOW })
    expect({ code: again.code, changed: again.changed }).toEqual({ code: 0, changed: [] })
    expect(metricsOf(again).counts).toMatchObject({ already_stored: 6, no_data: 1 })
    expect(warningsOf(again.stderr)).toEqual([])
    const forced = await stage.run(['--tickers', 'VOD.L', '--force', ...range], { now: '2024-10-02T13:00:00Z' })
    expect(forced.changed).toContain(dayKey('VOD.L', '2024-09-02'))
    expect(forced.changed).toHaveLength(7)
  })

  test('killed after any of its files and run again has the days of a run never disturbed', async () => {
    await using stage = await setStage({ onRequest: answer(LONDON) })
    await stage.run(['--tickers', 'VOD.L', ...range], { now: NOW })
    const whole = await priceKeys(stage.lake)
    const oldestFirst = whole.toSorted((a, b) => a.slice(-18).localeCompare(b.slice(-18)))
    for (let left = 0; left < oldestFirst.length; left += 1) {
      for (const key of oldestFirst.slice(left)) await stage.lake.remove(key)
      await stage.run(['--tickers', 'VOD.L', ...range], { now: NOW })
      expect(await priceKeys(stage.lake)).toEqual(whole)
    }
  })

  test('that have the newest session are not asked for their holidays again by a run without dates', async () => {
    await using stage = await setStage({ onRequest: answer(LONDON) })
    await stage.run(['--tickers', 'VOD.L', '--no-adj-close', '--from-date', '2024-08-26', '--to-date', '2024-08-27'], {
      now: '2024-08-28T13:00:00Z',
    })
    const same = await stage.run(['--tickers', 'VOD.L', '--no-adj-close'], { now: '2024-08-28T13:00:00Z' })
    expect(same.requests).toEqual([])
    // The night after New York's holiday: the window begins right after the last session before it.
    const next = await stage.run(['--tickers', 'VOD.L', '--no-adj-close'], { now: '2024-09-04T13:00:00Z' })
    expect(next.changed.map((key) => key.slice(-18, -8)).toSorted()).toEqual([
      '2024-08-28',
      '2024-08-29',
      '2024-08-30',
      '2024-09-02',
      '2024-09-03',
    ])
    const last = await stage.run(['--tickers', 'VOD.L', '--no-adj-close'], { now: '2024-09-04T13:00:00Z' })
    expect(last.requests).toEqual([])
  })

  test('five of which are on holiday are no day that FMP does not have', async () => {
    const symbols = ['AZN.L', 'BP.L', 'HSBA.L', 'SHEL.L', 'VOD.L']
    await using stage = await setStage({ onRequest: answer(LONDON) })
    const args = ['--tickers', symbols.join(','), '--no-adj-close']
    await stage.run([...args, '--from-date', '2024-08-22', '--to-date', '2024-08-23'], { now: NOW })
    const run = await stage.run(args, { now: '2024-08-27T13:00:00Z' })
    expect(run.code).toBe(0)
    expect(metricsOf(run)).toMatchObject({ run_errors: [], errors: 0 })
    expect(warningsOf(run.stderr)).toEqual([
      '⚠️ 5 symbols (AZN.L, BP.L, HSBA.L, SHEL.L, VOD.L): FMP has no data from 2024-08-24 to 2024-08-26; the newest stored is 2024-08-23; its exchange may have been closed.',
    ])
    expect(run.stdout).toContain('📅 Through: 2024-08-23 (5 of 5 symbols)\n')
  })

  test('keep them in year files too, without a word for each', async () => {
    await using stage = await setStage({ onRequest: answer(['2024-01-06', '2024-01-07', '2024-09-30']) })
    const run = await stage.run(['--tickers', 'BTCUSD', '--no-adj-close', '--backfill'], { now: NOW })
    expect({ code: run.code, changed: run.changed }).toEqual({ code: 0, changed: [yearKey('BTCUSD', 2024)] })
    expect(metricsOf(run)).toMatchObject({ rows_written: 3, bars_on_closed_days: 2, counts: { missing: 0 } })
    expect(warningsOf(run.stderr)).toEqual([])
  })
})

describe.concurrent('the same sentence', () => {
  test('about seventy symbols is one, with the symbols', async () => {
    const symbols = symbolsOf(70)
    await using stage = await setStage({ bars: barsFor(['GOOD'], '2024-09-16', '2024-09-16') })
    const run = await stage.run(['--tickers', [...symbols, 'GOOD'].join(',')])
    expect(run.code).toBe(1)
    expect(run.stderr.match(/FMP has no data from/g)).toHaveLength(1)
    expect(run.stderr).toContain(`❌ 70 symbols (${symbols.join(', ')}): FMP has no data from 2024-09-16 to 2024-09-16`)
    expect(metricsOf(run).errors).toBe(70)
  })

  test('about ten is a line for each', async () => {
    await using stage = await setStage({ bars: barsFor(['GOOD'], '2024-09-16', '2024-09-16') })
    const run = await stage.run(['--tickers', [...symbolsOf(10), 'GOOD'].join(',')])
    expect(run.stderr.match(/^❌ S\d: FMP has no data/gm)).toHaveLength(10)
  })
})
