// How far the clocks of servers are ahead of this machine's, from the header `Date` of what they answer.

import type { Fetch } from '../../core/fetch.ts'
import type { Effects } from '../effects.ts'

export type ServerClocks = {
  /** This machine's clock in milliseconds since 1970, whatever `--now` says. */
  readonly machineMs: () => number
  /** Milliseconds that a server is ahead, by whose it is; of its first answer. */
  readonly aheadMs: ReadonlyMap<string, number>
  /** The fetch of the effects, for requests to one server. */
  readonly watched: (whose: string) => Fetch
}

/** The header has whole seconds. */
const HALF_SECOND_MS = 500

export function watchClocks({ nowMs, clock, fetch }: Pick<Effects, 'nowMs' | 'clock' | 'fetch'>): ServerClocks {
  const begunMs = clock.elapsedMs()
  const machineMs = () => nowMs + clock.elapsedMs() - begunMs
  const aheadMs = new Map<string, number>()
  return {
    machineMs,
    aheadMs,
    watched: (whose) => async (url, init) => {
      const sentMs = machineMs()
      const response = await fetch(url, init)
      const theirMs = Date.parse(response.headers.get('date') ?? '') + HALF_SECOND_MS
      const ourMs = (sentMs + machineMs()) / 2
      if (!Number.isNaN(theirMs) && !aheadMs.has(whose)) aheadMs.set(whose, theirMs - ourMs)
      return response
    },
  }
}
