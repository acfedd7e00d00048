// Keeps a table up to date at the end of a run, with what the run has seen and written: one read and one write of each file
// that changes.

import { mapAhead } from '../../core/concurrency.ts'
import { yearOf, type IsoDate } from '../../core/dates.ts'
import type { StampedRow } from '../../parquet/parquet.ts'
import { compareKeys } from '../../store/store.ts'
import { dayBit, type SymbolEntry, type TableFooter } from './footer.ts'
import { listRaw } from './lake-rows.ts'
import { unitName, unitOf, type Layout, type Unit } from './layout.ts'
import { filesByUnit, readChange, unitsOf } from './raw-units.ts'
import type { Change } from './rewrite.ts'
import { listTable, readFooterOf, rewriteUnit, tableRoot, type TableContext } from './units.ts'
import { updateTable, type Updated } from './update.ts'
import type { Watched, WatchedSymbol } from './watch.ts'

/** After so long all raw files are listed again: nobody may have told the table of what other programs changed. */
const TRUSTED_MS = 7 * 86_400_000

/** What a run does with a symbol in one file: adds rows of new day files, or reads its raw files. */
type Task =
  | { readonly kind: 'add'; readonly added: StampedRow[]; readonly yearFile: string }
  | { readonly kind: 'read' }

/** By the name of the file, then by symbol. */
type Tasks = Map<string, { readonly unit: Unit; readonly symbols: Map<string, Task> }>

/** Whether a table that was listed wholly at an instant still need not be. */
export function isTrusted(listedMs: number, nowMs: number): boolean {
  return listedMs <= nowMs && nowMs - listedMs < TRUSTED_MS
}

/**
 * Brings the table up to date with what the run has seen and written. A table that is not there, or that was not compared with
 * a listing of all raw files for a week, is brought up to date wholly. Rejects with an IngestError if the store fails or a file of the
 * table is damaged.
 */
export async function keepTable(watched: Watched, context: TableContext): Promise<Updated> {
  const files = await listTable(context)
  const last = files.at(-1)
  const footer = last && (await readFooterOf(last, context))
  if (footer === undefined || !isTrusted(footer.listedMs, context.nowMs)) {
    return await updateTable(context, { isRebuild: false })
  }
  const { layout, listedMs, rebuiltMs } = footer
  const names = new Set(files.map(({ key }) => key.slice(tableRoot(context).length)))
  const months = await readMonths(watched, { layout, names }, context)
  const tasks = await findTasks(watched, { layout, names, months }, context)
  let filesWritten = 0
  for (const { unit, symbols } of tasks.values()) {
    const changes = () => changesIn(symbols, unit, layout, context)
    const about = { listedMs, rebuiltMs }
    if (await rewriteUnit({ unit, layout, about, changes }, context)) filesWritten += 1
  }
  return { files: files.length, filesWritten }
}

type Table = { readonly layout: Layout; readonly names: ReadonlySet<string> }

/** The footers of the months of which the run has listed or written day files, by the name of the file. */
async function readMonths(
  watched: Watched,
  { layout, names }: Table,
  context: TableContext,
): Promise<ReadonlyMap<string, TableFooter>> {
  const wanted = new Set<string>()
  for (const [symbol, { listedDays, added }] of watched) {
    for (const date of [...listedDays, ...datesOf(symbol, added.keys(), context)]) {
      const unit = unitOf(symbol, date, layout)
      if (unit.kind === 'month') wanted.add(unitName(unit, layout))
    }
  }
  const months = new Map<string, TableFooter>()
  for (const name of wanted) {
    const footer = names.has(name) ? await readFooterOf({ key: `${tableRoot(context)}${name}` }, context) : undefined
    if (footer !== undefined) months.set(name, footer)
  }
  return months
}

function datesOf(symbol: string, keys: Iterable<string>, { dataset }: TableContext): readonly IsoDate[] {
  return [...keys].flatMap((key) => {
    const partition = dataset.partitionOf(symbol, key)
    return partition?.kind === 'day' ? [partition.date] : []
  })
}

type Months = Table & { readonly months: ReadonlyMap<string, TableFooter> }

async function findTasks(watched: Watched, table: Months, context: TableContext): Promise<Tasks> {
  const tasks: Tasks = new Map()
  for (const [symbol, seen] of watched) {
    const units = isBehind(symbol, seen, table)
      ? await allUnits(symbol, table, context)
      : unitsToRead(symbol, seen, table, context)
    for (const unit of units) tasksOf(tasks, unit, table.layout).set(symbol, { kind: 'read' })
    for (const rows of seen.added.values()) addRows({ symbol, rows, seen }, tasks, table)
  }
  return tasks
}

