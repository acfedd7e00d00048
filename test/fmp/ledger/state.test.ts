import { describe, expect, test } from 'bun:test'
import { emptyLedger, formatLedger, leasedCalls, parseLedger, type LedgerState } from '../../../lib/fmp/ledger/state.ts'
import { day, errorOf } from '../../support/values.ts'

const DAY = day('2026-11-28')
const WHERE = 's3://lake/logs/ingest/ledger/date=2026-11-28/7f83b1657ff1fc53.json'

/** A ledger in which every field has a value of its own. */
const FULL: LedgerState = {
  schema: 1,
  day: DAY,
  closedCalls: 104,
  freeFromMs: 1_795_867_340_872,
  epoch: 2,
  leases: [
    {
      process: 'a',
      turn: 5,
      calls: 36,
      blocks: [{ fromMs: 1_795_867_313_235.5, untilMs: 1_795_867_323_572, calls: 10 }],
    },
    { process: 'b', turn: 1, calls: 3, blocks: [] },
  ],
  refusal: { sinceMs: 1, untilMs: 2, count: 3, probe: { process: 'b', untilMs: 4 } },
  limitedUntilMs: 5,
}

describe('the ledger of a day', () => {
  test('reads as it was written', () => {
    expect(parseLedger(formatLedger(FULL), DAY, WHERE)).toEqual(FULL)
    expect(parseLedger(formatLedger(emptyLedger(DAY)), DAY, WHERE)).toEqual(emptyLedger(DAY))
  })

  test('is one line of JSON', () => {
    expect(formatLedger(FULL)).toMatch(/^\{.*\}\n$/)
  })

  test('without a text is one on which no call has been leased', () => {
    expect(leasedCalls(parseLedger(undefined, DAY, WHERE))).toBe(0)
  })

  test('counts the calls of closed leases and of those that are listed', () => {
    expect(leasedCalls(FULL)).toBe(104 + 36 + 3)
  })

  test.each([
    ['nothing', ''],
    ['cut off', formatLedger(FULL).slice(0, 100)],
    ['no object', '[]'],
    ['of another version', formatLedger(FULL).replace('"schema":1', '"schema":2')],
    ['of another day', formatLedger({ ...FULL, day: '2026-11-27' })],
    ['without a field', formatLedger(FULL).replace('"epoch":2,', '')],
    ['with less than no calls', formatLedger({ ...FULL, closedCalls: -1 })],
    ['with a part of a call', formatLedger({ ...FULL, closedCalls: 0.5 })],
    ['with a time that is none', formatLedger({ ...FULL, freeFromMs: NaN })],
    ['with a broken lease', formatLedger(FULL).replace('"turn":5,', '')],
    ['a page of a proxy', '<!doctype html>'],
  ])('is refused where the text is %s: nobody knows then which calls are left', (_name, text) => {
    const error = errorOf(() => parseLedger(text, DAY, WHERE))
    expect(error).toMatchObject({ kind: 'store', scope: 'run' })
    expect(error.message).toContain(WHERE)
    expect(error.message).toContain('2026-11-28')
    expect(error.hint).toContain('Use one version')
    expect(error.hint).toContain('delete it')
  })
})
