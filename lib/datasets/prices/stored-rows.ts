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
import { IngestError } from '../../core/errors.ts'
import { readRows, rowsSha256, type Footer } from '../../parquet/parquet.ts'
import type { StoredFile } from '../../store/store.ts'
import { readTail, type ReadContext } from '../stored-file.ts'
import type { RowPair } from './past-steps.ts'
import { unpackRecent, type ListedFiles, type ListedYear, type RecentFiles } from './recent-files.ts'
import type { SessionDataset } from './schema.ts'

/** Far more than the rows of a year can take. */
const MAX_FILE_BYTES = 4 * 1_048_576

/** Ten years, the longest window: older rows are never compared. */
const MAX_DAYS_BACK = 3_653

export type StoredRowsContext = ReadContext & {
  readonly dataset: SessionDataset
  /** The files of a symbol's last sessions, if the survey has listed them. */
  readonly recentFiles?: (symbol: string) => RecentFiles | undefined
}

/** A file of this program; `tail` is the end of its bytes, if that was read. */
type FoundFile = { readonly file: StoredFile; readonly footer: Footer; readonly tail?: Uint8Array }

/** A day file by its date. */
type Day = readonly [IsoDate, StoredFile]

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
  const recent = unpackRecent(context.recentFiles?.(symbol), range, { symbol, dataset: context.dataset })
  const { days, years } = recent ?? (await listFiles(symbol, range, context))
  const isNewer = ([date, { modifiedMs }]: Day) => modifiedMs >= (years.get(yearOf(date))?.file.modifiedMs ?? 0)
  // Day files that are newer than the file of their year are read whatever that holds, so they need not wait for it.
  const [newer, older] = [[...days].filter(isNewer), [...days].filter((day) => !isNewer(day))]
  const [yearFiles, newerFiles] = await Promise.all([findYears(years, range, context), readAll(newer, context)])
  const rowsIn = async (read: FoundFile) => await rowsOf(read, { range, answer }, context)
  const ofYears = await rowsOfYears(yearFiles.values(), range, rowsIn)
  // An older one cannot count where the year's row is newer by both clocks: a rehearsal sets `ingest_ts`, but no
  // modification time.
  const canCount = ([date, { modifiedMs }]: Day) => modifiedMs >= (ofYears.get(date)?.ingestMs ?? 0)
  const olderFiles = await readAll(older.filter(canCount), context)
  const dayFiles = new Map(
    [...newerFiles, ...olderFiles].filter(
      ([date, { footer }]) => footer.ingestMs >= (ofYears.get(date)?.ingestMs ?? 0),
    ),
  )
  const rows = new Map([...ofYears].map(([date, { row }]) => [date, row]))
  for (const read of dayFiles.values()) {
    for (const row of await rowsIn(read)) rows.set(row.date, row)
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
    yearFiles: new Map([...yearFiles].map(([year, { file, footer }]) => [year, { file, footer }])),
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
  const read = newestYear && (await readTail(newestYear[1].file, context))
  const ofYear = read && 'footer' in read ? earlierOf(read.footer.span.to, range.to) : undefined
  return newestDay !== undefined && ofYear !== undefined ? laterOf(newestDay, ofYear) : (newestDay ?? ofYear)
}

async function listFiles(
  symbol: string,
  range: DateRange,
  { store, dataset }: StoredRowsContext,
): Promise<ListedFiles> {
  const days = new Map<IsoDate, StoredFile>()
  const years = new Map<number, ListedYear>()
  // The file of a year sorts before the files of its days.
  const after = `${dataset.folder(symbol)}year=${range.from.slice(0, 4)}/`
  for (const file of await store.list(
    dataset.folder(symbol),
    after,
    dataset.key(symbol, { kind: 'day', date: range.to }),
  )) {
    const partition = dataset.partitionOf(symbol, file.key)
    if (partition?.kind === 'day' && isWithin(partition.date, range)) days.set(partition.date, file)
    if (partition?.kind === 'year') years.set(partition.year, { file })
  }
  return { days, years }
}

