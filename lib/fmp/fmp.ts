// The vendor, Financial Modeling Prep: how each of its two APIs is asked, and what its answers mean. It owns the URLs,
// both reply shapes and the wording of every refusal; it sends nothing. Statuses and wordings are as recorded in
// `test/fixtures/fmp/errors.jsonl`.

import type { FmpApi } from '../core/config.ts'
import type { Ask, RawRow } from '../core/dataset.ts'
import { type ErrorKind, type ErrorScope, IngestError } from '../core/errors.ts'
import type { HttpReply, HttpRequest } from './request.ts'
import { errorWords, isObject, own, sniff } from './reply.ts'
import { createRedactor, oneLine } from '../core/text.ts'

/** The vendor's API as the program speaks it. */
export interface Fmp {
  request(ask: Ask): HttpRequest
  /**
   * The rows of an answer, in the vendor's order; an answer without data is no rows. Throws an IngestError that says by
   * its kind and scope what a refusal means: try again, give the symbol up, or stop the run. A spent call limit is kind
   * `quota` with scope `attempt`, because its words do not tell the minute's limit from the day's.
   */
  interpret(ask: Ask, reply: HttpReply): readonly RawRow[]
}

type FmpOptions = { readonly api: FmpApi; readonly baseUrl: string; readonly key: string }

/** What a refusal amounts to, before it is put into words for one ask. */
type Verdict = { kind: ErrorKind; scope: ErrorScope; says: string; hint?: string | undefined }

type Fail = (verdict: Verdict) => never

/** FMP sends at most 5,000 rows a call and drops the oldest without a word (measured 2026-08-27). */
const MAX_REPLY_ROWS = 5_000
const MAX_EXCERPT_CHARACTERS = 200

/** An `Fmp` for one API, host and key. */
export function createFmp({ api, baseUrl, key }: FmpOptions): Fmp {
  const base = baseUrl.replace(/\/+$/, '')
  const redact = createRedactor([key])
  // The key goes first: a cut through its middle would leave a half that no redaction finds.
  const excerpt = (text: string): string => oneLine(redact(text), MAX_EXCERPT_CHARACTERS)

  return {
    request(ask) {
      const what = `${ask.symbol} ${ask.name}`
      if (api === 'v3') {
        const query = new URLSearchParams({ ...ask.query, apikey: key })
        const url = `${base}/api/v3/${ask.path}/${encodeURIComponent(ask.symbol)}?${query.toString()}`
        return { url, headers: { accept: 'application/json' }, what }
      }
      const query = new URLSearchParams({ symbol: ask.symbol, ...ask.query })
      // In a header the key stays out of URLs, and so out of proxies' logs and error messages.
      return {
        url: `${base}/stable/${ask.path}?${query.toString()}`,
        headers: { accept: 'application/json', apikey: key },
        what,
      }
    },

    interpret(ask, { status, body }) {
      const fail: Fail = ({ kind, scope, says, hint }) => {
        throw new IngestError(`FMP's answer for ${ask.symbol} ${ask.name}: ${redact(says)}`, { kind, scope, hint })
      }
      const content = sniff(body)
      const words = content.type === 'json' ? errorWords(content.value) : content.type === 'text' ? body : undefined
      const isSuccess = status >= 200 && status < 300
      if (isSuccess && words !== undefined && NO_DATA.test(words)) return []

      const refusal = refusalOf(status, words, ask, api)
      if (refusal !== undefined) fail(quoting(refusal, 'It says', excerpt(words ?? '')))
      if (content.type !== 'json') {
        fail(quoting(tryAgain(`${content.flaw} where JSON was due.`), 'It begins', excerpt(body)))
      }
      if (words !== undefined) {
        fail(quoting({ kind: 'request', scope: 'symbol', says: 'a refusal.' }, 'It says', excerpt(words)))
      }
      return rowsOf(content.value, ask, fail)
    },
  }
}

