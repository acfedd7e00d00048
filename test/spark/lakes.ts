// The lakes that Spark is to load: a folder for each stage, copied over the lake of the check one after the other, so
// that files come, are overwritten and come late between two loads. All files are written by the real program.

import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { XNYS } from '../../lib/core/calendar.ts'
import type { VendorOptions } from '../support/servers/vendor.ts'
import { KEY } from '../support/runs/in-process.ts'
import { makeBars, type Bar } from '../support/bars.ts'
import { runCli } from '../support/runs/process.ts'
import { startFakeFmp } from '../support/servers/fake-fmp.ts'
import { day, span } from '../support/values.ts'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'

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

type Vendor = Pick<VendorOptions, 'bars' | 'onRequest'>
type Run = { readonly vendor: Vendor; readonly args: readonly string[]; readonly now: string }

export const prices = (factor: number): Vendor => ({ bars: barsWith(factor) })

/** When it was accepted is in New York's time. All amounts are one. */
export type Filing = readonly [
  symbol: string,
  date: string,
  period: string,
  acceptedDate: string | null,
  amount: number,
]

/** A vendor that has these filings for each of the statements. */
export function filings(...all: readonly Filing[]): Vendor {
  return {
    onRequest: ({ path, symbol, url }) => {
      const amounts = STATEMENTS.find((statement) => path === `/stable/${statement.path}`)?.amounts ?? []
      const isAnnual = url.searchParams.get('period') === 'annual'
      const rows = all.filter(([filer, , period]) => filer === symbol && (period === 'FY') === isAnnual)
      return Response.json(
        rows.map(([, date, period, acceptedDate, amount]) => ({
          date,
          symbol,
          reportedCurrency: 'USD',
          cik: null,
          filingDate: null,
          acceptedDate,
          fiscalYear: date.slice(0, 4),
          period,
          ...Object.fromEntries(amounts.map((field) => [field, amount])),
        })),
      )
    },
  }
}

const YEAR: Filing = ['AAPL', '2024-09-28', 'FY', '2024-11-01 02:01:36', 1]
const RESTATED: Filing = ['AAPL', '2024-09-28', 'FY', '2025-02-01 07:00:00', 4]
const QUARTER: Filing = ['AAPL', '2024-09-28', 'Q4', '2024-11-01 02:01:36', 2]

const OF = (tickers: string) => ['--dataset', 'fundamentals', '--tickers', tickers]
export const DAYS = (from: string, to: string) => ['--from-date', from, '--to-date', to]

/** By stage: the runs whose files it adds, each with what the vendor said then. */
const STAGES: Readonly<Record<string, readonly Run[]>> = {
  // Year files, and the days of the week before, fetched later with another adjustment.
  '1': [
    { vendor: prices(1), args: ['--backfill', '--from-date', '2023-01-01'], now: '2024-09-12T13:00:00Z' },
    { vendor: prices(1.5), args: DAYS('2024-09-05', '2024-09-11'), now: '2024-09-12T14:00:00Z' },
  ],
  // New days, a day again with --force, the running year again: files under names that are there, and new ones.
  '2': [
    { vendor: prices(2), args: DAYS('2024-09-10', '2024-09-10').concat('--force'), now: '2024-09-16T13:00:00Z' },
    { vendor: prices(2), args: DAYS('2024-09-12', '2024-09-13'), now: '2024-09-16T13:30:00Z' },
    {
      vendor: prices(2.5),
      args: ['--backfill', ...DAYS('2024-01-01', '2024-09-13'), '--force', '--tickers', 'AAPL'],
      now: '2024-09-16T14:00:00Z',
    },
  ],
  // Older than all that is there, and late.
  late: [{ vendor: prices(9), args: DAYS('2024-08-01', '2024-08-30'), now: '2024-09-03T13:00:00Z' }],
  'statements-1': [
    {
      vendor: filings(YEAR, QUARTER, ['MSFT', '2024-06-30', 'FY', null, 3]),
      args: OF('AAPL,MSFT'),
      now: '2024-11-02T10:00:00Z',
    },
  ],
  // The year restated, the quarter as it was: one file written over with both.
  'statements-2': [{ vendor: filings(RESTATED, QUARTER), args: OF('AAPL'), now: '2025-02-03T10:00:00Z' }],
  'statements-late': [
    {
      vendor: filings(['MSFT', '2024-06-30', 'FY', '2024-07-30 16:00:00', 9]),
      args: OF('MSFT'),
      now: '2024-08-01T00:00:00Z',
    },
  ],
}

/** Stages that start from another one: the program refreshes what is there. */
const STARTS: Readonly<Record<string, string>> = { '2': '1', 'statements-2': 'statements-1' }

/** Makes the stages anew under `folder` and returns it. */
export async function makeStages(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true })
  for (const [stage, runs] of Object.entries(STAGES)) {
    const lake = join(folder, stage)
    const start = STARTS[stage]
    if (start !== undefined) await cp(join(folder, start), lake, { recursive: true })
    for (const run of runs) await ingest(lake, run)
  }
  return folder
}

/** Adds to a lake what a run writes. Throws where the run does not end with 0. */
export async function ingest(lake: string, { vendor, args, now }: Run): Promise<void> {
  const fmp = startFakeFmp({ ...vendor, key: KEY })
  try {
    const symbols = args.includes('--tickers') ? [] : ['--tickers', SYMBOLS.join(',')]
    const env = { FMP_API_KEY: KEY, FMP_BASE_URL: fmp.url, RATE_LIMIT_SECONDS: '0' }
    const run = await runCli([...args, ...symbols, '--out', lake, '--now', now], { env })
    if (run.code !== 0) throw new Error(`The lake could not be made: ${run.stderr}`)
  } finally {
    fmp.stop()
  }
}
