import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { totalCount } from '../../../lib/core/outcome.ts'
import { addDays, dateOf, isWithin, yearOf, yearsIn, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import type { Footer } from '../../../lib/parquet/parquet.ts'
import { resolvePeriod, type Period } from '../../../lib/core/period.ts'
import { coverSpans, planSessions, type PlanContext, type SymbolPlan } from '../../../lib/datasets/prices/plan.ts'
import type { StoredYear } from '../../../lib/datasets/prices/year-files.ts'
import type { StoredSessions } from '../../../lib/datasets/prices/survey.ts'
import { forRandomCases, oneOf, someOf, wholeBetween, type Random } from '../../support/random.ts'
import {
  askedDates,
  at,
  day,
  footerOf,
  periodOf,
  prices,
  span,
  storedFile,
  storedSessions,
} from '../../support/values.ts'
import type { Partition } from '../../../lib/datasets/prices/schema.ts'

const PRICES = prices()

/** Monday 2024-09-16 before the open: the last session is Friday the 13th. */
const MORNING = '2024-09-16T13:00:00Z'

function contextOf(period: Period, changes: Partial<PlanContext> = {}): PlanContext {
  return { dataset: PRICES, calendar: XNYS, mode: 'daily', period, isForced: false, audit: () => false, ...changes }
}

function holding(symbol: string, changes: Partial<StoredSessions> = {}): StoredSessions {
  return storedSessions(symbol, changes)
}

function heldDays(symbol: string, dates: readonly IsoDate[]): StoredSessions {
  return holding(symbol, { days: new Set(dates), newest: dates.toSorted().at(-1) })
}

/** Year files, each by its footer or by what is wrong with it. */
function heldYears(symbol: string, files: readonly (readonly [number, Footer | string])[]): StoredSessions {
  const years = files.map(([year, found]): [number, StoredYear] => {
    const file = storedFile(PRICES.key(symbol, { kind: 'year', year }), `tag of ${year}`)
    return [year, typeof found === 'string' ? { file, problem: found } : { file, footer: found }]
  })
  const newest = files.flatMap(([, found]) => (typeof found === 'string' ? [] : [found.span.to]))
  return holding(symbol, { years: new Map(years), newest: newest.toSorted().at(-1) })
}

function planOne(held: StoredSessions, context: PlanContext): SymbolPlan {
  const [plan] = planSessions([held], context)
  if (plan === undefined) throw new Error('There is no plan')
  return plan
}

/** A year file as a backfill of `asked` leaves it when the symbol has a bar on every session of the year. */
function fullYear(year: number, changes: Partial<Footer> = {}): Footer {
  const sessions = XNYS.sessions({ from: dateOf(year, 1, 1), to: dateOf(year, 12, 31) })
  const [first = '', last = ''] = [sessions[0], sessions.at(-1)]
  return footerOf(`${first}..${last}`, { asked: span(`${year}-01-01..${year}-12-31`), ...changes })
}

const texts = (windows: readonly DateRange[]): string[] => windows.map(({ from, to }) => `${from}..${to}`)

const keysOf = ({ symbol, dataset, files }: SymbolPlan): string[] =>
  files.map(({ partition }) => dataset.key(symbol, partition))

const askedYears = ({ files }: SymbolPlan): number[] =>
  files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : []))

