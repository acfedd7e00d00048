// The user's wish that a run should end, and how long what is under way may still take.

import type { Clock } from '../core/clock.ts'

/** `interruption` is aborted when the user wants the run to end, also where something else has stopped it already. */
export type Interruptible = { readonly interruption: AbortSignal; readonly clock: Clock }

/** Resolves `graceMs` after the run was interrupted; never when it is not, whatever else stops it. */
export async function graceOver({ interruption, clock }: Interruptible, graceMs: number): Promise<void> {
  await new Promise<void>((resolve) => {
    if (interruption.aborted) resolve()
    else interruption.addEventListener('abort', () => resolve(), { once: true })
  })
  await clock.sleep(graceMs)
}

export type Patience = {
  /** The work's end, or undefined once there is no patience left. */
  until<T>(work: Promise<T>): Promise<T | undefined>
}

/**
 * Waits for work until `graceMs` after the run was interrupted. Not by a race with one long promise for all, which would
 * hold on to every race until the run's end.
 */
export function createPatience(interruptible: Interruptible, graceMs: number): Patience {
  const open = new Set<() => void>()
  let isOver = false
  const loseIt = async (): Promise<void> => {
    await graceOver(interruptible, graceMs)
    isOver = true
    for (const giveUp of open) giveUp()
  }
  void loseIt()
  return {
    until: async (work) =>
      await new Promise((resolve, reject) => {
        const giveUp = () => resolve(undefined)
        if (isOver) giveUp()
        open.add(giveUp)
        const end =
          <V>(how: (value: V) => void) =>
          (value: V) => {
            open.delete(giveUp)
            how(value)
          }
        work.then(end(resolve), end(reject))
      }),
  }
}

/** Lets go of work that is only reading as soon as the user wants the run to end. */
export async function unlessStopped<T>(work: Promise<T>, { stop }: { readonly stop: AbortController }): Promise<T> {
  const stopped = new Promise<never>((_resolve, reject) => {
    const letGo = () => reject(stop.signal.reason as Error)
    if (stop.signal.aborted) letGo()
    else stop.signal.addEventListener('abort', letGo, { once: true })
  })
  // The race hears of both, also of work that fails when nobody waits for it any more.
  return await Promise.race([stopped, work])
}
