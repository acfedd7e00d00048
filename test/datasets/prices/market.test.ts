import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { Row } from '../../../lib/core/dataset.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { judgeMarket, marketFrom, type MarketAnswer } from '../../../lib/datasets/prices/market.ts'
import { makeBars, SEED } from '../../support/bars.ts'
import { seededRandom } from '../../support/random.ts'
import { day } from '../../support/values.ts'

const NEWEST = day('2024-09-13')
const CONTEXT = { calendar: XNYS, newest: NEWEST, accepted: [] }
const SESSIONS = XNYS.sessions({ from: marketFrom(CONTEXT), to: NEWEST })

type Edit = (row: Row, before: Row, index: number) => Partial<Row>

/** So many symbols' rows, of which an edit changes those of one session. */
function answers(count: number, edit: Edit = () => ({}), date: IsoDate = NEWEST): readonly MarketAnswer[] {
  return Array.from({ length: count }, (_, index) => {
    const bars = steady(makeBars(SESSIONS, SEED + index))
    const rows = bars.map((row, at) => {
      const before = bars[at - 1]
      return row.date === date && before !== undefined ? ({ ...row, ...edit(row, before, index) } as Row) : row
    })
    return { rows: new Map(rows.map((row) => [row.date, row])), isMoved: false }
  })
}

/** Volumes of which none is beyond the band by chance. */
const steady = (bars: readonly Row[]): readonly Row[] =>
  bars.map((bar, index) => ({ ...bar, volume: 1_000_000 + index * 1_000 }))

const times =
  (factor: number, isOf: (index: number) => boolean = () => true): Edit =>
  ({ volume }, _, index) => ({ volume: isOf(index) ? Math.round(Number(volume) * factor) : volume })

const heldIn = (of: readonly MarketAnswer[], changes: Partial<typeof CONTEXT> = {}) =>
  judgeMarket(of, { ...CONTEXT, ...changes }).held.map(({ date }) => date)

describe('judgeMarket()', () => {
  test('holds nothing of an ordinary market', () => {
    expect(judgeMarket(answers(40), CONTEXT)).toEqual({ heldFrom: undefined, held: [], suspect: [], moved: undefined })
  })

  test.each<[what: string, edit: Edit, isHeld: boolean]>([
    ['volumes of the quietest session of thirteen years', times(0.22), false],
    ['volumes of the busiest one', times(2.9), false],
    ['a volume just within the band', times(9.8), false],
    ['volumes × 100', times(100), true],
    ['volumes in hundreds', times(0.01), true],
    ['volumes × 100 of half of the symbols', times(100, (index) => index % 2 === 0), false],
    ['volumes × 100 of one more', times(100, (index) => index % 2 === 0 || index === 1), true],
    ['the greatest median return', ({ close }) => ({ close: Number(close) * 1.134 }), false],
    ['a market that has doubled', (_, before) => ({ close: Number(before['close']) * 2 }), true],
    ['a repeated bar', (_, before) => ({ ...before, date: NEWEST }), true],
    [
      'a repeated bar with another volume',
      (row, before) => ({ ...before, date: NEWEST, volume: row['volume'] }),
      false,
    ],
    ['no volume', () => ({ volume: null }), true],
    ['one price', ({ close }) => ({ open: close, high: close, low: close }), true],
  ])('%s', (_, edit, isHeld) => {
    expect(heldIn(answers(40, edit))).toEqual(isHeld ? [NEWEST] : [])
  })

  test('says nothing of fewer than twenty symbols with the session', () => {
    expect(heldIn(answers(20, times(100)))).toEqual([NEWEST])
    expect(heldIn(answers(19, times(100)))).toEqual([])
    const without = answers(40, times(100)).map((answer, index) =>
      index < 21 ? { ...answer, rows: new Map([...answer.rows].filter(([date]) => date !== NEWEST)) } : answer,
    )
    expect(heldIn(without)).toEqual([])
  })

  test('symbols that never have a volume, or always one price, are no reason', () => {
    const funds = answers(40).map(({ rows }) => ({
      isMoved: false,
      rows: new Map(
        [...rows].map(([date, row]) => [
          date,
          { ...row, open: row['close'] ?? null, high: row['close'] ?? null, low: row['close'] ?? null, volume: 0 },
        ]),
      ),
    }))
    expect(heldIn(funds)).toEqual([])
  })

  test('nor are newcomers, of which nothing is known', () => {
    const newcomers = answers(40, times(100)).map(({ rows }) => ({
      isMoved: undefined,
      rows: new Map([...rows].filter(([date]) => date === NEWEST)),
    }))
    expect(heldIn(newcomers)).toEqual([])
  })

  test('an older session is suspect, and the one after it is compared with the last good one', () => {
    const wrong = SESSIONS.at(-4) ?? NEWEST
    const verdict = judgeMarket(
      answers(40, (row) => ({ close: Number(row['close']) / 3, low: Number(row['low']) / 3 }), wrong),
      CONTEXT,
    )
    expect(verdict).toMatchObject({ held: [], heldFrom: undefined, suspect: [{ date: wrong }] })
  })

  test('an accepted session is suspect', () => {
    expect(judgeMarket(answers(40, times(100)), { ...CONTEXT, accepted: [NEWEST] })).toMatchObject({
      held: [],
      suspect: [{ date: NEWEST }],
    })
  })

  test('counts the symbols whose old prices have changed: more than a quarter of twenty or more', () => {
    const moved = (count: number, of: number) =>
      judgeMarket(
        answers(of).map((answer, index) => ({ ...answer, isMoved: index < count })),
        CONTEXT,
      ).moved
    expect(moved(10, 40)).toBeUndefined()
    expect(moved(11, 40)).toEqual({ symbols: 11, of: 40 })
    expect(moved(19, 19)).toBeUndefined()
    const uncompared = answers(40).map((answer, index) => ({ ...answer, isMoved: index < 19 ? true : undefined }))
    expect(judgeMarket(uncompared, CONTEXT).moved).toBeUndefined()
  })

  test('the order of the answers and of their rows changes nothing', () => {
    const random = seededRandom(SEED)
    const all = answers(
      40,
      times(100, (index) => index < 25),
    )
    const shuffled = all
      .map((answer) => ({ answer, key: random() }))
      .toSorted((a, b) => a.key - b.key)
      .map(({ answer }) => ({ ...answer, rows: new Map([...answer.rows].toReversed()) }))
    expect(judgeMarket(shuffled, CONTEXT)).toEqual(judgeMarket(all, CONTEXT))
  })
})
