import { describe, expect, test } from 'bun:test'
import type { RawRow } from '../../lib/core/dataset.ts'
import { day, errorOf, prices, rawPrice, span } from '../support/values.ts'
import {
  checkedBefore,
  validateRows,
  type CheckedSessions,
  type ValidationContext,
} from '../../lib/datasets/prices/validate.ts'

const PRICES = prices()

/** The last five sessions of the range begin on the 9th. */
const WEEKS: ValidationContext = {
  symbol: 'AAPL',
  windows: [span('2024-09-02..2024-09-13')],
  isWanted: () => true,
  recentFrom: day('2024-09-09'),
}

function check(raw: readonly RawRow[], changes: Partial<ValidationContext> = {}, dataset = PRICES) {
  const { suspects, incomplete, ...checked } = validateRows(dataset, raw, { ...WEEKS, ...changes })
  const [first] = suspects
  return {
    ...checked,
    suspects: suspects.length,
    firstSuspicion: first && `${first.date}: ${first.reason}`,
    incomplete: incomplete.length,
  }
}

const datesOf = ({ rows }: Pick<CheckedSessions, 'rows'>): string[] => rows.map(({ date }) => date)

describe('validateRows()', () => {
  test('keeps good rows newest first, whatever order they came in', () => {
    const checked = check(['2024-09-11', '2024-09-13', '2024-09-12'].map((date) => rawPrice(date)))
    expect(datesOf(checked)).toEqual(['2024-09-13', '2024-09-12', '2024-09-11'])
    expect(checked).toMatchObject({ rejects: [], suspects: 0, withheld: [], incomplete: 0, unknownFields: [] })
    expect(checked.firstSuspicion).toBeUndefined()
    expect(checked.missingField).toBeUndefined()
  })

  test('of nothing makes nothing', () => {
    expect(check([])).toMatchObject({ rows: [], rejects: [], withheld: [] })
  })

  test('records a bad row as it came, with the reason and the date it claims', () => {
    const bad = rawPrice('2024-09-12', { volume: -1 })
    const { rows, rejects } = check([rawPrice('2024-09-13'), bad])
    expect(rows).toHaveLength(1)
    expect(rejects).toEqual([
      { symbol: 'AAPL', dataset: 'prices', date: '2024-09-12', reason: 'volume is negative', row: bad },
    ])
  })

  test.each([
    ['2024-02-30', '2024-02-30'],
    [20240912, null],
    [null, null],
  ])('records a date of %p as %p', (date, recorded) => {
    const { rejects } = check([rawPrice('2024-09-13'), { ...rawPrice('2024-09-12'), date }])
    expect(rejects.map((reject) => reject.date)).toEqual([recorded])
  })

  test('of several rows of a date takes the last, and records the others, an exact copy too', () => {
    const first = rawPrice('2024-09-12', { close: 10 })
    const second = rawPrice('2024-09-12', { close: 10.5 })
    const checked = check([first, second, { ...second }])
    expect(checked.rows.map((row) => row['close'])).toEqual([10.5])
    expect(checked.rejects.map(({ row }) => row)).toEqual([first, second])
    expect(checked.rejects.every(({ reason }) => reason.includes('same date'))).toBe(true)
  })

  test('a bad row does not push a good one of its date out', () => {
    const checked = check([rawPrice('2024-09-12'), rawPrice('2024-09-12', { open: 'x' })])
    expect(datesOf(checked)).toEqual(['2024-09-12'])
    expect(checked.rejects.map(({ reason }) => reason)).toEqual(['open is not a number'])
  })

  test('cuts to the windows only after the hard rules: what lies outside is no reject', () => {
    const checked = check([
      rawPrice('2024-08-30'),
      rawPrice('2024-09-02'),
      rawPrice('2024-09-13'),
      rawPrice('2024-09-16'),
    ])
    expect(datesOf(checked)).toEqual(['2024-09-13', '2024-09-02'])
    expect(checked.rejects).toEqual([])
    expect(check([rawPrice('2024-08-30', { volume: -1 })]).rejects).toHaveLength(1)
  })

  test('takes what any of the windows holds, and nothing between them', () => {
    const windows = ['2024-09-12..2024-09-13', '2024-09-02..2024-09-03'].map(span)
    const checked = check(
      ['2024-09-13', '2024-09-10', '2024-09-03'].map((date) => rawPrice(date)),
      { windows },
    )
    expect(datesOf(checked)).toEqual(['2024-09-13', '2024-09-03'])
  })

  test('counts suspects that are kept, and names the first rule of the newest', () => {
    const raw = [
      rawPrice('2024-09-12', { open: 99, volume: 1.5 }),
      rawPrice('2024-09-13'),
      rawPrice('2024-09-11', { low: 0 }),
    ]
    const checked = check(raw)
    expect(checked).toMatchObject({ suspects: 2, firstSuspicion: '2024-09-12: open or close is outside low to high' })
    expect(checked.rows).toHaveLength(3)
    expect(check([rawPrice('2024-08-30', { open: 99 })]).suspects).toBe(0)
  })

  test('notes unknown fields once, sorted', () => {
    const raw = [rawPrice('2024-09-13', { zeta: 1, alpha: null }), rawPrice('2024-09-12', { zeta: 2 })]
    expect(check(raw).unknownFields).toEqual(['alpha', 'zeta'])
  })
})

