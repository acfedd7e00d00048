import { describe, expect, test } from 'bun:test'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { inventory, listSymbolFiles, listSymbols, readFooters, type SymbolFiles } from '../../lib/datasets/inventory.ts'
import type { SessionDataset } from '../../lib/datasets/prices/schema.ts'
import { createStatement } from '../../lib/datasets/statements/schema.ts'
import type { Store } from '../../lib/store/store.ts'
import { createMemoryStore } from '../support/lakes/memory-store.ts'
import { fileOf } from '../support/lakes/folder-store.ts'
import { putPrices, rowsFor } from '../support/lakes/price-files.ts'
import { day, prices, span } from '../support/values.ts'

const PRICES = prices()

/** A store in memory with a way to put files into it. */
function openLake() {
  const store = createMemoryStore()
  const put = async (key: string, bytes: Uint8Array = new Uint8Array([1])) => void (await store.replace(key, bytes, {}))
  return { store, put, context: { store, dataset: PRICES } }
}

const nameOf = async ({ symbol }: SymbolFiles<SessionDataset>) => await Promise.resolve(symbol)

const keysOf = (files: readonly { readonly key: string }[]) => files.map(({ key }) => key)

describe('listSymbols()', () => {
  test('of an empty lake gives none', async () => {
    expect(await listSymbols(openLake().context)).toEqual({ symbols: [], strayFolders: [], strays: [] })
  })

  test('gives the symbols as they are, and whatever else stands beside their folders', async () => {
    const { put, context } = openLake()
    const folders = ['AAPL', '%5EGSPC', 'EURUSD%3DX', '^DJI', '%5eN225', '%41', '']
    for (const name of folders) await put(`raw/prices/symbol=${name}/x`)
    for (const key of ['raw/prices/sym=A/x', 'raw/prices/symbol/x', 'raw/prices/notes.txt']) await put(key)
    for (const key of ['raw/fundamentals/type=income/symbol=MSFT/x', 'other/prices/symbol=IBM/x']) await put(key)
    const { symbols, strayFolders, strays } = await listSymbols(context)
    expect(symbols.toSorted()).toEqual(['AAPL', 'EURUSD=X', '^GSPC'])
    expect(strayFolders.toSorted()).toEqual([
      'raw/prices/sym=A/',
      'raw/prices/symbol/',
      'raw/prices/symbol=%41/',
      'raw/prices/symbol=%5eN225/',
      'raw/prices/symbol=/',
      'raw/prices/symbol=^DJI/',
    ])
    expect(keysOf(strays)).toEqual(['raw/prices/notes.txt'])
  })

  test('works for statements, and without a prefix', async () => {
    const { store, put } = openLake()
    const [statement] = STATEMENTS
    if (statement === undefined) throw new Error('There is no statement')
    const dataset = createStatement(statement, { prefix: '' })
    await put(dataset.key('^GSPC', day('2024-09-28')))
    expect((await listSymbols({ store, dataset })).symbols).toEqual(['^GSPC'])
    const { files } = await listSymbolFiles('^GSPC', { store, dataset })
    expect(files.map(({ partition }) => partition)).toEqual([{ kind: 'document', date: day('2024-09-28') }])
  })
})

describe('listSymbolFiles()', () => {
  test('tells year files, day files and strays apart, with size and tag', async () => {
    const { store, put, context } = openLake()
    const keys = [
      PRICES.key('AAPL', { kind: 'year', year: 2020 }),
      PRICES.key('AAPL', { kind: 'day', date: day('2024-09-16') }),
    ]
    const strays = [
      'raw/prices/symbol=AAPL/AAPL-2020.parquet',
      'raw/prices/symbol=AAPL/year=2020/AAPL-2020 (1).parquet',
      'raw/prices/symbol=AAPL/year=2020/AAPL-2021.parquet',
      'raw/prices/symbol=AAPL/year=2020/MSFT-2020.parquet',
      'raw/prices/symbol=AAPL/year=2024/month=08/AAPL-2024-09-16.parquet',
      'raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-31.parquet',
      'raw/prices/symbol=AAPL/year=1989/AAPL-1989.parquet',
      'raw/prices/symbol=AAPL/year=2036/month=01/AAPL-2036-01-02.parquet',
    ]
    for (const key of [...keys, ...strays, 'raw/prices/symbol=AAPL-B/year=2020/AAPL-B-2020.parquet']) await put(key)
    const found = await listSymbolFiles('AAPL', context)
    expect(found.files.map(({ partition }) => partition)).toEqual([
      { kind: 'year', year: 2020 },
      { kind: 'day', date: day('2024-09-16') },
    ])
    const listed = (await store.list('raw/')).filter(({ key }) => keys.includes(key))
    expect(found.files.map(({ partition: _partition, ...file }) => file)).toEqual(listed)
    expect(keysOf(found.strays)).toEqual(strays.toSorted())
  })

  test('of a symbol without a folder gives no files', async () => {
    expect(await listSymbolFiles('AAPL', openLake().context)).toEqual({ symbol: 'AAPL', files: [], strays: [] })
  })
})

describe('inventory()', () => {
  test('lists each symbol once, in the order of the symbols, and only so many ahead of its reader', async () => {
    const symbols = Array.from({ length: 500 }, (_, index) => `S${index}`)
    const { store } = openLake()
    let listed = 0
    let ahead = 0
    const taken: string[] = []
    const counting: Store = {
      ...store,
      list: async (...args) => {
        listed += 1
        ahead = Math.max(ahead, listed - taken.length)
        return await store.list(...args)
      },
    }
    for await (const symbol of inventory(symbols, { store: counting, dataset: PRICES }, nameOf)) taken.push(symbol)
    expect(taken).toEqual(symbols)
    expect(listed).toBe(symbols.length)
    expect(ahead).toBeLessThanOrEqual(64)
  })
})

describe('readFooters()', () => {
  test('gives each file with its footer or its problem, in their order, without those that are gone', async () => {
    const lake = openLake()
    const rows = rowsFor('AAPL', '2023-12-28', '2024-01-04')
    const asked = span('2023-01-01..2023-12-31')
    await putPrices(lake, rows, 'year', { asked })
    await lake.put(PRICES.key('AAPL', { kind: 'year', year: 2022 }), new Uint8Array(0))
    await lake.put(PRICES.key('AAPL', { kind: 'year', year: 2021 }), fileOf(rows).slice(0, -9))
    const { files } = await listSymbolFiles('AAPL', lake.context)
    const [first] = files
    if (first === undefined) throw new Error('There are no files')
    const gone = { ...first, key: PRICES.key('AAPL', { kind: 'year', year: 1999 }) }
    const read = await readFooters([gone, ...files], lake.context)
    expect(read.map(({ file }) => file)).toEqual([...files])
    expect(read.map((stored) => ('footer' in stored ? stored.footer.span : stored.problem))).toEqual([
      'is not a readable Parquet file',
      'is not a readable Parquet file',
      span('2023-12-28..2023-12-29'),
      span('2024-01-02..2024-01-04'),
    ])
    expect(read[2]).toMatchObject({ footer: { rows: 2, asked, carried: [] } })
  })
})
