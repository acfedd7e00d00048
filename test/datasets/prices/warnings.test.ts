import { describe, expect, test } from 'bun:test'
import { shrinkErrors, warningsOf, type SymbolFindings, type Shrunk } from '../../../lib/datasets/prices/warnings.ts'
import { day } from '../../support/values.ts'
import type { CheckedSessions } from '../../../lib/datasets/prices/validate.ts'

const CHECKED: CheckedSessions = {
  rows: [],
  rejects: [],
  suspects: [],
  withheld: [],
  incomplete: [],
  missingField: undefined,
  unknownFields: [],
}

const NOTHING: SymbolFindings = {
  checked: CHECKED,
  missing: [],
  closedDays: [],
  isByYear: false,
  differing: 0,
  shrunk: [],
}

function shrunk(isOnlyOldestEnd: boolean): Shrunk {
  const message = 'would shrink from 250 rows 2023-01-03 to 2023-12-29 to 9 rows'
  return { key: 'a/AAPL-2023.parquet', message, isOnlyOldestEnd }
}

describe('warningsOf()', () => {
  test('says nothing where all is well', () => {
    expect(warningsOf(NOTHING)).toEqual([])
  })

  const reject = { symbol: 'A', dataset: 'prices', date: '2024-09-10', reason: 'volume is negative', row: {} }
  const table: readonly [Partial<SymbolFindings>, RegExp][] = [
    [{ checked: { ...CHECKED, rejects: [reject] } }, /^1 row rejected.*2024-09-10.*volume is negative/],
    [{ checked: { ...CHECKED, rejects: [reject, reject] } }, /^2 rows rejected/],
    [
      { checked: { ...CHECKED, suspects: [{ date: day('2024-09-10'), reason: 'a price is null' }] } },
      /^1 row .*2024-09-10: a price is null/,
    ],
    [{ missing: [day('2024-09-10')] }, /no bar for 2024-09-10/],
    [
      { checked: { ...CHECKED, withheld: [day('2024-09-13')], missingField: 'adjusted close' } },
      /No adjusted close yet for 2024-09-13/,
    ],
    [
      {
        checked: {
          ...CHECKED,
          incomplete: ['2024-01-02', '2024-01-03', '2024-01-04'].map(day),
          missingField: 'adjusted close',
        },
      },
      /^3 rows stored without adjusted close/,
    ],
    [{ closedDays: [day('2024-09-14')] }, /closed.*2024-09-14.*not written/],
    [{ closedDays: [day('2024-09-14')], isByYear: true }, /closed.*2024-09-14.*kept/],
    [{ differing: 2 }, /^2 files.*another run/],
    [{ shrunk: [shrunk(true)] }, /^a\/AAPL-2023\.parquet would shrink.*oldest end.*delete/],
  ]
  test.each(table)('says of %j one sentence', (changes, expected) => {
    const warnings = warningsOf({ ...NOTHING, ...changes })
    expect(warnings).toEqual([expect.stringMatching(expected)])
    expect(warnings[0]).toEndWith('.')
  })

  test('names three dates, sorted, and counts the rest', () => {
    const missing = ['2024-09-12', '2024-09-10', '2024-09-13', '2024-09-11', '2024-09-09'].map(day)
    expect(warningsOf({ ...NOTHING, missing })[0]).toContain('2024-09-09, 2024-09-10, 2024-09-11 and 2 more')
  })
})

describe('shrinkErrors()', () => {
  test('are errors of the symbol for all but a lost oldest end', () => {
    const errors = shrinkErrors([shrunk(false), shrunk(true)])
    expect(errors).toEqual([expect.objectContaining({ kind: 'shrink', scope: 'symbol' })])
    expect(errors[0]?.message).toContain('a/AAPL-2023.parquet would shrink from 250 rows')
    expect(errors[0]?.hint).toContain('Delete the file')
    expect(warningsOf({ ...NOTHING, shrunk: [shrunk(false)] })).toEqual([])
  })
})
