// A file of a table with some of its symbols changed. Row groups without a change are copied byte by byte.

import type { Column } from '../../core/dataset.ts'
import { loadRowGroups, type GroupedFile, type GroupWriter, type StampedRow } from '../../parquet/parquet.ts'
import { compareKeys } from '../../store/store.ts'
import { entryOf, footerKeyValues, type SymbolEntry, type TableFooter } from './footer.ts'

/** The file as it is. */
export type OldFile = { readonly file: GroupedFile; readonly entries: TableFooter['entries'] }

/** What becomes of a symbol in a file. */
export type Change = Pick<SymbolEntry, 'listing' | 'yearFile'> & {
  readonly symbol: string
  /** The rows that it has from now on, by date, given those that it has. */
  readonly rows: (before: readonly StampedRow[]) => readonly StampedRow[]
}

export type FileAbout = Omit<TableFooter, 'entries'> & {
  readonly columns: readonly Column[]
  /** Whether all rows are of one month. */
  readonly isMonth: boolean
}

/**
 * The bytes of the new file, which may have no row. `changes` come in the order of their symbols, and only those of a few groups are in memory at
 * once. Rejects if a group that has to be decoded cannot be.
 */
export async function rewriteFile(
  old: OldFile | undefined,
  changes: AsyncIterable<Change> | Iterable<Change>,
  about: FileAbout,
): Promise<{ readonly bytes: Uint8Array; readonly rows: number }> {
  const { createGroupWriter, readGroup } = await loadRowGroups()
  const { columns, createdBy } = about
  const writer = createGroupWriter(columns, createdBy)
  const entries = new Map<string, SymbolEntry>()
  const next = await createCursor(changes)
  const before = [...(old?.entries ?? [])]
  const groups = old?.file.groups ?? []
  const merging = { next, about, writer, entries }
  // A symbol that is new stands in the group of those before it.
  for (const [index, group] of groups.entries()) {
    const end = groups[index + 1]?.first
    const held = takeBefore(before, end)
    const change = next.peek()
    if (old !== undefined && change !== undefined && isBefore(change.symbol, end)) {
      const read = await readGroup(old.file, index, columns)
      await merge({ entries: held, rows: new Map(read.map(({ symbol, rows }) => [symbol, rows])), end }, merging)
    } else if (old !== undefined) {
      writer.copy(old.file, group)
      for (const [symbol, entry] of held) entries.set(symbol, entry)
    }
  }
  // All changes of a file without groups.
  await merge({ entries: before, rows: new Map(), end: undefined }, merging)
  const { layout, listedMs, rebuiltMs } = about
  const bytes = writer.finish(footerKeyValues({ layout, listedMs, rebuiltMs, entries }))
  return { bytes, rows: [...entries.values()].reduce((sum, { rows }) => sum + rows, 0) }
}

type Merging = {
  readonly next: Cursor<Change>
  readonly about: FileAbout
  readonly writer: GroupWriter
  readonly entries: Map<string, SymbolEntry>
}

/** The symbols of a group, some of which may have no rows. */
type Held = {
  readonly entries: readonly (readonly [string, SymbolEntry])[]
  readonly rows: ReadonlyMap<string, readonly StampedRow[]>
  /** The first symbol of the next group. */
  readonly end: string | undefined
}

/** Writes the symbols of a group and all changes before its end, in the order of the symbols. */
async function merge({ entries: held, rows: heldRows, end }: Held, merging: Merging): Promise<void> {
  const { next, about, writer, entries } = merging
  const write = (symbol: string, rows: readonly StampedRow[], entry: SymbolEntry) => {
    if (rows.length > 0) writer.add({ symbol, rows })
    // A symbol whose raw files have no row of this file is known as one, so that they are not read again.
    if (rows.length > 0 || entry.listing !== '') entries.set(symbol, entry)
  }
  const apply = async (change: Change, before: readonly StampedRow[]) => {
    const rows = change.rows(before)
    write(change.symbol, rows, entryOf(rows, { ...change, isMonth: about.isMonth }))
    await next.advance()
  }
  const applyBefore = async (symbol: string | undefined) => {
    for (let change = next.peek(); change !== undefined && isBefore(change.symbol, symbol); change = next.peek()) {
      await apply(change, [])
    }
  }
  for (const [symbol, entry] of held) {
    await applyBefore(symbol)
    const [change, rows] = [next.peek(), heldRows.get(symbol) ?? []]
    if (change?.symbol === symbol) await apply(change, rows)
    else write(symbol, rows, entry)
  }
  await applyBefore(end)
}

/** Without an end every symbol is before it. */
function isBefore(symbol: string, end: string | undefined): boolean {
  return end === undefined || compareKeys(symbol, end) < 0
}

/** Takes the entries before `end` off the front. */
function takeBefore(entries: (readonly [string, SymbolEntry])[], end: string | undefined) {
  const rest = entries.findIndex(([symbol]) => !isBefore(symbol, end))
  return entries.splice(0, rest === -1 ? entries.length : rest)
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
