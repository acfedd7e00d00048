import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { IngestError } from '../../lib/core/errors.ts'
import { createRedactor } from '../../lib/core/text.ts'
import { buildMetrics } from '../../lib/report/metrics.ts'
import { replaceMetrics, runOfKey, storeMetrics } from '../../lib/report/metrics-file.ts'
import type { Store } from '../../lib/store/store.ts'
import { keysIn, openShelf, type Shelf } from '../support/lakes/folder-store.ts'
import { createMemoryStore } from '../support/lakes/memory-store.ts'
import { factsOf } from '../support/run-facts.ts'
import { schemaErrors } from '../support/json-schema.ts'
import { at, configOf, failureOf, outcomeOf } from '../support/values.ts'

const OUTCOMES = [
  outcomeOf('AAPL'),
  outcomeOf('MSFT', {
    rejects: [
      {
        symbol: 'MSFT',
        dataset: 'prices',
        date: '2023-01-03',
        reason: 'volume is negative',
        row: { date: '2023-01-03', volume: -1 },
      },
    ],
  }),
]

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
    expect(await store()).toEqual({
      key: `${STEM}.json`,
      rejectsKey: `${STEM}.rejects.jsonl`,
      rejectsError: undefined,
    })
    expect(JSON.parse(await textAt(`${STEM}.json`))).toEqual(JSON.parse(JSON.stringify(buildMetrics(facts))))
    const late = factsOf({ startMs: at('2024-12-31T23:59:59.999-05:00') })
    expect((await store(late)).key).toBe('logs/ingest/date=2025-01-01/run-1735707599.json')
  })

  test('puts the rejected rows beside it, one JSON object a line', async () => {
    await store()
    const lines = (await textAt(`${STEM}.rejects.jsonl`)).trimEnd().split('\n')
    for (const line of lines) expect(schemaErrors('rejects', JSON.parse(line))).toEqual([])
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(OUTCOMES.flatMap(({ rejects }) => [...rejects]))
  })

  test('is replaced where the run ends otherwise than it says', async () => {
    const { key } = await store()
    const lostFiles = [new IngestError('No place.', { kind: 'store', scope: 'run' })]
    await replaceMetrics(shelf.store, key, buildMetrics({ ...facts, lostFiles }), asItIs)
    expect(JSON.parse(await textAt(key))).toMatchObject({ status: 'failed', exit_code: 1, run_errors: ['No place.'] })
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
    expect(stored).toEqual({ key: `${STEM}.json`, rejectsKey: undefined, rejectsError: broken })
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

test('64 shards that begin in one second find their keys at once, and their rejects beside them', async () => {
  const store = createMemoryStore()
  let tries = 0
  const counting: Store = {
    ...store,
    create: async (key, bytes, metadata) => {
      tries += 1
      return await store.create(key, bytes, metadata)
    },
  }
  const keys = await Promise.all(
    Array.from({ length: 64 }, async (_, index) => {
      const config = configOf({ shard: { index: index + 1, count: 64, source: '--shard' } })
      const rejects = [{ symbol: 'A', dataset: 'prices', date: null, reason: 'x', row: {} }]
      const own = factsOf({ config, outcomes: [outcomeOf('A', { rejects })] })
      return await storeMetrics(counting, buildMetrics(own), own, asItIs)
    }),
  )
  expect(new Set(keys.map(({ key }) => key)).size).toBe(64)
  expect(keys.map(({ key }) => runOfKey(key)?.number)).toEqual(Array.from({ length: 64 }, (_, index) => index + 1))
  expect(keys.filter(({ key, rejectsKey }) => rejectsKey !== key.replace('.json', '.rejects.jsonl'))).toEqual([])
  expect(tries).toBe(128)
  // A shard that is started again within the second does not take the key of another.
  const again = factsOf({ config: configOf({ shard: { index: 2, count: 64, source: '--shard' } }) })
  expect(runOfKey((await storeMetrics(store, buildMetrics(again), again, asItIs)).key)?.number).toBe(66)
})
