// What an update of a table has to do: which files hold other rows than the raw files give, told by footers and listings alone.

import { mapAhead } from '../../core/concurrency.ts'
import type { Dataset } from '../../core/dataset.ts'
import { IngestError } from '../../core/errors.ts'
import { inShard, isPart, type Shard } from '../../core/shard.ts'
import { oneLine } from '../../core/text.ts'
import { compareKeys, type StoredFile } from '../../store/store.ts'
import { inventory, type SymbolFiles } from '../inventory.ts'
import { decideLayout } from './new-layout.ts'
import type { TableFooter } from './footer.ts'
import { listingHash } from './lake-rows.ts'
import { bucketOf, chooseLayout, unitName, unitNamed, type Layout, type Unit } from './layout.ts'
import { extentOf, filesByUnit, yearFileHash, type Extent, type UnitFiles } from './raw-units.ts'
import { listTable, readFooterOf, tableRoot, type TableContext } from './units.ts'

/** A file of the table as its footer says; `footer` is undefined if it is damaged and made anew. */
type Known = { readonly unit: Unit; readonly footer: TableFooter | undefined }

/**
 * A file of the table that has to change, and the symbols whose rows do, each with the hash of its year file when it was listed (see
 * `isReplaced`). `rows` is an estimate.
 */
export type Work = { readonly unit: Unit; readonly symbols: Map<string, string>; rows: number }

/** What an update knows before it reads a row. */
export type Plan = Extent & {
  readonly known: ReadonlyMap<string, Known>
  readonly isRebuild: boolean
  /** The files of the table that are this update's; undefined: all. */
  readonly shard?: Shard | undefined
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
  { isRebuild, shard }: Pick<Plan, 'isRebuild' | 'shard'>,
): Promise<Plan> {
  const footers = await readFooters(await listTable(context), context, isRebuild)
  const names = [...footers.keys()]
  const made = [...footers.values()].find((footer) => footer !== undefined)
  const layout = made?.layout ?? (await newLayout(symbols, context))
  refuseStrays(names, layout, context)
  // Each shard of a rebuild has an instant of its own.
  const own = [...footers].filter(([name]) => !isRebuild || inShard(name, shard))
  const instants = own.map(([, footer]) => footer?.rebuiltMs ?? 0)
  const last = Math.max(0, ...instants)
  const rebuiltMs = isRebuild ? rebuildInstant(instants, last, context) : last
  return { ...extentOf(layout, names, context.nowMs), known: knownOf(footers, layout), isRebuild, shard, rebuiltMs }
}

/** Nothing is written where there is nothing that a table could be made of. */
async function newLayout(symbols: number, context: TableContext): Promise<Layout> {
  const wanted = chooseLayout(symbols, context.baseYear)
  return symbols === 0 ? wanted : await decideLayout(wanted, context)
}

type Footers = ReadonlyMap<string, TableFooter | undefined>

/** The footers by the names of the files. That of a damaged file is undefined if `ignoresDamage`. */
async function readFooters(
  files: readonly Pick<StoredFile, 'key'>[],
  context: TableContext,
  ignoresDamage = false,
): Promise<Footers> {
  const root = tableRoot(context)
  const read = mapAhead(files, MAX_FOOTERS_AHEAD, async (file) => {
    const footer = await readFooterOf(file, context).catch((error: unknown) => {
      const isDamaged = error instanceof IngestError && error.data?.isNoTable === true
      if (!ignoresDamage || !isDamaged) throw error
      return undefined
    })
    return [file.key.slice(root.length), footer] as const
  })
  return new Map(await Array.fromAsync(read))
}

function knownOf(footers: Footers, layout: Layout): Plan['known'] {
  const known = new Map<string, Known>()
  for (const [name, footer] of footers) {
    const unit = unitNamed(name, layout)
    if (unit !== undefined) known.set(name, { unit, footer })
  }
  return known
}

/** Throws an IngestError for a file under the table's prefix that is none of a table of this layout. */
export function refuseStrays(names: Iterable<string>, layout: Layout, context: TableContext): void {
  for (const name of names) {
    if (unitNamed(name, layout) === undefined) {
      throw strayFileError(context.store.locate(`${tableRoot(context)}${name}`))
    }
  }
}

function strayFileError(location: string): IngestError {
  const message = `${oneLine(location)} is no file of this table, and readers would take its rows for the table's`
  return new IngestError(message, { kind: 'store', scope: 'run', hint: 'Move it away.' })
}

/** The instant of a rebuild that was ended a short while ago, else now. */
function rebuildInstant(instants: readonly number[], last: number, { nowMs }: TableContext): number {
  const isOpen = last > nowMs - REBUILD_MS && last <= nowMs && instants.some((ms) => ms !== last)
  // A rebuild at the same instant as a finished one is another.
  return isOpen ? last : Math.max(nowMs, last + 1)
}

