// Stored year files: their footers, and which sessions they hold.

import type { Calendar } from '../../core/calendar.ts'
import { isWithin, laterOf, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import { readDates, type Footer } from '../../parquet/parquet.ts'
import type { StoredFile } from '../../store/store.ts'
import { readFileFooter, readTail, type ReadContext, type StoredTail } from '../stored-file.ts'
import type { StoredYear } from './year-files.ts'

/** The sessions that a year file holds: those of `span`, without `gaps`. */
export type HeldSessions = { readonly span: DateRange; readonly gaps: ReadonlySet<IsoDate> }

/** What year files hold, as far as a run without dates must know it. */
export type YearsFound = {
  /** The year files whose footers were read. */
  readonly years: ReadonlyMap<number, StoredYear>
  /** One for each of them that this program wrote. */
  readonly heldInYears: readonly HeldSessions[]
  /** Years with a file that was not read, because its sessions are older than all that such a run decides on. */
  readonly unreadYears: readonly number[]
}

type YearsContext = ReadContext & {
  readonly calendar: Calendar
  readonly period: Period
  /** Files of older years than the lookback's are read from the year of this date on. */
  readonly readsFrom?: IsoDate
}

/** More than a year file of a series that trades every day takes. */
const MAX_YEAR_BYTES = 1_048_576

/**
 * What the year files of a symbol hold. Reads the newest file, and older ones only if the lookback reaches into their
 * years: one request a symbol, but in the first sessions of a year. Reads none if the run has dates.
 */
export async function surveyYears(
  files: ReadonlyMap<number, StoredFile>,
  days: ReadonlySet<IsoDate>,
  context: YearsContext,
): Promise<YearsFound> {
  const { lookbackFrom } = context.period
  if (lookbackFrom === undefined) return { years: new Map(), heldInYears: [], unreadYears: [] }
  const newest = Math.max(...files.keys())
  const isNeeded = (year: number) => year === newest || year >= yearOf(context.readsFrom ?? lookbackFrom)
  const years = new Map<number, StoredYear>()
  const heldInYears: HeldSessions[] = []
  for (const [year, file] of files) {
    const stored = isNeeded(year) ? await readTail(file, context) : undefined
    if (stored === undefined) continue
    const held = 'footer' in stored ? await heldSessions(stored, days, { ...context, lookbackFrom }) : undefined
    if (held !== undefined) heldInYears.push(held)
    // Without the bytes, which would stay in memory.
    years.set(year, 'problem' in stored ? stored : { file: stored.file, footer: stored.footer })
  }
  return { years, heldInYears, unreadYears: [...files.keys()].filter((year) => !isNeeded(year)) }
}

/**
 * Which sessions a file holds, from its footer alone where that is enough: as many rows as sessions are taken for a whole
 * series. The rows are read where the numbers differ, and where the file decides on sessions of the lookback. Undefined if
 * they cannot be read.
 */
async function heldSessions(
  { file, footer, tail }: Extract<StoredTail, { footer: Footer }>,
  days: ReadonlySet<IsoDate>,
  { store, calendar, lookbackFrom }: YearsContext & { readonly lookbackFrom: IsoDate },
): Promise<HeldSessions | undefined> {
  const { span, rows } = footer
  const sessions = calendar.sessions(span)
  const decidesOn = { from: laterOf(lookbackFrom, span.from), to: span.to }
  const isDeciding = sessions.some((session) => isWithin(session, decidesOn) && !days.has(session))
  if (rows === sessions.length && !isDeciding) return { span, gaps: new Set() }
  const dates = await readDatesOf({ file, tail }, { store })
  if (dates === undefined) return undefined
  const held = new Set(dates)
  return { span, gaps: new Set(sessions.filter((session) => !held.has(session))) }
}

/** The dates of a file's rows; a request only if the tail is not the whole file. Undefined if they cannot be read. */
export async function readDatesOf(
  { file, tail }: { readonly file: StoredFile; readonly tail: Uint8Array },
  { store }: Pick<ReadContext, 'store'>,
): Promise<readonly IsoDate[] | undefined> {
  const bytes = tail.byteLength >= file.sizeBytes ? tail : await store.read(file.key, undefined, MAX_YEAR_BYTES)
  return bytes && (await readDates(bytes).catch(() => undefined))
}

/** Reads the footers of year files, one request each. A file that is gone since the listing is left out. */
export async function readYears(
  files: ReadonlyMap<number, StoredFile>,
  context: ReadContext,
): Promise<ReadonlyMap<number, StoredYear>> {
  const read = [...files].map(async ([year, file]) => [year, await readYear(file, context)] as const)
  const years = new Map<number, StoredYear>()
  for (const [year, stored] of await Promise.all(read)) if (stored !== undefined) years.set(year, stored)
  return years
}

/** Reads the footer of a year file in one request; undefined if the file is gone. */
export async function readYear(file: StoredFile, context: ReadContext): Promise<StoredYear | undefined> {
  return await readFileFooter(file, context)
}
