import { factsOf } from '../support/run-facts.ts'
import { describe, expect, test } from 'bun:test'
import { ZERO_COUNTS, type SymbolOutcome } from '../../lib/core/outcome.ts'
import { IngestError, type ErrorKind } from '../../lib/core/errors.ts'
import { buildMetrics, type RunFacts } from '../../lib/report/metrics.ts'
import { configOf, day, outcomeOf, span } from '../support/values.ts'
import { judgeNewestSession } from '../../lib/datasets/prices/newest-session.ts'
import type { Job } from '../../lib/pipeline/pipeline.ts'
import { callsOf, dryRunJson, dryRunText, planLine, summaryText } from '../../lib/report/summary.ts'

const NEWEST = day('2024-09-13')
function jobOf(changes: Partial<Job>): Job {
  return {
    dataset: 'prices',
    unit: 'sessions',
    calls: 0,
    callsOfTasks: () => [],
    compared: { symbols: 0, wholly: 0 },
    range: undefined,
    notes: [],
    warnings: [],
    errors: [],
    keys: () => [],
    stored: () => [],
    tasks: () => [],
    judge: (outcomes) => ({ outcomes, errors: [], freshness: undefined, heldSessions: [] }),
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

  test('is the totals and what is stored of each symbol, then on demand every key, one a line', () => {
    const totals = [
      'Files: 3',
      'Calls: 4',
      'Time: 4 calls, one per 15 s: about 1 min',
      'Stored:',
      '  AAPL: 2 day files',
      '  AAPL: 1 document',
      '',
    ]
    expect(dryRunText(jobs, config).split('\n')).toEqual(totals)
    // The keys only on demand, and last: what they cost comes first.
    const keys = ['a.parquet', 'b.parquet', 'c/*.parquet', '']
    expect(dryRunText(jobs, { ...config, showsKeys: true }).split('\n')).toEqual([...totals, ...keys])
  })

  test.each([
    ['one symbol after the other', [2, 2, 2, 2], 4, 'Days: 2, at 4 calls a day (--max-calls)'],
    ['a symbol is never split', [2, 2, 2, 2], 5, 'Days: 2, at 5 calls a day (--max-calls)'],
    ['a symbol that does not fit waits for the next day', [1, 3, 1], 3, 'Days: 3, at 3 calls a day (--max-calls)'],
    ['what is stored takes no day', [0, 0, 2], 2, 'Days: 1, at 2 calls a day (--max-calls)'],
    ['nothing to do takes none', [0, 0], 2, 'Days: 0, at 2 calls a day (--max-calls)'],
    ['all fit', [2, 2], 1_000, 'Days: 1, at 1,000 calls a day (--max-calls)'],
    ['a day for each', [4, 4, 4], 4, 'Days: 3, at 4 calls a day (--max-calls)'],
    ['500 symbols of the free plan', Array.from({ length: 500 }, () => 2), 240, 'Days: 5, at 240 calls a day'],
    ['a symbol that no day can pay', [2, 6], 4, 'Days: no number of them is enough: one symbol needs 6 calls at once'],
    ['the first of them', [6, 8], 4, 'needs 6 calls at once and --max-calls is 4'],
  ])('counts the days at --max-calls: %s', (_, calls, maxCalls, expected) => {
    const job = jobOf({ calls: calls.reduce((sum, count) => sum + count, 0), callsOfTasks: () => calls })
    expect(dryRunText([job], { ...config, maxCalls })).toContain(expected)
  })

  test('says nothing of days without --max-calls', () => {
    expect(dryRunText(jobs, config)).not.toContain('Days')
  })

  test('says what a backfill of the same dates would take', () => {
    const instead = { jobs: [jobOf({ calls: 2, keys: () => ['x'] })], range: span('2024-01-01..2024-09-13') }
    const says = 'With --backfill: 1 file, 2 calls, 30 s; whole years, 2024-01-01 to 2024-09-13'
    expect(dryRunText(jobs, config, instead).split('\n').slice(0, 4)).toEqual([
      'Files: 3',
      'Calls: 4',
      'Time: 4 calls, one per 15 s: about 1 min',
      says,
    ])
  })

  test.each([
    [
      500,
      26,
      'Compared: 500 symbols, 26 of them wholly; two calls per ten stored years more for each symbol whose past',
    ],
    [1, 0, 'Compared: 1 symbol; two calls per ten stored years more for each symbol whose past has changed'],
  ])(
    'of %d compared symbols, %d of them wholly, says so, and what a changed past costs',
    (symbols, wholly, expected) => {
      const compared = [...jobs, jobOf({ compared: { symbols, wholly } })]
      expect(dryRunText(compared, config)).toContain(`\n${expected}`)
    },
  )

  test('says nothing of comparing where nothing that is stored is asked for', () => {
    expect(dryRunText(jobs, config)).not.toContain('Compared')
  })

  test('for programs is one object of these fields', () => {
    expect(dryRunJson(jobs, config)).toEqual({
      files: ['a.parquet', 'b.parquet', 'c/*.parquet'],
      calls: 4,
      seconds: 60,
      shard: null,
    })
  })

  test('of nothing', () => {
    expect(dryRunJson([], config)).toEqual({ files: [], calls: 0, seconds: 0, shard: null })
    expect(dryRunText([], config)).toContain('Nothing to fetch')
    expect(callsOf([])).toBe(0)
  })
})

