// What an update of a table has to do: which files hold other rows than the raw files give, told by footers and listings alone.

import { mapAhead } from '../../core/concurrency.ts'
import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { compareKeys } from '../../store/store.ts'
import { inventory } from '../inventory.ts'
import type { TableFooter } from './footer.ts'
import { listingHash } from './lake-rows.ts'
import { chooseLayout, unitName, unitNamed, type Layout, type Unit } from './layout.ts'
import { filesByUnit, type UnitFiles } from './raw-units.ts'
import { listTable, readFooterOf, tableRoot, type TableContext } from './units.ts'

/** A file of the table as its footer says; `footer` is undefined if it is damaged and made anew. */
type Known = { readonly unit: Unit; readonly footer: TableFooter | undefined }

/** A file of the table that has to change, and the symbols whose rows do, in their order. */
export type Work = { readonly unit: Unit; readonly symbols: string[]; rows: number }

/** What an update knows before it reads a row. */
export type Plan = {
  readonly layout: Layout
  readonly known: ReadonlyMap<string, Known>
  readonly isRebuild: boolean
  /** The instant that new files are stamped with: of the rebuild, or of the last one. */
  readonly rebuiltMs: number
}

const MAX_FOOTERS_AHEAD = 64

/** A rebuild that was ended is continued for so long. */
const REBUILD_MS = 86_400_000

/**
 * Reads the footers of a table; a new one is laid out for so many symbols. Rejects with an IngestError if the store fails, or if a
 * file under the table's prefix is none of the table (a damaged one is replaced by a rebuild).
 */
export async function readTable(
  symbols: number,
  context: TableContext,
  { isRebuild }: Pick<Plan, 'isRebuild'>,
): Promise<Plan> {
  const files = await listTable(context)
  const read = mapAhead(files, MAX_FOOTERS_AHEAD, async (file) => {
    const footer = await readFooterOf(file, context).catch((error: unknown) => {
      const isDamaged = error instanceof IngestError && error.data?.isNoTable === true
      if (!isRebuild || !isDamaged) throw error
      return undefined
    })
    return { key: file.key, footer }
  })
  const footers = await Array.fromAsync(read)
  const made = footers.find(({ footer }) => footer !== undefined)?.footer
  const layout = made?.layout ?? chooseLayout(symbols, context.baseYear)
  const known = new Map<string, Known>()
  for (const { key, footer } of footers) {
    const name = key.slice(tableRoot(context).length)
    const unit = unitNamed(name, layout)
    if (unit === undefined) throw strayFileError(context.store.locate(key))
    known.set(name, { unit, footer })
  }
  const instants = [...known.values()].map((file) => file.footer?.rebuiltMs ?? 0)
  const last = Math.max(0, ...instants)
  return { layout, known, isRebuild, rebuiltMs: isRebuild ? rebuildInstant(instants, last, context) : last }
}

function strayFileError(location: string): IngestError {
  return new IngestError(
    `${oneLine(location)} is no file of this table, and readers would take its rows for the table's`,
    {
      kind: 'store',
      scope: 'run',
      hint: 'Move it away.',
    },
  )
}

/** The instant of a rebuild that was ended a short while ago, else now. */
function rebuildInstant(instants: readonly number[], last: number, { nowMs }: TableContext): number {
  const isOpen = last > nowMs - REBUILD_MS && last <= nowMs && instants.some((ms) => ms !== last)
  // A rebuild at the same instant as a finished one is another.
  return isOpen ? last : Math.max(nowMs, last + 1)
}

/** The files of which the rows are not those of the raw files, found by listings alone, in the order of their names. */
export async function findWork(
  symbols: readonly string[],
  plan: Plan,
  context: TableContext,
): Promise<readonly Work[]> {
  const work = new Map<string, Work>()
  const add: AddWork = (unit, symbol, rows) => {
    const name = unitName(unit, plan.layout)
    const found = work.get(name) ?? { unit, symbols: [], rows: 0 }
    work.set(name, found)
    if (symbol !== undefined) found.symbols.push(symbol)
    found.rows += rows
  }
  for await (const { symbol, files } of inventory(symbols, context, async (listed) => listed)) {
    addSymbol(symbol, filesByUnit(symbol, files, plan.layout, context), plan, add)
  }
  addFiles(new Set(symbols), plan, add)
  for (const { symbols: ofUnit } of work.values()) ofUnit.sort(compareKeys)
  return [...work].toSorted(([a], [b]) => compareKeys(a, b)).map(([, found]) => found)
}

/** Without a symbol the file is written though none of its symbols changes. */
type AddWork = (unit: Unit, symbol: string | undefined, rows: number) => void

/** Adds the files in which a symbol has other rows than its raw files, of which `units` are those with rows of each file. */
function addSymbol(symbol: string, units: ReadonlyMap<string, UnitFiles>, plan: Plan, add: AddWork): void {
  for (const [name, { unit, files, rows }] of units) {
    const footer = plan.known.get(name)?.footer
    const isKnown = footer?.entries.get(symbol)?.listing === listingHash(files) && !isToRebuild(footer, plan)
    if (!isKnown) add(unit, symbol, rows)
  }
  for (const [name, { unit, footer }] of plan.known) {
    if (footer?.entries.has(symbol) === true && !units.has(name)) add(unit, symbol, 0)
  }
}

/** Adds files with symbols that have no raw files, and those that are made anew whatever is in them. */
function addFiles(symbols: ReadonlySet<string>, plan: Plan, add: AddWork): void {
  for (const { unit, footer } of plan.known.values()) {
    for (const symbol of footer?.entries.keys() ?? []) if (!symbols.has(symbol)) add(unit, symbol, 0)
    if (footer === undefined || isToRebuild(footer, plan)) add(unit, undefined, 0)
  }
}

/** Whether a rebuild has not yet come to a file. */
export function isToRebuild(footer: TableFooter, { isRebuild, rebuiltMs }: Plan): boolean {
  return isRebuild && footer.rebuiltMs !== rebuiltMs
}
