// A lake in memory with a table beside it: raw files as runs left them, nights that keep the table, and what the table then
// holds, read by the Parquet library alone.

import { rowsByHyparquet } from '../parquet-rows.ts'
import { watchTables, type RunTables } from '../../../lib/commands/tables.ts'
import type { Row } from '../../../lib/core/dataset.ts'
import { newYorkClock, utcDate, yearOf } from '../../../lib/core/dates.ts'
import { checkTable } from '../../../lib/datasets/table/check.ts'
import { tableRoot, type TableContext } from '../../../lib/datasets/table/units.ts'
import { updateTable, type Updated } from '../../../lib/datasets/table/update.ts'
import type { Store } from '../../../lib/store/store.ts'
import { at, configOf, priceRow, prices } from '../values.ts'
import { fileOf } from './folder-store.ts'
import { createMemoryStore, type MemoryStore } from './memory-store.ts'

export const DATASET = prices()

/** The instant of a night of a date. */
export const nightOf = (date: string): string => `${date}T23:30:00Z`

/** The context of a run at an instant, whose new table keeps the months of 2024. */
export function contextOf(store: Store, now: string, changes: Partial<TableContext> = {}): TableContext {
  return {
    store,
    dataset: DATASET,
    tablePrefix: 'tables',
    version: '1.2.3',
    runId: `of ${now}`,
    nowMs: at(now),
    baseYear: 2024,
    onProblem: (text) => {
      throw new Error(text)
    },
    ...changes,
  }
}

/** A price row whose close tells it from every other. */
export function rowOf(symbol: string, date: string, close = 11): Row {
  return priceRow(date, { symbol, close })
}

export const dayKeyOf = (symbol: string, date: string): string =>
  DATASET.key(symbol, { kind: 'day', date: rowOf(symbol, date).date })

export const yearKeyOf = (symbol: string, year: number): string => DATASET.key(symbol, { kind: 'year', year })

/** What a run does to the raw files. */
export type RawHands = {
  /** Creates the day file of a row. */
  addDay(row: Row): Promise<void>
  /** Replaces the day file of a row, or creates it. */
  correct(row: Row): Promise<void>
  /** Stores the year file of these rows, newest first, over the one that is there. */
  putYear(rows: readonly Row[]): Promise<void>
}

/** The hands of a run that began at an instant. */
export function handsOf(store: Store, now: string): RawHands {
  const replace = async (key: string, bytes: Uint8Array) => {
    if ((await store.create(key, bytes, {})) === 'exists') await store.replace(key, bytes, {})
  }
  return {
    async addDay(row) {
      const result = await store.create(dayKeyOf(String(row['symbol']), row.date), fileOf([row], { ingest: now }), {})
      if (result === 'exists') throw new Error(`${row.date} is stored`)
    },
    correct: async (row) => await replace(dayKeyOf(String(row['symbol']), row.date), fileOf([row], { ingest: now })),
    async putYear(rows) {
      const [newest] = rows
      if (newest === undefined) throw new Error('A file has a row')
      await replace(yearKeyOf(String(newest['symbol']), yearOf(newest.date)), fileOf(rows, { ingest: now }))
    },
  }
}

export type TableLake = {
  readonly store: MemoryStore
  /** Changes raw files past every table. */
  readonly past: (now: string) => RawHands
  /** A run with `--table`: lists what a nightly run lists of these symbols, does `act`, keeps the table. Gives the files of it written. */
  night(now: string, symbols: readonly string[], act?: (hands: RawHands) => Promise<void>): Promise<number>
  /** The same, but ended before it comes to the table. */
  ended(now: string, symbols: readonly string[], act: (hands: RawHands) => Promise<void>): Promise<void>
  /** Takes away the raw files with such keys. */
  remove(isGone: (key: string) => boolean): void
  /** `ingest table` over a store that stands before this lake's. */
  updateBy(store: Store, now: string, isRebuild: boolean): Promise<void>
  /** `ingest table` at an instant. */
  update(now: string, options?: { readonly isRebuild?: boolean }): Promise<Updated>
  /** What `ingest table --check` finds. */
  findings(now: string): Promise<readonly string[]>
  /** The rows of the table by file, symbol and date: `close@ingest_ts`. */
  rows(): Promise<Readonly<Record<string, string>>>
  /** The names of the table's files. */
  names(): readonly string[]
}

/** An empty lake. */
export function createTableLake(changes: Partial<TableContext> = {}): TableLake {
  const store = createMemoryStore()
  const context = (now: string) => contextOf(store, now, changes)
  const root = tableRoot(context(nightOf('2024-01-01')))
  const names = () => [...store.files.keys()].filter((key) => key.startsWith(root)).map((key) => key.slice(root.length))
  return {
    store,
    past: (now) => handsOf(store, now),
    async night(now, symbols, act = async () => undefined) {
      const run = await beginNight(store, now, symbols)
      await act(handsOf(run.store, now))
      const { filesWritten, errors } = await run.keep()
      if (errors[0] !== undefined) throw errors[0]
      return filesWritten
    },
    async ended(now, symbols, act) {
      await act(handsOf((await beginNight(store, now, symbols)).store, now))
    },
    remove(isGone) {
      for (const key of [...store.files.keys()].filter(isGone)) store.remove(key)
    },
    updateBy: async (slow, now, isRebuild) => void (await updateTable(contextOf(slow, now, changes), { isRebuild })),
    update: async (now, { isRebuild = false } = {}) => await updateTable(context(now), { isRebuild }),
    async findings(now) {
      const { findings } = await checkTable(context(now))
      return findings.map(({ kind, key, symbol, rows }) => `${kind} ${key} ${symbol} ${rows.join(',')}`)
    },
    rows: async () => await rowsOfTable(store, root),
    names: () => names().toSorted(),
  }
}

/** A nightly run with `--table`, which has listed the last months of each symbol as a survey does. */
export async function beginNight(store: Store, now: string, symbols: readonly string[]): Promise<RunTables> {
  const run = watchTables(store, configOf({ keepsTables: true }), contextOf(store, now))
  const { date } = newYorkClock(at(now))
  const [year = 0, month = 0] = date.split('-').map(Number)
  for (const symbol of symbols) {
    const folder = DATASET.folder(symbol)
    await run.store.list(folder, `${folder}year=${month === 1 ? year - 1 : year}/`, dayKeyOf(symbol, date))
  }
  return run
}

/** All rows below a prefix as any reader would see them; a key that comes twice throws. */
export async function rowsOfTable(store: MemoryStore, root: string): Promise<Readonly<Record<string, string>>> {
  const rows: Record<string, string> = {}
  for (const [key, bytes] of store.files) {
    if (!key.startsWith(root)) continue
    for (const row of await rowsByHyparquet(bytes)) {
      const name = `${String(row['symbol'])} ${utcDate(Number(row['date']))}`
      if (name in rows) throw new Error(`${name} is in the table twice`)
      rows[name] = `${String(row['close'])}@${(row['ingest_ts'] as Date).toISOString().slice(0, 10)}`
    }
  }
  return rows
}
