// The rate gate: when an attempt may be sent. Attempts start at least the set interval apart, and none starts while the gate
// is paused. A refusal for the call limit pauses every attempt; after the pause one attempt goes first, alone, to probe
// whether the limit has passed. Built on p-queue, which keeps the interval and the order. Where processes share their limit,
// each attempt also takes one of the calls that this process has leased.

import PQueue from 'p-queue'
import type { Clock } from '../core/clock.ts'
import { IngestError } from '../core/errors.ts'
import type { SharedLimit } from './ledger/shared-limit.ts'
import { createPauses, pauseMs, type Epoch, type Pause } from './pauses.ts'

/** Every attempt passes this one gate, retries included. */
export type RateGate = {
  /**
   * Runs `send` as soon as the gate lets it through; urgent attempts go before the others. Rejects as `send` does, with the
   * reason of the run's signal when that aborts, or with the error that closed the gate.
   */
  pass<T>(send: (epoch: Epoch) => Promise<T>, isUrgent: boolean): Promise<T>
  /**
   * To be called when an attempt was refused for the call limit, with that error: pauses the gate. Returns the error, or one
   * that stops the run when the limit has lasted too long to be counted by the minute.
   */
  refused(epoch: Epoch, error: IngestError, retryAfterMs: number | undefined): IngestError
  /** To be called when an attempt got any other reply. */
  answered(epoch: Epoch): void
  /** Lets no attempt through any more; waiting ones reject with `error`. Sent ones go on. */
  close(error: IngestError): void
  /** Aborts when the run is stopped or the gate is closed, for waits elsewhere. */
  readonly halted: AbortSignal
  /** When the next attempt may start. */
  nextCall(): NextCall
  /** Milliseconds that attempts have waited here, summed over all of them. */
  waitedMs(): number
  /** How many calls may still be made today beside those of other processes, as far as it is known; Infinity without a limit. */
  leftToday(): number
  /** Gives back the calls that other processes may make. Throws an IngestError of kind `store` if that fails. */
  giveBack(): Promise<void>
}

/** When the next attempt may start. */
export type NextCall = {
  /** 0 when one may start now. */
  readonly inMs: number
  /** Whether it waits because FMP has refused calls. */
  readonly isPaused: boolean
}

export type RateGateOptions = {
  readonly clock: Clock
  /** The least time between the starts of two attempts; 0 means no limit. */
  readonly intervalMs: number
  /** The signal of the run. */
  readonly signal: AbortSignal
  /** Called at each pause that a refusal causes, with its length in milliseconds. */
  readonly onPause?: (ms: number) => void
  /** Opens the limit that this process shares with others; undefined if it has one of its own. */
  readonly openShared?: ((limit: Pacing) => SharedLimit) | undefined
}

/** What a shared limit takes from the gate. */
export type Pacing = {
  /** The least time between the starts of two attempts, as the gate keeps it. */
  readonly intervalMs: number
  /** The length of a pause after so many refusals in a row. */
  readonly pauseMs: (refusals: number, retryAfterMs: number | undefined) => number
  /** Aborts when the run is stopped or the gate is closed. */
  readonly signal: AbortSignal
}

/** p-queue's strict intervals are up to 0.9 ms too short, because it reads a clock of whole milliseconds (measured on 10.0.0). */
const INTERVAL_MARGIN_MS = 5

/** A little more than two whole minutes: a limit that lasts longer is not counted by the minute. */
const DAY_LIMIT_MS = 130_000

