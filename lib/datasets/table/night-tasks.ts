// What a night changes in which file of a table, found by what the run has listed and written and by the footers of a few months.

import { yearOf, type IsoDate } from '../../core/dates.ts'
import type { StampedRow } from '../../parquet/parquet.ts'
import { dayBit, type SymbolEntry, type TableFooter } from './footer.ts'
import { monthOf, unitName, unitOf, type Layout, type Unit } from './layout.ts'
import { extentOf, isBeforeMonths, unitsOf, type Extent } from './raw-units.ts'
import { readFooterOf, tableRoot, type TableContext } from './units.ts'
import { findSymbolWork } from './update-plan.ts'
import type { Watched, WatchedSymbol } from './watch.ts'

/** What becomes of a symbol in one file. */
export type Task =
  /** Rows of new day files are added. */
  | { readonly kind: 'add'; readonly added: StampedRow[]; readonly yearFile: string }
  /** Its raw files are read. `yearFile` is the hash of its year file, as listed or as the table knows it (see `isReplaced`). */
  | { readonly kind: 'read'; readonly yearFile: string | undefined }

/** By the name of the file, then by symbol. */
export type Tasks = Map<string, { readonly unit: Unit; readonly symbols: Map<string, Task> }>

type Table = Extent & {
  readonly names: ReadonlySet<string>
  /** The file of the month of a date, with its name; undefined if its rows stand in no month. */
  readonly monthFile: (date: IsoDate) => { readonly unit: Unit; readonly name: string } | undefined
}

/** Made once for each date: a file for each date of each symbol is 20 MB of garbage for 5,000 symbols and thirty sessions. */
function createMonthFile(layout: Layout): Table['monthFile'] {
  const months = new Map<IsoDate, ReturnType<Table['monthFile']>>()
  return (date) => {
    if (!months.has(date)) {
      const unit = monthOf(date, layout)
      months.set(date, unit && { unit, name: unitName(unit, layout) })
    }
    return months.get(date)
  }
}

/**
 * The footers of the months of which the run has listed or written day files, and of the last month of each year of which it has
 * listed a year file, by the name of the file.
 */
async function readMonths(
  watched: Watched,
  { names, monthFile }: Table,
  context: TableContext,
): Promise<ReadonlyMap<string, TableFooter>> {
  const wanted = new Set<string>()
  const listedYears = new Set<number>()
  for (const [symbol, { listedDays, listedYears: ofSymbol, added, changed }] of watched) {
    for (const year of ofSymbol.keys()) listedYears.add(year)
    const changedDays = [...changed].flatMap((key) => {
      const partition = context.dataset.partitionOf(symbol, key)
      return partition?.kind === 'day' ? [partition.date] : []
    })
    for (const date of [...listedDays, ...changedDays, ...added.map(({ row }) => row.date)]) {
      const month = monthFile(date)
      if (month !== undefined) wanted.add(month.name)
    }
  }
  for (const year of listedYears) {
    const last = [...names]
      .filter((name) => name.startsWith(`month-${year}-`))
      .toSorted()
      .at(-1)
    if (last !== undefined) wanted.add(last)
  }
  const months = new Map<string, TableFooter>()
  for (const name of wanted) {
    const footer = names.has(name) ? await readFooterOf({ key: `${tableRoot(context)}${name}` }, context) : undefined
    if (footer !== undefined) months.set(name, footer)
  }
  return months
}

type Months = Table & { readonly months: ReadonlyMap<string, TableFooter> }

export type FoundTasks = {
  readonly tasks: Tasks
  /** Whether the years of a symbol are not those that the table knows, so that several of its files change. */
  readonly isBehind: boolean
}

/** What the night changes. Rejects with an IngestError if the store fails or a file of the table is damaged. */
export async function findTasks(
  watched: Watched,
  { layout, names }: Pick<Table, 'layout' | 'names'>,
  context: TableContext,
): Promise<FoundTasks> {
  const own = { ...extentOf(layout, names, context.nowMs), names, monthFile: createMonthFile(layout) }
  const table = { ...own, months: await readMonths(watched, own, context) }
  const tasks: Tasks = new Map()
  const behind: string[] = []
  for (const [symbol, seen] of watched) {
    if (isBehind(symbol, seen, table) || changesYear(symbol, seen, context)) behind.push(symbol)
    else addReads(symbol, seen, tasks, { table, context })
  }
  for (const { unit, symbols } of behind.length > 0 ? await findSymbolWork(behind, table, context) : []) {
    for (const [symbol, yearFile] of symbols) tasksOf(tasks, unit, layout).set(symbol, { kind: 'read', yearFile })
  }
  for (const [symbol, seen] of watched) {
    addRows({ symbol, rows: seen.added, seen }, tasks, table)
  }
  return { tasks, isBehind: behind.length > 0 }
}

