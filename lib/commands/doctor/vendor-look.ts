// What `ingest doctor` asks FMP: at most three calls, at the set rate, each once when the first check needs it.

import type { VendorSettings } from '../../core/config.ts'
import type { Ask } from '../../core/dataset.ts'
import { FIRST_YEAR, wholeYear } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { Fetch } from '../../core/fetch.ts'
import { userAgentOf } from '../../core/text.ts'
import type { SessionDataset } from '../../datasets/prices/schema.ts'
import { askOnce, type ProbeReply } from '../../fmp/probe.ts'
import type { Effects } from '../effects.ts'
import type { Look } from '../inspect/look.ts'
import { once } from './checks.ts'

export type PricesReply = ProbeReply & {
  /** Only the last sessions were asked for, because FMP has refused, or has nothing of, a window since 1990. */
  readonly isRecent: boolean
}

/** Each throws an IngestError where FMP refuses or cannot be reached, the same one each time. */
export type VendorLook = {
  /** The prices since 1990, or of the last sessions. The latter take a second call. */
  readonly full: () => Promise<PricesReply>
  /** The same adjusted for dividends; of v3 the same rows. */
  readonly adjusted: () => Promise<ProbeReply>
  /** To be asked only where `full` took one call. */
  readonly splits: () => Promise<ProbeReply>
  /** Why the first call was not even sent: the ledger allows none. Undefined if it was. */
  readonly unsent: () => Promise<IngestError | undefined>
}

/** Enough to tell a symbol that trades. */
const RECENT_SESSIONS = 10

type Asked = {
  readonly settings: VendorSettings
  readonly prices: SessionDataset
  readonly symbol: () => Promise<string>
  readonly fetch: Fetch
  /** Waits until a call may start, where processes share their limit; undefined where this one has a limit of its own. */
  readonly sharedPace: () => Promise<Pace | undefined>
}

/** Waits until a call may start. */
export type Pace = () => Promise<void>

export function lookAtVendor({ settings, prices, symbol, fetch, sharedPace }: Asked, look: Look): VendorLook {
  const { asOf, calendar, effects, redact } = look
  const all = { from: wholeYear(FIRST_YEAR).from, to: asOf }
  const recent = { from: calendar.sessionsBack(asOf, RECENT_SESSIONS), to: asOf }
  const options = {
    api: settings.api,
    baseUrl: settings.apiBaseUrl,
    key: settings.apiKey,
    fetch,
    timeoutMs: settings.apiTimeoutSeconds * 1_000,
    signal: effects.stop.signal,
    userAgent: userAgentOf(effects.version),
    redact,
  }
  // Checks come one after the other, and so do the calls.
  const ownPace = paceOf(settings.rateLimitSeconds * 1_000, effects)
  const pace = async (): Promise<void> => await ((await sharedPace()) ?? ownPace)()
  const firstTurn = once(pace)
  let isFirst = true
  const ask = async (one: Ask): Promise<ProbeReply> => {
    await (isFirst ? firstTurn() : pace())
    isFirst = false
    return await askOnce(one, options)
  }
  const asks = async (isRecent: boolean) => prices.asks(await symbol(), isRecent ? recent : all)
  const askFirst = async (isRecent: boolean): Promise<PricesReply> => {
    const [first] = await asks(isRecent)
    if (first === undefined) throw new Error('The prices of a symbol take no call.')
    return { ...(await ask(first)), isRecent }
  }
  const full = once(async () => {
    const since1990 = await askFirst(false).catch(noneIfPlan)
    return since1990 !== undefined && since1990.rows.length > 0 ? since1990 : await askFirst(true)
  })
  return {
    full,
    adjusted: once(async () => {
      const { isRecent, ...reply } = await full()
      const [, second] = await asks(isRecent)
      return second === undefined ? reply : await ask(second)
    }),
    splits: once(async () => await ask(prices.splitsAsk(await symbol()))),
    unsent: once(async () => await firstTurn().then(() => undefined, errorUnlessStopped)),
  }
}

function errorUnlessStopped(error: unknown): IngestError {
  if (!(error instanceof IngestError) || error.kind === 'interrupted') throw error
  return error
}

/** A plan may refuse a window for its old years, with the words of a symbol that it does not have. */
function noneIfPlan(error: unknown): undefined {
  if (!(error instanceof IngestError) || error.kind !== 'plan' || error.scope !== 'symbol') throw error
}

/** Calls start so long after the start of the one before. */
function paceOf(intervalMs: number, { clock, stop }: Pick<Effects, 'clock' | 'stop'>): Pace {
  let dueMs = Number.NEGATIVE_INFINITY
  return async () => {
    // A timer may be early by less than a millisecond.
    while (clock.elapsedMs() < dueMs && !stop.signal.aborted) {
      await clock.sleep(dueMs - clock.elapsedMs(), stop.signal)
    }
    dueMs = clock.elapsedMs() + intervalMs
  }
}
