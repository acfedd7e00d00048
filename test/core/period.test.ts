import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import { addDays, newYorkClock, wholeYear, yearOf, type IsoDate } from '../../lib/core/dates.ts'
import { resolvePeriod, type Period } from '../../lib/core/period.ts'
import { forRandomCases, oneOf, wholeBetween, type Random } from '../support/random.ts'
import { askedDates, at, day, errorOf, span } from '../support/values.ts'
import type { AskedDates } from '../../lib/core/config.ts'

const BACKFILL: Partial<AskedDates> = { mode: 'backfill' }

/** Monday 2024-09-16 in New York: before the open, after the close but not finished, finished. */
const MORNING = '2024-09-16T13:00:00Z'
const EVENING = '2024-09-16T22:29:59Z'
const NIGHT = '2024-09-16T22:30:00Z'

function periodAt(now: string, changes: Partial<AskedDates> = {}): Period {
  return resolvePeriod(askedDates(changes), XNYS, at(now))
}

function dates(from: string | undefined, to?: string): Partial<AskedDates> {
  return { fromDate: from === undefined ? undefined : day(from), toDate: to === undefined ? undefined : day(to) }
}

function rangeText({ range }: Period): string | undefined {
  return range && `${range.from}..${range.to}`
}

describe('today and the last session', () => {
  test.each([
    [MORNING, '2024-09-16', '2024-09-13'],
    [NIGHT, '2024-09-16', '2024-09-13'],
    ['2024-09-17T03:59:59Z', '2024-09-16', '2024-09-13'],
    ['2024-09-17T04:00:00Z', '2024-09-17', '2024-09-16'],
    ['2024-09-15T12:00:00Z', '2024-09-15', '2024-09-13'],
    ['2024-09-03T12:00:00Z', '2024-09-03', '2024-08-30'],
    ['2025-01-10T12:00:00Z', '2025-01-10', '2025-01-08'],
    ['2026-01-02T12:00:00Z', '2026-01-02', '2025-12-31'],
  ])('at %s it is %s in New York, the last session is %s', (now, today, lastSession) => {
    expect(periodAt(now)).toMatchObject({ today, lastSession })
  })
})

describe('daily', () => {
  test('without dates reaches back 250 sessions to look, and fills from the fifth last', () => {
    const period = periodAt(NIGHT)
    expect(rangeText(period)).toBe('2023-09-18..2024-09-13')
    expect(XNYS.sessions(span('2023-09-18..2024-09-13'))).toHaveLength(250)
    expect(period.lookbackFrom).toBe(day('2024-09-09'))
    expect(period.notes).toEqual([])
  })

  test.each([
    [1, '2024-09-13', 250],
    [10, '2024-08-30', 250],
    [250, '2023-09-18', 250],
    [251, '2023-09-15', 251],
    [1_000_000, '1990-01-02', XNYS.sessions(span('1990-01-01..2024-09-13')).length],
  ])('with --lookback %d fills from %s, within %d sessions', (lookback, from, sessions) => {
    const { lookbackFrom, range } = periodAt(NIGHT, { lookback })
    expect<string | undefined>(lookbackFrom).toBe(from)
    expect(XNYS.sessions(range ?? span('2024-01-02..2024-01-01'))).toHaveLength(sessions)
  })

  const table: readonly [string, Partial<AskedDates>, string | undefined, number][] = [
    // Every open end is the last session before today.
    [MORNING, dates('2024-09-01'), '2024-09-01..2024-09-13', 0],
    [NIGHT, dates('2024-09-01'), '2024-09-01..2024-09-13', 0],
    [NIGHT, { backfillDays: 7 }, '2024-09-09..2024-09-13', 0],
    [MORNING, { backfillDays: 1 }, undefined, 0],
    ['2024-09-17T12:00:00Z', { backfillDays: 1 }, '2024-09-16..2024-09-16', 0],
    // A later finished one only when --to-date names it.
    [NIGHT, dates('2024-09-01', '2024-09-16'), '2024-09-01..2024-09-16', 0],
    [EVENING, dates('2024-09-01', '2024-09-16'), '2024-09-01..2024-09-13', 1],
    [MORNING, dates('2024-09-16', '2024-09-16'), undefined, 1],
    [NIGHT, dates('2024-09-16', '2024-09-16'), '2024-09-16..2024-09-16', 0],
    [MORNING, dates('2024-09-16', '2024-12-31'), undefined, 1],
    [NIGHT, dates('2024-09-10', '2035-12-31'), '2024-09-10..2024-09-16', 1],
    // No session at all.
    [NIGHT, dates('2024-09-14', '2024-09-15'), undefined, 0],
    [NIGHT, dates('2024-07-04', '2024-07-04'), undefined, 0],
    [NIGHT, dates('2024-09-16'), undefined, 0],
    // The calendar's ends.
    [NIGHT, dates('1990-01-01', '1990-01-05'), '1990-01-01..1990-01-05', 0],
    ['2035-12-31T23:30:00Z', dates('2035-12-31', '2035-12-31'), '2035-12-31..2035-12-31', 0],
  ]
  test.each(table)('at %s, %p is the range %p with %d notes', (now, changes, range, notes) => {
    const period = periodAt(now, changes)
    expect(rangeText(period)).toBe(range)
    expect(period.lookbackFrom).toBeUndefined()
    expect(period.notes).toHaveLength(notes)
  })

  test('an unfinished session is a note that names it', () => {
    expect(periodAt(EVENING, dates('2024-09-01', '2024-09-16')).notes[0]).toContain('2024-09-16 is not finished')
    expect(periodAt(EVENING, dates('2024-09-01', '2024-09-18')).notes[0]).toContain('2024-09-16 to 2024-09-18 are not')
    expect(periodAt(MORNING, dates('2024-09-16', '2024-09-18')).notes[0]).toContain('2024-09-16 to 2024-09-18 are not')
  })
})

