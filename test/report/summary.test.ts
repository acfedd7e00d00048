import { describe, expect, test } from 'bun:test'
import type { Agenda } from '../../lib/datasets/datasets.ts'
import { XNYS } from '../../lib/core/calendar.ts'
import { NO_SESSIONS } from '../../lib/core/outcome.ts'
import { IngestError, type ErrorKind } from '../../lib/core/errors.ts'
import { buildMetrics, type RunFacts } from '../../lib/report/metrics.ts'
import type { SymbolOutcome } from '../../lib/datasets/prices/outcome.ts'
import { resolvePeriod } from '../../lib/core/period.ts'
import { planRun, type SymbolPlan } from '../../lib/datasets/prices/plan.ts'
import { callsOf, dryRunJson, dryRunText, newcomersNote, planLine, summaryText } from '../../lib/report/summary.ts'
import type { Holdings } from '../../lib/datasets/prices/survey.ts'
import { askedDates, at, configOf, day, outcomeOf, periodOf, prices, span } from '../support/values.ts'

const NOW = '2024-09-16T13:00:00Z'
const NIGHTLY = resolvePeriod(askedDates(), XNYS, at(NOW))

function held(symbol: string, dates: readonly string[] = []): Holdings {
  const days = new Set(dates.map(day))
  const newest = dates.map(day).toSorted().at(-1)
  return { symbol, days, years: new Map(), newest }
}

function plansOf(holdings: readonly Holdings[], period = NIGHTLY): readonly SymbolPlan[] {
  return planRun(holdings, { dataset: prices(), calendar: XNYS, mode: 'daily', period, isForced: false })
}

const EMPTY: Agenda = { plans: [], holdings: [], documentPlans: [], all: [] }

describe('planLine()', () => {
  test.each([
    [1_000, 15, '1,000 calls, one per 15 s: about 4 h 10 min'],
    [1, 15, '1 call, one per 15 s: about 15 s'],
    [2, 15, '2 calls, one per 15 s: about 30 s'],
    [3, 0.25, '3 calls, one per 0.25 s: about 1 s'],
    [4, 15, '4 calls, one per 15 s: about 1 min'],
    [6, 15, '6 calls, one per 15 s: about 2 min'],
    [239, 15, '239 calls, one per 15 s: about 1 h'],
    [240, 15, '240 calls, one per 15 s: about 1 h'],
    [480_000, 15, '480,000 calls, one per 15 s: about 2,000 h'],
    [5_000, 0, '5,000 calls, no rate limit'],
    [0, 15, 'Nothing to fetch: 0 calls'],
  ])('of %d calls, one per %d s: %s', (calls, seconds, expected) => {
    expect(planLine(calls, seconds)).toBe(expected)
  })
})

describe('the dry run', () => {
  const holdings = [held('AAPL', ['2024-09-11', '2024-09-12']), held('^GSPC')]
  const plans = plansOf(holdings, periodOf('daily', '2024-09-11..2024-09-13', NOW))
  const config = configOf({ rateLimitSeconds: 15 })
  const agenda: Agenda = { plans, holdings, documentPlans: [], all: plans }
  const keys = [
    ...['13', '12', '11'].map((date) => `raw/prices/symbol=%5EGSPC/year=2024/month=09/%5EGSPC-2024-09-${date}.parquet`),
    'raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-13.parquet',
  ]

  test('is every key, one a line, then the totals and what is stored of each symbol', () => {
    const lines = dryRunText(agenda, config).split('\n')
    expect(lines.slice(0, 4)).toEqual(keys)
    const rest = lines.slice(4).join('\n')
    expect(rest).toContain('Calls: 4')
    expect(rest).toContain('4 calls, one per 15 s: about 1 min')
    expect(rest).toContain('\n  AAPL: 2 day files in reach, newest session 2024-09-12\n')
    expect(rest).toContain('\n  ^GSPC: 0 day files in reach, newest session none\n')
    expect(rest).toEndWith('\n')
  })

  test('of a backfill counts year files', () => {
    const dates = askedDates({ mode: 'backfill' })
    const text = dryRunText(agenda, configOf({ dates }))
    expect(text).toContain('\n  AAPL: 0 year files in reach, newest session 2024-09-12\n')
    expect(text).not.toContain('day files')
  })

  test('for programs is one object of exactly three fields', () => {
    expect(dryRunJson(agenda, config)).toEqual({ files: keys, calls: 4, seconds: 60 })
  })

  test('of nothing', () => {
    expect(dryRunJson(EMPTY, config)).toEqual({ files: [], calls: 0, seconds: 0 })
    expect(dryRunText(EMPTY, config)).toContain('Nothing to fetch')
    expect(callsOf([])).toBe(0)
  })
})

const note = (symbols: readonly string[], changes = {}) =>
  newcomersNote(plansOf(symbols.map((symbol) => held(symbol))), NIGHTLY, configOf(changes))

