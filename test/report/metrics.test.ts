import { describe, expect, test } from 'bun:test'
import { ZERO_COUNTS } from '../../lib/core/outcome.ts'
import { IngestError } from '../../lib/core/errors.ts'
import { buildMetrics } from '../../lib/report/metrics.ts'
import { factsOf, START } from '../support/run-facts.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { configOf, day, outcomeOf } from '../support/values.ts'

const SUM = { ...ZERO_COUNTS, stored: 3, already_stored: 1, failed: 1 }
const failure = new IngestError('It broke.', { kind: 'payload', scope: 'symbol', hint: 'Mend it.' })

const OUTCOMES = [
  outcomeOf('AAPL', {
    filesWritten: 3,
    rowsWritten: 3,
    counts: SUM,
    errors: [failure],
    suspects: 1,
    closedDayBars: 2,
    first: day('2020-01-02'),
    through: day('2024-09-27'),
  }),
  outcomeOf('MSFT', {
    filesWritten: 1,
    rowsWritten: 250,
    counts: { ...ZERO_COUNTS, stored: 250, rejected: 1 },
    rejects: [
      {
        symbol: 'MSFT',
        dataset: 'prices',
        date: '2023-01-03',
        reason: 'volume is negative',
        row: { date: '2023-01-03', volume: -1 },
      },
    ],
    incomplete: 4,
    wouldShrink: 1,
    differing: 1,
    first: day('2010-01-04'),
    through: day('2023-12-29'),
  }),
  outcomeOf('NEW', { isFinished: false, counts: { ...ZERO_COUNTS, not_reached: 5 } }),
]

