import { describe, expect, test } from 'bun:test'
import { ZERO_COUNTS } from '../../../lib/core/outcome.ts'
import { planBefore, windowsBefore } from '../../../lib/datasets/prices/held-plan.ts'
import type { PlannedFile, SymbolPlan } from '../../../lib/datasets/prices/plan.ts'
import { day, prices, span } from '../../support/values.ts'

const HELD = day('2024-09-12')

function fileOf(partition: PlannedFile['partition'], dates: readonly string[], isExtra = false): PlannedFile {
  return { partition, sessions: dates.map(day), stored: undefined, action: 'create', isExtra }
}
const dayFile = (date: string, isExtra = false) => fileOf({ kind: 'day', date: day(date) }, [date], isExtra)

function planOf(files: readonly PlannedFile[], dates: string): SymbolPlan {
  return {
    symbol: 'AAPL',
    dataset: prices(),
    range: span(dates),
    windows: [span(dates)],
    calls: 2,
    files,
    surveyedCounts: { ...ZERO_COUNTS, already_stored: 3 },
    errors: [],
    storedSpan: undefined,
    newest: undefined,
    newestDay: undefined,
    writesOldestFirst: true,
    tradesElsewhere: false,
    holeBeyond: undefined,
    yearsStored: [],
    isAudited: false,
    recentFrom: undefined,
  }
}

describe('planBefore()', () => {
  test('leaves out the day files from the session on, whose sessions then count as failed', () => {
    const files = ['2024-09-13', '2024-09-12', '2024-09-11'].map((date) => dayFile(date))
    const plan = planBefore(planOf(files, '2024-09-11..2024-09-13'), HELD)
    expect(plan.files).toEqual([dayFile('2024-09-11')])
    expect(plan).toMatchObject({ range: span('2024-09-11..2024-09-11'), windows: [span('2024-09-11..2024-09-11')] })
    expect(plan.surveyedCounts).toEqual({ ...ZERO_COUNTS, already_stored: 3, failed: 2 })
  })

  test('cuts a year, and an extra session that is lost counts as nothing', () => {
    const year = fileOf({ kind: 'year', year: 2024 }, ['2024-09-11', '2024-09-12', '2024-09-13'])
    const plan = planBefore(planOf([dayFile('2024-09-16', true), year], '2024-01-01..2024-09-16'), HELD)
    expect(plan.files).toEqual([{ ...year, sessions: [day('2024-09-11')] }])
    expect(plan.surveyedCounts.failed).toBe(2)
  })

  test('leaves nothing of a plan that begins with the session', () => {
    const plan = planBefore(planOf([dayFile('2024-09-12')], '2024-09-12..2024-09-12'), HELD)
    expect(plan).toMatchObject({ files: [], windows: [], surveyedCounts: { failed: 1 } })
  })
})

test('windows are cut at the day before', () => {
  expect(windowsBefore([span('2024-09-12..2024-09-13'), span('2024-09-02..2024-09-12')], HELD)).toEqual([
    span('2024-09-02..2024-09-11'),
  ])
})
