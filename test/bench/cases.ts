// The cases, by name. Each is put together when its turn comes, because its files are made for it.
import type { DateRange, IsoDate } from '../../lib/core/dates.ts'
import { freshCase, rerunCase, type Backfill } from './backfills.ts'
import type { Ground } from './ground.ts'
import { backfilledNight, newNight, presentNight, settledNight } from './nights.ts'
import type { Place } from './place.ts'
import { dryRun, planInProcess } from './plans.ts'
import { firstNight, quietNight } from './quiet-nights.ts'
import type { Case } from './rounds.ts'
import { tableNight } from './table-nights.ts'
import { mendCase, readingCase, tableCase } from './tables.ts'
import { help, nothingToDo, version } from './starts.ts'
import { verifyCase } from './verifies.ts'

/** 1,258 sessions. */
const FIVE_YEARS: DateRange = { from: '2020-01-01' as IsoDate, to: '2024-12-31' as IsoDate }
const THIRTY_YEARS: DateRange = { from: '1995-01-01' as IsoDate, to: '2024-12-31' as IsoDate }

const AT_0_MS: Place = { kind: 's3', latencyMs: 0 }
const AT_20_MS: Place = { kind: 's3', latencyMs: 20 }
const FOLDER: Place = { kind: 'folder' }

function days(place: Place): Backfill {
  return { kind: 'day', symbols: 10, range: FIVE_YEARS, place }
}

function years(place: Place): Backfill {
  return { kind: 'year', symbols: 10, range: FIVE_YEARS, place }
}

type CaseMaker = (ground: Ground) => Promise<Omit<Case, 'name'>>

export const CASES: Readonly<Record<string, CaseMaker>> = {
  'day-0ms': async (ground) => await freshCase(ground, days(AT_0_MS)),
  'day-20ms': async (ground) => await freshCase(ground, days(AT_20_MS)),
  'day-rerun-20ms': async (ground) => await rerunCase(ground, days(AT_20_MS)),
  'year-0ms': async (ground) => await freshCase(ground, years(AT_0_MS)),
  'year-20ms': async (ground) => await freshCase(ground, years(AT_20_MS)),
  'year-rerun-20ms': async (ground) => await rerunCase(ground, years(AT_20_MS)),
  'night-new': async (ground) => await newNight(ground, 500),
  'night-new-50': async (ground) => await newNight(ground, 500, 50),
  'night-present': async (ground) => await presentNight(ground, 500),
  'settled-500': async (ground) => await settledNight(ground, 500),
  'settled-5k': async (ground) => await settledNight(ground, 5_000),
  'settled-50k': async (ground) => await settledNight(ground, 50_000),
  'night-backfilled': async (ground) => await backfilledNight(ground, 500),
  'night-quiet-folder': async (ground) => await quietNight(ground, 500, FOLDER),
  'night-quiet-20ms': async (ground) => await quietNight(ground, 500, AT_20_MS),
  'night-first-folder': async (ground) => await firstNight(ground, 500, FOLDER),
  'night-first-20ms': async (ground) => await firstNight(ground, 500, AT_20_MS),
  'table-night-folder': async (ground) => await tableNight(ground, 500, FOLDER),
  'table-night-20ms': async (ground) => await tableNight(ground, 500, AT_20_MS),
  'table-night-5000-20ms': async (ground) => await tableNight(ground, 5_000, AT_20_MS),
  'table-night-5000-folder': async (ground) => await tableNight(ground, 5_000, FOLDER),
  'table-new': async (ground) => await tableCase(ground, 125, 'new'),
  'table-unchanged': async (ground) => await tableCase(ground, 125, 'unchanged'),
  'table-check': async (ground) => await tableCase(ground, 125, 'check'),
  'table-rebuild': async (ground) => await tableCase(ground, 125, 'rebuild'),
  'table-read-all': async (ground) => await readingCase(ground, 500, false),
  'table-read-one': async (ground) => await readingCase(ground, 500, true),
  'table-mend-500': async () => mendCase(500),
  'table-mend-5000': async () => mendCase(5_000),
  'thirty-years': async (ground) =>
    await freshCase(ground, { kind: 'year', symbols: 1, range: THIRTY_YEARS, place: AT_20_MS }),
  'plan-in-process': async (ground) => planInProcess(ground),
  'plan-dry-run': dryRun,
  'verify-folder': async (ground) => await verifyCase(ground, FOLDER, false),
  'verify-20ms': async (ground) => await verifyCase(ground, AT_20_MS, false),
  'verify-deep-folder': async (ground) => await verifyCase(ground, FOLDER, true),
  'start-help': async (ground) => help(ground),
  'start-version': async (ground) => version(ground),
  'start-nothing': async (ground) => nothingToDo(ground),
  'day-folder': async (ground) => await freshCase(ground, days(FOLDER)),
  'day-rerun-folder': async (ground) => await rerunCase(ground, days(FOLDER)),
  'year-folder': async (ground) => await freshCase(ground, years(FOLDER)),
  'year-rerun-folder': async (ground) => await rerunCase(ground, years(FOLDER)),
}
