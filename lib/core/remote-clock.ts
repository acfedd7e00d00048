// Another machine's clock, as bounds: from what it showed in its answers, how late it is there now. Clocks of machines may
// be minutes apart, so what several of them share is timed by one clock, that of the server they all talk to.

import type { Clock } from './clock.ts'

/** The clock showed a time from `fromMs` to `toMs` at an instant between `sentMs` and `receivedMs` of `Clock.elapsedMs`. */
export type ClockReading = {
  /** Milliseconds since 1970. */
  readonly fromMs: number
  /** Later than `fromMs`, because clocks are told in steps: a header `Date` has whole seconds. */
  readonly toMs: number
  readonly sentMs: number
  readonly receivedMs: number
}

/** An instant of the other clock lies between the two, in milliseconds since 1970. */
export type TimeBounds = { readonly earliestMs: number; readonly latestMs: number }

export type RemoteClock = {
  observe(reading: ClockReading): void
  /** The time there now; undefined before the first reading. */
  now(): TimeBounds | undefined
}

/** By how much two clocks may drift apart. NTP corrects a clock by at most 500 parts in a million (RFC 5905). */
export const DRIFT = 500e-6

/**
 * Narrows the bounds with each reading: the time is within all of them. Seconds that begin at different moments soon give a
 * time that is as exact as an answer is fast (Marzullo's intersection). A reading outside the bounds means that one of the
 * clocks was set, or that this process slept: the bounds then hold both.
 */
export function createRemoteClock({ elapsedMs }: Pick<Clock, 'elapsedMs'>): RemoteClock {
  /** The other clock minus ours, at least and at most, as it was at `atMs`. */
  let offset: { readonly leastMs: number; readonly mostMs: number; readonly atMs: number } | undefined

  const offsetAt = (atMs: number) => {
    if (offset === undefined) return undefined
    const driftMs = (atMs - offset.atMs) * DRIFT
    return { leastMs: offset.leastMs - driftMs, mostMs: offset.mostMs + driftMs, atMs }
  }

  return {
    observe({ fromMs, toMs, sentMs, receivedMs }) {
      const seen = { leastMs: fromMs - receivedMs, mostMs: toMs - sentMs, atMs: receivedMs }
      const known = offsetAt(receivedMs) ?? seen
      const leastMs = Math.max(known.leastMs, seen.leastMs)
      const mostMs = Math.min(known.mostMs, seen.mostMs)
      offset =
        leastMs <= mostMs
          ? { leastMs, mostMs, atMs: receivedMs }
          : {
              leastMs: Math.min(known.leastMs, seen.leastMs),
              mostMs: Math.max(known.mostMs, seen.mostMs),
              atMs: receivedMs,
            }
    },
    now() {
      const ownMs = elapsedMs()
      const current = offsetAt(ownMs)
      return current && { earliestMs: ownMs + current.leastMs, latestMs: ownMs + current.mostMs }
    },
  }
}
