// Checks that the rows of one symbol stand on one base: whether any was stored before a split or dividend that others have.
// Pure. What the lake itself shows of an event: two rows of one date that differ by a factor, a mend in the metrics, or a jump
// from a row to an older one.

import type { Row } from '../../core/dataset.ts'
import { addDays, type IsoDate } from '../../core/dates.ts'
import { counted } from '../../core/text.ts'
import type { PartitionFile } from '../inventory.ts'
import type { Fault } from '../verify-file.ts'
import type { SessionDataset } from './schema.ts'
import { contains, factorIn, factorsOf, intersection, type Interval } from './intervals.ts'

/** A row of a file that can be relied on. */
export type PlacedRow = { readonly row: Row; readonly ingestMs: number; readonly file: PlacedFile }

type PlacedFile = PartitionFile<SessionDataset>

/** A mend that a run has told of: rows before `before` were multiplied. `startMs` is the start of the run. */
export type Mend = {
  readonly before: IsoDate
  readonly priceFactor: number
  readonly adjFactor: number
  readonly startMs: number
}

/** A fault of one file. */
export type FileFault = Fault & { readonly file: PlacedFile }

/** What the lake shows: rows up to `through` that are not newer than `ingestMs` are on an older base. */
type Evidence = {
  readonly through: IsoDate
  readonly ingestMs: number
  readonly priceFactor: number
  readonly adjFactor: number
  readonly text: string
}

/** What is wrong between the rows of a symbol. */
export function faultsBetween(rows: readonly PlacedRow[], mends: readonly Mend[]): readonly FileFault[] {
  const byDate = [...Map.groupBy(rows, ({ row }) => row.date)]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, ofDate]) => ofDate.toSorted((a, b) => a.ingestMs - b.ingestMs))
  const winners = byDate.flatMap((ofDate) => ofDate.at(-1) ?? [])
  const pairs = byDate.flatMap((ofDate): readonly Doubled[] => {
    const [older, newer] = [ofDate[0], ofDate.at(-1)]
    return older === undefined || newer === undefined || older === newer ? [] : [{ older, newer }]
  })
  const jumps = jumpsIn(winners)
  const odd = new Set(oddPairs(pairs))
  const evidence = [...pairs.filter((pair) => !odd.has(pair)).flatMap(evidenceOfPair), ...mends.map(evidenceOfMend)]
  const proven = staleRows(winners, evidence)
  // One cause, one finding: a jump into or out of rows on an older base is theirs.
  const stale = [...proven, ...rowsAfterJumps(winners, unexplained(jumps, proven))]
  return [...[...odd].map(faultOfPair), ...stale, ...unexplained(jumps, stale).map(faultOfJump)]
}

function unexplained(jumps: readonly Jump[], faults: readonly FileFault[]): readonly Jump[] {
  const files = new Set(faults.map(({ file }) => file))
  return jumps.filter(({ older, newer }) => !files.has(older.file) && !files.has(newer.file))
}

/** Two rows of one date, by their `ingest_ts`. */
type Doubled = { readonly older: PlacedRow; readonly newer: PlacedRow }

const PRICES = ['open', 'high', 'low', 'close'] as const

/** The factors that lead from all four prices of a row to those of another; `undefined` where none does. */
function priceFactors({ older, newer }: Doubled): Interval | undefined {
  const intervals = PRICES.flatMap((name) => columnFactors({ older, newer }, name) ?? [])
  const [first, ...others] = intervals
  return others.reduce<Interval | undefined>((common, one) => common && intersection(common, one), first)
}

function columnFactors({ older, newer }: Doubled, name: string): Interval | undefined {
  const [from, to] = [older.row[name], newer.row[name]]
  return typeof from === 'number' && typeof to === 'number' ? factorsOf(from, to) : undefined
}

function evidenceOfPair(pair: Doubled): readonly Evidence[] {
  const { older, newer } = pair
  const prices = priceFactors(pair)
  if (prices === undefined) return []
  const [priceFactor, adjFactor] = [factorIn(prices), factorIn(columnFactors(pair, 'adjClose') ?? { low: 1, high: 1 })]
  if (priceFactor === 1 && adjFactor === 1) return []
  const text = `newer rows of ${older.row.date} differ by a factor`
  return [{ through: newer.row.date, ingestMs: older.ingestMs, priceFactor, adjFactor, text }]
}

function evidenceOfMend({ before, priceFactor, adjFactor, startMs }: Mend): Evidence {
  const instant = new Date(startMs).toISOString()
  // The event changed the rows before its date, and the run's own rows are not older than its start.
  return {
    through: addDays(before, -1),
    ingestMs: startMs - 1,
    priceFactor,
    adjFactor,
    text: `a run of ${instant} mended the rows before ${before}`,
  }
}

