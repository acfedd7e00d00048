// The schema of counts: how many sessions or documents ended in each way.

import type { Counts } from '../core/outcome.ts'
import { count, object, type Schema } from './json-schema.ts'

/** `what` is counted: each one that was asked for once. */
export const countsOf = (what: string): Schema<Counts> =>
  object(
    {
      stored: count(`${what} that this run stored`),
      already_stored: count(`${what} that were stored before, or meanwhile by another run`),
      no_data: count(`${what} that the vendor has no data for`),
      missing: count(`${what} without a row, between two that have one`),
      rejected: count(`${what} whose rows broke a hard rule`),
      failed: count(`${what} of a symbol, or of a file, that failed`),
      not_reached: count(`${what} that the run stopped before`),
    },
    `How many ${what} ended in each way; each one asked for is counted once`,
  )
