// price_rebases and is_one_base over random series: splits and dividends, in time and late, nights that are skipped, mends that
// are cut short, closes that are corrected. What the program does about them is written down here once more, in a few lines.

import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import { yearOf, type IsoDate } from '../../../lib/core/dates.ts'
import { cents, type Bar } from '../../support/bars.ts'
import { disposableFolder } from '../../support/lakes/lake.ts'
import { morningAfter, movingSeries, type MovingSeries } from '../../support/moving-series.ts'
import { forRandomRuns, oneOf, wholeBetween, type Random } from '../../support/random.ts'
import { barsOn, type PastEvent } from '../../support/servers/moving-past.ts'
import { span } from '../../support/values.ts'
import { openWarehouse, type Warehouse } from '../../support/warehouse.ts'

const SYMBOLS = 16
const HISTORY = span('2022-11-01..2024-04-30')
const SESSIONS = XNYS.sessions(HISTORY)
/** So many of the sessions are in the backfill. */
const BACKFILLED = SESSIONS.length - 100
const LARGE_SPLITS = [
  [4, 1],
  [3, 2],
  [2, 1],
  [1, 8],
  [7, 1],
] as const
const SMALL_SPLIT = [21, 20] as const
/** The volume of a close that is corrected later: no vendor's row has it. */
const PROVISIONAL = 1

function sessionAt(index: number): IsoDate {
  const session = SESSIONS[Math.min(index, SESSIONS.length - 1)]
  if (session === undefined) throw new Error('There is no such session')
  return session
}

/**
 * One to four splits and dividends, some of them late; one large split at most, or the price would fall below a dividend. At a
 * low price every dividend is below a cent, so it leaves most rows as they are.
 */
function drawEvents(random: Random, hasLowPrice: boolean): readonly PastEvent[] {
  return Array.from({ length: wholeBetween(random, 1, 4) }, (_, n): PastEvent => {
    const index = wholeBetween(random, BACKFILLED - 30, SESSIONS.length - 5)
    const from = sessionAt(Math.max(BACKFILLED + 1, index + (random() < 0.3 ? wholeBetween(random, 1, 30) : 0)))
    const what = random()
    const split = what < 0.5 ? { split: n === 0 ? oneOf(random, LARGE_SPLITS) : SMALL_SPLIT } : {}
    const dividend = what > 0.4 ? { dividend: hasLowPrice ? random() / 2_000 : cents(0.1 + random() / 2) } : {}
    return { exDate: sessionAt(index), from, ...split, ...dividend }
  })
}

const isLow = (symbol: string) => symbol.endsWith('LOW')

/** Sixteen symbols; every fourth one trades at a fiftieth of the others. */
function drawSeries(random: Random): MovingSeries {
  const symbols = Array.from({ length: SYMBOLS }, (_, n) => (n % 4 === 0 ? `S${n}LOW` : `S${n}`))
  const events = Object.fromEntries(symbols.map((symbol) => [symbol, drawEvents(random, isLow(symbol))]))
  const series = movingSeries(events, HISTORY, wholeBetween(random, 1, 1e6))
  return Object.fromEntries(
    Object.entries(series).map(([symbol, { traded, ...rest }]) => {
      const scaled = traded.map((bar) => ({ ...bar, close: Math.max(0.01, cents(bar.close / 50)) }))
      return [symbol, { ...rest, traded: isLow(symbol) ? scaled : traded }]
    }),
  )
}

type Stored = { readonly bar: Bar; readonly isProvisional: boolean }
type File = { readonly kind: 'day' | 'year'; readonly bar: Bar }

type Mend = { readonly years: ReadonlySet<number>; readonly days: ReadonlySet<IsoDate>; readonly isCut: boolean }