describe('a symbol of another exchange', () => {
  const weeks = contextOf(periodOf('daily', '2024-08-30..2024-09-04', MORNING))

  test('has a file for each day of its windows, stored oldest first, and sessions of the calendar only', () => {
    const plan = planOne(holding('VOD.L'), weeks)
    expect(plan.files.map(({ partition, sessions }) => [partition, sessions.length])).toEqual(
      [
        ['04', 1],
        ['03', 1],
        ['02', 0],
        ['01', 0],
        ['31', 0],
        ['30', 1],
      ].map(([date, count]) => [
        { kind: 'day', date: day(`2024-0${String(date) > '09' ? 8 : 9}-${date}`) },
        Number(count),
      ]),
    )
    expect(plan).toMatchObject({ tradesElsewhere: true, writesOldestFirst: true, calls: 2 })
    expect(planOne(holding('VOD'), weeks)).toMatchObject({ tradesElsewhere: false, writesOldestFirst: false })
  })

  test('takes stored closed days for stored', () => {
    const plan = planOne(heldDays('VOD.L', [day('2024-09-02'), day('2024-09-04')]), weeks)
    expect(texts(plan.windows)).toEqual(['2024-08-30..2024-09-03'])
    expect(keysOf(plan).map((key) => key.slice(-10, -8))).toEqual(['03', '01', '31', '30'])
    expect(plan.surveyedCounts).toMatchObject({ already_stored: 1, no_data: 0 })
  })

  test('is left by a run without dates once it has the newest session', () => {
    const nightly = contextOf(resolvePeriod(askedDates({ mode: 'daily' }), XNYS, at(MORNING)))
    const held = [day('2024-09-11'), day('2024-09-13')]
    const plan = planOne(heldDays('VOD.L', held), nightly)
    expect(plan).toMatchObject({ files: [], calls: 0, surveyedCounts: { already_stored: 2, no_data: 1 } })
    expect(planOne(heldDays('VOD', held), nightly).files).toHaveLength(1)
  })
})

describe('daily, with dates', () => {
  const week = contextOf(periodOf('daily', '2024-09-09..2024-09-13', MORNING))

  test('plans a file for each session, newest first, and one window', () => {
    const plan = planOne(holding('AAPL'), week)
    expect(keysOf(plan)).toEqual(
      ['13', '12', '11', '10', '09'].map(
        (date) => `raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-${date}.parquet`,
      ),
    )
    expect(texts(plan.windows)).toEqual(['2024-09-09..2024-09-13'])
    expect(plan).toMatchObject({ calls: 2, errors: [], storedSpan: undefined, newest: undefined })
    expect(totalCount(plan.surveyedCounts)).toBe(0)
  })

  test('shares what is the same for all symbols, for plans of thousands to fit', () => {
    const [one, other] = planSessions([holding('AAPL'), holding('MSFT')], week)
    expect(one?.files).toHaveLength(5)
    for (const [index, file] of (one?.files ?? []).entries()) expect(other?.files[index]).toBe(file)
  })

  test('asks for nothing when all files are there', () => {
    const plan = planOne(heldDays('AAPL', [...XNYS.sessions(span('2024-09-09..2024-09-13'))]), week)
    expect(plan).toMatchObject({ files: [], windows: [], calls: 0, surveyedCounts: { already_stored: 5 } })
    expect(plan.storedSpan).toEqual(span('2024-09-09..2024-09-13'))
  })

  test('asks for the smallest window over the missing ones and plans only those', () => {
    const plan = planOne(heldDays('AAPL', ['2024-09-09', '2024-09-11', '2024-09-13'].map(day)), week)
    expect(texts(plan.windows)).toEqual(['2024-09-10..2024-09-12'])
    expect(plan.files.map(({ sessions }) => sessions)).toEqual([[day('2024-09-12')], [day('2024-09-10')]])
    expect(plan.surveyedCounts.already_stored).toBe(3)
  })

  test('forced, asks for all and knows what it may replace', () => {
    const plan = planOne(heldDays('AAPL', [day('2024-09-10')]), { ...week, isForced: true })
    expect(plan.files).toHaveLength(5)
    expect(plan.files.map(({ stored }) => stored !== undefined)).toEqual([false, false, false, true, false])
    expect(totalCount(plan.surveyedCounts)).toBe(0)
  })

  test('ignores year files', () => {
    const held = heldYears('AAPL', [[2024, footerOf('2024-01-02..2024-09-13')]])
    expect(planOne({ ...held, newest: undefined }, week).files).toHaveLength(5)
  })

  test('without a finished session plans nothing', () => {
    const plan = planOne(holding('AAPL'), contextOf(periodOf('daily', '2024-09-14..2024-09-15', MORNING)))
    expect(plan).toMatchObject({ range: undefined, files: [], windows: [], calls: 0, recentFrom: undefined })
  })

  test('names the last five sessions of the range', () => {
    const plan = planOne(holding('AAPL'), contextOf(periodOf('daily', '2024-01-01..2024-09-13', MORNING)))
    expect(plan.recentFrom).toBe(day('2024-09-09'))
  })

  test.each([
    ['stable', true, 2],
    ['stable', false, 1],
    ['v3', true, 1],
  ] as const)('%s with adjusted close %p takes %d calls a window', (api, withAdjClose, calls) => {
    const dataset = prices({ api, withAdjClose })
    expect(planOne(holding('AAPL'), { ...week, dataset }).calls).toBe(calls)
  })
})

