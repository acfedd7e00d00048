// Which raw files give the rows of which file of the table, and these rows as changes of it.

import type { FilePartition } from '../../core/dataset.ts'
import { isWithin, newYorkClock } from '../../core/dates.ts'
import { dayBit } from './footer.ts'
import { listingHash, listRaw, readLakeRows, type RawFile } from './lake-rows.ts'
import { bucketOf, spanOf, unitName, unitNamed, unitOf, type Layout, type Unit } from './layout.ts'
import type { Change } from './rewrite.ts'
import type { TableContext } from './units.ts'

export type UnitFiles = {
  readonly unit: Unit
  /** The raw files that may hold rows of the unit, in the order of their keys. */
  readonly files: RawFile[]
  /** An estimate of these rows. */
  rows: number
}

const [ROWS_OF_YEAR, ROWS_OF_MONTH, ROWS_OF_DOCUMENT] = [252, 21, 2]

/** Which files a table may have. */
export type Extent = {
  readonly layout: Layout
  /** `2026-11`: the month of the run, or the last one of the table where the clock was set back. */
  readonly lastMonth: string
}

/** The extent of a table with files of these names, at an instant. */
export function extentOf(layout: Layout, names: Iterable<string>, nowMs: number): Extent {
  let lastMonth = newYorkClock(nowMs).date.slice(0, 7)
  for (const name of names) {
    const unit = unitNamed(name, layout)
    if (unit?.kind === 'month' && unit.month > lastMonth) lastMonth = unit.month
  }
  return { layout, lastMonth }
}

/** The raw files of a symbol by the name of each unit that they may have rows of. */
export function filesByUnit(symbol: string, files: readonly RawFile[], extent: Extent): ReadonlyMap<string, UnitFiles> {
  const found = new Map<string, UnitFiles>()
  for (const file of files) {
    for (const { unit, rows } of unitsOf(symbol, file.partition, extent)) {
      const name = unitName(unit, extent.layout)
      const ofUnit = found.get(name) ?? { unit, files: [], rows: 0 }
      ofUnit.files.push(file)
      ofUnit.rows += rows
      found.set(name, ofUnit)
    }
  }
  return found
}

type Estimate = { readonly unit: Unit; readonly rows: number }

/** The units that a raw file may have rows of. */
export function unitsOf(symbol: string, partition: FilePartition, { layout, lastMonth }: Extent): readonly Estimate[] {
  if (partition.kind !== 'year') {
    const rows = partition.kind === 'day' ? 1 : ROWS_OF_DOCUMENT
    return [{ unit: unitOf(symbol, partition.date, layout), rows }]
  }
  const { year } = partition
  if (isBeforeMonths(year, layout)) return [{ unit: bucketOf(symbol, layout), rows: ROWS_OF_YEAR }]
  const months = Array.from({ length: 12 }, (_, index) => `${year}-${String(index + 1).padStart(2, '0')}`)
  return months
    .filter((month) => month <= lastMonth)
    .map((month) => ({ unit: { kind: 'month', month }, rows: ROWS_OF_MONTH }))
}

/** The hash of the year file among the raw files of a month; empty if there is none. */
export function yearFileHash(files: readonly RawFile[], unit: Unit): string {
  if (unit.kind !== 'month') return ''
  const year = Number(unit.month.slice(0, 4))
  return listingHash(files.filter(({ partition }) => partition.kind === 'year' && partition.year === year))
}

/** Whether the rows of a year stand in the file of some symbols, and not in those of its months. */
export function isBeforeMonths(year: number, { baseYear }: Layout): boolean {
  return baseYear === undefined || year < baseYear
}

/** Whether a raw file of a symbol may have rows of a unit, whatever the time. */
function mayHold(symbol: string, partition: FilePartition, unit: Unit, layout: Layout): boolean {
  if (partition.kind !== 'year')
    return unitName(unitOf(symbol, partition.date, layout), layout) === unitName(unit, layout)
  if (unit.kind === 'bucket') return isBeforeMonths(partition.year, layout)
  return !isBeforeMonths(partition.year, layout) && unit.month.startsWith(`${partition.year}-`)
}

/** What becomes of a symbol in some files, by its raw files as they are now. */
export async function readChanges(symbol: string, units: readonly Unit[], layout: Layout, context: TableContext) {
  const files = await listRaw(symbol, context)
  const ofUnits = units.map((unit) => ({
    unit,
    files: files.filter(({ partition }) => mayHold(symbol, partition, unit, layout)),
  }))
  const wanted = new Set<RawFile>(ofUnits.flatMap(({ files: ofUnit }) => ofUnit))
  const { rows, isWhole } = await readLakeRows(symbol, [...wanted], context)
  return ofUnits.map(({ unit, files: ofUnit }) => {
    const span = spanOf(unit, layout)
    const own = span === undefined ? rows : rows.filter(({ row }) => isWithin(row.date, span))
    // Without a hash what could not be read is tried again.
    const listing = isWhole ? listingHash(ofUnit) : ''
    const yearFile = isWhole ? yearFileHash(ofUnit, unit) : ''
    const days = isWhole ? dayBits(ofUnit, unit) : 0
    const change: Change = { symbol, rows: () => own, days: () => days, listing, yearFile }
    return { unit, change }
  })
}

/**
 * Whether another run has replaced the year file of a month since its hash was this one. A later run compares the hash to learn that a
 * symbol is behind. So a file takes a new hash only after the files of older dates have the rows that came with it.
 */
export function isReplaced(change: Pick<Change, 'yearFile'>, yearFile: string | undefined): boolean {
  return change.yearFile !== '' && change.yearFile !== yearFile
}

/** The days of the day files among the raw files of a month. */
export function dayBits(files: readonly RawFile[], unit: Unit): number {
  const days = files.map(({ partition }) => (partition.kind === 'day' ? dayBit(partition.date) : 0))
  return unit.kind === 'month' ? days.reduce((all, bit) => all | bit, 0) : 0
}

/** What becomes of a symbol in one file. */
export async function readChange(symbol: string, unit: Unit, layout: Layout, context: TableContext): Promise<Change> {
  const [ofUnit] = await readChanges(symbol, [unit], layout, context)
  if (ofUnit === undefined) throw new Error('There is a change of each unit')
  return ofUnit.change
}