export type FoundWork = {
  /** The files of which the rows are not those of the raw files, in the order of their names. */
  readonly work: readonly Work[]
  /** What is settled of each symbol; nothing of a shard. */
  readonly settled: ReadonlyMap<string, string>
}

/** What there is to do, found by listings alone, and by what the dataset reads to settle a symbol. */
export async function findWork(symbols: readonly string[], plan: Plan, context: TableContext): Promise<FoundWork> {
  const { add, work } = createWork(plan)
  const settled = new Map<string, string>()
  // Nobody would be told: a shard does not write what is settled.
  const settle = isPart(plan.shard) ? {} : { settle: (symbol: string, line: string) => void settled.set(symbol, line) }
  await addSymbols(symbols, plan, context, { add, ...settle })
  addFiles(new Set(symbols), plan, add)
  return { work: work(), settled }
}

/** What there is to do for these symbols alone. The footers are read again, of those files that may hold rows of theirs. */
export async function findSymbolWork(
  symbols: readonly string[],
  { layout, shard }: Pick<Plan, 'layout' | 'shard'>,
  context: TableContext,
): Promise<readonly Work[]> {
  const buckets = new Set(symbols.map((symbol) => unitName(bucketOf(symbol, layout), layout)))
  const files = (await listTable(context)).filter(({ key }) => {
    const name = key.slice(tableRoot(context).length)
    return buckets.has(name) || unitNamed(name, layout)?.kind === 'month'
  })
  const known = knownOf(await readFooters(files, context), layout)
  const plan = { ...extentOf(layout, known.keys(), context.nowMs), known, isRebuild: false, shard, rebuiltMs: 0 }
  const { add, work } = createWork(plan)
  await addSymbols(symbols, plan, context, { add })
  return work()
}

/** Collects what there is to do, of a shard only what is its own. `work` gives it in the order of the files' names. */
function createWork({ layout, shard }: Plan): { readonly add: AddWork; readonly work: () => readonly Work[] } {
  const byName = new Map<string, Work>()
  return {
    add(unit, { symbol, yearFile }, rows) {
      const name = unitName(unit, layout)
      if (!inShard(name, shard)) return
      const found = byName.get(name) ?? { unit, symbols: new Map<string, string>(), rows: 0 }
      byName.set(name, found)
      if (symbol !== undefined) found.symbols.set(symbol, yearFile)
      found.rows += rows
    },
    work: () => [...byName].toSorted(([a], [b]) => compareKeys(a, b)).map(([, found]) => found),
  }
}

type Adding = {
  readonly add: AddWork
  /** Is told what is settled of each symbol; where nobody wants to know nothing is read for it. */
  readonly settle?: (symbol: string, line: string) => void
}

async function addSymbols(
  symbols: readonly string[],
  plan: Plan,
  context: TableContext,
  { add, settle }: Adding,
): Promise<void> {
  const look = async ({ symbol, files }: SymbolFiles<Dataset>) => {
    return { symbol, files, line: settle && (await context.settle?.(symbol, files)) }
  }
  for await (const { symbol, files, line } of inventory(symbols, context, look)) {
    addSymbol(symbol, filesByUnit(symbol, files, plan), plan, add)
    if (line !== undefined) settle?.(symbol, line)
  }
}

/** Without a symbol the file is written though none of its symbols changes. */
type AddWork = (
  unit: Unit,
  of: { readonly symbol: string | undefined; readonly yearFile: string },
  rows: number,
) => void

/** Adds the files in which a symbol has other rows than its raw files, of which `units` are those with rows of each file. */
function addSymbol(symbol: string, units: ReadonlyMap<string, UnitFiles>, plan: Plan, add: AddWork): void {
  for (const [name, { unit, files, rows }] of units) {
    const footer = plan.known.get(name)?.footer
    const isKnown = footer?.entries.get(symbol)?.listing === listingHash(files) && !isToRebuild(footer, plan)
    if (!isKnown) add(unit, { symbol, yearFile: yearFileHash(files, unit) }, rows)
  }
  for (const [name, { unit, footer }] of plan.known) {
    if (footer?.entries.has(symbol) === true && !units.has(name)) add(unit, { symbol, yearFile: '' }, 0)
  }
}

/** Adds files with symbols that have no raw files, and those that are made anew whatever is in them. */
function addFiles(symbols: ReadonlySet<string>, plan: Plan, add: AddWork): void {
  for (const { unit, footer } of plan.known.values()) {
    for (const symbol of footer?.entries.keys() ?? []) if (!symbols.has(symbol)) add(unit, { symbol, yearFile: '' }, 0)
    if (footer === undefined || isToRebuild(footer, plan)) add(unit, { symbol: undefined, yearFile: '' }, 0)
  }
}

/** Whether a rebuild has not yet come to a file. */
function isToRebuild(footer: TableFooter, { isRebuild, rebuiltMs }: Plan): boolean {
  return isRebuild && footer.rebuiltMs !== rebuiltMs
}
