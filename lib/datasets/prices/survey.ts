// Surveys the stored sessions of each symbol, before the first API call.

import type { Calendar } from '../../core/calendar.ts'
import { dateOfDay, dayNumber, isWithin, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { SessionDataset } from './schema.ts'
import { listSymbolFiles } from '../inventory.ts'
import { surveyEach } from '../stored-file.ts'
import { newestStored } from './inventory.ts'
import { readYears, surveyYears, type YearsFound } from './stored-years.ts'
import { newestIn } from './year-files.ts'

/** The stored sessions of one symbol. */
export type StoredSessions = YearsFound & {
  readonly symbol: string
  /** Sessions of the range that have a day file. */
  readonly days: ReadonlySet<IsoDate>
  /** Older ones that the listing shows, oldest first. */
  readonly earlierDays: readonly IsoDate[]
  /** The newest stored session of the range, in a day file or in a year file that was read. */
  readonly newest: IsoDate | undefined
}

export type SurveyContext = {
  readonly store: Store
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  readonly mode: 'daily' | 'backfill'
  readonly period: Period
  /** Called after each symbol. */
  readonly onSurveyed?: () => void
}

/** Surveys the stored sessions of every symbol. */
export async function surveySessions(
  symbols: readonly string[],
  context: SurveyContext,
): Promise<readonly StoredSessions[]> {
  return await surveyEach(symbols, async (symbol) => await surveySymbol(symbol, context), context.onSurveyed)
}

async function surveySymbol(symbol: string, context: SurveyContext): Promise<StoredSessions> {
  const { mode, period } = context
  const { days, earlierDays, yearFiles } = await listFiles(symbol, context)
  if (mode === 'backfill') {
    const years = await readYears(yearFiles, context)
    return { symbol, days, earlierDays, years, heldInYears: [], unreadYears: [], newest: newestIn(years) }
  }
  const found = await surveyYears(yearFiles, days, context)
  const newest = [...days, newestIn(found.years) ?? []].flat().toSorted().at(-1)
  const isInReach = newest !== undefined && period.range !== undefined && newest >= period.range.from
  return { symbol, days, earlierDays, ...found, newest: isInReach ? newest : undefined }
}

type ListedFiles = Pick<StoredSessions, 'days' | 'earlierDays'> & {
  readonly yearFiles: ReadonlyMap<number, StoredFile>
}

async function listFiles(symbol: string, context: SurveyContext): Promise<ListedFiles> {
  const { dataset, period } = context
  const { range } = period
  const days = new Set<IsoDate>()
  const earlierDays: IsoDate[] = []
  const yearFiles = new Map<number, StoredFile>()
  const files = range === undefined ? [] : await listRange(symbol, range, context)
  for (const file of files) {
    const partition = dataset.partitionOf(symbol, file.key)
    if (partition?.kind === 'year') yearFiles.set(partition.year, file)
    if (partition?.kind !== 'day' || range === undefined) continue
    // A new string: a substring of the key would keep the whole key in memory.
    const date = dateOfDay(dayNumber(partition.date))
    if (isWithin(date, range)) days.add(date)
    else if (date < range.from) earlierDays.push(date)
  }
  return { days, earlierDays, yearFiles }
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

/**
 * The newest stored session of a symbol, also before the range, by the names of its files and the footer of its newest
 * year file. Undefined if nothing is stored. Only the rare symbol without rows needs it: the survey lists the range alone.
 */
export async function findNewestSession(
  symbol: string,
  context: Pick<SurveyContext, 'store' | 'dataset'>,
): Promise<IsoDate | undefined> {
  return await newestStored(await listSymbolFiles(symbol, context), context)
}
