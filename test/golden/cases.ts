// The files whose schema and rows are kept as goldens: rows and what else goes into a file, nothing read from a clock.

import type { Row } from '../../lib/core/dataset.ts'
import { rowsSha256 } from '../../lib/parquet/parquet.ts'
import { encodeParquet } from '../../lib/parquet/writer.ts'
import { at, day, priceRow, prices, span } from '../support/values.ts'

type GoldenCase = { readonly name: string; readonly bytes: Uint8Array }

const { columns } = prices()
const INGEST_MS = at('2024-09-30T23:00:00.123Z')

const DAY: readonly Row[] = [priceRow('2024-09-16', { adjClose: 10.123456789 })]

/** Values at the edges of their types, one a row, so that no two columns are alike. */
const EDGES: readonly Row[] = [
  priceRow('2035-12-31', { symbol: '^GSPC', open: 5e-324, high: Number.MAX_VALUE, low: -5e-324, close: 1 / 3 }),
  priceRow('2024-02-29', { symbol: '^GSPC', open: 0.1, high: 0.2, low: 0.3, close: 2 ** 53, volume: 2 ** 53 + 2 }),
  priceRow('1990-01-02', { symbol: '^GSPC', open: 1e-300, high: 1e300, low: -1.5, close: -0, volume: 2 ** 63 - 1024 }),
]

/** Every column that may be null is null in one row and is not in another. */
const NULLS: readonly Row[] = [
  priceRow('2024-09-18', { open: null, high: null, low: null }),
  priceRow('2024-09-17', { close: null, adjClose: null }),
  priceRow('2024-09-16', { volume: null }),
]

/** More rows than a dictionary would hold of one value, and columns that repeat. */
const YEAR: readonly Row[] = Array.from({ length: 30 }, (_, index) =>
  priceRow(new Date(Date.UTC(2023, 11, 29 - index)).toISOString().slice(0, 10), {
    symbol: 'EURUSD=X',
    open: 100 + index / 8,
    high: 200 + index,
    low: 50,
    close: 100 + (index % 3),
    adjClose: null,
    volume: index % 2 === 0 ? 0 : index,
  }),
)

export const GOLDEN_CASES: readonly GoldenCase[] = [
  { name: 'day', bytes: encode(DAY) },
  { name: 'year', bytes: encode(YEAR, { from: day('2020-01-01'), to: day('2023-12-31') }) },
  { name: 'nulls', bytes: encode(NULLS) },
  { name: 'edges', bytes: encode(EDGES, span('1990-01-01..2035-12-31')) },
]

/** The file `day` with its columns laid out in another order. */
export function dayFileWithColumns(names: readonly string[]): Uint8Array {
  return encode(
    DAY,
    undefined,
    names.flatMap((name) => columns.filter((column) => column.name === name)),
  )
}

function encode(rows: readonly Row[], asked?: ReturnType<typeof span>, order = columns): Uint8Array {
  return encodeParquet({
    columns: order,
    rows,
    ingestMs: INGEST_MS,
    rowsSha256: rowsSha256(columns, rows),
    asked,
    version: '0.0.0-golden',
  })
}
