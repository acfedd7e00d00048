import { describe, expect, test } from 'bun:test'
import type { Ask, RawRow } from '../../lib/core/dataset.ts'
import { createRedactor } from '../../lib/core/text.ts'
import { rowsOf } from '../../lib/fmp/reply.ts'
import type { HttpReply } from '../../lib/fmp/request.ts'
import { fixtureText } from '../support/recorded.ts'
import { verdictOf } from '../support/fmp-client.ts'
import { errorOf } from '../support/values.ts'

const KEY = 'sEcReT+key/123'
const redact = createRedactor([KEY])
const query = { from: '2023-01-01', to: '2023-01-10' }
const full: Ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query, name: 'full' }
const adjusted: Ask = { ...full, path: 'historical-price-eod/dividend-adjusted', name: 'dividend-adjusted' }
const legacy: Ask = { ...full, path: 'historical-price-full' }

const reply = (status: number, body: string): HttpReply => ({ status, body, retryAfterMs: undefined })
const json = (value: unknown): HttpReply => reply(200, JSON.stringify(value))
const stable = (ask: Ask, given: HttpReply): readonly RawRow[] => rowsOf(given, ask, { api: 'stable', redact })
const v3 = (ask: Ask, given: HttpReply): readonly RawRow[] => rowsOf(given, ask, { api: 'v3', redact })
const verdict = (given: HttpReply, ask: Ask = full): string => verdictOf(() => stable(ask, given))

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
    const [row] = stable(full, reply(200, body))
    expect(Object.keys(row ?? {})).toEqual(['close'])
    expect(Object.getPrototypeOf(Object.assign({}, row))).toBe(Object.prototype)
    expect(verdict(reply(200, '{"__proto__": {"historical": []}}'))).toBe('payload symbol')
  })
})

describe('messages', () => {
  test('they name symbol and request, on one line', () => {
    const { message } = errorOf(() => stable(full, reply(500, 'one\ntwo\u001B[31m\r\n::error::three')))
    expect(message).toBe("FMP's answer for AAPL full: HTTP 500. It says: “one two [31m ::error::three”")
  })

  test('an excerpt is short and never holds the key, not even half of it', () => {
    const padding = 'x'.repeat(192)
    for (const secret of [KEY, encodeURIComponent(KEY), btoa(KEY)]) {
      for (const body of [`${secret} is bad`, `${padding}${secret}`, `<p>${secret}`, `{"error": "${secret}"}`]) {
        const { message } = errorOf(() => stable(full, reply(200, body)))
        expect(message).not.toContain(secret)
        expect(message).not.toContain(secret.slice(0, 7))
        expect(message.length).toBeLessThan(330)
      }
    }
  })
})

describe('recorded data', () => {
  test('stable, flat', () => {
    const rows = stable(full, reply(200, fixtureText('stable-historical-price-eod-full.AAPL.2023-01.json')))
    expect(rows).toHaveLength(6)
    expect(rows[0]).toMatchObject({ symbol: 'AAPL', date: '2023-01-10', close: 130.73, volume: 63_896_200 })
  })

  test('stable, both variants around a split', () => {
    const prices = stable(full, reply(200, fixtureText('stable-historical-price-eod-full.AAPL.2020-split.json')))
    const adjustedText = fixtureText('stable-historical-price-eod-dividend-adjusted.AAPL.2020-split.json')
    const closes = stable(adjusted, reply(200, adjustedText))
    expect(prices.find(({ date }) => date === '2020-08-28')).toMatchObject({ close: 124.81, volume: 187_630_000 })
    expect(closes.find(({ date }) => date === '2020-08-28')).toMatchObject({ adjClose: 120.96 })
  })

  test('v3, one symbol', () => {
    const rows = v3(legacy, reply(200, fixtureText('legacy-v3-historical-price-full.AAPL.2023-01.json')))
    expect(rows).toHaveLength(6)
    expect(rows[0]).toMatchObject({ symbol: 'AAPL', date: '2023-01-10', close: 130.73, adjClose: 130.17 })
  })

  test('v3, a list of symbols: taken for the symbol asked, refused where others are in it', () => {
    const text = fixtureText('legacy-v3-historical-price-full.multi.MSFT-VOO-SPCE.2020-02.json')
    const { historicalStockList } = JSON.parse(text) as { historicalStockList: { symbol: string }[] }
    const ask = { ...legacy, symbol: 'MSFT' }
    const own = { historicalStockList: historicalStockList.filter(({ symbol }) => symbol === 'MSFT') }
    const rows = v3(ask, json(own))
    expect(rows).toHaveLength(2)
    expect(rows.every(({ symbol }) => symbol === 'MSFT')).toBe(true)
    expect(errorOf(() => v3(ask, reply(200, text))).message).toContain('another symbol, “VOO”')
  })
})
