// The values of a file's columns are those that hyparquet decodes, whatever the types, nulls, repeated values and rows asked for.

import { describe, expect, test } from 'bun:test'
import { parquetReadObjects } from 'hyparquet'
import { parquetWriteBuffer, type BasicType } from 'hyparquet-writer'
import { openColumns, type StoredValue } from '../../lib/parquet/columns.ts'
import { metadataStart } from '../../lib/parquet/metadata.ts'
import { encodeFile } from '../../lib/parquet/writer.ts'
import { rowsFor } from '../support/lakes/price-files.ts'
import { forRandomCases, forRandomRuns, oneOf, wholeBetween, type Random } from '../support/random.ts'
import { at as instant, prices } from '../support/values.ts'

type Drawn = { readonly name: string; readonly type: BasicType; readonly data: readonly unknown[] }

const DRAWS: readonly (readonly [BasicType, (random: Random) => unknown])[] = [
  ['STRING', (random) => oneOf(random, ['', 'AAPL', 'Å', '日本🚀', 'x'.repeat(wholeBetween(random, 0, 300))])],
  ['INT32', (random) => wholeBetween(random, -(2 ** 31), 2 ** 31 - 1)],
  ['INT64', (random) => oneOf(random, [-1n, 0n, 2n ** 53n - 1n, -(2n ** 63n), BigInt(wholeBetween(random, 0, 1e12))])],
  ['DOUBLE', (random) => oneOf(random, [0, -0, 5e-324, 1 / 3, random() * 1_000])],
]

function drawnColumn(random: Random, name: string, rows: number): Drawn {
  const [type, draw] = oneOf(random, DRAWS)
  // A few values that come again and again make a dictionary.
  const few = Array.from({ length: wholeBetween(random, 1, 40) }, () => draw(random))
  const [nulls, isRepeated] = [oneOf(random, [0, 0, 0.3, 1]), random() < 0.5]
  const data = Array.from({ length: rows }, () => {
    return random() < nulls ? null : isRepeated ? oneOf(random, few) : draw(random)
  })
  return { name, type, data }
}

function encode(columnData: readonly Drawn[]): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: columnData.map(({ name, type, data }) => ({ name, type, data: [...data] })),
      codec: 'SNAPPY',
      statistics: true,
      rowGroupSize: columnData[0]?.data.length ?? 1,
    }),
  )
}

const plain = (value: unknown) => (typeof value === 'bigint' ? Number(value) : (value ?? null))

describe('openColumns()', () => {
  test('reads what hyparquet reads, of all rows and of some', async () => {
    await forRandomRuns('columns', 100, async (random) => {
      const rows = oneOf(random, [1, 2, 9, 260, 3_000])
      const drawn = Array.from({ length: 4 }, (_, index) => drawnColumn(random, `c${index}`, rows))
      const bytes = encode(drawn)
      const decoded = await parquetReadObjects({ file: new Uint8Array(bytes).buffer })
      const file = openColumns(bytes)
      expect(file.rows).toBe(rows)
      const from = wholeBetween(random, 0, rows)
      const to = wholeBetween(random, from, rows)
      for (const { name } of drawn) {
        const all = decoded.map((row) => plain(row[name])) as StoredValue[]
        expect(file.read(name)).toEqual(all)
        expect(file.read(name, from, to)).toEqual(all.slice(from, to))
      }
      expect(file.read('c9')).toBeUndefined()
    })
  })

  const { columns } = prices()
  const settings = { columns, ingestMs: instant('2024-09-17T13:00:00Z'), version: '1.2.3' }
  const file = encodeFile({ rows: rowsFor('AAPL', '2024-01-02', '2024-03-28'), asked: undefined }, settings).bytes

  /** All values, or the error. */
  function valuesOf(bytes: Uint8Array): unknown {
    try {
      const opened = openColumns(bytes)
      return columns.map(({ name }) => opened.read(name))
    } catch (error) {
      return error
    }
  }

  const RAW = { dateFromDays: (days: number) => days, timestampFromMicroseconds: (micros: bigint) => Number(micros) }

  async function valuesByHyparquet(bytes: Uint8Array): Promise<unknown> {
    const rows = await parquetReadObjects({ file: new Uint8Array(bytes).buffer, parsers: RAW }).catch(() => undefined)
    return rows && columns.map(({ name }) => rows.map((row) => plain(row[name])))
  }

  test('gives of a damaged page an error, the same values or those that hyparquet takes from it', async () => {
    const start = metadataStart(new DataView(file.buffer))
    const intact = valuesOf(file)
    let refused = 0
    await forRandomRuns('damaged pages', 1_000, async (random) => {
      const at = wholeBetween(random, 4, start - 1)
      const damaged = file.with(at, (file[at] ?? 0) ^ (1 << wholeBetween(random, 0, 7)))
      const values = valuesOf(damaged)
      if (values instanceof Error) refused += 1
      else if (!Bun.deepEquals(values, intact)) expect(values).toEqual(await valuesByHyparquet(damaged))
    })
    expect(refused).toBeGreaterThan(100)
  })

  test('gives of a damaged footer an error or as many values as it says', () => {
    const start = metadataStart(new DataView(file.buffer))
    forRandomCases('damaged footers', 1_000, (random) => {
      const at = wholeBetween(random, start, file.length - 1)
      const values = valuesOf(file.with(at, wholeBetween(random, 0, 255)))
      if (values instanceof Error) return
      const counts = (values as (readonly StoredValue[] | undefined)[]).map((column) => column?.length ?? 61)
      expect(counts).toEqual(columns.map(() => 61))
    })
  })

  test.each([
    ['no bytes', new Uint8Array()],
    ['a text', new TextEncoder().encode('not a Parquet file at all')],
    ['a cut file', file.subarray(0, file.length - 1)],
    ['the end of a file', file.subarray(file.length - 1_500)],
  ])('refuses %s', (_, bytes) => {
    expect(() => openColumns(bytes)).toThrow(RangeError)
  })

  test('refuses a file of two row groups, and one that is not compressed', () => {
    const data = { name: 'date', type: 'INT32' as const, data: [1, 2, 3, 4] }
    const one = { columnData: [data], codec: 'SNAPPY' as const }
    expect(openColumns(new Uint8Array(parquetWriteBuffer(one))).read('date')).toEqual([1, 2, 3, 4])
    expect(() => openColumns(new Uint8Array(parquetWriteBuffer({ ...one, rowGroupSize: 2 })))).toThrow(RangeError)
    expect(() => openColumns(new Uint8Array(parquetWriteBuffer({ ...one, codec: 'UNCOMPRESSED' })))).toThrow(RangeError)
  })
})
