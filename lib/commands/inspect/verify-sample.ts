// The sample of `ingest verify`: some years of symbols as FMP has them now.

import { IngestError } from '../../core/errors.ts'
import type { Finding } from '../../core/findings.ts'
import { backfillWords } from '../../datasets/cures.ts'
import { sampleYear, type SampleVerdict, type YearToSample } from '../../datasets/prices/sample-year.ts'
import type { Fmp } from '../../fmp/fmp.ts'
import { isResumable } from '../../report/exit-code.ts'
import { openVendor } from '../vendor.ts'
import type { Lake } from './look.ts'
import type { WalkedSymbol } from './verify-walk.ts'

export type Sample = {
  readonly years: readonly { readonly symbol: string; readonly year: number; readonly verdict: SampleVerdict }[]
  readonly findings: readonly Finding[]
  readonly calls: number
  /** Why it ended early: a quota or the budget. */
  readonly stopped: string | undefined
}

export const NO_SAMPLE: Sample = { years: [], findings: [], calls: 0, stopped: undefined }

/** Asks for years one by one. Throws an IngestError of the run that no later run would be spared. */
export async function sampleLake(
  symbols: readonly WalkedSymbol[],
  count: number,
  maxCalls: number | undefined,
  lake: Lake,
): Promise<Sample> {
  const { config, effects, redact, warn, asOf, store, process } = lake
  if (config.vendor === undefined) throw new Error('A sample asks FMP, so its settings were read')
  const fmp = openVendor({ ...config.vendor, store, process, maxCalls, redact, onNote: warn }, effects)
  const years: Sample['years'][number][] = []
  const findings: Finding[] = []
  for (const wanted of drawYears(symbols, count, asOf)) {
    const sampled = await askYear(wanted, fmp, lake)
    if (sampled instanceof IngestError) {
      return { years, findings, calls: fmp.stats().calls, stopped: sampled.message }
    }
    const { symbol, year } = wanted
    const { verdict, difference } = sampled
    years.push({ symbol, year, verdict })
    if (difference === undefined) continue
    const key = lake.prices.key(symbol, { kind: 'year', year })
    const detail = `${verdict}: ${difference.text}`
    const cure = { words: [...backfillWords(symbol, year), '--force'] }
    findings.push({ kind: 'differs_from_vendor', symbol, key, date: difference.date, detail, cure })
  }
  return { years, findings, calls: fmp.stats().calls, stopped: undefined }
}

/** As many years of symbols, by the hash of each with the date: another day draws others, the same day the same. */
function drawYears(symbols: readonly WalkedSymbol[], count: number, asOf: string): readonly YearToSample[] {
  return symbols
    .flatMap((symbol) => symbol.years.map((year) => ({ ...symbol, year })))
    .map((wanted) => ({ wanted, rank: Bun.hash.xxHash32(`${asOf} ${wanted.symbol} ${wanted.year}`) }))
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, count)
    .map(({ wanted }) => wanted)
}

/** The verdict, or the error of a quota or budget that ends the sample. */
async function askYear(wanted: YearToSample, fmp: Fmp, lake: Lake) {
  const reservation = fmp.reserve(wanted.symbol, lake.prices.callsPerWindow)
  if (reservation instanceof IngestError) return reservation
  try {
    return await sampleYear(
      wanted,
      { ...lake, dataset: lake.prices },
      async (ask) => await fmp.fetchRows(ask, reservation),
    )
  } catch (error) {
    if (!(error instanceof IngestError)) throw error
    if (isResumable(error)) return error
    if (error.scope === 'run') throw error
    return { verdict: 'failed', difference: undefined } as const
  } finally {
    reservation.release()
  }
}
