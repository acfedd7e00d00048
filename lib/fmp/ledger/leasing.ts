// When and what one process leases, and what it does to the ledger otherwise.

import { IngestError } from '../../core/errors.ts'
import { grouped } from '../../core/text.ts'
import {
  AHEAD_MS,
  callsOfLease,
  endLease,
  LEASE_MS,
  leaseCalls,
  MAX_AGE_MS,
  noteAnswer,
  noteRefusal,
  type LeaseOutcome,
} from './leases.ts'
import type { LedgerAccess, Part, RecordOptions } from './record.ts'
import { callsIn, joined, type LedgerState } from './state.ts'

export type LeasingOptions = Pick<RecordOptions, 'storeTime' | 'random'> & {
  /** The least time between the starts of two calls of all processes; 0 if there is none. */
  readonly intervalMs: number
  /** How long a call may take. */
  readonly timeoutMs: number
  /** The calls of a UTC day of all processes; undefined if there is no limit. */
  readonly dailyCalls: number | undefined
  /** How many calls the process still wants to make, as far as it knows. */
  readonly wanted: () => number
  /** The length of a pause after so many refusals in a row, in milliseconds. */
  readonly pauseMs: (refusals: number, retryAfterMs: number | undefined) => number
}

/** What changes the ledger takes an exchange with the store, one after the other. */
export type Leasing = {
  /** Whether calls are to be leased. `isAwaited`: somebody waits for one. */
  isLow(isAwaited: boolean): boolean
  /** Until when nothing can be leased, in the store's time; 0 if that is not known. */
  waitsUntilMs(): number
  /** Leases calls. Returns the error that ends the run if somebody waits for a call and none is left. */
  renew(isAwaited: boolean): Promise<IngestError | undefined>
  /** Notes a refusal for all processes. Returns the error that ends the run if the limit of the day is reached. */
  noteRefusal(retryAfterMs: number | undefined): Promise<IngestError | undefined>
  /** Notes for all processes that FMP answers again. */
  noteAnswer(): Promise<void>
  /** Gives back what is left. */
  end(): Promise<void>
}

/** A lease is renewed when so small a part of it is left. */
const RENEWED_AT = 0.25

/** The next change of the ledger may take so many times as long as the last one. */
const LATENCY_SPREAD = 1.5

/** While others call for so long, there is time to find out the store's time. */
const REFINEMENT_MS = 2_000

export function createLeasing(options: LeasingOptions, part: Part, ledger: LedgerAccess): Leasing {
  const { intervalMs, timeoutMs, storeTime, random, dailyCalls = Infinity } = options
  /** The calls of a lease, as the ledger was last seen. */
  let mostCalls = 1
  let waitsUntilMs = 0

  const callsHeld = (): number => callsIn(part.held)

  async function lease(): Promise<LeaseOutcome | 'refine'> {
    return await ledger.change<LeaseOutcome | 'refine'>((state, claim) => {
      // A block loses less at its edges then.
      const isEarly = state.freeFromMs > claim.now.latestMs + REFINEMENT_MS
      if (isEarly && part.held.length === 0 && ledger.isTimeUncertain()) return { state: undefined, result: 'refine' }
      mostCalls = callsOfLease(state, claim, intervalMs)
      const wanted = Math.max(1, Math.min(mostCalls, options.wanted()) - callsHeld())
      const latencyMs = callableInMs(part)
      const leased = leaseCalls(state, { ...claim, wanted, intervalMs, timeoutMs, dailyCalls, latencyMs })
      return { state: leased.state === state ? undefined : leased.state, result: leased.outcome }
    })
  }

  function accept(outcome: LeaseOutcome, isNeeded: boolean): IngestError | undefined {
    if (outcome.kind === 'limited') return limitedError(outcome.untilMs)
    if (outcome.kind === 'spent' && isNeeded) return spentError(dailyCalls)
    if (outcome.kind !== 'leased') {
      // Another process may give calls back.
      const untilMs = outcome.kind === 'wait' ? outcome.untilMs : (storeTime.now()?.latestMs ?? 0) + LEASE_MS
      // Processes that wait for the same do not all come at once.
      waitsUntilMs = untilMs + (random() * AHEAD_MS) / 3
      return undefined
    }
    if (outcome.probedUntilMs !== undefined) part.probingUntilMs = outcome.probedUntilMs
    part.held = joined([...part.held, outcome.block])
    return undefined
  }

  return {
    waitsUntilMs: () => waitsUntilMs,
    isLow(isAwaited) {
      const calls = callsHeld()
      return calls <= mostCalls * RENEWED_AT && (options.wanted() > calls || (isAwaited && calls === 0))
    },
    async renew(isAwaited) {
      let outcome = await lease()
      while (outcome === 'refine') {
        await ledger.refineTime()
        outcome = await lease()
      }
      return accept(outcome, isAwaited && part.held.length === 0)
    },
    async noteRefusal(retryAfterMs) {
      const pauseMs = (refusals: number) => options.pauseMs(refusals, retryAfterMs)
      part.probingUntilMs = -Infinity
      // The exchange before this one may have leased calls.
      part.held = []
      const untilMs = await ledger.change((state, claim) => {
        const next = noteRefusal(state, { ...claim, pauseMs })
        return { state: next, result: next.limitedUntilMs }
      })
      return untilMs === null ? undefined : limitedError(untilMs)
    },
    async noteAnswer() {
      // Another answer was as fast.
      if (part.probingUntilMs === -Infinity) return
      part.probingUntilMs = -Infinity
      await ledger.change((state, claim) => unlessSame(state, noteAnswer(state, claim)))
    },
    end: () => ledger.change((state, claim) => unlessSame(state, endLease(state, { ...claim, intervalMs }))),
  }
}

/** How soon calls may start after a change: when it is written, and the ledger read again where it would be too old then. */
function callableInMs({ latencyMs, writeMs }: Part): number {
  const exchangeMs = latencyMs * LATENCY_SPREAD
  return exchangeMs > MAX_AGE_MS ? exchangeMs : writeMs * LATENCY_SPREAD
}

/** A change that leaves the ledger alone where it changes nothing. */
function unlessSame(state: LedgerState, next: LedgerState) {
  return { state: next === state ? undefined : next, result: undefined }
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

/** A run may meet it that has made no call itself. */
function limitedError(untilMs: number): IngestError {
  const says = 'The day limit of your plan is reached: FMP has refused every call of all runs for over two minutes'
  const hint = `Run again tomorrow: it goes on where it stopped. No run with this key makes a call before ${new Date(untilMs).toISOString().slice(11, 16)} UTC.`
  return new IngestError(says, { kind: 'quota', scope: 'run', hint })
}
