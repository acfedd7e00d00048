import { describe, expect, test } from 'bun:test'
import { createRedactor } from '../../lib/core/text.ts'
import type { Metrics } from '../../lib/report/contract.ts'
import { buildMetrics } from '../../lib/report/metrics.ts'
import { runOfKey, storeMetrics } from '../../lib/report/metrics-file.ts'
import { readLastRuns, readRuns, type StoredRun } from '../../lib/report/runs.ts'
import { IngestError } from '../../lib/core/errors.ts'
import type { Store } from '../../lib/store/store.ts'
import { createMemoryStore } from '../support/lakes/memory-store.ts'
import { factsOf, START } from '../support/run-facts.ts'
import { configOf, failureOf, outcomeOf } from '../support/values.ts'

const redact = createRedactor([])

async function take(store: Store, count: number): Promise<readonly StoredRun[]> {
  return await Array.fromAsync(readRuns(store, count))
}

/** A store with a run at each of these instants, in seconds after `START`. */
async function storeWith(seconds: readonly number[]): Promise<Store> {
  const store = createMemoryStore()
  for (const second of seconds) {
    const facts = factsOf({ startMs: START + second * 1_000, outcomes: [outcomeOf('AAPL')] })
    await storeMetrics(store, buildMetrics(facts), facts, redact)
  }
  return store
}

async function put(store: Store, key: string, text: string): Promise<void> {
  await store.replace(key, new TextEncoder().encode(text), {})
}

const KEY = 'logs/ingest/date=2024-10-01/run-1727740800.json'

describe('runOfKey()', () => {
  test.each([
    [KEY, { startMs: START, number: 1 }],
    [KEY.replace('.json', '-2.json'), { startMs: START, number: 2 }],
    [KEY.replace('.json', '-1000.json'), { startMs: START, number: 1_000 }],
    [KEY.replace('.json', '-1.json'), undefined],
    [KEY.replace('.json', '-02.json'), undefined],
    [KEY.replace('.json', '.rejects.jsonl'), undefined],
    [KEY.replace('10-01', '10-02'), undefined],
    [`raw/${KEY}`, undefined],
    ['logs/ingest/doctor/probe-1727740800.json', undefined],
  ])('%s is %j', (key, run) => {
    expect(runOfKey(key)).toEqual(run)
  })
})

/** Nights of so many shards each, a day after another; of the first night the newest. */
async function storeNights(nights: readonly number[]): Promise<Store> {
  const store = createMemoryStore()
  for (const [night, shards] of nights.entries()) {
    for (let index = 1; index <= shards; index += 1) {
      const config = configOf({ shard: shards === 1 ? undefined : { index, count: shards, source: '--shard' } })
      const facts = factsOf({ startMs: START - night * 86_400_000, config })
      await storeMetrics(store, buildMetrics(facts), facts, redact)
    }
  }
  return store
}

describe('readLastRuns()', () => {
  test.each([
    [[1, 1, 1, 1], 2, 0, 2],
    [[8, 8, 8, 8], 2, 0, 16],
    [[8, 1, 1, 1], 2, 0, 11],
    [[1, 1, 1, 8], 2, 0, 2],
    // All of the last day and of the one before it.
    [[3, 3, 1, 1], 1, 1, 6],
    [[64, 64, 64, 64, 64, 64, 64], 7, 0, 400],
  ])('of nights of %j runs reads %d of each shard, and all since %d days: %d', async (nights, runs, days, expected) => {
    const store = await storeNights(nights)
    const sinceMs = days === 0 ? Infinity : START - days * 86_400_000
    const read = await Array.fromAsync(readLastRuns(store, { runs, untilMs: START, sinceMs }))
    expect(read).toHaveLength(expected)
    const all = await take(store, 1_000)
    expect(read.map(({ key }) => key)).toEqual(all.slice(0, expected).map(({ key }) => key))
  })

  test('begins with the instant of the look', async () => {
    const read = readLastRuns(await storeNights([2, 2]), { runs: 1, untilMs: START - 1, sinceMs: Infinity })
    expect((await Array.fromAsync(read)).map(({ startMs }) => startMs)).toEqual(
      [START, START].map((ms) => ms - 86_400_000),
    )
  })
})

