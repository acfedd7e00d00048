// What a refusal of FMP means: its statuses and words, mapped to the kind and scope of an error and to a hint. They are
// recorded in `test/fixtures/fmp/errors.jsonl`.

import type { FmpApi } from '../core/config.ts'
import type { Ask } from '../core/dataset.ts'
import type { ErrorDetails } from '../core/errors.ts'

/** An error before its message names the call. `says` is a sentence. */
export type Refusal = Omit<ErrorDetails, 'cause'> & { readonly says: string }

const BAD_KEY: Refusal = {
  ...stopRun('key', 'the API key is refused.', 'Check FMP_API_KEY against the key on your FMP dashboard.'),
  data: { isUnknownKey: true },
}
const SUSPENDED = stopRun('key', 'the account is suspended.', 'Write to FMP, who suspended it.')
const BANDWIDTH = stopRun(
  'bandwidth',
  'the bandwidth of the last 30 days is spent.',
  'It comes back over the coming days: run again then to go on where it stopped, or upgrade the plan.',
)
const CALL_LIMIT: Refusal = { kind: 'quota', scope: 'attempt', says: 'the call limit is reached.' }
const SYMBOL_PLAN: Refusal = {
  kind: 'plan',
  scope: 'symbol',
  says: 'your plan does not include this symbol or value.',
  hint: 'Drop it from the list, or upgrade the plan.',
}

/** A failure that may pass by itself. */
export function tryAgain(says: string): Refusal {
  return { kind: 'server', scope: 'attempt', says }
}

/** Whether the words of a successful reply say that FMP has no data. */
export function isNoData(words: string): boolean {
  return /^\s*(?:no data|error with query)\b/i.test(words)
}

/**
 * What a reply refuses, by its HTTP status and by the words of its error message, if it has one. Undefined when neither
 * refuses anything.
 */
export function refusalOf(status: number, words: string | undefined, ask: Ask, api: FmpApi): Refusal | undefined {
  if (status === 401) return BAD_KEY
  if (status >= 500) return tryAgain(`HTTP ${status}.`)
  // Otherwise words go before the status, because FMP sends one meaning with several statuses: 402 or 403, 429 or 200.
  const byWords = words === undefined ? undefined : refusalByWords(words, ask, api)
  return byWords ?? (status >= 200 && status < 300 ? undefined : refusalByStatus(status))
}

function refusalByWords(words: string, ask: Ask, api: FmpApi): Refusal | undefined {
  if (/bandwidth limit/i.test(words)) return BANDWIDTH
  if (/bulk endpoint/i.test(words)) return tryAgain('the bulk endpoint was asked too soon after the last time.')
  if (/limit reach/i.test(words)) return CALL_LIMIT
  if (/invalid api key|api key (?:is )?(?:missing|invalid)/i.test(words)) return BAD_KEY
  if (/legacy endpoint/i.test(words)) return legacyApi(api)
  if (/account (?:is )?suspended/i.test(words)) return SUSPENDED
  if (/(?:restricted|exclusive) endpoint|this endpoint is not available/i.test(words)) return endpointPlan(ask)
  const parameter = /values? (?:set )?for '(limit|period)'/i.exec(words)?.[1]
  if (parameter === 'limit') return limitPlan(words)
  if (parameter === 'period')
    return { ...SYMBOL_PLAN, kind: 'plan-period', says: 'your plan does not include this period.' }
  const isSymbolPlan =
    /premium query parameter|special (?:endpoint|parameters)|under your current subscription|us stocks only/i
  return isSymbolPlan.test(words) ? SYMBOL_PLAN : undefined
}

function refusalByStatus(status: number): Refusal {
  if (status === 402) return { ...SYMBOL_PLAN, says: 'HTTP 402, your plan does not include this.' }
  if (status === 429) return CALL_LIMIT
  // 408: the server gave up waiting for a request; the next may arrive in time.
  if (status === 408) return tryAgain('HTTP 408.')
  if (status !== 404) return { kind: 'request', scope: 'symbol', says: `HTTP ${status}.` }
  return { kind: 'request', scope: 'symbol', says: 'HTTP 404, no such path.', hint: 'Check FMP_BASE_URL and FMP_API.' }
}

function stopRun(kind: Refusal['kind'], says: string, hint: string): Refusal {
  return { kind, scope: 'run', says, hint }
}

function endpointPlan({ name, path, isOptional = false }: Ask): Refusal {
  if (isOptional) return { ...SYMBOL_PLAN, says: `your plan does not include the endpoint ${path}.` }
  const cure = name === 'dividend-adjusted' ? 'Use --no-adj-close to store prices without adjClose, or' : 'To use it,'
  return stopRun('plan', `your plan does not include the endpoint ${path}.`, `${cure} upgrade the plan.`)
}

/** The words name the allowed number: “must be between 0 and 5”. */
function limitPlan(words: string): Refusal {
  const allowedRows = Number(/between \d+ and (\d{1,4})\b/.exec(words)?.[1] ?? 0)
  const says = 'your plan does not include so many rows.'
  return { ...SYMBOL_PLAN, kind: 'plan-limit', says, data: allowedRows === 0 ? undefined : { allowedRows } }
}

function legacyApi(api: FmpApi): Refusal {
  const hint =
    api === 'v3'
      ? 'Use FMP_API=stable, which is the default: v3 is for keys from before 2025-08-31.'
      : 'Check FMP_BASE_URL: this answer belongs to the legacy API.'
  return stopRun('key', 'the legacy API is closed to this key.', hint)
}
