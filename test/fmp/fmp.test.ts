import { describe, expect, test } from 'bun:test'
import type { Ask } from '../../lib/core/dataset.ts'
import { IngestError } from '../../lib/core/errors.ts'
import { createFmp } from '../../lib/fmp/fmp.ts'
import type { HttpReply } from '../../lib/fmp/request.ts'
import { fixtureText, recordedErrors } from '../support/recorded.ts'

const KEY = 'sEcReT+key/123'
const stable = createFmp({ api: 'stable', baseUrl: 'https://api.example/', key: KEY })
const v3 = createFmp({ api: 'v3', baseUrl: 'https://api.example', key: KEY })
const query = { from: '2023-01-01', to: '2023-01-10' }
const full: Ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query, name: 'full' }
const adjusted: Ask = { ...full, path: 'historical-price-eod/dividend-adjusted', name: 'dividend-adjusted' }
const legacy: Ask = { ...full, path: 'historical-price-full' }

function failureOf(act: () => unknown): IngestError {
  try {
    act()
  } catch (error) {
    if (error instanceof IngestError) return error
    throw error
  }
  throw new Error('Nothing was thrown.')
}

const reply = (status: number, body: string): HttpReply => ({ status, body })
const json = (value: unknown): HttpReply => reply(200, JSON.stringify(value))
const verdict = (given: HttpReply, ask: Ask = full): string => {
  try {
    return `${stable.interpret(ask, given).length} rows`
  } catch (error) {
    if (!(error instanceof IngestError)) throw error
    return `${error.kind} ${error.scope}`
  }
}

describe('requests', () => {
  test('stable has the symbol in the query and the key in a header only', () => {
    const { url, headers, what } = stable.request({ ...full, symbol: '^GSPC' })
    expect(url).toBe(
      'https://api.example/stable/historical-price-eod/full?symbol=%5EGSPC&from=2023-01-01&to=2023-01-10',
    )
    expect(headers['apikey']).toBe(KEY)
    expect(what).toBe('^GSPC full')
  })

  test('v3 has the symbol in the path and the key in the query only', () => {
    const { url, headers } = v3.request({ ...legacy, symbol: '^DJI' })
    expect(url).toBe(
      'https://api.example/api/v3/historical-price-full/%5EDJI?from=2023-01-01&to=2023-01-10&apikey=sEcReT%2Bkey%2F123',
    )
    expect(JSON.stringify(headers)).not.toContain(KEY)
  })
})

describe('recorded refusals', () => {
  const expected: Record<string, string> = {
    'invalid-key': 'key run',
    'symbol-not-in-plan': 'plan symbol',
    'endpoint-not-in-plan': 'plan run',
    'limit-not-in-plan': 'plan-limit symbol',
    'period-not-in-plan': 'plan-period symbol',
    'legacy-endpoint-2025': 'key run',
    'legacy-endpoint-2026': 'key run',
    'account-suspended': 'key run',
    'call-limit': 'quota attempt',
    'bandwidth-limit': 'bandwidth run',
    'bulk-throttle-in-http-200': 'server attempt',
    'missing-parameter': 'request symbol',
    'bulk-bad-part-or-period': 'request symbol',
    'no-such-path': 'request symbol',
    'unknown-symbol-stable': '0 rows',
    'unknown-symbol-legacy': '0 rows',
  }

  test('every recorded case has an expectation', () => {
    expect(recordedErrors.map((recorded) => recorded.case)).toEqual(Object.keys(expected))
  })

  test.each(recordedErrors.map((recorded) => [recorded.case, recorded] as const))('%s', (name, { status, body }) => {
    expect(verdict({ status, body })).toBe(expected[name] ?? '')
  })

  // The same words inside a 200, which FMP is known to do for some of them.
  test.each(
    recordedErrors
      .filter(({ status }) => status === 401 || status === 403 || status === 429)
      .map((recorded) => [recorded.case, recorded] as const),
  )('%s in a 200', (name, { body }) => {
    expect(verdict(reply(200, body))).toBe(expected[name] ?? '')
    expect(verdict(reply(200, `[${body}]`))).toBe(expected[name] ?? '')
  })
})

