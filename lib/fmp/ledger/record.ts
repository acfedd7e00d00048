// Reads and changes the ledger of the day for one process, and keeps what the process knows of its part in it.

import type { Clock } from '../../core/clock.ts'
import { utcDate, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { RemoteClock, TimeBounds } from '../../core/remote-clock.ts'
import { backoffMs } from '../../core/retry.ts'
import { createLateReads } from './late-reads.ts'
import { leaseOf, tidied, type Claim } from './leases.ts'
import { formatLedger, leasedCalls, parseLedger, type Block, type LedgerState } from './state.ts'

/** The ledgers of one API key, one a day. Its functions throw IngestErrors of kind `store`. */
export type LedgerRecord = {
  /** Where the ledger of a day is, as a person would look for it. */
  locate(day: IsoDate): string
  /** The newest text and its version; the text is undefined if there is none yet. */
  read(day: IsoDate): Promise<{ readonly text: string | undefined; readonly version: string }>
  /** Stores the next version. Resolves to false if another one was stored since, or where that is not known. */
  write(day: IsoDate, text: string, version: string): Promise<boolean>
  /** Makes a request, so that the answer tells the store's time. */
  learnTime(): Promise<void>
}

export type RecordOptions = {
  readonly record: LedgerRecord
  /** The store's time. */
  readonly storeTime: Pick<RemoteClock, 'now'>
  readonly clock: Clock
  /** At least 0 and less than 1. */
  readonly random: () => number
  /** A random id of this process. */
  readonly process: string
  /** The signal of the run. */
  readonly signal: AbortSignal
}

/** The part of this process in the ledger, as it knows it. */
export type Part = {
  /** Its blocks with calls that are not made yet, in the order of their times. */
  held: readonly Block[]
  /** The calls made since its lease in the ledger began. */
  made: number
  /** The calls of today that are made or leased and not its own. */
  othersCalls: number
  /** Until then it reports on the one call of a refusal; in the store's time. */
  probingUntilMs: number
  /** When the ledger was last read: when that request was sent. */
  readMs: number
  /** How long the last change of the ledger took: to read it and to write it. */
  latencyMs: number
  /** How long it took to write it. */
  writeMs: number
}

export function newPart(othersCalls = 0): Part {
  return { held: [], made: 0, othersCalls, probingUntilMs: -Infinity, readMs: -Infinity, latencyMs: 100, writeMs: 100 }
}

/** A change of the ledger, and what comes of it. Without a `state` the ledger is left as it is. */
export type Change<T> = (
  state: LedgerState,
  claim: Claim,
) => { readonly state: LedgerState | undefined; readonly result: T }

export type LedgerAccess = {
  /** Reads the ledger of the day, and drops from `part` what it does not allow any more. */
  look(): Promise<Reading>
  /** Changes the ledger, again and again until nobody else has changed it meanwhile. */
  change<T>(apply: Change<T>): Promise<T>
  /** The error that ends the run once no read has been in time for a call for too long; undefined before. */
  lateError(): IngestError | undefined
  /** Whether the store's time is known so roughly that it costs calls, and can be known better. */
  isTimeUncertain(): boolean
  /** Narrows what is known of the store's time. Takes up to a second. */
  refineTime(): Promise<void>
}

type Reading = { readonly state: LedgerState; readonly version: string; readonly day: IsoDate }

/** Other processes change the ledger too: a change is made again soon, and not at the same moments as theirs. */
const BACKOFF = { baseMs: 50, capMs: 1_000 }

/** A write may be lost on its way, but not so many in a row of one version: such a store does not know its own tags. */
const MAX_REFUSALS = 20

/** As uncertain as the store's time is, so long nobody calls between the blocks of two processes. */
const UNCERTAIN_MS = 100
const MAX_REFINEMENTS = 10

/** One exchange at a time may use it. */
export function accessLedger(options: RecordOptions, part: Part): LedgerAccess {
  const { record, clock, random, process, signal } = options
  let known: { readonly day: IsoDate; readonly epoch: number } | undefined
  const lateReads = createLateReads()
  let turn = 0
  const now = async (): Promise<TimeBounds> => await storeTimeOf(options)

  async function look(): Promise<Reading> {
    const day = utcDate((await now()).earliestMs)
    const sentMs = clock.elapsedMs()
    const { text, version } = await record.read(day)
    lateReads.note(clock.elapsedMs() - sentMs, record.locate(day))
    const state = tidied(parseLedger(text, day, record.locate(day)), await now())
    part.readMs = sentMs
    const isNew = day !== known?.day || leaseOf(state, process) === undefined
    part.othersCalls = leasedCalls(state) - (leaseOf(state, process)?.calls ?? 0)
    const isVoid = state.epoch !== known?.epoch
    if (isNew) part.made = 0
    if (isNew || isVoid) part.held = []
    if (isVoid) part.probingUntilMs = -Infinity
    known = { day, epoch: state.epoch }
    return { state, version, day }
  }

  async function change<T>(apply: Change<T>): Promise<T> {
    const tried = new Map<number, { readonly result: T; readonly epoch: number }>()
    let unchanged = { version: '', times: 0 }
    for (let attempt = 1; ; attempt += 1) {
      const begunMs = clock.elapsedMs()
      const { state, version, day } = await look()
      // The answer to an earlier attempt was lost, and the change is there; what it leased may be void since.
      const landed = tried.get(leaseOf(state, process)?.turn ?? -1)
      if (landed?.epoch === state.epoch) return landed.result
      turn += 1
      const next = apply(state, { process, turn, made: part.made, kept: part.held, now: await now() })
      if (next.state === undefined) return next.result
      tried.set(turn, { result: next.result, epoch: next.state.epoch })
      const sentMs = clock.elapsedMs()
      if (await record.write(day, formatLedger(next.state), version)) {
        part.writeMs = clock.elapsedMs() - sentMs
        part.latencyMs = clock.elapsedMs() - begunMs
        known = { day, epoch: next.state.epoch }
        return next.result
      }
      unchanged = { version, times: version === unchanged.version ? unchanged.times + 1 : 1 }
      if (unchanged.times >= MAX_REFUSALS) throw refusedError(record.locate(day))
      // A run that is stopped tries again at once: it gives back its calls, and has little time for that.
      await clock.sleep(backoffMs(attempt, BACKOFF, random), signal)
    }
  }

  return {
    look,
    change,
    lateError: lateReads.error,
    ...createRefinement(options),
  }
}

function createRefinement(options: RecordOptions): Pick<LedgerAccess, 'isTimeUncertain' | 'refineTime'> {
  const { record, storeTime, clock, signal } = options
  let refinements = 0
  return {
    isTimeUncertain() {
      const bounds = storeTime.now()
      return bounds !== undefined && refinements < MAX_REFINEMENTS && bounds.latestMs - bounds.earliestMs > UNCERTAIN_MS
    },
    async refineTime() {
      refinements += 1
      const { earliestMs, latestMs } = await storeTimeOf(options)
      // When the middle of the bounds passes from one second to the next, the answer tells which half holds: the header
      // `Date` has whole seconds.
      await clock.sleep(1_000 - (((earliestMs + latestMs) / 2) % 1_000), signal)
      await record.learnTime()
    },
  }
}

function refusedError(location: string): IngestError {
  const says = `${location}: the store has refused to replace the ledger ${MAX_REFUSALS} times, though nobody has changed it`
  const hint =
    'It does not take its own ETag in If-Match, or a proxy changes one of them: ingest doctor checks it. Use another store, or run without --ledger.'
  return new IngestError(says, { kind: 'store', scope: 'run', hint })
}

async function storeTimeOf({ storeTime, record }: RecordOptions): Promise<TimeBounds> {
  if (storeTime.now() === undefined) await record.learnTime()
  const now = storeTime.now()
  if (now === undefined) throw new Error('No answer of the store has told its time.')
  return now
}
