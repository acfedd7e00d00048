// Some symbols over some years, as day files or as year files.
import { XNYS } from '../../lib/core/calendar.ts'
import { yearOf, type DateRange } from '../../lib/core/dates.ts'
import { baselinesFor } from './baselines.ts'
import type { Ground } from './ground.ts'
import { freshJob, rerunJob, type Job } from './jobs.ts'
import { materialOf } from './material.ts'
import { placeName, type Place } from './place.ts'
import type { Case } from './rounds.ts'
import { counted, datesFlags, symbolsOf, tickersFlag } from './tickers.ts'

export type Backfill = {
  readonly kind: 'day' | 'year'
  readonly symbols: number
  /** Whole years. */
  readonly range: DateRange
  readonly place: Place
}

/** Into an empty store. */
export async function freshCase(ground: Ground, backfill: Backfill): Promise<Omit<Case, 'name'>> {
  const { kind, symbols, range, place } = backfill
  const wanted = { name: `${symbols}-${kind}-${range.from}`, symbols: symbolsOf(symbols), range, kind }
  return {
    title: titleOf(backfill),
    files: filesOf(backfill),
    program: freshJob(ground, await jobOf(ground, backfill)),
    baselines: async () => baselinesFor(ground, await materialOf(ground, wanted), place),
  }
}

/** Into a store where all of it stands already. */
export async function rerunCase(ground: Ground, backfill: Backfill): Promise<Omit<Case, 'name'>> {
  const job = await jobOf(ground, backfill)
  return { title: `rerun of ${titleOf(backfill)}`, files: 0, program: rerunJob(ground, job) }
}

async function jobOf(ground: Ground, backfill: Backfill): Promise<Job> {
  const { kind, symbols, range, place } = backfill
  const mode = kind === 'year' ? ['--backfill'] : []
  const args = [...mode, ...datesFlags(range), ...(await tickersFlag(ground, symbols))]
  // Ten years a window, two calls each.
  return { place, args, files: filesOf(backfill), calls: symbols * Math.ceil(yearsOf(backfill) / 10) * 2 }
}

function filesOf(backfill: Backfill): number {
  const { kind, symbols, range } = backfill
  return symbols * (kind === 'year' ? yearsOf(backfill) : XNYS.sessions(range).length)
}

function yearsOf({ range }: Backfill): number {
  return yearOf(range.to) - yearOf(range.from) + 1
}

function titleOf(backfill: Backfill): string {
  const { kind, symbols, place } = backfill
  const files = `${filesOf(backfill).toLocaleString('en-US')} ${kind} files`
  return `${counted(symbols, 'symbol')} × ${yearsOf(backfill)} years, ${files}, ${placeName(place)}`
}