/** Where the past has moved whole years are stored anew, unless the run is killed before the last of them; else single days. */
function mendOf(differing: readonly (readonly [IsoDate, Stored])[], random: Random): Mend {
  const moved = differing.filter(([, { isProvisional }]) => !isProvisional)
  const years = [...new Set(moved.map(([date]) => yearOf(date)))].toSorted((a, b) => a - b)
  const stored = random() < 0.4 ? wholeBetween(random, Math.min(1, years.length), years.length) : years.length
  const isCut = stored < years.length
  const corrected = differing.filter(([, { isProvisional }]) => isProvisional && !isCut)
  return { years: new Set(years.slice(0, stored)), days: new Set(corrected.map(([date]) => date)), isCut }
}

/** A bar, now and then with a close that is corrected on a later night. */
function firstStored(bar: Bar, random: Random): Stored {
  if (random() >= 0.2) return { bar, isProvisional: false }
  const close = cents((bar.close ?? 0) * 1.004)
  return { bar: { ...bar, close, adjClose: close, volume: PROVISIONAL }, isProvisional: true }
}

/** What is stored of one symbol, kept as the program keeps it. */
function createSymbol({ traded, events }: MovingSeries[string], random: Random) {
  const rows = new Map<IsoDate, Stored>()
  const symbol = {
    rows,
    /** The vendor's bars on the last night. */
    now: new Map<IsoDate, Bar>(),
    isCut: false,
    /** Stores what differs anew, then the new bars. Returns what it wrote. */
    night(session: IsoDate): readonly File[] {
      symbol.now = new Map(barsOn(session, traded, events).map((bar) => [bar.date, bar]))
      const newest = [...rows.keys()].toSorted().at(-1)
      const mend = mendOf(
        [...rows].filter(([date, { bar }]) => !Bun.deepEquals(bar, symbol.now.get(date))),
        random,
      )
      symbol.isCut = mend.isCut
      return [...symbol.now].flatMap(([date, bar]): readonly File[] => {
        const isNew = newest === undefined || date > newest
        const isMended = !isNew && mend.years.has(yearOf(date))
        if (isNew ? mend.isCut : !isMended && !mend.days.has(date)) return []
        const stored = isNew && date === session ? firstStored(bar, random) : { bar, isProvisional: false }
        rows.set(date, stored)
        return [{ kind: isMended || newest === undefined ? 'year' : 'day', bar: stored.bar }]
      })
    },
  }
  return symbol
}

type Symbols = ReadonlyMap<string, ReturnType<typeof createSymbol>>

/** Whether a row is on another base: a correction moves it by less, and so does a dividend that rounding hides. */
function isStale({ bar, isProvisional }: Stored, now: Bar | undefined): boolean {
  const differs = (name: 'close' | 'adjClose') => Math.abs((bar[name] ?? 0) - (now?.[name] ?? 0)) > 0.015
  return !isProvisional && (differs('close') || differs('adjClose'))
}

/**
 * Holds `is_one_base` of every row against what is stored. Returns how many windows were on two bases. A Bronze that has not
 * been loaded before the change of base (`sawAll` is false) cannot see all of them.
 */
async function checkBases(symbols: Symbols, warehouse: Warehouse, sawAll = true): Promise<number> {
  const features = await warehouse.query(
    'SELECT symbol, CAST(date AS VARCHAR) AS date, is_one_base FROM memory.gold.price_features ORDER BY symbol, date',
  )
  let mixed = 0
  for (const [symbol, { rows, now, isCut }] of symbols) {
    const own = features.filter((row) => row['symbol'] === symbol)
    expect(own).toHaveLength(rows.size)
    const sorted = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const stale = sorted.map(([date, row]) => isStale(row, now.get(date)))
    const isMixed = stale.map((_, index) => stale.slice(Math.max(0, index - 49), index + 1).includes(true))
    const missed = own.filter((row, index) => sawAll && isMixed[index] === true && row['is_one_base'] !== false)
    expect({ symbol, missed }).toEqual({ symbol, missed: [] })
    const needless = isCut ? [] : own.filter((row) => row['is_one_base'] !== true)
    expect({ symbol, needless }).toEqual({ symbol, needless: [] })
    mixed += isMixed.filter(Boolean).length
  }
  return mixed
}

