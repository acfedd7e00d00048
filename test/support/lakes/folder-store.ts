// A real folder store in a temporary folder, and price files in it as runs of other days would have left them.

import { join } from 'node:path'
import type { Row } from '../../../lib/core/dataset.ts'
import { yearOf, type DateRange } from '../../../lib/core/dates.ts'
import { type Footer, readFooter, rowsSha256 } from '../../../lib/parquet/parquet.ts'
import { encodeParquet } from '../../../lib/parquet/writer.ts'
import type { Store } from '../../../lib/store/store.ts'
import { openFolderStore } from '../../../lib/store/folder/folder.ts'
import { at, prices } from '../values.ts'
import { makeTempFolder } from './temp-folder.ts'
import type { SessionDataset } from '../../../lib/datasets/prices/schema.ts'

export type Shelf = {
  readonly folder: string
  readonly store: Store
  remove(): Promise<void>
}

export async function openShelf(): Promise<Shelf> {
  const temp = await makeTempFolder()
  const folder = join(temp.path, 'lake')
  return { folder, store: await openFolderStore({ folder, nowMs: Date.now }), remove: temp.remove }
}

export type Written = { readonly ingest?: string; readonly asked?: DateRange; readonly dataset?: SessionDataset }

/** The bytes of a file with these rows, newest first. */
export function fileOf(
  rows: readonly Row[],
  { ingest = '2024-09-15T12:00:00Z', asked, dataset = prices() }: Written = {},
) {
  const { columns } = dataset
  const sha = rowsSha256(columns, rows)
  return encodeParquet({ columns, rows, ingestMs: at(ingest), rowsSha256: sha, asked, version: '1.2.3' })
}

/** Puts a day file of each row into the folder, past the store. */
export async function putDays({ folder }: Shelf, rows: readonly Row[], written: Written = {}): Promise<void> {
  const { dataset = prices() } = written
  for (const row of rows) {
    const key = dataset.key(String(row['symbol']), { kind: 'day', date: row.date })
    await Bun.write(join(folder, key), fileOf([row], written))
  }
}

/** Puts a year file of the rows, newest first, into the folder, past the store. Returns its key. */
export async function putYear({ folder }: Shelf, rows: readonly Row[], written: Written = {}): Promise<string> {
  const { dataset = prices() } = written
  const [newest] = rows
  if (newest === undefined) throw new Error('A file has a row')
  const key = dataset.key(String(newest['symbol']), { kind: 'year', year: yearOf(newest.date) })
  await Bun.write(join(folder, key), fileOf(rows, written))
  return key
}

/** The footer of a stored file of ours. */
export async function footerAt({ folder }: Shelf, key: string): Promise<Footer> {
  const footer = readFooter(await Bun.file(join(folder, key)).bytes())
  if ('problem' in footer) throw new Error(`${key} ${footer.problem}`)
  return footer
}

/** Every key under the folder, sorted, without what is left of temporary files. */
export async function keysIn({ store }: Shelf): Promise<string[]> {
  return (await store.list('')).map(({ key }) => key).toSorted()
}
