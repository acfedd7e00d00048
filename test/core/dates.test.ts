import { describe, expect, test } from 'bun:test'

import {
  addDays,
  dateOf,
  dateOfDay,
  dayNumber,
  earlierOf,
  FIRST_YEAR,
  isWithin,
  LAST_YEAR,
  laterOf,
  newYorkClock,
  newYorkInstant,
  parseInstant,
  parseIsoDate,
  utcDate,
  wholeYear,
  yearOf,
  yearsIn,
  rangeAround,
} from '../../lib/core/dates.ts'
import type { IsoDate } from '../../lib/core/dates.ts'
import { span } from '../support/values.ts'

/** A date of the tables below; a misspelt one fails the test. */
function day(text: string): IsoDate {
  const date = parseIsoDate(text)
  if (date === undefined) throw new Error(`${text} is no date`)
  return date
}

/** 01, 02 … */
const twoDigits = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => String(index + 1).padStart(2, '0'))

describe('parseIsoDate', () => {
  test.each(['1990-01-01', '2024-02-29', '2000-02-29', '2035-12-31', '1970-01-01', '0001-01-01', '9999-12-31'])(
    'takes %p',
    (text) => {
      expect<string | undefined>(parseIsoDate(text)).toBe(text)
    },
  )

  test.each([
    '',
    '2024',
    '2024-02',
    '2024-2-1',
    '24-02-01',
    '20240201',
    '2024/02/01',
    '2024-02-30',
    '2023-02-29',
    '1900-02-29',
    '2024-04-31',
    '2024-00-01',
    '2024-13-01',
    '2024-01-00',
    '2024-01-32',
    '2024-01-01 ',
    ' 2024-01-01',
    '2024-01-01\n',
    '2024-01-01T00:00:00Z',
    '+2024-01-01',
    '-2024-01-01',
    '12024-01-01',
    '２０２４-01-01',
    'yesterday',
  ])('refuses %p', (text) => {
    expect(parseIsoDate(text)).toBeUndefined()
  })

  test('takes each day of 1990 to 2035 and no 32nd', () => {
    const days = dayNumber(day('2035-12-31')) - dayNumber(day('1990-01-01')) + 1
    const texts = Array.from({ length: 46 }, (_, index) => 1990 + index).flatMap((year) =>
      twoDigits(13).flatMap((month) => twoDigits(32).map((date) => `${year}-${month}-${date}`)),
    )
    const taken = texts.filter((text) => parseIsoDate(text) !== undefined).length
    expect(taken).toBe(days)
  })
})

