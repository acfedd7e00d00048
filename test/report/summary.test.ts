import { describe, expect, test } from 'bun:test'
import { ZERO_COUNTS, type SymbolOutcome } from '../../lib/core/outcome.ts'
import { IngestError, type ErrorKind } from '../../lib/core/errors.ts'
import { buildMetrics, type RunFacts } from '../../lib/report/metrics.ts'
import { at, configOf, day, outcomeOf, span } from '../support/values.ts'
import { judgeNewestSession } from '../../lib/datasets/prices/newest-session.ts'
import type { Job } from '../../lib/pipeline/pipeline.ts'
import { callsOf, dryRunJson, dryRunText, planLine, summaryText } from '../../lib/report/summary.ts'

const NOW = '2024-09-16T13:00:00Z'
const NEWEST = day('2024-09-13')
function jobOf(changes: Partial<Job>): Job {
  return {
    dataset: 'prices',
    unit: 'sessions',
    calls: 0,
    range: undefined,
    notes: [],
    errors: [],
    keys: () => [],
    stored: () => [],
    tasks: () => [],
    judge: (outcomes) => ({ outcomes, error: undefined, freshness: undefined }),
    ...changes,
  }
}

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
  const config = configOf({ rateLimitSeconds: 15 })
  const jobs = [
    jobOf({ calls: 3, keys: () => ['a.parquet', 'b.parquet'], stored: () => ['AAPL: 2 day files'] }),
    jobOf({ dataset: 'income', calls: 1, keys: () => ['c/*.parquet'], stored: () => ['AAPL: 1 document'] }),
  ]

  test('is every key, one a line, then the totals and what is stored of each symbol', () => {
    expect(dryRunText(jobs, config).split('\n')).toEqual([
      'a.parquet',
      'b.parquet',
      'c/*.parquet',
      '',
      'Files: 3',
      'Calls: 4',
      'Time: 4 calls, one per 15 s: about 1 min',
      'Stored:',
      '  AAPL: 2 day files',
      '  AAPL: 1 document',
      '',
    ])
  })

  test('for programs is one object of exactly three fields', () => {
    expect(dryRunJson(jobs, config)).toEqual({
      files: ['a.parquet', 'b.parquet', 'c/*.parquet'],
      calls: 4,
      seconds: 60,
    })
  })

  test('of nothing', () => {
    expect(dryRunJson([], config)).toEqual({ files: [], calls: 0, seconds: 0 })
    expect(dryRunText([], config)).toContain('Nothing to fetch')
    expect(callsOf([])).toBe(0)
  })
})

function ending(
  outcomes: readonly SymbolOutcome[],
  changes: Partial<RunFacts> = {},
  metricsLocation: string | undefined = 's3://my-bucket/logs/x.json',
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
    vendorStats: { calls: 0, retries: 0, limited: 0, gateWaitMs: 0 },
    recoveredWrites: 0,
    ...changes,
  }
  return {
    metrics: buildMetrics(facts),
    stoppedBy: facts.stoppedBy,
    metricsLocation,
    isRejectsFileLost: false,
    freshness: judgeNewestSession(outcomes, { newest: NEWEST, lastSession: NEWEST, mode: 'daily' }).freshness,
    jobs: [jobOf({})],
  }
}

const RULE = '='.repeat(60)
const error = (kind: ErrorKind) => new IngestError('x', { kind, scope: 'run' })
const done = (symbol: string, changes: Partial<SymbolOutcome> = {}) =>
  outcomeOf(symbol, {
    filesWritten: 1,
    rowsWritten: 1,
    counts: { ...ZERO_COUNTS, stored: 1 },
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
    const text = summaryText({ ...ending([done('A')]), metricsLocation: undefined })
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
