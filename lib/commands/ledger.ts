// The ledger of an API key in the store of a run: where it is, and how a command takes part in it or only looks at it.

import { createHash } from 'node:crypto'
import type { VendorSettings } from '../core/config.ts'
import { utcDate, type IsoDate } from '../core/dates.ts'
import { createRemoteClock } from '../core/remote-clock.ts'
import type { LedgerOptions } from '../fmp/fmp.ts'
import { createSharedLimit } from '../fmp/ledger/shared-limit.ts'
import { leasedCalls, parseLedger } from '../fmp/ledger/state.ts'
import type { CallsToday } from '../report/calls-today.ts'
import type { SharedText, Store } from '../store/store.ts'
import type { Effects } from './effects.ts'

type LedgerSettings = Pick<VendorSettings, 'apiKey' | 'usesLedger' | 'dailyCalls'>

/** Where the ledger is, and the process that takes part in it. */
type LedgerPlace = {
  readonly store: Store
  readonly process: string
  readonly effects: Effects
  /** The calls that were made today before, if they are known. */
  readonly madeToday?: number | undefined
}

const FOLDER = 'logs/ingest/ledger'

/**
 * Names a key in the ledger without telling it: nobody can find a key of 32 random characters by its hash. Runs with the
 * same key share a ledger, whatever their settings.
 */
export function fingerprintOf(apiKey: string): string {
  return createHash('sha256').update(`fmp-ingest ledger ${apiKey}`).digest('hex').slice(0, 16)
}

function keyOf(day: IsoDate, apiKey: string): string {
  return `${FOLDER}/date=${day}/${fingerprintOf(apiKey)}.json`
}

/** What a command with calls to make needs of the ledger; undefined where it uses none. Nothing is read yet. */
export function openLedger(
  settings: LedgerSettings,
  { store, process, effects, madeToday }: LedgerPlace,
): LedgerOptions | undefined {
  if (!settings.usesLedger) return undefined
  const { clock } = effects
  const { apiKey, dailyCalls } = settings
  const storeTime = createRemoteClock(clock)
  const texts = new Map<IsoDate, SharedText>()
  const textOf = (day: IsoDate): SharedText => {
    const text = texts.get(day) ?? store.sharedText(keyOf(day, apiKey))
    texts.set(day, text)
    return text
  }
  const read = async (day: IsoDate) => {
    const sentMs = clock.elapsedMs()
    const { time, ...found } = await textOf(day).read()
    storeTime.observe({ ...time, sentMs, receivedMs: clock.elapsedMs() })
    return found
  }
  const record: LedgerOptions['record'] = {
    locate: (day) => store.locate(keyOf(day, apiKey)),
    read,
    write: async (day, text, version) => await textOf(day).write(text, version),
    // Which day it asks for does not matter: this machine's clock may be wrong.
    learnTime: async () => void (await read(utcDate(effects.nowMs))),
  }
  return { record, storeTime, process, dailyCalls, madeToday }
}

/** Waits until a call may start, for a command that makes a few. Undefined where it uses no ledger. */
export function openPace(settings: VendorSettings, place: LedgerPlace): (() => Promise<void>) | undefined {
  const ledger = openLedger(settings, place)
  if (ledger === undefined) return undefined
  const { clock, random, stop } = place.effects
  const limit = createSharedLimit({
    ...ledger,
    clock,
    random,
    intervalMs: settings.rateLimitSeconds * 1_000,
    timeoutMs: settings.apiTimeoutSeconds * 1_000,
    wanted: () => 0,
    pauseMs: () => 0,
    signal: stop.signal,
  })
  return async () => {
    for (let waited = limit.take(); waited !== undefined; waited = limit.take()) {
      await waited
      stop.signal.throwIfAborted()
    }
  }
}

/**
 * The calls of this UTC day as the ledger has them; undefined where none is used, or where no key is set. Only reads. Throws an
 * IngestError of kind `store` if that fails.
 */
export async function readCallsToday(
  settings: LedgerSettings,
  { store, effects: { nowMs } }: { readonly store: Store; readonly effects: Pick<Effects, 'nowMs'> },
): Promise<CallsToday | undefined> {
  const { usesLedger, apiKey, dailyCalls } = settings
  if (!usesLedger || apiKey === '') return undefined
  const readDay = async (day: IsoDate) => {
    const key = keyOf(day, apiKey)
    const { text, time } = await store.sharedText(key).look()
    return { made: leasedCalls(parseLedger(text, day, store.locate(key))), today: utcDate(time?.fromMs ?? nowMs) }
  }
  const day = utcDate(nowMs)
  const found = await readDay(day)
  // The day is the store's, where the store tells it: this machine's clock may be wrong.
  const { made } = found.today === day ? found : await readDay(found.today)
  return { made, dailyCalls }
}
