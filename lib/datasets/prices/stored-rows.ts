// Reads the stored rows of a symbol that count: for each session the one with the greatest `ingest_ts` over year and day
// files. Only files whose rows can count are read, and only rows that differ from the vendor's are decoded.

import type { Row } from '../../core/dataset.ts'
import {
  addDays,
  earlierOf,
  isWithin,
  rangeAround,
  wholeYear,
  yearOf,
  type DateRange,
  type IsoDate,
  laterOf,
} from '../../core/dates.ts'
import { readRows, rowsSha256, type Footer } from '../../parquet/parquet.ts'
import type { StoredFile } from '../../store/store.ts'
import { readTail, type ReadContext } from '../stored-file.ts'
import type { RowPair } from './past-steps.ts'
import type { SessionDataset } from './schema.ts'

/** Far more than the rows of a year can take. */
const MAX_FILE_BYTES = 4 * 1_048_576

/** Ten years, the longest window: older rows are never compared. */
const MAX_DAYS_BACK = 3_653

export type StoredRowsContext = ReadContext & { readonly dataset: SessionDataset }

/** A file of this program with its footer. `bytes` are the whole file. */
type ReadFile = { readonly file: StoredFile; readonly footer: Footer; readonly bytes: Uint8Array }

export type StoredRows = {
  /** Sessions that are stored and in the vendor's answer, newest first. */
  readonly pairs: readonly RowPair[]
  /** The newest stored session that is in the answer, compared or not. */
  readonly newest: IsoDate | undefined
  /** Stored rows that the answer lacks, newest first. */
  readonly absent: readonly Row[]
  /** The day files whose rows count. */
  readonly dayFiles: ReadonlyMap<IsoDate, StoredFile>
  readonly yearFiles: ReadonlyMap<number, { readonly file: StoredFile; readonly footer: Footer }>
}

/** The stored rows of a range beside the vendor's, which `answer` holds by date. Throws an IngestError when the store fails. */
export async function readStoredRows(
  symbol: string,
  range: DateRange,
  answer: ReadonlyMap<IsoDate, Row>,
  context: StoredRowsContext,
): Promise<StoredRows> {
  const { days, years } = await listFiles(symbol, range, context)
  const yearFiles = new Map<number, ReadFile>()
  for (const [year, file] of years) {
    const read = await readWhole(file, context)
    if (read !== undefined) yearFiles.set(year, read)
  }
  const wanted = [...days].filter(([date, file]) => canCount(date, file, yearFiles.get(yearOf(date))))
  const dayFiles = new Map<IsoDate, ReadFile>()
  await Promise.all(
    wanted.map(async ([date, file]) => {
      const read = await readWhole(file, context)
      if (read !== undefined) dayFiles.set(date, read)
    }),
  )
  const rows = new Map<IsoDate, Row>()
  for (const read of yearFiles.values()) {
    for (const row of await rowsOf(read, answer, context)) {
      const day = dayFiles.get(row.date)
      const isNewer = day === undefined || read.footer.ingestMs > day.footer.ingestMs
      if (isNewer && isWithin(row.date, range)) rows.set(row.date, row)
      if (isNewer) dayFiles.delete(row.date)
    }
  }
  for (const read of dayFiles.values()) {
    for (const row of await rowsOf(read, answer, context)) rows.set(row.date, row)
  }
  const sorted = [...rows.values()].toSorted((a, b) => (a.date < b.date ? 1 : -1))
  return {
    newest: sorted.find(({ date }) => answer.has(date))?.date,
    pairs: sorted.flatMap((stored): readonly RowPair[] => {
      const now = answer.get(stored.date)
      return now === undefined ? [] : [{ stored, now }]
    }),
    absent: sorted.filter(({ date }) => !answer.has(date)),
    dayFiles: new Map([...dayFiles].map(([date, { file }]) => [date, file])),
    yearFiles,
  }
}