/** Every version that was ever stored, with its factors up to the newest one. */
const CHAINED = `
  SELECT *, close * price AS chained, adjClose * adj AS chained_adj, 0.02 * (1 + price) + 0.0002 * newest_close AS tolerance
  FROM (
    SELECT
      v.symbol, v.date, v.ingest_ts, v.close, v.adjClose, s.close AS newest_close, s.adjClose AS newest_adj,
      exp(coalesce(sum(ln(r.price_factor)), 0)) AS price, exp(coalesce(sum(ln(r.adj_factor)), 0)) AS adj
    FROM memory.bronze.prices AS v
    JOIN memory.silver.prices AS s ON s.symbol = v.symbol AND s.date = v.date
    LEFT JOIN memory.gold.price_rebases AS r
      ON r.symbol = v.symbol AND r.seen_at > v.ingest_ts AND v.date BETWEEN r.first_date AND r.last_date
    WHERE v.volume <> ${PROVISIONAL} AND s.volume <> ${PROVISIONAL} AND v.symbol NOT LIKE '%LOW'
    GROUP BY v.symbol, v.date, v.ingest_ts, v.close, v.adjClose, s.close, s.adjClose
  )`
const WRONG = 'abs(chained - newest_close) > tolerance OR abs(chained_adj - newest_adj) > tolerance'

/** Writes the rows of a night as a Parquet file. */
async function writeFile(path: string, lines: readonly string[], warehouse: Warehouse): Promise<void> {
  await Bun.write(`${path}.json`, lines.join('\n'))
  await warehouse.query(`COPY (
    SELECT symbol, date, open, high, low, close, adjClose, volume, CAST(ingest_ts AS TIMESTAMPTZ) AS ingest_ts
    FROM read_json('${path}.json', columns = {symbol: 'VARCHAR', date: 'DATE', open: 'DOUBLE', high: 'DOUBLE',
      low: 'DOUBLE', close: 'DOUBLE', adjClose: 'DOUBLE', volume: 'BIGINT', ingest_ts: 'VARCHAR'})
  ) TO '${path}.parquet'`)
}

test('no window mixes two bases, a mended one is whole again, and the factors bring every version to the newest base', async () => {
  await forRandomRuns('rebases', 1, async (random) => {
    await using temp = await disposableFolder()
    await using warehouse = await openWarehouse()
    const symbols: Symbols = new Map(
      Object.entries(drawSeries(random)).map(([symbol, series]) => [symbol, createSymbol(series, random)]),
    )
    const nights = SESSIONS.slice(BACKFILLED).filter((_, index) => index === 0 || random() < 0.6)
    /** What the lake's files hold at the end. */
    const kept = new Map<string, string>()
    let mixed = 0
    for (const [index, session] of nights.entries()) {
      const lines: string[] = []
      for (const [symbol, { night }] of symbols) {
        for (const { kind, bar } of night(session)) {
          const line = JSON.stringify({ symbol, ...bar, ingest_ts: morningAfter(session) })
          lines.push(line)
          kept.set(`${symbol} ${kind} ${bar.date}`, line)
        }
      }
      await writeFile(join(temp.path, 'nights/prices', session), lines, warehouse)
      const isCut = [...symbols.values()].some((symbol) => symbol.isCut)
      if (!isCut && index < nights.length - 1) continue
      await warehouse.load(join(temp.path, 'nights'))
      mixed += await checkBases(symbols, warehouse)
    }
    expect(mixed).toBeGreaterThan(0)
    expect(await warehouse.query(`${CHAINED} WHERE ${WRONG} LIMIT 5`)).toEqual([])
    await using once = await openWarehouse()
    await writeFile(join(temp.path, 'end/prices/all'), [...kept.values()], once)
    await once.load(join(temp.path, 'end'))
    await checkBases(symbols, once, false)
  })
})
