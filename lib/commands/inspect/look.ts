// What the commands that look at a lake share: the instant, the store opened for reading only, the symbols, and the output.

import { lastFinishedSession, XNYS, type Calendar } from '../../core/calendar.ts'
import { CREATOR, DEMO_CREATOR, targetLocation, type LakeConfig, type Target } from '../../core/config.ts'
import type { IsoDate } from '../../core/dates.ts'
import { resolvePeriod, type Period } from '../../core/period.ts'
import { createRedactor, shellWord } from '../../core/text.ts'
import { FLAGS } from '../../cli/settings.ts'
import { readSymbols } from '../../cli/ticker-source.ts'
import { listSymbols } from '../../datasets/inventory.ts'
import { createPrices, type SessionDataset } from '../../datasets/prices/schema.ts'
import { toJson } from '../../report/metrics-file.ts'
import type { Store } from '../../store/store.ts'
import { DEMO_MARK, type Effects } from '../effects.ts'

/** What a command starts from. Nothing is read yet. */
export type Look = {
  readonly config: LakeConfig
  readonly effects: Effects
  /** The instant of `--now`, else of the clock, in milliseconds since 1970. */
  readonly startMs: number
  readonly calendar: Calendar
  /** The last session that is finished at that instant. */
  readonly asOf: IsoDate
  /** A random id of this process. */
  readonly process: string
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
  /** Says a warning on stderr, unless the command is quiet. */
  readonly warn: (text: string) => void
}

/** A lake that was opened for reading: only what lists and reads is called, and the ledger, where calls are made. */
export type Lake = Look & {
  readonly store: Store
  readonly prices: SessionDataset
  /** The symbols of the ticker list; undefined where none was given. */
  readonly listed: readonly string[] | undefined
}

/** Throws a usage error for an instant outside the calendar's years. */
export function startLook(config: LakeConfig, effects: Effects): Look {
  const redact = createRedactor(config.secrets)
  const startMs = config.nowMs ?? effects.nowMs
  return {
    config,
    effects,
    startMs,
    calendar: XNYS,
    asOf: lastFinishedSession(XNYS, startMs),
    process: crypto.randomUUID(),
    redact,
    warn: (text) => {
      if (!config.isQuiet) effects.printError(redact(`⚠️ ${text}\n`))
    },
  }
}

/**
 * Opens the lake and reads the ticker list, if one was given. A lake of the demo is opened as one: its files have another
 * creator. Throws an IngestError: of kind `store` for a folder that is not there, of kind `usage` for a wrong list.
 */
export async function openLake(look: Look): Promise<Lake> {
  const { config, warn } = look
  const listed = await readListed(look)
  const store = await openForReading(config.target, look)
  for (const warning of config.warnings) warn(warning)
  const isDemo = config.target.kind === 'folder' && (await store.read(DEMO_MARK, { suffixBytes: 1 }, 1)) !== undefined
  // How FMP is asked does not matter to who reads files only.
  const { api } = config.vendor ?? { api: 'stable' }
  const creator = isDemo ? DEMO_CREATOR : CREATOR
  return { ...look, store, listed, prices: createPrices({ api, withAdjClose: true, prefix: config.prefix, creator }) }
}

async function readListed(look: Look): Promise<readonly string[] | undefined> {
  const { config, effects, warn } = look
  if (config.tickers === undefined) return undefined
  const openStore = async (target: Target) => await openForReading(target, look)
  const options = { skipsBad: config.skipsBadTickers }
  const { symbols, left } = await readSymbols(config.tickers, { ...effects, openStore }, options)
  for (const cell of left) warn(`Left out of the ticker list: ${cell}.`)
  return symbols
}

/** Opens a place without making or writing anything in it. */
async function openForReading(target: Target, { config, effects, process, warn }: Look): Promise<Store> {
  const options = { runUuid: process, onWarning: warn, access: 'read' } as const
  return await effects.openStore(target, config, options)
}

/** Of a nightly run without `--lookback`, in sessions. */
export const LOOKBACK = Number(FLAGS.lookback.default)

/** The dates of a nightly run, a run without dates, at an instant in milliseconds since 1970. */
export function nightlyPeriod({ calendar }: Pick<Look, 'calendar'>, nowMs: number): Period {
  const open = { fromDate: undefined, toDate: undefined, backfillDays: undefined }
  const dates = { mode: 'daily', ...open, lookback: LOOKBACK } as const
  return resolvePeriod(dates, calendar, nowMs)
}

/** The symbols to look at: those of the list, else all that have a folder of prices, by one listing. */
export async function symbolsOf({ listed, store, prices }: Lake): Promise<readonly string[]> {
  return listed ?? (await listSymbols({ store, dataset: prices })).symbols
}

/** What a command found. */
export type Findings = {
  /** For `--json`, by its schema in report/. */
  readonly document: object
  /** For people: whole lines. */
  readonly text: string
  readonly code: number
}

/** Prints what a command found, without secrets: the document with `--json`, else the text, which `--quiet` leaves out at exit code 0. */
export async function printFindings(
  { document, text, code }: Findings,
  { config, effects, redact }: Look,
): Promise<number> {
  if (config.isJson) await effects.print(`${toJson(document, redact)}\n`)
  else if (!config.isQuiet || code !== 0) await effects.print(redact(text))
  return code
}

/** A command of this program over the same lake, to be copied: the cure of a finding. */
export function commandFor(words: readonly string[], { target }: Pick<LakeConfig, 'target'>): string {
  return ['ingest', ...words, '--out', targetLocation(target)].map(shellWord).join(' ')
}
