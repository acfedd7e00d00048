import { describe, expect, test } from 'bun:test'
import type { Dataset } from '../../../lib/core/dataset.ts'
import { watchStore, type WatchedSymbol } from '../../../lib/datasets/table/watch.ts'
import { fileOf } from '../../support/lakes/folder-store.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { DATASET, dayKeyOf, handsOf, nightOf, rowOf, yearKeyOf } from '../../support/lakes/table-lake.ts'
import { day, prices } from '../../support/values.ts'

const NOW = nightOf('2024-02-05')
const FUNDS: Dataset = { ...prices({ prefix: 'other' }), name: 'income' }

function watch(store = createMemoryStore()) {
  const order: string[] = []
  const watching = watchStore(store, {
    datasets: [DATASET, FUNDS],
    listedFrom: day('2024-01-01'),
    seenFrom: day('2024-01-20'),
    beforeChange: async ({ root }) => void order.push(`${root} with ${store.files.size}`),
  })
  return { ...watching, hands: handsOf(watching.store, NOW), order, inner: store }
}

function datesAdded(seen: WatchedSymbol | undefined) {
  return seen?.added.map(({ row }) => row.date)
}

/** A day file of 20 MiB: nothing stands between its columns and its footer. */
function bigFileOf(date: string): Uint8Array {
  const bytes = fileOf([rowOf('A', date)])
  const footer = bytes.length - 8 - new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 8, true)
  return Buffer.concat([bytes.subarray(0, footer), new Uint8Array(20 * 1_048_576), bytes.subarray(footer)])
}

describe('what a run writes', () => {
  test('is remembered by dataset and symbol: new days with their bytes, the others by their keys', async () => {
    const { store, hands, watched } = watch()
    await hands.addDay(rowOf('^GSPC', '2024-02-02'))
    await hands.correct(rowOf('^GSPC', '2024-02-02', 12))
    await hands.putYear([rowOf('A', '2023-02-02')])
    await store.create('logs/ingest/x.json', new Uint8Array(), {})
    await store.create(FUNDS.root, new Uint8Array(), {})
    const seen = watched(DATASET)
    expect([...seen.keys()]).toEqual(['^GSPC', 'A'])
    expect(datesAdded(seen.get('^GSPC'))).toEqual([day('2024-02-02')])
    expect(seen.get('^GSPC')?.changed).toEqual(new Set([dayKeyOf('^GSPC', '2024-02-02')]))
    expect(seen.get('A')?.changed).toEqual(new Set([yearKeyOf('A', 2023)]))
  })

  test('and does not come about is not', async () => {
    const { store, hands, watched } = watch()
    await hands.addDay(rowOf('A', '2024-02-02'))
    const before = watched(DATASET).get('A')?.added.length
    expect(await store.create(dayKeyOf('A', '2024-02-02'), new Uint8Array(), {})).toBe('exists')
    expect(await store.replace(dayKeyOf('A', '2024-02-02'), new Uint8Array(), {}, 'of nobody')).toBe('conflict')
    expect([before, watched(DATASET).get('A')?.added.length, watched(DATASET).get('A')?.changed.size]).toEqual([
      1, 1, 0,
    ])
  })

  test('keeps no more bytes than a night of 20,000 symbols has', async () => {
    const { store, watched } = watch()
    for (const date of ['2024-02-01', '2024-02-02']) await store.create(dayKeyOf('A', date), bigFileOf(date), {})
    const seen = watched(DATASET).get('A')
    expect([datesAdded(seen), [...(seen?.changed ?? [])]]).toEqual([[day('2024-02-01')], [dayKeyOf('A', '2024-02-02')]])
  })

  test('is announced before it is written, but for what a later run finds by its listing', async () => {
    const { hands, order } = watch()
    await hands.addDay(rowOf('A', '2024-02-02'))
    await hands.addDay(rowOf('A', '2024-01-20'))
    expect(order).toEqual([])
    await hands.addDay(rowOf('A', '2024-01-19'))
    await hands.putYear([rowOf('A', '2022-02-02')])
    expect(order).toEqual(['raw/prices/ with 2', 'raw/prices/ with 3'])
  })
})

describe('what a run lists', () => {
  test('is remembered: its day files since a date, and the year files of the years listed from their folder on', async () => {
    const inner = createMemoryStore()
    const hands = handsOf(inner, NOW)
    await hands.putYear([rowOf('A', '2023-02-02')])
    for (const date of ['2023-12-29', '2024-01-02', '2024-02-02']) await hands.addDay(rowOf('A', date))
    const { store, watched } = watch(inner)
    const folder = DATASET.folder('A')
    await store.list(folder, `${folder}year=2023/`, dayKeyOf('A', '2024-02-05'))
    const seen = watched(DATASET).get('A')
    expect([...(seen?.listedDays ?? [])]).toEqual([day('2024-01-02'), day('2024-02-02')])
    expect([...(seen?.listedYears ?? [])]).toEqual([
      [2023, expect.stringMatching(/^[0-9a-f]{16}$/)],
      [2024, ''],
    ])
  })

  test('of a part of a year says nothing of its year file', async () => {
    const inner = createMemoryStore()
    await inner.create(yearKeyOf('A', 2024), fileOf([rowOf('A', '2024-01-02')]), {})
    const { store, watched } = watch(inner)
    await store.list(DATASET.folder('A'), dayKeyOf('A', '2024-01-02').slice(0, -8), dayKeyOf('A', '2024-02-05'))
    expect([...(watched(DATASET).get('A')?.listedYears ?? [])]).toEqual([])
  })
})
