// A clock for tests: waiting costs nothing, and what was waited for is on record.

import type { Clock } from '../../../lib/core/clock.ts'

export interface FakeClock extends Clock {
  /** Every sleep asked for, in milliseconds, in order. */
  readonly sleepsMs: readonly number[]
  /** Moves the clock on without a sleep. */
  advance(ms: number): void
}

/** A clock that starts at 0 and moves on only by its sleeps, each of which resolves at once. */
export function createFakeClock(): FakeClock {
  const sleepsMs: number[] = []
  let elapsedMs = 0
  return {
    sleepsMs,
    elapsedMs: () => elapsedMs,
    advance(ms) {
      elapsedMs += ms
    },
    async sleep(ms, signal) {
      sleepsMs.push(ms)
      if (signal?.aborted !== true) elapsedMs += ms
    },
  }
}
