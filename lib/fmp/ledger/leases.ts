// What processes do to a ledger: lease calls, give them back, report a refusal or its end. Each function returns the ledger
// as it is afterwards and changes nothing; `record.ts` stores it, if nobody else has stored another one meanwhile.
//
// Invariants, each held by `test/fmp/ledger/`:
// L1  No two valid blocks overlap, so the starts of calls of different processes are an interval apart, as those of one are.
// L2  The calls made and those that blocks still allow are never more than the calls of the day.
// L3  A block lies within the day of its ledger, a margin from both midnights.
// L4  A process has at most one lease of calls that it has not made: that is what its death costs.
// L5  After a refusal no block that was leased before it is used for longer than a ledger may be known without a look, and
//     one call at a time is leased until one is answered.
// L6  Nothing is counted twice or forgotten when an answer of the store is lost: a change is known by its process and turn.

import { MS_PER_DAY } from '../../core/dates.ts'
import { DRIFT, type TimeBounds } from '../../core/remote-clock.ts'
import { callsIn, joined, leasedCalls, type Block, type Lease, type LedgerState, type Refusal } from './state.ts'

/** How long a lease is used for, at the set rate. Longer ones cost fewer requests, shorter ones lose less with a process. */
export const LEASE_MS = 10_000

/** The same while other processes have calls leased. */
const SHARED_LEASE_MS = 5_000

/**
 * A block is leased so long before it begins at the earliest. Processes that wait have nothing leased then, and take no time
 * with them when they die.
 */
export const AHEAD_MS = 3_000

/** The calls of a lease where there is no rate to keep. */
const CALLS_WITHOUT_RATE = 100

/** Calls start a little late on a busy machine: a block has so much more time than its calls need. */
const LATENESS = 1.02

/** How old the known ledger may be when a call starts (L5). */
export const MAX_AGE_MS = 10_000

/** Clocks of the vendor and of the store may differ by that much without a call of one day being counted on another. */
export const DAY_MARGIN_MS = 60_000

/** When a lease is folded into the total though its process has not ended it: the process is taken for dead. */
const FORGOTTEN_MS = 120_000

/** How long a process may take to report how the one call of a refusal has ended. */
const REPORT_MS = 5_000

/** How often the others look whether FMP answers again. */
const PROBE_POLL_MS = 2_000

/** How long calls are refused without a break before the limit of the day is taken for reached. */
const DAY_LIMIT_MS = 130_000

/** For how long then: nobody knows when FMP's day begins, so a later run asks again. */
const LIMITED_MS = 3_600_000

/** What a process knows when it changes a ledger that it has read and tidied. */
export type Claim = {
  readonly process: string
  /** This change; greater with each attempt. */
  readonly turn: number
  /** The calls that the process has made since its lease in the ledger began. */
  readonly made: number
  /** What is left of its blocks. */
  readonly kept: readonly Block[]
  /** The store's time. */
  readonly now: TimeBounds
}

export type LeaseClaim = Claim & {
  /** How many calls it could use, 1 or more. */
  readonly wanted: number
  /** The least time between the starts of two calls; 0 if there is none. */
  readonly intervalMs: number
  /** How long a call may take. */
  readonly timeoutMs: number
  /** Infinity if there is no limit. */
  readonly dailyCalls: number
  /** How soon calls may start after this change: a block that begins before has so much time more. */
  readonly latencyMs: number
}

export type LeaseOutcome =
  /** `probedUntilMs`: until when it is reported how the one call of a refusal has ended; undefined where there is none. */
  | { readonly kind: 'leased'; readonly block: Block; readonly probedUntilMs: number | undefined }
  /** Nothing can be leased before that time. */
  | { readonly kind: 'wait'; readonly untilMs: number }
  /** The calls of the day are made or leased. */
  | { readonly kind: 'spent' }
  /** FMP's own limit of the day is taken for reached until that time. */
  | { readonly kind: 'limited'; readonly untilMs: number }

export type Leased = { readonly state: LedgerState; readonly outcome: LeaseOutcome }

/** The most calls that a process leases at once. */
export function callsOfLease({ leases }: LedgerState, { process, now }: Claim, intervalMs: number): number {
  if (intervalMs === 0) return CALLS_WITHOUT_RATE
  const isAhead = ({ untilMs }: Block) => untilMs > now.earliestMs
  const isShared = leases.some((lease) => lease.process !== process && lease.blocks.some(isAhead))
  return Math.max(2, Math.round((isShared ? SHARED_LEASE_MS : LEASE_MS) / intervalMs))
}

