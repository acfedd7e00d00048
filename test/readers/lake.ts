// A lake with year files, day files that overlap them, older and newer ones, and annual reports, written by the real program;
// and what was known of each company on a day, counted from the filings themselves.

import { join } from 'node:path'
import { DAYS, filings, ingest, prices, type Filing } from '../spark/lakes.ts'

/** When each was accepted is in New York's time. The amount tells them apart. */
const FILINGS: readonly Filing[] = [
  // A late amendment of the older year comes after the newer one.
  ['AAPL', '2022-09-24', 'FY', '2024-02-01 16:05:00', 1],
  ['AAPL', '2023-09-30', 'FY', '2023-11-03 06:01:36', 2],
  ['AAPL', '2024-06-29', 'Q3', '2024-08-02 06:01:00', 3],
  ['BRK-B', '2022-12-31', 'FY', '2023-02-27 08:00:00', 4],
  // At midnight: the session of that day begins no later.
  ['BRK-B', '2023-12-31', 'FY', '2024-02-26 00:00:00', 5],
  // So FMP writes it for foreign filers: nobody knows when it was filed.
  ['NAN', '2023-12-31', 'FY', '2023-12-31 00:00:00', 6],
  ['1D', '2023-12-31', 'FY', null, 7],
]

/** Makes the lake in `folder`, which must be new, and returns it. */
export async function makeReadingLake(folder: string): Promise<string> {
  const lake = join(folder, 'lake')
  const symbols = [...new Set(FILINGS.map(([symbol]) => symbol))].join(',')
  const runs = [
    { vendor: prices(1), args: ['--backfill', '--from-date', '2023-01-01'], now: '2024-09-12T13:00:00Z' },
    { vendor: prices(1.5), args: DAYS('2024-09-05', '2024-09-11'), now: '2024-09-12T14:00:00Z' },
    { vendor: prices(1.5), args: DAYS('2024-09-12', '2024-09-12'), now: '2024-09-13T13:00:00Z' },
    // A mend: the year files are then newer than the day files before it.
    { vendor: prices(1.6), args: DAYS('2024-09-13', '2024-09-13'), now: '2024-09-14T13:00:00Z' },
    {
      vendor: filings(...FILINGS),
      args: ['--dataset', 'fundamentals', '--tickers', symbols],
      now: '2024-09-13T14:00:00Z',
    },
  ]
  for (const run of runs) await ingest(lake, run)
  return lake
}

/** A vendor that has these filings. */
export function makeFilings() {
  return filings(...FILINGS)
}

/** The amount of the newest annual report that was public when a day began in New York; null where there was none. */
export function knownOn(symbol: string, day: string): number | null {
  const known = FILINGS.filter(
    ([filer, end, period, accepted]) =>
      filer === symbol &&
      period === 'FY' &&
      accepted !== null &&
      accepted.slice(0, 10) > end &&
      accepted < `${day} 00:00:00`,
  )
  return known.toSorted(([, a], [, b]) => b.localeCompare(a))[0]?.[4] ?? null
}
