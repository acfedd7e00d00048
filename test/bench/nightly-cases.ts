// The nightly run, which is what the program is for: many symbols, no dates, the bucket behind 20 ms.
import type { DateRange, IsoDate } from '../../lib/dates.ts'
import { uploadBaselines } from './baselines.ts'
import type { Ground } from './ground.ts'
import { freshJob, placeName, rerunJob, type Job, type Place } from './jobs.ts'
import { materialOf, type Wanted } from './material.ts'
import type { Case } from './rounds.ts'
import { datesFlags, symbolsOf, tickersFlag } from './tickers.ts'

/** The five sessions before the instant that runs are at, and the last of them. */
const LAST_FIVE: DateRange = { from: '2025-02-25' as IsoDate, to: '2025-03-03' as IsoDate }
const LAST_ONE: DateRange = { from: LAST_FIVE.to, to: LAST_FIVE.to }

const AT_20_MS: Place = { kind: 's3', latencyMs: 20 }

/** The nightly run of many symbols: into an empty bucket one session each. */
export async function nightlyNew(ground: Ground, symbols: number): Promise<Case> {
  const wanted: Wanted = { name: `nightly-${symbols}`, symbols: symbolsOf(symbols), range: LAST_ONE, kind: 'day' }
  const material = await materialOf(ground, wanted)
  const job: Job = { place: AT_20_MS, args: await tickersFlag(ground, symbols), files: symbols, calls: symbols * 2 }
  const title = `nightly, ${symbols.toLocaleString('en-US')} symbols, all new, ${placeName(AT_20_MS)}`
  const contenders = [freshJob(ground, job), ...uploadBaselines(ground, material, 20)]
  return { name: `nightly-new-${symbols}`, title, files: symbols, contenders }
}

/** The same where the last five sessions are stored, so that nothing is asked. */
export async function nightlyPresent(ground: Ground, symbols: number): Promise<Case> {
  const tickers = await tickersFlag(ground, symbols)
  const job: Job = { place: AT_20_MS, args: tickers, files: 0, calls: 0 }
  const fill: Job = {
    place: AT_20_MS,
    args: [...tickers, ...datesFlags(LAST_FIVE)],
    files: symbols * 5,
    calls: symbols * 2,
  }
  const title = `nightly, ${symbols.toLocaleString('en-US')} symbols, all present, ${placeName(AT_20_MS)}`
  return { name: `nightly-present-${symbols}`, title, files: 0, contenders: [rerunJob(ground, job, fill)] }
}