describe('--backfill', () => {
  const table: readonly [string, Partial<AskedDates>, string | undefined, boolean][] = [
    // Without dates the year of the last session before today.
    [NIGHT, {}, '2024-01-01..2024-09-13', false],
    ['2026-01-02T12:00:00Z', {}, '2025-01-01..2025-12-31', false],
    // Widened to whole years, cut at the last session before today.
    [NIGHT, dates('2020-06-30'), '2020-01-01..2024-09-13', true],
    [NIGHT, dates('2020-01-01'), '2020-01-01..2024-09-13', false],
    [NIGHT, dates('2020-06-30', '2021-02-03'), '2020-01-01..2021-12-31', true],
    [NIGHT, dates('2020-01-01', '2021-12-31'), '2020-01-01..2021-12-31', false],
    [NIGHT, dates('2024-03-01', '2024-03-31'), '2024-01-01..2024-09-13', true],
    [NIGHT, { backfillDays: 365 }, '2023-01-01..2024-09-13', true],
    // Or at the last finished session not after --to-date, whichever is later.
    [NIGHT, dates('2024-01-01', '2024-09-16'), '2024-01-01..2024-09-16', false],
    [EVENING, dates('2024-01-01', '2024-09-16'), '2024-01-01..2024-09-13', false],
    [NIGHT, dates('2024-01-01', '2024-09-15'), '2024-01-01..2024-09-13', false],
    [NIGHT, dates('2024-01-01', '2024-09-12'), '2024-01-01..2024-09-13', true],
    [NIGHT, dates('2024-01-01', '2024-12-31'), '2024-01-01..2024-09-16', false],
    [NIGHT, dates('2024-01-01', '2035-12-31'), '2024-01-01..2024-09-16', false],
    // Nothing finished in it.
    ['2026-01-01T12:00:00Z', dates('2026-01-01'), undefined, false],
    ['2026-01-02T12:00:00Z', dates('2026-01-02', '2026-01-02'), undefined, false],
    ['2026-01-02T23:30:00Z', dates('2026-01-02', '2026-01-02'), '2026-01-01..2026-01-02', true],
  ]
  test.each(table)('at %s, %p is the range %p, said as widened: %p', (now, changes, range, isSaid) => {
    const period = periodAt(now, { ...BACKFILL, ...changes })
    expect(rangeText(period)).toBe(range)
    expect(period.lookbackFrom).toBeUndefined()
    const widened = period.notes.filter((note) => note.includes('whole years'))
    if (range !== undefined) expect(widened).toHaveLength(isSaid ? 1 : 0)
    for (const note of widened) expect(note).toContain(range?.replace('..', ' to ') ?? '')
  })

  test('asking for an unfinished session is a note here too', () => {
    const { notes } = periodAt(EVENING, { ...BACKFILL, ...dates('2024-01-01', '2024-09-16') })
    expect(notes.join('\n')).toContain('2024-09-16 is not finished')
  })
})