// What a refusal means

const NO_DATA = /^\s*(?:no data|error with query)\b/i

const BAD_KEY = stop('key', 'the API key is refused.', 'Check FMP_API_KEY against the key on your FMP dashboard.')
const SUSPENDED = stop('key', 'the account is suspended.', 'Write to FMP, who suspended it.')
const BANDWIDTH = stop(
  'bandwidth',
  'the bandwidth of the last 30 days is spent.',
  'It comes back over the coming days: run again then to go on where it stopped, or upgrade the plan.',
)
const CALL_LIMIT: Verdict = { kind: 'quota', scope: 'attempt', says: 'the call limit is reached.' }
const SYMBOL_PLAN: Verdict = {
  kind: 'plan',
  scope: 'symbol',
  says: 'your plan does not include this symbol or value.',
  hint: 'Drop it from the list, or upgrade the plan.',
}

function stop(kind: ErrorKind, says: string, hint: string): Verdict {
  return { kind, scope: 'run', says, hint }
}

function tryAgain(says: string): Verdict {
  return { kind: 'server', scope: 'attempt', says }
}

function unfit(says: string, hint?: string): Verdict {
  return { kind: 'payload', scope: 'symbol', says, hint }
}

function endpointPlan({ name, path }: Ask): Verdict {
  const cure = name === 'dividend-adjusted' ? 'Use --no-adj-close to store prices without adjClose, or' : 'To use it,'
  return stop('plan', `your plan does not include the endpoint ${path}.`, `${cure} upgrade the plan.`)
}

function legacy(api: FmpApi): Verdict {
  const hint =
    api === 'v3'
      ? 'Use FMP_API=stable, which is the default: v3 is for keys from before 2025-08-31.'
      : 'Check FMP_BASE_URL: this answer belongs to the legacy API.'
  return stop('key', 'the legacy API is closed to this key.', hint)
}

/** What an answer refuses, or undefined where neither its status nor its words refuse anything. */
function refusalOf(status: number, words: string | undefined, ask: Ask, api: FmpApi): Verdict | undefined {
  if (status === 401) return BAD_KEY
  if (status >= 500) return tryAgain(`HTTP ${status}.`)
  // Elsewhere the words go before the status, because FMP sends one meaning under several: 402 or 403, 429 or 200.
  const byWords = words === undefined ? undefined : refusalByWords(words, ask, api)
  return byWords ?? (status >= 200 && status < 300 ? undefined : refusalByStatus(status))
}

function refusalByWords(words: string, ask: Ask, api: FmpApi): Verdict | undefined {
  if (/bandwidth limit/i.test(words)) return BANDWIDTH
  if (/bulk endpoint/i.test(words)) return tryAgain('the bulk endpoint was asked too soon after the last time.')
  if (/limit reach/i.test(words)) return CALL_LIMIT
  if (/invalid api key|api key (?:is )?(?:missing|invalid)/i.test(words)) return BAD_KEY
  if (/legacy endpoint/i.test(words)) return legacy(api)
  if (/account (?:is )?suspended/i.test(words)) return SUSPENDED
  if (/(?:restricted|exclusive) endpoint|this endpoint is not available/i.test(words)) return endpointPlan(ask)
  const parameter = /values? (?:set )?for '(limit|period)'/i.exec(words)?.[1]
  if (parameter === 'limit')
    return { ...SYMBOL_PLAN, kind: 'plan-limit', says: 'your plan does not include so many rows.' }
  if (parameter === 'period')
    return { ...SYMBOL_PLAN, kind: 'plan-period', says: 'your plan does not include this period.' }
  if (
    /premium query parameter|special (?:endpoint|parameters)|under your current subscription|us stocks only/i.test(
      words,
    )
  )
    return SYMBOL_PLAN
  return undefined
}

