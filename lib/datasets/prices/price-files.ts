// The price files of one symbol with their footers, as the commands that look at a lake read them.

import type { Calendar } from '../../core/calendar.ts'
import { mapLimit } from '../../core/concurrency.ts'
import type { IsoDate } from '../../core/dates.ts'
import type { Footer } from '../../parquet/parquet.ts'
import { MAX_FOOTERS_IN_FLIGHT, type InventoryContext, type PartitionFile } from '../inventory.ts'
import { readTail, type StoredFooter, type StoredTail } from '../stored-file.ts'
import type { SessionDataset } from './schema.ts'
import { readDatesOf } from './stored-years.ts'

/**
 * A listed file with its footer, or with the problem why there is none. `dates` are those of its rows; where they are not
 * given, the file holds every session of its span.
 */
export type PriceFile = StoredFooter<PartitionFile<SessionDataset>> & {
  readonly dates?: readonly IsoDate[] | undefined
}

/** One whose footer could be read. */
export type ReadPriceFile = Extract<PriceFile, { readonly footer: Footer }>

export type PriceFilesContext = InventoryContext<SessionDataset> & { readonly calendar: Calendar }

/**
 * The files with their footers and, of a file with another number of rows than its span has sessions, with the dates of its
 * rows: what `symbolCoverage` takes. One request a file; a file that is gone since it was listed is left out. Throws an
 * IngestError if the store fails.
 */
export async function readPriceFiles(
  files: readonly PartitionFile<SessionDataset>[],
  context: PriceFilesContext,
): Promise<readonly PriceFile[]> {
  const read = await mapLimit(files, MAX_FOOTERS_IN_FLIGHT, async (file): Promise<PriceFile | undefined> => {
    const stored = await readTail(file, context)
    if (stored === undefined) return undefined
    if ('problem' in stored) return { file, problem: stored.problem }
    // Without the bytes, which would stay in memory.
    return { file, footer: stored.footer, dates: await datesBeside(stored, context) }
  })
  return read.filter((file) => file !== undefined)
}

/** The dates of the rows where the footer alone does not tell them. */
export async function datesBeside(
  stored: Extract<StoredTail, { footer: Footer }>,
  { store, calendar }: PriceFilesContext,
): Promise<readonly IsoDate[] | undefined> {
  const { rows, span } = stored.footer
  const isEverySession = rows === (span.from === span.to ? 1 : calendar.sessions(span).length)
  return isEverySession ? undefined : await readDatesOf(stored, { store })
}
