// Reads of the ledger that the store answers so late that no call may start on them. If all are late, a run would wait for
// ever: it ends with the reason instead.

import { IngestError } from '../../core/errors.ts'
import { grouped } from '../../core/text.ts'
import { MAX_AGE_MS } from './leases.ts'

/**
 * How long late reads in a row may take together. A request to a bucket that does not answer is tried for as long: 14 times,
 * 20 s each. The waits between the reads do not count: they may be for other processes.
 */
export const MAX_LATE_MS = 300_000

/** A process that was stopped for a while has one late read, whatever the store does. */
const MIN_LATE_READS = 3

export type LateReads = {
  /** To be called when the store has answered a read of the ledger at `location`, after so many milliseconds. */
  note(tookMs: number, location: string): void
  /** The error that ends the run once reads have been late for too long; undefined before. */
  error(): IngestError | undefined
}

/** Counts the late reads since the last one that was in time. */
export function createLateReads(): LateReads {
  let late: readonly number[] = []
  let place = ''
  return {
    note(tookMs, location) {
      late = tookMs > MAX_AGE_MS ? [...late, tookMs] : []
      place = location
    },
    error() {
      const sumMs = late.reduce((sum, ms) => sum + ms, 0)
      return late.length < MIN_LATE_READS || sumMs < MAX_LATE_MS ? undefined : lateError(late, place)
    },
  }
}

function lateError(late: readonly number[], location: string): IngestError {
  const [least, most] = [Math.min(...late), Math.max(...late)].map((ms) => grouped(ms / 1_000, 1))
  const took = least === most ? `${least} s` : `${least} to ${most} s`
  const says = `${location}: the store took ${took} for each of the last ${late.length} reads of the ledger, but a call may start only in the ${MAX_AGE_MS / 1_000} s after a read was sent`
  const hint =
    'Run nearer to the store (in the region of the bucket), or run one process at a time with this key, without --ledger. What is stored is kept.'
  return new IngestError(says, { kind: 'store', scope: 'run', hint })
}
