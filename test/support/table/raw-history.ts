// What the raw price files of a lake are and have been: each row that ever was the lake's, and on which base its series stood.

import { rowsByHyparquet } from '../parquet-rows.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'

/** A row as one text, `ingest_ts` included, and the same without it. */
export type Row = {
  readonly symbol: string
  readonly date: IsoDate
  readonly text: string
  readonly values: string
  readonly ingestMs: number
}

/** What stands of one symbol and date. */
type Cell = {
  /** The row of each file. */
  readonly files: Map<string, Row>
  /** The texts of the lake's row: several only where files of one `ingest_ts` differ. */
  winners: ReadonlySet<string>
  /** Every text that ever was the lake's, with the base on which it was stored. */
  readonly bases: Map<string, number>
}

/** The base of each date of a series. */
type State = Map<IsoDate, number>

export type Series = {
  readonly cells: Map<IsoDate, Cell>
  /** All states in which the series has been, the newest last: a mend makes one with each file that it replaces. */
  readonly states: State[]
}

export type RawHistory = {
  /** A file was written, or removed where it has no rows. Gives the symbols whose rows it had or has. */
  set(key: string, rows: readonly Row[]): readonly string[]
  series(symbol: string): Series
  readonly symbols: () => readonly string[]
}

export function createRawHistory(): RawHistory {
  const all = new Map<string, Series>()
  const files = new Map<string, readonly Row[]>()
  let writes = 0
  const series = (symbol: string): Series => {
    const own = all.get(symbol) ?? { cells: new Map<IsoDate, Cell>(), states: [new Map<IsoDate, number>()] }
    all.set(symbol, own)
    return own
  }
  return {
    series,
    symbols: () => [...all.keys()],
    set(key, rows) {
      writes += 1
      const before = files.get(key) ?? []
      files.set(key, rows)
      for (const { symbol, date } of before) series(symbol).cells.get(date)?.files.delete(key)
      for (const row of rows) cellOf(series(row.symbol), row.date).files.set(key, row)
      const bySymbol = Map.groupBy([...before, ...rows], (row) => row.symbol)
      for (const [symbol, own] of bySymbol) {
        const dates = new Set(own.map(({ date }) => date))
        settle(series(symbol), dates, { base: writes, isDay: key.includes('/month=') })
      }
      return [...bySymbol.keys()]
    },
  }
}

function cellOf({ cells }: Series, date: IsoDate): Cell {
  const cell = cells.get(date) ?? { files: new Map<string, Row>(), winners: new Set<string>(), bases: new Map() }
  cells.set(date, cell)
  return cell
}

type Change = { readonly base: number; readonly isDay: boolean }

/** The table is some days behind at most, and a symbol is mended a few times a week at most. */
const MOST_STATES = 100

/** Finds the lake's rows of these dates anew. */
function settle({ cells, states }: Series, dates: ReadonlySet<IsoDate>, change: Change): void {
  const current = states.at(-1) ?? new Map<IsoDate, number>()
  const bases = [...dates].map((date) => [date, settleCell(cells.get(date), current.get(date), change)] as const)
  const isRebased = bases.some(([date, base]) => base !== undefined && base !== (current.get(date) ?? base))
  const next = isRebased ? new Map(current) : current
  for (const [date, base] of bases) {
    if (base === undefined) next.delete(date)
    else next.set(date, base)
  }
  if (isRebased) states.push(next)
  if (states.length > MOST_STATES) states.shift()
}

/**
 * The base of the lake's row of a date, undefined if it has none. A year file that changes the values of a row puts it on
 * another base; a day file puts one row right and leaves it on the base on which it was.
 */
function settleCell(cell: Cell | undefined, known: number | undefined, { base, isDay }: Change): number | undefined {
  if (cell === undefined) return undefined
  const rows = [...cell.files.values()]
  const newest = Math.max(...rows.map(({ ingestMs }) => ingestMs))
  const best = rows.filter(({ ingestMs }) => ingestMs === newest)
  const [before = ''] = cell.winners
  cell.winners = new Set(best.map(({ text }) => text))
  for (const { text, values } of best) {
    const isKept = known !== undefined && (isDay || before.startsWith(`${values} `))
    cell.bases.set(text, cell.bases.get(text) ?? (isKept ? known : base))
  }
  return best[0] && cell.bases.get(best[0].text)
}

/** The rows of a price file, raw or of a table. */
export async function readPriceRows(bytes: Uint8Array): Promise<readonly Row[]> {
  const rows = await rowsByHyparquet(bytes)
  return rows.map((row): Row => {
    const date = (row['date'] as Date).toISOString().slice(0, 10) as IsoDate
    const ingestMs = (row['ingest_ts'] as Date).getTime()
    const values = ['open', 'high', 'low', 'close', 'adjClose', 'volume'].map((name) => numberText(row[name])).join(' ')
    return { symbol: String(row['symbol']), date, values, ingestMs, text: `${values} ${ingestMs}` }
  })
}

function numberText(value: unknown): string {
  return Object.is(value, -0) ? '-0' : String(value)
}
