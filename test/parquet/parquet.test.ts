import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { parquetMetadata, parquetReadObjects } from 'hyparquet'
import type { Row } from '../../lib/core/dataset.ts'
import { dateOfDay } from '../../lib/core/dates.ts'
import { type FileContent, readFooter, rowsSha256 } from '../../lib/parquet/parquet.ts'
import { encodeParquet } from '../../lib/parquet/writer.ts'
import { forRandomRuns, oneOf, wholeBetween, type Random } from '../support/random.ts'
import { at, day, priceRow, prices, span } from '../support/values.ts'

const PRICES = prices()
const { columns } = PRICES
const INGEST_MS = at('2024-09-30T23:00:00.123Z')

function encode(rows: readonly Row[], changes: Partial<FileContent> = {}): Uint8Array {
  return encodeParquet({
    columns,
    rows,
    ingestMs: INGEST_MS,
    rowsSha256: rowsSha256(columns, rows),
    asked: undefined,
    version: '1.2.3',
    ...changes,
  })
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}

/** The rows of a file, every value as it is stored: hyparquet would cut microseconds and make dates of days. */
async function decode(bytes: Uint8Array): Promise<unknown> {
  const parsers = {
    dateFromDays: (days: number) => (days === undefined ? undefined : dateOfDay(days)),
    timestampFromMicroseconds: (micros: bigint) => micros,
  }
  return await parquetReadObjects({ file: bufferOf(bytes), parsers })
}

const WEEK: readonly Row[] = ['2024-09-13', '2024-09-12', '2024-09-11'].map((date) => priceRow(date))

describe('encodeParquet()', () => {
  test('refuses a file without rows', () => {
    expect(() => encode([])).toThrow('at least one row')
  })

  test('gives the same bytes for the same rows at the same instant, and others a millisecond later', () => {
    const asked = span('2024-01-01..2024-09-13')
    expect(encode(WEEK, { asked })).toEqual(encode([...WEEK], { asked }))
    expect(encode(WEEK)).not.toEqual(encode(WEEK, { ingestMs: INGEST_MS + 1 }))
    expect(encode(WEEK)).not.toEqual(encode(WEEK, { asked }))
  })

  test('writes one row group, SNAPPY, statistics of every column, however many rows', () => {
    for (const count of [1, 366, 5_000]) {
      const rows = Array.from({ length: count }, (_, index) => priceRow(dateOfDay(20_000 - index)))
      const metadata = parquetMetadata(bufferOf(encode(rows)))
      expect(metadata.row_groups).toHaveLength(1)
      expect(Number(metadata.num_rows)).toBe(count)
      for (const { meta_data } of metadata.row_groups[0]?.columns ?? []) {
        expect(meta_data?.codec).toBe('SNAPPY')
        expect(meta_data?.statistics).toMatchObject({ null_count: 0n })
        expect(meta_data?.statistics?.min_value).toBeDefined()
      }
    }
  })

  test('lays the chunks out in the order of the schema', () => {
    const metadata = parquetMetadata(bufferOf(encode(WEEK)))
    const chunks = metadata.row_groups[0]?.columns.map(({ meta_data }) => meta_data?.path_in_schema)
    expect(chunks).toEqual(columns.map(({ name }) => [name]))
    expect(metadata.schema.slice(1).map(({ name }) => name)).toEqual(columns.map(({ name }) => name))
  })

  test.each([
    ['no symbol', { symbol: null }],
    ['a date that is none', { date: 'x' }],
    ['a text for a price', { open: '1' }],
  ])('throws on %s rather than write it', (_, changes) => {
    expect(() => encode([priceRow('2024-09-13', changes as Partial<Row>)])).toThrow()
  })
})

const ODD_SYMBOLS = ['AAPL', '^GSPC', 'EURUSD=X', '0700.HK', 'Å', '日本🚀', 'x'.repeat(40), ' ', '"', '\u0000']
const ODD_PRICES = [null, 0, -0, 5e-324, -5e-324, Number.MAX_VALUE, 1 / 3, 0.1, -1.5, 2 ** 53, 1e-300, 123.456]
const ODD_VOLUMES = [null, 0, 1, 2 ** 31, 2 ** 32 + 1, 2 ** 53 - 1, 2 ** 53, 2 ** 53 + 2, 2 ** 62, 2 ** 63 - 1024]

