import { describe, expect, test } from 'bun:test'
import type { RawRow } from '../../../lib/core/dataset.ts'
import { adjustedMisfits, datesOf, judgeSplits } from '../../../lib/datasets/prices/vendor-sample.ts'
import { fixtureText } from '../../support/recorded.ts'

const recorded = (name: string) => JSON.parse(fixtureText(name)) as readonly RawRow[]
const FULL = recorded('stable-historical-price-eod-full.AAPL.2020-split.json')
const ADJUSTED = recorded('stable-historical-price-eod-dividend-adjusted.AAPL.2020-split.json')
const SPLIT = { symbol: 'AAPL', date: '2020-08-31', numerator: 4, denominator: 1 }

const NONE = { missing: [], above: [], torn: [] }

const changed = (rows: readonly RawRow[], date: string, change: RawRow): readonly RawRow[] =>
  rows.map((row) => (row['date'] === date ? { ...row, ...change } : row))

/** The prices before a date times a factor. */
function rebased(rows: readonly RawRow[], before: string, factor: number): readonly RawRow[] {
  const by = (price: unknown) => (typeof price === 'number' ? price * factor : price)
  return rows.map((row) =>
    String(row['date']) < before ? { ...row, open: by(row['open']), close: by(row['close']) } : row,
  )
}

describe('adjusted rows', () => {
  test('that FMP has sent fit, though both are rounded', () => {
    expect(FULL.length).toBeGreaterThan(3)
    expect(adjustedMisfits(FULL, ADJUSTED)).toEqual(NONE)
  })

  const [date = ''] = datesOf(FULL)

  test.each<[string, RawRow, object]>([
    ['an adjusted close of another base', { adjClose: 300 }, { above: [date], torn: [date] }],
    ['an adjusted close that is null', { adjClose: null }, { missing: [date] }],
    ['one price of another base', { adjOpen: 1 }, { torn: [date] }],
    ['a date that is not there', { date: '1999-01-04' }, { missing: [date] }],
  ])('with %s are told by their date', (_name, change, expected) => {
    expect(adjustedMisfits(FULL, changed(ADJUSTED, date, change))).toEqual({ ...NONE, ...expected })
  })

  test.each([
    [102, []],
    [102.01, ['2024-01-02']],
  ])('whose close is %d to a close of 100 are above it from 2 %% on', (adjClose, above) => {
    const rows = [{ date: '2024-01-02', close: 100, adjClose }]
    expect(adjustedMisfits(rows, rows)).toMatchObject({ above })
  })
})

const row = (date: string, price: number) => ({ date, open: price, close: price })

describe('a listed split', () => {
  test('fits prices that are adjusted for it, and tells what the share traded at', () => {
    const { splits, asTraded, leaps } = judgeSplits(FULL, [SPLIT])
    expect({ splits: splits.map(({ ratio }) => ratio), leaps }).toEqual({ splits: ['4:1'], leaps: [] })
    const [oldest = ''] = datesOf(FULL)
    const close = Number(FULL.find(({ date }) => date === oldest)?.['close'])
    expect(asTraded).toMatchObject({ price: close * 4, isPlausible: true })
  })

  test.each([
    ['not adjusted for it', 4, true],
    ['adjusted for it twice', 1 / 4, true],
    ['moved by a tenth', 1.1, false],
    ['moved by a third', 1.33, false],
  ])('and prices before it that are %s', (_name, factor, isLeap) => {
    const { leaps } = judgeSplits(rebased(FULL, SPLIT.date, factor), [SPLIT])
    expect(leaps.map(({ date }) => date) as string[]).toEqual(isLeap ? [SPLIT.date] : [])
  })

  test.each([
    ['before the first row', '2020-01-02'],
    ['after the last row', '2024-01-02'],
    ['that cannot be read', 'soon'],
  ])('%s is passed over', (_name, date) => {
    expect(judgeSplits(FULL, [{ ...SPLIT, date }]).splits).toEqual([])
  })

  test('whose terms are exchanged makes a price that no share has', () => {
    const rows = [row('1990-01-02', 0.35), row('2014-06-06', 23), row('2014-06-09', 23), row('2024-01-02', 185)]
    const real = [
      { date: '2000-06-21', numerator: 2, denominator: 1 },
      { date: '2014-06-09', numerator: 7, denominator: 1 },
    ]
    const exchanged = real.map(({ date, numerator }) => ({ date, numerator: 1, denominator: numerator * 10 }))
    expect(judgeSplits(rows, real).asTraded).toMatchObject({ isPlausible: true })
    expect(judgeSplits(rows, exchanged).asTraded).toMatchObject({ isPlausible: false })
  })

  test('of rows without a close tells nothing', () => {
    expect(judgeSplits([{ date: '2024-01-02', close: null }], [SPLIT])).toEqual({
      splits: [],
      asTraded: undefined,
      leaps: [],
    })
  })
})
