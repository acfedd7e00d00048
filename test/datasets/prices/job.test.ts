import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { Config } from '../../../lib/core/config.ts'
import { resolvePeriod } from '../../../lib/core/period.ts'
import { holeWarnings, newcomersNote, planPrices } from '../../../lib/datasets/prices/job.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { askedDates, at, configOf, periodOf, prices, span, day } from '../../support/values.ts'

const NOW = '2024-09-16T13:00:00Z'
const NIGHTLY = resolvePeriod(askedDates(), XNYS, at(NOW))
const WEEK = periodOf('daily', '2024-09-11..2024-09-13', NOW)

/** The job of AAPL, of which two days are stored, and of ^GSPC, of which nothing is. */
async function plan(changes: Partial<Config> = {}, period = WEEK) {
  const config = configOf(changes)
  const store = createMemoryStore()
  for (const date of XNYS.sessions(span('2024-09-11..2024-09-12'))) {
    await store.create(prices().key('AAPL', { kind: 'day', date }), new Uint8Array(1), {})
  }
  return await planPrices(['AAPL', '^GSPC'], {
    config,
    store,
    calendar: XNYS,
    period,
    listed: 2,
    fileSettings: { ingestMs: at(NOW), version: '1.2.3' },
    unlessStopped: async (work) => await work,
    onSurveyed: () => undefined,
  })
}

describe('planPrices()', () => {
  test('tells the calls, the range, every key that may be written and what is stored', async () => {
    const job = await plan()
    expect(job).toMatchObject({ dataset: 'prices', unit: 'sessions', calls: 4, notes: [], errors: [] })
    expect(job.range).toEqual(span('2024-09-11..2024-09-13'))
    expect(job.keys()).toEqual([
      ...['13', '12', '11'].map(
        (date) => `raw/prices/symbol=%5EGSPC/year=2024/month=09/%5EGSPC-2024-09-${date}.parquet`,
      ),
      'raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-13.parquet',
    ])
    expect(job.stored()).toEqual([
      'AAPL: 2 day files in reach, newest session 2024-09-12',
      '^GSPC: 0 day files in reach, newest session none',
    ])
  })

  test('of a backfill counts year files', async () => {
    const job = await plan({ dates: askedDates({ mode: 'backfill' }) })
    expect(job.stored()[0]).toBe('AAPL: 0 year files in reach, newest session none')
  })

  test('has a note where the dates hold no finished session', async () => {
    const weekend = periodOf('daily', '2024-09-14..2024-09-15', NOW)
    expect(await plan({}, weekend)).toMatchObject({
      calls: 0,
      range: undefined,
      notes: ['There is no finished session in these dates: nothing to fetch.'],
    })
  })

  test('has the note on newcomers, in a dry run too', async () => {
    for (const isDryRun of [false, true]) {
      expect((await plan({ isDryRun }, NIGHTLY)).notes).toEqual([expect.stringMatching(/^\^GSPC has nothing stored/)])
    }
  })
})

const newcomers = (symbols: readonly string[]) => symbols.map((symbol) => ({ symbol, newest: undefined }))

const note = (symbols: readonly string[], changes = {}) => newcomersNote(newcomers(symbols), NIGHTLY, configOf(changes))

describe('the note on newcomers', () => {
  test('gives one command that backfills them all', () => {
    expect(note(['AAPL', 'BRK-B'], { target: { kind: 's3', bucket: 'my-bucket' } })).toBe(
      '2 symbols have nothing stored in the last 250 sessions and get the last session only: --lookback 5 fills no sessions before the first stored one. Their history: ' +
        'ingest --backfill --backfill-days 1825 --tickers AAPL,BRK-B --out s3://my-bucket',
    )
    expect(note(['AAPL'])).toBe(
      'AAPL has nothing stored in the last 250 sessions and gets the last session only: --lookback 5 fills no sessions before the first stored one. Its history: ' +
        'ingest --backfill --backfill-days 1825 --tickers AAPL --out ./lake',
    )
  })

  test('does not list hundreds of symbols, but takes the run’s own list', () => {
    const many = Array.from({ length: 300 }, (_, index) => `S${index}`)
    expect(note(many)).toMatch(/^300 symbols/)
    expect(note(many)?.length).toBeLessThan(300)
    expect(note(many)).toEndWith(' --tickers-path tickers.csv --out ./lake')
    const inS3 = { kind: 's3', bucket: 'my-bucket', key: 'lists/all.csv' }
    expect(note(many, { tickers: inS3 })).toContain(' --tickers-path s3://my-bucket/lists/all.csv ')
    expect(note(many, { tickers: { kind: 'flag', list: many.join(',') } })).toContain(` --tickers ${many.join(',')} `)
    expect(note(many.slice(0, 20))).toContain(` --tickers ${many.slice(0, 20).join(',')} `)
    expect(note(many.slice(0, 21))).toContain(' --tickers-path tickers.csv ')
  })

  test.each([
    [3, 250],
    [250, 250],
    [300, 300],
  ])('says with --lookback %d how far it has looked', (lookback, reach) => {
    const dates = askedDates({ lookback })
    const text = newcomersNote(newcomers(['AAPL']), resolvePeriod(dates, XNYS, at(NOW)), configOf({ dates }))
    expect(text).toStartWith(
      `AAPL has nothing stored in the last ${reach} sessions and gets the last session only: --lookback ${lookback} fills`,
    )
  })

  test('keeps what the run was told of the adjusted close', () => {
    expect(note(['AAPL'], { withAdjClose: false })).toEndWith(' --no-adj-close')
  })

  test('quotes for a shell what a shell would take apart', () => {
    expect(note(['^GSPC'], { target: { kind: 'folder', folder: "my lake's $HOME" } })).toEndWith(
      String.raw` --tickers '^GSPC' --out 'my lake'\''s $HOME'`,
    )
  })

  test('is none where all have something, or dates were given', () => {
    expect(newcomersNote([{ symbol: 'AAPL', newest: day('2024-09-12') }], NIGHTLY, configOf())).toBeUndefined()
    expect(newcomersNote(newcomers(['AAPL']), WEEK, configOf())).toBeUndefined()
  })
})

describe('the warning about holes', () => {
  const hole = span('2023-03-01..2023-05-31')
  const warnings = (symbols: readonly string[], changes = {}) =>
    holeWarnings(
      symbols.map((symbol) => ({ symbol, holeBeyond: hole })),
      NIGHTLY,
      configOf(changes),
    )

  test('is one for all symbols with the same hole', () => {
    expect(warnings(['A', 'B'])).toEqual([
      'A, B: there is nothing stored from 2023-03-01 to 2023-05-31, though older and newer sessions are; this run reaches back to 2023-09-18 only. To fill it: ingest --from-date 2023-03-01 --to-date 2023-05-31 --tickers A,B --out ./lake',
    ])
    expect(warnings(Array.from({ length: 70 }, (_, index) => `S${index}`))).toEqual([
      expect.stringMatching(/^70 symbols have nothing stored from .* --tickers-path tickers.csv --out .\/lake$/),
    ])
    const other = { symbol: 'C', holeBeyond: span('2023-02-01..2023-02-28') }
    expect(holeWarnings([{ symbol: 'A', holeBeyond: hole }, other], NIGHTLY, configOf())).toHaveLength(2)
  })

  test('is none where there is no hole', () => {
    expect(holeWarnings([{ symbol: 'A', holeBeyond: undefined }], NIGHTLY, configOf())).toEqual([])
  })

  test('keeps what the run was told of the adjusted close', () => {
    expect(warnings(['A'], { withAdjClose: false })[0]).toEndWith(' --no-adj-close')
  })
})
