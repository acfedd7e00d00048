import { describe, expect, test } from 'bun:test'
import type { SymbolEntry } from '../../../lib/datasets/table/footer.ts'
import type { Unit } from '../../../lib/datasets/table/layout.ts'
import { forgetRuns, listOpenRuns, noteRun } from '../../../lib/datasets/table/open-runs.ts'
import type { Change } from '../../../lib/datasets/table/rewrite.ts'
import {
  listTable,
  openUnit,
  readFooterOf,
  rewriteUnit,
  tableRoot,
  type Rewriting,
  type TableContext,
} from '../../../lib/datasets/table/units.ts'
import { findFile } from '../../../lib/datasets/stored-file.ts'
import { createMemoryStore, type MemoryStore } from '../../support/lakes/memory-store.ts'
import { contextOf, nightOf, rowOf, rowsOfTable } from '../../support/lakes/table-lake.ts'
import { at, failureOf } from '../../support/values.ts'

const NOW = nightOf('2024-09-16')
const LAYOUT = { baseYear: 2024, buckets: 16 }
const UNIT: Unit = { kind: 'month', month: '2024-09' }
const KEY = 'tables/prices/month-2024-09.parquet'

function add(symbol: string, date: string, close = 1): Change {
  const rows: Change['rows'] = (before) => [...before, { row: rowOf(symbol, date, close), ingestMs: 1_000 }]
  return { symbol, rows, days: (before) => before, listing: 'x', yearFile: '' }
}

function adding(change: Change, about: Partial<Rewriting> = {}): Rewriting {
  return { unit: UNIT, layout: LAYOUT, about: { listedMs: 5, rebuiltMs: 7 }, changes: () => [change], ...about }
}

/** A store in which another run writes before the first write of ours, as often as it is told. */
function withRival(store: MemoryStore, write: (store: MemoryStore) => Promise<unknown>, times: number): TableContext {
  let left = times
  const rival = async () => {
    if (left <= 0) return
    left -= 1
    await write(store)
  }
  return contextOf(
    {
      ...store,
      create: async (...args) => {
        await rival()
        return await store.create(...args)
      },
      replace: async (...args) => {
        await rival()
        return await store.replace(...args)
      },
    },
    NOW,
  )
}

describe('a file that others write at the same time', () => {
  test.each([0, 1])('has the rows of all, whether it was there (%p) or not', async (before) => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    if (before === 1) await rewriteUnit(adding(add('A', '2024-09-02')), context)
    const rival = withRival(store, async () => await rewriteUnit(adding(add('B', '2024-09-03')), context), 1)
    expect(await rewriteUnit(adding(add('C', '2024-09-04')), rival)).toBe(true)
    const symbols = Object.keys(await rowsOfTable(store, 'tables/')).map((name) => name[0])
    expect(symbols).toEqual(before === 1 ? ['A', 'B', 'C'] : ['B', 'C'])
  })

  test('asks for its changes anew after each conflict', async () => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    const rival = withRival(store, async () => await rewriteUnit(adding(add('B', '2024-09-03')), context), 3)
    const seen: (number | undefined)[] = []
    await rewriteUnit(
      adding(add('C', '2024-09-04'), {
        changes: ({ footer }) => {
          seen.push(footer?.entries.get('B')?.rows)
          return [add('C', '2024-09-04')]
        },
      }),
      rival,
    )
    expect(seen).toEqual([undefined, 1, 2, 3])
  })

  test('and never stop is an error that says what to do', async () => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    const rival = withRival(store, async () => await rewriteUnit(adding(add('B', '2024-09-03')), context), 200)
    const error = await failureOf(rewriteUnit(adding(add('C', '2024-09-04')), rival))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toBe(
      `memory/${KEY} was replaced by other runs each of the 100 times that this one tried to change it`,
    )
    expect(error.hint).toBe('Let the other runs finish, then run `ingest table`.')
  })
})

