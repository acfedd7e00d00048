// Schemas of the fields that decide whether a row is valid. Their messages name the field, because the first one becomes the
// reason of a rejected row.

import * as v from 'valibot'
import { dayNamedIn, midnightDay, type IsoDate } from '../core/dates.ts'

/** A finite number, or null if there is none. */
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

/** The date of a row, which every row must have. A stamp at midnight is its day; FMP says no other time of a bar. */
export const requiredDate = v.pipe(
  v.string('date is missing'),
  v.rawTransform<string, IsoDate>(({ dataset, addIssue, NEVER }) => {
    const day = midnightDay(dataset.value)
    if (day !== undefined) return day
    const hasTime = dayNamedIn(dataset.value) !== undefined
    addIssue({ message: hasTime ? 'date has a time other than midnight' : 'date is not a real date' })
    return NEVER
  }),
)

/** The date of a statement. Of a date with a time, the date: the day on which a period ends has no time. */
export const statementDate = v.pipe(
  v.nullish(v.string('date is not a real date'), ''),
  v.check((value) => value !== '', 'date is missing'),
  v.rawTransform<string, IsoDate>(({ dataset, addIssue, NEVER }) => {
    const day = dayNamedIn(dataset.value)
    if (day !== undefined) return day
    addIssue({ message: 'date is not a real date' })
    return NEVER
  }),
)
