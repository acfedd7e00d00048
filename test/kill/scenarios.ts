// The runs that are killed: small, but of every kind. Each says what the store holds before, what the vendor knows then
// and later, and which run dies. Most instants lie around 2024-09-17, a Tuesday.

import type { Bars, Report, Reports } from '../support/servers/vendor.ts'
import { makeBars, type Bar, iso, sessions } from '../support/bars.ts'

/** A run: its arguments, its instant, and what the vendor knows at that time. */
export type Visit = {
  readonly args: readonly string[]
  readonly now: string
  readonly bars: Bars
  readonly reports?: Reports
}

export type Scenario = {
  readonly name: string
  /** Undisturbed runs that fill the store before. */
  readonly before: readonly Visit[]
  /** The run that is killed. */
  readonly killed: Visit
  /** The run after the kill; the same one unless told. */
  readonly next?: Visit
}

const MORNING = '2024-09-17T13:00:00Z'
const LATE_MORNING = '2024-09-17T15:00:00Z'
const NEXT_MORNING = '2024-09-18T13:00:00Z'

/** Bars of every `step`-th session in these spans of dates: the vendor is sparse so that a year costs little. */
function sparse(seed: number, step: number, ...spans: readonly (readonly [from: string, to: string])[]): Bar[] {
  const dates = spans.flatMap(([from, to]) => sessions(from, to).filter((_, index) => index % step === 0))
  return makeBars(dates.map(iso), seed)
}

function dense(symbols: readonly string[], from: string, to: string, seed = 1): Bars {
  return Object.fromEntries(
    symbols.map((symbol, index) => [symbol, makeBars([...sessions(from, to)].map(iso), seed + index)]),
  )
}

const tickers = (known: Bars | Reports): readonly string[] => ['--tickers', Object.keys(known).join(',')]

function daily(symbols: readonly string[], from: string, to: string, extra: readonly string[] = []): Scenario {
  const bars = dense(symbols, '2024-07-01', '2024-09-17')
  const args = [...tickers(bars), '--from-date', from, '--to-date', to, ...extra]
  return { name: 'daily', before: [], killed: { args, now: MORNING, bars } }
}

/** Three symbols, five sessions; one of them already has the middle one. */
function dailyOverSome(): Scenario {
  const { killed, ...rest } = daily(['A', 'BRK-B', '^GSPC'], '2024-09-10', '2024-09-16')
  const args = ['--tickers', 'BRK-B', '--from-date', '2024-09-12', '--to-date', '2024-09-12']
  return { ...rest, before: [{ ...killed, args }], killed }
}

/** The cron was off for longer than the lookback: only the newest stored session says how far back to reach. */
function nightly(): Scenario {
  const bars = dense(['A', 'B'], '2024-07-01', '2024-09-17')
  const before = {
    args: [...tickers(bars), '--from-date', '2024-09-03', '--to-date', '2024-09-04'],
    now: MORNING,
    bars,
  }
  return {
    name: 'nightly after skipped nights',
    before: [before],
    killed: { args: tickers(bars), now: MORNING, bars },
  }
}

/** The same, and the next run comes a night later. */
function nightlyNextNight(): Scenario {
  const { killed, before } = nightly()
  return { name: 'nightly, healed the night after', before, killed, next: { ...killed, now: NEXT_MORNING } }
}

/** Two windows; listed late, delisted, silent for years, and one with everything. */
/** The cron runs again after a backfill and one dated run: the hole between them is filled, with the new session. */
function nightlyOverHole(): Scenario {
  const bars = dense(['A', 'B'], '2024-07-01', '2024-09-17')
  const dated = ['--from-date', '2024-09-12', '--to-date', '2024-09-13']
  return {
    name: 'nightly over a hole, after a backfill',
    before: [
      { args: [...tickers(bars), '--backfill'], now: '2024-09-03T13:00:00Z', bars },
      { args: [...tickers(bars), ...dated], now: MORNING, bars },
    ],
    killed: { args: tickers(bars), now: MORNING, bars },
  }
}

function backfill(): Scenario {
  const bars = {
    FULL: sparse(1, 40, ['2010-01-04', '2011-12-30'], ['2022-01-03', '2024-09-16']),
    LATE: sparse(2, 30, ['2022-06-01', '2024-09-16']),
    GONE: sparse(3, 30, ['2010-01-04', '2012-03-30']),
  }
  const args = [...tickers(bars), '--backfill', '--from-date', '2010-01-01']
  return { name: 'backfill over two windows', before: [], killed: { args, now: MORNING, bars } }
}