/** Reads the ends of files. Leaves out what is gone or foreign: what is not ours is named by whoever would write it. */
async function readAll<Name>(
  files: Iterable<readonly [Name, StoredFile]>,
  context: StoredRowsContext,
): Promise<Map<Name, FoundFile>> {
  const tails = [...files].map(async ([name, file]) => [name, await readTail(file, context)] as const)
  const read = new Map<Name, FoundFile>()
  for (const [name, tail] of await Promise.all(tails)) {
    if (tail !== undefined && 'footer' in tail) read.set(name, tail)
  }
  return read
}

/** Reads the ends of year files, but of those that are known to have no row of the range. */
async function findYears(
  years: ListedFiles['years'],
  range: DateRange,
  context: StoredRowsContext,
): Promise<ReadonlyMap<number, FoundFile>> {
  const found = new Map<number, FoundFile>()
  const unknown: (readonly [number, StoredFile])[] = []
  for (const [year, { file, footer }] of years) {
    if (footer === undefined || overlap(footer.span, range)) unknown.push([year, file])
    else found.set(year, { file, footer })
  }
  for (const [year, read] of await readAll(unknown, context)) found.set(year, read)
  return found
}

type YearRow = { readonly row: Row; readonly ingestMs: number }

/** The rows of year files in a range, each with the instant of its file. */
async function rowsOfYears(
  files: Iterable<FoundFile>,
  range: DateRange,
  rowsIn: (file: FoundFile) => Promise<readonly Row[]>,
): Promise<ReadonlyMap<IsoDate, YearRow>> {
  const rows = new Map<IsoDate, YearRow>()
  for (const file of files) {
    const { span, ingestMs } = file.footer
    // Most nights compare days after the last one of the file.
    if (!overlap(span, range)) continue
    for (const row of await rowsIn(file)) rows.set(row.date, { row, ingestMs })
  }
  return rows
}

type Wanted = { readonly range: DateRange; readonly answer: ReadonlyMap<IsoDate, Row> }

/** The rows of a file in a range: those of the answer where the hash says that they are equal, else decoded. */
async function rowsOf(
  { file, footer, tail }: FoundFile,
  { range, answer }: Wanted,
  { dataset, store }: StoredRowsContext,
): Promise<readonly Row[]> {
  const same = rowsWithin(footer.span, answer)
  if (same.length === footer.rows && rowsSha256(dataset.columns, same) === footer.rowsSha256) {
    return same.filter(({ date }) => isWithin(date, range))
  }
  const isWhole = tail !== undefined && tail.byteLength >= file.sizeBytes
  const bytes = isWhole ? tail : await store.read(file.key, undefined, MAX_FILE_BYTES)
  // The file is gone meanwhile.
  if (bytes === undefined) return []
  return await readRows(bytes, dataset.columns, range).catch((error: unknown) => {
    throw damagedFileError(file.key, error)
  })
}

/** The rows of the answer in a span, newest first. */
function rowsWithin({ from, to }: DateRange, answer: ReadonlyMap<IsoDate, Row>): readonly Row[] {
  // An audit of a lake of day files asks for thousands of them.
  if (from === to) return [answer.get(from) ?? []].flat()
  const rows = [...answer.values()].filter(({ date }) => from <= date && date <= to)
  return rows.toSorted((a, b) => (a.date < b.date ? 1 : -1))
}

function damagedFileError(key: string, cause: unknown): IngestError {
  return new IngestError(`${key} is damaged: its footer can be read, and its rows cannot`, {
    kind: 'store',
    scope: 'symbol',
    hint: 'Delete it, and fetch its sessions again.',
    cause,
  })
}

function overlap(a: DateRange, b: DateRange): boolean {
  return a.from <= b.to && b.from <= a.to
}
