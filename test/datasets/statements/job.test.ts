import { describe, expect, test } from 'bun:test'
import { IngestError } from '../../../lib/core/errors.ts'
import { judgeAbsent } from '../../../lib/datasets/statements/job.ts'
import { day, outcomeOf } from '../../support/values.ts'

const absent = (symbol: string) =>
  outcomeOf(symbol, { errors: [new IngestError('FMP has no income statements', { kind: 'no-data', scope: 'symbol' })] })

describe('judgeAbsent()', () => {
  test('makes a warning of an absence among symbols that have documents', () => {
    const [company, fund] = judgeAbsent([outcomeOf('AAPL', { through: day('2024-06-30') }), absent('SPY')])
    expect(company).toMatchObject({ symbol: 'AAPL', errors: [] })
    expect(fund).toMatchObject({ symbol: 'SPY', errors: [], lateWarning: 'FMP has no income statements' })
  })

  test('leaves the errors where no symbol has any', () => {
    const outcomes = [absent('AAPL'), absent('SPY')]
    expect(judgeAbsent(outcomes)).toEqual(outcomes)
  })
})
