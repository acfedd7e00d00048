// Sees every write of a lake and holds its price table against what its raw files are and have been: each file of the table
// that is written is looked at before anything else happens.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { createRawHistory, readPriceRows, type RawHistory, type Row, type Series } from './raw-history.ts'

const RAW = /^raw\/prices\/symbol=.*\.parquet$/
const TABLE = /^tables\/prices\/.*\.parquet$/

/** Texts of rows by date. */
type Texts = ReadonlyMap<IsoDate, string>

/** Of one file of the table, by symbol. */
type TableFile = ReadonlyMap<string, Texts>
type Table = ReadonlyMap<string, TableFile>

export type Witness = {
  /** To be told of each write that was carried out, before anything else happens, and of each file that a user removed. */
  wrote(key: string, bytes: Uint8Array): Promise<void>
  removed(key: string): void
  /** What was wrong with the table at any moment so far. */
  readonly wrongs: readonly string[]
  /** Where the table is not what raw is now. */
  differences(): readonly string[]
  /** The files of the table by key, for readers. */
  readonly table: Table
  /**
   * Whether two runs go on at once. Until a run that mends comes to its table, another one may add a newer row on the new base. What is
   * out of order meanwhile is counted.
   */
  isRace: boolean
  /** Whether raw has a row of this date, which no user has touched. */
  isStored(symbol: string, date: string): boolean
  /**
   * `corrections`: day files written of a date that had a row. `seamMoments`: writes of the table after which a symbol's rows
   * were of two bases, as raw never had them together.
   */
  readonly counts: {
    tableWrites: number
    rawWrites: number
    corrections: number
    seamMoments: number
    disorder: number
  }
}

export function createWitness(): Witness {
  const raw = createRawHistory()
  const table = new Map<string, TableFile>()
  const wrongs: string[] = []
  const counts = { tableWrites: 0, rawWrites: 0, corrections: 0, seamMoments: 0, disorder: 0 }
  /** Symbols of which a user removed raw files: raw itself may have a seam, and rows go, until the table has followed. */
  const disturbed = new Set<string>()
  /** Symbols that a race has left out of order, until a later run has come to them. */
  const disordered = new Set<string>()
  const winnersOf = (symbol: string, date: IsoDate): ReadonlySet<string> =>
    raw.series(symbol).cells.get(date)?.winners ?? new Set()

  function setTable(key: string, rows: readonly Row[]): void {
    const before = table.get(key) ?? new Map<string, Texts>()
    const file = fileOf(rows)
    const others = [...table].filter(([other]) => other !== key)
    table.set(key, file)
    const found = [
      ...rowWrongs(rows, file, raw),
      ...rows.flatMap(({ symbol, date }) =>
        others.flatMap(([other, held]) =>
          held.get(symbol)?.has(date) === true ? [`${symbol} ${date} stands in ${other} too`] : [],
        ),
      ),
      ...[...before].flatMap(([symbol, own]) =>
        // A file that comes back while the table follows its removal is in the table a moment later.
        (disturbed.has(symbol) ? [] : [...own]).flatMap(([date, text]) =>
          lossOf(text, file.get(symbol)?.get(date), winnersOf(symbol, date)).map((loss) => `${symbol} ${date} ${loss}`),
        ),
      ),
    ]
    const calm = [...file.keys()].filter((symbol) => !disturbed.has(symbol))
    const torn = calm.filter((symbol) => hasSeam(raw.series(symbol), rowsOf(table, symbol)))
    if (torn.length > 0) counts.seamMoments += 1
    const disorder = calm.flatMap((symbol) => {
      const own = torn.includes(symbol) ? disorderOf(raw.series(symbol), table, symbol) : []
      const isKnown = disordered.has(symbol)
      if (own.length > 0) disordered.add(symbol)
      else disordered.delete(symbol)
      return isKnown ? [] : own
    })
    if (witness.isRace) counts.disorder += disorder.length
    const all = witness.isRace ? found : [...found, ...disorder]
    wrongs.push(...all.map((wrong) => `${key}: ${wrong}`))
  }

  const witness: Witness = {
    wrongs,
    table,
    counts,
    isRace: false,
    async wrote(key, bytes) {
      if (RAW.test(key)) {
        counts.rawWrites += 1
        const rows = await readPriceRows(bytes)
        const isKnown = rows.some(({ symbol, date }) => winnersOf(symbol, date).size > 0)
        if (key.includes('/month=') && isKnown) counts.corrections += 1
        raw.set(key, rows)
      }
      if (!TABLE.test(key)) return
      counts.tableWrites += 1
      setTable(key, await readPriceRows(bytes))
    },
    removed(key) {
      if (RAW.test(key)) disturbed.add(raw.set(key, [])[0] ?? '')
      table.delete(key)
    },
    isStored: (symbol, date) => !disturbed.has(symbol) && winnersOf(symbol, date as IsoDate).size > 0,
    differences() {
      const symbols = new Set([...raw.symbols(), ...[...table.values()].flatMap((file) => [...file.keys()])])
      return [...symbols].flatMap((symbol) => {
        const differences = symbolDifferences(symbol, raw.series(symbol), rowsOf(table, symbol))
        if (differences.length === 0) disturbed.delete(symbol)
        return differences
      })
    },
  }
  return witness
}

