// A look at a lake of ten thousand files: by footers, from a folder and from the bucket, and by every byte.
import type { DateRange, IsoDate } from '../../lib/core/dates.ts'
import type { Verified } from '../../lib/report/verify.ts'
import { processOf, type Ground } from './ground.ts'
import { commandOf, rerunJob, type Job } from './jobs.ts'
import { outOf, placeName, type Place } from './place.ts'
import type { Case, Contender } from './rounds.ts'
import { datesFlags, tickersFlag } from './tickers.ts'

const SYMBOLS = 400
const RANGE: DateRange = { from: '2000-01-01' as IsoDate, to: '2024-12-31' as IsoDate }
const FILES = SYMBOLS * 25

/** Held against a program that only reads the same bytes of the same files, where they are in a folder. */
export async function verifyCase(ground: Ground, place: Place, isDeep: boolean): Promise<Omit<Case, 'name'>> {
  const args = ['--backfill', ...datesFlags(RANGE), ...(await tickersFlag(ground, SYMBOLS))]
  const fill: Job = { place, args, files: FILES, calls: SYMBOLS * 3 * 2 }
  const { before } = rerunJob(ground, fill)
  const job: Job = { ...fill, args: ['verify', '--json', ...(isDeep ? ['--deep'] : [])] }
  const readOnly: Contender = {
    name: isDeep ? 'read every byte' : 'read every footer',
    command: () => processOf('raw-read', outOf(place, ground), isDeep ? 'whole' : 'end'),
    before,
    flaw: ({ stdout }) => (Number(stdout) === FILES ? undefined : `${stdout.trim()} files, ${FILES} expected`),
  }
  return {
    title: `verify${isDeep ? ' --deep' : ''} of 10,000 files, ${SYMBOLS} symbols × 25 years, ${placeName(place)}`,
    files: FILES,
    program: { name: 'ingest', command: () => commandOf(ground, job), before, flaw: ({ stdout }) => flawOf(stdout) },
    ...(place.kind === 'folder' ? { baselines: async () => [readOnly] } : {}),
  }
}

function flawOf(stdout: string): string | undefined {
  const { ok, symbols } = JSON.parse(stdout) as Verified
  const files = symbols.reduce((sum, symbol) => sum + symbol.files.year, 0)
  return ok && files === FILES ? undefined : `${files} files, ${FILES} expected; ok is ${ok}`
}
