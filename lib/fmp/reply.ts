// What a reply of FMP holds: rows, no data, or a refusal. The content type is wrong at times (plain text comes as
// application/json) and errors come with HTTP 200, so the body itself is examined.

import type { FmpApi } from '../core/config.ts'
import type { Ask, RawRow } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import { grouped, oneLine } from '../core/text.ts'
import { isNoData, refusalOf, tryAgain, type Refusal } from './refusals.ts'
import type { HttpReply } from './request.ts'

type ReplyContext = {
  readonly api: FmpApi
  readonly redact: (text: string) => string
  /** Whether a reply that FMP has cut off is taken as it is, and not refused. */
  readonly takesCut?: boolean
}

type Fail = (refusal: Refusal) => never

/** FMP sends at most 5,000 rows a call and leaves the oldest out without a word (measured 2026-08-27). */
export const MAX_REPLY_ROWS = 5_000
const MAX_EXCERPT_CHARACTERS = 200

/** Rows of prices nest three levels deep. */
const MAX_NESTING = 32

/**
 * The rows of a reply in FMP's order; a reply without data has no rows. Throws an IngestError whose kind and scope say what
 * a refusal means: try again, give the symbol up, or stop the run. A call limit is kind `quota` with scope `attempt`,
 * because its words do not tell the limit of a minute from that of a day.
 */
export function rowsOf({ status, body }: HttpReply, ask: Ask, context: ReplyContext): readonly RawRow[] {
  const { api, redact, takesCut = false } = context
  const fail: Fail = ({ says, ...details }) => {
    throw new IngestError(`FMP's answer for ${ask.symbol} ${ask.name}: ${redact(says)}`, details)
  }
  // Redacted before it is cut: a cut through the key would leave a half that no redaction finds.
  const excerpt = (text: string): string => oneLine(redact(text), MAX_EXCERPT_CHARACTERS)
  const content = parseBody(body)
  const words = content.type === 'json' ? errorWords(content.value) : content.type === 'text' ? body : undefined
  const isSuccess = status >= 200 && status < 300
  if (isSuccess && words !== undefined && isNoData(words)) return []

  const failQuoting = (refusal: Refusal, lead: string, quoted: string): never => {
    const known = isVendors({ status, body }, content, refusal) ? refusal : notVendors(refusal)
    return fail(quoting(known, lead, excerpt(quoted)))
  }

  const refusal = refusalOf(status, words, ask, api)
  if (refusal !== undefined) {
    const begins = isPage(content) ? 'A web page came. It begins' : 'It begins'
    failQuoting(refusal, words === undefined ? begins : 'It says', words ?? body)
  }
  if (content.type !== 'json') return failQuoting(tryAgain(`${content.flaw} where JSON was due.`), 'It begins', body)
  if (words !== undefined) {
    failQuoting({ kind: 'request', scope: 'symbol', says: 'a refusal.' }, 'It says', words)
  }
  const rows = checkedRows(content.value, ask, (unusableRows) => failQuoting(unusableRows, 'It begins', body))
  if (rows.length >= MAX_REPLY_ROWS && !takesCut) failQuoting(cutOff(rows.length), 'It begins', body)
  return rows
}

function quoting(refusal: Refusal, lead: string, excerpt: string): Refusal {
  return excerpt === '' ? refusal : { ...refusal, says: `${refusal.says} ${lead}: “${excerpt}”` }
}

/** A refusal that something else sent than the vendor. */
function notVendors(refusal: Refusal): Refusal {
  const hint = 'A firewall or a proxy on the way may have answered in its place: check the network and FMP_BASE_URL.'
  return { ...refusal, hint: refusal.hint ?? hint, data: { isNotVendors: true } }
}

/**
 * Whether the vendor sent a reply that has no rows. It sends JSON, and a few refusals in words that are known or that begin
 * as a query error. A web page is not the vendor's, but for the statuses that mean one thing whoever sends them.
 */
function isVendors({ status, body }: Pick<HttpReply, 'status' | 'body'>, content: Content, { kind }: Refusal): boolean {
  if (isPage(content)) return status === 401 || status === 429
  if (content.type === 'json' || /^\s*query error/i.test(body)) return true
  return status >= 200 && status < 300 ? content.type === 'broken' : kind !== 'request'
}

// The body

const WEB_PAGE = 'a web page'

type Content = { type: 'json'; value: unknown } | { type: 'text' | 'broken'; flaw: string }

function isPage(content: Content): boolean {
  return content.type === 'broken' && content.flaw === WEB_PAGE
}

