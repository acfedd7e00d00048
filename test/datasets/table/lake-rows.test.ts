import { describe, expect, test } from 'bun:test'
import { listingHash, listRaw, readLakeRows } from '../../../lib/datasets/table/lake-rows.ts'
import { fileOf } from '../../support/lakes/folder-store.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { DATASET, dayKeyOf, rowOf, yearKeyOf } from '../../support/lakes/table-lake.ts'
import { at, storedFile } from '../../support/values.ts'

const INGEST = '2024-09-16T12:00:00Z'

function setLake() {
  let nowMs = at(INGEST)
  const store = createMemoryStore(() => nowMs)
  const problems: string[] = []
  const context = { store, dataset: DATASET, onProblem: (text: string) => void problems.push(text) }
  return {
    store,
    problems,
    put: async (key: string, bytes: Uint8Array) => void (await store.replace(key, bytes, {})),
    setNow: (instant: string) => void (nowMs = at(instant)),
    async read(symbol = 'A') {
      const { rows, isWhole } = await readLakeRows(symbol, await listRaw(symbol, context), context)
      return { isWhole, rows: rows.map(({ row, ingestMs }) => `${row.date} ${row['close']} ${ingestMs - at(INGEST)}`) }
    },
  }
}

const DAY = '2024-09-13'
const dayFile = (close: number, ingest = INGEST) => fileOf([rowOf('A', DAY, close)], { ingest })

describe('the row of a date that counts', () => {
  test('is that with the greatest ingest_ts, in whichever file it stands', async () => {
    const lake = setLake()
    await lake.put(dayKeyOf('A', DAY), dayFile(1, '2024-09-16T12:00:01Z'))
    await lake.put(yearKeyOf('A', 2024), fileOf([rowOf('A', DAY, 2), rowOf('A', '2024-01-02', 3)], { ingest: INGEST }))
    expect(await lake.read()).toEqual({ isWhole: true, rows: ['2024-01-02 3 0', '2024-09-13 1 1000'] })
    await lake.put(yearKeyOf('A', 2024), fileOf([rowOf('A', DAY, 4)], { ingest: '2024-09-16T12:00:02Z' }))
    expect(await lake.read()).toEqual({ isWhole: true, rows: ['2024-09-13 4 2000'] })
  })

  test('of equal ones is that of the file written last, then that of the greater key', async () => {
    const lake = setLake()
    await lake.put(yearKeyOf('A', 2024), fileOf([rowOf('A', DAY, 2)], { ingest: INGEST }))
    await lake.put(dayKeyOf('A', DAY), dayFile(1))
    // `year=2024/month=09/…` is greater than `year=2024/A-2024…`.
    expect((await lake.read()).rows).toEqual(['2024-09-13 1 0'])
    lake.setNow('2024-09-16T12:00:05Z')
    await lake.put(yearKeyOf('A', 2024), fileOf([rowOf('A', DAY, 2)], { ingest: INGEST }))
    expect((await lake.read()).rows).toEqual(['2024-09-13 2 0'])
  })
})

describe('a raw file', () => {
  test.each([
    ['that is cut off', (bytes: Uint8Array) => bytes.subarray(0, -3), 'is not a readable Parquet file'],
    ['with rows of another symbol', () => fileOf([rowOf('B', DAY)]), 'holds rows of another symbol'],
    ['of no bytes', () => new Uint8Array(), 'is not a readable Parquet file'],
    ['with a damaged page', (bytes: Uint8Array) => bytes.with(5, 0xff).with(6, 0xff), 'is damaged'],
  ])('%s is named and left out, and the rows are not whole', async (_what, damage, expected) => {
    const lake = setLake()
    await lake.put(dayKeyOf('A', '2024-09-12'), fileOf([rowOf('A', '2024-09-12', 7)], { ingest: INGEST }))
    await lake.put(dayKeyOf('A', DAY), damage(dayFile(1)))
    const { isWhole, rows } = await lake.read()
    expect({ isWhole, rows }).toEqual({ isWhole: false, rows: ['2024-09-12 7 0'] })
    expect(lake.problems).toEqual([
      expect.stringMatching(
        new RegExp(`^memory/${dayKeyOf('A', DAY)} ${expected}.*: the table has none of its rows\\.$`),
      ),
    ])
  })

  test('that is gone since it was listed has no rows', async () => {
    const lake = setLake()
    const file = { ...storedFile(dayKeyOf('A', DAY)), partition: { kind: 'day', date: rowOf('A', DAY).date } } as const
    const context = { store: lake.store, dataset: DATASET, onProblem: (text: string) => void lake.problems.push(text) }
    expect(await readLakeRows('A', [file], context)).toEqual({ rows: [], isWhole: true })
    expect(lake.problems).toEqual([])
  })
})

test('the hash of a listing is another whenever a key, a size or a tag is', () => {
  const file = storedFile('a')
  const listings = [
    [],
    [file],
    [file, file],
    [{ ...file, key: 'b' }],
    [{ ...file, sizeBytes: 1_001 }],
    [{ ...file, tag: 'other' }],
  ]
  expect(new Set(listings.map(listingHash)).size).toBe(6)
  expect(listingHash([])).toBe('')
  expect(listingHash([{ ...file, modifiedMs: 5 }])).toBe(listingHash([file]))
})