const bare = (date: string) => rawPrice(date, { adjClose: undefined })

describe('a date without an adjusted close', () => {
  test('is left for later among the last five sessions of the range', () => {
    const checked = check([rawPrice('2024-09-05'), bare('2024-09-09'), bare('2024-09-13')])
    expect(datesOf(checked)).toEqual(['2024-09-05'])
    expect(checked).toMatchObject({
      withheld: ['2024-09-13', '2024-09-09'],
      incomplete: 0,
      missingField: 'adjusted close',
    })
  })

  test('is stored with null and counted when it is older', () => {
    const checked = check([rawPrice('2024-09-13'), bare('2024-09-06'), bare('2024-09-05')])
    expect(checked.rows.map((row) => row['adjClose'])).toEqual([10.9, null, null])
    expect(checked).toMatchObject({ withheld: [], incomplete: 2, missingField: 'adjusted close' })
  })

  test('is both when there are both', () => {
    const checked = check([bare('2024-09-13'), rawPrice('2024-09-12'), bare('2024-09-04')])
    expect(datesOf(checked)).toEqual(['2024-09-12', '2024-09-04'])
    expect(checked).toMatchObject({ withheld: ['2024-09-13'], incomplete: 1 })
  })

  test('is left for later when the only rows are recent ones', () => {
    expect(check([bare('2024-09-13'), bare('2024-09-12')])).toMatchObject({ rows: [], incomplete: 0 })
  })

  test('is not a suspect for that', () => {
    expect(check([rawPrice('2024-09-13'), bare('2024-09-05')]).suspects).toBe(0)
  })

  test('is nothing special without adjusted close', () => {
    const checked = check([bare('2024-09-13'), bare('2024-09-05')], {}, prices({ withAdjClose: false }))
    expect(checked).toMatchObject({ withheld: [], incomplete: 0, missingField: undefined })
    expect(checked.rows.map((row) => row['adjClose'])).toEqual([null, null])
  })

  const OLDER = ['2024-09-02', '2024-09-03', '2024-09-04', '2024-09-05', '2024-09-06', '2024-09-07']

  test('in every row, more than five of them older, fails the symbol: that is a refusal, not data', () => {
    const error = errorOf(() => check([bare('2024-09-13'), ...OLDER.map(bare)]))
    expect(error).toMatchObject({ kind: 'payload', scope: 'symbol' })
    expect(error.message).toBe('FMP sent no adjusted close for any of 7 rows')
    expect(error.hint).toContain('--no-adj-close')
  })

  test.each([1, 5])('in every row of so few as %d older ones is stored with null and counted', (count) => {
    const checked = check([bare('2024-09-13'), ...OLDER.slice(0, count).map(bare)])
    expect(checked.rows.map((row) => row['adjClose'])).toEqual(Array.from({ length: count }, () => null))
    expect(checked).toMatchObject({ withheld: ['2024-09-13'], incomplete: count, missingField: 'adjusted close' })
  })

  test('in many rows is no refusal when one row has it', () => {
    expect(check([rawPrice('2024-09-13'), ...OLDER.map(bare)])).toMatchObject({ withheld: [], incomplete: 6 })
  })
})

const isWanted = (date: string) => date !== '2024-09-11' && date !== '2024-09-04'

