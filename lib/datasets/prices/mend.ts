// Plans the mend of a symbol: which years are written anew from one answer, and which stored rows are carried over because
// the answer no longer has them.

import type { Row } from '../../core/dataset.ts'
import { isWithin, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { interruptedBy, markOf, multiplied, multipliersAt, remaining } from './carrying.ts'
import type { Past } from './past.ts'
import type { StoredRows } from './stored-rows.ts'

/** The rows of one calendar year, newest first, and which of them are carried over. */
export type MendedYear = {
  readonly year: number
  readonly rows: readonly Row[]
  readonly carried: readonly DateRange[]
  /** What its rows were multiplied by, if the vendor has none of them. */
  readonly carriedBy: string | undefined
}

export type MendFacts = {
  readonly past: Past
  /** All rows of the answer by date: whole calendar years. */
  readonly answer: ReadonlyMap<IsoDate, Row>
  /** Stored rows that the answer lacks are carried over. */
  readonly stored: Pick<StoredRows, 'absent' | 'yearFiles' | 'dayFiles'>
  /** Up to here rows are written; later ones are the night's own. */
  readonly newest: IsoDate
}

/** The years in which a row differs or must be carried over, oldest first. */
export function planMend({ past, answer, stored, newest }: MendFacts): readonly MendedYear[] {
  const stale = past.steps.length > 0 ? stored.absent : []
  const years = [...new Set([...past.differing, ...stale.map(({ date }) => date)].map(yearOf))].toSorted(
    (a, b) => a - b,
  )
  const yearsServed = new Set(answer.keys().map(yearOf))
  const beside = years.find((year) => yearsServed.has(year))
  return years.map((year) => {
    const part = { from: wholeYear(year).from, to: newest < wholeYear(year).to ? newest : wholeYear(year).to }
    const carried = stored.absent
      .filter(({ date }) => isWithin(date, part))
      .map((row) => carriedOver(row, past, stored))
      .toSorted((a, b) => (a.date < b.date ? -1 : 1))
    const rows = [...[...answer.values()].filter(({ date }) => isWithin(date, part)), ...carried]
    return {
      year,
      rows: rows.toSorted((a, b) => (a.date < b.date ? 1 : -1)),
      carried: rangesOf(carried, rows),
      carriedBy:
        beside === undefined || year >= beside ? undefined : markOf(multipliersAt(part.from, past.steps), beside),
    }
  })
}

/** A row as it would be on the base of the vendor's rows now. */
function carriedOver(row: Row, { steps }: Past, { yearFiles, dayFiles }: MendFacts['stored']): Row {
  const all = multipliersAt(row.date, steps)
  const done = dayFiles.has(row.date) ? undefined : interruptedBy(yearOf(row.date), yearFiles)
  return multiplied(row, done === undefined ? all : remaining(all, done))
}

/** The stretches of carried rows, oldest first: neighbours with no other row between them are one. */
function rangesOf(carried: readonly Row[], all: readonly Row[]): readonly DateRange[] {
  const own = new Set(carried.map(({ date }) => date))
  const ranges: DateRange[] = []
  let isOpen = false
  for (const { date } of all.toSorted((a, b) => (a.date < b.date ? -1 : 1))) {
    const last = ranges.at(-1)
    if (own.has(date) && isOpen && last !== undefined) ranges[ranges.length - 1] = { from: last.from, to: date }
    else if (own.has(date)) ranges.push({ from: date, to: date })
    isOpen = own.has(date)
  }
  return ranges
}

/** The dates of rows that are carried over and were not when their files were last written: they are warned of once. */
export function newlyCarried(years: readonly MendedYear[], before: readonly DateRange[]): readonly IsoDate[] {
  return years.flatMap(({ rows, carried }) =>
    rows.map(({ date }) => date).filter((date) => isInAny(date, carried) && !isInAny(date, before)),
  )
}

function isInAny(date: IsoDate, ranges: readonly DateRange[]): boolean {
  return ranges.some((range) => isWithin(date, range))
}