/** How many rows a call may ask for, by a refusal of kind `plan-limit`; undefined where it does not say. */
export function allowedLimit({ message }: IngestError): number | undefined {
  const most = /between \d+ and (\d{1,4})\b/.exec(message)?.[1]
  return most === undefined || Number(most) === 0 ? undefined : Number(most)
}

function refusalByStatus(status: number): Verdict {
  if (status === 402) return { ...SYMBOL_PLAN, says: 'HTTP 402, your plan does not include this.' }
  if (status === 429) return CALL_LIMIT
  // 408: the server gave up waiting for a request; the next may arrive in time.
  if (status === 408) return tryAgain('HTTP 408.')
  if (status !== 404) return { kind: 'request', scope: 'symbol', says: `HTTP ${status}.` }
  return { kind: 'request', scope: 'symbol', says: 'HTTP 404, no such path.', hint: 'Check FMP_BASE_URL and FMP_API.' }
}

function quoting(verdict: Verdict, lead: string, excerpt: string): Verdict {
  return excerpt === '' ? verdict : { ...verdict, says: `${verdict.says} ${lead}: “${excerpt}”` }
}

// Rows

const UNKNOWN_SHAPE = unfit('a shape that this program does not know.')

/** The rows of any shape FMP sends: a flat list (stable), one symbol's history, or a list of histories (v3). */
function rowsOf(value: unknown, ask: Ask, fail: Fail): readonly RawRow[] {
  const rows = flatten(value, fail)
  if (rows.length >= MAX_REPLY_ROWS) {
    const says = `${rows.length} rows; FMP cuts a reply off at ${MAX_REPLY_ROWS} and leaves out the oldest.`
    fail(unfit(says, 'Ask for fewer years at once.'))
  }
  const asked = foldSymbol(ask.symbol)
  for (const row of rows) {
    const echoed = own(row, 'symbol') ?? ask.symbol
    const isAsked = typeof echoed === 'string' && foldSymbol(echoed) === asked
    if (!isAsked)
      fail(
        unfit(
          `the rows of another symbol, “${oneLine(typeof echoed === 'string' ? echoed : JSON.stringify(echoed), 40)}”.`,
        ),
      )
  }
  return rows
}

function flatten(value: unknown, fail: Fail): readonly RawRow[] {
  if (value === null) return []
  if (Array.isArray(value)) return value.map((row: unknown) => cleanRow(row, fail))
  if (!isObject(value)) return fail(UNKNOWN_SHAPE)
  const list = own(value, 'historicalStockList')
  if (Array.isArray(list)) return list.flatMap((history: unknown) => historyRows(history, fail))
  return Object.keys(value).length === 0 ? [] : historyRows(value, fail)
}

/** The rows of `{symbol, historical}`, each with the symbol that v3 names only once. */
function historyRows(history: unknown, fail: Fail): readonly RawRow[] {
  if (!isObject(history) || !Object.hasOwn(history, 'historical')) return fail(UNKNOWN_SHAPE)
  const rows = own(history, 'historical') ?? []
  if (!Array.isArray(rows)) return fail(UNKNOWN_SHAPE)
  const symbol = own(history, 'symbol')
  return rows.map((row: unknown) => withSymbol(cleanRow(row, fail), symbol))
}

function withSymbol(row: RawRow, symbol: unknown): RawRow {
  return symbol === undefined ? row : { symbol, ...row }
}

/** The row without a field named `__proto__`, which a later copy of the row could take for its prototype. */
function cleanRow(row: unknown, fail: Fail): RawRow {
  if (!isObject(row)) return fail(unfit('a row that is not an object.'))
  if (!Object.hasOwn(row, '__proto__')) return row
  return Object.fromEntries(Object.entries(row).filter(([field]) => field !== '__proto__'))
}

/** FMP writes class shares with a dash where others write a dot; both are the same symbol. */
function foldSymbol(symbol: string): string {
  return symbol.toUpperCase().replaceAll('.', '-')
}