describe('dates that nobody has a use for', () => {
  test('come with the rows and count nowhere', () => {
    const raw = [
      rawPrice('2024-09-13'),
      rawPrice('2024-09-11', { open: 99 }),
      rawPrice('2024-09-11', { volume: -1 }),
      bare('2024-09-04'),
    ]
    const checked = check(raw, { isWanted })
    expect(datesOf(checked)).toEqual(['2024-09-13', '2024-09-11', '2024-09-04'])
    expect(checked).toMatchObject({ rejects: [], suspects: 0, withheld: [], incomplete: 0, missingField: undefined })
    expect(checked.firstSuspicion).toBeUndefined()
    expect(check(raw)).toMatchObject({ rejects: [{ date: '2024-09-11' }], suspects: 1, incomplete: 1 })
  })

  test('are not left for later', () => {
    const checked = check([bare('2024-09-11'), bare('2024-09-12')], { isWanted })
    expect(checked.withheld).toEqual([day('2024-09-12')])
  })

  test('neither make nor unmake a refusal', () => {
    const older = ['2024-09-02', '2024-09-03', '2024-09-05', '2024-09-06', '2024-09-07', '2024-09-08'].map(bare)
    const error = errorOf(() => check([rawPrice('2024-09-11'), ...older], { isWanted }))
    expect(error.message).toContain('any of 6 rows')
    expect(check([bare('2024-09-04'), ...older.slice(1)], { isWanted }).incomplete).toBe(5)
  })

  test('do not hide a bad row whose date is none, or lies elsewhere', () => {
    const raw = [
      rawPrice('2024-09-13'),
      rawPrice('2024-02-30'),
      rawPrice('2024-08-30', { volume: -1 }),
      { ...rawPrice('2024-09-12'), date: null },
    ]
    const { rejects } = check(raw, { isWanted: () => false })
    expect(rejects.map(({ date }) => date)).toEqual(['2024-02-30', '2024-08-30', null])
  })
})

describe('a field that is in no row', () => {
  test.each(['symbol', 'date', 'open', 'high', 'low', 'close', 'volume'])('fails the symbol: %s', (field) => {
    const raw = ['2024-09-13', '2024-09-12'].map((date) => rawPrice(date, { [field]: undefined }))
    const error = errorOf(() => check(raw))
    expect(error).toMatchObject({ kind: 'payload', scope: 'symbol' })
    expect(error.message).toContain(`2 rows of prices for AAPL has the field ${field}`)
  })

  test('is no matter when one row has it', () => {
    const checked = check([rawPrice('2024-09-13', { volume: undefined }), rawPrice('2024-09-12')])
    expect(checked.rows.map((row) => row['volume'])).toEqual([null, 1_000])
  })

  test('fails one row alone when the others name their symbol', () => {
    const checked = check([rawPrice('2024-09-13', { symbol: undefined }), rawPrice('2024-09-12')])
    expect(datesOf(checked)).toEqual(['2024-09-12'])
    expect(checked.rejects.map(({ date, reason }) => [date, reason])).toEqual([['2024-09-13', 'symbol is missing']])
  })

  test('is no matter when it is null: the vendor knows it and has no value', () => {
    expect(check([rawPrice('2024-09-13', { volume: null })]).rows).toHaveLength(1)
  })
})

test('checkedBefore() leaves what was found before a date, and a reject whose date cannot be read', () => {
  const raw = ['2024-09-03', '2024-09-10', '2024-09-12', '2024-09-13'].map((date) => rawPrice(date))
  const odd = [rawPrice('2024-09-04', { open: 99 }), rawPrice('2024-09-11', { open: 99 })]
  const bad = [rawPrice('2024-09-05', { volume: -1 }), rawPrice('2024-09-09', { volume: -1 }), rawPrice('soon')]
  const late = [rawPrice('2024-09-02', { adjClose: null }), rawPrice('2024-09-06', { adjClose: null })]
  const checked = validateRows(PRICES, [...raw, ...odd, ...bad, ...late], WEEKS)
  const before = checkedBefore(checked, day('2024-09-06'))
  expect(before.rows.map(({ date }) => date)).toEqual(['2024-09-04', '2024-09-03', '2024-09-02'].map(day))
  expect(before.suspects.map(({ date }) => date)).toEqual([day('2024-09-04')])
  expect(before.rejects.map(({ date }) => date)).toEqual(['2024-09-05', 'soon'])
  expect(before.incomplete).toEqual([day('2024-09-02')])
})
