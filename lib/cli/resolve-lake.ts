// The settings of a command that looks at a lake: those that all of them share, and its own.

import type { LakeConfig } from '../core/config.ts'
import { contradictingPairs, missingForLake, prefixProblems, unsafeSettings, type Start } from './checks.ts'
import { LAKE } from './lake-settings.ts'
import { tickerSource } from './places.ts'
import { createReader, usageErrorOf, type Environment, type Reader } from './reader.ts'
import { secretsOf, storeSettings, vendorSettings, type RunLine } from './resolve.ts'
import { readShard, WHOLE } from './shard.ts'
import type { Value } from './schemas.ts'
import type { Setting, Settings } from './setting.ts'

/** The values of a table of settings, by the same names. */
export type Values<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends { readonly default: string }
    ? Value<S[K]['value']>
    : Value<S[K]['value']> | undefined
}

/** What one of these commands takes beside `LAKE`. */
export type OwnSettings<S extends Settings> = {
  readonly settings: S
  /** What is wrong with its own settings together, or with what is missing among them, each a sentence. */
  readonly problems?: (own: Values<S>, reader: Reader) => readonly string[]
  /** Whether it reads or writes tables, so that these and the data must lie apart. It never does if absent. */
  readonly usesTables?: (own: Values<S>) => boolean
  /** Whether it asks FMP, so that it needs a key. It never does if absent. */
  readonly asksVendor?: (own: Values<S>) => boolean
}

/**
 * The settings that the commands share, and the command's own. Throws one usage error that names every problem: of argv, of
 * values, of contradictions and of what is missing.
 */
export function resolveLake<S extends Settings>(
  line: Pick<RunLine, 'flags' | 'problems'>,
  environment: Environment,
  { settings, problems: problemsOf, usesTables, asksVendor }: OwnSettings<S>,
  start: Start,
): { readonly config: LakeConfig; readonly own: Values<S> } {
  const problems = [...line.problems]
  const reader = createReader(line.flags, environment, problems)
  const { read } = reader
  const entries = Object.entries<Setting>(settings).map(([name, setting]) => [name, read(setting)])
  const own = Object.fromEntries(entries) as Values<S>
  // In the task of an array a command that has no parts still looks at the whole.
  const { shard, problems: shardProblems } = 'shard' in settings ? readShard(reader) : WHOLE
  const config: LakeConfig = {
    tickers: isListGiven(reader) ? tickerSource(reader) : undefined,
    skipsBadTickers: read(LAKE.skipsBadTickers),
    isJson: read(LAKE.isJson),
    isQuiet: read(LAKE.isQuiet),
    nowMs: read(LAKE.nowMs),
    vendor: asksVendor?.(own) === true ? vendorSettings(reader, shard) : undefined,
    shard,
    ...storeSettings(reader),
    warnings: unsafeSettings(reader),
    secrets: secretsOf(environment, line.flags),
  }
  problems.push(
    ...shardProblems,
    ...contradictingPairs(reader),
    ...(problemsOf?.(own, reader) ?? []),
    ...(usesTables?.(own) === true ? prefixProblems(config) : []),
    ...missingForLake(reader, config, start),
  )
  if (problems.length > 0) throw usageErrorOf(problems)
  return { config, own }
}

/** Without a list the commands take all symbols of the lake, where a run takes `tickers.csv`. */
function isListGiven({ isGiven }: Reader): boolean {
  return [LAKE.tickers.flag, LAKE.tickersPath.flag, LAKE.tickersPath.variable].some(isGiven)
}
