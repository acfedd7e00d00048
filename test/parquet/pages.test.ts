// Damaged pages are refused before their values are decoded: each of these bytes would be read for ever, or take all memory.

import { describe, expect, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { readDates, readStampedRows } from '../../lib/parquet/parquet.ts'
import { encodeFile } from '../../lib/parquet/writer.ts'
import { readSoundPages } from '../../lib/parquet/pages.ts'
import { rowsFor } from '../support/lakes/price-files.ts'
import { at as instant, prices } from '../support/values.ts'

const { columns } = prices()
const settings = { columns, ingestMs: instant('2024-09-17T13:00:00Z'), version: '1.2.3' }
const encode = (to: string) => encodeFile({ rows: rowsFor('AAPL', '2024-01-02', to), asked: undefined }, settings).bytes

/** The pages of every column, where hyparquet finds them. */
function pagesOf(bytes: Uint8Array) {
  const { num_rows: rows, row_groups: groups } = parquetMetadata(bytes)
  return groups[0]?.columns.map(({ meta_data: column }) => {
    const start = Number(column?.dictionary_page_offset ?? column?.data_page_offset)
    const chunk = { start, bytes: Number(column?.total_compressed_size), codec: 'SNAPPY' } as const
    return readSoundPages(new DataView(bytes.buffer), chunk, Number(rows))
  })
}

describe('readSoundPages()', () => {
  test.each([
    ['2024-01-02', 1],
    ['2024-01-31', 21],
    ['2024-12-31', 252],
  ])('gives all rows of a whole file up to %s', (to, rows) => {
    const data = pagesOf(encode(to))?.map((pages) => pages.filter(({ isDictionary }) => !isDictionary))
    expect(data?.map((pages) => pages.map((page) => page.rows))).toEqual(columns.map(() => [rows]))
  })

  test('refuses a size below zero', () => {
    const bytes = encode('2024-01-31')
    // The page of dates: type 3 as a zigzag integer, then the sizes without and with compression.
    const at = Number(parquetMetadata(bytes).row_groups[0]?.columns[1]?.meta_data?.data_page_offset)
    expect(bytes.slice(at, at + 3)).toEqual(new Uint8Array([0x15, 0x06, 0x15]))
    const second = bytes.findIndex((byte, index) => index > at + 3 && byte === 0x15)
    expect(() => pagesOf(bytes.with(second + 1, (bytes[second + 1] ?? 0) | 1))).toThrow(RangeError)
  })

  test('refuses a literal that is longer than all bytes', async () => {
    const bytes = encode('2024-01-02')
    const column = parquetMetadata(bytes).row_groups[0]?.columns.at(-1)?.meta_data
    const end = Number(column?.data_page_offset) + Number(column?.total_compressed_size)
    // Eight bytes, after their tag.
    expect(bytes[end - 9]).toBe(7 << 2)
    const damaged = bytes.with(end - 9, 0xfc)
    expect(() => pagesOf(damaged)).toThrow(RangeError)
    expect(await readStampedRows(damaged, columns).catch((error: unknown) => error)).toBeInstanceOf(RangeError)
    expect(await readDates(damaged).catch((error: unknown) => error)).toBeInstanceOf(RangeError)
  })
})