function ending(
  outcomes: readonly SymbolOutcome[],
  changes: Partial<RunFacts> = {},
  metricsLocation: string | undefined = 's3://my-bucket/logs/x.json',
) {
  const facts = factsOf({ durationSeconds: 45.16, outcomes, ...changes })
  return {
    metrics: buildMetrics(facts),
    stoppedBy: facts.stoppedBy,
    metricsLocation,
    freshness: judgeNewestSession(outcomes, { newest: NEWEST, lastSession: NEWEST, mode: 'daily' }).freshness,
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

  test('writes every number with its thousands, and says where the rejected rows are', () => {
    const counts = { ...ZERO_COUNTS, stored: 1_234 }
    const big = Array.from({ length: 1_200 }, (_, index) =>
      done(`S${index}`, { filesWritten: 1_234, rowsWritten: 12_560, counts }),
    )
    const rejectsLocation = 's3://my-bucket/logs/x.rejects.jsonl'
    const text = summaryText({ ...ending(big, { durationSeconds: 36_015.04 }), rejectsLocation })
    expect(text).toContain('Symbols: 1,200\n')
    expect(text).toContain('Files written: 1,480,800\n')
    expect(text).toContain('Rows written: 15,072,000\n')
    expect(text).toContain('Through: 2024-09-13 (1,200 of 1,200 symbols)\n')
    expect(text).toContain('Duration: 36,015.0s\n')
    expect(text).toContain(`Rejects file: ${rejectsLocation}\n`)
    expect(text).not.toMatch(/: \d{4,}(?!-)/)
  })

  test.each([
    [['2024-09-12', '2024-09-11', undefined], '2024-09-12 (1 of 3 symbols)'],
    [['2024-09-13', '2024-09-13', '2024-09-11'], '2024-09-13 (2 of 3 symbols)'],
    [['2024-09-12'], '2024-09-12 (1 of 1 symbols)'],
    [[undefined, undefined], undefined],
  ])('says through which stored date, and how many have it: %p', (dates, expected) => {
    const outcomes = dates.map((date, index) => done(`S${index}`, { through: date === undefined ? date : day(date) }))
    const [line] = summaryText(ending(outcomes)).match(/(?<=Through: ).*/) ?? []
    expect(line).toBe(expected)
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

  test.each<[string, Partial<RunFacts>, RegExp]>([
    ['errors', { runErrors: [error('session-absent')] }, /^\S+ +Ingestion .*[Ee]rrors/],
    ['a spent budget', { stoppedBy: error('budget') }, /^\S+ +Ingestion Stopped Early \(budget\)/],
    ['a quota', { stoppedBy: error('quota'), runErrors: [error('quota')] }, /^\S+ +Ingestion Stopped Early \(quota\)/],
    ['an interrupt', { stoppedBy: error('interrupted'), interruptCode: 130 }, /^\S+ +Ingestion Interrupted/],
  ])('with %s says so in its first line', (_, changes, expected) => {
    const text = summaryText(ending([done('A')], changes))
    expect(text).toMatch(expected)
    expect(text).not.toContain('Complete')
  })

  test('without metrics says so, and that not all is well', () => {
    const text = summaryText({ ...ending([done('A')], { lostFiles: [error('store')] }), metricsLocation: undefined })
    expect(text).not.toContain('Complete')
    expect(text).toContain('❌ Errors: 1\n')
    expect(text).toContain('📋 Metrics: could not be written')
  })

  test('without its rejected rows says that not all is well, and where the metrics are', () => {
    const text = summaryText(ending([done('A')], { lostFiles: [error('store')] }))
    expect(text).not.toContain('Complete')
    expect(text).toContain('❌ Errors: 1\n')
    expect(text).toContain('📋 Metrics: s3://my-bucket/logs/x.json')
  })
})