/** For each file the winning rows that are on an older base. A row that the factor leaves equal, by rounding, is on both. */
function staleRows(winners: readonly PlacedRow[], evidence: readonly Evidence[]): readonly FileFault[] {
  if (evidence.length === 0) return []
  const found = new Map<PlacedFile, { rows: PlacedRow[]; text: string }>()
  for (const placed of winners) {
    const proof = evidence.find((one) => isStale(placed, one))
    if (proof === undefined) continue
    const ofFile = found.get(placed.file) ?? { rows: [], text: proof.text }
    ofFile.rows.push(placed)
    found.set(placed.file, ofFile)
  }
  return [...found].map(([file, { rows, text }]) => staleFault(file, rows, text))
}

function isStale({ row, ingestMs }: PlacedRow, evidence: Evidence): boolean {
  if (row.date > evidence.through || ingestMs > evidence.ingestMs) return false
  const moves = (name: string, factor: number) => {
    const value = row[name]
    const own = typeof value === 'number' ? factorsOf(value, value) : undefined
    return own !== undefined && !contains(own, factor)
  }
  return PRICES.some((name) => moves(name, evidence.priceFactor)) || moves('adjClose', evidence.adjFactor)
}

function staleFault(file: PlacedFile, rows: readonly PlacedRow[], text: string): FileFault {
  const [first, last] = [rows[0], rows.at(-1)]
  const span = rows.length === 1 ? '' : ` to ${last?.row.date}`
  const what = `${counted(rows.length, 'row')}${span} stand on an older base: ${text}`
  return { kind: 'older_base', file, date: first?.row.date, detail: what }
}

/** Two neighbouring sessions whose prices differ by a split's ratio, of two runs. */
type Jump = Doubled & { readonly ratio: string }

/** Shares after for shares before, of the usual splits. */
const SPLITS: readonly (readonly [after: number, before: number])[] = [
  [3, 2],
  ...[2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100].map((after) => [after, 1] as const),
]

/** How far the move of the night may take prices from a ratio, as a logarithm. */
const NIGHT_MOVE = 0.08

/** By date, `older` is the session before `newer`. */
function jumpsIn(winners: readonly PlacedRow[]): readonly Jump[] {
  return winners.flatMap((newer, index): readonly Jump[] => {
    const older = winners[index - 1]
    if (older === undefined || older.ingestMs === newer.ingestMs) return []
    const ratio = splitRatio(Number(older.row['close']), Number(newer.row['open'] ?? newer.row['close']))
    return ratio === undefined ? [] : [{ older, newer, ratio }]
  })
}

function splitRatio(close: number, open: number): string | undefined {
  if (!(close > 0) || !(open > 0)) return undefined
  const move = Math.log(close / open)
  const split = SPLITS.find(([after, before]) => Math.abs(Math.abs(move) - Math.log(after / before)) < NIGHT_MOVE)
  return split && (move > 0 ? `${split[0]}:${split[1]}` : `${split[1]}:${split[0]}`)
}

/** After a split that was never mended, the newer session is of the newer run. Of an older run it is on an older base. */
function rowsAfterJumps(winners: readonly PlacedRow[], jumps: readonly Jump[]): readonly FileFault[] {
  return jumps
    .filter(({ older, newer }) => newer.ingestMs < older.ingestMs)
    .map(({ older, newer }) => {
      const rows = winners.filter(({ file, row }) => file === newer.file && row.date >= newer.row.date)
      return staleFault(newer.file, rows, `the session before, of ${older.row.date}, was stored later and is far off`)
    })
}

function faultOfJump({ older, newer, ratio }: Jump): FileFault {
  const detail = `opens at ${newer.row['open'] ?? newer.row['close']} after a close of ${older.row['close']} that an earlier run stored: as a ${ratio} split that was not mended`
  return { kind: 'split_jump', file: newer.file, date: newer.row.date, detail }
}

/** Doubled rows that no factor explains, or whose adjusted closes move otherwise than those of both neighbours. */
function oddPairs(pairs: readonly Doubled[]): readonly Doubled[] {
  const adjusted = pairs.map((pair) => columnFactors(pair, 'adjClose'))
  return pairs.filter((pair, index) => {
    const hasPrices = PRICES.some((name) => columnFactors(pair, name) !== undefined)
    return (hasPrices && priceFactors(pair) === undefined) || isAlone(adjusted, index)
  })
}

function faultOfPair({ older, newer }: Doubled): FileFault {
  const name = ['close', 'open', 'high', 'low', 'adjClose'].find((one) => older.row[one] !== newer.row[one]) ?? 'close'
  const detail = `the other file of this date has another row: ${name} was ${older.row[name]} and is ${newer.row[name]}`
  return {
    kind: 'doubled_differs',
    file: older.file.partition.kind === 'day' ? older.file : newer.file,
    date: older.row.date,
    detail,
  }
}

/** Whether two neighbours have a factor in common that this one has not. */
function isAlone(factors: readonly (Interval | undefined)[], index: number): boolean {
  const [before, own, after] = [factors[index - 1], factors[index], factors[index + 1]]
  const common = before && after && intersection(before, after)
  return common !== undefined && own !== undefined && intersection(common, own) === undefined
}