function tasksOf(tasks: Tasks, unit: Unit, layout: Layout): Map<string, Task> {
  const name = unitName(unit, layout)
  const found = tasks.get(name) ?? { unit, symbols: new Map<string, Task>() }
  tasks.set(name, found)
  return found.symbols
}

/**
 * Whether a year file of the symbol is another than the table knows: a run has replaced it and was ended before it came to the
 * table, or it runs without the table.
 */
function isBehind(symbol: string, { listedYears }: WatchedSymbol, { months }: Months): boolean {
  return [...listedYears].some(([year, hash]) => {
    const known = entriesOfYear(symbol, year, months)
    return known.length === 0 ? hash !== '' && isMonthly(year, months) : known.some(({ yearFile }) => yearFile !== hash)
  })
}

function entriesOfYear(symbol: string, year: number, months: Months['months']): readonly SymbolEntry[] {
  return [...months].flatMap(([name, { entries }]) =>
    name.startsWith(`month-${year}-`) ? (entries.get(symbol) ?? []) : [],
  )
}

function isMonthly(year: number, months: Months['months']): boolean {
  return [...months.keys()].some((name) => name.startsWith(`month-${year}-`))
}

/** Every file in which the symbol may have rows by its raw files. */
async function allUnits(symbol: string, { layout }: Table, context: TableContext): Promise<readonly Unit[]> {
  const units = filesByUnit(symbol, await listRaw(symbol, context), layout, context)
  return [...units.values()].map(({ unit }) => unit)
}

/** The files that the run has changed otherwise than by a new day, and those that lack a day that was listed. */
function unitsToRead(symbol: string, seen: WatchedSymbol, table: Months, context: TableContext): readonly Unit[] {
  const { layout, months } = table
  const added = new Set(datesOf(symbol, seen.added.keys(), context))
  const lacking = [...seen.listedDays]
    .filter((date) => !added.has(date))
    .map((date) => ({ date, unit: unitOf(symbol, date, layout) }))
    .filter(({ date, unit }) => unit.kind === 'month' && !hasDay(months.get(unitName(unit, layout)), symbol, date))
  const changed = [...seen.changed].flatMap((key) => {
    const partition = context.dataset.partitionOf(symbol, key)
    return partition === undefined ? [] : unitsOf(symbol, partition, layout, context)
  })
  return [...lacking, ...changed].map(({ unit }) => unit)
}

function hasDay(footer: TableFooter | undefined, symbol: string, date: IsoDate): boolean {
  return ((footer?.entries.get(symbol)?.days ?? 0) & dayBit(date)) !== 0
}

type Added = { readonly symbol: string; readonly rows: readonly StampedRow[]; readonly seen: WatchedSymbol }

/** Adds the rows of a new day file, or has the symbol's raw files read where the table has a row of that day. */
function addRows({ symbol, rows, seen }: Added, tasks: Tasks, { layout, months }: Months): void {
  for (const stamped of rows) {
    const { date } = stamped.row
    const unit = unitOf(symbol, date, layout)
    const symbols = tasksOf(tasks, unit, layout)
    const [task, footer] = [symbols.get(symbol), months.get(unitName(unit, layout))]
    if (task?.kind === 'add') task.added.push(stamped)
    else if (unit.kind !== 'month' || hasDay(footer, symbol, date)) symbols.set(symbol, { kind: 'read' })
    else if (task === undefined) {
      const yearFile = footer?.entries.get(symbol)?.yearFile ?? seen.listedYears.get(yearOf(date)) ?? ''
      symbols.set(symbol, { kind: 'add', added: [stamped], yearFile })
    }
  }
}

const MAX_SYMBOLS_AHEAD = 16

function changesIn(
  symbols: ReadonlyMap<string, Task>,
  unit: Unit,
  layout: Layout,
  context: TableContext,
): AsyncGenerator<Change, void> {
  const sorted = [...symbols].toSorted(([a], [b]) => compareKeys(a, b))
  return mapAhead(sorted, MAX_SYMBOLS_AHEAD, async ([symbol, task]) => {
    if (task.kind === 'read') return await readChange(symbol, unit, layout, context)
    const { added, yearFile } = task
    return { symbol, rows: (before) => withRows(before, added), listing: '', yearFile }
  })
}

/** Of each date the row that counts, by date. Another run may have added one since the footer was read. */
function withRows(before: readonly StampedRow[], added: readonly StampedRow[]): readonly StampedRow[] {
  const rows = new Map(before.map((stamped) => [stamped.row.date, stamped]))
  for (const stamped of added) {
    const held = rows.get(stamped.row.date)
    if (held === undefined || held.ingestMs <= stamped.ingestMs) rows.set(stamped.row.date, stamped)
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, stamped]) => stamped)
}
