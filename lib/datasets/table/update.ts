// Brings a table up to date with the raw files: lists all of them and reads those that are not what the footers say.

import { mapAhead } from '../../core/concurrency.ts'
import { inShard, isPart, type Shard } from '../../core/shard.ts'
import { compareKeys, type StoredFile } from '../../store/store.ts'
import { listSymbols } from '../inventory.ts'
import { isNews } from './footer.ts'
import { unitNamed, type Layout, type Unit } from './layout.ts'
import { endedRuns, forgetRuns, listOpenRuns, noteRun } from './open-runs.ts'
import { readChange, readChanges } from './raw-units.ts'
import type { Change } from './rewrite.ts'
import {
  isToBeMadeAnew,
  listTable,
  openUnit,
  rewriteUnit,
  tableRoot,
  type Opened,
  type Rewriting,
  type TableContext,
} from './units.ts'
import { findWork, readTable, type FoundWork, type Plan, type Work } from './update-plan.ts'

export type UpdateOptions = {
  /** Makes every file anew from the raw files alone. One that was ended early goes on where it was. */
  readonly isRebuild: boolean
  /** Of the table's files only those of this shard; absent: all. */
  readonly shard?: Shard | undefined
}

export type Updated = { readonly files: number; readonly filesWritten: number }

/**
 * Brings the table, or a shard of its files, up to date. A shard knows nothing of the other files: it neither says that all raw files
 * have been listed nor takes ended runs off the list, so the table is relied on only after an update of all files, which finds
 * nothing left to write. Memory is bounded by the largest file. Rejects with an IngestError if the store fails, or if a
 * file under the table's prefix is none of the table (a damaged one is replaced by a rebuild).
 */
export async function updateTable(context: TableContext, options: UpdateOptions): Promise<Updated> {
  const openRuns = await listOpenRuns(context)
  const symbols = (await listSymbols(context)).symbols.toSorted(compareKeys)
  const plan = await readTable(symbols.length, context, options)
  const { work, settled } = await findWork(symbols, plan, context)
  if (work.length > 0) await noteRun({ id: context.runId, sinceMs: context.nowMs }, context)
  let filesWritten = 0
  for (const batch of batchesOf(work)) {
    filesWritten += await writeBatch(batch, plan, { ...context, mayReplace: options.isRebuild })
  }
  const files = await listTable(context)
  if (isPart(options.shard)) {
    await forgetRuns(new Set([context.runId]), context)
    const own = files.filter(({ key }) => inShard(key.slice(tableRoot(context).length), options.shard))
    return { files: own.length, filesWritten }
  }
  await stampListed(files, { ...plan, settled }, context)
  await forgetRuns(new Set([context.runId, ...endedRuns(openRuns, context.nowMs)]), context)
  return { files: files.length, filesWritten }
}

/** Rows that are in memory at once: about 200 bytes each. */
const BATCH_ROWS = 50_000

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
  context: TableContext & { readonly mayReplace: boolean },
): Promise<number> {
  const { layout } = plan
  // Before any raw file of theirs is read: see `openUnit`.
  const opened = await Promise.all(batch.map(async ({ unit }) => await openUnit(unit, layout, context)))
  const wanted = batch.map((work, index) => ({ ...work, symbols: symbolsOf(work, opened[index], plan) }))
  const collected = batch.length > 1 ? await collect(wanted, layout, context) : undefined
  let written = 0
  for (const [index, work] of batch.entries()) {
    const { unit } = work
    let ahead = collected?.get(unit)
    const changes = (found: Opened) => {
      const first = ahead
      // After a conflict the raw files are read again.
      ahead = undefined
      return first ?? changesOf({ unit, symbols: symbolsOf(work, found, plan) }, layout, context)
    }
    if (await rewriteUnit({ unit, changes, ...rewritingOf(plan) }, context, opened[index])) written += 1
  }
  return written
}

function rewritingOf({ layout, isRebuild, rebuiltMs }: Plan): Pick<Rewriting, 'layout' | 'isRebuild' | 'about'> {
  return { layout, isRebuild, about: { listedMs: 0, rebuiltMs } }
}

/** The symbols to read for a file, in their order. Of a file that is made anew also those that have come into it meanwhile. */
function symbolsOf({ symbols }: Work, opened: Opened | undefined, plan: Plan): readonly string[] {
  if (opened?.footer === undefined || !isToBeMadeAnew(opened, rewritingOf(plan))) return symbols
  return [...new Set([...symbols, ...opened.footer.entries.keys()])].toSorted(compareKeys)
}

type Wanted = { readonly unit: Unit; readonly symbols: readonly string[] }

/** The changes of several files by one reading of each symbol. */
async function collect(
  batch: readonly Wanted[],
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
function changesOf({ unit, symbols }: Wanted, layout: Layout, context: TableContext): AsyncGenerator<Change, void> {
  return mapAhead(symbols, MAX_SYMBOLS_AHEAD, async (symbol) => await readChange(symbol, unit, layout, context))
}

/** Says in the last file by name, which the next run reads, that all raw files have been listed and what is settled. */
async function stampListed(
  files: readonly StoredFile[],
  { layout, rebuiltMs, settled }: Plan & Pick<FoundWork, 'settled'>,
  context: TableContext,
): Promise<void> {
  const last = files.at(-1)
  const unit = last && unitNamed(last.key.slice(tableRoot(context).length), layout)
  if (unit === undefined) return
  const opened = await openUnit(unit, layout, context)
  const stampMs = context.nowMs
  const isSaid = opened.footer?.listedMs === stampMs && !isNews(settled, opened.footer)
  if (isSaid) return
  const about = { listedMs: stampMs, rebuiltMs }
  await rewriteUnit({ unit, layout, about, stampMs, settled, changes: () => [] }, context, opened)
}
