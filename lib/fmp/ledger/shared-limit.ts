// The calls that this process may make of those that all processes with its API key share. It leases the calls of the next
// seconds in the ledger, makes them, and leases the next; what it leaves over it gives back. `leases.ts` has the rules.

import { IngestError } from '../../core/errors.ts'
import type { TimeBounds } from '../../core/remote-clock.ts'
import { grouped } from '../../core/text.ts'
import { createExchanges } from './exchanges.ts'
import {
  endLease,
  joined,
  LEASE_MS,
  leaseCalls,
  MAX_AGE_MS,
  noteAnswer,
  noteRefusal,
  PROBE_REPORT_MS,
  type LeaseOutcome,
} from './leases.ts'
import { accessLedger, newPart, type LedgerAccess, type Part, type RecordOptions } from './record.ts'

export type SharedLimitOptions = RecordOptions & {
  /** The least time between the starts of two calls of all processes; 0 if there is none. */
  readonly intervalMs: number
  /** The calls of a UTC day of all processes; undefined if there is no limit. */
  readonly dailyCalls: number | undefined
  /** How many calls the process still wants to make, as far as it knows. */
  readonly wanted: () => number
  /** The length of a pause after so many refusals in a row, in milliseconds. */
  readonly pauseMs: (refusals: number, retryAfterMs: number | undefined) => number
}

/** The limit that processes share. */
export type SharedLimit = {
  /**
   * Takes a call if one may start now, and returns undefined. Else returns a promise that resolves when it is worth asking
   * again. Throws an IngestError of the run: of kind `quota` if no call is left today, of kind `store` if the ledger cannot
   * be read or written.
   */
  take(): Promise<void> | undefined
  /** In how many milliseconds the next call may start, as far as it is known. */
  nextInMs(): number
  /** To be called when FMP has refused a call for the call limit: all processes pause. */
  refused(retryAfterMs: number | undefined): void
  /** To be called when FMP has answered a call. */
  answered(): void
  /** Gives back what is left. No call is taken afterwards. Throws an IngestError of kind `store` if that fails. */
  close(): Promise<void>
}

/** A lease is renewed when so small a part of it is left. */
const RENEWED_AT = 0.25

/** The calls of a lease where there is no rate to keep. */
const CALLS_WITHOUT_RATE = 100

/** The ledger is looked at so long before a block begins, and the time of an exchange. */
const LOOK_AHEAD_MS = 1_000

/** As uncertain as the store's time is, so long nobody calls between the blocks of two processes. */
const SHARP_MS = 100
const MAX_SHARPENINGS = 10

/** The limit of one process. Reads and writes nothing before the first call is asked for. */
export function createSharedLimit(options: SharedLimitOptions): SharedLimit {
  const { storeTime, clock, signal, intervalMs } = options
  const part = newPart()
  let failure: unknown
  const fail = (error: unknown): void => void (failure ??= error)
  const exchanges = createExchanges({ clock, signal, onFailure: fail })
  const ledger = accessLedger(options, part)
  const leasing = createLeasing(options, part, ledger)
  let startedMs = -Infinity
  let isClosed = false

  const isProbing = (): boolean => (storeTime.now()?.earliestMs ?? 0) < part.probingUntilMs
  const isFresh = (): boolean => clock.elapsedMs() - part.readMs <= MAX_AGE_MS

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
    if (leasing.isLow(isAwaited) && !isWaiting && !isProbing()) return void exchanges.run(async () => fail(await leasing.renew()))
    // The next call may need it before it is too old.
    const isOld = clock.elapsedMs() - part.readMs > MAX_AGE_MS / 2
    const isSoon = part.held.length > 0 && nextInMs(now) <= LOOK_AHEAD_MS + part.latencyMs
    if (isOld && isSoon) void exchanges.run(ledger.look)
    else if (leasing.isBlurred()) void exchanges.run(leasing.sharpen)
  }

  /** How long nothing happens that the end of an exchange does not tell. */
  function restMs(now: TimeBounds | undefined): number {
    const needsLedger = part.held.length === 0 || !isFresh()
    if (isProbing() || (exchanges.isBusy() && needsLedger)) return MAX_AGE_MS
    const ms = nextInMs(now)
    const lookInMs = ms - LOOK_AHEAD_MS - part.latencyMs
    return Math.min(Math.max(1, lookInMs > 0 ? lookInMs : ms), MAX_AGE_MS)
  }

  return {
    take() {
      if (failure !== undefined) throw failure
      if (isClosed) throw new Error('A call was asked for after the end of the run.')
      const now = storeTime.now()
      if (now !== undefined) part.held = part.held.filter(({ untilMs }) => now.latestMs + intervalMs <= untilMs)
      const isTaken = now !== undefined && part.held.length > 0 && isFresh() && nextInMs(now) === 0
      if (isTaken) {
        startedMs = clock.elapsedMs()
        takeFirst(part)
      }
      keepUp(now, !isTaken)
      return isTaken ? undefined : exchanges.rest(restMs(now))
    },

    nextInMs: () => nextInMs(storeTime.now()),

    refused(retryAfterMs) {
      part.held = []
      void exchanges.run(async () => fail(await leasing.refused(retryAfterMs)))
    },

    answered() {
      if (!isProbing()) return
      part.probingUntilMs = -Infinity
      void exchanges.run(() => ledger.change((state, claim) => ({ state: noteAnswer(state, claim), result: undefined })))
    },

    async close() {
      isClosed = true
      // A process that never looked has nothing to give back.
      if (part.readMs === -Infinity && !exchanges.isBusy()) return
      let lost: unknown
      await exchanges.run(async () => {
        const ended = ledger.change((state, claim) => {
          const next = endLease(state, { ...claim, intervalMs })
          return { state: next === state ? undefined : next, result: undefined }
        })
        await ended.catch((error: unknown) => (lost = error))
      })
      if (lost !== undefined) throw lost
    },
  }
}

