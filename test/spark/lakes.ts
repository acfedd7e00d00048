// The lakes that Spark is to load: a folder for each stage, copied over the lake of the check one after the other, so
// that files come, are overwritten and come late between two loads. Price files are written by the real program.

import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { XNYS } from '../../lib/calendar.ts'
import { makeBars, startFakeFmp, type Bar } from '../support/fake-fmp.ts'
import { KEY, runCli } from '../support/run-cli.ts'
import { day, span } from '../support/samples.ts'

const SYMBOLS = ['AAPL', '^GSPC', 'BRK-B', 'NAN', '1D']
const SESSIONS = XNYS.sessions(span('2023-01-03..2024-09-18'))
const GAP = day('2024-02-14')

/** With a gap, and for one symbol days without an adjusted close. */
function barsWith(factor: number): Record<string, readonly Bar[]> {
  const entries = SYMBOLS.map((symbol, index) => {
    const bars = makeBars(SESSIONS, 7 + index).filter(({ date }) => date !== GAP)
    const scaled = bars.map((bar) => ({
      ...bar,
      adjClose: symbol === '1D' && bar.date.startsWith('2023-06') ? null : (bar.adjClose ?? 0) * factor,
    }))
    return [symbol, scaled] as const
  })
  return Object.fromEntries(entries)
}

type Run = { readonly factor: number; readonly args: readonly string[]; readonly now: string }

const DAYS = (from: string, to: string) => ['--from-date', from, '--to-date', to]

/** By stage: the runs whose files it adds, each with what the vendor said then. */
const STAGES: Readonly<Record<string, readonly Run[]>> = {
  // Year files, and the days of the week before, fetched later with another adjustment.
  '1': [
    { factor: 1, args: ['--backfill', '--from-date', '2023-01-01'], now: '2024-09-12T13:00:00Z' },
    { factor: 1.5, args: DAYS('2024-09-05', '2024-09-11'), now: '2024-09-12T14:00:00Z' },
  ],
  // New days, a day again with --force, the running year again: files under names that are there, and new ones.
  '2': [
    { factor: 2, args: DAYS('2024-09-10', '2024-09-10').concat('--force'), now: '2024-09-16T13:00:00Z' },
    { factor: 2, args: DAYS('2024-09-12', '2024-09-13'), now: '2024-09-16T13:30:00Z' },
    {
      factor: 2.5,
      args: ['--backfill', ...DAYS('2024-01-01', '2024-09-13'), '--force', '--tickers', 'AAPL'],
      now: '2024-09-16T14:00:00Z',
    },
  ],
  // Older than all that is there, and late.
  late: [{ factor: 9, args: DAYS('2024-08-01', '2024-08-30'), now: '2024-09-03T13:00:00Z' }],
}

/** Makes the stages anew under `folder` and returns it. */
export async function makeStages(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true })
  for (const [stage, runs] of Object.entries(STAGES)) {
    const lake = join(folder, stage)
    // The program refreshes what is there: a stage starts from the one before it.
    if (stage === '2') await cp(join(folder, '1'), lake, { recursive: true })
    for (const run of runs) await ingest(lake, run)
  }
  return folder
}

async function ingest(lake: string, { factor, args, now }: Run): Promise<void> {
  const fmp = startFakeFmp({ bars: barsWith(factor), key: KEY })
  try {
    const symbols = args.includes('--tickers') ? [] : ['--tickers', SYMBOLS.join(',')]
    const env = { FMP_API_KEY: KEY, FMP_BASE_URL: fmp.url, RATE_LIMIT_SECONDS: '0' }
    const run = await runCli([...args, ...symbols, '--out', lake, '--now', now], { env })
    if (run.code !== 0) throw new Error(`The lake could not be made: ${run.stderr}`)
  } finally {
    fmp.stop()
  }
}
