// Trying again: how long to wait, and a small loop that does the waiting. What is worth another try is the caller's
// business, and so are clock and dice.
import type { Clock } from './clock.ts'

/** The wait before retry n lies between 0 and min(`capMs`, `baseMs` × 2^(n-1)). */
export type Backoff = { readonly baseMs: number; readonly capMs: number }

export type RetryPolicy = Backoff & { readonly maxTries: number }

type RetryOptions = {
  readonly policy: RetryPolicy
  readonly clock: Clock
  /** From 0 up to, but without, 1. */
  readonly random: () => number
  /** Whether the failure of try number `attempt` (from 1) may pass by itself. */
  readonly isRetryable: (error: unknown, attempt: number) => boolean
}

/**
 * Milliseconds to wait before retry number `attempt` (from 1). Full jitter: many clients that failed together do not
 * come back together.
 */
export function backoffMs(attempt: number, backoff: Backoff, random: () => number): number {
  return random() * Math.min(backoff.capMs, backoff.baseMs * 2 ** (attempt - 1))
}

/** Runs `task`, handing it the number of the try, until it succeeds; throws the failure that ends the trying. */
export async function retry<T>(task: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, clock, random, isRetryable } = options
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await task(attempt)
    } catch (error) {
      if (attempt >= policy.maxTries || !isRetryable(error, attempt)) throw error
      await clock.sleep(backoffMs(attempt, policy, random))
    }
  }
}