describe('arithmetic', () => {
  test('day numbers count from 1970 and come back', () => {
    expect(dayNumber(day('1970-01-01'))).toBe(0)
    expect(dayNumber(day('1969-12-31'))).toBe(-1)
    expect(dayNumber(day('2024-09-16'))).toBe(19_982)
    for (let number = dayNumber(day('1899-12-31')); number <= dayNumber(day('2101-01-01')); number++) {
      const date = dateOfDay(number)
      expect(dayNumber(date)).toBe(number)
      expect(parseIsoDate(date)).toBe(date)
      expect(dateOf(yearOf(date), Number(date.slice(5, 7)), Number(date.slice(8)))).toBe(date)
      expect(addDays(date, 1) > date).toBe(true)
      expect(addDays(addDays(date, 400), -400)).toBe(date)
    }
  })

  test.each([
    ['2024-02-28', 1, '2024-02-29'],
    ['2023-02-28', 1, '2023-03-01'],
    ['2024-12-31', 1, '2025-01-01'],
    ['2024-01-01', -1, '2023-12-31'],
    ['2024-03-09', 2, '2024-03-11'],
    ['2024-11-02', 2, '2024-11-04'],
    ['2024-05-05', 0, '2024-05-05'],
  ])('%s and %d days is %s', (date, days, expected) => {
    expect(addDays(day(date), days)).toBe(day(expected))
  })

  test.each([
    [0, '1970-01-01'],
    [-1, '1969-12-31'],
    [86_399_999, '1970-01-01'],
    [86_400_000, '1970-01-02'],
    [Date.UTC(2024, 10, 4, 23, 59, 59, 999), '2024-11-04'],
  ])('%d ms lie on %s in UTC', (ms, expected) => {
    expect(utcDate(ms)).toBe(day(expected))
  })

  test('years and ranges', () => {
    expect([FIRST_YEAR, LAST_YEAR]).toEqual([1990, 2035])
    expect(wholeYear(2024)).toEqual({ from: day('2024-01-01'), to: day('2024-12-31') })
    expect(yearsIn({ from: day('2023-12-31'), to: day('2025-01-01') })).toEqual([2023, 2024, 2025])
    expect(yearsIn(wholeYear(2024))).toEqual([2024])
    expect(yearsIn({ from: day('2025-01-01'), to: day('2024-12-31') })).toEqual([])
    expect(yearsIn({ from: day('2030-01-01'), to: day('2024-12-31') })).toEqual([])
  })

  test('order and inclusion', () => {
    const [a, b] = [day('1999-12-31'), day('2000-01-01')]
    expect([earlierOf(a, b), earlierOf(b, a), laterOf(a, b), laterOf(b, a)]).toEqual([a, a, b, b])
    expect(earlierOf(a, a)).toBe(a)
    const year = wholeYear(2000)
    expect(['1999-12-31', '2000-01-01', '2000-12-31', '2001-01-01'].map((date) => isWithin(day(date), year))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})

describe('newYorkClock', () => {
  test.each([
    ['2024-01-15T04:59:59.999Z', '2024-01-14', 23 * 60 + 59],
    ['2024-01-15T05:00:00Z', '2024-01-15', 0],
    ['2024-07-15T03:59:00Z', '2024-07-14', 23 * 60 + 59],
    ['2024-07-15T04:00:00Z', '2024-07-15', 0],
    // Summer time 2024: 10 March, 2:00 becomes 3:00, to 3 November, 2:00 becomes 1:00.
    ['2024-03-10T06:59:00Z', '2024-03-10', 60 + 59],
    ['2024-03-10T07:00:00Z', '2024-03-10', 3 * 60],
    ['2024-11-03T05:59:00Z', '2024-11-03', 60 + 59],
    ['2024-11-03T06:00:00Z', '2024-11-03', 60],
    ['2024-11-03T07:00:00Z', '2024-11-03', 2 * 60],
    // Other rules in other years: until 2006 from April's first Sunday to October's last.
    ['1990-03-15T12:00:00Z', '1990-03-15', 7 * 60],
    ['1990-04-02T12:00:00Z', '1990-04-02', 8 * 60],
    ['2006-10-30T12:00:00Z', '2006-10-30', 7 * 60],
    ['2007-10-30T12:00:00Z', '2007-10-30', 8 * 60],
    ['2035-12-31T23:30:00Z', '2035-12-31', 18 * 60 + 30],
  ])('at %s it is %s, minute %d', (instant, date, minutes) => {
    expect(newYorkClock(Date.parse(instant))).toEqual({ date: day(date), minutes })
  })

  test('every hour of 46 years gives a real date, a minute of the day, and 4 or 5 hours behind UTC', () => {
    for (let ms = Date.UTC(1990, 0, 1); ms < Date.UTC(2036, 0, 1); ms += 23 * 3_600_000) {
      const { date, minutes } = newYorkClock(ms)
      const behindHours = (ms - (dayNumber(date) * 86_400_000 + minutes * 60_000)) / 3_600_000
      expect([4, 5]).toContain(behindHours)
      expect(parseIsoDate(date)).toBe(date)
    }
  })
})

describe('parseInstant', () => {
  test.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2024-09-17T23:00:00Z', Date.UTC(2024, 8, 17, 23)],
    ['2024-09-17T23:00Z', Date.UTC(2024, 8, 17, 23)],
    ['2024-09-17T23:00:00.5Z', Date.UTC(2024, 8, 17, 23, 0, 0, 500)],
    ['2024-09-17T23:00:00.123Z', Date.UTC(2024, 8, 17, 23, 0, 0, 123)],
    ['2024-09-17T19:00:00-04:00', Date.UTC(2024, 8, 17, 23)],
    ['2024-09-18T08:00:00+09:00', Date.UTC(2024, 8, 17, 23)],
    ['2024-02-29T00:00:00+00:00', Date.UTC(2024, 1, 29)],
  ])('%s', (text, ms) => {
    expect(parseInstant(text)).toBe(ms)
  })

  test.each([
    '',
    'now',
    '2024-09-17',
    '2024-09-17T23:00:00',
    '2024-09-17 23:00:00Z',
    '2024-09-17T23Z',
    '2024-09-17T23:00:00z',
    '2024-02-30T00:00:00Z',
    '2023-02-29T00:00:00Z',
    '2024-09-17T25:00:00Z',
    '2024-09-17T23:60:00Z',
    '2024-09-17T23:00:61Z',
    '2024-09-17T23:00:00.1234Z',
    '2024-09-17T23:00:00+0400',
    '2024-09-17T23:00:00+4:00',
    '2024-09-17T23:00:00 UTC',
    ' 2024-09-17T23:00:00Z',
    '1727740800000',
  ])('refuses %p', (text) => {
    expect(parseInstant(text)).toBeUndefined()
  })

  test('gives back every instant that it is given', () => {
    for (let ms = Date.UTC(1990, 0, 1); ms < Date.UTC(2036, 0, 1); ms += 86_400_000 * 3 + 12_345_678) {
      expect(parseInstant(new Date(ms).toISOString())).toBe(ms)
    }
  })
})

describe('newYorkInstant()', () => {
  test.each([
    ['2024-11-01', '06:01:36', '2024-11-01T10:01:36Z'],
    ['2024-01-31', '18:00:00', '2024-01-31T23:00:00Z'],
    // Shown twice: the first. Skipped: counted on.
    ['2024-11-03', '01:30:00', '2024-11-03T05:30:00Z'],
    ['2024-03-10', '02:30:00', '2024-03-10T07:30:00Z'],
  ])('of %s %s is %s', (date, time, instant) => {
    expect(newYorkInstant(day(date), time)).toBe(Date.parse(instant))
  })
})

describe('rangeAround()', () => {
  test('is from the earliest to the latest of all, absent ones left out', () => {
    const ranges = ['2024-09-09..2024-09-13', '2024-08-29..2024-09-12'].map(span)
    expect(rangeAround([...ranges, undefined])).toEqual(span('2024-08-29..2024-09-13'))
  })

  test('is none of none', () => {
    expect(rangeAround([])).toBeUndefined()
    expect(rangeAround([undefined])).toBeUndefined()
  })
})