/** Leases calls to a process, if there are any. */
export function leaseCalls(state: LedgerState, claim: LeaseClaim): Leased {
  const { now, kept, made, wanted, dailyCalls, intervalMs } = claim
  if (state.limitedUntilMs !== null && now.earliestMs < state.limitedUntilMs)
    return { state, outcome: { kind: 'limited', untilMs: state.limitedUntilMs } }
  const { refusal } = state
  if (refusal !== null && isProbed(refusal, claim)) return waiting(state, claim, now.latestMs + PROBE_POLL_MS)
  const left = dailyCalls - leasedCalls(without(state, claim.process)) - made - callsIn(kept)
  if (left < 1) return { state, outcome: { kind: 'spent' } }
  const fromMs = Math.ceil(Math.max(startOf(state, claim), dayStart(state.day) + DAY_MARGIN_MS))
  const calls = refusal === null ? Math.min(wanted, left) : 1
  const block = blockOf(fromMs, calls, { ...claim, endMs: dayStart(state.day) + MS_PER_DAY - DAY_MARGIN_MS })
  // The rest of the day holds none: the next day has a ledger of its own.
  if (block === undefined) return waiting(state, claim, nextDayMs(state))
  if (refusal === null && fromMs > now.latestMs + AHEAD_MS) return waiting(state, claim, fromMs - AHEAD_MS)
  const changed = withLease(state, claim, joined([...kept, block]))
  const probed = refusal && probedBy(claim, block, refusal, state.limitedUntilMs !== null)
  return {
    state: { ...changed, freeFromMs: intervalMs === 0 ? changed.freeFromMs : block.untilMs, refusal: probed },
    outcome: { kind: 'leased', block, probedUntilMs: probed?.probe.untilMs },
  }
}

/** The refusal that a process finds out about in its block. Its call may begin last in the block, and take its whole time. */
function probedBy({ process, now, timeoutMs }: LeaseClaim, block: Block, refusal: Refusal, isLimited: boolean) {
  // Nobody has asked for so long that nobody knows whether it was unbroken: its runs were over.
  const isForgotten = !isLimited && now.earliestMs > refusal.untilMs + FORGOTTEN_MS
  const sinceMs = isForgotten ? now.earliestMs : refusal.sinceMs
  return { ...refusal, sinceMs, probe: { process, untilMs: block.untilMs + timeoutMs + REPORT_MS } }
}

/** A process that waits gives back the calls whose time has passed: it may wait until it is taken for dead. */
function waiting(state: LedgerState, claim: Claim, untilMs: number): Leased {
  const { calls = 0 } = leaseOf(state, claim.process) ?? {}
  const isSettled = calls === 0 || calls === claim.made + callsIn(claim.kept)
  return { state: isSettled ? state : withLease(state, claim, claim.kept), outcome: { kind: 'wait', untilMs } }
}

/** Whether another process makes the one call of a refusal, or may still report on it. */
function isProbed({ probe }: Refusal, { process, now }: Claim): boolean {
  return probe !== null && probe.process !== process && now.earliestMs < probe.untilMs
}

/** When the next block may begin. */
function startOf({ freeFromMs, refusal }: LedgerState, { now, intervalMs }: LeaseClaim): number {
  if (refusal === null) return Math.max(freeFromMs, now.earliestMs)
  // Blocks from before the refusal are void for everybody once everybody has looked; a call may have started just before.
  const voidFromMs = Math.max(refusal.untilMs, now.latestMs + MAX_AGE_MS + intervalMs)
  return Math.max(Math.min(freeFromMs, voidFromMs), refusal.untilMs, now.earliestMs)
}

/** A block of up to so many calls; undefined if not even one fits before `endMs`. */
function blockOf(
  fromMs: number,
  wanted: number,
  { now, kept, intervalMs, latencyMs, endMs }: LeaseClaim & { readonly endMs: number },
): Block | undefined {
  const lostMs = Math.min(latencyMs, Math.max(0, now.latestMs + latencyMs - fromMs))
  if (intervalMs === 0) {
    const untilMs = Math.min(Math.ceil(Math.max(fromMs, now.latestMs) + lostMs + LEASE_MS), endMs)
    return untilMs > fromMs ? { fromMs, untilMs, calls: wanted } : undefined
  }
  // A block that follows the last one loses no time between them, and has what that has left over.
  const isNext = kept.at(-1)?.untilMs === fromMs
  // At the edges of a block the time is as uncertain as it will be then.
  const edgesMs = isNext ? 0 : now.latestMs - now.earliestMs + 2 * DRIFT * Math.max(0, fromMs - now.earliestMs)
  const slackMs = edgesMs + lostMs
  const stepMs = intervalMs * (isNext ? 1 : LATENESS)
  const calls = Math.min(wanted, Math.floor((endMs - fromMs - slackMs) / stepMs))
  return calls < 1 ? undefined : { fromMs, untilMs: Math.ceil(fromMs + calls * stepMs + slackMs), calls }
}

