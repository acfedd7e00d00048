// Brings a table up to date with the raw files: lists all of them and reads those that are not what the footers say.

import { mapAhead } from '../../core/concurrency.ts'
import { inShard, isPart, type Shard } from '../../core/shard.ts'
import { compareKeys, type StoredFile } from '../../store/store.ts'
import { listSymbols } from '../inventory.ts'
import { isNews } from './footer.ts'
import { unitNamed, type Unit } from './layout.ts'
import { endedRuns, forgetRuns, listOpenRuns, noteRun } from './open-runs.ts'
import { isReplaced, readChanges } from './raw-units.ts'
import type { Change } from './rewrite.ts'
import {
  busyFileError,
  isToBeMadeAnew,
  listTable,
  MAX_ATTEMPTS,
  openUnit,
  rewriteUnit,
  tableRoot,
  type Opened,
  type Rewriting,
  type TableContext,
} from './units.ts'
import { findSymbolWork, findWork, readTable, type FoundWork, type Plan, type Work } from './update-plan.ts'

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
  const about = { listedMs: 0, rebuiltMs: plan.rebuiltMs }
  const filesWritten = await writeWork(work, { ...plan, about }, { ...context, mayReplace: options.isRebuild })
  const files = await listTable(context)
  if (isPart(options.shard)) {
    await endShard(filesWritten, context)
    const own = files.filter(({ key }) => inShard(key.slice(tableRoot(context).length), options.shard))
    return { files: own.length, filesWritten }
  }
  await stampListed(files, { ...plan, settled }, context)
  await forgetRuns(new Set([context.runId, ...endedRuns(openRuns, context.nowMs)]), context)
  return { files: files.length, filesWritten }
}

/**
 * The other shards may have ended, or may never come, and a night would take symbols for current of which only some files are. So a
 * shard that has written counts as a run that was ended: the next one compares the table with all raw files.
 */