/** Rows as the dataset's check lets them through. */
function randomRows(random: Random): readonly Row[] {
  const count = oneOf(random, [1, 1, 2, 7, 260])
  const symbol = oneOf(random, ODD_SYMBOLS)
  const newest = wholeBetween(random, 7_600, 24_000)
  const price = () => oneOf(random, [...ODD_PRICES, random() * 1_000])
  return Array.from({ length: count }, (_, index) => index).flatMap((index) => {
    const date = dateOfDay(newest - index)
    const bar = { open: price(), high: price(), low: price(), close: 7, adjClose: price() }
    const volume = oneOf(random, [...ODD_VOLUMES, Math.floor(random() * 1e9)])
    const verdict = PRICES.check(symbol, { symbol, date, ...bar, volume })
    return 'row' in verdict ? [verdict.row] : []
  })
}

/** As section 5 of the design words it, written down a second time. */
function shaOf(rows: readonly Row[]): string {
  const text = rows.map(({ symbol, date, open, high, low, close, adjClose, volume }) =>
    JSON.stringify([symbol, date, open, high, low, close, adjClose, volume]),
  )
  return createHash('sha256')
    .update(text.map((line) => `${line}\n`).join(''))
    .digest('hex')
}

describe('whatever the rows', () => {
  test('decoding gives back what was encoded, and the footer tells of it', async () => {
    await forRandomRuns('parquet', 150, async (random) => {
      const rows = randomRows(random)
      const ingestMs = wholeBetween(random, at('1990-01-03T00:00:00Z'), at('2035-12-31T23:59:59Z'))
      const asked = oneOf(random, [undefined, span('1990-01-01..2035-12-31')])
      const stretches = ['2019-01-02..2019-06-28', '2019-07-03..2019-12-31'].map(span)
      const carried = stretches.slice(0, wholeBetween(random, 0, 2))
      const carriedBy = oneOf(random, [undefined, 'price=0.25 adjClose=0.249 volume=4 beside=2024'])
      const bytes = encode(rows, { ingestMs, asked, carried, carriedBy })
      const expected = rows.map((row) => ({
        ...row,
        volume: typeof row['volume'] === 'number' ? BigInt(row['volume']) : null,
        ingest_ts: BigInt(ingestMs) * 1_000n,
      }))
      expect(await decode(bytes)).toEqual(expected)
      expect(readFooter(bytes)).toEqual({
        createdBy: 'fmp-ingest version 1.2.3',
        rows: rows.length,
        span: { from: rows.at(-1)?.date ?? day('1990-01-01'), to: rows[0]?.date ?? day('1990-01-01') },
        ingestMs,
        rowsSha256: shaOf(rows),
        asked,
        carried,
        carriedBy,
      })
    })
  })
})

describe('rowsSha256()', () => {
  test('is over one JSON array and one newline a row, in file order, without ingest_ts', () => {
    expect(rowsSha256(columns, WEEK)).toBe(shaOf(WEEK))
    const line = '["AAPL","2024-09-13",10.5,12,9.25,11,null,1000]\n'
    expect(rowsSha256(columns, [priceRow('2024-09-13', { adjClose: null })])).toBe(
      createHash('sha256').update(line).digest('hex'),
    )
  })

  test('does not depend on the order of a row’s properties', () => {
    const { volume, symbol, ...rest } = priceRow('2024-09-13')
    expect(rowsSha256(columns, [{ volume: volume ?? null, ...rest, symbol: symbol ?? null }])).toBe(
      rowsSha256(columns, [priceRow('2024-09-13')]),
    )
  })

  test.each([
    ['another order of rows', WEEK.toReversed()],
    ['a row less', WEEK.slice(1)],
    ['another volume', WEEK.map((row) => ({ ...row, volume: 1_001 }))],
    ['a null', WEEK.map((row) => ({ ...row, adjClose: null }))],
    ['two columns swapped', WEEK.map((row) => ({ ...row, open: 11, close: 10.5 }))],
  ])('differs for %s', (_, rows) => {
    expect(rowsSha256(columns, rows)).not.toBe(rowsSha256(columns, WEEK))
  })
})
