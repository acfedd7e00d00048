// Files of row groups for tests.

import type { Column, Row } from '../../lib/core/dataset.ts'
import { createGroupWriter } from '../../lib/parquet/group-writer.ts'
import type { GroupedFile, StampedRow } from '../../lib/parquet/parquet.ts'
import { at, priceRow, prices } from './values.ts'

export const { columns } = prices()
export const CREATED_BY = 'fmp-ingest version 1.2.3'

/** Consecutive days of a symbol. */
export function rowsOf(symbol: string, count: number, changes: Partial<Row> = {}): readonly StampedRow[] {
  return Array.from({ length: count }, (_, index) => {
    const date = new Date(Date.UTC(1999, 0, 4 + index)).toISOString().slice(0, 10)
    const row = priceRow(date, { symbol, close: index / 7, ...changes })
    return { row, ingestMs: at('2024-09-16T12:00:00.123Z') + index }
  })
}

export type Content = readonly (readonly [symbol: string, rows: readonly StampedRow[]])[]

/** Symbols that readers have taken for something else, and long ones with equal beginnings; in their order. */
export const CONTENT: Content = [
  ['BRK-B', rowsOf('BRK-B', 3)],
  ['M&M.NS', rowsOf('M&M.NS', 5_000, { adjClose: null, volume: null })],
  ['NA', rowsOf('NA', 2, { volume: 2 ** 53 - 1, close: -0 })],
  ['OPTION250117C00150000', rowsOf('OPTION250117C00150000', 4_999)],
  ['OPTION250117C00160000', rowsOf('OPTION250117C00160000', 1, { open: null })],
  ['TRUE', rowsOf('TRUE', 1)],
  ['^GSPC', rowsOf('^GSPC', 2, { close: 1e-300 })],
]

/** The file of these rows, in place of another one if one is given. */
export function written(content: Content, replaced?: GroupedFile, own: readonly Column[] = columns): Uint8Array {
  const writer = createGroupWriter(own, CREATED_BY, replaced)
  for (const [symbol, rows] of content) writer.add({ symbol, rows })
  return writer.finish({ table: 'a', sources: 'b' })
}
