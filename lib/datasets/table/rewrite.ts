// A file of a table with some of its symbols changed. Row groups without a change are kept byte by byte.

import { memoryUsage } from 'node:process'
import type { Column } from '../../core/dataset.ts'
import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import {
  loadGroupWriter,
  loadRowGroups,
  type GroupedFile,
  type GroupWriter,
  type StampedRow,
  type SymbolRows,
} from '../../parquet/parquet.ts'
import { compareKeys } from '../../store/store.ts'
import { entryOf, footerKeyValues, hashOfRows, type SymbolEntry, type TableFooter } from './footer.ts'

/** The file as it is. */
export type OldFile = {
  readonly file: GroupedFile
  readonly entries: TableFooter['entries']
  /** Where it is, for messages. */
  readonly location: string
}

/** What becomes of a symbol in a file. */
export type Change = Pick<SymbolEntry, 'listing' | 'yearFile'> & {
  readonly symbol: string
  /** The rows that it has from now on, by date, given those that it has. */
  readonly rows: (before: readonly StampedRow[]) => readonly StampedRow[]
  /** The days of its entry, likewise. */
  readonly days: (before: number) => number
}

export type FileAbout = Omit<TableFooter, 'entries'> & {
  readonly columns: readonly Column[]
  /** What is `settled` from now on, of symbols of which it is known anew. */
  readonly settled?: ReadonlyMap<string, string>
  /** Whether the new file has none of the old rows. */
  readonly isAnew?: boolean
}

/**
 * The bytes of the new file, which may have no row. `changes` come in the order of their symbols, and only those of a few groups
 * are in memory at once. Rejects with an IngestError if the old file is damaged.
 */
export async function rewriteFile(
  old: OldFile | undefined,
  changes: AsyncIterable<Change> | Iterable<Change>,
  about: FileAbout,
): Promise<{ readonly bytes: Uint8Array; readonly rows: number }> {
  const { createGroupWriter } = await loadGroupWriter()
  const { columns, createdBy, isAnew = false } = about
  const writer = createGroupWriter(columns, createdBy, old?.file)
  const entries = new Map<string, SymbolEntry>()
  const next = await createCursor(changes)
  const merging = { next, writer, entries }
  let merged = 0
  for (const part of partsOf(isAnew ? undefined : old)) {
    const change = next.peek()
    const isUnchanged = change === undefined || !isBefore(change.symbol, part.end)
    if (part.group !== undefined && isUnchanged) {
      writer.keep(part.group)
      for (const [symbol, entry] of part.entries) entries.set(symbol, entry)
    } else {
      if (merged % GROUPS_PER_COLLECTION === 0) collectGarbage()
      merged += 1
      await merge(part, await readPart(part, old, columns), merging)
    }
  }
  for (const [symbol, settled] of about.settled ?? []) {
    const entry = entries.get(symbol)
    if (entry !== undefined) entries.set(symbol, { ...entry, settled })
  }
  const { layout, listedMs, rebuiltMs } = about
  const bytes = writer.finish(footerKeyValues({ layout, listedMs, rebuiltMs, entries }))
  return { bytes, rows: [...entries.values()].reduce((sum, { rows }) => sum + rows, 0) }
}

/** A group leaves 10 MB of garbage. With a collection after two groups a night of 5,000 symbols takes as much as after four. */
const GROUPS_PER_COLLECTION = 4

/** Below this a collection is not worth its time: no run of 500 symbols takes as much. */
const WORTHWHILE_BYTES = 200e6

/** The runtime lets the heap grow to twice what is in use, and a run that comes to its table has much in use. */
export function collectGarbage(): void {
  if (memoryUsage.rss() > WORTHWHILE_BYTES) Bun.gc(true)
}

/** The symbols of a row group, some of which may have no rows. */
type Part = {
  readonly entries: readonly Entry[]
  /** The position of the group; undefined where the file has none. */
  readonly group: number | undefined
  /** The first symbol of the next part, undefined for the last. A new symbol stands in the group of those before it. */
  readonly end: string | undefined
}

type Entry = readonly [symbol: string, entry: SymbolEntry]

/**
 * The groups with their symbols, at least one part. The numbers of rows tell where a group ends: its statistics cut long symbols
 * short. Throws an IngestError if rows and groups do not fit together.
 */
