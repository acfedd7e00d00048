// Brings a table up to date with the raw files: lists all of them and reads those that are not what the footers say.

import { mapAhead } from '../../core/concurrency.ts'
import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { compareKeys, type StoredFile } from '../../store/store.ts'
import { inventory, listSymbols } from '../inventory.ts'
import type { TableFooter } from './footer.ts'
import { listingHash } from './lake-rows.ts'
import { chooseLayout, unitName, unitNamed, type Layout, type Unit } from './layout.ts'
import { filesByUnit, readChange, readChanges } from './raw-units.ts'
import type { Change } from './rewrite.ts'
import { listTable, openUnit, readFooterOf, rewriteUnit, tableRoot, type TableContext } from './units.ts'

export type UpdateOptions = {
  /** Makes every file anew from the raw files alone. One that was ended early goes on where it was. */
  readonly isRebuild: boolean
  /** Called before files are written, with how many are done. */
  readonly onProgress?: (done: number, of: number) => void
}

export type Updated = { readonly files: number; readonly filesWritten: number }

/** A file of the table as its footer says; `footer` is undefined if it is damaged and made anew. */
type Known = { readonly unit: Unit; readonly footer: TableFooter | undefined }

/** A file of the table that has to change, and the symbols whose rows do, in their order. */
type Work = { readonly unit: Unit; readonly symbols: string[]; rows: number }

/** What an update knows before it reads a row. */
type Plan = {
  readonly layout: Layout
  readonly known: ReadonlyMap<string, Known>
  readonly isRebuild: boolean
  /** The instant that new files are stamped with: of the rebuild, or of the last one. */
  readonly rebuiltMs: number
}

/**
 * Brings the table up to date. Memory is bounded by its largest file. Rejects with an IngestError if the store fails, or if a
 * file under the table's prefix is none of the table (a damaged one is replaced by a rebuild).
 */
export async function updateTable(context: TableContext, options: UpdateOptions): Promise<Updated> {
  const symbols = (await listSymbols(context)).symbols.toSorted(compareKeys)
  const plan = await readTable(symbols.length, context, options)
  const work = await findWork(symbols, plan, context)
  let [done, filesWritten] = [0, 0]
  for (const batch of batchesOf(work)) {
    options.onProgress?.(done, work.length)
    filesWritten += await writeBatch(batch, plan, { ...context, replacesAny: options.isRebuild })
    done += batch.length
  }
  const files = await listTable(context)
  await stampListed(files, plan, context)
  return { files: files.length, filesWritten }
}

const MAX_FOOTERS_AHEAD = 64

/** A rebuild that was ended is continued for so long. */
const REBUILD_MS = 86_400_000

