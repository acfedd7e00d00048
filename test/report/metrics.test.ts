import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import * as v from 'valibot'
import { ZERO_COUNTS } from '../../lib/core/outcome.ts'
import { IngestError } from '../../lib/core/errors.ts'
import { buildMetrics, storeMetrics, type RunFacts } from '../../lib/report/metrics.ts'
import type { Store } from '../../lib/store/store.ts'
import { keysIn, openShelf, type Shelf } from '../support/lakes/folder-store.ts'
import { at, configOf, day, failureOf, outcomeOf, span } from '../support/values.ts'
import { createRedactor } from '../../lib/core/text.ts'

/** 2024-10-01T00:00:00Z. */
const START = 1_727_740_800_000

function factsOf(changes: Partial<RunFacts> = {}): RunFacts {
  return {
    config: configOf(),
    version: '1.2.3',
    runUuid: '0a1b2c3d-0000-4000-8000-000000000000',
    startMs: START,
    durationSeconds: 45.2,
    range: span('2024-09-23..2024-09-27'),
    outcomes: [],
    runErrors: [],
    stoppedBy: undefined,
    vendorStats: { calls: 0, retries: 0, limited: 0, gateWaitMs: 0 },
    recoveredWrites: 0,
    ...changes,
  }
}

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const date = v.nullable(v.pipe(v.string(), v.isoDate()))
const Counts = v.strictObject({
  stored: count,
  already_stored: count,
  no_data: count,
  missing: count,
  rejected: count,
  failed: count,
  not_reached: count,
})

