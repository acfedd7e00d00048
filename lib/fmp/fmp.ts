// The vendor, Financial Modeling Prep: the door of this room. A run reserves calls of its budget, fetches rows with them,
// and reads at its end what the calls took.

import type { Ask, RawRow } from '../core/dataset.ts'
import type { IngestError } from '../core/errors.ts'
import type { VendorStats } from '../core/outcome.ts'
import { createCallBudget, type Reservation } from './call-budget.ts'
import { createCalls, type CallsOptions } from './calls.ts'
import { createSharedLimit, type SharedLimitOptions } from './ledger/shared-limit.ts'
import { createRateGate, type NextCall, type Pacing, type RateGateOptions } from './rate-gate.ts'
import { rowsOf } from './reply.ts'
import { requestOf, type Endpoint, type HttpReply } from './request.ts'

export type { NextCall, Reservation }

export type FmpOptions = Endpoint &
  Omit<RateGateOptions, 'openShared'> &
  Omit<CallsOptions, 'gate'> & {
    /** The most attempts that the run may send; undefined means no limit. */
    readonly maxCalls: number | undefined
    /** The calls that the run plans to make, retries aside. */
    readonly plannedCalls?: number | undefined
    /** The ledger of the key, if processes share its limits. */
    readonly ledger?: LedgerOptions | undefined
  }

/** What a run shares with others that use its key. */
export type LedgerOptions = Pick<SharedLimitOptions, 'record' | 'storeTime' | 'process' | 'dailyCalls' | 'madeToday'>

/** FMP for one run. */
export type Fmp = {
  /**
   * Reserves the calls of one symbol. Returns an IngestError of kind `budget`, which stops the run, when `maxCalls` leaves
   * fewer.
   */
  reserve(symbol: string, calls: number): Reservation | IngestError
  /**
   * The rows of one call in FMP's order; none when FMP has no data. Sends the request again where a retry can help, and
   * takes each attempt from `reservation`. Throws an IngestError of scope `symbol` or `run`, or the reason of the run's
   * signal once that is aborted. After an error of the run that a reply gave, nothing more is sent.
   */
  fetchRows(ask: Ask, reservation: Reservation): Promise<readonly RawRow[]>
  /** When the next attempt may start. */
  nextCall(): NextCall
  stats(): VendorStats
  /** Gives back the calls that the run has leased and not made. Throws an IngestError of kind `store` if that fails. */
  giveBack(): Promise<void>
}

/** The one connection of a run to FMP: its budget, its rate gate and its calls. */
export function createFmp(options: FmpOptions): Fmp {
  const { ledger, plannedCalls = 0, clock, random, timeoutMs } = options
  const wanted = (): number => plannedCalls - calls.stats().calls
  const openShared =
    ledger && ((pacing: Pacing) => createSharedLimit({ ...ledger, ...pacing, clock, random, timeoutMs, wanted }))
  const gate = createRateGate({ ...options, openShared })
  const calls = createCalls({ ...options, gate })
  const { reserve } = createCallBudget(options.maxCalls, gate.leftToday)
  return {
    reserve,
    fetchRows: async (ask, reservation) => {
      const interpret = (reply: HttpReply) => rowsOf(reply, ask, options)
      return await calls.make(requestOf(ask, options), interpret, reservation)
    },
    nextCall: gate.nextCall,
    stats: calls.stats,
    giveBack: gate.giveBack,
  }
}
