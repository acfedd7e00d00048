// What the store holds of each symbol, found out before the first API call.

import { dateOfDay, dayNumber, isWithin, type DateRange, type IsoDate } from '../../core/dates.ts'
import { type Footer } from '../../parquet/metadata.ts'
import type { Period } from '../../core/period.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { SessionDataset } from './schema.ts'
import { surveyEach, readTail } from '../stored-file.ts'

/** A year file and what its footer says, or in words why it says nothing this program can rely on. */
export type StoredYear = { readonly file: StoredFile } & ({ readonly footer: Footer } | { readonly problem: string })

export type Holdings = {
  readonly symbol: string
  /** Sessions within the range that have a day file. */
  readonly days: ReadonlySet<IsoDate>
  /** Year files whose footers were needed, judged or not. */
  readonly years: ReadonlyMap<number, StoredYear>
  /** Newest stored session within the range, by the newest day file, else by the newest year file. */
  readonly newest: IsoDate | undefined
}

export type Scope = {
  readonly store: Store
  readonly dataset: SessionDataset
  readonly mode: 'daily' | 'backfill'
  readonly period: Period
}

/** Surveys every symbol's sessions. */
export async function surveyAll(symbols: readonly string[], scope: Scope): Promise<readonly Holdings[]> {
  return await surveyEach(symbols, async (symbol) => await surveySymbol(symbol, scope))
}

async function surveySymbol(symbol: string, scope: Scope): Promise<Holdings> {
  const { dataset, mode, period } = scope
  const { range } = period
  if (range === undefined) return { symbol, days: new Set(), years: new Map(), newest: undefined }

  const days = new Set<IsoDate>()
  const yearFiles = new Map<number, StoredFile>()
  for (const file of await listRange(symbol, range, scope)) {
    const partition = dataset.partitionOf(symbol, file.key)
    // A date of its own: a part of the key would keep the whole key in memory.
    if (partition?.kind === 'day' && isWithin(partition.date, range)) days.add(dateOfDay(dayNumber(partition.date)))
    if (partition?.kind === 'year') yearFiles.set(partition.year, file)
  }

  const newestDay = [...days].toSorted().at(-1)
  if (mode === 'backfill') {
    const years = await readYears(yearFiles, scope.store)
    return { symbol, days, years, newest: newestIn(years) }
  }
  // Day mode ignores year files, except to learn how far a symbol without day files has come.
  const isNeeded = period.lookbackFrom !== undefined && newestDay === undefined
  const newestYear = Math.max(...yearFiles.keys())
  const years = isNeeded ? await readYears(pick(yearFiles, newestYear), scope.store) : new Map()
  const newest = newestDay ?? newestIn(years)
  return { symbol, days, years, newest: newest !== undefined && newest >= range.from ? newest : undefined }
}

/** The listing begins at the range's first key and ends with its last. */
async function listRange(symbol: string, range: DateRange, { store, dataset, mode, period }: Scope) {
  const firstDay = dataset.key(symbol, { kind: 'day', date: range.from })
  const lastDay = dataset.key(symbol, { kind: 'day', date: range.to })
  // `after` is exclusive: a key's own beginning stands right before it. Where year files count, the whole first year
  // is listed, because its file stands before its days.
  const wantsYears = mode === 'backfill' || period.lookbackFrom !== undefined
  const yearFolder = `${dataset.folder(symbol)}year=${range.from.slice(0, 4)}/`
  const after = wantsYears ? yearFolder : firstDay.slice(0, firstDay.lastIndexOf('.'))
  return await store.list(dataset.folder(symbol), after, lastDay)
}

async function readYears(files: ReadonlyMap<number, StoredFile>, store: Store): Promise<Map<number, StoredYear>> {
  const read = [...files].map(async ([year, file]) => [year, await readYear(file, store)] as const)
  const years = new Map<number, StoredYear>()
  for (const [year, stored] of await Promise.all(read)) {
    // Gone since the listing: as if it had never been there.
    if (stored !== undefined) years.set(year, stored)
  }
  return years
}

/** One year file's footer in one request, or undefined where the file is gone. */
export async function readYear(file: StoredFile, store: Store): Promise<StoredYear | undefined> {
  const stored = await readTail(file, store)
  return stored === undefined || 'problem' in stored ? stored : { file, footer: stored.footer }
}

/**
 * The newest session stored of a symbol, however far back, by the names of its files and the newest year file's
 * footer; undefined where nothing is stored. For the rare symbol without rows, whose listing stopped at the range.
 */
export async function newestEver(symbol: string, { store, dataset }: Scope): Promise<IsoDate | undefined> {
  let newestDay: IsoDate | undefined
  let newestYear: { year: number; file: StoredFile } | undefined
  for (const file of await store.list(dataset.folder(symbol))) {
    const partition = dataset.partitionOf(symbol, file.key)
    if (partition?.kind === 'day' && (newestDay ?? '') < partition.date) newestDay = partition.date
    if (partition?.kind === 'year' && partition.year > (newestYear?.year ?? 0))
      newestYear = { year: partition.year, file }
  }
  const stored = newestYear && (await readYear(newestYear.file, store))
  const inYear = stored !== undefined && 'footer' in stored ? stored.footer.span.to : undefined
  return [newestDay, inYear]
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
