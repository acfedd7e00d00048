// Schemas of single fields in the vendor's rows. Their messages name the field, because the first one becomes the reason of
// a rejected row.

import * as v from 'valibot'
import { newYorkInstant, parseIsoDate, type IsoDate } from '../core/dates.ts'

const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/

/** A finite number, or null if there is none: a price, or a figure of a statement. */
export function amount(field: string) {
  return v.nullish(
    v.pipe(
      v.number(`${field} is not a number`),
      v.finite(`${field} is not finite`),
      // Turns -0 into 0: they are one amount, but the writer's dictionary could store either for both.
      v.transform((value) => value + 0),
    ),
    null,
  )
}

/** A text, or null if there is none. An empty string means: missing. */
export function text(field: string) {
  return v.pipe(
    v.nullish(v.string(`${field} is not a text`), null),
    v.transform((value) => (value === '' ? null : value)),
  )
}

/** The date of a row, which every row must have. */
export const requiredDate = v.pipe(v.string('date is missing'), parsed(parseIsoDate, 'date is not a real date'))

/** A date or null. Of a date with a time, the date: v3 once sent `filingDate` with a time. */
export function date(field: string) {
  return textAs(field, (value) => splitTime(value)?.day, `${field} is not a real date`)
}

/** A wall clock time in New York, sent without a zone, as an ISO instant in UTC; or null. A date alone is its midnight. */
export function newYorkTime(field: string) {
  return textAs(field, instantOf, `${field} is not a real date and time`)
}

function instantOf(value: string): string | undefined {
  const split = splitTime(value)
  return split && new Date(newYorkInstant(split.day, split.time)).toISOString()
}

function textAs<T>(field: string, parse: (value: string) => T | undefined, message: string) {
  return v.pipe(text(field), v.nullable(v.pipe(v.string(), parsed(parse, message))))
}

function parsed<T>(parse: (value: string) => T | undefined, message: string) {
  return v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
    const value = parse(dataset.value)
    if (value !== undefined) return value
    addIssue({ message })
    return NEVER
  })
}

/** Day and time of `2024-11-01` or `2024-11-01 06:01:36`; undefined for any other text. */
function splitTime(value: string): { readonly day: IsoDate; readonly time: string } | undefined {
  const [dateText = '', time = '00:00:00', ...rest] = value.split(' ')
  const day = parseIsoDate(dateText)
  return day !== undefined && TIME.test(time) && rest.length === 0 ? { day, time } : undefined
}