async function endShard(filesWritten: number, context: TableContext): Promise<void> {
  if (filesWritten > 0) await noteRun({ id: context.runId, sinceMs: 0 }, context)
  else await forgetRuns(new Set([context.runId]), context)
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

type WriteContext = TableContext & { readonly mayReplace?: boolean }

type WorkPlan = Pick<Plan, 'shard'> & Pick<Rewriting, 'layout' | 'isRebuild' | 'about'>

/** `postponed` takes the symbols whose years another run has replaced since they were listed. */
type Writing = WorkPlan & { readonly postponed: Set<string> }

/**
 * Writes all work, and then that of the symbols which had to be postponed. Resolves to the number of files written; rejects as
 * `updateTable` does.
 */
async function writeWork(work: readonly Work[], plan: WorkPlan, context: WriteContext): Promise<number> {
  const postponed = new Set<string>()
  const written = await writeRound(work, { ...plan, postponed }, context)
  return written + (await writePostponed(postponed, plan, context))
}

/**
 * Finds and writes what is left of these symbols, whose years another run has replaced since they were listed. Resolves to the number
 * of files written. Rejects with an IngestError as `updateTable` does, and if others do not stop replacing the years.
 */
export async function writePostponed(
  symbols: ReadonlySet<string>,
  { layout, shard, about }: Omit<WorkPlan, 'isRebuild'>,
  context: WriteContext,
): Promise<number> {
  let written = 0
  let left = symbols
  for (let round = 0; left.size > 0; round += 1) {
    const [symbol = ''] = left
    if (round === MAX_ATTEMPTS) throw busyFileError(context.store.locate(context.dataset.folder(symbol)))
    const work = await findSymbolWork([...left], { layout, shard }, context)
    const postponed = new Set<string>()
    written += await writeRound(work, { layout, shard, about, postponed }, context)
    left = postponed
  }
  return written
}

async function writeRound(work: readonly Work[], writing: Writing, context: WriteContext): Promise<number> {
  let written = 0
  for (const batch of batchesOf(work)) written += await writeBatch(batch, writing, context)
  return written
}

async function writeBatch(batch: readonly Work[], writing: Writing, context: WriteContext): Promise<number> {
  const { layout } = writing
  // Before any raw file of theirs is read: see `openUnit`.
  const opened = await Promise.all(batch.map(async ({ unit }) => await openUnit(unit, layout, context)))
  const wanted = batch.map((work, index) => wantedOf(work, opened[index], writing))
  const collected = batch.length > 1 ? await collect(wanted, writing, context) : undefined
  let written = 0
  for (const [index, work] of batch.entries()) {
    const { unit } = work
    let ahead = collected?.get(unit)
    const changes = (found: Opened) => {
      const first = ahead
      // After a conflict the raw files are read again.
      ahead = undefined
      return first ?? changesOf(wantedOf(work, found, writing), writing, context)
    }
    if (await rewriteUnit({ ...writing, unit, changes }, context, opened[index])) written += 1
  }
  return written
}

/** What is read for a file: its symbols in their order, each with the hash of its year file if it was listed. */
type Wanted = { readonly unit: Unit; readonly symbols: ReadonlyMap<string, string | undefined> }

/** Of a file that is made anew also the symbols that have come into it meanwhile. */
function wantedOf({ unit, symbols }: Work, opened: Opened | undefined, plan: WorkPlan): Wanted {
  const isAnew = opened?.footer !== undefined && isToBeMadeAnew(opened, plan)
  const names = new Set([...symbols.keys(), ...(isAnew ? (opened.footer?.entries.keys() ?? []) : [])])
  return { unit, symbols: new Map([...names].toSorted(compareKeys).map((name) => [name, symbols.get(name)])) }
}

const MAX_SYMBOLS_AHEAD = 16

/** The changes of several files by one reading of each symbol. */
async function collect(
  batch: readonly Wanted[],
  writing: Writing,
  context: TableContext,
): Promise<ReadonlyMap<Unit, readonly Change[]>> {
  const wantedBySymbol = new Map<string, Wanted[]>()
  for (const wanted of batch) {
    for (const symbol of wanted.symbols.keys()) {
      wantedBySymbol.set(symbol, [...(wantedBySymbol.get(symbol) ?? []), wanted])
    }
  }
  const changes = new Map<Unit, Change[]>(batch.map(({ unit }) => [unit, []]))
  const sorted = [...wantedBySymbol].toSorted(([a], [b]) => compareKeys(a, b))
  const read = mapAhead(sorted, MAX_SYMBOLS_AHEAD, async ([symbol, wanted]) => {
    return await readInOrder(symbol, wanted, writing, context)
  })
  for await (const ofSymbol of read) for (const { unit, change } of ofSymbol) changes.get(unit)?.push(change)
  return changes
}

/** The changes of one file, read while they are taken. */
async function* changesOf(wanted: Wanted, writing: Writing, context: TableContext): AsyncGenerator<Change, void> {
  const read = mapAhead([...wanted.symbols.keys()], MAX_SYMBOLS_AHEAD, async (symbol) => {
    return await readInOrder(symbol, [wanted], writing, context)
  })
  for await (const ofSymbol of read) for (const { change } of ofSymbol) yield change
}

/**
 * The changes of a symbol in some files. There are none of a symbol that is postponed: its newer rows would be on a newer base than
 * those of older files. A file that is made anew has to have them nevertheless.
 */
async function readInOrder(
  symbol: string,
  wanted: readonly Wanted[],
  { layout, postponed, isRebuild = false }: Writing,
  context: TableContext,
) {
  const isSkipped = () => postponed.has(symbol) && !isRebuild
  if (isSkipped()) return []
  const units = wanted.map(({ unit }) => unit)
  const changes = await readChanges(symbol, units, layout, context)
  for (const [index, { change }] of changes.entries()) {
    if (isReplaced(change, wanted[index]?.symbols.get(symbol))) postponed.add(symbol)
  }
  return isSkipped() ? [] : changes
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
