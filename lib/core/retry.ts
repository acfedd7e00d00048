// Retries: how long to wait before the next attempt, and a loop that waits. The caller decides which failures are worth
// another attempt, and hands in the clock and the source of randomness.

import type { Clock } from './clock.ts'

/** The wait before retry n is between 0 and min(`capMs`, `baseMs` × 2^(n-1)). */
export type Backoff = { readonly baseMs: number; readonly capMs: number }

export type RetryPolicy = Backoff & { readonly maxAttempts: number }

type RetryOptions = {
  readonly policy: RetryPolicy
  readonly clock: Clock
  /** At least 0 and less than 1. */
  readonly random: () => number
  /** Whether the failure of this attempt, counted from 1, may pass by itself. */
  readonly isRetryable: (error: unknown, attempt: number) => boolean
}

/**
 * Milliseconds to wait before retry `retryNumber`, counted from 1. With full jitter: clients that failed at the same moment
 * do not come back at the same moment.
 */
export function backoffMs(retryNumber: number, backoff: Backoff, random: () => number): number {
  return random() * Math.min(backoff.capMs, backoff.baseMs * 2 ** (retryNumber - 1))
}

/**
 * Runs `task` until it succeeds, with the number of the attempt, counted from 1. Throws the failure of the last attempt, or
 * the first failure that is not retryable.
 */
export async function retry<T>(task: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, clock, random, isRetryable } = options
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await task(attempt)
    } catch (error) {
      if (attempt >= policy.maxAttempts || !isRetryable(error, attempt)) throw error
      await clock.sleep(backoffMs(attempt, policy, random))
    }
  }
}
