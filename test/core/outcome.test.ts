import { expect, test } from 'bun:test'
import { addCounts, ZERO_COUNTS, totalCount, withFate, type Counts, type Fate } from '../../lib/core/outcome.ts'

const FATES = Object.keys(ZERO_COUNTS) as Fate[]

const ONE_OF_EACH: Counts = {
  stored: 1,
  already_stored: 2,
  no_data: 4,
  missing: 8,
  rejected: 16,
  failed: 32,
  not_reached: 64,
}

test('there are the seven fates that the metrics promise', () => {
  expect(FATES).toEqual(['stored', 'already_stored', 'no_data', 'missing', 'rejected', 'failed', 'not_reached'])
  expect(totalCount(ZERO_COUNTS)).toBe(0)
})

test.each(FATES)('withFate() adds to %s and to nothing else', (fate) => {
  expect(withFate(ONE_OF_EACH, fate)).toEqual({ ...ONE_OF_EACH, [fate]: ONE_OF_EACH[fate] + 1 })
  expect(withFate(ZERO_COUNTS, fate, 5)).toEqual({ ...ZERO_COUNTS, [fate]: 5 })
  expect(withFate(ONE_OF_EACH, fate, 0)).toEqual(ONE_OF_EACH)
})

test('addCounts() adds fate by fate and changes neither', () => {
  const doubled = Object.fromEntries(FATES.map((fate) => [fate, 2 * ONE_OF_EACH[fate]]))
  expect(addCounts(ONE_OF_EACH, ONE_OF_EACH) as object).toEqual(doubled)
  expect(addCounts(ONE_OF_EACH, ZERO_COUNTS)).toEqual(ONE_OF_EACH)
  expect(totalCount(ZERO_COUNTS)).toBe(0)
})

test('totalSessions() counts every fate once', () => {
  expect(totalCount(ONE_OF_EACH)).toBe(127)
})
