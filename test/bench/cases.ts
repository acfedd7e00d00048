// The cases, by name. Each is put together when its turn comes, because its files are made for it.
import { yearOf, type DateRange, type IsoDate } from '../../lib/dates.ts'
import { folderBaselines, uploadBaselines } from './baselines.ts'
import type { Ground } from './ground.ts'
import { freshJob, placeName, rerunJob, type Job, type Place } from './jobs.ts'
import { materialOf, type Material, type Wanted } from './material.ts'
import { nightlyNew, nightlyPresent } from './nightly-cases.ts'
import { planCases } from './plan-cases.ts'
import type { Case } from './rounds.ts'
import { startCases } from './start-cases.ts'
import { datesFlags, symbolsOf, tickersFlag } from './tickers.ts'

export type CaseMaker = { readonly name: string; readonly make: (ground: Ground) => Promise<Case> }

/** 1,258 sessions. */
const FIVE_YEARS: DateRange = { from: '2020-01-01' as IsoDate, to: '2024-12-31' as IsoDate }
const THIRTY_YEARS: DateRange = { from: '1995-01-01' as IsoDate, to: '2024-12-31' as IsoDate }

const AT_20_MS: Place = { kind: 's3', latencyMs: 20 }
const AT_0_MS: Place = { kind: 's3', latencyMs: 0 }
const FOLDER: Place = { kind: 'folder' }

type Backfill = { readonly kind: 'day' | 'year'; readonly symbols: number; readonly range: DateRange }

const DAYS: Backfill = { kind: 'day', symbols: 10, range: FIVE_YEARS }
const YEARS: Backfill = { kind: 'year', symbols: 10, range: FIVE_YEARS }
const LONG: Backfill = { kind: 'year', symbols: 1, range: THIRTY_YEARS }

function wantedFor({ kind, symbols, range }: Backfill): Wanted {
  return { name: `${symbols}-${kind}-${range.from}`, symbols: symbolsOf(symbols), range, kind }
}

/** Ten years a window, two calls each. */
function callsOf(backfill: Backfill): number {
  return backfill.symbols * Math.ceil(yearsOf(backfill) / 10) * 2
}

function described(backfill: Backfill, files: number): string {
  const symbols = backfill.symbols === 1 ? '1 symbol' : `${backfill.symbols} symbols`
  return `${symbols} × ${yearsOf(backfill)} years, ${files.toLocaleString('en-US')} ${backfill.kind} files`
}

function yearsOf({ range }: Backfill): number {
  return yearOf(range.to) - yearOf(range.from) + 1
}

async function jobOf(ground: Ground, backfill: Backfill, place: Place): Promise<Job & { readonly material: Material }> {
  const material = await materialOf(ground, wantedFor(backfill))
  const mode = backfill.kind === 'year' ? ['--backfill'] : []
  const args = [...mode, ...datesFlags(backfill.range), ...(await tickersFlag(ground, backfill.symbols))]
  return { place, args, files: material.files, calls: callsOf(backfill), material }
}

function fresh(name: string, backfill: Backfill, place: Place): CaseMaker {
  const make = async (ground: Ground): Promise<Case> => {
    const { material, ...job } = await jobOf(ground, backfill, place)
    const title = `${described(backfill, material.files)}, ${placeName(place)}`
    const baselines =
      place.kind === 's3' ? uploadBaselines(ground, material, place.latencyMs) : folderBaselines(ground, material)
    return { name, title, files: material.files, contenders: [freshJob(ground, job), ...baselines] }
  }
  return { name, make }
}

function rerun(name: string, backfill: Backfill, place: Place): CaseMaker {
  const make = async (ground: Ground): Promise<Case> => {
    const job = await jobOf(ground, backfill, place)
    const title = `rerun of ${described(backfill, job.files)}, ${placeName(place)}`
    return { name, title, files: 0, contenders: [rerunJob(ground, job)] }
  }
  return { name, make }
}

export const CASES: readonly CaseMaker[] = [
  fresh('day-s3-0ms', DAYS, AT_0_MS),
  fresh('day-s3-20ms', DAYS, AT_20_MS),
  fresh('year-s3-0ms', YEARS, AT_0_MS),
  fresh('year-s3-20ms', YEARS, AT_20_MS),
  rerun('rerun-day-20ms', DAYS, AT_20_MS),
  rerun('rerun-year-20ms', YEARS, AT_20_MS),
  { name: 'nightly-new', make: async (ground) => await nightlyNew(ground, 500) },
  { name: 'nightly-present', make: async (ground) => await nightlyPresent(ground, 500) },
  fresh('thirty-years', LONG, AT_20_MS),
  ...planCases,
  ...startCases,
  fresh('day-folder', DAYS, FOLDER),
  fresh('year-folder', YEARS, FOLDER),
  rerun('rerun-day-folder', DAYS, FOLDER),
  rerun('rerun-year-folder', YEARS, FOLDER),
]
