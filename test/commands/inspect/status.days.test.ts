// `ingest status` on every one of 400 days of a lake that grows by night: skipped nights, weekends, holidays, a dead cron,
// budgets, a delisting, a newcomer, bars that the vendor lacks, a symbol that is held back. What it must say follows from the
// names of the files, the list of sessions of another program, and what the test did to the lake.

import { expect, setDefaultTimeout, test } from 'bun:test'
import fixture from '../../fixtures/xnys-sessions.json'
import { makeBars, SEED, sessions, type Bar, iso } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { seededRandom } from '../../support/random.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'
import type { Status } from '../../../lib/report/status.ts'

// Far above what it takes on a busy machine.
setDefaultTimeout(900_000)

const FIRST_DAY = '2023-06-01'
const DAYS = 400
const SYMBOLS = ['A', 'GAPS', 'GONE', 'HELD', 'NEW', 'VOD.L']
/** Those that are backfilled before the first night; the others begin with day files. */
const BACKFILLED = ['A', 'HELD']
const ASKED = { from: '2023-01-01', to: '2023-05-31' }
const DEAD_CRON = { from: '2023-09-05', to: '2023-10-20' }
/** On these nights FMP has divided by four what HELD has before a session, though its price shows no split then. */
const BOGUS = { from: '2024-03-12', to: '2024-03-16', before: '2024-03-11' }
/** No night of these is skipped: two new sessions at once would show no jump. */
const SURE = { from: '2024-03-06', to: '2024-03-16' }

const closures = new Set(fixture.closures)

/** The day `days` after a date. */
function later(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10)
}

function isSession(date: string): boolean {
  const weekday = new Date(date).getUTCDay()
  return weekday > 0 && weekday < 6 && !closures.has(date)
}

const CALENDAR = Array.from({ length: 1_300 }, (_, index) => later('2021-06-01', index)).filter(isSession)
const within = (date: string, { from, to }: { from: string; to: string }) => from <= date && date <= to
const lastOf = (dates: readonly string[]) => dates.toSorted().at(-1)

/** All bars that the vendor will ever have. */
function allBars(): Record<string, readonly Bar[]> {
  const random = seededRandom(SEED)
  const all = sessions('2023-01-03', '2024-08-30').map(iso)
  return Object.fromEntries(
    SYMBOLS.map((symbol, index) => {
      const bars = makeBars(all, SEED + index)
      if (symbol === 'GAPS') return [symbol, bars.filter(() => random() > 0.03)]
      if (symbol === 'VOD.L') return [symbol, bars.filter(() => random() > 0.05)]
      if (symbol === 'GONE') return [symbol, bars.filter(({ date }) => date <= '2023-11-15')]
      return [symbol, symbol === 'NEW' ? bars.filter(({ date }) => date >= '2024-01-16') : bars]
    }),
  )
}

const quarter = (value: number | null) => value && Math.round(value * 25) / 100

function quartered(bars: readonly Bar[]): readonly Bar[] {
  return bars.map((bar) =>
    bar.date >= BOGUS.before
      ? bar
      : {
          ...bar,
          open: quarter(bar.open),
          high: quarter(bar.high),
          low: quarter(bar.low),
          close: quarter(bar.close),
          adjClose: quarter(bar.adjClose),
        },
  )
}

/** What the test knows besides the files. */
type Told = {
  readonly runs: { readonly run_id: string; readonly exit_code: number; readonly calls: number }[]
  isHeld: boolean
}

/** The dates that are stored of a symbol: by the names of its day files, and those of the backfill. */
function storedDates({ store }: MemoryStage, symbol: string, backfilled: ReadonlySet<string>): ReadonlySet<string> {
  const folder = `raw/prices/symbol=${symbol}/`
  const days = [...store.files.keys()].flatMap((key) => {
    const [, date] = /-(\d{4}-\d{2}-\d{2})\.parquet$/.exec(key.startsWith(folder) ? key : '') ?? []
    return date === undefined ? [] : [date]
  })
  return new Set([...days, ...(BACKFILLED.includes(symbol) ? backfilled : [])])
}

const finishedAt = (session: string) => {
  const isSummer =
    (session >= '2023-03-12' && session < '2023-11-05') || (session >= '2024-03-10' && session < '2024-11-03')
  return `${session}T${isSummer ? '22' : '23'}:30:00+00:00`
}

