import { describe, expect, test } from 'bun:test'
import type { FmpApi } from '../../lib/core/config.ts'
import type { Ask } from '../../lib/core/dataset.ts'
import type { IngestError } from '../../lib/core/errors.ts'
import { rowsOf } from '../../lib/fmp/reply.ts'
import { recordedErrors } from '../support/recorded.ts'
import { verdictOf } from '../support/fmp-client.ts'
import { errorOf } from '../support/values.ts'

const query = { from: '2023-01-01', to: '2023-01-10' }
const full: Ask = { path: 'historical-price-eod/full', symbol: 'AAPL', query, name: 'full' }
const adjusted: Ask = { ...full, path: 'historical-price-eod/dividend-adjusted', name: 'dividend-adjusted' }

type Reply = { readonly status: number; readonly body: string }
const rows = ({ status, body }: Reply, ask = full, api: FmpApi = 'stable') =>
  rowsOf({ status, body, retryAfterMs: undefined }, ask, { api, redact: String })
const refused = (reply: Reply, ask?: Ask, api?: FmpApi): IngestError => errorOf(() => rows(reply, ask, api))

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
    expect(verdictOf(() => rows({ status, body }))).toBe(expected[name] ?? '')
  })

  // The same words inside a 200, which FMP is known to do for some of them.
  test.each(
    recordedErrors
      .filter(({ status }) => status === 401 || status === 403 || status === 429)
      .map((recorded) => [recorded.case, recorded] as const),
  )('%s in a 200', (name, { body }) => {
    expect(verdictOf(() => rows({ status: 200, body: body }))).toBe(expected[name] ?? '')
    expect(verdictOf(() => rows({ status: 200, body: `[${body}]` }))).toBe(expected[name] ?? '')
  })
})

describe('hints', () => {
  test('the cure stands in the hint', () => {
    const body = 'Restricted Endpoint: This endpoint is not available under your current subscription'
    const restricted = { status: 402, body }
    expect(refused(restricted, adjusted).hint).toContain('--no-adj-close')
    expect(refused(restricted).hint).not.toContain('--no-adj-close')
    expect(refused({ status: 401, body: '' }).hint).toContain('FMP_API_KEY')
    const closed = { status: 403, body: '{"Error Message": "Legacy Endpoint : no longer supported"}' }
    expect(refused(closed, full, 'v3').hint).toContain('FMP_API=stable')
    expect(refused(closed).hint).not.toContain('FMP_API=stable')
  })
})

describe('a plan that does not include so many rows', () => {
  const words = "The values for 'limit' must be "
  test.each([
    ['between 0 and 5 based on your current subscription', { allowedRows: 5 }],
    ['between 1 and 120', { allowedRows: 120 }],
    ['between 0 and 0', undefined],
    ['smaller', undefined],
  ])('%s: the number is data of the error', (allowed, data) => {
    expect(refused({ status: 402, body: `${words}${allowed}` })).toMatchObject({ kind: 'plan-limit', data })
  })
})
