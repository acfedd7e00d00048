import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { createAudit } from '../../../lib/datasets/prices/audit.ts'
import { span } from '../../support/values.ts'

const SESSIONS = XNYS.sessions(span('2024-01-02..2024-06-28'))
const symbolsOf = (count: number) => Array.from({ length: count }, (_, index) => `S${index}`)

describe('createAudit()', () => {
  test.each([
    [1, undefined, 1],
    [10, undefined, 1],
    [11, undefined, 2],
    [100, undefined, 10],
    [200, undefined, 20],
    [5_000, undefined, 20],
    [5_000, 7, 7],
  ])('of %d symbols, told %p: every symbol once in %d sessions', (symbols, every, expected) => {
    const audit = createAudit(symbols, every, XNYS)
    for (const symbol of symbolsOf(Math.min(symbols, 30))) {
      const turns = SESSIONS.flatMap((session, index) => (audit(symbol, [session]) ? [index] : []))
      expect(turns.length).toBeGreaterThan(3)
      expect(new Set(turns.slice(1).map((turn, index) => turn - (turns[index] ?? 0)))).toEqual(new Set([expected]))
    }
  })

  test('is never at 0', () => {
    expect(SESSIONS.some((session) => createAudit(10, 0, XNYS)('AAPL', [session]))).toBe(false)
  })

  test('loses no turn to skipped nights', () => {
    const audit = createAudit(200, undefined, XNYS)
    expect(symbolsOf(50).every((symbol) => audit(symbol, SESSIONS.slice(0, 20)))).toBe(true)
  })
})