describe('a usage error', () => {
  test.each([
    ['1989-12-31T12:00:00Z', {}],
    ['2036-01-01T12:00:00Z', {}],
    ['1990-01-02T12:00:00Z', {}],
    [NIGHT, { backfillDays: 12_700 }],
    [NIGHT, { backfillDays: 1_000_000 }],
    // Dates that are all in the future: New York's, whatever the date is elsewhere.
    [NIGHT, dates('2024-09-17')],
    [NIGHT, dates('2024-09-17', '2024-09-17')],
    ['2024-09-17T03:59:59Z', dates('2024-09-17')],
    [NIGHT, dates('2024-12-02', '2024-12-06')],
    [NIGHT, dates('2024-12-25', '2024-12-25')],
    [NIGHT, dates('2024-12-31', '2025-01-02')],
    [NIGHT, dates('2025-01-02')],
    [NIGHT, dates('2025-01-01', '2025-12-31')],
    [NIGHT, dates('2035-12-31')],
    ['2025-12-31T23:59:00Z', dates('2026-01-01')],
  ])('at %s for %p', (now, changes) => {
    expect(errorOf(() => periodAt(now, changes))).toMatchObject({ kind: 'usage', scope: 'run' })
    expect(errorOf(() => periodAt(now, { ...BACKFILL, ...changes }))).toMatchObject({ kind: 'usage', scope: 'run' })
  })

  test('names the date that is in the future, and the date of today', () => {
    const { message } = errorOf(() => periodAt(NIGHT, dates('2025-01-02', '2025-01-03')))
    expect(message).toBe('--from-date 2025-01-02 is in the future: today is 2024-09-16 in New York.')
  })

  test('names the days that reach too far', () => {
    expect(errorOf(() => periodAt(NIGHT, { backfillDays: 12_700 })).message).toContain('--backfill-days 12700')
  })
})

function randomDate(random: Random): IsoDate {
  return addDays(day('1990-01-03'), wholeBetween(random, 0, 16_700))
}

function randomAsked(random: Random): AskedDates {
  const [a, b] = [randomDate(random), randomDate(random)]
  const [from, to] = a < b ? [a, b] : [b, a]
  const shape = oneOf(random, ['none', 'from', 'both', 'days'] as const)
  return {
    mode: oneOf(random, ['daily', 'backfill']),
    fromDate: shape === 'from' || shape === 'both' ? from : undefined,
    toDate: shape === 'both' ? to : undefined,
    backfillDays: shape === 'days' ? wholeBetween(random, 1, 50) : undefined,
    lookback: wholeBetween(random, 1, 300),
  }
}

test('no range ever ends with an unfinished session, nor before its beginning, nor without a session', () => {
  forRandomCases('period', 2_000, (random) => {
    const asked = randomAsked(random)
    const nowMs = at(`${addDays(day('1991-01-02'), wholeBetween(random, 0, 16_300))}T00:00:00Z`) + random() * 86_400_000
    if (asked.fromDate !== undefined && asked.fromDate > newYorkClock(nowMs).date) {
      expect(errorOf(() => resolvePeriod(asked, XNYS, nowMs)).kind).toBe('usage')
      return
    }
    const { range, today, lastSession } = resolvePeriod(asked, XNYS, nowMs)
    if (range === undefined) return
    expect(range.from <= range.to).toBe(true)
    const newest = XNYS.sessions(range).at(-1) ?? ''
    expect(newest <= today).toBe(true)
    if (newest === today) expect({ asked, isNamed: (asked.toDate ?? '') >= today }).toMatchObject({ isNamed: true })
    if (asked.toDate === undefined) expect(range.to).toBe(lastSession)
    if (asked.mode === 'backfill') {
      expect(range.from).toBe(wholeYear(yearOf(range.from)).from)
      // Nothing asked for and finished is cut away.
      if (asked.toDate !== undefined && asked.toDate <= lastSession) expect(range.to >= asked.toDate).toBe(true)
    }
  })
})
