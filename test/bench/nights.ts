// The nightly run, which is what the program is for: many symbols, no dates, the bucket behind 20 ms.
import type { DateRange, IsoDate } from '../../lib/core/dates.ts'
import { baselinesFor } from './baselines.ts'
import type { Ground } from './ground.ts'
import { freshJob, jobsOver, rerunJob, type Job } from './jobs.ts'
import { materialOf, type Wanted } from './material.ts'
import { placeName, type Place } from './place.ts'
import type { Case } from './rounds.ts'
import { counted, datesFlags, symbolsOf, tickersFlag } from './tickers.ts'

/** The five sessions before the instant that runs are at, and the last of them. */
const LAST_FIVE: DateRange = { from: '2025-02-25' as IsoDate, to: '2025-03-03' as IsoDate }
const SINCE_LAST_YEAR: DateRange = { from: '2024-01-02' as IsoDate, to: LAST_FIVE.to }
const LAST_ONE: DateRange = { from: LAST_FIVE.to, to: LAST_FIVE.to }

const PLACE: Place = { kind: 's3', latencyMs: 20 }

/** Into an empty bucket: one session of each symbol, by the default workers or by so many. */
export async function newNight(ground: Ground, symbols: number, workers?: number): Promise<Omit<Case, 'name'>> {
  const wanted: Wanted = { name: `night-${symbols}`, symbols: symbolsOf(symbols), range: LAST_ONE, kind: 'day' }
  const variables = workers === undefined ? [] : [`MAX_WORKERS=${workers}`]
  const args = await tickersFlag(ground, symbols)
  const job: Job = { place: PLACE, args, variables, files: symbols, calls: symbols * 2 }
  return {
    title: [`nightly, ${counted(symbols, 'symbol')}, all new`, placeName(PLACE), ...variables].join(', '),
    files: symbols,
    program: freshJob(ground, job),
    baselines: async () => baselinesFor(ground, await materialOf(ground, wanted), PLACE),
  }
}

/** Where a backfill has stored the year so far: nothing is asked. */
export async function backfilledNight(ground: Ground, symbols: number): Promise<Omit<Case, 'name'>> {
  const args = await tickersFlag(ground, symbols)
  const job: Job = { place: PLACE, args, files: 0, calls: 0 }
  const fill: Job = { ...job, args: [...args, '--backfill', ...datesFlags(SINCE_LAST_YEAR)], files: symbols * 2 }
  const title = `nightly, ${counted(symbols, 'symbol')}, after a backfill, ${placeName(PLACE)}`
  return { title, files: 0, program: rerunJob(ground, job, fill) }
}

/** Where the last five sessions, which a night looks back on, are stored: nothing is asked. */
export async function presentNight(ground: Ground, symbols: number): Promise<Omit<Case, 'name'>> {
  const args = await tickersFlag(ground, symbols)
  const job: Job = { place: PLACE, args, files: 0, calls: 0 }
  const fill: Job = { ...job, args: [...args, ...datesFlags(LAST_FIVE)], files: symbols * 5 }
  const title = `nightly, ${counted(symbols, 'symbol')}, all present, ${placeName(PLACE)}`
  return { title, files: 0, program: rerunJob(ground, job, fill) }
}

/** Where the last session is stored and a table is kept: nothing is asked, and the table tells so in place of the listings. */
export async function settledNight(ground: Ground, symbols: number): Promise<Omit<Case, 'name'>> {
  const args = await tickersFlag(ground, symbols)
  const listing: Job = { place: PLACE, args, files: 0, calls: 0 }
  const tabled: Job = { ...listing, args: [...args, '--table'] }
  // A table of one month, its layout and the list of runs.
  const fill: Job = { ...tabled, files: symbols, tableFiles: 3, calls: symbols * 2 }
  const [program, byList] = jobsOver(ground, [fill], { ingest: tabled, 'by LIST': listing })
  if (program === undefined || byList === undefined) throw new Error('Two runs were asked for')
  const title = `nightly, ${counted(symbols, 'symbol')}, all present by the table, ${placeName(PLACE)}`
  return { title, files: 0, program, baselines: async () => [byList] }
}
