import { expect, test } from 'bun:test'
import { createCallBudget } from '../../lib/fmp/call-budget.ts'

test('a reservation is refused when the unreserved rest cannot pay it whole', () => {
  const budget = createCallBudget(5)
  expect(budget.reserve(2)).toBeDefined()
  expect(budget.reserve(2)).toBeDefined()
  expect(budget.reserve(2)).toBeUndefined()
  expect(budget.reserve(1)).toBeDefined()
  expect(budget.reserve(1)).toBeUndefined()
  expect(budget.spent()).toBe(0)
})

test('extra calls come from what nobody has reserved', () => {
  const budget = createCallBudget(3)
  const reservation = budget.reserve(2)
  expect(reservation?.extra()).toBe(true)
  expect(reservation?.extra()).toBe(false)
  reservation?.spend()
  reservation?.spend()
  expect(reservation?.spent()).toBe(3)
  expect(budget.spent()).toBe(3)
})

test('what is released can be reserved again, and only once', () => {
  const budget = createCallBudget(2)
  const first = budget.reserve(2)
  first?.spend()
  first?.release()
  first?.release()
  expect(budget.reserve(2)).toBeUndefined()
  expect(budget.reserve(1)).toBeDefined()
})

test('spending more than was reserved is a bug', () => {
  const reservation = createCallBudget(9).reserve(1)
  reservation?.spend()
  expect(() => reservation?.spend()).toThrow('beyond the 1')
})

test('without a limit everything is granted and still counted', () => {
  const budget = createCallBudget(undefined)
  const reservation = budget.reserve(1_000_000)
  reservation?.spend()
  expect(reservation?.extra()).toBe(true)
  reservation?.release()
  expect(budget.reserve(1_000_000_000)).toBeDefined()
  expect(budget.spent()).toBe(2)
})