describe('statuses and bodies', () => {
  const page = '<html><body>Just a moment…</body></html>'
  test.each<[string, HttpReply, string]>([
    ['401 with any body', reply(401, page), 'key run'],
    ['402 of unknown words', reply(402, 'Pay up'), 'plan symbol'],
    ['402 in older words, endpoint', reply(402, '{"Error Message": "Exclusive Endpoint : not yours"}'), 'plan run'],
    ['403 in older words, symbol', reply(403, '{"Error Message": "Special Endpoint : US stocks only"}'), 'plan symbol'],
    ['403 page of a firewall', reply(403, page), 'request symbol'],
    ['400', reply(400, 'Query Error'), 'request symbol'],
    ['404', reply(404, ''), 'request symbol'],
    ['408', reply(408, ''), 'server attempt'],
    ['418', reply(418, '{}'), 'request symbol'],
    ['429 page', reply(429, page), 'quota attempt'],
    ['429 empty', reply(429, ''), 'quota attempt'],
    ['500', reply(500, ''), 'server attempt'],
    ['503 with limit words', reply(503, '{"Error Message": "Limit Reach ."}'), 'server attempt'],
    ['200 page', reply(200, page), 'server attempt'],
    ['200 empty', reply(200, ' \n'), 'server attempt'],
    ['200 cut JSON', reply(200, '[{"date": "2023-01-'), 'server attempt'],
    ['200 with NaN', reply(200, '[{"date": "2023-01-10", "open": NaN}]'), 'server attempt'],
    ['200 plain text', reply(200, 'Service is warming up'), 'server attempt'],
    ['200 plain refusal', reply(200, 'Restricted Endpoint: This endpoint is not available'), 'plan run'],
    ['200 no data', json({ 'Error Message': 'No Data for this symbol AAPL' }), '0 rows'],
    ['200 no data as text', reply(200, 'Error with query'), '0 rows'],
    ['200 unknown refusal', json({ error: 'Something else' }), 'request symbol'],
    ['200 refusal that is no text', json({ message: { code: 7 } }), 'request symbol'],
    ['200 []', reply(200, '[]'), '0 rows'],
    ['200 {}', reply(200, '{}'), '0 rows'],
    ['200 null', reply(200, 'null'), '0 rows'],
    ['a row with a message is a row', json([{ date: '2023-01-10', message: 'hi', symbol: 'AAPL' }]), '1 rows'],
    ['a row that is a number', json([1]), 'payload symbol'],
    ['a row that is null', json([null, { date: '2023-01-10' }]), 'payload symbol'],
    ['a row that is a list', json([[], []]), 'payload symbol'],
    ['an unknown object', json({ data: [] }), 'payload symbol'],
    ['a history that is no list', json({ symbol: 'AAPL', historical: {} }), 'payload symbol'],
    ['a history that is null', json({ symbol: 'AAPL', historical: null }), '0 rows'],
    ['an empty list of histories', json({ historicalStockList: [] }), '0 rows'],
    ['a list of something else', json({ historicalStockList: [7] }), 'payload symbol'],
    ['another symbol', json([{ symbol: 'MSFT', date: '2023-01-10' }]), 'payload symbol'],
    ['another symbol, v3', json({ symbol: 'MSFT', historical: [{ date: '2023-01-10' }] }), 'payload symbol'],
    ['a symbol that is a number', json([{ symbol: 5, date: '2023-01-10' }]), 'payload symbol'],
    ['4,999 rows', json(Array.from({ length: 4_999 }, () => ({ symbol: 'AAPL' }))), '4999 rows'],
    ['5,000 rows', json(Array.from({ length: 5_000 }, () => ({ symbol: 'AAPL' }))), 'payload symbol'],
  ])('%s', (_name, given, expected) => {
    expect(verdict(given)).toBe(expected)
  })

  test('dash and dot are the same symbol', () => {
    const ask = { ...full, symbol: 'BRK-B' }
    expect(verdict(json([{ symbol: 'BRK.B', date: '2023-01-10' }]), ask)).toBe('1 rows')
    expect(verdict(json([{ symbol: 'BRK-A', date: '2023-01-10' }]), ask)).toBe('payload symbol')
  })

  test('a row cannot lend fields through __proto__', () => {
    const body = '[{"__proto__": {"date": "2023-01-10", "symbol": "MSFT"}, "close": 1}]'
    const [row] = stable.interpret(full, reply(200, body))
    expect(Object.keys(row ?? {})).toEqual(['close'])
    expect(Object.getPrototypeOf(Object.assign({}, row))).toBe(Object.prototype)
    expect(verdict(reply(200, '{"__proto__": {"historical": []}}'))).toBe('payload symbol')
  })
})