async function readTable(symbols: number, context: TableContext, { isRebuild }: UpdateOptions): Promise<Plan> {
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

/** Finds the files whose rows are not those of the raw files, by listings alone. */
async function findWork(symbols: readonly string[], plan: Plan, context: TableContext): Promise<readonly Work[]> {
  const work = new Map<string, Work>()
  const workOf = (unit: Unit): Work => {
    const name = unitName(unit, plan.layout)
    const found = work.get(name) ?? { unit, symbols: [], rows: 0 }
    work.set(name, found)
    return found
  }
  const add = (unit: Unit, symbol: string, rows: number) => {
    const found = workOf(unit)
    found.symbols.push(symbol)
    found.rows += rows
  }
  const seen = new Set<string>()
  const look = inventory(symbols, context, async ({ symbol, files }) => ({ symbol, files }))
  for await (const { symbol, files } of look) {
    seen.add(symbol)
    const units = filesByUnit(symbol, files, plan.layout, context)
    for (const [name, { unit, files: ofUnit, rows }] of units) {
      const footer = plan.known.get(name)?.footer
      const isKnown = footer?.entries.get(symbol)?.listing === listingHash(ofUnit) && !isToRebuild(footer, plan)
      if (!isKnown) add(unit, symbol, rows)
    }
    for (const [name, { unit, footer }] of plan.known) {
      if (footer?.entries.has(symbol) === true && !units.has(name)) add(unit, symbol, 0)
    }
  }
  for (const { unit, footer } of plan.known.values()) {
    for (const symbol of footer?.entries.keys() ?? []) if (!seen.has(symbol)) add(unit, symbol, 0)
    // Nothing of a damaged file is known, so that it is made anew even if no symbol has rows in it.
    if (footer === undefined || isToRebuild(footer, plan)) workOf(unit)
  }
  for (const { symbols: ofUnit } of work.values()) ofUnit.sort(compareKeys)
  return [...work].toSorted(([a], [b]) => compareKeys(a, b)).map(([, found]) => found)
}

function isToRebuild(footer: TableFooter, { isRebuild, rebuiltMs }: Plan): boolean {
  return isRebuild && footer.rebuiltMs !== rebuiltMs
}

/** Rows that are in memory at once: about 200 bytes each. */
const BATCH_ROWS = 130_000

/** Files that are written together, because one reading of a symbol's raw files serves them all. */
function batchesOf(work: readonly Work[]): readonly (readonly Work[])[] {
  const batches: Work[][] = []
  let rows = 0
  for (const found of work) {
    const batch = batches.at(-1)
    rows += found.rows
    if (batch === undefined || rows > BATCH_ROWS) {
      batches.push([found])
      rows = found.rows
    } else {
      batch.push(found)
    }
  }
  return batches
}

const MAX_SYMBOLS_AHEAD = 16

async function writeBatch(
  batch: readonly Work[],
  plan: Plan,
  context: TableContext & { readonly replacesAny: boolean },
): Promise<number> {
  const { layout, rebuiltMs } = plan
  // Before any raw file of theirs is read: see `openUnit`.
  const opened = await Promise.all(batch.map(async ({ unit }) => await openUnit(unit, layout, context)))
  const collected = batch.length > 1 ? await collect(batch, layout, context) : undefined
  let written = 0
  for (const [index, work] of batch.entries()) {
    const { unit } = work
    let ahead = collected?.get(unit)
    const changes = () => {
      const first = ahead
      // After a conflict the raw files are read again.
      ahead = undefined
      return first ?? changesOf(work, layout, context)
    }
    const found = opened[index]
    const isAnew = found?.footer !== undefined && isToRebuild(found.footer, plan)
    const start = isAnew ? { ...found, old: undefined, footer: undefined } : found
    if (await rewriteUnit({ unit, layout, about: { listedMs: 0, rebuiltMs }, changes }, context, start)) written += 1
  }
  return written
}

/** The changes of several files by one reading of each symbol. */
async function collect(
  batch: readonly Work[],
  layout: Layout,
  context: TableContext,
): Promise<ReadonlyMap<Unit, readonly Change[]>> {
  const unitsOfSymbol = new Map<string, Unit[]>()
  for (const { unit, symbols } of batch) {
    for (const symbol of symbols) unitsOfSymbol.set(symbol, [...(unitsOfSymbol.get(symbol) ?? []), unit])
  }
  const changes = new Map<Unit, Change[]>(batch.map(({ unit }) => [unit, []]))
  const symbols = [...unitsOfSymbol.keys()].toSorted(compareKeys)
  const read = mapAhead(symbols, MAX_SYMBOLS_AHEAD, async (symbol) => {
    return await readChanges(symbol, unitsOfSymbol.get(symbol) ?? [], layout, context)
  })
  for await (const ofSymbol of read) for (const { unit, change } of ofSymbol) changes.get(unit)?.push(change)
  return changes
}

/** The changes of one file, read while they are taken. */
function changesOf({ unit, symbols }: Work, layout: Layout, context: TableContext): AsyncGenerator<Change, void> {
  return mapAhead(symbols, MAX_SYMBOLS_AHEAD, async (symbol) => await readChange(symbol, unit, layout, context))
}

/** Says in the last file by name, which the next run reads, that all raw files have been listed. */
async function stampListed(
  files: readonly StoredFile[],
  { layout, rebuiltMs }: Plan,
  context: TableContext,
): Promise<void> {
  const last = files.at(-1)
  const unit = last && unitNamed(last.key.slice(tableRoot(context).length), layout)
  if (unit === undefined) return
  const opened = await openUnit(unit, layout, context)
  if (opened.footer?.listedMs === context.nowMs) return
  const about = { listedMs: context.nowMs, rebuiltMs }
  await rewriteUnit({ unit, layout, about, changes: () => [] }, context, opened)
}