/** Ends the lease of a process: its calls that were not made are free again. */
export function endLease(state: LedgerState, claim: Claim & { readonly intervalMs: number }): LedgerState {
  const { process, made, kept, now, intervalMs } = claim
  if (leaseOf(state, process) === undefined) return state
  const last = kept.at(-1)
  // The last call of this process has started by now.
  const unusedFromMs = Math.ceil(Math.max(last?.fromMs ?? 0, now.latestMs + intervalMs))
  const isLast = last?.untilMs === state.freeFromMs
  return {
    ...without(state, process),
    closedCalls: state.closedCalls + made,
    freeFromMs: isLast ? Math.min(state.freeFromMs, unusedFromMs) : state.freeFromMs,
  }
}

export type RefusalClaim = Claim & { readonly pauseMs: (refusals: number) => number }

/** Notes that FMP has refused a call for the call limit, or that it still does. */
export function noteRefusal(state: LedgerState, claim: RefusalClaim): LedgerState {
  const { now, process, pauseMs } = claim
  const { refusal } = state
  // Calls that were under way together are refused together: one pause serves them all.
  const isSame = refusal !== null && refusal.probe?.process !== process
  const count = (refusal?.count ?? 0) + (isSame ? 0 : 1)
  const sinceMs = refusal?.sinceMs ?? now.earliestMs
  const untilMs = Math.max(refusal?.untilMs ?? 0, isSame ? 0 : now.latestMs + pauseMs(count))
  // A call from before the pause may be reported long after it.
  const isLimit = !isSame && now.earliestMs - sinceMs >= DAY_LIMIT_MS
  return {
    ...withLease(state, claim, []),
    epoch: state.epoch + (isSame ? 0 : 1),
    refusal: { sinceMs, untilMs, count, probe: isSame ? refusal.probe : null },
    limitedUntilMs: isLimit ? Math.min(now.latestMs + LIMITED_MS, nextDayMs(state)) : state.limitedUntilMs,
  }
}

/** Notes that FMP answers again; nothing if meanwhile another process finds that out. */
export function noteAnswer(state: LedgerState, claim: Claim): LedgerState {
  if (state.refusal?.probe?.process !== claim.process) return state
  return { ...withLease(state, claim, claim.kept), refusal: null, limitedUntilMs: null }
}

/** The lease of a process; undefined if it has none, or none any more. */
export function leaseOf({ leases }: LedgerState, process: string): Lease | undefined {
  return leases.find((lease) => lease.process === process)
}

function withLease(state: LedgerState, { process, turn, made }: Claim, blocks: readonly Block[]): LedgerState {
  const lease = { process, turn, calls: made + callsIn(blocks), blocks: [...blocks] }
  return { ...state, leases: [...without(state, process).leases, lease] }
}

function without(state: LedgerState, process: string): LedgerState {
  return { ...state, leases: state.leases.filter((lease) => lease.process !== process) }
}

/** Folds the leases of processes that have long been silent into the total, as if all of their calls had been made. */
export function tidied(state: LedgerState, now: TimeBounds): LedgerState {
  const isForgotten = ({ blocks }: Lease) => blocks.every(({ untilMs }) => untilMs + FORGOTTEN_MS < now.earliestMs)
  const forgotten = state.leases.filter(isForgotten)
  if (forgotten.length === 0) return state
  const calls = forgotten.reduce((sum, lease) => sum + lease.calls, 0)
  return {
    ...state,
    closedCalls: state.closedCalls + calls,
    leases: state.leases.filter((lease) => !isForgotten(lease)),
  }
}

/** When the first block of the next day's ledger may begin. */
function nextDayMs({ day }: LedgerState): number {
  return dayStart(day) + MS_PER_DAY + DAY_MARGIN_MS
}

function dayStart(day: string): number {
  return Date.parse(`${day}T00:00:00Z`)
}
