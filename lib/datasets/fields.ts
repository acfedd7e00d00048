// A number as the vendor sends it: a price, or a figure of a statement.

import * as v from 'valibot'

/** Takes a finite number, or null where there is none; `field` names it in what is said of any other value. */
export function amount(field: string) {
  return v.nullish(
    v.pipe(
      v.number(`${field} is not a number`),
      v.finite(`${field} is not finite`),
      // Minus nought and nought are one amount; the writer's dictionary could store either for both.
      v.transform((value) => value + 0),
    ),
    null,
  )
}