const datesOf = ({ files }: SymbolPlan): string[] => files.flatMap(({ sessions }) => sessions)

describe('daily, without dates', () => {
  const nightly = contextOf(resolvePeriod(askedDates(), XNYS, at(MORNING)))
  test('a symbol with nothing stored gets the last session only', () => {
    const plan = planOne(holding('NEW'), nightly)
    expect(datesOf(plan)).toEqual(['2024-09-13'])
    expect(plan.range).toEqual(span('2024-09-13..2024-09-13'))
  })

  test('fills at least the lookback', () => {
    const plan = planOne(heldDays('AAPL', ['2024-09-06', '2024-09-12'].map(day)), nightly)
    expect(datesOf(plan)).toEqual(['2024-09-13', '2024-09-11', '2024-09-10', '2024-09-09'])
    expect(plan.surveyedCounts.already_stored).toBe(1)
  })

  test('does not reach before the first stored session', () => {
    const plan = planOne(heldDays('AAPL', [day('2024-09-11')]), nightly)
    expect(datesOf(plan)).toEqual(['2024-09-13', '2024-09-12'])
    expect(plan.range).toEqual(span('2024-09-11..2024-09-13'))
    expect(planOne(heldDays('AAPL', [day('2024-09-13')]), nightly)).toMatchObject({ calls: 0, files: [] })
  })

  test('reaches back to the newest stored session, and not further', () => {
    const plan = planOne(heldDays('AAPL', ['2024-08-28', '2024-08-29'].map(day)), nightly)
    expect(plan.range).toEqual(span('2024-08-29..2024-09-13'))
    expect(datesOf(plan)).toHaveLength(10)
    expect(texts(plan.windows)).toEqual(['2024-08-30..2024-09-13'])
  })

  test('reaches back to where the newest year file ends', () => {
    const plan = planOne(heldYears('AAPL', [[2024, footerOf('2024-01-02..2024-08-29')]]), nightly)
    expect(plan.range).toEqual(span('2024-08-29..2024-09-13'))
    expect(datesOf(plan).at(-1)).toBe('2024-08-30')
    expect(plan.surveyedCounts.already_stored).toBe(1)
  })

  test('is a mark for the next run, and with dates is none', () => {
    expect(planOne(holding('AAPL'), nightly).writesOldestFirst).toBe(true)
    expect(
      planOne(holding('AAPL'), contextOf(periodOf('daily', '2024-09-09..2024-09-13', MORNING))).writesOldestFirst,
    ).toBe(false)
  })

  test('a symbol that is up to date costs nothing', () => {
    const plan = planOne(heldDays('AAPL', [...XNYS.sessions(span('2024-08-01..2024-09-13'))]), nightly)
    expect(plan).toMatchObject({ calls: 0, files: [], surveyedCounts: { already_stored: 5 } })
  })
})

const backfillOf = (dates: string, now = MORNING, changes: Partial<PlanContext> = {}): PlanContext =>
  contextOf(periodOf('backfill', dates, now), { mode: 'backfill', ...changes })