/** What `status` must say of the lake, as of a session. */
function expected(
  stored: ReadonlyMap<string, ReadonlySet<string>>,
  { asOf, listed, today }: { asOf: string; listed: boolean; today: string },
  { runs, isHeld }: Told,
) {
  const symbols = SYMBOLS.filter((symbol) => listed || (stored.get(symbol)?.size ?? 0) > 0)
  const datesOf = (symbol: string) => stored.get(symbol) ?? new Set<string>()
  const newestOf = (symbol: string) => lastOf([...datesOf(symbol)])
  const newest = lastOf(symbols.flatMap((symbol) => newestOf(symbol) ?? []))
  const after = (date: string) => CALENDAR.filter((session) => session > date && session <= asOf).length
  const reach = CALENDAR.slice(0, CALENDAR.indexOf(asOf) + 1).slice(-250)
  const next = newest === undefined ? asOf : (CALENDAR.find((session) => session > newest) ?? '')
  const months = Array.from({ length: 12 }, (_, index) => {
    const [year, month] = asOf.split('-').map(Number)
    return new Date(Date.UTC(year ?? 0, (month ?? 0) - 12 + index, 1)).toISOString().slice(0, 7)
  })
  return {
    as_of: asOf,
    ok: newest !== undefined && after(newest) <= 1,
    symbols: symbols.length,
    symbols_stored: symbols.filter((symbol) => newestOf(symbol) !== undefined).length,
    newest_session: newest ?? null,
    symbols_with_newest: symbols.filter((symbol) => newest !== undefined && newestOf(symbol) === newest).length,
    sessions_behind: newest === undefined ? null : after(newest),
    next_session: next,
    next_session_finished: finishedAt(next),
    holes: symbols.flatMap((symbol) => {
      const dates = datesOf(symbol)
      const [first = '', last = ''] = [[...dates].toSorted()[0], newestOf(symbol)]
      const isAnswered = (date: string) => BACKFILLED.includes(symbol) && within(date, ASKED)
      const holes = reach.filter((date) => date > first && date < last && !dates.has(date) && !isAnswered(date))
      return holes.length === 0 || symbol === 'VOD.L' ? [] : [{ symbol, sessions: holes }]
    }),
    stale: symbols
      .filter((symbol) => newest !== undefined && newestOf(symbol) !== newest)
      .map((symbol) => {
        const own = newestOf(symbol)
        return { symbol, newest_session: own ?? null, sessions_behind: own === undefined ? null : after(own) }
      }),
    held_symbols: isHeld && newestOf('HELD') !== asOf ? ['HELD'] : [],
    held_sessions: [],
    months: months.map((month) => {
      const ofMonth = CALENDAR.filter((date) => date.startsWith(month) && date <= asOf)
      const ofSymbol = (symbol: string) => ofMonth.filter((date) => datesOf(symbol).has(date)).length
      return { month, sessions: ofMonth.length, stored: symbols.reduce((sum, symbol) => sum + ofSymbol(symbol), 0) }
    }),
    calls_today: runs.filter(({ run_id: id }) => id.startsWith(today)).reduce((sum, { calls }) => sum + calls, 0),
    runs: runs.slice(-5).toReversed(),
  }
}

async function look(stage: MemoryStage, now: string, args: readonly string[]) {
  const run = await stage.run(['status', '--json', ...args], now)
  expect(run).toMatchObject({ stderr: '', calls: 0 })
  const status = JSON.parse(run.stdout) as Status
  expect(schemaErrors('status', status)).toEqual([])
  expect(run.code).toBe(status.ok ? 0 : 1)
  return status
}

/** A lake whose nights run, or not, as the cron and the day want it. */
function createLake() {
  const stage = setMemoryStage()
  const random = seededRandom(SEED + 1)
  const bars = allBars()
  const told: Told = { runs: [], isHeld: false }

  function serve(today: string): void {
    for (const symbol of SYMBOLS) {
      const own = (bars[symbol] ?? []).filter(({ date }) => date < today)
      stage.bars[symbol] = symbol === 'HELD' && within(today, BOGUS) ? quartered(own) : own
    }
  }

  async function run(now: string, args: readonly string[]): Promise<void> {
    const { code, calls } = await stage.run(args, now)
    told.runs.push({ run_id: now.replace('Z', '+00:00'), exit_code: code, calls })
  }

  const newestOfHeld = () => lastOf([...storedDates(stage, 'HELD', new Set())])

  async function night(today: string): Promise<void> {
    const isCron = [2, 3, 4, 5, 6].includes(new Date(today).getUTCDay()) && !within(today, DEAD_CRON)
    const isSure = within(today, SURE)
    if (!isCron || (random() < 0.35 && !isSure)) return
    serve(today)
    const isCut = random() < 0.08 && !isSure
    const budget = isCut ? ['--max-calls', '6'] : []
    const before = newestOfHeld()
    await run(`${today}T13:00:00Z`, ['--tickers', SYMBOLS.join(','), '--audit', '0', ...budget])
    // A cut night may reach HELD or not: its newest file tells.
    if (isSession(later(today, -1)) && !isCut) told.isHeld = within(today, BOGUS)
    else if (newestOfHeld() !== before) told.isHeld = false
  }

  async function backfill(): Promise<ReadonlySet<string>> {
    serve(FIRST_DAY)
    await run(`${FIRST_DAY}T12:00:00Z`, ['--backfill', '--from-date', ASKED.from, '--tickers', BACKFILLED.join(',')])
    return new Set((stage.bars['A'] ?? []).map(({ date }) => date))
  }

  return { stage, told, random, night, backfill }
}

test(`is right on every one of ${DAYS} days`, async () => {
  const { stage, told, random, night, backfill } = createLake()
  const backfilled = await backfill()
  const seen = { stale: 0, holes: 0, held: 0, fresh: 0 }
  for (let index = 0; index < DAYS; index += 1) {
    const today = later(FIRST_DAY, index)
    await night(today)
    const stored = new Map(SYMBOLS.map((symbol) => [symbol, storedDates(stage, symbol, backfilled)]))
    const isEvening = random() < 0.5
    const now = `${today}T${isEvening ? '23:45:00' : '13:30:00'}Z`
    const asOf = CALENDAR.findLast((session) => (isEvening ? session <= today : session < today)) ?? ''
    const listed = random() < 0.5
    const status = await look(stage, now, listed ? ['--tickers', SYMBOLS.join(',')] : [])
    const runs = status.runs.map(({ run_id, exit_code, calls }) => ({ run_id, exit_code, calls }))
    expect({ now, ...status, runs }).toMatchObject({ now, ...expected(stored, { asOf, listed, today }, told) })
    seen[status.ok ? 'fresh' : 'stale'] += 1
    seen.holes += Math.min(1, status.holes.length)
    seen.held += status.held_symbols.length
  }
  // Each of these days was there.
  expect(Object.entries(seen).filter(([, times]) => times < 3)).toEqual([])
})
