// One look at how FMP answers, over a socket.

import { afterEach, describe, expect, test } from 'bun:test'
import type { Ask } from '../../lib/core/dataset.ts'
import { askOnce } from '../../lib/fmp/probe.ts'
import { closeServers, serve } from '../support/fmp-client.ts'
import { recordedError } from '../support/recorded.ts'
import { TEST_KEY, type VendorOptions } from '../support/servers/vendor.ts'
import { failureOf } from '../support/values.ts'

afterEach(closeServers)

const query = { from: '2000-01-01', to: '2024-09-30' }
const full: Ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query, name: 'full' }

async function ask(onRequest?: VendorOptions['onRequest']) {
  const server = serve(onRequest === undefined ? {} : { onRequest })
  const reply = askOnce(full, {
    api: 'stable',
    baseUrl: server.url,
    key: TEST_KEY,
    fetch: async (url, init) => await fetch(url, init),
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    userAgent: 'test',
    redact: (text) => text,
  })
  return { reply, requests: server.requests }
}

const rows = (count: number) => Array.from({ length: count }, () => ({ symbol: 'AAPL' }))

describe('one look', () => {
  test('gives the rows, with the key in a header', async () => {
    const { reply, requests } = await ask()
    expect(await reply).toMatchObject({ rows: [{ symbol: 'AAPL', date: '2024-09-30' }], isCut: false })
    expect(requests.map(({ headers }) => headers.get('apikey'))).toEqual([TEST_KEY])
  })

  test.each([
    [4_999, false],
    [5_000, true],
  ])('takes %d rows, cut off or not', async (count, isCut) => {
    const { reply } = await ask(() => Response.json(rows(count)))
    const { rows: taken, ...told } = await reply
    expect({ count: taken.length, ...told }).toEqual({ count, isCut })
  })

  test.each([
    ['call-limit', 'quota'],
    ['invalid-key', 'key'],
  ])('is refused once by %s, and not repeated', async (name, kind) => {
    const { reply, requests } = await ask(() => recordedError(name))
    expect(await failureOf(reply)).toMatchObject({ kind })
    expect(requests.length).toBe(1)
  })
})