describe('--backfill', () => {
  test('plans one file a year, newest first', () => {
    const plan = planOne(holding('^GSPC'), backfillOf('2022-05-01..2024-09-13'))
    expect(keysOf(plan)).toEqual(
      [2024, 2023, 2022].map((year) => `raw/prices/symbol=%5EGSPC/year=${year}/%5EGSPC-${year}.parquet`),
    )
    expect(texts(plan.windows)).toEqual(['2022-01-01..2024-09-13'])
    expect(plan.files[0]?.sessions.at(-1)).toBe(day('2024-09-13'))
  })

  test('cuts what is longer than ten years', () => {
    const plan = planOne(holding('IBM'), backfillOf('1990-01-01..2024-09-13'))
    // A window begins on a year's first day, and the newest one is not a whole number of years.
    expect(texts(plan.windows)).toEqual([
      '2015-01-01..2024-09-13',
      '2005-01-01..2014-12-31',
      '1995-01-01..2004-12-31',
      '1990-01-01..1994-12-31',
    ])
    expect(plan.calls).toBe(8)
  })

  test('skips finished years, asks for the others whole, and knows what it may replace', () => {
    const held = heldYears('AAPL', [
      [2022, fullYear(2022)],
      [2023, footerOf('2023-01-03..2023-06-30', { asked: span('2023-01-01..2023-06-30') })],
    ])
    const plan = planOne(held, backfillOf('2022-01-01..2024-09-13'))
    expect(askedYears(plan)).toEqual([2024, 2023])
    expect(plan.files.map(({ stored }) => stored?.tag)).toEqual([undefined, 'tag of 2023'])
    expect(plan.surveyedCounts).toMatchObject({ already_stored: 251, no_data: 0 })
    expect(plan.storedSpan).toEqual({ from: day('2022-01-03'), to: day('2023-06-30') })
    expect(plan.yearsStored.toSorted((a, b) => a - b)).toEqual([2022, 2023])
  })

  test('a finished year with fewer rows than sessions has no data for the rest, one with more counts its sessions', () => {
    const part = footerOf('2022-03-01..2022-12-30', { asked: span('2022-01-01..2022-12-31') })
    const plan = planOne(heldYears('NEW', [[2022, part]]), backfillOf('2022-01-01..2022-12-31'))
    expect(plan.surveyedCounts).toMatchObject({ already_stored: part.rows, no_data: 251 - part.rows })
    const daily = fullYear(2022, { rows: 365 })
    const coin = planOne(heldYears('BTCUSD', [[2022, daily]]), backfillOf('2022-01-01..2022-12-31'))
    expect(coin.surveyedCounts).toMatchObject({ already_stored: 251, no_data: 0 })
  })

  test('a year without a file is known empty when a stored file says so', () => {
    const ipo = fullYear(2023, { asked: span('2020-01-01..2023-12-31') })
    const plan = planOne(heldYears('NEW', [[2023, ipo]]), backfillOf('2020-01-01..2023-12-31'))
    expect(plan).toMatchObject({ calls: 0, files: [] })
    expect(plan.surveyedCounts).toMatchObject({ already_stored: 250, no_data: 253 + 252 + 251 })
  })

  test('fetches the oldest stored year again when the range begins before what its file has asked', () => {
    const held = heldYears('OLD', [
      [2022, fullYear(2022)],
      [2023, fullYear(2023)],
    ])
    expect(askedYears(planOne(held, backfillOf('2020-01-01..2023-12-31')))).toEqual([2022, 2021, 2020])
    // A range that begins in the oldest year holds no earlier ones.
    expect(planOne(held, backfillOf('2022-01-01..2023-12-31')).calls).toBe(0)
  })

  test('names a file that is not ours, leaves it and counts its sessions as failed', () => {
    const held = heldYears('AAPL', [[2023, 'was not written by this program']])
    const plan = planOne(held, backfillOf('2022-01-01..2023-12-31'))
    expect(askedYears(plan)).toEqual([2022])
    expect(plan.surveyedCounts.failed).toBe(250)
    expect(plan.errors).toHaveLength(1)
    expect(plan.errors[0]).toMatchObject({ kind: 'foreign-file', scope: 'symbol' })
    expect(plan.errors[0]?.message).toContain('AAPL-2023.parquet was not written by this program')
    expect(plan.errors[0]?.hint).toContain('--force')
  })

  test('forced, asks for everything and may replace what is not ours', () => {
    const held = heldYears('AAPL', [
      [2022, fullYear(2022)],
      [2023, 'is not a readable Parquet file'],
    ])
    const plan = planOne(held, backfillOf('2022-01-01..2023-12-31', MORNING, { isForced: true }))
    expect(askedYears(plan)).toEqual([2023, 2022])
    expect(plan.errors).toEqual([])
    expect(plan.files.map(({ stored }) => stored?.footer === undefined)).toEqual([true, false])
    expect(totalCount(plan.surveyedCounts)).toBe(0)
  })
})

