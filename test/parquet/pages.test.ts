// Damaged pages are refused before they are decoded: each of these bytes held the decoder for ever.

import { describe, expect, test } from 'bun:test'
import { parquetMetadata } from 'hyparquet'
import { readDates, readStampedRows } from '../../lib/parquet/parquet.ts'
import { encodeFile } from '../../lib/parquet/writer.ts'
import { requireSoundPages } from '../../lib/parquet/pages.ts'
import { rowsFor } from '../support/lakes/price-files.ts'
import { at as instant, prices } from '../support/values.ts'

const { columns } = prices()
const settings = { columns, ingestMs: instant('2024-09-17T13:00:00Z'), version: '1.2.3' }
const encode = (to: string) => encodeFile({ rows: rowsFor('AAPL', '2024-01-02', to), asked: undefined }, settings).bytes
const check = (bytes: Uint8Array) => requireSoundPages(bytes, parquetMetadata(bytes))

describe('requireSoundPages()', () => {
  test.each(['2024-01-02', '2024-01-31', '2024-12-31'])('accepts a whole file up to %s', (to) => {
    expect(() => check(encode(to))).not.toThrow()
  })

  test('refuses a size below zero', () => {
    const bytes = encode('2024-01-31')
    // The page of dates: type 3 as a zigzag integer, then the sizes without and with compression.
    const at = Number(parquetMetadata(bytes).row_groups[0]?.columns[1]?.meta_data?.data_page_offset)
    expect(bytes.slice(at, at + 3)).toEqual(new Uint8Array([0x15, 0x06, 0x15]))
    const second = bytes.findIndex((byte, index) => index > at + 3 && byte === 0x15)
    expect(() => check(bytes.with(second + 1, (bytes[second + 1] ?? 0) | 1))).toThrow(RangeError)
  })

  test('refuses a literal that is longer than all bytes', async () => {
    const bytes = encode('2024-01-02')
    const column = parquetMetadata(bytes).row_groups[0]?.columns.at(-1)?.meta_data
    const end = Number(column?.data_page_offset) + Number(column?.total_compressed_size)
    // Eight bytes, after their tag.
    expect(bytes[end - 9]).toBe(7 << 2)
    const damaged = bytes.with(end - 9, 0xfc)
    expect(() => check(damaged)).toThrow(RangeError)
    expect(await readStampedRows(damaged, columns).catch((error: unknown) => error)).toBeInstanceOf(RangeError)
    expect(await readDates(damaged).catch((error: unknown) => error)).toBeInstanceOf(RangeError)
  })

  test('refuses a page of data that does not say how long its levels are', () => {
    const bytes = encode('2024-01-02')
    const at = Number(parquetMetadata(bytes).row_groups[0]?.columns[2]?.meta_data?.data_page_offset)
    // Field 6 of the header, an integer of 0, becomes a list of nothing; hyparquet then never stops reading the levels.
    const levels = Buffer.from(bytes).indexOf(Buffer.from([0x15, 0x00, 0x00, 0x00]), at)
    expect(levels).toBeGreaterThan(at)
    expect(() => check(bytes.with(levels, 0x19))).toThrow(RangeError)
  })

  test('refuses a column under another name than that of the schema', () => {
    const bytes = encode('2024-01-02')
    // The name comes first in the schema, then with the columns.
    const at = Buffer.from(bytes).lastIndexOf('adjClose')
    expect(() => check(bytes.with(at, 'A'.charCodeAt(0)))).toThrow(RangeError)
  })
})
