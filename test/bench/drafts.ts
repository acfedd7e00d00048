// A file before it is encoded, and how it is.
import type { Row } from '../../lib/core/dataset.ts'
import { createPrices } from '../../lib/datasets/prices/schema.ts'
import type { DateRange } from '../../lib/core/dates.ts'
import { rowsSha256 } from '../../lib/parquet/parquet.ts'
import { encodeParquet } from '../../lib/parquet/writer.ts'

export const PRICES = createPrices({ api: 'stable', withAdjClose: true, prefix: 'raw' })

/** Rows of one file, newest first, and where it goes. */
export type Draft = { readonly key: string; readonly rows: readonly Row[]; readonly asked: DateRange | undefined }

/** An encoded file in a pack: `length` bytes from `offset` on. */
export type Packed = {
  readonly key: string
  readonly offset: number
  readonly length: number
  readonly rowsSha256: string
}

/** The instant and the version of ready-made files; of the length that a run's own have. */
const STAMP = { ingestMs: Date.parse('2025-03-04T14:00:01Z'), version: '0.1.0' }

export function encodeDraft({ rows, asked }: Draft): { readonly bytes: Uint8Array; readonly rowsSha256: string } {
  const sha = rowsSha256(PRICES.columns, rows)
  return {
    rowsSha256: sha,
    bytes: encodeParquet({ columns: PRICES.columns, rows, rowsSha256: sha, asked, ...STAMP }),
  }
}
