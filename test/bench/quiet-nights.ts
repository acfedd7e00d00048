// The nightly run over a lake that has grown: a year file of each symbol, with day files after it or without, one new session,
// and nothing that has changed at the vendor. What the comparison with what is stored costs is the difference to a night without anything stored.
import { XNYS } from '../../lib/core/calendar.ts'
import { addDays, type DateRange, type IsoDate } from '../../lib/core/dates.ts'
import { lakeIn, placeName, type Place } from './place.ts'
import { processOf, type Ground } from './ground.ts'
import { jobsOver, type Job } from './jobs.ts'
import type { Case, Contender } from './rounds.ts'
import { counted, datesFlags, tickersFlag } from './tickers.ts'

/** The sessions in year files, those in day files, and the morning on which the next one is stored. */
const IN_YEAR: DateRange = { from: '2025-01-02' as IsoDate, to: '2025-11-10' as IsoDate }
const IN_DAYS: DateRange = { from: '2025-11-11' as IsoDate, to: '2025-12-02' as IsoDate }
const BACKFILLED = '2025-11-11' as IsoDate
const NIGHT = '2025-12-04' as IsoDate

/** The day files that a night compares. */
const COMPARED_FROM = '2025-11-18' as IsoDate

/** Where a backfill on the day before has stored all: what is compared is in the year files. */
export async function firstNight(ground: Ground, symbols: number, place: Place): Promise<Omit<Case, 'name'>> {
  const tickers = await tickersFlag(ground, symbols)
  const night = nightOf(tickers, symbols, place)
  const backfill = ['--backfill', '--from-date', IN_YEAR.from]
  const fill: Job = { ...night, date: addDays(IN_DAYS.to, 1), args: [...tickers, ...backfill] }
  return {
    title: `quiet night after a backfill, ${counted(symbols, 'symbol')}, a year file each, ${placeName(place)}`,
    files: symbols,
    ...contendersOver(ground, [fill], night),
  }
}

function nightOf(tickers: readonly string[], symbols: number, place: Place): Job {
  return { place, date: NIGHT, args: [...tickers, '--audit', '0'], files: symbols, calls: symbols * 2 }
}

/** The night, and the same with nothing stored. */
function contendersOver(ground: Ground, fills: readonly Job[], night: Job) {
  const [program, empty] = jobsOver(ground, fills, {
    ingest: night,
    'nothing stored': { ...night, variables: ['S3_RAW_PREFIX=empty'] },
  })
  if (program === undefined || empty === undefined) throw new Error('Two runs were asked for')
  return { program, baselines: async (): Promise<readonly Contender[]> => [empty] }
}

export async function quietNight(ground: Ground, symbols: number, place: Place): Promise<Omit<Case, 'name'>> {
  const tickers = await tickersFlag(ground, symbols)
  const days = XNYS.sessions(IN_DAYS).length
  const night = nightOf(tickers, symbols, place)
  const fills: readonly Job[] = [
    { ...night, date: BACKFILLED, args: [...tickers, '--backfill', '--from-date', IN_YEAR.from] },
    { ...night, args: [...tickers, ...datesFlags(IN_DAYS)], files: symbols * days },
  ]
  const { program, baselines } = contendersOver(ground, fills, night)
  return {
    title: `quiet night, ${counted(symbols, 'symbol')}, a year file and ${days} day files each, ${placeName(place)}`,
    files: symbols,
    program,
    baselines: async () => [
      ...(await baselines()),
      ...(place.kind === 'folder' ? [decodeAll(ground, symbols, program)] : []),
    ],
  }
}

/** What it takes to read and decode all of the same files. */
function decodeAll(ground: Ground, symbols: number, { before }: Contender): Contender {
  const rows = symbols * (XNYS.sessions(IN_YEAR).length + XNYS.sessions({ ...IN_DAYS, from: COMPARED_FROM }).length)
  return {
    name: 'decode all',
    command: () => processOf('decode-stored', lakeIn(ground.folder), String(symbols), COMPARED_FROM, IN_DAYS.to),
    before,
    flaw: ({ stdout }) => (Number(stdout) === rows ? undefined : `${stdout.trim()} rows, ${rows} expected`),
  }
}
