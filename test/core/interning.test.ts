import { expect, test } from 'bun:test'
import { createDateInterner } from '../../lib/core/interning.ts'
import { day } from '../support/values.ts'

test('equal dates come back as one set, others as another', () => {
  const intern = createDateInterner()
  const [first, second] = [day('2024-01-02'), day('2024-01-03')]
  const set = intern([first, second])
  expect(set).toEqual(new Set([first, second]))
  expect(intern(new Set([first, second]))).toBe(set)
  expect(intern([first])).toEqual(new Set([first]))
  expect(intern([])).toEqual(new Set())
})

test('what is done to the dates afterwards does not change the set', () => {
  const intern = createDateInterner()
  const dates = new Set([day('2024-01-02')])
  const set = intern(dates)
  dates.add(day('2024-01-03'))
  expect(set.size).toBe(1)
})