const instants = async (store: MemoryStore) => {
  const { listedMs, rebuiltMs } = (await readFooterOf({ key: KEY }, contextOf(store, NOW))) ?? {}
  return [listedMs, rebuiltMs]
}

// Names that do not compress.
const many = (count: number) =>
  Array.from({ length: count }, () => crypto.randomUUID())
    .toSorted()
    .map((symbol) => ({ ...add(symbol, '2024-09-02'), rows: () => [] }))

describe('the footer of a file', () => {
  test('keeps its instants, but for the stamp of a full listing, also of one by a clock that was set back', async () => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    await rewriteUnit(adding(add('A', '2024-09-02')), context)
    expect(await instants(store)).toEqual([5, 7])
    await rewriteUnit(adding(add('A', '2024-09-03'), { about: { listedMs: 50, rebuiltMs: 70 } }), context)
    expect(await instants(store)).toEqual([5, 7])
    await rewriteUnit(adding(add('A', '2024-09-04'), { stampMs: 3 }), context)
    expect(await instants(store)).toEqual([3, 7])
  })

  test('that is longer than the first read is read whole, also if it grows in between', async () => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    const [some, more] = [many(16_000), many(8_000)]
    const write = async (changes: readonly Change[]) =>
      await rewriteUnit(
        adding(add('A', '2024-09-02'), { changes: () => [add('!', '2024-09-02'), ...changes] }),
        context,
      )
    await write(some)
    expect((await readFooterOf({ key: KEY }, context))?.entries.size).toBe(16_001)
    let reads = 0
    const growing = contextOf(
      {
        ...store,
        read: async (...args) => {
          const bytes = await store.read(...args)
          reads += 1
          if (reads === 1) await write([...some, ...more].toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1)))
          return bytes
        },
      },
      NOW,
    )
    expect((await readFooterOf({ key: KEY }, growing))?.entries.size).toBe(24_001)
    expect(reads).toBe(3)
  })

  test('of a file that is gone is undefined', async () => {
    expect(await readFooterOf({ key: KEY }, contextOf(createMemoryStore(), NOW))).toBeUndefined()
  })
})

describe('a file under the table’s prefix that is not ours', () => {
  test.each([
    ['of another program', Buffer.from('PAR1 and more')],
    ['of no bytes', Buffer.from('')],
    ['with a length that cannot be', Buffer.from([0x50, 0x41, 0xff, 0xff, 0xff, 0xff, 0x50, 0x41, 0x52, 0x31])],
  ])('%s is an error that names it, and a rebuild takes its place', async (_what, bytes) => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    await store.create(KEY, bytes, {})
    for (const running of [
      readFooterOf({ key: KEY }, context),
      openUnit(UNIT, LAYOUT, context),
      rewriteUnit(adding(add('A', '2024-09-02')), context),
    ]) {
      const error = await failureOf(running)
      expect(error).toMatchObject({ kind: 'store', scope: 'run', data: { isNoTable: true } })
      expect(error.message).toBe(`memory/${KEY} is no file of a table of this program, or it is damaged`)
      expect(error.hint).toContain('`ingest table --rebuild`')
    }
    const rebuild = adding(add('A', '2024-09-02'), { isRebuild: true })
    expect(await rewriteUnit(rebuild, { ...context, mayReplace: true })).toBe(true)
    expect(Object.keys(await rowsOfTable(store, 'tables/'))).toEqual(['A 2024-09-02'])
  })

  test('but of a demo lake is an error too', async () => {
    const store = createMemoryStore()
    await rewriteUnit(adding(add('A', '2024-09-02')), contextOf(store, NOW))
    const context = contextOf(store, NOW)
    const demo = { ...context, dataset: { ...context.dataset, creator: 'fmp-ingest-demo' } }
    expect(await failureOf(readFooterOf({ key: KEY }, demo))).toMatchObject({ data: { isNoTable: true } })
  })

  test('with other columns is an error, and no file of two schemas is made of it', async () => {
    const store = createMemoryStore()
    const context = contextOf(store, NOW)
    await rewriteUnit(adding(add('A', '2024-09-02')), context)
    const { dataset } = context
    const wider = {
      ...context,
      dataset: { ...dataset, columns: dataset.columns.filter(({ name }) => name !== 'volume') },
    }
    expect(await failureOf(rewriteUnit(adding(add('B', '2024-09-02')), wider))).toMatchObject({
      data: { isNoTable: true },
    })
  })
})