/**
 * From the first to the last day that a symbol's files can hold, by their names; a year that was read ends where its footer
 * says. Undefined where there is no file.
 */
export async function storedExtent(
  symbol: string,
  read: StoredRows['yearFiles'],
  { store, dataset }: StoredRowsContext,
): Promise<DateRange | undefined> {
  const files = await store.list(dataset.folder(symbol))
  return rangeAround(
    files.map(({ key }) => {
      const partition = dataset.partitionOf(symbol, key)
      if (partition?.kind === 'day') return { from: partition.date, to: partition.date }
      if (partition === undefined) return undefined
      const { from, to } = wholeYear(partition.year)
      return { from, to: read.get(partition.year)?.footer.span.to ?? to }
    }),
  )
}

/** The newest stored session before `date`, or the day before it if its year's file holds later ones too. Undefined if none. */
export async function newestStoredBefore(
  symbol: string,
  date: IsoDate,
  context: StoredRowsContext,
): Promise<IsoDate | undefined> {
  const range = { from: addDays(date, -MAX_DAYS_BACK), to: addDays(date, -1) }
  const { days, years } = await listFiles(symbol, range, context)
  const newestDay = [...days.keys()].toSorted().at(-1)
  const newestYear = [...years].toSorted(([a], [b]) => b - a)[0]
  const read = newestYear && (await readTail(newestYear[1], context))
  const ofYear = read && 'footer' in read ? earlierOf(read.footer.span.to, range.to) : undefined
  return newestDay !== undefined && ofYear !== undefined ? laterOf(newestDay, ofYear) : (newestDay ?? ofYear)
}

async function listFiles(symbol: string, range: DateRange, { store, dataset }: StoredRowsContext) {
  const days = new Map<IsoDate, StoredFile>()
  const years = new Map<number, StoredFile>()
  // The file of a year sorts before the files of its days.
  const after = `${dataset.folder(symbol)}year=${range.from.slice(0, 4)}/`
  for (const file of await store.list(
    dataset.folder(symbol),
    after,
    dataset.key(symbol, { kind: 'day', date: range.to }),
  )) {
    const partition = dataset.partitionOf(symbol, file.key)
    if (partition?.kind === 'day' && isWithin(partition.date, range)) days.set(partition.date, file)
    if (partition?.kind === 'year') years.set(partition.year, file)
  }
  return { days, years }
}

/**
 * Whether a day file's row can count beside its year's. It cannot where the year was stored after it by both clocks: a
 * rehearsal sets `ingest_ts`, but no modification time.
 */
function canCount(date: IsoDate, day: StoredFile, year: ReadFile | undefined): boolean {
  if (year === undefined || !isWithin(date, year.footer.span)) return true
  return day.modifiedMs >= year.file.modifiedMs || day.modifiedMs >= year.footer.ingestMs
}

/** Undefined for a file that is gone or foreign: what is not ours is named by whoever would write it. */
async function readWhole(file: StoredFile, context: StoredRowsContext): Promise<ReadFile | undefined> {
  const found = await readTail(file, context)
  if (found === undefined || 'problem' in found) return undefined
  const { footer, tail } = found
  const isWhole = tail.byteLength >= file.sizeBytes
  const bytes = isWhole ? tail : await context.store.read(file.key, undefined, MAX_FILE_BYTES)
  return bytes === undefined ? undefined : { file, footer, bytes }
}

/** The rows of a file: those of the answer where the hash says that they are equal, else decoded. */
async function rowsOf(
  { footer, bytes }: ReadFile,
  answer: ReadonlyMap<IsoDate, Row>,
  { dataset }: StoredRowsContext,
): Promise<readonly Row[]> {
  const same = [...answer.values()]
    .filter(({ date }) => isWithin(date, footer.span))
    .toSorted((a, b) => (a.date < b.date ? 1 : -1))
  const isEqual = same.length === footer.rows && rowsSha256(dataset.columns, same) === footer.rowsSha256
  return isEqual ? same : await readRows(bytes, dataset.columns)
}
