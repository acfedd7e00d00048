import { describe, expect, test } from 'bun:test'
import { IngestError } from '../../lib/core/errors.ts'
import { createCallBudget, type Reservation } from '../../lib/fmp/call-budget.ts'
import { reserved } from '../support/fmp-client.ts'

test('a reservation is refused when the unreserved rest cannot pay it whole', () => {
  const budget = createCallBudget(5)
  const granted = [reserved(budget, 'A', 2), reserved(budget, 'B', 2)]
  expect(budget.reserve('C', 2)).toBeInstanceOf(IngestError)
  granted.push(reserved(budget, 'C', 1))
  expect(budget.reserve('D', 1)).toBeInstanceOf(IngestError)
  expect(granted.map(({ made }) => made())).toEqual([0, 0, 0])
})

test('a refusal names the symbol, what it needs and what is left', () => {
  const budget = createCallBudget(3)
  reserved(budget, 'MSFT', 2)
  expect(budget.reserve('AAPL', 2)).toMatchObject({
    kind: 'budget',
    scope: 'run',
    message: 'AAPL needs 2 calls and --max-calls leaves 1: stopped before it.',
    hint: 'Run again to go on where it stopped, or raise --max-calls (a symbol needs all of its calls at once).',
  })
  reserved(budget, 'NVDA', 1)
  expect(budget.reserve('AAPL', 1)).toMatchObject({
    message: 'AAPL needs 1 call and --max-calls leaves 0: stopped before it.',
  })
})

test('extra calls come from what nobody has reserved', () => {
  const budget = createCallBudget(3)
  const reservation = reserved(budget, 'A', 2)
  expect(reservation.spendExtra()).toBe(true)
  expect(reservation.spendExtra()).toBe(false)
  reservation.spend()
  reservation.spend()
  expect(() => reservation.spend()).toThrow('beyond the 2')
})

test('a call that was not planned is paid like a retry, and leaves the reserved ones alone', () => {
  const reservation = reserved(createCallBudget(2), 'AAPL', 1)
  reservation.forExtraCall().spend()
  expect(() => reservation.forExtraCall().spend()).toThrow(
    'The call budget has no call left to ask once more for AAPL.',
  )
  reservation.spend()
  expect(() => reservation.spend()).toThrow('beyond the 1')
})

test('a call counts as made when it is sent, whatever paid for it', () => {
  const reservation = reserved(createCallBudget(3), 'A', 1)
  reservation.spend()
  expect(reservation.made()).toBe(0)
  reservation.countMade()
  reservation.spendExtra()
  reservation.countMade()
  reservation.forExtraCall().countMade()
  expect(reservation.made()).toBe(3)
})

test('what is released can be reserved again, and only once', () => {
  const budget = createCallBudget(2)
  const first = reserved(budget, 'A', 2)
  first.spend()
  first.release()
  first.release()
  expect(budget.reserve('B', 2)).toBeInstanceOf(IngestError)
  reserved(budget, 'B', 1)
})

test('calls that are set aside are kept from others, are spent first, and are given back', () => {
  const budget = createCallBudget(5)
  const first = reserved(budget, 'A', 2)
  first.setAside(2)
  expect(budget.reserve('B', 2)).toBeInstanceOf(IngestError)
  reserved(budget, 'C', 1)
  first.forExtraCall().spend()
  expect(first.spendExtra()).toBe(true)
  expect(first.spendExtra()).toBe(false)
  const second = reserved(createCallBudget(4), 'A', 2)
  second.setAside(9)
  expect(second.spendExtra()).toBe(true)
  first.release()
  reserved(budget, 'D', 2)
})

test('spending more than was reserved is a bug', () => {
  const reservation = reserved(createCallBudget(9), 'A', 1)
  reservation.spend()
  expect(() => reservation.spend()).toThrow('beyond the 1')
})

test('without a limit everything is granted', () => {
  const budget = createCallBudget(undefined)
  const reservation = reserved(budget, 'A', 1_000_000)
  reservation.spend()
  expect(reservation.spendExtra()).toBe(true)
  reservation.release()
  reserved(budget, 'B', 1_000_000_000)
})

describe('with calls of a day that processes share', () => {
  test('a call that is repeated leaves the others of its symbol to be made', () => {
    let leftToday = 4
    const budget = createCallBudget(undefined, () => leftToday)
    const make = (reservation: Reservation): void => {
      reservation.countMade()
      leftToday -= 1
    }
    const first = reserved(budget, 'A', 2)
    first.spend()
    make(first)
    expect(first.spendExtra()).toBe(true)
    make(first)
    // Two are left, and A still needs one of them.
    expect(budget.reserve('B', 2)).toMatchObject({
      kind: 'budget',
      message: 'B needs 2 calls and DAILY_CALLS leaves 1 today: stopped before it.',
    })
    first.spend()
    make(first)
    first.release()
    reserved(budget, 'B', 1)
  })

  test('a repeated call that waits counts as one to be made', () => {
    const budget = createCallBudget(undefined, () => 2)
    const first = reserved(budget, 'A', 1)
    first.spend()
    first.countMade()
    expect(first.spendExtra()).toBe(true)
    expect(budget.reserve('B', 2)).toBeInstanceOf(IngestError)
  })
})
