import { describe, expect, test } from 'bun:test'
import { IngestError } from '../../lib/core/errors.ts'
import { joinSame, symbolLines } from '../../lib/report/messages.ts'
import { outcomeOf } from '../support/values.ts'

const many = (count: number) => Array.from({ length: count }, (_, index) => `S${index}`)
const failure = (message: string) => new IngestError(message, { kind: 'plan', scope: 'symbol', hint: 'Drop it.' })

describe('the lines about symbols', () => {
  test('say one warning of seventy symbols once, and name them all', () => {
    const { warnings } = symbolLines(many(70).map((symbol) => outcomeOf(symbol, { warnings: ['odd.'] })))
    expect(warnings).toEqual([`70 symbols (${many(70).join(', ')}): odd.`])
  })

  test('say one error of seventy symbols once, though each names its own symbol', () => {
    const outcomes = many(70).map((symbol) =>
      outcomeOf(symbol, { errors: [failure(`The answer for ${symbol} full: no.`)] }),
    )
    const { errors } = symbolLines(outcomes)
    expect(errors).toEqual([`70 symbols (${many(70).join(', ')}): The answer for S0 full: no. Drop it.`])
  })

  test('keep a line for each failed symbol as long as ten or fewer say the same', () => {
    const outcomes = many(10).map((symbol) => outcomeOf(symbol, { errors: [failure('No.')] }))
    expect(symbolLines(outcomes).errors).toEqual(many(10).map((symbol) => `${symbol}: No. Drop it.`))
  })

  test('count the symbols that a line has no room for', () => {
    const { warnings } = symbolLines(many(5_000).map((symbol) => outcomeOf(symbol, { lateWarning: 'late.' })))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatch(/^5,000 symbols \(S0, S1, .* and 4,9\d\d more\): late\.$/)
    expect(warnings[0]?.length).toBeLessThan(500)
  })

  test('name all symbols without a valid row in one line', () => {
    const invalid = new IngestError('None.', { kind: 'validation', scope: 'symbol' })
    const { warnings } = symbolLines(['A', 'B'].map((symbol) => outcomeOf(symbol, { errors: [invalid] })))
    expect(warnings).toEqual(['No valid data after validation: A, B'])
  })
})

test.each([
  ['^GSPC', 'raw/symbol=%5EGSPC is odd, ^GSPC is not', 'raw/symbol=%5EDJI is odd, ^DJI is not', 2],
  ['A', 'Answer for A: A.', 'Answer for ^DJI: ^DJI.', 1],
  ['S1', 'S10 and S1', 'S10 and ^DJI', 1],
  ['S1', 'same', 'same', 1],
])('two sentences are one if only their own symbols differ: %s', (symbol, text, other, groups) => {
  expect(
    joinSame(
      [
        [symbol, text],
        ['^DJI', other],
      ],
      1,
    ),
  ).toHaveLength(groups)
})
