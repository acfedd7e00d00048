// FMP as a command asks it: the settings, and the effects of this process.

import { callIntervalSeconds, type VendorSettings } from '../core/config.ts'
import { userAgentOf } from '../core/text.ts'
import { createFmp, type Fmp, type FmpOptions } from '../fmp/fmp.ts'
import type { Store } from '../store/store.ts'
import type { Effects } from './effects.ts'
import { openLedger } from './ledger.ts'

type VendorOptions = VendorSettings &
  Pick<FmpOptions, 'maxCalls' | 'plannedCalls' | 'redact'> & {
    /** Where the ledger is, for settings that use one. */
    readonly store: Store
    /** A random id of this process. */
    readonly process: string
    /** The calls that were made today before, if they are known. */
    readonly madeToday?: number | undefined
    /** Is told when FMP refuses calls for now, and that all wait. */
    readonly onNote: (text: string) => void
  }

/** The connection of one command to FMP. Nothing is sent yet. */
export function openVendor(options: VendorOptions, effects: Effects): Fmp {
  const { apiKey, api, apiBaseUrl, apiTimeoutSeconds, maxCalls, plannedCalls, redact, onNote } = options
  const { fetch, clock, random, stop, version } = effects
  return createFmp({
    api,
    baseUrl: apiBaseUrl,
    key: apiKey,
    maxCalls,
    plannedCalls,
    ledger: openLedger(options, { ...options, effects }),
    fetch,
    clock,
    random,
    intervalMs: callIntervalSeconds(options) * 1_000,
    timeoutMs: apiTimeoutSeconds * 1_000,
    userAgent: userAgentOf(version),
    signal: stop.signal,
    redact,
    onPause: (ms) => onNote(`FMP refuses calls for now: all wait for ${Math.ceil(ms / 1_000)} s.`),
  })
}