function parseBody(body: string): Content {
  const text = body.trim()
  if (text === '') return { type: 'broken', flaw: 'an empty body' }
  if (text.startsWith('<')) return { type: 'broken', flaw: WEB_PAGE }
  if (!/^[[{]|^null$/.test(text)) return { type: 'text', flaw: 'plain text' }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { type: 'broken', flaw: 'broken or cut JSON' }
  }
  // Values end up in messages and in the rejects file, and writing a deeply nested one overflows the stack.
  if (isDeeperThan(value, MAX_NESTING)) return { type: 'broken', flaw: `JSON nested deeper than ${MAX_NESTING} levels` }
  return { type: 'json', value }
}

/** Whether lists and objects nest deeper than `levels`. Level by level, because recursion could overflow the stack. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let inside: readonly unknown[] = [value]
  for (let level = 0; level <= levels; level += 1) {
    inside = inside.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
    if (inside.length === 0) return false
  }
  return true
}

/** The message of an error body, which is an object or a list of one object; undefined when the body is data. */
function errorWords(value: unknown): string | undefined {
  const only = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (!isObject(only)) return undefined
  // A row of data may have a field with the name of an error field. What has a date or a history is data.
  if (['date', 'historical', 'historicalStockList'].some((field) => Object.hasOwn(only, field))) return undefined
  const message = ownField(only, 'Error Message') ?? ownField(only, 'error') ?? ownField(only, 'message') ?? undefined
  return message === undefined ? undefined : typeof message === 'string' ? message : JSON.stringify(message)
}

// The rows

/** The rows of any format that FMP sends, each an object and of the symbol that was asked for. */
function checkedRows(value: unknown, ask: Ask, fail: Fail): readonly RawRow[] {
  const rows = flatten(value, fail)
  const asked = foldSymbol(ask.symbol)
  for (const row of rows) {
    const echoed = ownField(row, 'symbol') ?? ask.symbol
    if (typeof echoed === 'string' && foldSymbol(echoed) === asked) continue
    const shown = oneLine(typeof echoed === 'string' ? echoed : JSON.stringify(echoed), 40)
    fail(unusable(`the rows of another symbol, “${shown}”.`))
  }
  return rows
}

/** A flat list of rows (stable), the history of one symbol, or a list of histories (both v3). */
function flatten(value: unknown, fail: Fail): readonly RawRow[] {
  if (value === null) return []
  if (Array.isArray(value)) return value.map((row: unknown) => cleanRow(row, fail))
  if (!isObject(value)) return fail(UNKNOWN_FORMAT)
  const list = ownField(value, 'historicalStockList')
  if (Array.isArray(list)) return list.flatMap((history: unknown) => historyRows(history, fail))
  return Object.keys(value).length === 0 ? [] : historyRows(value, fail)
}

/** The rows of `{symbol, historical}`, each with the symbol that v3 names only once. */
function historyRows(history: unknown, fail: Fail): readonly RawRow[] {
  if (!isObject(history) || !Object.hasOwn(history, 'historical')) return fail(UNKNOWN_FORMAT)
  const rows = ownField(history, 'historical') ?? []
  if (!Array.isArray(rows)) return fail(UNKNOWN_FORMAT)
  const symbol = ownField(history, 'symbol')
  return rows.map((row: unknown) => {
    const clean = cleanRow(row, fail)
    return symbol === undefined ? clean : { symbol, ...clean }
  })
}

/** The row without a field named `__proto__`, which would become the prototype of a later copy of the row. */
function cleanRow(row: unknown, fail: Fail): RawRow {
  if (!isObject(row)) return fail(unusable('a row that is not an object.'))
  if (!Object.hasOwn(row, '__proto__')) return row
  return Object.fromEntries(Object.entries(row).filter(([field]) => field !== '__proto__'))
}

function cutOff(rows: number): Refusal {
  const says = `${grouped(rows)} rows; FMP cuts a reply off at ${grouped(MAX_REPLY_ROWS)} and leaves out the oldest.`
  return unusable(says, 'Ask for fewer years at once.')
}

/** A reply whose rows cannot be used; asking again would bring the same. */
function unusable(says: string, hint?: string): Refusal {
  return { kind: 'payload', scope: 'symbol', says, hint }
}

const UNKNOWN_FORMAT = unusable('a shape that this program does not know.')

/** FMP writes class shares with a dash where others write a dot; both are the same symbol. */
function foldSymbol(symbol: string): string {
  return symbol.toUpperCase().replaceAll('.', '-')
}

function isObject(value: unknown): value is RawRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object's own field, never an inherited one: a reply may name `__proto__`. */
function ownField(value: RawRow, field: string): unknown {
  return Object.hasOwn(value, field) ? value[field] : undefined
}
