// Which raw files give the rows of which file of the table, and these rows as changes of it.

import type { FilePartition } from '../../core/dataset.ts'
import { isWithin, newYorkClock } from '../../core/dates.ts'
import { listingHash, listRaw, readLakeRows, type RawFile } from './lake-rows.ts'
import { bucketOf, spanOf, unitName, unitOf, type Layout, type Unit } from './layout.ts'
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

/** The raw files of a symbol by the name of each unit that they may have rows of, up to the month of `nowMs`. */
export function filesByUnit(
  symbol: string,
  files: readonly RawFile[],
  layout: Layout,
  context: Pick<TableContext, 'nowMs'>,
): ReadonlyMap<string, UnitFiles> {
  const found = new Map<string, UnitFiles>()
  for (const file of files) {
    for (const { unit, rows } of unitsOf(symbol, file.partition, layout, context)) {
      const name = unitName(unit, layout)
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
export function unitsOf(
  symbol: string,
  partition: FilePartition,
  layout: Layout,
  { nowMs }: Pick<TableContext, 'nowMs'>,
): readonly Estimate[] {
  if (partition.kind !== 'year') {
    const rows = partition.kind === 'day' ? 1 : ROWS_OF_DOCUMENT
    return [{ unit: unitOf(symbol, partition.date, layout), rows }]
  }
  const { year } = partition
  if (layout.baseYear === undefined || year < layout.baseYear) {
    return [{ unit: bucketOf(symbol, layout), rows: ROWS_OF_YEAR }]
  }
  const thisMonth = newYorkClock(nowMs).date.slice(0, 7)
  const months = Array.from({ length: 12 }, (_, index) => `${year}-${String(index + 1).padStart(2, '0')}`)
  return months
    .filter((month) => month <= thisMonth)
    .map((month) => ({ unit: { kind: 'month', month }, rows: ROWS_OF_MONTH }))
}

/** The hash of the year file among the raw files of a month; empty if there is none. */
export function yearFileHash(files: readonly RawFile[], unit: Unit): string {
  if (unit.kind !== 'month') return ''
  const year = Number(unit.month.slice(0, 4))
  return listingHash(files.filter(({ partition }) => partition.kind === 'year' && partition.year === year))
}

/** What becomes of a symbol in some files, by its raw files as they are now. */
export async function readChanges(symbol: string, units: readonly Unit[], layout: Layout, context: TableContext) {
  const files = await listRaw(symbol, context)
  const byUnit = filesByUnit(symbol, files, layout, context)
  const ofUnits = units.map((unit) => ({ unit, files: byUnit.get(unitName(unit, layout))?.files ?? [] }))
  const wanted = new Set<RawFile>(ofUnits.flatMap(({ files: ofUnit }) => ofUnit))
  const rows = await readLakeRows(symbol, [...wanted], undefined, context)
  return ofUnits.map(({ unit, files: ofUnit }) => {
    const span = spanOf(unit, layout)
    const own = span === undefined ? rows : rows.filter(({ row }) => isWithin(row.date, span))
    const change: Change = {
      symbol,
      rows: () => own,
      listing: listingHash(ofUnit),
      yearFile: yearFileHash(ofUnit, unit),
    }
    return { unit, change }
  })
}

/** What becomes of a symbol in one file. */
export async function readChange(symbol: string, unit: Unit, layout: Layout, context: TableContext): Promise<Change> {
  const [ofUnit] = await readChanges(symbol, [unit], layout, context)
  if (ofUnit === undefined) throw new Error('There is a change of each unit')
  return ofUnit.change
}
