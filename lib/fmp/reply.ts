// The body of an answer, whatever it is: the content type lies, and errors come as data.

import type { RawRow } from '../core/dataset.ts'

/** Prices nest three levels deep. */
const MAX_NESTING = 32

export type Content = { type: 'json'; value: unknown } | { type: 'text' | 'broken'; flaw: string }

/** The content type lies (plain text comes as application/json), so the body itself is looked at. */
export function sniff(body: string): Content {
  const text = body.trim()
  if (text === '') return { type: 'broken', flaw: 'an empty body' }
  if (text.startsWith('<')) return { type: 'broken', flaw: 'a web page' }
  if (!/^[[{]|^null$/.test(text)) return { type: 'text', flaw: 'plain text' }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { type: 'broken', flaw: 'broken or cut JSON' }
  }
  // Values of any depth end up in messages and in the rejects file, and writing them down overflows the stack.
  if (isDeeperThan(value, MAX_NESTING)) return { type: 'broken', flaw: `JSON nested deeper than ${MAX_NESTING} levels` }
  return { type: 'json', value }
}

/** Whether lists and objects nest deeper than `levels`; level by level, for the stack may not hold them all. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let inside: readonly unknown[] = [value]
  for (let level = 0; level <= levels; level += 1) {
    inside = inside.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
    if (inside.length === 0) return false
  }
  return true
}

/** Whether a value is an object, and no list. */
export function isObject(value: unknown): value is RawRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value's own field: never one that an odd key such as `__proto__` could lend it. */
export function own(value: RawRow, field: string): unknown {
  return Object.hasOwn(value, field) ? value[field] : undefined
}

/** The message of an error body, an object or a list of just one, or undefined where the body is data. */
export function errorWords(value: unknown): string | undefined {
  const only = Array.isArray(value) && value.length === 1 ? value[0] : value
  if (!isObject(only)) return undefined
  // A row of data may have a field named like an error's; what has a date or a history is data.
  if (['date', 'historical', 'historicalStockList'].some((field) => Object.hasOwn(only, field))) return undefined
  const message = own(only, 'Error Message') ?? own(only, 'error') ?? own(only, 'message') ?? undefined
  return message === undefined ? undefined : typeof message === 'string' ? message : JSON.stringify(message)
}