test('a rebuild keeps nothing of a file, unless it was made by the same rebuild', async () => {
  const store = createMemoryStore()
  const context = contextOf(store, NOW)
  await rewriteUnit(adding(add('A', '2024-09-02')), context)
  await rewriteUnit(adding(add('B', '2024-09-02'), { isRebuild: true }), context)
  expect(Object.keys(await rowsOfTable(store, 'tables/'))).toEqual(['A 2024-09-02', 'B 2024-09-02'])
  await rewriteUnit(adding(add('C', '2024-09-02'), { isRebuild: true, about: { listedMs: 0, rebuiltMs: 8 } }), context)
  expect(Object.keys(await rowsOfTable(store, 'tables/'))).toEqual(['C 2024-09-02'])
})

test('a new file without a row is not written, an old one is', async () => {
  const store = createMemoryStore()
  const context = contextOf(store, NOW)
  const none = adding({ ...add('A', '2024-09-02'), rows: () => [] })
  expect(await rewriteUnit(none, context)).toBe(false)
  await rewriteUnit(adding(add('A', '2024-09-02')), context)
  expect(await rewriteUnit(none, context)).toBe(true)
  const entries: ReadonlyMap<string, SymbolEntry> | undefined = (await readFooterOf({ key: KEY }, context))?.entries
  expect([...(entries?.values() ?? [])].map(({ rows }) => rows)).toEqual([0])
})

test('a file whose name begins like that of another is not taken for it', async () => {
  const store = createMemoryStore()
  const context = contextOf(store, NOW)
  await store.create(`${KEY.slice(0, -1)}!`, Buffer.from('theirs'), {})
  await rewriteUnit(adding(add('A', '2024-09-02')), context)
  expect((await listTable(context)).map(({ key }) => key)).toEqual([KEY])
})

test.each([
  ['tables', 'tables/prices/'],
  ['a/b', 'a/b/prices/'],
  ['', 'prices/'],
])('below the prefix %p a table stands in %p', (tablePrefix, root) => {
  expect(tableRoot(contextOf(createMemoryStore(), NOW, { tablePrefix }))).toBe(root)
})

test('a file whose key sorts right before that of a unit is not taken for it', async () => {
  const store = createMemoryStore()
  await store.create(`${KEY.slice(0, -1)}a`, Buffer.from('x'), {})
  expect(await openUnit(UNIT, LAYOUT, contextOf(store, NOW))).toMatchObject({ stored: undefined })
  expect(await findFile(store, 'tables/prices/', KEY)).toBeUndefined()
})

test('16 runs that change one file at once lose nothing, and none gives up', async () => {
  const store = createMemoryStore()
  const symbols = Array.from({ length: 16 }, (_, index) => `S${String(index).padStart(2, '0')}`)
  await Promise.all(
    symbols.map(async (symbol) => {
      const context = contextOf(store, NOW, { runId: symbol })
      await noteRun({ id: symbol, sinceMs: at(NOW) }, context)
      await rewriteUnit(adding(add(symbol, '2024-09-04')), context)
      await forgetRuns(new Set([symbol]), context)
    }),
  )
  const rows = Object.keys(await rowsOfTable(store, 'tables/prices/')).map((name) => name.slice(0, 3))
  expect(rows.toSorted()).toEqual(symbols)
  expect(await listOpenRuns(contextOf(store, NOW))).toEqual([])
})
