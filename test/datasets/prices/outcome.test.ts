import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { ZERO_COUNTS, totalCount, type Counts, type SymbolOutcome } from '../../../lib/core/outcome.ts'
import type { RawRow } from '../../../lib/core/dataset.ts'
import { dateOf, yearOf, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import { IngestError } from '../../../lib/core/errors.ts'
import {
  outcomeWithFate,
  surveyedOutcome,
  buildOutcome,
  type FileResult,
} from '../../../lib/datasets/prices/outcome.ts'
import type { PlannedFile, SymbolPlan } from '../../../lib/datasets/prices/plan.ts'
import { day, footerOf, prices, rawPrice, span } from '../../support/values.ts'
import type { Partition } from '../../../lib/datasets/prices/schema.ts'
import { validateRows } from '../../../lib/datasets/prices/validate.ts'
import { actionOn } from '../../../lib/datasets/file-action.ts'

const PRICES = prices()

/** Five sessions, and the ones of a year. */
const WEEK = span('2024-09-09..2024-09-13')
const YEAR = span('2023-01-01..2023-12-31')

function planned(partition: Partition, sessions: readonly IsoDate[], stored?: PlannedFile['stored']): PlannedFile {
  return { partition, sessions, stored, action: actionOn(stored, false), isExtra: false }
}

function planOf(range: DateRange, files: readonly PlannedFile[], changes: Partial<SymbolPlan> = {}): SymbolPlan {
  return {
    symbol: 'AAPL',
    dataset: PRICES,
    range,
    windows: [range],
    calls: 2,
    files,
    surveyedCounts: ZERO_COUNTS,
    errors: [],
    storedSpan: undefined,
    newest: undefined,
    newestDay: undefined,
    writesOldestFirst: false,
    holeBeyond: undefined,
    yearsStored: [],
    isAudited: false,
    tradesElsewhere: false,
    recentFrom: XNYS.sessionsBack(range.to, 5),
    ...changes,
  }
}

const weekPlan = (changes: Partial<SymbolPlan> = {}): SymbolPlan =>
  planOf(
    WEEK,
    XNYS.sessions(WEEK)
      .toReversed()
      .map((date) => planned({ kind: 'day', date }, [date])),
    changes,
  )

const yearPlan = (stored?: PlannedFile['stored'], changes: Partial<SymbolPlan> = {}): SymbolPlan =>
  planOf(YEAR, [planned({ kind: 'year', year: 2023 }, XNYS.sessions(YEAR), stored)], changes)

type Result = FileResult['result']
const WRITTEN: Result = { kind: 'written' }

/** Settles a plan for an answer, each file having ended as told (all written, unless told otherwise). */
function settle(
  plan: SymbolPlan,
  raw: readonly RawRow[],
  resultOf: (file: PlannedFile) => Result = () => WRITTEN,
): SymbolOutcome {
  const { windows, recentFrom = WEEK.from, range = WEEK } = plan
  const checked = validateRows(PRICES, raw, { symbol: 'AAPL', windows, isWanted: () => true, recentFrom })
  const results = plan.files.flatMap((file): FileResult[] => {
    const rows = checked.rows.filter(({ date }) =>
      file.partition.kind === 'day' ? date === file.partition.date : yearOf(date) === file.partition.year,
    )
    const key = PRICES.key('AAPL', file.partition)
    const wanted = { file, key, symbol: 'AAPL', rows, range, asked: undefined }
    return rows.length === 0 ? [] : [{ ...wanted, result: resultOf(file) }]
  })
  const closedDays = checked.rows.map(({ date }) => date).filter((date) => !XNYS.isSession(date))
  return buildOutcome({ plan, checked, results, closedDays })
}

const bars = (...dates: string[]): RawRow[] => dates.map((date) => rawPrice(date))
const counted = (counts: Partial<Counts>): Counts => ({ ...ZERO_COUNTS, ...counts })

describe('before anything was done', () => {
  const error = new IngestError('x', { kind: 'foreign-file', scope: 'symbol' })
  const plan = weekPlan({
    surveyedCounts: counted({ already_stored: 3, failed: 2 }),
    errors: [error],
    storedSpan: span('2024-09-03..2024-09-06'),
    newest: day('2024-09-06'),
  })

  test('surveyedOutcome() is what the survey found', () => {
    expect(surveyedOutcome(plan)).toMatchObject({
      symbol: 'AAPL',
      isFinished: true,
      plannedCalls: 2,
      calls: 0,
      withheldThrough: undefined,
      counts: plan.surveyedCounts,
      errors: [error],
      first: '2024-09-03',
      through: '2024-09-06',
      filesWritten: 0,
      rowsWritten: 0,
      warnings: [],
    })
  })

  test('outcomeWithFate() gives all planned sessions one fate', () => {
    const more = new IngestError('y', { kind: 'payload', scope: 'symbol' })
    expect(outcomeWithFate(plan, 'failed', [more])).toMatchObject({
      isFinished: true,
      counts: counted({ already_stored: 3, failed: 7 }),
      errors: [error, more],
    })
    expect(outcomeWithFate(plan, 'not_reached', [])).toMatchObject({
      isFinished: false,
      counts: counted({ already_stored: 3, failed: 2, not_reached: 5 }),
      errors: [error],
    })
  })
})

describe('the fate of a session', () => {
  const all = ['2024-09-09', '2024-09-10', '2024-09-11', '2024-09-12', '2024-09-13']

  test('with a row that was written is stored', () => {
    const outcome = settle(weekPlan(), bars(...all))
    expect(outcome).toMatchObject({
      counts: counted({ stored: 5 }),
      filesWritten: 5,
      rowsWritten: 5,
      errors: [],
      warnings: [],
    })
    expect(outcome).toMatchObject({
      first: '2024-09-09',
      through: '2024-09-13',
      lateWarning: undefined,
      isFinished: true,
    })
  })

  test('before the first known bar is no data, in silence', () => {
    const outcome = settle(weekPlan(), bars('2024-09-12', '2024-09-13'))
    expect(outcome).toMatchObject({ counts: counted({ stored: 2, no_data: 3 }), warnings: [], lateWarning: undefined })
  })

  test('between two bars is missing, with a warning', () => {
    const outcome = settle(weekPlan(), bars('2024-09-09', '2024-09-12', '2024-09-13'))
    expect(outcome.counts).toEqual(counted({ stored: 3, missing: 2 }))
    expect(outcome.warnings).toEqual([expect.stringContaining('no bar for 2024-09-10, 2024-09-11, but bars before')])
  })

  test('between a stored bar and one of the answer is missing too', () => {
    const storedSpan = span('2024-09-06..2024-09-06')
    const outcome = settle(
      weekPlan({ storedSpan, newest: storedSpan.to }),
      bars('2024-09-11', '2024-09-12', '2024-09-13'),
    )
    expect(outcome.counts).toEqual(counted({ stored: 3, missing: 2 }))
    expect(outcome.first).toBe(day('2024-09-06'))
  })

  test('after the newest bar is no data, with a late warning', () => {
    const outcome = settle(weekPlan(), bars('2024-09-09', '2024-09-10'))
    expect(outcome).toMatchObject({ counts: counted({ stored: 2, no_data: 3 }), warnings: [], through: '2024-09-10' })
    expect(outcome.lateWarning).toContain('no bar after 2024-09-10')
    expect(outcome.lateWarning).toContain('up to 2024-09-13')
  })

  test('with a bad row is rejected, with one warning that names the first reason', () => {
    const raw = [
      ...bars('2024-09-09', '2024-09-13'),
      rawPrice('2024-09-10', { volume: -1 }),
      rawPrice('2024-09-11', { open: 'x' }),
    ]
    const outcome = settle(weekPlan(), raw)
    expect(outcome.counts).toEqual(counted({ stored: 2, rejected: 2, missing: 1 }))
    expect(outcome.rejects).toHaveLength(2)
    expect(outcome.warnings[0]).toMatch(/^2 rows rejected, .*2024-09-10.*volume is negative/)
    expect(outcome.errors).toEqual([])
  })

  test('with a good row beside a bad one of its date is stored', () => {
    const outcome = settle(weekPlan(), [...bars(...all), rawPrice('2024-09-10', { volume: -1 })])
    expect(outcome.counts).toEqual(counted({ stored: 5 }))
    expect(outcome.rejects).toHaveLength(1)
  })

  test('whose row waits for its adjusted close is no data yet, said so', () => {
    const outcome = settle(weekPlan(), [
      ...bars('2024-09-09', '2024-09-10', '2024-09-11', '2024-09-12'),
      rawPrice('2024-09-13', { adjClose: null }),
    ])
    expect(outcome.counts).toEqual(counted({ stored: 4, no_data: 1 }))
    expect(outcome.warnings).toEqual(['No adjusted close yet for 2024-09-13: left for a later run.'])
    expect(outcome).toMatchObject({ withheldThrough: '2024-09-13', through: '2024-09-12' })
  })

  test('in a file of another run is already stored, differing ones counted', () => {
    const outcome = settle(weekPlan(), bars(...all), ({ sessions }) => ({
      kind: 'already',
      differs: sessions[0] === '2024-09-13',
    }))
    expect(outcome).toMatchObject({
      counts: counted({ already_stored: 5 }),
      differing: 1,
      filesWritten: 0,
      rowsWritten: 0,
    })
    expect(outcome.warnings).toEqual([expect.stringMatching(/^1 .*another run/)])
    expect(outcome.through).toBe(day('2024-09-13'))
  })

  test('in a file whose write failed is failed, with its error', () => {
    const failure = new IngestError('no', { kind: 'store', scope: 'symbol' })
    const outcome = settle(weekPlan(), bars(...all), ({ sessions }) =>
      sessions[0] === '2024-09-10' ? failure : WRITTEN,
    )
    expect(outcome).toMatchObject({
      counts: counted({ stored: 4, failed: 1 }),
      errors: [failure],
      isFinished: true,
      filesWritten: 4,
    })
  })

  test.each([
    ['was not begun', undefined],
    ['stopped the run', new IngestError('no', { kind: 'store', scope: 'run' })],
  ])('in a file whose write %s is not reached', (_, result) => {
    const outcome = settle(weekPlan(), bars(...all), ({ sessions }) =>
      sessions[0] === '2024-09-10' ? result : WRITTEN,
    )
    expect(outcome).toMatchObject({ counts: counted({ stored: 4, not_reached: 1 }), errors: [], isFinished: false })
  })

  test('settled by the plan stays as it was', () => {
    const outcome = settle(weekPlan({ surveyedCounts: counted({ already_stored: 7, failed: 1 }) }), bars(...all))
    expect(outcome.counts).toEqual(counted({ stored: 5, already_stored: 7, failed: 1 }))
  })
})

const stored = (dates: string) => ({ tag: 'a tag', footer: footerOf(dates) })

describe('a year file', () => {
  test('counts its sessions, not its rows', () => {
    const dates = Array.from({ length: 365 }, (_, index) =>
      new Date(Date.UTC(2023, 0, 1 + index)).toISOString().slice(0, 10),
    )
    const outcome = settle(yearPlan(), bars(...dates))
    expect(outcome).toMatchObject({
      counts: counted({ stored: 250 }),
      rowsWritten: 365,
      filesWritten: 1,
      closedDayBars: 115,
    })
    expect(outcome.warnings).toEqual([expect.stringMatching(/closed .*2023-01-01, 2023-01-02.* kept/)])
  })

  test('that would lose its oldest end alone is a warning, and the rest no data', () => {
    const plan = yearPlan(stored('2023-01-03..2023-12-29'))
    const outcome = settle(plan, bars('2023-12-28', '2023-12-29'), () => ({
      kind: 'shrink',
      message: 'would shrink from A to B',
      isOnlyOldestEnd: true,
    }))
    expect(outcome).toMatchObject({
      wouldShrink: 1,
      errors: [],
      counts: counted({ already_stored: 250 }),
      filesWritten: 0,
    })
    expect(outcome.warnings.join('\n')).toContain('AAPL-2023.parquet would shrink from A to B')
    expect(outcome.warnings.join('\n')).toContain('delete')
  })

  test('that would lose anything else is an error of the symbol', () => {
    const plan = yearPlan(stored('2023-01-03..2023-06-30'))
    const outcome = settle(plan, bars('2023-01-03'), () => ({
      kind: 'shrink',
      message: 'would shrink from A to B',
      isOnlyOldestEnd: false,
    }))
    expect(outcome).toMatchObject({ wouldShrink: 1, isFinished: true })
    expect(outcome.errors).toEqual([expect.objectContaining({ kind: 'shrink', scope: 'symbol' })])
    expect(outcome.errors[0]?.message).toContain('AAPL-2023.parquet would shrink from A to B')
    expect(outcome.counts).toEqual(counted({ already_stored: 124, failed: 126 }))
  })

  test('without any row of its own is no data or missing, by the bars around it', () => {
    const files = [2023, 2022, 2021].map((year) =>
      planned({ kind: 'year', year }, XNYS.sessions({ from: dateOf(year, 1, 1), to: dateOf(year, 12, 31) })),
    )
    const plan = planOf(span('2021-01-01..2023-12-31'), files)
    const middle = settle(plan, bars('2021-01-04', '2023-12-29'))
    expect(middle.counts).toEqual(counted({ stored: 2, missing: 251 + 251 + 249 }))
    const early = settle(plan, bars('2023-12-28', '2023-12-29'))
    expect(early.counts).toEqual(counted({ stored: 2, no_data: 252 + 251 + 248 }))
  })
})

test('bars on closed days are not written in daily mode, counted, and one warning', () => {
  const outcome = settle(
    weekPlan({ windows: [span('2024-09-07..2024-09-15')] }),
    bars('2024-09-07', '2024-09-13', '2024-09-14'),
  )
  expect(outcome).toMatchObject({ closedDayBars: 2, filesWritten: 1, rowsWritten: 1 })
  const warnings = outcome.warnings.filter((text) => text.includes('closed'))
  expect(warnings).toEqual([expect.stringMatching(/2024-09-07, 2024-09-14.* not written/)])
})

test('suspects and rows without adjusted close are one warning each', () => {
  const raw = [
    rawPrice('2023-12-29', { open: 99 }),
    rawPrice('2023-12-28', { open: 99 }),
    rawPrice('2023-03-01', { adjClose: null }),
  ]
  const outcome = settle(yearPlan(), raw)
  expect(outcome).toMatchObject({ suspects: 2, incomplete: 1 })
  const about = (text: string) => outcome.warnings.filter((warning) => warning.includes(text))
  expect(about('look wrong')).toEqual([expect.stringMatching(/^2 rows .*2023-12-29/)])
  expect(about('without adjusted close')).toHaveLength(1)
})

test('long lists of dates are cut', () => {
  const sessions = XNYS.sessions(YEAR)
  const [first = '', last = ''] = [sessions[0], sessions.at(-1)]
  const [warning = ''] = settle(yearPlan(), bars(first, last)).warnings
  expect(warning).toContain('2023-01-04, 2023-01-05, 2023-01-06 and 245 more')
})

test('the fates add up to the sessions of the plan in every table above', () => {
  for (const dates of [[], ['2024-09-09'], ['2024-09-09', '2024-09-13'], ['2024-09-11', '2024-09-14']]) {
    for (const result of [WRITTEN, undefined, new IngestError('x', { kind: 'store', scope: 'symbol' })]) {
      expect(totalCount(settle(weekPlan(), bars(...dates), () => result).counts)).toBe(5)
    }
  }
})
