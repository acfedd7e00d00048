// Which rows of a lake are not the vendor's.

import type { Bars } from '../servers/vendor.ts'
import { readRows, type Lake } from './lake.ts'

/** The lake's rows by `SYMBOL date`: of several of one session the one with the greatest `ingest_ts`. */
export async function winningRows(lake: Lake): Promise<ReadonlyMap<string, Record<string, unknown>>> {
  const newest = new Map<string, { readonly ingestTs: number; readonly row: Record<string, unknown> }>()
  for (const { key: _key, ingestTs, ...row } of await readRows(lake, 'raw/prices')) {
    const id = `${row.symbol} ${row.date}`
    if (ingestTs >= (newest.get(id)?.ingestTs ?? 0)) newest.set(id, { ingestTs, row })
  }
  return new Map([...newest].map(([id, { row }]) => [id, row]))
}

/** The rows that a lake has of a vendor's sessions: how many, and which of them differ, as `SYMBOL date`. */
export async function compareWithVendor(
  lake: Lake,
  bars: Bars,
): Promise<{ readonly rows: number; readonly stale: readonly string[] }> {
  const rows = await winningRows(lake)
  const known = Object.entries(bars).flatMap(([symbol, all]) =>
    all.flatMap((bar) => {
      const id = `${symbol} ${bar.date}`
      const row = rows.get(id)
      return row === undefined ? [] : [{ id, isStale: !Bun.deepEquals(row, { symbol, ...bar }) }]
    }),
  )
  return { rows: known.length, stale: known.filter(({ isStale }) => isStale).map(({ id }) => id) }
}
