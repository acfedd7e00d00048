// Keeps a table up to date at the end of a run, with what the run has seen and written: one read and one write of each file
// that changes.

import { mapAhead } from '../../core/concurrency.ts'
import { yearOf, type IsoDate } from '../../core/dates.ts'
import type { StampedRow } from '../../parquet/parquet.ts'
import { compareKeys } from '../../store/store.ts'
import { dayBit, isNews, type SymbolEntry, type TableFooter } from './footer.ts'
import { monthOf, unitName, unitNamed, unitOf, type Layout, type Unit } from './layout.ts'
import { forgetRuns } from './open-runs.ts'
import { extentOf, readChange, unitsOf, type Extent } from './raw-units.ts'
import { collectGarbage, type Change } from './rewrite.ts'
import { openTrusted, type TrustedTable } from './trusted.ts'
import { readFooterOf, rewriteUnit, tableRoot, type TableContext } from './units.ts'
import { updateTable, type Updated } from './update.ts'
import { findSymbolWork, refuseStrays } from './update-plan.ts'
import type { Watched, WatchedSymbol } from './watch.ts'

/** What a run does with a symbol in one file: adds rows of new day files, or reads its raw files. */
type Task =
  | { readonly kind: 'add'; readonly added: StampedRow[]; readonly yearFile: string }
  | { readonly kind: 'read' }

/** By the name of the file, then by symbol. */
type Tasks = Map<string, { readonly unit: Unit; readonly symbols: Map<string, Task> }>

/** What a run knows for its table. */
export type Night = {
  readonly watched: Watched
  /** The table as the run's survey found it, if that relied on it. */
  readonly found?: TrustedTable | undefined
  /** What is settled of a symbol that the run has listed or written; absent if the run does not know. */
  readonly settledOf?: ((symbol: string, seen: WatchedSymbol) => string) | undefined
}

/**
 * Brings the table up to date with what the run has seen and written. A table that is not to be relied on is brought up to date
 * wholly. Rejects with an IngestError if the store fails or a file of the table is damaged.
 */
export async function keepTable({ watched, found, settledOf }: Night, context: TableContext): Promise<Updated> {
  // Else what the run has left is still in memory while the table takes its own.
  collectGarbage()
  // Where the run has seen nothing but the table there is nothing to do, and nothing to ask.
  const trusted = watched.size === 0 && found !== undefined ? found : await openTrusted(context)
  if (trusted === undefined) return await updateTable(context, { isRebuild: false })
  const { files, footer, isNoted } = trusted
  const { layout, listedMs, rebuiltMs } = footer
  const names = new Set(files.map(({ key }) => key.slice(tableRoot(context).length)))
  refuseStrays(names, layout, context)
  const table = { ...extentOf(layout, names, context.nowMs), names, monthFile: createMonthFile(layout) }
  const months = await readMonths(watched, table, context)
  const tasks = await findTasks(watched, { ...table, months }, context)
  const settled = settledIn(watched, settledOf)
  const last = [...names, ...tasks.keys()].toSorted(compareKeys).at(-1)
  const lastUnit = unitNamed(last ?? '', layout)
  if (lastUnit !== undefined && isNews(settled, footer)) tasksOf(tasks, lastUnit, layout)
  let filesWritten = 0
  // Older rows first, as a mend stores them: at no time is the table of another mixture of bases than the raw files have been.
  for (const [name, { unit, symbols }] of [...tasks].toSorted(([a], [b]) => compareKeys(a, b))) {
    const changes = () => changesIn(symbols, unit, layout, context)
    const about = { listedMs, rebuiltMs }
    const own = name === last ? settled : undefined
    if (await rewriteUnit({ unit, layout, about, settled: own, changes }, context)) filesWritten += 1
  }
  if (isNoted) await forgetRuns(new Set([context.runId]), context)
  return { files: files.length, filesWritten }
}

/** What is settled of the symbols of a run. One that was written is not, if nobody says so. */
function settledIn(watched: Watched, settledOf: Night['settledOf']): ReadonlyMap<string, string> {
  const settled = new Map<string, string>()
  for (const [symbol, seen] of watched) {
    if (settledOf !== undefined) settled.set(symbol, settledOf(symbol, seen))
    else if (seen.isRewritten || seen.newDays.length > 0) settled.set(symbol, '')
  }
  return settled
}

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
  for (const { listedDays, listedYears: ofSymbol, added } of watched.values()) {
    for (const year of ofSymbol.keys()) listedYears.add(year)
    for (const date of [...listedDays, ...added.map(({ row }) => row.date)]) {
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

async function findTasks(watched: Watched, table: Months, context: TableContext): Promise<Tasks> {
  const tasks: Tasks = new Map()
  const readAt = (unit: Unit, symbol: string) => tasksOf(tasks, unit, table.layout).set(symbol, { kind: 'read' })
  const behind: string[] = []
  for (const [symbol, seen] of watched) {
    if (isBehind(symbol, seen, table) || changesYear(symbol, seen, context)) behind.push(symbol)
    for (const unit of unitsToRead(symbol, seen, table, context)) readAt(unit, symbol)
  }
  if (behind.length > 0) await findSymbolWork(behind, table, context, readAt)
  for (const [symbol, seen] of watched) {
    addRows({ symbol, rows: seen.added, seen }, tasks, table)
  }
  return tasks
}

/** Whether the run has written a year file: an ended run may have begun to write other years of the symbol. */
function changesYear(symbol: string, { changed }: WatchedSymbol, { dataset }: TableContext): boolean {
  return [...changed].some((key) => dataset.partitionOf(symbol, key)?.kind === 'year')
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

/** The files that the run has changed otherwise than by a new day, and those that lack a day file that was listed. */
function unitsToRead(symbol: string, seen: WatchedSymbol, table: Months, context: TableContext): readonly Unit[] {
  const { months, monthFile } = table
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
  return [...lacking, ...changed].map(({ unit }) => unit)
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
    else if (unit.kind !== 'month') symbols.set(symbol, { kind: 'read' })
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
    const ownDays = added.reduce((all, { row }) => all | dayBit(row.date), 0)
    return {
      symbol,
      rows: (before) => withRows(before, added),
      days: (before) => before | ownDays,
      listing: '',
      yearFile,
    }
  })
}

/** Of each date the row that counts, by date. The table may have one of a year file, or another run may have added one. */
function withRows(before: readonly StampedRow[], added: readonly StampedRow[]): readonly StampedRow[] {
  const rows = new Map(before.map((stamped) => [stamped.row.date, stamped]))
  for (const stamped of added) {
    const held = rows.get(stamped.row.date)
    if (held === undefined || held.ingestMs <= stamped.ingestMs) rows.set(stamped.row.date, stamped)
  }
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, stamped]) => stamped)
}
