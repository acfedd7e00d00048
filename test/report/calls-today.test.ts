import { expect, test } from 'bun:test'
import { callsLeft, callsTodayText, type CallsToday } from '../../lib/report/calls-today.ts'

test.each<[CallsToday, number | undefined, string]>([
  [{ made: 119, dailyCalls: 250 }, 131, '131 of 250 calls left today for all runs with this key'],
  [{ made: 0, dailyCalls: 100_000 }, 100_000, '100,000 of 100,000 calls left today for all runs with this key'],
  [{ made: 250, dailyCalls: 250 }, 0, '0 of 250 calls left today for all runs with this key'],
  // Runs with a greater DAILY_CALLS were there before.
  [{ made: 300, dailyCalls: 250 }, 0, '0 of 250 calls left today for all runs with this key'],
  [{ made: 0, dailyCalls: undefined }, undefined, '0 calls made today by all runs with this key'],
  [{ made: 12_345, dailyCalls: undefined }, undefined, '12,345 calls made today by all runs with this key'],
])('of %p %p are left: %s', (today, left, text) => {
  expect(callsLeft(today)).toBe(left)
  expect(callsTodayText(today)).toBe(text)
})
