// Surveys the stored sessions of each symbol, before the first API call.

import { dateOfDay, dayNumber, isWithin, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Footer } from '../../parquet/parquet.ts'
import type { Period } from '../../core/period.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { SessionDataset } from './schema.ts'
import { readTail, surveyEach, type ReadContext } from '../stored-file.ts'

/** A year file with its footer, or with the problem why its footer cannot be used. */
export type StoredYear = { readonly file: StoredFile } & ({ readonly footer: Footer } | { readonly problem: string })

/** The stored sessions of one symbol. */
export type StoredSessions = {
  readonly symbol: string
  /** Sessions of the range that have a day file. */
  readonly days: ReadonlySet<IsoDate>
  /** The year files whose footers were read. */
  readonly years: ReadonlyMap<number, StoredYear>
  /** The newest stored session of the range: that of the newest day file, else that of the newest year file. */
  readonly newest: IsoDate | undefined
}

export type SurveyContext = {
  readonly store: Store
  readonly dataset: SessionDataset
  readonly mode: 'daily' | 'backfill'
  readonly period: Period
}

/** Surveys the stored sessions of every symbol. */
export async function surveySessions(
  symbols: readonly string[],
  context: SurveyContext,
): Promise<readonly StoredSessions[]> {
  return await surveyEach(symbols, async (symbol) => await surveySymbol(symbol, context))
}

async function surveySymbol(symbol: string, context: SurveyContext): Promise<StoredSessions> {
  const { dataset, mode, period } = context
  const { range } = period
  if (range === undefined) return { symbol, days: new Set(), years: new Map(), newest: undefined }

  const days = new Set<IsoDate>()
  const yearFiles = new Map<number, StoredFile>()
  for (const file of await listRange(symbol, range, context)) {
    const partition = dataset.partitionOf(symbol, file.key)
    // A new string: a substring of the key would keep the whole key in memory.
    if (partition?.kind === 'day' && isWithin(partition.date, range)) days.add(dateOfDay(dayNumber(partition.date)))
    if (partition?.kind === 'year') yearFiles.set(partition.year, file)
  }

  const newestDay = [...days].toSorted().at(-1)
  if (mode === 'backfill') {
    const years = await readYears(yearFiles, context)
    return { symbol, days, years, newest: newestIn(years) }
  }
  // Day mode reads a year file only for the newest stored session of a symbol without day files.
  const isNeeded = period.lookbackFrom !== undefined && newestDay === undefined
  const newestYear = Math.max(...yearFiles.keys())
  const years = isNeeded ? await readYears(pick(yearFiles, newestYear), context) : new Map()
  const newest = newestDay ?? newestIn(years)
  return { symbol, days, years, newest: newest !== undefined && newest >= range.from ? newest : undefined }
}

/** Lists the files from the range's first key to its last. */
async function listRange(symbol: string, range: DateRange, { store, dataset, mode, period }: SurveyContext) {
  const firstDay = dataset.key(symbol, { kind: 'day', date: range.from })
  const lastDay = dataset.key(symbol, { kind: 'day', date: range.to })
  // `after` is exclusive, and a prefix of a key sorts before that key. If year files are needed, the listing begins with
  // the first year's folder, because the year's file sorts before the files of its days.
  const wantsYears = mode === 'backfill' || period.lookbackFrom !== undefined
  const yearFolder = `${dataset.folder(symbol)}year=${range.from.slice(0, 4)}/`
  const after = wantsYears ? yearFolder : firstDay.slice(0, firstDay.lastIndexOf('.'))
  return await store.list(dataset.folder(symbol), after, lastDay)
}

async function readYears(
  files: ReadonlyMap<number, StoredFile>,
  context: ReadContext,
): Promise<Map<number, StoredYear>> {
  const read = [...files].map(async ([year, file]) => [year, await readYear(file, context)] as const)
  const years = new Map<number, StoredYear>()
  for (const [year, stored] of await Promise.all(read)) {
    // A file that was removed since the listing counts as absent.
    if (stored !== undefined) years.set(year, stored)
  }
  return years
}

/** Reads the footer of a year file in one request; undefined if the file is gone. */
export async function readYear(file: StoredFile, context: ReadContext): Promise<StoredYear | undefined> {
  const stored = await readTail(file, context)
  return stored === undefined || 'problem' in stored ? stored : { file, footer: stored.footer }
}

/**
 * The newest stored session of a symbol, also before the range, by the names of its files and the footer of its newest
 * year file. Undefined if nothing is stored. Only the rare symbol without rows needs it: the survey lists the range alone.
 */
export async function findNewestSession(
  symbol: string,
  { store, dataset }: SurveyContext,
): Promise<IsoDate | undefined> {
  let newestDay: IsoDate | undefined
  let newestYear: { year: number; file: StoredFile } | undefined
  for (const file of await store.list(dataset.folder(symbol))) {
    const partition = dataset.partitionOf(symbol, file.key)
    if (partition?.kind === 'day' && (newestDay ?? '') < partition.date) newestDay = partition.date
    if (partition?.kind === 'year' && partition.year > (newestYear?.year ?? 0))
      newestYear = { year: partition.year, file }
  }
  const stored = newestYear && (await readYear(newestYear.file, { store, dataset }))
  const newestInYear = stored !== undefined && 'footer' in stored ? stored.footer.span.to : undefined
  return [newestDay, newestInYear]
    .filter((date) => date !== undefined)
    .toSorted()
    .at(-1)
}

function newestIn(years: ReadonlyMap<number, StoredYear>): IsoDate | undefined {
  return [...years.values()]
    .flatMap((stored) => ('footer' in stored ? [stored.footer.span.to] : []))
    .toSorted()
    .at(-1)
}

function pick(files: ReadonlyMap<number, StoredFile>, year: number): ReadonlyMap<number, StoredFile> {
  const file = files.get(year)
  return new Map(file === undefined ? [] : [[year, file]])
}
