// Surveys the stored sessions of each symbol, before the first API call.

import type { Calendar } from '../../core/calendar.ts'
import { dateOfDay, dayNumber, isWithin, type DateRange, type IsoDate } from '../../core/dates.ts'
import { createDateInterner } from '../../core/interning.ts'
import type { Period } from '../../core/period.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import { packRecent, recentSpan, type RecentFiles } from './recent-files.ts'
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
  /** The files of its last sessions, in a run without dates. */
  readonly recent: RecentFiles | undefined
}

export type SurveyContext = {
  readonly store: Store
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  readonly mode: 'daily' | 'backfill'
  readonly period: Period
  /** A run without dates reads the year files of the lookback; with this also older ones, from the year of this date on. */
  readonly readsFrom?: IsoDate
  /** Called after each symbol. */
  readonly onSurveyed?: () => void
}

/** Surveys the stored sessions of every symbol. */
export async function surveySessions(
  symbols: readonly string[],
  context: SurveyContext,
): Promise<readonly StoredSessions[]> {
  const intern = createDateInterner()
  const survey = async (symbol: string): Promise<StoredSessions> => {
    const stored = await surveySymbol(symbol, context)
    return { ...stored, days: intern(stored.days) }
  }
  return await surveyEach(symbols, survey, context.onSurveyed)
}

async function surveySymbol(symbol: string, context: SurveyContext): Promise<StoredSessions> {
  const { store, dataset } = context
  const keys = keysOfRange(symbol, context)
  const files = keys === undefined ? [] : await store.list(dataset.folder(symbol), keys.after, keys.until)
  return await surveyFiles({ symbol, files }, context)
}

/** What the survey of a run finds of a symbol, from a listing of all its files. */
export async function surveyListed({ symbol, files }: Listed, context: SurveyContext): Promise<StoredSessions> {
  const keys = keysOfRange(symbol, context)
  // After the symbol's folder the keys of its files are ASCII: they compare as their bytes do.
  const isListed = ({ key }: StoredFile) => keys !== undefined && key > keys.after && key <= keys.until
  return await surveyFiles({ symbol, files: files.filter(isListed) }, context)
}

type Listed = { readonly symbol: string; readonly files: readonly StoredFile[] }

async function surveyFiles({ symbol, files }: Listed, context: SurveyContext): Promise<StoredSessions> {
  const { mode, period, calendar } = context
  const span = recentSpan(period, calendar)
  const { days, earlierDays, recentDays, yearFiles } = sortFiles({ symbol, files }, span, context)
  if (mode === 'backfill') {
    const years = await readYears(yearFiles, context)
    const found = { years, heldInYears: [], unreadYears: [] }
    return { symbol, days, earlierDays, ...found, newest: newestIn(years), recent: undefined }
  }
  const found = await surveyYears(yearFiles, days, context)
  const newest = [...days, newestIn(found.years) ?? []].flat().toSorted().at(-1)
  const isInReach = newest !== undefined && period.range !== undefined && newest >= period.range.from
  const recent = span && packRecent(span, { days: recentDays, years: yearFiles }, found.years)
  return { symbol, days, earlierDays, ...found, newest: isInReach ? newest : undefined, recent }
}

type SortedFiles = Pick<StoredSessions, 'days' | 'earlierDays'> & {
  /** The day files of the span whose files are kept. */
  readonly recentDays: ReadonlyMap<IsoDate, StoredFile>
  readonly yearFiles: ReadonlyMap<number, StoredFile>
}

function sortFiles(
  { symbol, files }: Listed,
  span: DateRange | undefined,
  { dataset, period: { range } }: SurveyContext,
): SortedFiles {
  const days = new Set<IsoDate>()
  const earlierDays: IsoDate[] = []
  const recentDays = new Map<IsoDate, StoredFile>()
  const yearFiles = new Map<number, StoredFile>()
  for (const file of files) {
    const partition = dataset.partitionOf(symbol, file.key)
    if (partition?.kind === 'year') yearFiles.set(partition.year, file)
    if (partition?.kind !== 'day' || range === undefined) continue
    // A new string: a substring of the key would keep the whole key in memory.
    const date = dateOfDay(dayNumber(partition.date))
    if (span !== undefined && isWithin(date, span)) recentDays.set(date, file)
    if (isWithin(date, range)) days.add(date)
    else if (date < range.from) earlierDays.push(date)
  }
  return { days, earlierDays, recentDays, yearFiles }
}

/** Between which keys the files of the range stand; `after` is exclusive. Undefined where there is no range. */
function keysOfRange(symbol: string, { dataset, mode, period: { range, lookbackFrom } }: SurveyContext) {
  if (range === undefined) return undefined
  const firstDay = dataset.key(symbol, { kind: 'day', date: range.from })
  const lastDay = dataset.key(symbol, { kind: 'day', date: range.to })
  // A prefix of a key sorts before that key. If year files are needed, the listing begins with the first year's folder,
  // because the year's file sorts before the files of its days.
  const wantsYears = mode === 'backfill' || lookbackFrom !== undefined
  const yearFolder = `${dataset.folder(symbol)}year=${range.from.slice(0, 4)}/`
  return { after: wantsYears ? yearFolder : firstDay.slice(0, firstDay.lastIndexOf('.')), until: lastDay }
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
