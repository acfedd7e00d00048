// Adaptive limit of the requests in flight: halved when the store asks for fewer, and raised by one for each round of
// successful requests, as TCP does (RFC 5681).
import { createLimit } from '../../core/concurrency.ts'

export type AdaptiveLimit = {
  /** Runs `send` as soon as a slot is free. `isThrottled` tells whether an error asks for fewer requests. */
  run<T>(send: () => Promise<T>, isThrottled: (error: unknown) => boolean): Promise<T>
  /** How many requests may be in flight now. */
  limit(): number
}

/** Starts at `max`, which is never exceeded. */
export function createAdaptiveLimit(max: number): AdaptiveLimit {
  const limit = createLimit(max)
  let current = max
  let cuts = 0

  function setCurrent(next: number): void {
    current = next
    limit.setMax(Math.floor(current))
  }

  return {
    limit: () => Math.floor(current),
    run: async (send, isThrottled) =>
      await limit.run(async () => {
        const cutsBefore = cuts
        try {
          const response = await send()
          if (current < max) setCurrent(Math.min(max, current + 1 / current))
          return response
        } catch (error) {
          // Requests that were in flight together may fail together: that counts once.
          if (isThrottled(error) && cuts === cutsBefore) {
            cuts += 1
            setCurrent(Math.max(1, current / 2))
          }
          throw error
        }
      }),
  }
}
