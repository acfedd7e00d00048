// One exchange with the ledger after the other, and waits that the end of one cuts short.

import type { Clock } from '../../core/clock.ts'

export type Exchanges = {
  /** Runs `work` after those before it. What it throws goes to `onFailure`. */
  run(work: () => Promise<unknown>): Promise<void>
  isBusy(): boolean
  /** Resolves after so many milliseconds, or at the end of an exchange. */
  rest(ms: number): Promise<void>
}

type ExchangesOptions = {
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onFailure: (error: unknown) => void
}

export function createExchanges({ clock, signal, onFailure }: ExchangesOptions): Exchanges {
  const sleepers = new Set<AbortController>()
  let last: Promise<void> | undefined

  async function runAfter(before: Promise<void> | undefined, work: () => Promise<unknown>): Promise<void> {
    await before
    try {
      await work()
    } catch (error) {
      onFailure(error)
    }
  }

  return {
    async run(work) {
      const running = runAfter(last, work)
      last = running
      await running
      if (last === running) last = undefined
      for (const sleeper of sleepers) sleeper.abort()
    },
    isBusy: () => last !== undefined,
    async rest(ms) {
      const sleeper = new AbortController()
      sleepers.add(sleeper)
      await clock.sleep(ms, AbortSignal.any([sleeper.signal, signal]))
      sleepers.delete(sleeper)
    },
  }
}
