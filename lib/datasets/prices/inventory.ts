// What the stored prices of one symbol come to, from its inventory.

import { earlierOf, laterOf, yearOf, type IsoDate } from '../../core/dates.ts'
import { readFooters, type InventoryContext, type PartitionFile, type SymbolFiles } from '../inventory.ts'
import type { SessionDataset } from './schema.ts'

/**
 * The newest stored date of a symbol, up to `upTo` if that is given: of its newest day file or, where its newest year file may
 * hold a later one, of the footer of that, which is one request. A symbol with a day file of `upTo` needs none. Undefined if
 * nothing is stored, or nothing that can be read. Throws an IngestError if the store fails.
 */
export async function newestStored(
  { files }: SymbolFiles<SessionDataset>,
  context: InventoryContext<SessionDataset>,
  upTo?: IsoDate,
): Promise<IsoDate | undefined> {
  const { day, year, yearFile } = newestFiles(files, upTo)
  const isDecided = day !== undefined && (day === upTo || year < yearOf(day))
  if (isDecided || yearFile === undefined) return day
  const [stored] = await readFooters([yearFile], context)
  if (stored === undefined || 'problem' in stored) return day
  const { to } = stored.footer.span
  const inYear = earlierOf(to, upTo ?? to)
  return laterOf(day ?? inYear, inYear)
}

/** The date of the newest day file, and the newest year file; `year` is 0 where there is none. */
function newestFiles(files: readonly PartitionFile<SessionDataset>[], upTo: IsoDate | undefined) {
  let day: IsoDate | undefined
  let year = 0
  let yearFile: PartitionFile<SessionDataset> | undefined
  for (const file of files) {
    const { partition } = file
    if (partition.kind === 'day') {
      if (upTo === undefined || partition.date <= upTo) day = laterOf(day ?? partition.date, partition.date)
    } else if (partition.year > year && (upTo === undefined || partition.year <= yearOf(upTo))) {
      year = partition.year
      yearFile = file
    }
  }
  return { day, year, yearFile }
}
