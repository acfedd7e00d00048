// A clock for tests: waiting costs nothing, and what was waited for is on record.

import type { Clock } from '../../../lib/core/clock.ts'

export interface FakeClock extends Clock {
  /** Every sleep asked for, in milliseconds, in order. */
  readonly sleepsMs: readonly number[]
  /** Moves the clock on without a sleep. */
  advance(ms: number): void
  /** Calls `tick` whenever so many milliseconds have passed, until the returned function is called. */
  every(ms: number, tick: () => void): () => void
  /** How many of those have not been ended. */
  timers(): number
}

/** A clock that starts at 0 and moves on only by its sleeps, each of which resolves at once. */
export function createFakeClock(): FakeClock {
  const sleepsMs: number[] = []
  let elapsedMs = 0
  const timers = new Set<{ dueMs: number; readonly ms: number; readonly tick: () => void }>()
  const moveOn = (ms: number): void => {
    const endMs = elapsedMs + ms
    for (;;) {
      const [first] = [...timers].toSorted((a, b) => a.dueMs - b.dueMs)
      if (first === undefined || first.dueMs > endMs) break
      elapsedMs = Math.max(elapsedMs, first.dueMs)
      first.dueMs += first.ms
      first.tick()
    }
    elapsedMs = endMs
  }
  return {
    sleepsMs,
    elapsedMs: () => elapsedMs,
    advance: moveOn,
    every(ms, tick) {
      const timer = { dueMs: elapsedMs + ms, ms, tick }
      timers.add(timer)
      return () => void timers.delete(timer)
    },
    timers: () => timers.size,
    async sleep(ms, signal) {
      sleepsMs.push(ms)
      if (signal?.aborted !== true) moveOn(ms)
    },
  }
}
