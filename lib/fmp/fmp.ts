// The vendor, Financial Modeling Prep: the door of this room. A run reserves calls of its budget, fetches rows with them,
// and reads at its end what the calls took.

import type { Ask, RawRow } from '../core/dataset.ts'
import type { IngestError } from '../core/errors.ts'
import type { VendorStats } from '../core/outcome.ts'
import { createCallBudget, type Reservation } from './call-budget.ts'
import { createCalls, type CallsOptions } from './calls.ts'
import { createRateGate, type NextCall, type RateGateOptions } from './rate-gate.ts'
import { rowsOf } from './reply.ts'
import { requestOf, type Endpoint, type HttpReply } from './request.ts'

export type { NextCall, Reservation }

export type FmpOptions = Endpoint &
  RateGateOptions &
  Omit<CallsOptions, 'gate'> & {
    /** The most attempts that the run may send; undefined means no limit. */
    readonly maxCalls: number | undefined
  }

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
}

/** The one connection of a run to FMP: its budget, its rate gate and its calls. */
export function createFmp(options: FmpOptions): Fmp {
  const { reserve } = createCallBudget(options.maxCalls)
  const gate = createRateGate(options)
  const calls = createCalls({ ...options, gate })
  return {
    reserve,
    fetchRows: async (ask, reservation) => {
      const interpret = (reply: HttpReply) => rowsOf(reply, ask, options)
      return await calls.make(requestOf(ask, options), interpret, reservation)
    },
    nextCall: gate.nextCall,
    stats: calls.stats,
  }
}
