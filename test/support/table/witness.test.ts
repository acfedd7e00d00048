// The witness and the readers of a table must see what was planted.

import { describe, expect, test } from 'bun:test'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { dayKey, yearKey } from '../bars.ts'
import { createReaders } from './readers.ts'
import { createWitness, type Witness } from './witness.ts'

type Planted = readonly [date: string, close: number, ingestMs?: number]

const [FIRST, SECOND, THIRD] = [1, 2, 3].map((day) => Date.UTC(2024, 8, day)) as [number, number, number]
const CLOSED = 'tables/prices/closed-2024-03-of-16.parquet'
const monthKey = (month: string) => `tables/prices/month-2024-${month}.parquet`

const column = (name: string, type: 'STRING' | 'DOUBLE' | 'TIMESTAMP', data: unknown[]) => ({ name, type, data })

function fileOf(rows: readonly Planted[]): Uint8Array {
  const prices = ['open', 'high', 'low', 'close', 'adjClose', 'volume']
  const buffer = parquetWriteBuffer({
    columnData: [
      column(
        'symbol',
        'STRING',
        rows.map(() => 'A'),
      ),
      column(
        'date',
        'TIMESTAMP',
        rows.map(([date]) => new Date(date)),
      ),
      ...prices.map((name) =>
        column(
          name,
          'DOUBLE',
          rows.map(([, close]) => close),
        ),
      ),
      column(
        'ingest_ts',
        'TIMESTAMP',
        rows.map(([, , ingestMs = FIRST]) => new Date(ingestMs)),
      ),
    ],
  })
  return new Uint8Array(buffer)
}

async function witnessOf(...writes: readonly (readonly [key: string, ...rows: Planted[]])[]): Promise<Witness> {
  const witness = createWitness()
  for (const [key, ...rows] of writes) await witness.wrote(key, fileOf(rows))
  return witness
}

const OLD: Planted = ['2023-12-29', 40]
const DAY: Planted = ['2024-09-03', 41]
const NEXT: Planted = ['2024-10-01', 42]
const RAW = [
  [yearKey('A', 2023), OLD],
  [yearKey('A', 2024), DAY, NEXT],
] as const
const WHOLE = [...RAW, [CLOSED, OLD], [monthKey('09'), DAY], [monthKey('10'), NEXT]] as const

