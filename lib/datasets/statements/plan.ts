// What the store holds of a symbol's documents, and whether there is anything to ask for: from the names of the files
// alone.

import { addDays, dayNumber, type IsoDate } from '../../core/dates.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { ReportPeriod } from '../../core/config.ts'
import type { DocumentDataset } from './schema.ts'

/** What is stored of one symbol. */
export type Shelf = {
  readonly symbol: string
  /** By the documents' dates, oldest first. */
  readonly documents: ReadonlyMap<IsoDate, StoredFile>
}

export type DocumentPlan = Shelf & {
  readonly dataset: DocumentDataset
  /** What to ask the vendor for; nothing where no new document can exist yet. */
  readonly periods: readonly ReportPeriod[]
  readonly calls: number
  /** New York's date now. */
  readonly today: IsoDate
  /** Documents are written also where they are stored already. */
  readonly isForced: boolean
}

export type DocumentPlanContext = {
  readonly dataset: DocumentDataset
  /** What the user wants. */
  readonly periods: readonly ReportPeriod[]
  /** New York's date now. */
  readonly today: IsoDate
  readonly isForced: boolean
}

/**
 * The shortest fiscal quarter: 12 weeks, of companies whose 52 weeks are divided into 12, 12, 12 and 16 (PepsiCo's and
 * Costco's annual reports).
 */
const SHORTEST_QUARTER_DAYS = 84

/** A fiscal year of 52 weeks, less two for a year's end that moves; also what tells annual documents from quarterly ones. */
const SHORTEST_YEAR_DAYS = 350

/** Lists what is stored of a symbol. */
export async function surveyShelf(
  symbol: string,
  { store, dataset }: { readonly store: Store; readonly dataset: DocumentDataset },
): Promise<Shelf> {
  const files = await store.list(dataset.folder(symbol))
  const dated = files.flatMap((file) => {
    const date = dataset.dateOf(symbol, file.key)
    return date === undefined ? [] : [[date, file] as const]
  })
  return { symbol, documents: new Map(dated.toSorted(([a], [b]) => (a < b ? -1 : 1))) }
}

/** One plan a symbol: those whose newest stored document is oldest come first, ties in the order of the list. */
export function planDocuments(shelves: readonly Shelf[], context: DocumentPlanContext): readonly DocumentPlan[] {
  const { dataset, periods, today, isForced } = context
  return shelves
    .map((shelf): DocumentPlan => {
      const next = nextPossible(shelf, periods, today)
      const isDue = isForced || next === undefined || next <= today
      const asked = isDue ? periods : []
      return { ...shelf, dataset, periods: asked, calls: asked.length, today, isForced }
    })
    .toSorted((a, b) => (newestOf(a) ?? '').localeCompare(newestOf(b) ?? ''))
}

/** The date of the newest stored document. */
export function newestOf({ documents }: Shelf): IsoDate | undefined {
  return [...documents.keys()].at(-1)
}

/**
 * The first day on which a document can exist that is not stored; undefined where nothing is stored. The period after the
 * newest document's ends no earlier than its shortest length later. A year is waited for only where documents have come
 * once a year so far: between quarterly ones the full year's may be the next.
 */
export function nextPossible(shelf: Shelf, periods: readonly ReportPeriod[], today: IsoDate): IsoDate | undefined {
  // A date to come is a mistake of the vendor's, and no mark to wait by.
  const [newest, before] = [...shelf.documents.keys()].filter((date) => date <= today).toReversed()
  if (newest === undefined) return undefined
  const isYearly = before !== undefined && dayNumber(newest) - dayNumber(before) >= SHORTEST_YEAR_DAYS
  const wantsQuarters = periods.includes('quarter')
  return addDays(newest, isYearly && !wantsQuarters ? SHORTEST_YEAR_DAYS : SHORTEST_QUARTER_DAYS)
}