describe('the note on newcomers', () => {
  test('gives one command that backfills them all', () => {
    expect(note(['AAPL', 'BRK-B'], { target: { kind: 's3', bucket: 'my-bucket' } })).toBe(
      '2 symbols have nothing stored in the last 250 sessions and get the last session only. Their history: ' +
        'ingest --backfill --backfill-days 1825 --tickers AAPL,BRK-B --out s3://my-bucket',
    )
    expect(note(['AAPL'])).toBe(
      'AAPL has nothing stored in the last 250 sessions and gets the last session only. Its history: ' +
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

  test('keeps what the run was told of the adjusted close', () => {
    expect(note(['AAPL'], { withAdjClose: false })).toEndWith(' --no-adj-close')
  })

  test('quotes for a shell what a shell would take apart', () => {
    expect(note(['^GSPC'], { target: { kind: 'folder', folder: "my lake's $HOME" } })).toEndWith(
      String.raw` --tickers '^GSPC' --out 'my lake'\''s $HOME'`,
    )
  })

  test('is none where all have something, or dates were given', () => {
    expect(newcomersNote(plansOf([held('AAPL', ['2024-09-12'])]), NIGHTLY, configOf())).toBeUndefined()
    const week = periodOf('daily', '2024-09-11..2024-09-13', NOW)
    expect(newcomersNote(plansOf([held('AAPL')], week), week, configOf())).toBeUndefined()
  })
})

function ending(
  outcomes: readonly SymbolOutcome[],
  changes: Partial<RunFacts> = {},
  metricsPlace: string | undefined = 's3://my-bucket/logs/x.json',
) {
  const facts: RunFacts = {
    config: configOf(),
    version: '1.2.3',
    runUuid: '0a1b2c3d-0000-4000-8000-000000000000',
    startMs: at(NOW),
    durationSeconds: 45.16,
    range: span('2024-09-13..2024-09-13'),
    outcomes,
    runErrors: [],
    stoppedBy: undefined,
    http: { calls: 0, retries: 0, limited: 0, gateWaitMs: 0 },
    recoveredWrites: 0,
    ...changes,
  }
  return {
    metrics: buildMetrics(facts),
    stoppedBy: facts.stoppedBy,
    metricsPlace,
    isRejectsFileLost: false,
    newest: day('2024-09-13'),
  }
}

const RULE = '='.repeat(60)
const error = (kind: ErrorKind) => new IngestError('x', { kind, scope: 'run' })
const done = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, {
    filesWritten: 1,
    rowsWritten: 1,
    counts: { ...NO_SESSIONS, stored: 1 },
    through: day('2024-09-13'),
    ...changes,
  })

describe('the summary', () => {
  test('is exactly the agreed lines, news between errors and duration', () => {
    const symbols = Array.from({ length: 10 }, (_, index) => done(`S${index}`))
    expect(summaryText(ending(symbols)).split('\n')).toEqual([
      '✅ Ingestion Complete',
      RULE,
      '📊 Symbols: 10',
      '📁 Files written: 10',
      '📝 Rows written: 10',
      '❌ Errors: 0',
      '📅 Through: 2024-09-13 (10 of 10 symbols)',
      '⏱️  Duration: 45.2s',
      '📋 Metrics: s3://my-bucket/logs/x.json',
      RULE,
      '',
    ])
  })

  test('has a line for each kind of news', () => {
    const counts = {
      stored: 1,
      already_stored: 490,
      no_data: 1_234,
      missing: 2,
      rejected: 3,
      failed: 4,
      not_reached: 5,
    }
    const rejects = Array.from({ length: 3 }, () => ({
      symbol: 'A',
      dataset: 'prices',
      date: null,
      reason: 'x',
      row: {},
    }))
    const outcome = done('A', { counts, rejects, suspects: 6, incomplete: 7, wouldShrink: 8, differing: 9 })
    const lines = summaryText({ ...ending([outcome, outcomeOf('B')]) }).split('\n')
    const news = lines.slice(
      lines.indexOf('❌ Errors: 0') + 1,
      lines.findIndex((line) => line.includes('Duration')),
    )
    expect(news).toContain('⏭️  Already stored: 490')
    expect(news).toContain('📅 Through: 2024-09-13 (1 of 2 symbols)')
    expect(news).toContain('⚠️  Rejected rows: 3')
    expect(news).toContain('💥 Failed sessions: 4')
    expect(news).toContain('🛑 Sessions not reached: 5')
    // Sessions without data are counted here too, in whatever words.
    expect(news.join('\n')).toMatch(/No data: 1,234/)
    for (const count of [2, 4, 5, 6, 7, 8, 9]) expect(news.join('\n')).toMatch(new RegExp(`: ${count}$`, 'm'))
  })

  test('adds the run’s errors to the symbols’', () => {
    const outcome = done('A', { errors: [error('payload'), error('payload')] })
    expect(summaryText(ending([outcome], { runErrors: [error('key')] }))).toContain('❌ Errors: 3\n')
  })

  test.each([
    ['errors', { runErrors: [error('session-absent')] }, /^\S+ +Ingestion .*[Ee]rrors/],
    ['a spent budget', { stoppedBy: error('budget') }, /^\S+ +Ingestion Stopped Early \(budget\)/],
    ['a quota', { stoppedBy: error('quota'), runErrors: [error('quota')] }, /^\S+ +Ingestion Stopped Early \(quota\)/],
    ['an interrupt', { stoppedBy: error('interrupted') }, /^\S+ +Ingestion Interrupted/],
  ])('with %s says so in its first line', (_, changes, expected) => {
    const text = summaryText(ending([done('A')], changes))
    expect(text).toMatch(expected)
    expect(text).not.toContain('Complete')
  })

  test('without metrics says so, and that not all is well', () => {
    const text = summaryText({ ...ending([done('A')]), metricsPlace: undefined })
    expect(text).not.toContain('Complete')
    expect(text).toContain('❌ Errors: 1\n')
    expect(text).toContain('📋 Metrics: could not be written')
  })

  test('without its rejected rows says that not all is well, and where the metrics are', () => {
    const text = summaryText({ ...ending([done('A')]), isRejectsFileLost: true })
    expect(text).not.toContain('Complete')
    expect(text).toContain('❌ Errors: 1\n')
    expect(text).toContain('📋 Metrics: s3://my-bucket/logs/x.json')
  })
})