/** Whether the run has written a year file: an ended run may have begun to write other years of the symbol. */
function changesYear(symbol: string, { changed }: WatchedSymbol, { dataset }: TableContext): boolean {
  return [...changed].some((key) => dataset.partitionOf(symbol, key)?.kind === 'year')
}

/** The tasks in the file of a unit. */
export function tasksOf(tasks: Tasks, unit: Unit, layout: Layout): Map<string, Task> {
  const name = unitName(unit, layout)
  const found = tasks.get(name) ?? { unit, symbols: new Map<string, Task>() }
  tasks.set(name, found)
  return found.symbols
}

/**
 * Whether a year file of the symbol is another than the table knows: a run has replaced it and was ended before it came to the
 * table, or it runs without the table.
 */
function isBehind(symbol: string, { listedYears }: WatchedSymbol, { months, layout }: Months): boolean {
  return [...listedYears].some(([year, hash]) => {
    const known = entriesOfYear(symbol, year, months)
    return known.length === 0
      ? hash !== '' && !isBeforeMonths(year, layout)
      : known.some(({ yearFile }) => yearFile !== hash)
  })
}

function entriesOfYear(symbol: string, year: number, months: Months['months']): readonly SymbolEntry[] {
  return [...months].flatMap(([name, { entries }]) =>
    name.startsWith(`month-${year}-`) ? (entries.get(symbol) ?? []) : [],
  )
}

type Reading = { readonly table: Months; readonly context: TableContext }

/** Has those files read that the run has changed otherwise than by a new day, and those that lack a day file that was listed. */
function addReads(symbol: string, seen: WatchedSymbol, tasks: Tasks, { table, context }: Reading): void {
  const { months, monthFile, layout } = table
  const added = new Set(seen.added.map(({ row }) => row.date))
  const lacking = [...seen.listedDays]
    .filter((date) => !added.has(date))
    .flatMap((date) => {
      const month = monthFile(date)
      return month === undefined || hasDay(months.get(month.name), symbol, date) ? [] : [month]
    })
  const changed = [...seen.changed].flatMap((key) => {
    const partition = context.dataset.partitionOf(symbol, key)
    return partition === undefined ? [] : unitsOf(symbol, partition, table)
  })
  for (const { unit } of [...lacking, ...changed]) {
    const yearFile = unit.kind === 'month' ? yearFileOf(symbol, unit.month, months) : undefined
    tasksOf(tasks, unit, layout).set(symbol, { kind: 'read', yearFile })
  }
}

/** The hash of a symbol's year file as the table knows it: of this month, or of another one of its year. */
function yearFileOf(symbol: string, month: string, months: Months['months']): string | undefined {
  const own = months.get(`month-${month}.parquet`)?.entries.get(symbol)
  return (own ?? entriesOfYear(symbol, Number(month.slice(0, 4)), months)[0])?.yearFile
}

function hasDay(footer: TableFooter | undefined, symbol: string, date: IsoDate): boolean {
  return ((footer?.entries.get(symbol)?.days ?? 0) & dayBit(date)) !== 0
}

type Added = { readonly symbol: string; readonly rows: readonly StampedRow[]; readonly seen: WatchedSymbol }

/** Adds the rows of new day files. */
function addRows({ symbol, rows, seen }: Added, tasks: Tasks, { layout, months }: Months): void {
  for (const stamped of rows) {
    const { date } = stamped.row
    const unit = unitOf(symbol, date, layout)
    const symbols = tasksOf(tasks, unit, layout)
    const [task, footer] = [symbols.get(symbol), months.get(unitName(unit, layout))]
    if (task?.kind === 'add') task.added.push(stamped)
    else if (unit.kind !== 'month') symbols.set(symbol, { kind: 'read', yearFile: undefined })
    else if (task === undefined) {
      const yearFile = footer?.entries.get(symbol)?.yearFile ?? seen.listedYears.get(yearOf(date)) ?? ''
      symbols.set(symbol, { kind: 'add', added: [stamped], yearFile })
    }
  }
}
