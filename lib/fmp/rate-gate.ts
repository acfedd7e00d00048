// When a call may be sent: the set time after the one before it, and not at all while the vendor has called a halt. A
// refusal for the call limit stops everybody; when the wait is over one call goes first, alone, to see whether the
// limit has passed. Built on p-queue, which keeps the spacing and the order.

import PQueue from 'p-queue'
import type { Clock } from '../core/clock.ts'
import { IngestError } from '../core/errors.ts'

/** Which pause a call was sent after: a refusal of an older turn says nothing new. */
export type Turn = number

/** The one place that every attempt passes, retries included. */
export interface Gate {
  /**
   * Runs `send` when its turn comes; urgent ones go before the others. Rejects as `send` does, with the signal's reason
   * when the run is stopped meanwhile, or with the error that closed the gate.
   */
  pass<T>(send: (turn: Turn) => Promise<T>, isUrgent: boolean): Promise<T>
  /**
   * A call was refused for the call limit, with `error`: everybody waits. Gives that error back, or the stop of the run
   * where the limit has lasted too long to be the minute's.
   */
  refused(turn: Turn, error: IngestError, retryAfterMs: number | undefined): IngestError
  /** A call got any other answer. */
  answered(turn: Turn): void
  /** Lets nobody through any more; who waits gets `error`. Calls on their way end as they will. */
  close(error: IngestError): void
  /** Aborts when the run is stopped or the gate is closed, for waits elsewhere. */
  readonly halted: AbortSignal
  /** The time that calls have waited here, summed over all of them, in milliseconds. */
  waitedMs(): number
}

type GateOptions = {
  readonly clock: Clock
  /** The least time between two starts; 0 lets everything through at once. */
  readonly intervalMs: number
  /** The run's stop. */
  readonly signal: AbortSignal
  readonly onPause?: ((ms: number) => void) | undefined
}

/** p-queue's strict gaps are up to 0.9 ms short, because it reads a clock of whole milliseconds (measured on 10.0.0). */
const INTERVAL_MARGIN_MS = 5

/**
 * How long successive refusals pause the gate where the vendor names no time. A minute's limit passes within the first
 * four; FMP itself has never been seen to send Retry-After.
 */
const PAUSES_MS = [5_000, 10_000, 20_000, 40_000, 60_000] as const
const MAX_PAUSE_MS = 60_000

/** A Retry-After of nothing would otherwise turn a refusal into a hot loop. */
const MIN_PAUSE_MS = 1_000

/** Two whole minutes and some: a limit that outlasts them is not counted by the minute. */
const DAY_LIMIT_MS = 130_000

/** A gate for one run and one vendor. */
export function createGate({ clock, intervalMs, signal, onPause }: GateOptions): Gate {
  const queue = new PQueue(spacingOf(intervalMs))
  const closing = new AbortController()
  const halted = AbortSignal.any([signal, closing.signal])
  let pauseOver: Promise<void> | undefined
  const spaced = createSpacer({ clock, intervalMs, halted, pauseOver: () => pauseOver })
  let waitedMs = 0
  let turn: Turn = 0
  let pausesInARow = 0
  let refusedSinceMs: number | undefined

  async function pause(ms: number): Promise<void> {
    turn += 1
    pausesInARow += 1
    onPause?.(ms)
    // In this order: raising or lowering the concurrency of a queue that is not paused starts what waits.
    queue.pause()
    queue.concurrency = 1
    pauseOver = clock.sleep(ms, halted)
    await pauseOver
    pauseOver = undefined
    queue.start()
  }

  return {
    async pass(send, isUrgent) {
      halted.throwIfAborted()
      const queuedMs = clock.elapsedMs()
      let isSent = false
      const start = (): ReturnType<typeof send> =>
        spaced(() => {
          isSent = true
          waitedMs += clock.elapsedMs() - queuedMs
          return send(turn)
        })
      try {
        return await queue.add(start, { signal, priority: isUrgent ? 1 : 0 })
      } catch (error) {
        // Closing the gate clears the queue, and p-queue then rejects with an error of its own.
        if (!isSent) halted.throwIfAborted()
        throw error
      }
    },

    refused(sentIn, error, retryAfterMs) {
      const nowMs = clock.elapsedMs()
      refusedSinceMs ??= nowMs
      if (nowMs - refusedSinceMs >= DAY_LIMIT_MS) return dayLimit(error)
      // Calls that were on their way together are refused together: one pause answers them all.
      if (sentIn === turn) void pause(pauseMs(pausesInARow, retryAfterMs))
      return error
    },

    answered(sentIn) {
      refusedSinceMs = undefined
      // A late answer to a call from before the pause does not end it.
      if (sentIn !== turn || pausesInARow === 0) return
      pausesInARow = 0
      queue.concurrency = Infinity
    },

    close(error) {
      closing.abort(error)
      queue.clear()
    },

    halted,
    waitedMs: () => waitedMs,
  }
}

/** What p-queue is told of the interval; nothing where there is no gate. */
function spacingOf(intervalMs: number) {
  return intervalMs > 0 ? { interval: intervalMs + INTERVAL_MARGIN_MS, intervalCap: 1, strict: true } : {}
}

/** How long to wait after so many pauses in a row, as the vendor asks or by our own steps. */
function pauseMs(pausesInARow: number, retryAfterMs: number | undefined): number {
  const ownMs = PAUSES_MS[pausesInARow] ?? MAX_PAUSE_MS
  return Math.min(Math.max(retryAfterMs ?? ownMs, MIN_PAUSE_MS), MAX_PAUSE_MS)
}

type Spacing = {
  readonly clock: Clock
  readonly intervalMs: number
  readonly halted: AbortSignal
  /** The end of the pause that is on, if one is. */
  readonly pauseOver: () => Promise<void> | undefined
}

/**
 * Starts things at least `intervalMs` apart. p-queue spaces its own ticks, on a clock that may be set; a start that comes
 * late after its tick, on a busy machine, would leave the next too little. Here the starts themselves are spaced, on the
 * clock that never jumps.
 */
function createSpacer({ clock, intervalMs, halted, pauseOver }: Spacing): <T>(send: () => Promise<T>) => Promise<T> {
  let startedMs = -Infinity
  const restOfIntervalMs = (): number => startedMs + intervalMs - clock.elapsedMs()
  return async (send) => {
    for (let restMs = restOfIntervalMs(); restMs > 0 || pauseOver() !== undefined; restMs = restOfIntervalMs()) {
      // A pause may begin while a start that p-queue has let go waits here.
      await (pauseOver() ?? clock.sleep(restMs, halted))
      halted.throwIfAborted()
    }
    // Nothing may come between the last look at the clock and this.
    const sent = send()
    startedMs = clock.elapsedMs()
    return sent
  }
}

function dayLimit({ message }: IngestError): IngestError {
  const hint = 'Run again tomorrow: it goes on where it stopped.'
  const says = `The day limit of your plan is reached: every call has been refused for over two minutes. ${message}`
  return new IngestError(says, { kind: 'quota', scope: 'run', hint })
}
