// The stored prices of one symbol and date: which objects hold it, which row counts, and where the date lies among what is stored.

import type { Calendar } from '../../core/calendar.ts'
import { earlierOf, isWithin, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { readCellObject, winnerOf, type CellObject, type ReadObject } from '../cell.ts'
import { readFooters, type InventoryContext, type SymbolFiles } from '../inventory.ts'
import { tradesElsewhere } from './exchange.ts'
import { newestStored } from './inventory.ts'
import type { SessionDataset } from './schema.ts'

/**
 * Where a date lies: `stored` or `carried` by the row that counts; without a row `unreadable` (an object is there and cannot be
 * relied on), `closed` (no session), `future` (not finished yet), `known_empty` (FMP was asked for its year and had no rows),
 * `before`, `between` or `after` the stored sessions, or `nothing` (none is stored).
 */
export type CellPlace =
  | 'stored'
  | 'carried'
  | 'unreadable'
  | 'closed'
  | 'future'
  | 'known_empty'
  | 'before'
  | 'between'
  | 'after'
  | 'nothing'

export type PriceCell = {
  /** The year file and the day file of the date, as far as they are there. */
  readonly objects: readonly CellObject[]
  readonly winner: ReadObject | undefined
  readonly place: CellPlace
  /** From the oldest to the newest stored bar; undefined where there is none. */
  readonly stored: DateRange | undefined
  /** Whether the symbol trades on days that the calendar does not know. */
  readonly tradesElsewhere: boolean
}

export type CellContext = InventoryContext<SessionDataset> & {
  readonly calendar: Calendar
  /** The last finished session. */
  readonly asOf: IsoDate
}

/** Reads the objects that can hold the date, and the footers that place it. Throws an IngestError if the store fails. */
export async function readPriceCell(
  files: SymbolFiles<SessionDataset>,
  date: IsoDate,
  context: CellContext,
): Promise<PriceCell> {
  const holding = files.files.filter(({ partition }) =>
    partition.kind === 'day' ? partition.date === date : partition.year === yearOf(date),
  )
  const objects: CellObject[] = []
  for (const file of holding) {
    const object = await readCellObject(file, date, context)
    if (object !== undefined) objects.push(object)
  }
  const winner = winnerOf(objects)
  const stored = await storedSpan(files, context)
  const cell = { objects, winner, stored, tradesElsewhere: tradesElsewhere(files.symbol) }
  return { ...cell, place: await placeOf(cell, { files, date, ...context }) }
}

type Placing = CellContext & { readonly files: SymbolFiles<SessionDataset>; readonly date: IsoDate }

async function placeOf({ objects, winner, stored }: Omit<PriceCell, 'place'>, placing: Placing): Promise<CellPlace> {
  const { files, date, calendar, asOf } = placing
  if (winner !== undefined) return winner.isCarried ? 'carried' : 'stored'
  if (objects.some((object) => 'problem' in object)) return 'unreadable'
  if (!calendar.isSession(date)) return 'closed'
  if (date > asOf) return 'future'
  if (stored === undefined) return 'nothing'
  if (date > stored.to) return 'after'
  const isBefore = date < stored.from
  if (objects.length === 0 && (await isAskedFor(files, date, placing))) return 'known_empty'
  return isBefore ? 'before' : 'between'
}

/** Whether a year file says in its footer that FMP was asked for the date, which is of another year. */
async function isAskedFor(files: SymbolFiles<SessionDataset>, date: IsoDate, context: CellContext): Promise<boolean> {
  const years = files.files.filter(({ partition }) => partition.kind === 'year')
  const footers = await readFooters(years, context)
  return footers.some(
    (read) => 'footer' in read && read.footer.asked !== undefined && isWithin(date, read.footer.asked),
  )
}

async function storedSpan(files: SymbolFiles<SessionDataset>, context: CellContext): Promise<DateRange | undefined> {
  const to = await newestStored(files, context, context.asOf)
  if (to === undefined) return undefined
  const days = files.files.flatMap(({ partition }) => (partition.kind === 'day' ? [partition.date] : []))
  const years = files.files.filter(({ partition }) => partition.kind === 'year')
  const [oldestYear] = years.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const [read] = oldestYear === undefined ? [] : await readFooters([oldestYear], context)
  const from = days.reduce((a, b) => earlierOf(a, b), to)
  return { from: read !== undefined && 'footer' in read ? earlierOf(from, read.footer.span.from) : from, to }
}
