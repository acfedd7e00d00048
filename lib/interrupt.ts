// The user's wish that a run should end, and how long what is under way may still take.

import type { Clock } from './clock.ts'
import { IngestError } from './errors.ts'

export type Interruptible = { readonly stop: AbortController; readonly clock: Clock }

/** Resolves `graceMs` after the run was interrupted; never when it is not, whatever else stops it. */
export async function graceOver({ stop, clock }: Interruptible, graceMs: number): Promise<void> {
  const { signal } = stop
  await new Promise<void>((resolve) => {
    const look = () => {
      if (signal.reason instanceof IngestError && signal.reason.kind === 'interrupted') resolve()
    }
    if (signal.aborted) look()
    else signal.addEventListener('abort', look, { once: true })
  })
  await clock.sleep(graceMs)
}

/** Lets go of work that is only reading as soon as the user wants the run to end. */
export async function unlessStopped<T>(work: Promise<T>, { stop }: Pick<Interruptible, 'stop'>): Promise<T> {
  const stopped = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), { once: true })
  })
  stop.signal.throwIfAborted()
  return await Promise.race([work, stopped])
}
