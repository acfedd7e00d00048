// All that the checks of `ingest doctor` look at. Nothing is asked before a check needs it.

import type { Target, VendorSettings } from '../../core/config.ts'
import { IngestError } from '../../core/errors.ts'
import type { DOCTOR_SETTINGS } from '../../cli/lake-settings.ts'
import type { Values } from '../../cli/resolve-lake.ts'
import { readSymbols } from '../../cli/ticker-source.ts'
import type { TickerList } from '../../cli/tickers.ts'
import { createPrices, type SessionDataset } from '../../datasets/prices/schema.ts'
import type { Look } from '../inspect/look.ts'
import { openPace } from '../ledger.ts'
import { once } from './checks.ts'
import { watchClocks, type ServerClocks } from './server-clocks.ts'
import { lookAtStore, storeOpener, type StoreLook } from './store-look.ts'
import { lookAtVendor, type VendorLook } from './vendor-look.ts'

export type DoctorValues = Values<typeof DOCTOR_SETTINGS>

export type Context = Look &
  VendorLook &
  StoreLook &
  ServerClocks & {
    readonly own: DoctorValues
    readonly vendor: VendorSettings
    readonly prices: SessionDataset
    /** The list that a run would take. Throws an IngestError where it is missing or wrong. */
    readonly tickers: () => Promise<TickerList>
    /** The first symbol of that list. */
    readonly symbol: () => Promise<string>
  }

/** Every plan has it. */
const WELL_KNOWN_SYMBOL = 'AAPL'

export function openContext(look: Look, own: DoctorValues, vendor: VendorSettings): Context {
  const { config, effects } = look
  const clocks = watchClocks(effects)
  const open = storeOpener(look, clocks.watched('the store'))
  const prices = createPrices({ api: vendor.api, withAdjClose: !own.noAdjClose, prefix: config.prefix })
  const openStore = async (target: Target) => await open(target, { access: 'read' })
  const tickers = once(async () => {
    const source = config.tickers ?? ({ kind: 'file', path: own.tickersPath } as const)
    return await readSymbols(source, { ...effects, openStore }, { skipsBad: config.skipsBadTickers })
  })
  // The check of the list tells what is wrong with it. That must not hide what else is.
  const symbol = once(async () => (await tickers().catch(noneIfWrong))?.symbols[0] ?? WELL_KNOWN_SYMBOL)
  const atStore = lookAtStore({ prices, symbol, open }, look)
  const sharedPace = once(async () =>
    vendor.usesLedger ? openPace(vendor, { ...look, store: await atStore.store() }) : undefined,
  )
  return {
    ...look,
    ...clocks,
    ...lookAtVendor({ settings: vendor, prices, symbol, fetch: clocks.watched('FMP'), sharedPace }, look),
    ...atStore,
    own,
    vendor,
    prices,
    tickers,
    symbol,
  }
}

function noneIfWrong(error: unknown): undefined {
  if (!(error instanceof IngestError) || error.kind === 'interrupted') throw error
}
