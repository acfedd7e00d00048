// The layout of a new table, in a small file that is created once: of several runs that make the table at the same time, in two
// years or for lists of other lengths, the first decides for all.

import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { readLayout, type Layout } from './layout.ts'
import type { TableContext } from './units.ts'

const MAX_BYTES = 10_000

/**
 * The layout of a table that has no file yet: the wanted one, or that of a run that was first. Rejects with an IngestError if the
 * store fails.
 */
export async function decideLayout(wanted: Layout, context: TableContext): Promise<Layout> {
  const { store, tablePrefix, dataset } = context
  const key = `${tablePrefix === '' ? '' : `${tablePrefix}/`}layouts/${dataset.name}.json`
  if ((await store.create(key, Buffer.from(`${JSON.stringify(wanted)}\n`), {})) === 'created') return wanted
  const bytes = await store.read(key, undefined, MAX_BYTES)
  const decided = bytes && readLayout(Buffer.from(bytes).toString())
  if (decided !== undefined) return decided
  throw new IngestError(`${oneLine(store.locate(key))} is no layout of a table`, {
    kind: 'store',
    scope: 'run',
    hint: 'Delete it: the next run makes another.',
  })
}
