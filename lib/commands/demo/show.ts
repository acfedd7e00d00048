// What the demo shows of its lake: a few rows, the course of each symbol's prices, and what was known of a statement when.

import { join } from 'node:path'
import type { Column, Row } from '../../core/dataset.ts'
import { grouped } from '../../core/text.ts'
import { readFooter, readRows } from '../../parquet/parquet.ts'

const PRICE_COLUMNS: readonly Column[] = [
  { name: 'date', type: 'date', isNullable: false },
  ...['open', 'high', 'low', 'close', 'adjClose'].map((name) => ({ name, type: 'double', isNullable: true }) as const),
  { name: 'volume', type: 'int64', isNullable: true },
]

const STATEMENT_COLUMNS: readonly Column[] = [
  { name: 'date', type: 'date', isNullable: false },
  { name: 'period', type: 'string', isNullable: false },
  { name: 'filingDate', type: 'date', isNullable: true },
  { name: 'acceptedDate', type: 'instant', isNullable: true },
  { name: 'revenue', type: 'double', isNullable: true },
]

const ROWS_SHOWN = 5
const SPARK_WIDTH = 60
const SPARKS = '▁▂▃▄▅▆▇█'

/** The newest rows of the first symbol, and a line for each symbol, as text. `creator` wrote the files. */
export async function showPrices(folder: string, symbols: readonly string[], creator: string): Promise<string> {
  const series = await Promise.all(
    symbols.map(async (symbol) => {
      const rows = await rowsIn(join(folder, 'raw/prices'), `symbol=${symbol}/**/*.parquet`, PRICE_COLUMNS, creator)
      return { symbol, rows: rows.toSorted((a, b) => (a.date < b.date ? -1 : 1)) }
    }),
  )
  const [first] = series
  const newest = first?.rows.slice(-ROWS_SHOWN).toReversed() ?? []
  const lines = series.map(({ symbol, rows }) => {
    const closes = rows.map((row) => Number(row['adjClose']))
    const range = `adjClose ${Math.min(...closes).toFixed(2)} to ${Math.max(...closes).toFixed(2)}`
    return `  ${symbol.padEnd(5)} ${sparkline(closes)}  ${grouped(rows.length)} sessions, ${range}\n`
  })
  const title = `The newest ${ROWS_SHOWN} rows of ${first?.symbol ?? 'nothing'}, and the course of each symbol's adjClose:`
  return `${title}\n\n${table(PRICE_COLUMNS, newest)}\n${lines.join('')}`
}

/** What is stored of one symbol's income statements, oldest first, as text. */
export async function showStatements(folder: string, symbol: string, creator: string): Promise<string> {
  const glob = `type=income/symbol=${symbol}/**/*.parquet`
  const rows = await rowsIn(join(folder, 'raw/fundamentals'), glob, STATEMENT_COLUMNS, creator)
  const sorted = rows.toSorted((a, b) =>
    `${a.date}${String(a['period'])}`.localeCompare(`${b.date}${String(b['period'])}`),
  )
  return table(STATEMENT_COLUMNS, sorted)
}

/** The rows of the files, one a date and period: of several the one with the greatest `ingest_ts`. */
async function rowsIn(
  folder: string,
  glob: string,
  columns: readonly Column[],
  creator: string,
): Promise<readonly Row[]> {
  const newest = new Map<string, { readonly ingestMs: number; readonly row: Row }>()
  for await (const path of new Bun.Glob(glob).scan(folder)) {
    const bytes = await Bun.file(join(folder, path)).bytes()
    const footer = readFooter(bytes, { creator })
    const ingestMs = 'problem' in footer ? 0 : footer.ingestMs
    for (const row of await readRows(bytes, columns)) {
      const id = `${row.date} ${String(row['period'] ?? '')}`
      if (ingestMs >= (newest.get(id)?.ingestMs ?? 0)) newest.set(id, { ingestMs, row })
    }
  }
  return [...newest.values()].map(({ row }) => row)
}

/** Values as bars of eight heights, each the mean of an equal part of them. */
export function sparkline(values: readonly number[], width: number = SPARK_WIDTH): string {
  const length = Math.min(width, values.length)
  const means = Array.from({ length }, (_, index) => {
    const part = values.slice(
      Math.floor((index * values.length) / length),
      Math.floor(((index + 1) * values.length) / length),
    )
    return part.reduce((sum, value) => sum + value, 0) / part.length
  })
  const [low, high] = [Math.min(...means), Math.max(...means)]
  const heightOf = (mean: number) =>
    high === low ? 0 : Math.round(((mean - low) / (high - low)) * (SPARKS.length - 1))
  return means.map((mean) => SPARKS[heightOf(mean)]).join('')
}

/** Numbers to the right, texts to the left. */
function table(columns: readonly Column[], rows: readonly Row[]): string {
  const texts = [
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map(({ name, type }) => cellText(row[name], type))),
  ]
  const widths = columns.map((_, at) => Math.max(...texts.map((cells) => cells[at]?.length ?? 0)))
  const pad = (text: string, at: number) =>
    ['double', 'int64'].includes(columns[at]?.type ?? '')
      ? text.padStart(widths[at] ?? 0)
      : text.padEnd(widths[at] ?? 0)
  return texts.map((cells) => `  ${cells.map(pad).join('  ').trimEnd()}\n`).join('')
}

function cellText(value: Row[string] | undefined, type: Column['type']): string {
  if (typeof value === 'number') return type === 'double' && value < 1_000 ? value.toFixed(2) : grouped(value)
  return type === 'instant' ? (value ?? '').slice(0, 16).replace('T', ' ') : (value ?? '')
}