/** Makes one call of the first block. */
function takeFirst(part: Part): void {
  const [first, ...rest] = part.held
  if (first === undefined) return
  part.made += 1
  part.held = first.calls > 1 ? [{ ...first, calls: first.calls - 1 }, ...rest] : rest
}

/** When and what a process leases. */
function createLeasing(options: SharedLimitOptions, part: Part, ledger: LedgerAccess) {
  const { intervalMs, storeTime } = options
  const dailyCalls = options.dailyCalls ?? Infinity
  const mostCalls = intervalMs === 0 ? CALLS_WITHOUT_RATE : Math.max(2, Math.round(LEASE_MS / intervalMs))
  let waitsUntilMs = 0
  let sharpenings = 0

  const callsHeld = (): number => part.held.reduce((sum, { calls }) => sum + calls, 0)

  function isBlurred(): boolean {
    const now = storeTime.now()
    return now !== undefined && sharpenings < MAX_SHARPENINGS && now.latestMs - now.earliestMs > SHARP_MS
  }

  async function sharpen(): Promise<void> {
    sharpenings += 1
    await ledger.sharpen()
  }

  async function lease(): Promise<LeaseOutcome | 'sharpen'> {
    return await ledger.change<LeaseOutcome | 'sharpen'>((state, claim) => {
      // While others call there is time for it, and the block then loses less at its edges.
      const isEarly = state.freeFromMs > claim.now.latestMs + 2_000
      if (isEarly && part.held.length === 0 && isBlurred()) return { state: undefined, result: 'sharpen' }
      const wanted = Math.min(mostCalls - callsHeld(), Math.max(1, options.wanted() - callsHeld()))
      const { latencyMs } = part
      const leased = leaseCalls(state, { ...claim, wanted, intervalMs, dailyCalls, latencyMs })
      const isLeased = leased.outcome.kind === 'leased'
      return { state: isLeased ? leased.state : undefined, result: leased.outcome }
    })
  }

  return {
    isBlurred,
    sharpen,
    waitsUntilMs: () => waitsUntilMs,
    /** Whether calls are to be leased. `isAwaited`: somebody waits for one. */
    isLow(isAwaited: boolean): boolean {
      const calls = callsHeld()
      return calls <= mostCalls * RENEWED_AT && (options.wanted() > calls || (isAwaited && calls === 0))
    },

    /** Leases calls. Returns the error that ends the run if none is left. */
    async renew(): Promise<IngestError | undefined> {
      let outcome = await lease()
      while (outcome === 'sharpen') {
        await sharpen()
        outcome = await lease()
      }
      if (outcome.kind === 'spent') return spentError(dailyCalls)
      if (outcome.kind === 'limited') return limitedError()
      if (outcome.kind === 'wait') {
        waitsUntilMs = outcome.untilMs
        return undefined
      }
      if (outcome.isProbe) part.probingUntilMs = outcome.block.untilMs + PROBE_REPORT_MS
      part.held = joined([...part.held, outcome.block])
      return undefined
    },

    /** Notes a refusal for all processes. Returns the error that ends the run if the limit of the day is reached. */
    async refused(retryAfterMs: number | undefined): Promise<IngestError | undefined> {
      const pauseMs = (refusals: number) => options.pauseMs(refusals, retryAfterMs)
      part.probingUntilMs = -Infinity
      const isLimited = await ledger.change((state, claim) => {
        const next = noteRefusal(state, { ...claim, pauseMs })
        return { state: next, result: next.limitedUntilMs !== null }
      })
      return isLimited ? limitedError() : undefined
    },
  }
}

function spentError(dailyCalls: number): IngestError {
  const calls = `${grouped(dailyCalls)} calls of this UTC day (DAILY_CALLS)`
  const hint = 'Run again after midnight UTC: it goes on where it stopped.'
  return new IngestError(`The ${calls} are made, those of other runs with this key included`, {
    kind: 'quota',
    scope: 'run',
    hint,
  })
}

function limitedError(): IngestError {
  const says = 'The day limit of your plan is reached: FMP has refused every call of all runs for over two minutes'
  const hint = 'Run again tomorrow: it goes on where it stopped.'
  return new IngestError(says, { kind: 'quota', scope: 'run', hint })
}
