// The files as readers find them, held against what was agreed: names, order, types, nullability, values, metadata.
import { describe, expect, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { prices, priceRow } from '../support/values.ts'
import { dayFileWithColumns, GOLDEN_CASES } from '../golden/cases.ts'
import { goldenText, readByHyparquet, type Reading } from '../golden/read.ts'

async function textOf(name: string): Promise<string> {
  return await Bun.file(`${import.meta.dir}/../golden/${name}.json`).text()
}

async function golden(name: string): Promise<Reading> {
  return JSON.parse(await textOf(name)) as Reading
}

const NAMES = ['symbol', 'date', 'open', 'high', 'low', 'close', 'adjClose', 'volume', 'ingest_ts']
const DOUBLE = { type: 'DOUBLE', repetition_type: 'OPTIONAL', converted_type: null, logical_type: null }

/** Section 5 of the design, as DuckDB words it. */
const SCHEMA = [
  {
    name: 'symbol',
    type: 'BYTE_ARRAY',
    repetition_type: 'REQUIRED',
    converted_type: 'UTF8',
    logical_type: 'StringType()',
  },
  { name: 'date', type: 'INT32', repetition_type: 'REQUIRED', converted_type: 'DATE', logical_type: 'DateType()' },
  ...['open', 'high', 'low', 'close', 'adjClose'].map((name) => ({ name, ...DOUBLE })),
  { name: 'volume', type: 'INT64', repetition_type: 'OPTIONAL', converted_type: null, logical_type: null },
  { name: 'ingest_ts', type: 'INT64', repetition_type: 'REQUIRED', converted_type: 'TIMESTAMP_MICROS' },
]

describe.each(GOLDEN_CASES)('the file $name', ({ name, bytes }) => {
  test('is by DuckDB what the golden says', async () => {
    expect(await goldenText(bytes)).toBe(await textOf(name))
  })

  test('is by hyparquet what the golden says', async () => {
    const { rows, keyValues, file } = await golden(name)
    expect(await readByHyparquet(bytes)).toEqual({ rows, keyValues, file })
  })

  test('has the agreed schema', async () => {
    const { schema } = await golden(name)
    expect(schema.slice(1)).toMatchObject(SCHEMA)
    expect(schema).toHaveLength(1 + SCHEMA.length)
    expect(schema.at(-1)).toHaveProperty('logical_type', expect.stringContaining('isAdjustedToUTC=1'))
    expect(schema.at(-1)).toHaveProperty('logical_type', expect.stringContaining('MICROS=MicroSeconds()'))
  })

  test('has one row group, SNAPPY, statistics, the writer’s name and the hash of its rows', async () => {
    const { file, chunks, keyValues, rows } = await golden(name)
    expect(file).toEqual({
      created_by: 'fmp-ingest version 0.0.0-golden',
      num_rows: String(rows.length),
      num_row_groups: '1',
    })
    expect(chunks.map((chunk) => chunk['path_in_schema'])).toEqual(NAMES)
    for (const { compression, stats_null_count } of chunks) {
      expect(compression).toBe('SNAPPY')
      expect(stats_null_count).toMatch(/^\d+$/)
    }
    expect(keyValues['rows-sha256']).toMatch(/^[0-9a-f]{64}$/)
    expect(Object.keys(keyValues)).toEqual(
      ['year', 'edges'].includes(name) ? ['rows-sha256', 'asked'] : ['rows-sha256'],
    )
  })

  test('has its rows by date, newest first, each date once', async () => {
    const dates = (await golden(name)).rows.map(({ date }) => String(date))
    expect(dates).toEqual([...new Set(dates)].toSorted().toReversed())
  })
})

async function rowsOf(bytes: Uint8Array): Promise<Reading['rows']> {
  return (JSON.parse(await goldenText(bytes)) as Reading).rows
}

describe('two swapped columns', () => {
  test.each([
    ['open', 'close'],
    ['close', 'adjClose'],
    ['symbol', 'date'],
    ['volume', 'ingest_ts'],
  ])('%s and %s in the schema are noticed', async (first, second) => {
    const swapped = NAMES.map((name) => (name === first ? second : name === second ? first : name))
    expect(await goldenText(dayFileWithColumns(NAMES))).toBe(await textOf('day'))
    expect(await goldenText(dayFileWithColumns(swapped))).not.toBe(await textOf('day'))
  })

  test('in the data alone are noticed too, though hyparquet reads them right', async () => {
    const row = priceRow('2024-09-16', { open: 1, close: 2 })
    const doubles = ['open', 'high', 'low', 'close']
    const write = (order: readonly string[]) =>
      new Uint8Array(
        parquetWriteBuffer({
          schema: [
            { name: 'root', num_children: doubles.length + 1 },
            ...doubles.map((name) => ({ name, type: 'DOUBLE' as const, repetition_type: 'OPTIONAL' as const })),
            {
              name: 'ingest_ts',
              type: 'INT64',
              converted_type: 'TIMESTAMP_MICROS',
              logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
              repetition_type: 'REQUIRED',
            },
          ],
          columnData: [
            ...order.map((name) => ({ name, data: [row[name]] })),
            { name: 'ingest_ts', data: [1_000_000n] },
          ],
          kvMetadata: [{ key: 'some', value: 'thing' }],
        }),
      )
    const [right, wrong] = [write(doubles), write(['close', 'high', 'low', 'open'])]
    expect((await readByHyparquet(wrong)).rows).toEqual((await readByHyparquet(right)).rows)
    expect(await rowsOf(right)).toMatchObject([{ open: 1, close: 2 }])
    expect(await rowsOf(wrong)).toMatchObject([{ open: 2, close: 1 }])
  })
})

test('the golden schema is the dataset’s own list of columns', async () => {
  expect(prices().columns.map(({ name }) => name)).toEqual(NAMES)
  for (const { bytes } of GOLDEN_CASES) {
    const { schema } = parquetMetadata(Uint8Array.from(bytes).buffer)
    expect(schema.slice(1).map(({ name }) => name)).toEqual(NAMES)
  }
})
