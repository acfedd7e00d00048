// The calls that this process may make of those that all processes with its API key share. It leases the calls of the next
// seconds in the ledger, makes them, and leases the next; what it leaves over it gives back. `leases.ts` has the rules.

import type { TimeBounds } from '../../core/remote-clock.ts'
import { createExchanges, type Exchanges } from './exchanges.ts'
import { createLeasing, type Leasing, type LeasingOptions } from './leasing.ts'
import { MAX_AGE_MS } from './leases.ts'
import { accessLedger, newPart, type Part, type RecordOptions } from './record.ts'

export type SharedLimitOptions = RecordOptions &
  LeasingOptions & {
    /** The calls that were made today before this process's first; 0 if not known. */
    readonly madeToday?: number | undefined
  }

/** The limit that processes share. */
export type SharedLimit = {
  /**
   * Takes a call if one may start now, and returns undefined. Else returns a promise that resolves when it is worth asking
   * again. Throws an IngestError of the run: of kind `quota` if no call is left today, of kind `store` if the ledger cannot
   * be read or written, or comes too late for a call for minutes.
   */
  take(): Promise<void> | undefined
  /** In how many milliseconds the next call may start, as far as it is known. */
  nextInMs(): number
  /** How many calls may still be made today beside those of other processes, as far as it is known. */
  leftToday(): number
  /** To be called when FMP has refused a call for the call limit: all processes pause. */
  refused(retryAfterMs: number | undefined): void
  /** To be called when FMP has answered a call. */
  answered(): void
  /** Gives back what is left. No call is taken afterwards. Throws an IngestError of kind `store` if that fails. */
  close(): Promise<void>
}

/** The ledger is looked at so long before a block begins, and the time of an exchange. */
const LOOK_AHEAD_MS = 1_000

/** The limit of one process. Reads and writes nothing before the first call is asked for. */
export function createSharedLimit(options: SharedLimitOptions): SharedLimit {
  const { storeTime, clock, signal, intervalMs } = options
  const part = newPart(options.madeToday)
  let failure: unknown
  const fail = (error: unknown): void => void (failure ??= error)
  const exchanges = createExchanges({ clock, signal, onFailure: fail })
  const ledger = accessLedger(options, part)
  const leasing = createLeasing(options, part, ledger)
  let startedMs = -Infinity

  const isProbing = (): boolean => (storeTime.now()?.earliestMs ?? 0) < part.probingUntilMs
  const ageMs = (): number => clock.elapsedMs() - part.readMs
  const lookAheadMs = (): number => LOOK_AHEAD_MS + part.latencyMs

  /** In how many milliseconds the next block begins, or one may be leased. */
  function nextInMs(now: TimeBounds | undefined): number {
    const spacedMs = startedMs + intervalMs - clock.elapsedMs()
    const atMs = part.held[0]?.fromMs ?? leasing.waitsUntilMs()
    return Math.max(0, spacedMs, now === undefined ? 0 : atMs - now.earliestMs)
  }

  /** Starts the exchange that is due, if one is. */
  function keepUp(now: TimeBounds | undefined, isAwaited: boolean): void {
    if (exchanges.isBusy() || failure !== undefined) return
    const isWaiting = now !== undefined && now.earliestMs < leasing.waitsUntilMs()
    const isDue = leasing.isLow(isAwaited) && !isWaiting && !isProbing()
    // The next call may need the ledger before it is too old.
    const needsLook = part.held.length > 0 && ageMs() > MAX_AGE_MS / 2 && nextInMs(now) <= lookAheadMs()
    if (isDue) void exchanges.run(async () => fail(await leasing.renew(isAwaited)))
    else if (needsLook) void exchanges.run(ledger.look)
    else if (ledger.isTimeUncertain()) void exchanges.run(ledger.refineTime)
  }

  /** How long nothing happens that the end of an exchange does not tell. */
  function restMs(now: TimeBounds | undefined): number {
    const hasNone = part.held.length === 0
    const needsAnswer = exchanges.isBusy() && (hasNone || ageMs() > MAX_AGE_MS)
    return needsAnswer || (isProbing() && hasNone) ? MAX_AGE_MS : cutAtLook(nextInMs(now), lookAheadMs())
  }

  return {
    take() {
      fail(ledger.lateError())
      if (failure !== undefined) throw failure
      const now = storeTime.now()
      if (now !== undefined) part.held = part.held.filter(({ untilMs }) => now.latestMs + intervalMs <= untilMs)
      const isTaken = now !== undefined && part.held.length > 0 && ageMs() <= MAX_AGE_MS && nextInMs(now) === 0
      if (isTaken) {
        startedMs = clock.elapsedMs()
        takeFirst(part)
      }
      keepUp(now, !isTaken)
      return isTaken ? undefined : exchanges.rest(restMs(now))
    },
    nextInMs: () => nextInMs(storeTime.now()),
    leftToday: () => (options.dailyCalls ?? Infinity) - part.othersCalls - part.made,
    refused(retryAfterMs) {
      part.held = []
      void exchanges.run(async () => fail(await leasing.noteRefusal(retryAfterMs)))
    },
    answered() {
      // While the one call after a refusal is still to be made, replies are to calls from before it: they tell nothing.
      if (isProbing() && part.held.length === 0) void exchanges.run(leasing.noteAnswer)
    },
    async close() {
      fail(new Error('A call was asked for after the end of the run.'))
      // A process that never looked has nothing to give back.
      if (part.readMs !== -Infinity || exchanges.isBusy()) await giveBack(exchanges, leasing)
    },
  }
}

/** A wait of so long, cut short where the ledger is to be looked at before its end. */
function cutAtLook(ms: number, lookAheadMs: number): number {
  return Math.min(Math.max(1, ms > lookAheadMs ? ms - lookAheadMs : ms), MAX_AGE_MS)
}

/** Ends the lease after the exchanges that are under way. */
async function giveBack(exchanges: Exchanges, leasing: Leasing): Promise<void> {
  let lost: unknown
  await exchanges.run(async () => {
    await leasing.end().catch((error: unknown) => (lost = error))
  })
  if (lost !== undefined) throw lost
}

/** Makes one call of the first block. */
function takeFirst(part: Part): void {
  const [first, ...rest] = part.held
  if (first === undefined) return
  part.made += 1
  part.held = first.calls > 1 ? [{ ...first, calls: first.calls - 1 }, ...rest] : rest
}
