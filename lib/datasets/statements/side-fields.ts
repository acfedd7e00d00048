// The fields of a statement that it can do without: all but date, symbol and period. One that cannot be read is null and
// makes the row suspect. What is plainly meant is read: the vendor writes one value in several ways.

import { dayNamedIn, newYorkInstant, parseInstant, type IsoDate } from '../../core/dates.ts'
import { oneLine } from '../../core/text.ts'

/** A value of a field as it is stored: null if it is absent, undefined if it cannot be read. Never gets null or undefined. */
export type FieldReader = (value: unknown) => string | number | null | undefined

const JSON_NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/
const TIME = /^[T ]((?:[01]\d|2[0-3]):[0-5]\d)(:[0-5]\d)?(?:\.\d+)?$/
const MAX_CIK = 9_999_999_999

/** A finite amount, as a number or as its digits in a text. */
export function readAmount(value: unknown): number | undefined {
  const number = typeof value === 'string' && JSON_NUMBER.test(value) ? Number(value) : value
  // Turns -0 into 0: they are one amount, but the writer's dictionary could store either for both.
  return typeof number === 'number' && Number.isFinite(number) ? number + 0 : undefined
}

/** A text. An empty one means: missing. */
export function readText(value: unknown): string | null | undefined {
  if (typeof value !== 'string') return undefined
  return value === '' ? null : value
}

/** The SEC's number of a company, ten digits. A number has lost its leading zeros. */
export function readCik(value: unknown): string | null | undefined {
  const isWhole = typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= MAX_CIK
  return isWhole ? String(value).padStart(10, '0') : readText(value)
}

export function readFiscalYear(value: unknown): number | undefined {
  const year = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof year === 'number' && Number.isInteger(year) && year >= 1_900 && year <= 2_100 ? year : undefined
}

/** A date. Of a date with a time, the date: v3 once sent `filingDate` with a time. */
export function readDate(value: unknown): IsoDate | null | undefined {
  return value === '' ? null : typeof value === 'string' ? dayNamedIn(value) : undefined
}

/**
 * When the SEC accepted a filing, as an ISO instant in UTC. Without a zone it is New York's wall clock (measured against
 * EDGAR's own UTC stamps), and a date alone is its midnight. With a zone it is that instant.
 */
export function readAcceptedDate(value: unknown): string | null | undefined {
  if (value === '') return null
  const day = typeof value === 'string' ? dayNamedIn(value) : undefined
  if (typeof value !== 'string' || day === undefined) return undefined
  if (value.length === 10) return new Date(newYorkInstant(day, '00:00:00')).toISOString()
  const [, minutes, seconds = ':00'] = TIME.exec(value.slice(10)) ?? []
  if (minutes !== undefined) return new Date(newYorkInstant(day, `${minutes}${seconds}`)).toISOString()
  const ms = parseInstant(`${day}T${value.slice(11)}`)
  return ms === undefined ? undefined : new Date(ms).toISOString()
}

/** The fields of a row, and a suspicion for each that cannot be read. */
export function readSideFields(
  readers: Readonly<Record<string, FieldReader>>,
  raw: Readonly<Record<string, unknown>>,
): { readonly fields: Readonly<Record<string, string | number | null>>; readonly suspicions: readonly string[] } {
  const fields: Record<string, string | number | null> = {}
  const suspicions: string[] = []
  for (const [name, read] of Object.entries(readers)) {
    const value = raw[name] ?? null
    const known = value === null ? null : read(value)
    fields[name] = known ?? null
    if (known === undefined) suspicions.push(`${name} cannot be read: ${oneLine(JSON.stringify(value), 40)}`)
  }
  return { fields, suspicions }
}
