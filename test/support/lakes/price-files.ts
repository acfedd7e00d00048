// Price files put into a lake past the program, as runs of other days would have left them: lakes of any age in milliseconds.

import type { Row } from '../../../lib/core/dataset.ts'
import { yearOf } from '../../../lib/core/dates.ts'
import type { Partition } from '../../../lib/datasets/prices/schema.ts'
import { barsFor } from '../bars.ts'
import { prices } from '../values.ts'
import { fileOf, type Written } from './folder-store.ts'
import type { Lake } from './lake.ts'

/** A row for each session from one date to another, newest first. */
export function rowsFor(symbol: string, from: string, to: string): readonly Row[] {
  const bars = barsFor([symbol], from, to)[symbol] ?? []
  return bars.map((bar) => ({ symbol, ...bar })).toReversed()
}

/** Puts the rows of one symbol, newest first, as one file a day or one a year. Returns the keys in the order of the rows. */
export async function putPrices(
  lake: Pick<Lake, 'put'>,
  rows: readonly Row[],
  kind: Partition['kind'],
  written: Written = {},
): Promise<readonly string[]> {
  const { dataset = prices() } = written
  const byFile = Map.groupBy(rows, ({ symbol, date }) =>
    dataset.key(String(symbol), kind === 'day' ? { kind, date } : { kind, year: yearOf(date) }),
  )
  for (const [key, ofFile] of byFile) await lake.put(key, fileOf(ofFile, written))
  return [...byFile.keys()]
}
