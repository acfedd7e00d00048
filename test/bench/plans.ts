// The plan of a thousand symbols over twenty-five years: by itself, and as a dry run of the whole program.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DateRange, IsoDate } from '../../lib/core/dates.ts'
import { processOf, type Ground } from './ground.ts'
import type { Case, Sample } from './rounds.ts'
import { datesFlags, tickersFlag } from './tickers.ts'

const SYMBOLS = 1_000
const RANGE: DateRange = { from: '2000-01-01' as IsoDate, to: '2024-12-31' as IsoDate }
const FILES = SYMBOLS * 25
/** Three windows of at most ten years, two calls each. */
const CALLS = SYMBOLS * 3 * 2
const TITLE = '1,000 symbols × 25 years'

type InsidePlan = Pick<Sample, 'wallMs' | 'cpuMs'> & { readonly judged: number; readonly planned: number }

/** Everything stored: every footer is judged. */
export function planInProcess(ground: Ground): Omit<Case, 'name'> {
  return {
    title: `plan of ${TITLE}, all stored, listing and footers given`,
    files: FILES,
    program: {
      name: 'survey and plan',
      command: () => processOf('plan', String(SYMBOLS), RANGE.from, RANGE.to, ground.nextNow()),
      before: async () => undefined,
      flaw: ({ stdout }) => {
        const { judged, planned } = JSON.parse(stdout) as InsidePlan
        return judged === FILES && planned === 0 ? undefined : `${judged} footers judged, ${planned} files planned`
      },
      inside: (stdout) => {
        const { wallMs, cpuMs } = JSON.parse(stdout) as InsidePlan
        return { wallMs, cpuMs }
      },
    },
  }
}

/** Nothing stored: every file is planned. */
export async function dryRun(ground: Ground): Promise<Omit<Case, 'name'>> {
  const lake = join(ground.folder, 'empty-lake')
  await mkdir(lake, { recursive: true })
  const flags = ['--backfill', ...datesFlags(RANGE), ...(await tickersFlag(ground, SYMBOLS)), '--dry-run', '--json']
  return {
    title: `dry run of ${TITLE}, empty folder`,
    files: FILES,
    program: {
      name: 'ingest',
      command: () => [...ground.program, ...flags, '--out', lake, '--now', ground.nextNow()],
      before: async () => undefined,
      flaw: ({ stdout }) => {
        const { files, calls } = JSON.parse(stdout) as { readonly files: readonly string[]; readonly calls: number }
        const isRight = files.length === FILES && calls === CALLS
        return isRight ? undefined : `${files.length} files and ${calls} calls planned`
      },
    },
  }
}