describe('a witness', () => {
  test('finds nothing in a table that follows raw', async () => {
    const { wrongs, differences, counts } = await witnessOf(...WHOLE)
    expect({ wrongs, differences: differences(), ...counts }).toEqual({
      wrongs: [],
      differences: [],
      rawWrites: 2,
      tableWrites: 3,
      corrections: 0,
      seamMoments: 0,
      disorder: 0,
    })
  })

  test('takes the row of the newest ingest_ts, and either of two with one', async () => {
    const { differences } = await witnessOf(...WHOLE, [dayKey('A', '2024-09-03'), ['2024-09-03', 43, SECOND]])
    expect(differences().join()).toMatch(/^A 2024-09-03 is 41 .*, in raw 43 /)
    const tied = await witnessOf(...WHOLE, [dayKey('A', '2024-09-03'), ['2024-09-03', 43]])
    expect(tied.differences()).toEqual([])
    const older = await witnessOf(...WHOLE, [dayKey('A', '2024-09-03'), ['2024-09-03', 43, FIRST - 1]])
    expect(older.differences()).toEqual([])
  })

  test('allows a row that was the lake’s once, and names it as a difference', async () => {
    const { wrongs, differences } = await witnessOf(
      ...RAW,
      [dayKey('A', '2024-09-03'), ['2024-09-03', 43, SECOND]],
      [monthKey('09'), DAY],
    )
    expect(wrongs).toEqual([])
    expect(differences()).toHaveLength(3)
  })

  test.each<[what: string, wrong: RegExp, ...writes: (readonly [string, ...Planted[]])[]]>([
    [
      'a row that raw never had',
      /A 2024-09-03 44 .* was never the row of the lake/,
      [monthKey('09'), ['2024-09-03', 44]],
    ],
    ['a row with another ingest_ts', /was never the row/, [monthKey('09'), ['2024-09-03', 41, SECOND]]],
    ['a row that stands twice', /1 rows stand twice/, [monthKey('09'), DAY, DAY]],
    ['a row in two files', /A 2024-09-03 stands in .*09.parquet too/, [monthKey('08'), DAY]],
    ['a row that is lost', /A 2024-09-03 was lost/, [monthKey('09')]],
    [
      'a row that is put back',
      /A 2024-09-03 was 43 .* and was put back to 41/,
      [dayKey('A', '2024-09-03'), ['2024-09-03', 43, SECOND]],
      [monthKey('09'), ['2024-09-03', 43, SECOND]],
      [monthKey('09'), DAY],
    ],
    [
      'newer rows on a newer base than older ones',
      /A has newer rows on a newer base than older ones, from .*10.parquet on/,
      [yearKey('A', 2024), ['2024-09-03', 20.5, SECOND], ['2024-10-01', 21, SECOND]],
      [monthKey('10'), ['2024-10-01', 21, SECOND]],
    ],
    [
      'a file with rows of two bases',
      /A has newer rows on a newer base/,
      [yearKey('A', 2024), ['2024-09-03', 20.5, SECOND], ['2024-09-04', 20, SECOND], ['2024-10-01', 21, SECOND]],
      [monthKey('09'), DAY, ['2024-09-04', 20, SECOND]],
    ],
  ])('names %s', async (_what, wrong, ...writes) => {
    const { wrongs } = await witnessOf(...WHOLE, ...writes)
    expect(wrongs[0]).toMatch(wrong)
  })

  test('counts what a race leaves out of order, and holds it against no later run', async () => {
    const witness = await witnessOf(...WHOLE, [
      yearKey('A', 2024),
      ['2024-09-03', 20.5, SECOND],
      ['2024-10-01', 21, SECOND],
    ])
    witness.isRace = true
    await witness.wrote(monthKey('10'), fileOf([['2024-10-01', 21, SECOND]]))
    witness.isRace = false
    await witness.wrote(CLOSED, fileOf([OLD]))
    await witness.wrote(monthKey('10'), fileOf([['2024-10-01', 21, SECOND]]))
    await witness.wrote(monthKey('09'), fileOf([['2024-09-03', 20.5, SECOND]]))
    expect({ wrongs: witness.wrongs, disorder: witness.counts.disorder }).toEqual({ wrongs: [], disorder: 1 })
    // In order again, and now a run that is alone.
    await witness.wrote(
      yearKey('A', 2024),
      fileOf([
        ['2024-09-03', 10, THIRD],
        ['2024-10-01', 11, THIRD],
      ]),
    )
    await witness.wrote(monthKey('10'), fileOf([['2024-10-01', 11, THIRD]]))
    expect(witness.wrongs[0]).toMatch(/A has newer rows on a newer base than older ones, from .*10.parquet on/)
  })

  test('counts the moments of a mend that passes from older files to newer ones', async () => {
    const { wrongs, counts, differences } = await witnessOf(
      ...WHOLE,
      [yearKey('A', 2024), ['2024-09-03', 20.5, SECOND], ['2024-10-01', 21, SECOND]],
      [monthKey('09'), ['2024-09-03', 20.5, SECOND]],
      [monthKey('10'), ['2024-10-01', 21, SECOND]],
      // One bar that is put right stands on its base.
      [dayKey('A', '2024-10-01'), ['2024-10-01', 22, THIRD]],
      [monthKey('10'), ['2024-10-01', 22, THIRD]],
    )
    expect({ wrongs, differences: differences() }).toEqual({ wrongs: [], differences: [] })
    expect(counts.seamMoments).toBe(1)
  })

  test('names a row whose raw file is gone, and does not miss it', async () => {
    const witness = await witnessOf(...WHOLE)
    witness.removed(yearKey('A', 2023))
    expect(witness.differences()).toEqual(['A 2023-12-29 is not stored'])
    await witness.wrote(CLOSED, fileOf([]))
    expect({ wrongs: witness.wrongs, differences: witness.differences() }).toEqual({ wrongs: [], differences: [] })
  })
})

/** Readers begin at once, and read the first file that is left, one a step. */
const steady = () => 0

const moving = async (first: string, then: string) => {
  const witness = await witnessOf(...WHOLE, [monthKey('08')])
  const readers = createReaders(witness, steady)
  readers.step()
  await witness.wrote(monthKey(first), fileOf(first === '08' ? [DAY] : []))
  await witness.wrote(monthKey(then), fileOf(then === '08' ? [DAY] : []))
  for (const _ of WHOLE) readers.step()
  return readers
}

describe('a reader of all files', () => {
  test('sees each row once, while files are replaced and come', async () => {
    const witness = await witnessOf(...WHOLE)
    const readers = createReaders(witness, steady)
    readers.step()
    await witness.wrote(monthKey('09'), fileOf([['2024-09-03', 41.5]]))
    await witness.wrote(monthKey('11'), fileOf([['2024-11-01', 42]]))
    for (const _ of WHOLE) readers.step()
    expect(readers.wrongs).toEqual([])
    expect(readers.counts.overtaken).toBe(1)
  })

  test('names a row that moved between its files', async () => {
    expect((await moving('08', '07')).wrongs).toEqual(['A reader saw A 2024-09-03 twice.'])
    expect((await moving('09', '07')).wrongs).toEqual(['A reader did not see A 2024-09-03.'])
  })
})