describe('buildMetrics()', () => {
  test('is the promised document, whatever happened', () => {
    const stoppedBy = new IngestError('stop', { kind: 'quota', scope: 'run' })
    for (const facts of [factsOf(), factsOf({ outcomes: OUTCOMES }), factsOf({ range: undefined, stoppedBy })]) {
      expect(schemaErrors('metrics', JSON.parse(JSON.stringify(buildMetrics(facts))))).toEqual([])
    }
  })

  test('names the dataset, and the calls of each symbol', () => {
    const outcomes = [outcomeOf('A', { calls: 3 }), outcomeOf('B')]
    const metrics = buildMetrics(factsOf({ config: configOf({ datasets: ['prices', 'income'] }), outcomes }))
    expect(metrics.dataset).toBe('prices,income')
    expect(metrics.results.map(({ symbol, calls }) => [symbol, calls])).toEqual([
      ['A', 3],
      ['B', 0],
    ])
  })

  test('adds up', () => {
    const metrics = buildMetrics(factsOf({ outcomes: OUTCOMES, runErrors: [failure] }))
    expect(metrics).toMatchObject({
      symbols_processed: 2,
      symbols: 3,
      files_written: 4,
      rows_written: 253,
      errors: 2,
      run_errors: ['It broke. Mend it.'],
      counts: { ...ZERO_COUNTS, stored: 253, already_stored: 1, failed: 1, rejected: 1, not_reached: 5 },
      sessions: 261,
      rejected_rows: 1,
      suspect_rows: 1,
      rows_without_adj_close: 4,
      bars_on_closed_days: 2,
      would_shrink: 1,
      differing_files: 1,
      first_date: '2010-01-04',
      through_date: '2024-09-27',
    })
    expect(metrics.results.map(({ sessions, errors }) => [sessions, errors])).toEqual([
      [5, ['It broke. Mend it.']],
      [251, []],
      [5, []],
    ])
  })

  test('counts failed writes of its own files as errors of the run', () => {
    const lostFiles = [new IngestError('No place.', { kind: 'store', scope: 'run' })]
    expect(buildMetrics(factsOf({ outcomes: OUTCOMES, lostFiles }))).toMatchObject({
      errors: 2,
      run_errors: ['No place.'],
      status: 'failed',
      exit_code: 1,
    })
  })

  test('adds no documents to sessions, and takes its dates from prices', () => {
    const statement = outcomeOf('AAPL', {
      dataset: 'income',
      counts: { ...ZERO_COUNTS, stored: 36 },
      first: day('1985-09-30'),
      through: day('2034-06-30'),
      calls: 1,
    })
    const jobs = [
      { dataset: 'prices', unit: 'sessions' },
      { dataset: 'income', unit: 'documents' },
    ] as const
    const config = configOf({ datasets: ['prices', 'income'] })
    const metrics = buildMetrics(factsOf({ config, jobs, outcomes: [...OUTCOMES, statement] }))
    expect(metrics).toMatchObject({ sessions: 261, first_date: '2010-01-04', through_date: '2024-09-27' })
    expect(metrics.datasets.map(({ unit, counts }) => [unit, counts.stored])).toEqual([
      ['sessions', 253],
      ['documents', 36],
    ])
    const alone = buildMetrics(factsOf({ config, jobs: jobs.slice(1), outcomes: [statement] }))
    expect(alone).toMatchObject({ sessions: 0, counts: ZERO_COUNTS, first_date: null, through_date: null })
  })

  test('tells when it was, in whole seconds, and what was asked for', () => {
    expect(buildMetrics(factsOf({ startMs: START + 999 }))).toMatchObject({
      run_id: '2024-10-01T00:00:00+00:00',
      date_range: { from: '2024-09-23', to: '2024-09-27' },
      duration_seconds: 45.2,
      now_overridden: false,
      program_version: '1.2.3',
    })
    expect(buildMetrics(factsOf({ range: undefined })).date_range).toEqual({ from: null, to: null })
    expect(buildMetrics(factsOf({ config: configOf({ nowMs: START }) })).now_overridden).toBe(true)
  })

  test('rounds durations to milliseconds', () => {
    const vendorStats = { calls: 7, retries: 2, limited: 1, gateWaitMs: 1_234.567 }
    expect(buildMetrics(factsOf({ durationSeconds: 1.23456, vendorStats }))).toMatchObject({
      duration_seconds: 1.235,
      gate_wait_seconds: 1.235,
      calls: 7,
      retries: 2,
      refused_calls: 1,
    })
  })

  test.each([
    [undefined, null, false],
    ['quota', 'quota', false],
    ['budget', 'budget', false],
    ['interrupted', 'interrupted', true],
  ] as const)('stopped by %p says so', (kind, stopped_by, interrupted) => {
    const stoppedBy = kind && new IngestError('stop', { kind, scope: 'run' })
    const interruptCode = interrupted ? 130 : undefined
    expect(buildMetrics(factsOf({ stoppedBy, interruptCode }))).toMatchObject({ stopped_by, interrupted })
  })

  test('names every setting but no secret', () => {
    const config = configOf({
      tickers: { kind: 'flag', list: 'AAPL' },
      target: { kind: 's3', bucket: 'my-bucket' },
      apiKey: 'the-key-itself',
      secrets: ['the-key-itself', 'the-secret-access-key'],
      maxCalls: 240,
      mending: 'splits',
      auditEvery: undefined,
      accepts: ['AAPL'],
      isForced: true,
    })
    const { settings } = buildMetrics(factsOf({ config }))
    expect(settings).toMatchObject({
      out: 's3://my-bucket',
      prefix: 'raw',
      force: true,
      max_calls: 240,
      mend: 'splits',
      audit: null,
      accept: ['AAPL'],
      api: 'stable',
      lookback: 5,
    })
    expect(JSON.stringify(settings)).not.toMatch(/the-key|the-secret/)
    const path = buildMetrics(factsOf({ config: configOf({ tickers: { kind: 's3', bucket: 'b', key: 'k.csv' } }) }))
    expect(path.settings.tickers).toBe('s3://b/k.csv')
  })
})
