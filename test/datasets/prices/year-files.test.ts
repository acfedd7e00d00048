import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { dateOf, wholeYear, yearOf, yearsIn, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import type { Footer } from '../../../lib/parquet/parquet.ts'
import { resolvePeriod, type Period } from '../../../lib/core/period.ts'
import { planSessions, type SymbolPlan } from '../../../lib/datasets/prices/plan.ts'
import type { StoredYear } from '../../../lib/datasets/prices/year-files.ts'
import type { StoredSessions } from '../../../lib/datasets/prices/survey.ts'
import { askedRange, isFinished, isKnownEmpty, shrinkage, yearPart } from '../../../lib/datasets/prices/year-files.ts'
import { forRandomCases, oneOf, someOf, wholeBetween, type Random } from '../../support/random.ts'
import { askedDates, at, day, footerOf, prices, span, storedFile, storedSessions } from '../../support/values.ts'

const seenFrom = (range: string, today: string) => ({ calendar: XNYS, range: span(range), today: day(today) })

describe('yearPart()', () => {
  test.each([
    [2023, '2020-01-01..2024-09-13', '2023-01-01..2023-12-31'],
    [2024, '2020-01-01..2024-09-13', '2024-01-01..2024-09-13'],
    [2020, '2020-01-01..2024-09-13', '2020-01-01..2020-12-31'],
  ])('of %d in %s is %s', (year, range, expected) => {
    expect(yearPart(year, span(range))).toEqual(span(expected))
  })
})

describe('isFinished()', () => {
  // The last session of 2023 is 12-29, the fifth after it 2024-01-08, where New York's midnight is at 05:00 UTC.
  const past = '2023-01-01..2023-12-31'
  test.each([
    ['the last session is there', '2023-01-03..2023-12-29', past, '2024-01-02T12:00:00Z', true],
    ['it lacks it, and is too young', '2023-01-03..2023-12-28', past, '2024-01-02T12:00:00Z', false],
    ['it lacks it, a minute before the day', '2023-01-03..2023-12-28', past, '2024-01-08T04:59:00Z', false],
    ['it lacks it, written on the day', '2023-01-03..2023-12-28', past, '2024-01-08T05:00:00Z', true],
    ['delisted long ago, settled', '2023-01-03..2023-03-10', past, '2024-06-03T12:00:00Z', true],
    [
      'asked up to the last session only',
      '2023-01-03..2023-12-29',
      '2023-01-01..2023-12-29',
      '2024-01-02T12:00:00Z',
      true,
    ],
    ['asked a day too short', '2023-01-03..2023-12-28', '2023-01-01..2023-12-28', '2024-06-03T12:00:00Z', false],
    ['asked far beyond', '2023-01-03..2023-03-10', '2023-01-01..2024-06-03', '2024-06-03T12:00:00Z', true],
    ['a day file', '2023-12-29..2023-12-29', undefined, '2024-06-03T12:00:00Z', false],
  ] as const)('a past year: %s', (...[, rows, asked, written, expected]) => {
    const footer = footerOf(rows, { asked: asked === undefined ? undefined : span(asked), ingestMs: at(written) })
    expect(isFinished(2023, footer, seenFrom('2023-01-01..2024-09-13', '2024-09-16'))).toBe(expected)
  })

  test.each([
    ['asked to the range’s end, with its bar', '2024-01-02..2024-09-13', '2024-01-01..2024-09-13', true],
    ['asked to the range’s end, without its bar', '2024-01-02..2024-09-11', '2024-01-01..2024-09-13', true],
    ['asked to the day before', '2024-01-02..2024-09-12', '2024-01-01..2024-09-12', false],
    ['asked further than the range', '2024-01-02..2024-09-16', '2024-01-01..2024-09-16', true],
  ])('the running year: %s', (_, rows, asked, expected) => {
    const footer = footerOf(rows, { asked: span(asked) })
    expect(isFinished(2024, footer, seenFrom('2023-01-01..2024-09-13', '2024-09-16'))).toBe(expected)
  })

  test('in January the year before is no longer the running one', () => {
    const footer = footerOf('2024-01-02..2024-12-30', { asked: span('2024-01-01..2024-12-31') })
    expect(isFinished(2024, footer, seenFrom('2024-01-01..2024-12-31', '2024-12-31'))).toBe(true)
    expect(isFinished(2024, footer, seenFrom('2024-01-01..2024-12-31', '2025-01-01'))).toBe(false)
  })

  test('the calendar’s last year, whose fifth session after its end nobody knows', () => {
    const footer = footerOf('2035-01-02..2035-06-29', { asked: span('2035-01-01..2035-12-31') })
    expect(isFinished(2035, footer, seenFrom('2035-01-01..2035-12-31', '2035-12-31'))).toBe(true)
    expect(
      isFinished(2035, footer, { ...seenFrom('2035-01-01..2035-12-31', '2035-12-31'), today: '2036-01-01' as IsoDate }),
    ).toBe(false)
  })
})

describe('isKnownEmpty()', () => {
  const seen = seenFrom('2018-01-01..2024-09-13', '2024-09-16')
  test.each([
    [2019, '2018-01-01..2020-12-31', true],
    [2018, '2018-01-01..2020-12-31', true],
    [2018, '2018-01-02..2020-12-31', true],
    [2018, '2018-01-03..2020-12-31', false],
    [2021, '2018-01-01..2020-12-31', false],
    [2024, '2022-01-01..2024-09-13', true],
    [2024, '2022-01-01..2024-09-12', false],
    [2019, undefined, false],
  ])('%d by a file that has asked %p: %p', (year, asked, expected) => {
    const footer = footerOf('2020-01-02..2020-12-31', { asked: asked === undefined ? undefined : span(asked) })
    expect(isKnownEmpty(year, [footer], seen)).toBe(expected)
    expect(isKnownEmpty(year, [], seen)).toBe(false)
  })

  test('by one of several files alone, not by two together', () => {
    const halves = ['2018-01-01..2019-06-30', '2019-07-01..2020-12-31'].map((asked) =>
      footerOf('2020-01-02..2020-12-31', { asked: span(asked) }),
    )
    expect(isKnownEmpty(2019, halves, seen)).toBe(false)
  })
})

describe('askedBy()', () => {
  const table: readonly [string, number, { range?: string; windows?: string[]; rows: number[] }, string][] = [
    ['the only year with rows claims all', 2020, { rows: [2020] }, '2015-01-01..2024-09-13'],
    ['the newest claims forward', 2022, { rows: [2020, 2021, 2022] }, '2022-01-01..2024-09-13'],
    ['the oldest claims backward', 2020, { rows: [2020, 2021, 2022] }, '2015-01-01..2020-12-31'],
    ['one in the middle claims itself', 2021, { rows: [2020, 2021, 2022] }, '2021-01-01..2021-12-31'],
    ['a year beyond a gap claims the gap', 2022, { rows: [2018, 2022, 2023] }, '2019-01-01..2022-12-31'],
    ['a year before a gap leaves it', 2018, { rows: [2018, 2022, 2023] }, '2015-01-01..2018-12-31'],
    ['the running year is cut', 2024, { rows: [2023, 2024] }, '2024-01-01..2024-09-13'],
    [
      'what was not asked is not claimed',
      2020,
      { rows: [2020], windows: ['2020-01-01..2020-12-31'] },
      '2020-01-01..2020-12-31',
    ],
    [
      'a half asked year is not claimed',
      2020,
      { rows: [2020], windows: ['2019-06-01..2022-05-31'] },
      '2020-01-01..2021-12-31',
    ],
    ['nothing before the range', 2015, { rows: [2015] }, '2015-01-01..2024-09-13'],
    ['nothing after it', 2020, { rows: [2020], range: '2020-01-01..2020-12-31' }, '2020-01-01..2020-12-31'],
    [
      'over the seam of two windows',
      2016,
      { rows: [2016], windows: ['2018-01-01..2024-09-13', '2015-01-01..2017-12-31'] },
      '2015-01-01..2024-09-13',
    ],
  ]
  test.each(table)('%s', (_, year, { range = '2015-01-01..2024-09-13', windows = [range], rows }, expected) => {
    const answered = { range: span(range), windows: windows.map(span), yearsWithRows: new Set(rows) }
    expect(askedRange(year, answered)).toEqual(span(expected))
  })
})

describe('shrinkage()', () => {
  const stored = footerOf('2023-01-03..2023-12-29')
  const whole = stored.rows

  test.each([
    ['the same', '2023-01-03..2023-12-29', whole],
    ['more rows', '2023-01-03..2023-12-29', whole + 1],
    ['an earlier beginning', '2023-01-01..2023-12-29', whole],
    ['a later end', '2023-01-03..2023-12-31', whole],
  ])('is none for %s', (_, dates, rows) => {
    expect(shrinkage(stored, { span: span(dates), rows }, XNYS)).toBeUndefined()
  })

  test.each([
    ['a later beginning, rolled off', '2023-01-04..2023-12-29', whole - 1, true],
    ['a much later beginning', '2023-07-03..2023-12-29', XNYS.sessions(span('2023-07-03..2023-12-29')).length, true],
    ['a later beginning and a later end', '2023-02-01..2023-12-31', whole, true],
    ['a later beginning and a hole', '2023-01-04..2023-12-29', whole - 2, false],
    ['an earlier end', '2023-01-03..2023-12-28', whole - 1, false],
    ['both ends', '2023-01-04..2023-12-28', whole - 2, false],
    ['an earlier end with as many rows', '2023-01-01..2023-12-28', whole, false],
    ['fewer rows between the same ends', '2023-01-03..2023-12-29', whole - 1, false],
    ['fewer rows in a longer stretch', '2023-01-01..2023-12-31', whole - 1, false],
  ])('by %s', (_, dates, rows, isOnlyOldestEnd) => {
    const found = shrinkage(stored, { span: span(dates), rows }, XNYS)
    expect(found).toMatchObject({ isOnlyOldestEnd })
    // Both ranges are named.
    for (const text of [`${whole} rows 2023-01-03 to 2023-12-29`, `${rows} rows ${dates.replace('..', ' to ')}`]) {
      expect(found?.message).toContain(text)
    }
  })

  test('of a series that trades every day counts days', () => {
    const daily = footerOf('2023-01-01..2023-12-31', { rows: 365 })
    const from = (date: string, rows: number) =>
      shrinkage(daily, { span: span(`${date}..2023-12-31`), rows }, XNYS)?.isOnlyOldestEnd
    expect(from('2023-01-11', 355)).toBe(true)
    expect(from('2023-01-11', 354)).toBe(false)
  })
})

const PRICES = prices()
const INSTANT = '2024-09-16T13:00:00Z'

/** The vendor's truth in a simulation: which years have bars, all of them settled years or the running one. */
type Lake = Map<number, StoredYear>

function holdingsIn(lake: Lake, range: DateRange): StoredSessions {
  const years = new Map([...lake].filter(([year]) => yearsIn(range).includes(year)))
  const spans = [...years.values()].flatMap((stored) => ('footer' in stored ? [stored.footer.span.to] : []))
  return storedSessions('SYM', { years, newest: spans.toSorted().at(-1) })
}

function planFor(lake: Lake, period: Period, isForced = false): SymbolPlan {
  const range = period.range ?? { from: period.lastSession, to: period.lastSession }
  const context = { dataset: PRICES, calendar: XNYS, mode: 'backfill', period, isForced, audit: () => false } as const
  const [plan] = planSessions([holdingsIn(lake, range)], context)
  if (plan === undefined) throw new Error('There is no plan')
  return plan
}

/**
 * Runs a plan against a vendor with bars in `years`. A kill lets only some of the files be written: of those that stand
 * already, and when all these are done, of the new ones.
 */
function run(plan: SymbolPlan, lake: Lake, years: ReadonlySet<number>, isWritten: () => boolean): void {
  const { range, windows } = plan
  if (range === undefined) return
  let isKilled = false
  const answered = [...years].filter((year) => windows.some((window) => overlaps(window, yearPart(year, range))))
  const yearsWithRows = new Set([...plan.yearsStored, ...answered])
  const standing = plan.files.filter(({ stored }) => stored !== undefined)
  const fresh = plan.files.filter(({ stored }) => stored === undefined)
  for (const { partition, sessions, stored } of [...standing, ...fresh]) {
    if (partition.kind !== 'year' || !years.has(partition.year)) continue
    if (stored === undefined && isKilled) return
    if (!isWritten()) {
      isKilled = stored !== undefined
      continue
    }
    const [from, to] = [sessions[0], sessions.at(-1)]
    if (from === undefined || to === undefined) continue
    const asked = askedRange(partition.year, { range, windows, yearsWithRows })
    const footer = footerOf(`${from}..${to}`, { asked, ingestMs: at(INSTANT) })
    lake.set(partition.year, { file: storedFile(plan.dataset.key(plan.symbol, partition)), footer })
  }
}

function overlaps(a: DateRange, b: DateRange): boolean {
  return a.from <= b.to && b.from <= a.to
}

const footersIn = (lake: Lake): readonly (readonly [number, Footer])[] =>
  [...lake].flatMap(([year, stored]) => ('footer' in stored ? [[year, stored.footer] as const] : []))

/** Files whose `asked` covers a part of another year with rows. */
function liars(lake: Lake, years: ReadonlySet<number>): readonly string[] {
  return footersIn(lake).flatMap(([year, { asked }]) =>
    [...years]
      .filter((other) => other !== year && asked !== undefined && overlaps(asked, wholeYear(other)))
      .map((other) => `the file of ${year} claims ${asked?.from}..${asked?.to}, but ${other} has rows`),
  )
}

function randomPeriod(random: Random, last: IsoDate | undefined): Period {
  const first = wholeBetween(random, 1990, Math.min(2024, yearOf(last ?? day('2024-09-13'))))
  return resolvePeriod(askedDates({ mode: 'backfill', fromDate: dateOf(first, 1, 1), toDate: last }), XNYS, at(INSTANT))
}

function periodFrom(year: number, now: string): Period {
  return resolvePeriod(askedDates({ mode: 'backfill', fromDate: dateOf(year, 1, 1) }), XNYS, at(now))
}

/** Bars in a life of a symbol that may begin late, end early and pause. */
function randomLife(random: Random): ReadonlySet<number> {
  const [a, b] = [wholeBetween(random, 1985, 2024), wholeBetween(random, 1985, 2024)]
  const life = yearsIn(span('1990-01-01..2024-12-31')).filter(
    (year) => Math.min(a, b) <= year && year <= Math.max(a, b),
  )
  return new Set(random() < 0.5 ? life : someOf(random, life, 0.7))
}

describe('runs that are killed anywhere and run again', () => {
  test('never leave a file that claims another year with rows, and end in a lake that needs no call', () => {
    forRandomCases('years, kills', 600, (random) => {
      const years = randomLife(random)
      const last = random() < 0.3 ? dateOf(wholeBetween(random, 1995, 2024), 12, 31) : undefined
      const lake: Lake = new Map()
      const period = randomPeriod(random, last)
      // Perhaps a run from some other year on, and then the run itself, killed anywhere, perhaps by force.
      if (random() < 0.5) run(planFor(lake, randomPeriod(random, last)), lake, years, () => true)
      for (let kills = wholeBetween(random, 0, 3); kills > 0; kills -= 1) {
        const chance = random()
        run(planFor(lake, period, random() < 0.2), lake, years, () => random() < chance)
        expect(liars(lake, years)).toEqual([])
      }
      run(planFor(lake, period), lake, years, () => true)
      expect(liars(lake, years)).toEqual([])
      const inRange = yearsIn(period.range ?? span('2024-01-01..2024-01-01')).filter((year) => years.has(year))
      const unwritten = inRange.filter((year) => !lake.has(year))
      expect(unwritten).toEqual([])
      const again = planFor(lake, period)
      // Where no year of the range has bars there is no file to note that in.
      const asks = inRange.length === 0 ? [] : again.windows
      expect({ asks, stored: footersIn(lake).map(([year, { asked }]) => [year, asked]) }).toMatchObject({ asks: [] })
    })
  })

  test('a refreshed file keeps what it claims after its year: the next run asks for nothing', () => {
    const lake: Lake = new Map()
    const years = new Set([2018, 2019])
    for (const first of [2019, 2018]) run(planFor(lake, periodFrom(first, INSTANT)), lake, years, () => true)
    expect(planFor(lake, periodFrom(2018, INSTANT)).windows).toEqual([])
    expect(footersIn(lake).map(([year, { asked }]) => [year, asked])).toEqual([
      [2019, span('2019-01-01..2024-09-13')],
      [2018, span('2018-01-01..2018-12-31')],
    ])
  })

  test('a refreshed file keeps what it claims before its year, night after night', () => {
    const lake: Lake = new Map()
    const years = new Set([2024])
    for (const now of ['2024-09-11T13:00:00Z', '2024-09-12T13:00:00Z', '2024-09-13T13:00:00Z', INSTANT]) {
      const period = periodFrom(2015, now)
      run(planFor(lake, period), lake, years, () => true)
      expect(planFor(lake, period).windows).toEqual([])
      const [footer] = footersIn(lake).map(([, found]) => found)
      expect(footer?.asked).toEqual({ from: day('2015-01-01'), to: period.lastSession })
    }
  })

  test('need no more than two calls of a symbol each, when nothing was killed', () => {
    forRandomCases('years, at once', 100, (random) => {
      const years = randomLife(random)
      const lake: Lake = new Map()
      const period = randomPeriod(random, undefined)
      const plan = planFor(lake, period)
      const decades = Math.ceil((2024 - yearOf(plan.range?.from ?? period.lastSession) + 1) / 10)
      expect(plan.calls).toBe(2 * decades)
      run(plan, lake, years, () => true)
      expect(new Set(lake.keys())).toEqual(
        new Set(yearsIn(period.range ?? span('2024-01-01..2024-01-01')).filter((year) => years.has(year))),
      )
    })
  })

  test('over files of any earlier range and end never claim another year with rows', () => {
    forRandomCases('years, any ranges', 300, (random) => {
      const years = randomLife(random)
      const lake: Lake = new Map()
      for (let count = wholeBetween(random, 1, 6); count > 0; count -= 1) {
        const last = oneOf(random, [undefined, dateOf(wholeBetween(random, 1995, 2023), 12, 31)])
        const chance = random()
        run(planFor(lake, randomPeriod(random, last), random() < 0.2), lake, years, () => random() < chance)
        expect(liars(lake, years)).toEqual([])
      }
    })
  })
})