describe('the order of symbols', () => {
  test('is by the newest stored session, oldest first, nothing stored first of all, ties as listed', () => {
    const context = contextOf(periodOf('daily', '2024-09-09..2024-09-13', MORNING))
    const held = [
      heldDays('NEWEST', [day('2024-09-13')]),
      heldDays('OLD', [day('2024-09-10')]),
      holding('NONE-2'),
      heldDays('OLD-2', [day('2024-09-10')]),
      holding('A-NONE'),
      heldDays('MIDDLE', [day('2024-09-11'), day('2024-09-09')]),
    ]
    const order = planSessions(held, context).map(({ symbol }) => symbol)
    expect(order).toEqual(['NONE-2', 'A-NONE', 'OLD', 'OLD-2', 'MIDDLE', 'NEWEST'])
  })
})

const FIRST = day('1990-01-02')

/** A range of up to `maxDays` days and an instant at or after its end, as a user might ask for it. */
function randomPeriod(random: Random, mode: 'daily' | 'backfill', maxDays: number): Period {
  const from = addDays(FIRST, wholeBetween(random, 0, 16_500))
  const to = addDays(from, wholeBetween(random, 0, Math.min(maxDays, 16_790 - daysBetween(FIRST, from))))
  // At midnight in UTC it is the day before in New York: that day must not be before `from`.
  const now = addDays(to, wholeBetween(random, 1, 30))
  const nowMs = at(`${now > '2035-12-30' ? '2035-12-30' : now}T00:00:00Z`) + random() * 86_400_000
  const asked = askedDates({ mode, fromDate: from, toDate: oneOf(random, [to, undefined]) })
  return resolvePeriod(asked, XNYS, nowMs)
}

function daysBetween(from: IsoDate, to: IsoDate): number {
  return (at(to) - at(from)) / 86_400_000
}

function randomYears(random: Random, symbol: string, range: DateRange): StoredSessions {
  const years = someOf(random, yearsIn(range), random())
  return heldYears(
    symbol,
    years.map((year) => [year, randomYear(random, year, range)] as const),
  )
}

function randomYear(random: Random, year: number, range: DateRange): Footer | string {
  if (random() < 0.1) return 'is not a readable Parquet file'
  const sessions = XNYS.sessions({ from: dateOf(year, 1, 1), to: dateOf(year, 12, 31) })
  const first = wholeBetween(random, 0, sessions.length - 1)
  const last = wholeBetween(random, first, sessions.length - 1)
  const own = { from: sessions[first] ?? range.from, to: sessions[last] ?? range.to }
  const asked = {
    from: dateOf(year - wholeBetween(random, 0, 3), 1, 1),
    to: oneOf(random, [dateOf(year, 12, 31), dateOf(year + 2, 12, 31), own.to]),
  }
  return footerOf(`${own.from}..${own.to}`, {
    asked: oneOf(random, [asked, asked, undefined]),
    rows: wholeBetween(random, 1, 366),
    ingestMs: at(`${own.to}T12:00:00Z`) + random() * 400 * 86_400_000,
  })
}

function checkPlan(plan: SymbolPlan, isForced: boolean): void {
  const { range, files, windows, surveyedCounts } = plan
  const sessions = range === undefined ? [] : XNYS.sessions(range)
  const planned = files.flatMap((file) => file.sessions)
  // Each session exactly once.
  const asked = new Set(sessions)
  expect(new Set(planned).size).toBe(planned.length)
  expect(planned.filter((session) => !asked.has(session))).toEqual([])
  expect(planned.length + totalCount(surveyedCounts)).toBe(sessions.length)
  if (isForced) expect(planned.length).toBe(sessions.length)
  // Files newest first, keys unique, each session in the file that it belongs to.
  const names = files.map(({ partition }) => (partition.kind === 'day' ? partition.date : String(partition.year)))
  expect(names).toEqual([...new Set(names)].toSorted().toReversed())
  expect(new Set(keysOf(plan)).size).toBe(files.length)
  const misplaced = files.filter(({ partition, sessions: own }) => !own.every((session) => belongs(session, partition)))
  expect(misplaced).toEqual([])
  // Windows newest first, apart, none longer than ten years, and over all that is planned.
  for (const [index, { from, to }] of windows.entries()) {
    expect(from <= to).toBe(true)
    expect(`${yearOf(to) - 10}${to.slice(4)}` < from).toBe(true)
    if (range !== undefined) expect(range.from <= from && to <= range.to).toBe(true)
    const newer = windows[index - 1]
    if (newer !== undefined) expect(to < newer.from).toBe(true)
  }
  expect(planned.filter((session) => !windows.some((window) => isWithin(session, window)))).toEqual([])
  expect(windows.length === 0).toBe(planned.length === 0)
  expect(plan.calls).toBe(2 * windows.length)
}

