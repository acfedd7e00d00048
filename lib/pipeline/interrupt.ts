// An interrupt by the user, and how long work in flight may still take after it.

import type { Clock } from '../core/clock.ts'

/** `interruption` aborts when the user interrupts the run, even if an error has stopped the run before. */
export type Interruptible = { readonly interruption: AbortSignal; readonly clock: Clock }

/** Resolves `graceMs` after the interrupt. Without an interrupt it never resolves, whatever else stops the run. */
export async function afterGrace({ interruption, clock }: Interruptible, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    if (interruption.aborted) resolve()
    else interruption.addEventListener('abort', () => resolve(), { once: true })
  })
  await clock.sleep(graceMs)
}

/** Resolves with the work, or with undefined when the grace period after an interrupt is over. Rejects as the work does. */
export type WithGrace = <T>(work: Promise<T>) => Promise<T | undefined>

/**
 * One grace period of `graceMs` for all work of a run. No Promise.race with one shared promise: that promise would hold a
 * reference to every race until the run ends.
 */
export function createGracePeriod(interruptible: Interruptible, graceMs: number): WithGrace {
  const pending = new Set<() => void>()
  let isOver = false
  const endGrace = async (): Promise<void> => {
    await afterGrace(interruptible, graceMs)
    isOver = true
    for (const giveUp of pending) giveUp()
  }
  void endGrace()
  return async (work) =>
    await new Promise((resolve, reject) => {
      const giveUp = () => resolve(undefined)
      if (isOver) giveUp()
      pending.add(giveUp)
      const settle =
        <V>(how: (value: V) => void) =>
        (value: V) => {
          pending.delete(giveUp)
          how(value)
        }
      work.then(settle(resolve), settle(reject))
    })
}

/**
 * Stops waiting for work that only reads as soon as the run is stopped: rejects with the reason of the stop. Once the work is
 * done nothing of it is kept: the signal lives as long as the run, and its listener would keep what the work has read.
 */
export async function unlessStopped<T>(work: Promise<T>, { stop }: { readonly stop: AbortController }): Promise<T> {
  const { signal } = stop
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const rejectNow = () => reject(signal.reason as Error)
  if (signal.aborted) rejectNow()
  else signal.addEventListener('abort', rejectNow, { once: true })
  try {
    // Promise.race handles a later rejection of `work` as well, so it is never an unhandled one.
    return await Promise.race([stopped, work])
  } finally {
    signal.removeEventListener('abort', rejectNow)
  }
}
