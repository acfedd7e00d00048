// How many requests are in flight at once: as many as allowed, and fewer while the store says that it is too much. Halved
// at a refusal and raised by one for every round of answers, as TCP does (RFC 5681), so that a store that is busy for a
// moment is asked less for a moment.
import { createLimit } from '../../core/concurrency.ts'

export type AdaptiveLimit = {
  /** Runs `send` when its turn has come. `isTooMuch` tells a refusal that asks for less from other failures. */
  run<T>(send: () => Promise<T>, isTooMuch: (error: unknown) => boolean): Promise<T>
  /** Requests that may be in flight now. */
  limit(): number
}

/** Starts with the `most` that are ever in flight. */
export function createAdaptiveLimit(most: number): AdaptiveLimit {
  const turns = createLimit(most)
  let limit = most
  let cuts = 0

  function setLimit(next: number): void {
    limit = next
    turns.setMax(Math.floor(limit))
  }

  return {
    limit: () => Math.floor(limit),
    run: async (send, isTooMuch) =>
      await turns.run(async () => {
        const cutsBefore = cuts
        try {
          const answer = await send()
          if (limit < most) setLimit(Math.min(most, limit + 1 / limit))
          return answer
        } catch (error) {
          // All that were in flight together may be refused together: that is one sign, not many.
          if (isTooMuch(error) && cuts === cutsBefore) {
            cuts += 1
            setLimit(Math.max(1, limit / 2))
          }
          throw error
        }
      }),
  }
}