function refreshBars(): Bars {
  return {
    A: sparse(1, 4, ['2023-01-03', '2024-09-17']),
    B: sparse(2, 4, ['2024-01-02', '2024-09-17']),
    GONE: sparse(3, 4, ['2023-01-03', '2023-06-30']),
  }
}

/** The day after: the running year is unfinished again. */
function refresh(): Scenario {
  const bars = refreshBars()
  const args = [...tickers(bars), '--backfill', '--from-date', '2023-01-01']
  return {
    name: 'refresh of the running year',
    before: [{ args, now: MORNING, bars }],
    killed: { args, now: NEXT_MORNING, bars },
  }
}

/** The old year is refreshed a last time and the new one begins, together. */
function newYear(): Scenario {
  const bars = dense(['A', 'B'], '2024-11-01', '2025-01-08')
  const args = [...tickers(bars), '--backfill', '--from-date', '2024-01-01']
  return {
    name: 'refresh over the turn of the year',
    before: [{ args, now: '2024-12-20T13:00:00Z', bars }],
    killed: { args, now: '2025-01-06T13:00:00Z', bars },
    next: { args, now: '2025-01-07T13:00:00Z', bars },
  }
}

/** An older range over stored years: the oldest stored file must come to claim what lies empty before it. */
function widening(): Scenario {
  const bars = {
    OLD: sparse(1, 30, ['2017-01-03', '2024-09-16']),
    LATE: sparse(2, 20, ['2022-03-01', '2024-09-16']),
    GAP: sparse(3, 30, ['2016-01-04', '2017-12-29'], ['2020-01-02', '2021-12-31']),
    GONE: sparse(4, 20, ['2017-01-03', '2018-03-29'], ['2022-01-03', '2022-06-30']),
  }
  const backfillFrom = (from: string) => [...tickers(bars), '--backfill', '--from-date', from]
  return {
    name: 'widening to older years',
    before: [{ args: backfillFrom('2020-01-01'), now: MORNING, bars }],
    killed: { args: backfillFrom('2015-01-01'), now: LATE_MORNING, bars },
  }
}

/** Every stored number has changed at the vendor, as after a split. */
function force(mode: 'day' | 'year'): Scenario {
  const [from, extra] = mode === 'day' ? ['2024-09-11', []] : ['2022-01-01', ['--backfill']]
  const spans = [['2022-01-03', '2024-09-17']] as const
  const barsOf = (seed: number): Bars =>
    mode === 'day'
      ? dense(['A', 'B'], '2024-09-03', '2024-09-17', seed)
      : { A: sparse(seed, 20, ...spans), LATE: sparse(seed + 1, 20, ['2023-05-01', '2024-09-17']) }
  const args = [...tickers(barsOf(1)), ...extra, '--from-date', from, '--to-date', '2024-09-16']
  return {
    name: `force, ${mode} files`,
    before: [{ args, now: MORNING, bars: barsOf(1) }],
    killed: { args: [...args, '--force'], now: NEXT_MORNING, bars: barsOf(11) },
  }
}

/** A price on the base after a split of 4:1. */
const quartered = (value: number | null): number => Math.round((value ?? 0) * 25) / 100

/** A split overnight: the stale years are written anew, the newest last, and then the night's own day files. */
function mend(): Scenario {
  const stored: Bars = {
    A: sparse(1, 4, ['2022-11-01', '2024-09-13']).concat(sparse(3, 1, ['2024-09-16', '2024-09-17'])),
    B: makeBars([...sessions('2024-08-01', '2024-09-17')].map(iso), 2),
  }
  const split = Object.fromEntries(
    Object.entries(stored).map(([symbol, bars]) => [
      symbol,
      bars.map(({ date, volume, ...bar }): Bar => ({
        date,
        open: quartered(bar.open),
        high: quartered(bar.high),
        low: quartered(bar.low),
        close: quartered(bar.close),
        adjClose: quartered(bar.adjClose),
        volume: date < '2024-09-17' ? 4 * (volume ?? 0) : volume,
      })),
    ]),
  )
  const args = tickers(stored)
  return {
    name: 'mend after a split',
    before: [
      { args: [...args, '--backfill', '--from-date', '2022-01-01'], now: '2024-09-14T13:00:00Z', bars: stored },
      { args, now: MORNING, bars: stored },
    ],
    killed: { args, now: NEXT_MORNING, bars: split },
  }
}

