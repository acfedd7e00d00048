// Surveys the stored documents of a symbol and plans whether to fetch it. Both need only the names of its files.

import { addDays, dayNumber, type IsoDate } from '../../core/dates.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { ReportPeriod } from '../../core/config.ts'
import type { DocumentDataset } from './schema.ts'

/** The stored documents of one symbol. */
export type StoredDocuments = {
  readonly symbol: string
  /** By date, oldest first. */
  readonly documents: ReadonlyMap<IsoDate, StoredFile>
}

export type DocumentPlan = StoredDocuments & {
  readonly dataset: DocumentDataset
  /** The report periods to fetch; none if no new document can exist yet. */
  readonly periods: readonly ReportPeriod[]
  readonly calls: number
  /** Today's date in New York. */
  readonly today: IsoDate
  /** Whether documents are written even if they are stored already. */
  readonly isForced: boolean
}

export type DocumentPlanContext = {
  readonly dataset: DocumentDataset
  /** The report periods that the user asked for. */
  readonly periods: readonly ReportPeriod[]
  /** Today's date in New York. */
  readonly today: IsoDate
  readonly isForced: boolean
}

/**
 * The shortest fiscal quarter: 12 weeks. Some companies divide their 52 weeks into 12, 12, 12 and 16 (annual reports of
 * PepsiCo and Costco).
 */
const SHORTEST_QUARTER_DAYS = 84

/** 52 weeks less two, because the end of a fiscal year may move. Documents at least this far apart are annual. */
const SHORTEST_YEAR_DAYS = 350

/** Lists the stored documents of a symbol. Throws an IngestError if the store fails. */
export async function surveyDocuments(
  symbol: string,
  { store, dataset }: { readonly store: Store; readonly dataset: DocumentDataset },
): Promise<StoredDocuments> {
  const files = await store.list(dataset.folder(symbol))
  const dated = files.flatMap((file) => {
    const partition = dataset.partitionOf(symbol, file.key)
    return partition === undefined ? [] : [[partition.date, file] as const]
  })
  return { symbol, documents: new Map(dated.toSorted(([a], [b]) => (a < b ? -1 : 1))) }
}

/** One plan per symbol: first symbols without stored documents, then by newest stored document, oldest first. */
export function planDocuments(
  surveyed: readonly StoredDocuments[],
  context: DocumentPlanContext,
): readonly DocumentPlan[] {
  const { dataset, periods, today, isForced } = context
  return surveyed
    .map((stored): DocumentPlan => {
      const next = nextPossibleDate(stored, periods, today)
      const isDue = isForced || next === undefined || next <= today
      const toFetch = isDue ? periods : []
      return { ...stored, dataset, periods: toFetch, calls: toFetch.length, today, isForced }
    })
    .toSorted((a, b) => (newestDocument(a) ?? '').localeCompare(newestDocument(b) ?? ''))
}

/** The date of the newest stored document. */
export function newestDocument({ documents }: StoredDocuments): IsoDate | undefined {
  return [...documents.keys()].at(-1)
}

/**
 * The first day on which a document can exist that is not stored; undefined if nothing is stored. The next period ends at
 * least a shortest quarter after the newest document. It is a shortest year only if the stored documents are annual and no
 * quarters are asked for: after a quarterly document, the next one may be that of the full year.
 */
export function nextPossibleDate(
  stored: StoredDocuments,
  periods: readonly ReportPeriod[],
  today: IsoDate,
): IsoDate | undefined {
  // A date in the future is the vendor's mistake, so it must not delay the next fetch.
  const [newest, before] = [...stored.documents.keys()].filter((date) => date <= today).toReversed()
  if (newest === undefined) return undefined
  const isYearly = before !== undefined && dayNumber(newest) - dayNumber(before) >= SHORTEST_YEAR_DAYS
  const wantsQuarters = periods.includes('quarter')
  return addDays(newest, isYearly && !wantsQuarters ? SHORTEST_YEAR_DAYS : SHORTEST_QUARTER_DAYS)
}
