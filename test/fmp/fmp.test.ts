import { afterEach, describe, expect, test } from 'bun:test'
import { IngestError } from '../../lib/core/errors.ts'
import { TEST_KEY } from '../support/servers/vendor.ts'
import { recordedError } from '../support/recorded.ts'
import { clientOf, closeServers, reserved, serve, serverError } from '../support/fmp-client.ts'
import { failureOf } from '../support/values.ts'

afterEach(closeServers)

describe('FMP for one run', () => {
  test('fetches rows with a reservation and counts its attempts', async () => {
    const server = serve({ onRequest: ({ n }) => (n === 1 ? serverError() : undefined) })
    const { fmp, get } = clientOf(server.url)
    const reservation = reserved(fmp, 'AAPL', 2)
    const rows = await get('AAPL', reservation)
    expect(rows).toEqual([expect.objectContaining({ symbol: 'AAPL', date: '2024-09-30', close: 2 })])
    expect(reservation.made()).toBe(2)
    expect(fmp.stats()).toMatchObject({ calls: 2, retries: 1, limited: 0 })
  })

  test('throws what a reply refuses as an error of the symbol', async () => {
    const server = serve({ onRequest: () => recordedError('symbol-not-in-plan') })
    expect(await failureOf(clientOf(server.url).get())).toMatchObject({ kind: 'plan', scope: 'symbol' })
  })

  test('has one budget, one gate and one account for all its symbols', async () => {
    const { fmp, get } = clientOf(serve().url, { maxCalls: 3 })
    await Promise.all([get('AAPL'), get('MSFT')])
    expect(fmp.reserve('JPM', 2)).toBeInstanceOf(IngestError)
    await get('JPM')
    expect(fmp.stats().calls).toBe(3)
  })

  test('keeps the key out of what it tells of a reply that repeats it', async () => {
    const server = serve({ onRequest: () => new Response(`{"error": "bad key ${TEST_KEY}"}`, { status: 400 }) })
    const failure = await failureOf(clientOf(server.url).get())
    expect(failure.message).toContain('“bad key [redacted]”')
  })
})
