// Which files a survey keeps for the comparison, and for which days they are all there are.

import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { resolvePeriod } from '../../../lib/core/period.ts'
import { packRecent, recentSpan, unpackRecent } from '../../../lib/datasets/prices/recent-files.ts'
import type { StoredFile } from '../../../lib/store/store.ts'
import { dayKey, yearKey } from '../../support/bars.ts'
import { askedDates, at, day, footerOf, periodOf, prices, span, storedFile } from '../../support/values.ts'

const NOW = '2024-09-16T13:00:00Z'

const nightAt = (now: string) => resolvePeriod(askedDates(), XNYS, at(now))

describe('recentSpan()', () => {
  test('is the last session and the ten before it', () => {
    expect(recentSpan(nightAt(NOW), XNYS)).toEqual(span('2024-08-29..2024-09-13'))
    expect(recentSpan(nightAt('2024-01-05T13:00:00Z'), XNYS)).toEqual(span('2023-12-19..2024-01-04'))
  })

  test('begins with the first year that the survey lists', () => {
    expect(recentSpan(nightAt('1990-01-08T13:00:00Z'), XNYS)?.from).toBe(day('1990-01-02'))
    const period = { ...nightAt(NOW), range: span('2024-01-03..2024-01-05') }
    expect(recentSpan(period, XNYS)).toEqual(span('2024-01-01..2024-01-05'))
  })

  test('is none in a run with dates and in a backfill', () => {
    expect(recentSpan(periodOf('daily', '2024-09-09..2024-09-13', NOW), XNYS)).toBeUndefined()
    expect(recentSpan(periodOf('backfill', '2024-01-02..2024-09-13', NOW), XNYS)).toBeUndefined()
  })
})

/** A day file that differs from all others. */
function dayFile(date: IsoDate): StoredFile {
  return { ...storedFile(dayKey('A', date), `tag of ${date}`), modifiedMs: at(`${date}T23:00:00Z`) }
}

describe('recent files', () => {
  const own = span('2023-12-20..2024-01-10')
  const days = new Map(XNYS.sessions(own).map((date) => [date, dayFile(date)]))
  const files = [2022, 2023, 2024].map((year): [number, StoredFile] => [year, storedFile(yearKey('A', year))])
  const file = storedFile(yearKey('A', 2024))
  const read = new Map([[2024, { file, footer: footerOf('2024-01-02..2024-01-03') }]])
  const recent = packRecent(own, { days, years: new Map(files) }, read)
  const unpack = (range: string) => unpackRecent(recent, span(range), { symbol: 'A', dataset: prices() })

  test('are the day files of a range and the year files, with the footers that were read', () => {
    const found = unpack('2023-12-28..2024-01-03')
    expect(found?.days).toEqual(new Map([...days].filter(([date]) => '2023-12-28' <= date && date <= '2024-01-03')))
    expect([...(found?.years ?? [])]).toEqual([
      [2023, { file: storedFile(yearKey('A', 2023)) }],
      [2024, { file, footer: footerOf('2024-01-02..2024-01-03') }],
    ])
  })

  test.each(['2023-12-19..2024-01-03', '2023-12-20..2024-01-11', '2020-01-02..2020-02-03'])(
    'are not all there are of %s',
    (range) => expect(unpack(range)).toBeUndefined(),
  )

  test('are none where the survey has kept none', () => {
    expect(unpackRecent(undefined, own, { symbol: 'A', dataset: prices() })).toBeUndefined()
  })
})