function belongs(session: IsoDate, partition: Partition): boolean {
  return partition.kind === 'day' ? session === partition.date : yearOf(session) === partition.year
}

describe('whatever is asked and stored', () => {
  test('a daily plan covers each session once', () => {
    forRandomCases('plan, daily', 250, (random) => {
      const period = randomPeriod(random, 'daily', oneOf(random, [10, 300, 6_000]))
      const { range } = period
      const dates = range === undefined ? [] : someOf(random, XNYS.sessions(range), random())
      const isForced = random() < 0.2
      checkPlan(planOne(heldDays('AAPL', dates), contextOf(period, { isForced })), isForced)
    })
  })

  test('a backfill plan covers each session once', () => {
    forRandomCases('plan, backfill', 300, (random) => {
      const period = randomPeriod(random, 'backfill', oneOf(random, [300, 2_000, 12_000]))
      const held = period.range === undefined ? holding('AAPL') : randomYears(random, 'AAPL', period.range)
      const isForced = random() < 0.2
      checkPlan(planOne(held, contextOf(period, { mode: 'backfill', isForced })), isForced)
    })
  })
})

describe('coverSpans()', () => {
  test.each([
    [[], []],
    [['2024-01-01..2024-12-31'], ['2024-01-01..2024-12-31']],
    [['2024-09-13..2024-09-13', '2014-09-14..2014-09-14'], ['2014-09-14..2024-09-13']],
    [
      ['2024-09-13..2024-09-13', '2014-09-13..2014-09-13'],
      ['2024-09-13..2024-09-13', '2014-09-13..2014-09-13'],
    ],
    [['2024-02-29..2024-02-29', '2014-03-01..2014-03-01'], ['2014-03-01..2024-02-29']],
    [
      ['2024-02-29..2024-02-29', '2014-02-28..2014-02-28'],
      ['2024-02-29..2024-02-29', '2014-02-28..2014-02-28'],
    ],
  ])('%p is covered by %p', (spans, expected) => {
    expect(texts(coverSpans(spans.map(span)))).toEqual(expected)
  })

  test('never takes more windows than the best of all ways', () => {
    forRandomCases('coverSpans', 400, (random) => {
      const count = wholeBetween(random, 0, 9)
      const years = someOf(random, yearsIn(span('1990-01-01..2035-12-31')), count / 20).slice(0, 10)
      const spans = years.toReversed().map((year) => {
        const from = addDays(dateOf(year, 1, 1), wholeBetween(random, 0, 300))
        return { from, to: addDays(from, wholeBetween(random, 0, 60)) }
      })
      const windows = coverSpans(spans)
      for (const one of spans) {
        expect(windows.some(({ from, to }) => from <= one.from && one.to <= to)).toBe(true)
      }
      expect(windows.length).toBe(fewestWindows(spans))
    })
  })
})

/** Tries every way to cut the list, newest first, into windows of at most ten years. */
function fewestWindows(spans: readonly DateRange[]): number {
  if (spans.length === 0) return 0
  const ways = spans.map((_, index) => {
    const [newest, oldest] = [spans[0], spans[index]]
    if (newest === undefined || oldest === undefined) return Infinity
    const isShortEnough = addYears(oldest.from, 10) > newest.to
    return isShortEnough ? 1 + fewestWindows(spans.slice(index + 1)) : Infinity
  })
  return Math.min(...ways)
}

/** The first date after a stretch of so many years. */
function addYears(date: IsoDate, years: number): IsoDate {
  return dateOf(yearOf(date) + years, Number(date.slice(5, 7)), Number(date.slice(8)))
}
