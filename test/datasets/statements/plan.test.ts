import { describe, expect, test } from 'bun:test'
import { INCOME } from '../../../lib/datasets/statements/income.ts'
import { createStatement } from '../../../lib/datasets/statements/schema.ts'
import { nextPossibleDate, planDocuments, type StoredDocuments } from '../../../lib/datasets/statements/plan.ts'
import { day, storedFile } from '../../support/values.ts'

const dataset = createStatement(INCOME, { prefix: 'raw' })
const TODAY = day('2026-11-24')

function shelf(symbol: string, ...dates: readonly string[]): StoredDocuments {
  return { symbol, documents: new Map(dates.map((date) => [day(date), storedFile(dataset.key(symbol, day(date)))])) }
}

describe('nextPossible()', () => {
  test.each([
    ['nothing stored', [], 'both', undefined],
    ['quarters', ['2026-06-27', '2026-09-26'], 'both', '2026-12-19'],
    ['quarters, of which the year may be the next', ['2026-06-27', '2026-09-26'], 'annual', '2026-12-19'],
    ['one document, whatever it is', ['2026-09-26'], 'annual', '2026-12-19'],
    ['years', ['2025-09-27', '2026-09-26'], 'annual', '2027-09-11'],
    ['years, and quarters are wanted too', ['2025-09-27', '2026-09-26'], 'both', '2026-12-19'],
    ['a date to come', ['2026-06-27', '2099-12-31'], 'both', '2026-09-19'],
  ] as const)('%s', (_, dates, period, expected) => {
    const periods = period === 'both' ? (['annual', 'quarter'] as const) : (['annual'] as const)
    expect(nextPossibleDate(shelf('A', ...dates), periods, TODAY) as string | undefined).toBe(expected)
  })
})

test('plans ask where a document can be new, those furthest behind first', () => {
  const shelves = [shelf('YOUNG', '2026-09-26'), shelf('OLD', '2026-06-27'), shelf('NEW')]
  const context = { dataset, periods: ['annual', 'quarter'], today: TODAY, isForced: false } as const
  const calls = (isForced: boolean) =>
    planDocuments(shelves, { ...context, isForced }).map((plan) => [plan.symbol, plan.calls])
  expect(calls(false)).toEqual([
    ['NEW', 2],
    ['OLD', 2],
    ['YOUNG', 0],
  ])
  expect(calls(true)).toEqual([
    ['NEW', 2],
    ['OLD', 2],
    ['YOUNG', 2],
  ])
})