function partsOf(old: OldFile | undefined): readonly Part[] {
  const entries = [...(old?.entries ?? [])]
  const groups = old?.file.metadata.row_groups ?? []
  const starts = [0]
  let at = 0
  for (const { num_rows: rows } of groups) {
    let left = Number(rows)
    for (; left > 0 && at < entries.length; at += 1) left -= entries[at]?.[1].rows ?? 0
    starts.push(left === 0 ? at : Number.NaN)
  }
  const isSound = !starts.includes(Number.NaN) && entries.slice(at).every(([, { rows }]) => rows === 0)
  if (old !== undefined && !isSound) throw damagedTableError(old.location)
  return Array.from({ length: Math.max(1, groups.length) }, (_, index) => {
    // Symbols without rows that come last belong to the last group.
    const next = index + 1 < groups.length ? starts[index + 1] : undefined
    const end = next === undefined ? undefined : entries[next]?.[0]
    return { entries: entries.slice(starts[index], next), group: groups.length > 0 ? index : undefined, end }
  })
}

/** The rows of a part by symbol. Rejects with an IngestError if they are not what the footer says of them. */
async function readPart(
  { entries, group }: Part,
  old: OldFile | undefined,
  columns: readonly Column[],
): Promise<HeldRows> {
  if (old === undefined || group === undefined) return new Map()
  const rows = new Map((await decodeGroup(old, group, columns)).map((found) => [found.symbol, found.rows]))
  const isSound = entries.every(
    ([symbol, entry]) => entry.rows === 0 || hashOfRows(rows.get(symbol) ?? []) === entry.sha,
  )
  if (!isSound) throw damagedTableError(old.location)
  return rows
}

/** All rows of a file, in its order. Rejects with an IngestError if they are not what the footer says of them. */
export async function* readSymbols(old: OldFile, columns: readonly Column[]): AsyncGenerator<SymbolRows, void> {
  for (const part of partsOf(old)) {
    for (const [symbol, rows] of await readPart(part, old, columns)) yield { symbol, rows }
  }
}

async function decodeGroup(
  { file, location }: OldFile,
  index: number,
  columns: readonly Column[],
): Promise<readonly SymbolRows[]> {
  const { readGroup } = await loadRowGroups()
  try {
    return readGroup(file, index, columns)
  } catch (error) {
    throw damagedTableError(location, error)
  }
}

type HeldRows = ReadonlyMap<string, readonly StampedRow[]>

type Merging = {
  readonly next: Cursor<Change>
  readonly writer: GroupWriter
  readonly entries: Map<string, SymbolEntry>
}

/** Writes the symbols of a part and all changes before its end, in the order of the symbols. */
async function merge({ entries: held, end }: Part, heldRows: HeldRows, merging: Merging): Promise<void> {
  const { next, writer, entries } = merging
  const write = (symbol: string, rows: readonly StampedRow[], entry: SymbolEntry) => {
    if (rows.length > 0) writer.add({ symbol, rows })
    // A symbol whose raw files have no row of this file is known as one, so that they are not read again.
    if (rows.length > 0 || entry.listing !== '') entries.set(symbol, entry)
  }
  const apply = async (change: Change, before: readonly StampedRow[], days: number) => {
    const rows = change.rows(before)
    write(change.symbol, rows, entryOf(rows, { ...change, days: change.days(days) }))
    await next.advance()
  }
  const applyBefore = async (symbol: string | undefined) => {
    for (let change = next.peek(); change !== undefined && isBefore(change.symbol, symbol); change = next.peek()) {
      await apply(change, [], 0)
    }
  }
  for (const [symbol, entry] of held) {
    await applyBefore(symbol)
    const [change, rows] = [next.peek(), heldRows.get(symbol) ?? []]
    if (change?.symbol === symbol) await apply(change, rows, entry.days)
    else write(symbol, rows, entry)
  }
  await applyBefore(end)
}

/** Without an end every symbol is before it. */
function isBefore(symbol: string, end: string | undefined): boolean {
  return end === undefined || compareKeys(symbol, end) < 0
}

type Cursor<T> = {
  /** The next item; undefined after the last. */
  readonly peek: () => T | undefined
  readonly advance: () => Promise<void>
}

async function createCursor<T>(items: AsyncIterable<T> | Iterable<T>): Promise<Cursor<T>> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  let current: T | undefined
  const advance = async () => {
    const { done, value } = await iterator.next()
    current = done === true ? undefined : value
  }
  await advance()
  return { peek: () => current, advance }
}

/** The error of a file under the table's prefix that is none of this program, or that is damaged. */
export function damagedTableError(location: string, cause?: unknown): IngestError {
  return new IngestError(`${oneLine(location)} is no file of a table of this program, or it is damaged`, {
    kind: 'store',
    scope: 'run',
    data: { isNoTable: true },
    hint: 'If it is yours, move it away. Then run `ingest table --rebuild`: the table is made anew from the raw files.',
    cause,
  })
}
