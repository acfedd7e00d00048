// What the footer of a table's file says of where its rows come from: symbol by symbol, so that the next run knows what is in
// it without reading a row.

import { parseInstant, type IsoDate } from '../../core/dates.ts'
import { readKeyValues, type StampedRow } from '../../parquet/parquet.ts'
import type { Layout } from './layout.ts'

/** The rows of one symbol in one file. */
export type SymbolEntry = {
  readonly rows: number
  /** The newest `ingest_ts` of these rows, in milliseconds since 1970. */
  readonly ingestMs: number
  /** A hash of the rows, `ingest_ts` included. */
  readonly sha: string
  /** The dates of the day files that the rows were read from, as bits, the first of the month lowest; 0 in a file of no month. */
  readonly days: number
  /** A hash of the listing of the raw files that the rows were read from; empty after rows were added without one. */
  readonly listing: string
  /** The same of the raw file of the month's year alone; empty where there was none. */
  readonly yearFile: string
  /**
   * In the last file by name: what the dataset's survey says of the symbol where a run has nothing to ask of it; else empty.
   * Only the dataset reads it.
   */
  readonly settled: string
}

export type TableFooter = {
  readonly layout: Layout
  /** When all raw files were last listed, in milliseconds since 1970. */
  readonly listedMs: number
  /** When the file was made anew from raw files alone; 0 if it never was. */
  readonly rebuiltMs: number
  readonly entries: ReadonlyMap<string, SymbolEntry>
  readonly createdBy: string
}

const FORMAT = 1

/** The key-values of a footer. */
export function footerKeyValues(footer: Omit<TableFooter, 'createdBy'>): Readonly<Record<string, string>> {
  const { layout, listedMs, rebuiltMs, entries } = footer
  const listed = new Date(listedMs).toISOString()
  const rebuilt = new Date(rebuiltMs).toISOString()
  const table = JSON.stringify({ format: FORMAT, ...layout, listed, rebuilt })
  return { table, sources: packEntries(entries, table) }
}

/** The footer at the end of a file of a table; undefined if it is none. */
export function readTableFooter(tail: Uint8Array): TableFooter | undefined {
  const metadata = readKeyValues(tail)
  const [table, sources] = [metadata?.keyValues.get('table'), metadata?.keyValues.get('sources')]
  if (metadata === undefined || table === undefined || sources === undefined) return undefined
  const entries = unpackEntries(sources, table)
  const about = aboutOf(table)
  return entries && about && { ...about, entries, createdBy: metadata.createdBy }
}

type About = Pick<TableFooter, 'layout' | 'listedMs' | 'rebuiltMs'>

function aboutOf(text: string): About | undefined {
  const { format, baseYear, buckets, listed, rebuilt } = parsed(text) ?? {}
  const [listedMs, rebuiltMs] = [parseInstant(String(listed)), parseInstant(String(rebuilt))]
  const isKnown = format === FORMAT && typeof buckets === 'number' && buckets > 0
  if (!isKnown || listedMs === undefined || rebuiltMs === undefined) return undefined
  return { layout: { baseYear: typeof baseYear === 'number' ? baseYear : undefined, buckets }, listedMs, rebuiltMs }
}

/**
 * Column by column, because equal columns of neighbours compress to nothing: 25 bytes a symbol. With the other value, so that
 * the checksum of gzip is over both.
 */
function packEntries(entries: ReadonlyMap<string, SymbolEntry>, table: string): string {
  const all = [...entries.values()]
  const columns = {
    table,
    symbols: [...entries.keys()],
    rows: all.map(({ rows }) => rows),
    ingestMs: all.map(({ ingestMs }) => ingestMs),
    sha: all.map(({ sha }) => sha),
    days: all.map(({ days }) => days),
    listing: all.map(({ listing }) => listing),
    yearFile: all.map(({ yearFile }) => yearFile),
    settled: all.map(({ settled }) => settled),
  }
  return Buffer.from(Bun.gzipSync(Buffer.from(JSON.stringify(columns)))).toString('base64')
}

function unpackEntries(text: string, table: string): ReadonlyMap<string, SymbolEntry> | undefined {
  const { table: own, ...columns } = (parsed(unzipped(text) ?? '') ?? {}) as Record<string, readonly unknown[]>
  const symbols = columns['symbols']
  if (String(own) !== table || !Array.isArray(symbols)) return undefined
  const textOf = (name: string, index: number) => {
    const value = columns[name]?.[index]
    return typeof value === 'string' ? value : ''
  }
  const numberOf = (name: string, index: number) => Number(columns[name]?.[index] ?? 0)
  return new Map(
    symbols.map((symbol: unknown, index) => [
      String(symbol),
      {
        rows: numberOf('rows', index),
        ingestMs: numberOf('ingestMs', index),
        sha: textOf('sha', index),
        days: numberOf('days', index),
        listing: textOf('listing', index),
        yearFile: textOf('yearFile', index),
        settled: textOf('settled', index),
      },
    ]),
  )
}

function unzipped(text: string): string | undefined {
  try {
    return Buffer.from(Bun.gunzipSync(Buffer.from(text, 'base64'))).toString()
  } catch {
    return undefined
  }
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** What the footer says of these rows. What was settled before them is no more. */
export function entryOf(
  rows: readonly StampedRow[],
  { listing, yearFile, days }: Pick<SymbolEntry, 'listing' | 'yearFile' | 'days'>,
): SymbolEntry {
  const newestMs = rows.reduce((newest, { ingestMs }) => Math.max(newest, ingestMs), 0)
  return { rows: rows.length, ingestMs: newestMs, sha: hashOfRows(rows), days, listing, yearFile, settled: '' }
}

/** Whether a footer says anything else of what is settled. A symbol without an entry has no place for it. */
export function isNews(settled: ReadonlyMap<string, string>, { entries }: Pick<TableFooter, 'entries'>): boolean {
  return [...settled].some(([symbol, line]) => (entries.get(symbol)?.settled ?? line) !== line)
}

/** A hash of rows in their order, `ingest_ts` included. */
export function hashOfRows(rows: readonly StampedRow[]): string {
  // One text of all rows: a text and an update for each take longer.
  const values = rows.map(({ row, ingestMs }) => [...Object.values(row), ingestMs])
  return shortHash(new Bun.CryptoHasher('sha256').update(JSON.stringify(values)))
}

/** The bit of a date in the days of its month. */
export function dayBit(date: IsoDate): number {
  return 1 << (Number(date.slice(8)) - 1)
}

/** 64 bits of a hash, as hex. */
export function shortHash(hash: Bun.CryptoHasher): string {
  return hash.digest('hex').slice(0, 16)
}
