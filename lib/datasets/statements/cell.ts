// One document of a statement, a symbol and the end of a fiscal period: what is stored, what the next run does, what FMP has now.

import { primaryKeyOf, type Row } from '../../core/dataset.ts'
import { earlierOf, laterOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { ReportPeriod } from '../../core/config.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import type { Store } from '../../store/store.ts'
import { readCellObject, type CellObject } from '../cell.ts'
import { checkRows } from '../check.ts'
import { nextPossibleDate, planDocuments, surveyDocuments, type StoredDocuments } from './plan.ts'
import { createPlanLimits } from './plan-limits.ts'
import type { DocumentDataset } from './schema.ts'
import { sortedRows } from './write.ts'

/** A run asks for both, unless it is told otherwise. */
const PERIODS: readonly ReportPeriod[] = ['annual', 'quarter']

export type DocumentCell = {
  readonly documents: StoredDocuments
  readonly object: CellObject | undefined
  /** As of a price (prices/cell.ts). */
  readonly place: 'stored' | 'unreadable' | 'future' | 'before' | 'between' | 'after' | 'nothing'
  /** From the oldest to the newest document. */
  readonly stored: DateRange | undefined
}

export type DocumentContext = {
  readonly store: Store
  readonly dataset: DocumentDataset
  /** Today's date in New York. */
  readonly today: IsoDate
}

/** Reads the document, by one listing and one request. Throws an IngestError if the store fails. */
export async function readDocumentCell(symbol: string, date: IsoDate, context: DocumentContext): Promise<DocumentCell> {
  const documents = await surveyDocuments(symbol, context)
  const file = documents.documents.get(date)
  const object = file && (await readCellObject(file, date, context))
  const dates = [...documents.documents.keys()]
  const [from, to] = [dates[0], dates.at(-1)]
  const stored = from === undefined || to === undefined ? undefined : { from, to }
  return { documents, object, stored, place: placeOf(object, stored, date, context.today) }
}

function placeOf(
  object: CellObject | undefined,
  stored: DateRange | undefined,
  date: IsoDate,
  today: IsoDate,
): DocumentCell['place'] {
  if (object !== undefined) return 'problem' in object ? 'unreadable' : 'stored'
  if (date > today) return 'future'
  if (stored === undefined) return 'nothing'
  if (date > stored.to) return 'after'
  return date < stored.from ? 'before' : 'between'
}

/** The day from which on a run asks FMP for the documents of the symbol, and whether that is today. */
export function nextFetchOf(
  { documents }: DocumentCell,
  { dataset, today }: DocumentContext,
): { readonly on: IsoDate; readonly isDue: boolean } {
  const [plan] = planDocuments([documents], { dataset, periods: PERIODS, today, isForced: false })
  const isDue = plan !== undefined && plan.calls > 0
  return { on: isDue ? today : (nextPossibleDate(documents, PERIODS, today) ?? today), isDue }
}

export type AskedDocument = {
  /** FMP's rows of the date as they would be stored, by period. */
  readonly rows: readonly Row[]
  /** The rule that a row of the date broke. */
  readonly problem: string | undefined
  /** Whether a row differs from the stored one of its period; undefined where either is missing. */
  readonly differs: boolean | undefined
  /** From the oldest to the newest date that FMP sent. */
  readonly span: DateRange | undefined
}

/** Asks for the documents of a symbol, one call for years and one for quarters. Throws what the calls throw. */
export async function askDocument(
  symbol: string,
  { date, object }: { readonly date: IsoDate; readonly object: CellObject | undefined },
  { dataset, onNote }: { readonly dataset: DocumentDataset; readonly onNote: (text: string) => void },
  call: Call,
): Promise<AskedDocument> {
  const limits = createPlanLimits(onNote)
  const raw = []
  for (const period of PERIODS)
    raw.push(...(await limits.fetchRows(dataset, { symbol, period, isOnlyPeriod: false }, call)))
  const { good, rejects } = checkRows(dataset, raw, symbol)
  const all = good.map(({ row }) => row)
  const rows = sortedRows(all.filter((row) => row.date === date))
  const stored = new Map(
    object !== undefined && 'rows' in object ? object.rows.map((row) => [primaryKeyOf(dataset, row), row]) : [],
  )
  const pairs = rows.map((row) => [row, stored.get(primaryKeyOf(dataset, row))] as const)
  const isNew = pairs.some(([, old]) => old === undefined)
  return {
    rows,
    problem: rejects.find((one) => one.date?.startsWith(date))?.reason,
    differs:
      rows.length === 0 || stored.size === 0
        ? undefined
        : isNew || pairs.some(([row, old]) => !Bun.deepEquals(row, old)),
    span: spanOf(all.map((row) => row.date)),
  }
}

function spanOf(dates: readonly IsoDate[]): DateRange | undefined {
  const [first] = dates
  if (first === undefined) return undefined
  return dates.reduce<DateRange>(({ from, to }, date) => ({ from: earlierOf(from, date), to: laterOf(to, date) }), {
    from: first,
    to: first,
  })
}