/** A gate for one run and one vendor. */
export function createRateGate({ clock, intervalMs, signal, onPause, openShared }: RateGateOptions): RateGate {
  const queue = new PQueue(queueOptions(intervalMs))
  const closing = new AbortController()
  const halted = AbortSignal.any([signal, closing.signal])
  const shared = openShared?.(pacingOf(intervalMs, halted))
  const pauses = createPauses({ clock, queue, halted, onPause })
  const { spaced, nextCall } = createSpacer({ clock, intervalMs, halted, pause: pauses.current, shared })
  let waitedMs = 0
  let refusedSinceMs: number | undefined

  return {
    async pass(send, isUrgent) {
      halted.throwIfAborted()
      const queuedMs = clock.elapsedMs()
      let isSent = false
      const start = (): ReturnType<typeof send> =>
        spaced(() => {
          isSent = true
          waitedMs += clock.elapsedMs() - queuedMs
          return send(pauses.epoch())
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
      refusedSinceMs ??= clock.elapsedMs()
      // Of a shared limit the ledger knows since when all processes have been refused.
      const isLimit = shared === undefined && clock.elapsedMs() - refusedSinceMs >= DAY_LIMIT_MS
      if (isLimit) return dayLimit(error)
      // Attempts that were in flight together are refused together: one pause serves them all.
      if (sentIn !== pauses.epoch()) return error
      shared?.refused(retryAfterMs)
      pauses.begin(retryAfterMs)
      return error
    },

    answered(sentIn) {
      refusedSinceMs = undefined
      // A late reply to an attempt from before the pause does not end the probing.
      if (sentIn !== pauses.epoch()) return
      shared?.answered()
      pauses.end()
    },

    close(error) {
      closing.abort(error)
      queue.clear()
    },

    nextCall,
    halted,
    waitedMs: () => waitedMs,
    leftToday: () => shared?.leftToday() ?? Infinity,
    giveBack: async () => await shared?.close(),
  }
}

/** p-queue's options for the interval; none when there is no limit. */
function queueOptions(intervalMs: number): { interval?: number; intervalCap?: number; strict?: boolean } {
  return intervalMs > 0 ? { interval: intervalMs + INTERVAL_MARGIN_MS, intervalCap: 1, strict: true } : {}
}

/** A shared limit keeps the gate's own margin. */
function pacingOf(intervalMs: number, signal: AbortSignal): Pacing {
  const { interval = 0 } = queueOptions(intervalMs)
  return { intervalMs: interval, signal, pauseMs: (refusals, retryAfterMs) => pauseMs(refusals - 1, retryAfterMs) }
}

type SpacerOptions = {
  readonly clock: Clock
  readonly intervalMs: number
  readonly halted: AbortSignal
  /** The current pause; undefined when there is none. */
  readonly pause: () => Pause | undefined
  readonly shared: SharedLimit | undefined
}

/**
 * Starts attempts at least `intervalMs` apart, on a clock that never jumps. p-queue spaces its own ticks, on a clock that may
 * be set. When an attempt starts late after its tick, on a busy machine, the next tick follows it too soon.
 */
function createSpacer({ clock, intervalMs, halted, pause, shared }: SpacerOptions) {
  let startedMs = -Infinity
  const remainingMs = (): number => startedMs + intervalMs - clock.elapsedMs()
  /** What an attempt has to wait for; undefined if it may start now: a call of the shared limit is taken then. */
  function obstacle(): Promise<void> | undefined {
    const waitMs = remainingMs()
    // A pause may begin while an attempt that p-queue has started waits here.
    if (pause() !== undefined) return pause()?.over
    return waitMs > 0 ? clock.sleep(waitMs, halted) : shared?.take()
  }
  const spaced = async <T>(send: () => Promise<T>): Promise<T> => {
    for (let waited = obstacle(); waited !== undefined; waited = obstacle()) {
      await waited
      halted.throwIfAborted()
    }
    // No await may stand between the last check of the clock and this.
    const sent = send()
    startedMs = clock.elapsedMs()
    return sent
  }
  const nextCall = (): NextCall => {
    const pausedMs = Math.max(0, (pause()?.endsMs ?? 0) - clock.elapsedMs())
    return { inMs: Math.max(pausedMs, remainingMs(), shared?.nextInMs() ?? 0, 0), isPaused: pausedMs > 0 }
  }
  return { spaced, nextCall }
}

function dayLimit({ message }: IngestError): IngestError {
  const hint = 'Run again tomorrow: it goes on where it stopped.'
  const says = `The day limit of your plan is reached: every call has been refused for over two minutes. ${message}`
  return new IngestError(says, { kind: 'quota', scope: 'run', hint })
}
