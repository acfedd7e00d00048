// The pauses of the rate gate that refusals for the call limit cause. After a pause one attempt goes first, alone.

import type PQueue from 'p-queue'
import type { Clock } from '../core/clock.ts'

/** Counts the pauses so far. Each attempt is sent in an epoch; a refusal from an older epoch says nothing new. */
export type Epoch = number

/** A pause that a refusal causes. */
export type Pause = {
  readonly endsMs: number
  /** Resolves at its end. */
  readonly over: Promise<void>
}

/**
 * The lengths of successive pauses when the reply has no Retry-After. A limit by the minute passes within the first four;
 * FMP itself has never been seen to send Retry-After.
 */
const PAUSES_MS = [5_000, 10_000, 20_000, 40_000, 60_000] as const
const MAX_PAUSE_MS = 60_000

/** A Retry-After of zero would otherwise make a busy loop of refusals. */
const MIN_PAUSE_MS = 1_000

type PausesOptions = {
  readonly clock: Clock
  /** Called at each pause with its length in milliseconds. */
  readonly onPause: ((ms: number) => void) | undefined
  readonly queue: PQueue
  readonly halted: AbortSignal
}

/** The pauses that refusals cause. */
export function createPauses({ clock, queue, halted, onPause }: PausesOptions) {
  let current: Pause | undefined
  let epoch: Epoch = 0
  let inARow = 0

  async function pause(ms: number): Promise<void> {
    epoch += 1
    inARow += 1
    onPause?.(ms)
    // In this order: a queue that is not paused starts waiting tasks when its concurrency is set.
    queue.pause()
    queue.concurrency = 1
    current = { endsMs: clock.elapsedMs() + ms, over: clock.sleep(ms, halted) }
    await current.over
    current = undefined
    queue.start()
  }

  return {
    current: () => current,
    epoch: () => epoch,
    /** Pauses the queue, and then lets one attempt through at a time. */
    begin: (retryAfterMs: number | undefined) => void pause(pauseMs(inARow, retryAfterMs)),
    /** An attempt was answered: all may go on. */
    end() {
      if (inARow === 0) return
      inARow = 0
      queue.concurrency = Infinity
    },
  }
}

/** The length of the next pause: as Retry-After asks, or by our own steps. */
export function pauseMs(pausesInARow: number, retryAfterMs: number | undefined): number {
  const stepMs = PAUSES_MS[pausesInARow] ?? MAX_PAUSE_MS
  return Math.min(Math.max(retryAfterMs ?? stepMs, MIN_PAUSE_MS), MAX_PAUSE_MS)
}
