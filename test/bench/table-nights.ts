// The nightly run that keeps the table, beside the same run without it: a month of seventeen sessions gets one more.
import type { IsoDate } from '../../lib/core/dates.ts'
import type { Ground } from './ground.ts'
import { jobsOver, type Job } from './jobs.ts'
import { placeName, type Place } from './place.ts'
import type { Case } from './rounds.ts'
import { counted, tickersFlag } from './tickers.ts'

/** The first session of the year, the morning on which those so far are stored, and the night of the next. */
const JANUARY = '2025-01-02' as IsoDate
const BACKFILLED = '2025-11-26' as IsoDate
const NIGHT = '2025-11-28' as IsoDate

export async function tableNight(ground: Ground, symbols: number, place: Place): Promise<Omit<Case, 'name'>> {
  const tickers = await tickersFlag(ground, symbols)
  const night: Job = { place, date: NIGHT, args: [...tickers, '--audit', '0'], files: symbols, calls: symbols * 2 }
  const fills: readonly Job[] = [
    { ...night, date: BACKFILLED, args: [...tickers, '--backfill', '--from-date', JANUARY] },
    // A file of each month, the layout and the list of runs, and no metrics.
    { ...night, date: BACKFILLED, args: ['table'], files: 12 },
  ]
  const [withTable, without] = jobsOver(ground, fills, {
    'with the table': { ...night, args: [...night.args, '--table'] },
    without: night,
  })
  if (withTable === undefined || without === undefined) throw new Error('Two runs were asked for')
  return {
    title: `nightly, ${counted(symbols, 'symbol')}, all new, with the table, ${placeName(place)}`,
    files: symbols,
    program: withTable,
    baselines: async () => [without],
  }
}
