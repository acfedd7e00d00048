// A lake for readers of tables: year files and day files that overlap, a mend, rows that the vendor has lost and a mend has
// carried over, symbols that readers take for something else, nulls, and annual reports; the tables that are made of it; and
// what is stored, read without any reader that is tested.

import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import type { Bar } from '../support/bars.ts'
import { barsOfNight, morningAfter, movingSeries } from '../support/moving-series.ts'
import { runCli } from '../support/runs/process.ts'
import { ingest } from '../spark/lakes.ts'
import { day, span } from '../support/values.ts'
import { makeFilings } from './lake.ts'

/** `TRUE`, `NA` and `NAN` are symbols; `M&M.NS` has an ampersand, and paths escape the mark of an index. */
const SYMBOLS = ['AAPL', 'BRK-B', '^GSPC', 'TRUE', 'NA', 'NAN', 'M&M.NS']
const HISTORY = span('2022-01-03..2024-09-16')
const EVENTS = {
  ...Object.fromEntries(SYMBOLS.map((symbol) => [symbol, []])),
  AAPL: [{ exDate: day('2024-09-13'), split: [4, 1] as const }],
  TRUE: [{ exDate: day('2024-09-13'), dividend: 0.5 }],
}
/** From the night of its split on, the vendor has rows of AAPL from this date on only. */
const LEFT_FROM = '2023-03-01'

function barsOn(night: string, symbol: string, bars: readonly Bar[]): readonly Bar[] {
  if (symbol === 'NA') return bars.map((bar) => (bar.date < '2022-06-01' ? { ...bar, adjClose: null } : bar))
  if (symbol === '^GSPC') return bars.map((bar) => (bar.date.endsWith('5') ? { ...bar, volume: null } : bar))
  return symbol === 'AAPL' && night >= '2024-09-13' ? bars.filter((bar) => bar.date >= LEFT_FROM) : bars
}

/** Makes the lake in `lake`, a folder that is not there yet. */
export async function makeTableLake(lake: string): Promise<void> {
  const series = movingSeries(EVENTS, HISTORY, 3)
  const tickers = ['--tickers', SYMBOLS.join(',')]
  for (const night of ['2024-09-10', '2024-09-11', '2024-09-12', '2024-09-13', '2024-09-16']) {
    const all = Object.entries(barsOfNight(series, day(night)))
    const bars = Object.fromEntries(all.map(([symbol, own]) => [symbol, barsOn(night, symbol, own)]))
    const history = night === '2024-09-10' ? ['--backfill', '--from-date', HISTORY.from] : []
    await ingest(lake, { vendor: { bars }, args: [...tickers, ...history], now: morningAfter(day(night)) })
  }
  const filers = ['--dataset', 'fundamentals', '--tickers', 'AAPL,BRK-B,NAN']
  await ingest(lake, { vendor: makeFilings(), args: filers, now: '2024-09-17T14:00:00Z' })
}

/** Makes the tables of a lake. */
export async function makeTables(lake: string): Promise<void> {
  const { code, stderr } = await runCli(['table', '--out', lake])
  if (code !== 0) throw new Error(`The tables could not be made: ${stderr}`)
}

/** A stored row: instants in microseconds, floats as they are. */
type StoredRow = { readonly symbol: string; readonly date: string; readonly cells: readonly (string | null)[] }

const DOUBLES = ['open', 'high', 'low', 'close', 'adjClose']

/** What counts of a lake's prices: of each symbol and date the row with the greatest `ingest_ts`. */
export async function countingRows(lake: string): Promise<readonly StoredRow[]> {
  const newest = new Map<string, StoredRow & { readonly ingestUs: bigint }>()
  for await (const path of new Bun.Glob('raw/prices/**/*.parquet').scan({ cwd: lake })) {
    const file = await Bun.file(join(lake, path)).arrayBuffer()
    for (const row of await parquetReadObjects({ file, parsers: { timestampFromMicroseconds: (us: bigint) => us } })) {
      const stored = storedRow(row)
      const key = `${stored.symbol} ${stored.date}`
      if (stored.ingestUs >= (newest.get(key)?.ingestUs ?? 0n)) newest.set(key, stored)
    }
  }
  return [...newest.values()].toSorted((a, b) => order(a, b))
}

function order(a: StoredRow, b: StoredRow): number {
  return Buffer.compare(Buffer.from(a.symbol), Buffer.from(b.symbol)) || a.date.localeCompare(b.date)
}

function storedRow(row: Record<string, unknown>) {
  const ingestUs = row['ingest_ts'] as bigint
  const date = (row['date'] as Date).toISOString().slice(0, 10)
  const symbol = row['symbol'] as string
  const doubles = DOUBLES.map((name) => hexOf(row[name] as number | null | undefined))
  const volume = row['volume'] as bigint | null | undefined
  return { symbol, date, cells: [...doubles, volume?.toString() ?? null, String(ingestUs)], ingestUs }
}

/** The eight bytes of a double, the first one first. */
export function hexOf(value: number | null | undefined): string | null {
  if (value === null || value === undefined) return null
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}

/**
 * The number of the rows that count, and their checksum: SHA-256 over a line each, by symbol (UTF-8 bytes) and date, of
 * symbol, date, open, high, low, close and adjClose (the bytes of the double in hex), volume, ingest_ts (microseconds since
 * 1970), with tabs between them and `null` for a null.
 */
export async function checksumOf(lake: string): Promise<{ readonly rows: number; readonly sha256: string }> {
  const rows = await countingRows(lake)
  const hash = new Bun.CryptoHasher('sha256')
  for (const { symbol, date, cells } of rows) {
    hash.update(`${[symbol, date, ...cells.map((cell) => cell ?? 'null')].join('\t')}\n`)
  }
  return { rows: rows.length, sha256: hash.digest('hex') }
}