/** Every four quarters a full year ends, on the date of the fourth: both stand in one file. */
function quarters(dates: readonly string[], amount: number): Report[] {
  const names = ['Q1', 'Q2', 'Q3', 'Q4'] as const
  return dates.flatMap((text, index): Report[] => {
    const [date, period] = [iso(text), names[index % 4] ?? 'Q1']
    const quarter = { date, period, amount: amount + 1_000 * index }
    return period === 'Q4' ? [{ date, period: 'FY', amount: 4 * amount }, quarter] : [quarter]
  })
}

const FISCAL_2024 = ['2023-09-30', '2023-12-30', '2024-03-30', '2024-06-29']

/**
 * Of a statement that has its newest document nothing is asked for weeks: no older one may then be lacking. A document of a
 * day to come is a mistake of the vendor's.
 */
function pricesAndStatements(): Scenario {
  const bars = dense(['A', 'BRK-B'], '2024-09-03', '2024-09-16')
  const reports: Reports = {
    A: quarters(FISCAL_2024, 1_000_000),
    'BRK-B': [...quarters(FISCAL_2024, 2_000_000), { date: iso('2034-06-30'), period: 'Q1', amount: 1 }],
  }
  const dates = ['--from-date', '2024-09-13', '--to-date', '2024-09-13']
  const args = [...tickers(bars), '--dataset', 'prices,balance', ...dates]
  return { name: 'prices and statements', before: [], killed: { args, now: MORNING, bars, reports } }
}

/** All that is stored was restated, and of one there is a new document: once that stands, nobody asks for weeks. */
function restatements(): Scenario {
  const stored = FISCAL_2024.slice(0, 3)
  const old: Reports = { A: quarters(stored, 1_000_000), B: quarters(stored, 2_000_000) }
  const restated: Reports = { A: quarters(FISCAL_2024, 3_000_000), B: quarters(stored, 4_000_000) }
  const args = [...tickers(old), '--dataset', 'income,balance']
  return {
    name: 'statements, restated',
    before: [{ args, now: '2024-08-01T13:00:00Z', bars: {}, reports: old }],
    killed: { args, now: MORNING, bars: {}, reports: restated },
  }
}

/** Full years alone are asked for: the fourth quarter in a file that is replaced must outlive the kill too. */
function forcedYears(): Scenario {
  const args = ['--tickers', 'A', '--dataset', 'income,cashflow']
  const old = quarters(FISCAL_2024, 1_000_000)
  const restated = old.map((report) => (report.period === 'FY' ? { ...report, amount: 1 } : report))
  return {
    name: 'force, statements of full years',
    before: [{ args, now: MORNING, bars: {}, reports: { A: old } }],
    killed: { args: [...args, '--period', 'annual', '--force'], now: NEXT_MORNING, bars: {}, reports: { A: restated } },
  }
}

function keepingTable(visit: Visit): Visit {
  return { ...visit, args: [...visit.args, '--table'] }
}

/** The same with tables, which the runs before have made. */
function withTable({ name, before, killed, next }: Scenario): Scenario {
  return {
    name: `${name}, with a table`,
    before: before.map(keepingTable),
    killed: keepingTable(killed),
    ...(next === undefined ? {} : { next: keepingTable(next) }),
  }
}

/** The scenarios of the long sweep. */
export const SCENARIOS: readonly Scenario[] = [
  dailyOverSome(),
  nightly(),
  nightlyNextNight(),
  nightlyOverHole(),
  backfill(),
  refresh(),
  newYear(),
  widening(),
  force('day'),
  force('year'),
  mend(),
  pricesAndStatements(),
  restatements(),
  forcedYears(),
  withTable(nightlyNextNight()),
  withTable(refresh()),
  withTable(mend()),
  withTable(restatements()),
]

/** Twelve symbols and seventeen sessions: over two hundred requests to the store alone. */
export const LARGE: Scenario = {
  ...daily('ABCDEFGHIJKL'.split(''), '2024-08-22', '2024-09-16'),
  name: 'a run of over 200 requests',
}