/** Section 10 of the design. New fields may come; none may go. */
const Document = v.looseObject({
  run_id: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$/)),
  date_range: v.strictObject({ from: date, to: date }),
  symbols_processed: count,
  files_written: count,
  rows_written: count,
  errors: count,
  duration_seconds: v.number(),
  results: v.array(
    v.looseObject({
      symbol: v.string(),
      files_written: count,
      rows_written: count,
      errors: v.array(v.string()),
      counts: Counts,
      sessions: count,
      calls: count,
      first_date: date,
      through_date: date,
    }),
  ),
  schema_version: count,
  program_version: v.string(),
  run_uuid: v.pipe(v.string(), v.uuid()),
  mode: v.picklist(['daily', 'backfill']),
  dataset: v.string(),
  settings: v.record(v.string(), v.nullable(v.union([v.string(), v.number(), v.boolean()]))),
  now_overridden: v.boolean(),
  run_errors: v.array(v.string()),
  counts: Counts,
  sessions: count,
  suspect_rows: count,
  first_date: date,
  through_date: date,
  calls: count,
  retries: count,
  refused_calls: count,
  gate_wait_seconds: v.number(),
  recovered_writes: count,
  stopped_by: v.nullable(v.string()),
  interrupted: v.boolean(),
})

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
      const parsed = v.safeParse(Document, JSON.parse(JSON.stringify(buildMetrics(facts))))
      expect(parsed.issues?.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`) ?? []).toEqual([])
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
      errors: 1,
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

  test('tells when it was, and what was asked for', () => {
    expect(buildMetrics(factsOf())).toMatchObject({
      run_id: '2024-10-01T00:00:00.000+00:00',
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
    expect(buildMetrics(factsOf({ stoppedBy }))).toMatchObject({ stopped_by, interrupted })
  })

  test('names every setting but no secret', () => {
    const config = configOf({
      tickers: { kind: 'flag', list: 'AAPL' },
      target: { kind: 's3', bucket: 'my-bucket' },
      apiKey: 'the-key-itself',
      secrets: ['the-key-itself', 'the-secret-access-key'],
      maxCalls: 240,
      isForced: true,
    })
    const { settings } = buildMetrics(factsOf({ config }))
    expect(settings).toMatchObject({
      out: 's3://my-bucket',
      prefix: 'raw',
      force: true,
      max_calls: 240,
      api: 'stable',
      lookback: 5,
    })
    expect(JSON.stringify(settings)).not.toMatch(/the-key|the-secret/)
    const path = buildMetrics(factsOf({ config: configOf({ tickers: { kind: 's3', bucket: 'b', key: 'k.csv' } }) }))
    expect(path.settings.tickers).toBe('s3://b/k.csv')
  })
})

const asItIs = (text: string) => text

describe('storeMetrics()', () => {
  let shelf: Shelf
  beforeEach(async () => {
    shelf = await openShelf()
  })
  afterEach(() => shelf.remove())

  const STEM = 'logs/ingest/date=2024-10-01/run-1727740800'
  const facts = factsOf({ outcomes: OUTCOMES })
  const store = async (of = facts, redact = asItIs) => await storeMetrics(shelf.store, buildMetrics(of), of, redact)
  const textAt = async (key: string) => await Bun.file(join(shelf.folder, key)).text()

  test('takes the UTC date and the unix second of the start', async () => {
    expect(await store()).toEqual({ key: `${STEM}.json`, rejectsError: undefined })
    expect(JSON.parse(await textAt(`${STEM}.json`))).toEqual(JSON.parse(JSON.stringify(buildMetrics(facts))))
    const late = factsOf({ startMs: at('2024-12-31T23:59:59.999-05:00') })
    expect((await store(late)).key).toBe('logs/ingest/date=2025-01-01/run-1735707599.json')
  })

  test('puts the rejected rows beside it, one JSON object a line', async () => {
    await store()
    const lines = (await textAt(`${STEM}.rejects.jsonl`)).trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(OUTCOMES.flatMap(({ rejects }) => [...rejects]))
  })

  test('without rejected rows writes no such file', async () => {
    await store(factsOf())
    expect(await keysIn(shelf)).toEqual([`${STEM}.json`])
  })

  test('never takes a key that is taken, and keeps the stems together', async () => {
    expect((await store()).key).toBe(`${STEM}.json`)
    expect((await store()).key).toBe(`${STEM}-2.json`)
    expect((await store()).key).toBe(`${STEM}-3.json`)
    expect(await keysIn(shelf)).toEqual(
      ['-2', '-3', ''].flatMap((suffix) => [`${STEM}${suffix}.json`, `${STEM}${suffix}.rejects.jsonl`]).toSorted(),
    )
  })

  test('gives each of many runs of one second a key of its own', async () => {
    const keys = await Promise.all(Array.from({ length: 6 }, async () => (await store()).key))
    expect(new Set(keys).size).toBe(6)
  })

  test('blots secrets out of both files', async () => {
    const secret = 'hunter2hunter2'
    const broken = new IngestError(`said ${secret}`, { kind: 'server', scope: 'symbol' })
    const reject = { symbol: 'A', dataset: 'prices', date: null, reason: 'x', row: { echo: secret } }
    const of = factsOf({ outcomes: [outcomeOf('A', { errors: [broken], rejects: [reject] })] })
    await store(of, createRedactor([secret]))
    for (const key of await keysIn(shelf)) {
      const text = await textAt(key)
      expect(text).toContain('[redacted]')
      expect(text).not.toContain(secret)
    }
  })

  test('whose rejected rows cannot be written keeps its key and says why', async () => {
    const broken = new IngestError('no', { kind: 'store', scope: 'run' })
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (key.endsWith('.jsonl')) throw broken
      return await shelf.store.create(key, bytes, metadata)
    }
    const stored = await storeMetrics({ ...shelf.store, create }, buildMetrics(facts), facts, asItIs)
    expect(stored).toEqual({ key: `${STEM}.json`, rejectsError: broken })
    expect(await keysIn(shelf)).toEqual([`${STEM}.json`])
  })

  test('leaves a file where its rejected rows are to go, and says so', async () => {
    await Bun.write(join(shelf.folder, `${STEM}.rejects.jsonl`), 'of somebody else')
    const { key, rejectsError } = await store()
    expect(key).toBe(`${STEM}.json`)
    expect(rejectsError).toMatchObject({ kind: 'store', scope: 'run' })
    expect(rejectsError?.message).toBe(`${shelf.store.locate(`${STEM}.rejects.jsonl`)} is there already`)
    expect(await textAt(`${STEM}.rejects.jsonl`)).toBe('of somebody else')
  })

  test('gives up, as a failure of the store, when a thousand documents have its second', async () => {
    let tries = 0
    const create: Store['create'] = async () => {
      tries += 1
      return 'exists'
    }
    const error = await failureOf(storeMetrics({ ...shelf.store, create }, buildMetrics(facts), facts, asItIs))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toBe(`1000 metrics documents begin with ${shelf.store.locate(STEM)}`)
    expect(tries).toBe(1_000)
  })

  test('throws a defect as it is, of the rejected rows too', async () => {
    const defect = new TypeError('x is not a function')
    const create: Store['create'] = async (key) => (key.endsWith('.jsonl') ? await Promise.reject(defect) : 'created')
    const running = storeMetrics({ ...shelf.store, create }, buildMetrics(facts), facts, asItIs)
    expect(await running.catch((error: unknown) => error)).toBe(defect)
  })

  test('fails as the store fails', async () => {
    const broken = new IngestError('no', { kind: 'store', scope: 'run' })
    const create = async () => await Promise.reject(broken)
    const running = storeMetrics({ ...shelf.store, create }, buildMetrics(facts), facts, asItIs)
    expect(await failureOf(running)).toBe(broken)
  })
})