function fileOf(rows: readonly Row[]): TableFile {
  const bySymbol = Map.groupBy(rows, ({ symbol }) => symbol)
  return new Map([...bySymbol].map(([symbol, own]) => [symbol, new Map(own.map(({ date, text }) => [date, text]))]))
}

/** Rows of a file that stand in it twice, or that never were the lake's. */
function rowWrongs(rows: readonly Row[], file: TableFile, raw: RawHistory): readonly string[] {
  const distinct = [...file.values()].reduce((sum, own) => sum + own.size, 0)
  const never = rows.filter(({ symbol, date, text }) => raw.series(symbol).cells.get(date)?.bases.has(text) !== true)
  return [
    ...(distinct < rows.length ? [`${rows.length - distinct} rows stand twice`] : []),
    ...never.map(({ symbol, date, text }) => `${symbol} ${date} ${text} was never the row of the lake`),
  ]
}

/** What a write of the table took away from a row. */
function lossOf(before: string, now: string | undefined, winners: ReadonlySet<string>): readonly string[] {
  if (now === undefined && winners.size > 0) return ['was lost']
  const isOlder = now !== undefined && now !== before && winners.has(before) && !winners.has(now)
  return isOlder ? [`was ${before} and was put back to ${now}`] : []
}

function symbolDifferences(symbol: string, { cells }: Series, rows: Texts): readonly string[] {
  const lacking = [...cells].flatMap(([date, { winners }]) => {
    const text = rows.get(date)
    if (winners.size === 0 || (text !== undefined && winners.has(text))) return []
    return [`${symbol} ${date} is ${text ?? 'missing'}, in raw ${[...winners].join(' or ')}`]
  })
  const surplus = [...rows.keys()].filter((date) => (cells.get(date)?.winners.size ?? 0) === 0)
  return [...lacking, ...surplus.map((date) => `${symbol} ${date} is not stored`)]
}

function rowsOf(table: Table, symbol: string): Texts {
  return new Map([...table.values()].flatMap((file) => [...(file.get(symbol) ?? [])]))
}

/** Whether these rows are on their bases in a state. A row that raw has no more is on the base on which it was. */
function isOf({ cells, states }: Series, index: number, rows: Texts): boolean {
  for (const [date, text] of rows) {
    const cell = cells.get(date)
    if (cell !== undefined && cell.winners.size > 0 && states[index]?.get(date) !== cell.bases.get(text)) return false
  }
  return true
}

/** The newest state up to `most` that has these rows on their bases. */
function stateOf(series: Series, rows: Texts, most = series.states.length - 1): number | undefined {
  for (let index = most; index >= 0; index -= 1) if (isOf(series, index, rows)) return index
  return undefined
}

function hasSeam(series: Series, rows: Texts): boolean {
  return stateOf(series, rows) === undefined
}

/**
 * While a mend passes from file to file a symbol's rows are of two bases. Then each file must be of one, and none of a newer one
 * than a file of older dates: the newest rows change last.
 */
function disorderOf(series: Series, table: Table, symbol: string): readonly string[] {
  // closed-… sorts before month-…
  const files = [...table].filter(([, file]) => file.has(symbol)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  let most = series.states.length - 1
  for (const [key, file] of files) {
    const index = stateOf(series, file.get(symbol) ?? new Map(), most)
    if (index === undefined) return [`${symbol} has newer rows on a newer base than older ones, from ${key} on`]
    most = index
  }
  return []
}
