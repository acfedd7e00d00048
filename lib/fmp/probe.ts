// One look at how FMP answers, for a command that checks the set-up. Nothing of it is stored.

import type { Ask, RawRow } from '../core/dataset.ts'
import { MAX_REPLY_ROWS, rowsOf } from './reply.ts'
import { requestOf, sendRequest, type Endpoint, type RequestOptions } from './request.ts'

export type ProbeOptions = Endpoint & RequestOptions

/** `isCut`: FMP has left out the oldest rows. */
export type ProbeReply = { readonly rows: readonly RawRow[]; readonly isCut: boolean }

/**
 * The rows of one call in FMP's order, those of a reply that FMP has cut off too. One attempt, past the rate gate and the
 * call budget. Throws an IngestError of any scope: with scope `attempt` the next attempt may succeed.
 */
export async function askOnce(ask: Ask, options: ProbeOptions): Promise<ProbeReply> {
  const reply = await sendRequest(requestOf(ask, options), options)
  const rows = rowsOf(reply, ask, { ...options, takesCut: true })
  return { rows, isCut: rows.length >= MAX_REPLY_ROWS }
}