describe('messages', () => {
  test('the cure stands in the hint', () => {
    const restricted = reply(402, 'Restricted Endpoint: This endpoint is not available under your current subscription')
    expect(failureOf(() => stable.interpret(adjusted, restricted)).hint).toContain('--no-adj-close')
    expect(failureOf(() => stable.interpret(full, restricted)).hint).not.toContain('--no-adj-close')
    expect(failureOf(() => stable.interpret(full, reply(401, ''))).hint).toContain('FMP_API_KEY')
    const closed = reply(403, '{"Error Message": "Legacy Endpoint : no longer supported"}')
    expect(failureOf(() => v3.interpret(legacy, closed)).hint).toContain('FMP_API=stable')
    expect(failureOf(() => stable.interpret(full, closed)).hint).not.toContain('FMP_API=stable')
  })

  test('they name symbol and request, on one line', () => {
    const { message } = failureOf(() => stable.interpret(full, reply(500, 'one\ntwo\u001B[31m\r\n::error::three')))
    expect(message).toBe("FMP's answer for AAPL full: HTTP 500. It says: “one two [31m ::error::three”")
  })

  test('an excerpt is short and never holds the key, not even half of it', () => {
    const padding = 'x'.repeat(192)
    for (const secret of [KEY, encodeURIComponent(KEY), btoa(KEY)]) {
      for (const body of [`${secret} is bad`, `${padding}${secret}`, `<p>${secret}`, `{"error": "${secret}"}`]) {
        const { message } = failureOf(() => stable.interpret(full, reply(200, body)))
        expect(message).not.toContain(secret)
        expect(message).not.toContain(secret.slice(0, 7))
        expect(message.length).toBeLessThan(330)
      }
    }
  })
})

describe('recorded data', () => {
  test('stable, flat', () => {
    const rows = stable.interpret(full, reply(200, fixtureText('stable-historical-price-eod-full.AAPL.2023-01.json')))
    expect(rows).toHaveLength(6)
    expect(rows[0]).toMatchObject({ symbol: 'AAPL', date: '2023-01-10', close: 130.73, volume: 63_896_200 })
  })

  test('stable, both variants around a split', () => {
    const prices = stable.interpret(
      full,
      reply(200, fixtureText('stable-historical-price-eod-full.AAPL.2020-split.json')),
    )
    const adjustedText = fixtureText('stable-historical-price-eod-dividend-adjusted.AAPL.2020-split.json')
    const closes = stable.interpret(adjusted, reply(200, adjustedText))
    expect(prices.find(({ date }) => date === '2020-08-28')).toMatchObject({ close: 124.81, volume: 187_630_000 })
    expect(closes.find(({ date }) => date === '2020-08-28')).toMatchObject({ adjClose: 120.96 })
  })

  test('v3, one symbol', () => {
    const rows = v3.interpret(legacy, reply(200, fixtureText('legacy-v3-historical-price-full.AAPL.2023-01.json')))
    expect(rows).toHaveLength(6)
    expect(rows[0]).toMatchObject({ symbol: 'AAPL', date: '2023-01-10', close: 130.73, adjClose: 130.17 })
  })

  test('v3, a list of symbols: taken for the symbol asked, refused where others are in it', () => {
    const text = fixtureText('legacy-v3-historical-price-full.multi.MSFT-VOO-SPCE.2020-02.json')
    const { historicalStockList } = JSON.parse(text) as { historicalStockList: { symbol: string }[] }
    const ask = { ...legacy, symbol: 'MSFT' }
    const own = { historicalStockList: historicalStockList.filter(({ symbol }) => symbol === 'MSFT') }
    const rows = v3.interpret(ask, json(own))
    expect(rows).toHaveLength(2)
    expect(rows.every(({ symbol }) => symbol === 'MSFT')).toBe(true)
    expect(failureOf(() => v3.interpret(ask, reply(200, text))).message).toContain('another symbol, “VOO”')
  })
})
