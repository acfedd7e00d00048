// Answers of the vendor that are nearly right, wrong, mangled or recorded, drawn by the dice of a random test.

import { fixtureText, recordedErrors } from '../recorded.ts'
import { mangled, oddValue } from '../fuzz.ts'
import { oneOf, wholeBetween, type Random } from '../random.ts'

const DAYS = ['2024-09-09', '2024-09-10', '2024-09-11', '2024-09-12', '2024-09-13', '2024-09-16']
const RECORDED = [
  fixtureText('stable-historical-price-eod-full.AAPL.2020-split.json'),
  ...recordedErrors.map(({ body }) => body),
]

/** Rows like the vendor's, some of them with something odd in them. */
function oddRows(random: Random, symbol: string): unknown[] {
  const row = (date: string): Record<string, unknown> => {
    const bar = { symbol, date, open: 1, high: 2, low: 1, close: 1.5, adjClose: 1.5, volume: 7 }
    if (random() < 0.6) return bar
    return { ...bar, [oneOf(random, [...Object.keys(bar), 'new'])]: oddValue(random) }
  }
  return Array.from({ length: wholeBetween(random, 0, 8) }, () =>
    random() < 0.95 ? row(oneOf(random, DAYS)) : oddValue(random),
  )
}

/** An answer about a symbol, which may be anything that comes over a wire. */
export function oddAnswer(random: Random, symbol: string): Response {
  const rows = oddRows(random, symbol)
  const value = oneOf<unknown>(random, [
    rows,
    rows,
    rows,
    { symbol, historical: rows },
    oddValue(random),
    { historicalStockList: rows },
  ])
  const text = random() < 0.8 ? JSON.stringify(value) : oneOf(random, RECORDED)
  const body = random() < 0.7 ? text : mangled(random, text)
  const status = random() < 0.85 ? 200 : oneOf(random, [201, 301, 304, 400, 402, 403, 404, 429, 500, 503, 599])
  const isBodiless = status === 304
  const headers = random() < 0.1 ? { 'retry-after': oneOf(random, ['0', '-5', '1e9', 'soon', '99999999999999']) } : {}
  return new Response(isBodiless ? null : body, { status, headers })
}