describe('readRuns()', () => {
  test('gives the newest runs, newest first, those of one second in the order in which they came', async () => {
    const store = await storeWith([0, 86_400, 0, ...Array.from({ length: 9 }, () => 5)])
    await put(store, 'logs/ingest/doctor/probe', 'x')
    await put(store, KEY.replace('.json', '.rejects.jsonl'), '{}')
    const runs = await take(store, 100)
    expect(runs.map(({ key }) => key.slice('logs/ingest/date='.length))).toEqual([
      '2024-10-02/run-1727827200.json',
      ...[9, 8, 7, 6, 5, 4, 3, 2].map((number) => `2024-10-01/run-1727740805-${number}.json`),
      '2024-10-01/run-1727740805.json',
      '2024-10-01/run-1727740800-2.json',
      '2024-10-01/run-1727740800.json',
    ])
    expect((await take(store, 2)).map(({ startMs }) => startMs)).toEqual([START + 86_400_000, START + 5_000])
    expect(await take(createMemoryStore(), 5)).toEqual([])
  })

  test('gives what the program writes today, field by field', async () => {
    const facts = factsOf({ outcomes: [outcomeOf('AAPL'), outcomeOf('MSFT')] })
    const metrics: Metrics = buildMetrics(facts)
    const store = createMemoryStore()
    await storeMetrics(store, metrics, facts, redact)
    const [run] = await take(store, 1)
    if (run === undefined || 'problem' in run) throw new Error(JSON.stringify(run))
    expect(metrics as object).toMatchObject(run.metrics)
    expect(run.metrics).toMatchObject({ exit_code: 0, calls: 0, duration_seconds: 45.2, symbols: metrics.symbols })
    expect(run.metrics.results.map(({ symbol }) => symbol)).toEqual(['AAPL', 'MSFT'])
  })

  test('takes a document of an older version without the fields that are new, and of a newer one with others', async () => {
    const store = createMemoryStore()
    await put(store, KEY, '{"exit_code":0,"results":[{"symbol":"A","further":1}],"further":{}}')
    expect(await take(store, 1)).toEqual([
      { key: KEY, startMs: START, metrics: { exit_code: 0, results: [{ symbol: 'A' }] } },
    ])
    await put(store, KEY, '{}')
    expect(await take(store, 1)).toEqual([{ key: KEY, startMs: START, metrics: { results: [] } }])
  })

  test.each([
    ['', 'is no JSON'],
    ['{"exit_code":', 'is no JSON'],
    ['null', 'is no metrics document: Invalid type: Expected Object but received null'],
    ['{"calls":"many"}', 'is no metrics document: calls: Invalid type: Expected number but received "many"'],
    ['{"through_date":"2024-02-31"}', 'is no metrics document: through_date: is no date'],
    ['{"results":[{"symbol":"A"},{}]}', 'is no metrics document: results.1.symbol: Invalid key'],
  ])('names a document that is %j, and goes on', async (text, problem) => {
    const store = await storeWith([-60])
    await put(store, KEY, text)
    const [broken, whole] = await take(store, 2)
    expect(broken).toEqual({ key: KEY, startMs: START, problem: expect.stringContaining(problem) as string })
    expect(whole).toHaveProperty('metrics')
  })

  test('leaves out a document that is gone meanwhile, names one that is too large, and fails with the store', async () => {
    const store = await storeWith([0, 1])
    const failing = (scope: 'symbol' | 'run'): Store => ({
      ...store,
      read: async (key) => {
        if (key === KEY) throw new IngestError('too large', { kind: 'store', scope })
        return await Promise.resolve(undefined)
      },
    })
    expect(await take(failing('symbol'), 2)).toEqual([
      { key: KEY, startMs: START, problem: 'cannot be read (too large)' },
    ])
    expect((await failureOf(take(failing('run'), 2))).message).toBe('too large')
  })
})
