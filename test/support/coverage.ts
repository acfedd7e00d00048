// Documents of `ingest coverage`, made without a store: from files that are nothing but footers, and runs that are nothing
// but metrics.

import { XNYS } from '../../lib/core/calendar.ts'
import { wholeYear, yearsIn } from '../../lib/core/dates.ts'
import type { PastOutcome, SymbolOutcome } from '../../lib/core/outcome.ts'
import { coveredSymbol, coverageOf, type CoverageContext } from '../../lib/commands/inspect/coverage-data.ts'
import { monthsUpTo } from '../../lib/datasets/prices/months.ts'
import type { PriceFile } from '../../lib/datasets/prices/price-files.ts'
import type { Footer } from '../../lib/parquet/parquet.ts'
import type { Coverage } from '../../lib/report/coverage.ts'
import { runLogOf } from '../../lib/report/run-log.ts'
import { buildMetrics } from '../../lib/report/metrics.ts'
import type { StoredRun } from '../../lib/report/runs.ts'
import { sessions } from './bars.ts'
import { factsOf } from './run-facts.ts'
import { at, day, footerOf, outcomeOf, prices, span, storedFile } from './values.ts'

/** A Tuesday morning. The last finished session is the Monday before it. */
export const NOW = '2024-09-17T13:00:00Z'
export const AS_OF = '2024-09-16'

/** A year file with every session of a span but some. */
export function yearFile(
  symbol: string,
  dates: string,
  { without = [], ...changes }: Partial<Footer> & { readonly without?: readonly string[] } = {},
): PriceFile {
  const own = span(dates)
  const held = sessions(own.from, own.to).filter((date) => !without.includes(date))
  const partition = { kind: 'year', year: Number(own.from.slice(0, 4)) } as const
  const file = { ...storedFile(prices().key(symbol, partition)), partition }
  return {
    file,
    footer: footerOf(dates, { rows: held.length, ...changes }),
    dates: without.length > 0 ? held.map(day) : undefined,
  }
}

/** A year file for each year of a span, each with every session. */
export function yearFiles(symbol: string, dates: string, changes: Partial<Footer> = {}): readonly PriceFile[] {
  const all = span(dates)
  return yearsIn(all).map((year) => {
    const { from, to } = wholeYear(year)
    const held = sessions(from < all.from ? all.from : from, to > all.to ? all.to : to)
    return yearFile(symbol, `${held[0]}..${held.at(-1)}`, changes)
  })
}

export function dayFile(symbol: string, date: string): PriceFile {
  const partition = { kind: 'day', date: day(date) } as const
  return { file: { ...storedFile(prices().key(symbol, partition)), partition }, footer: footerOf(`${date}..${date}`) }
}

export function brokenYear(symbol: string, year: number, problem = 'is not a readable Parquet file'): PriceFile {
  const partition = { kind: 'year', year } as const
  return { file: { ...storedFile(prices().key(symbol, partition)), partition }, problem }
}

/** The comparison of a symbol that found nothing. */
export function pastOf(changes: Partial<PastOutcome> = {}): PastOutcome {
  return {
    verdict: 'same',
    comparedSessions: 10,
    comparedFrom: day('2024-09-03'),
    isWhole: true,
    isLook: false,
    steps: [],
    correctedSessions: 0,
    mendedFiles: 0,
    carriedRows: 0,
    isHeld: false,
    basesDiffer: false,
    ...changes,
  }
}

/** The metrics of a run as they are read back. */
export function runAt(instant: string, outcomes: readonly SymbolOutcome[], calls = 2 * outcomes.length): StoredRun {
  const startMs = at(instant)
  const vendorStats = { calls, retries: 0, limited: 0, gateWaitMs: 0 }
  const metrics = JSON.parse(JSON.stringify(buildMetrics(factsOf({ startMs, outcomes, vendorStats }))))
  return { key: `logs/ingest/date=${instant.slice(0, 10)}/run-${startMs / 1_000}.json`, startMs, metrics }
}

export type Made = { readonly symbol: string; readonly files: readonly PriceFile[] }

/** The context of a look at `NOW`. */
export async function contextOf(runs: readonly StoredRun[] = [], folder: string = './lake'): Promise<CoverageContext> {
  const newestFirst = async function* () {
    yield* runs
  }
  return {
    config: { target: { kind: 'folder', folder } },
    command: 'ingest --out ./lake',
    startMs: at(NOW),
    calendar: XNYS,
    asOf: day(AS_OF),
    due: day(AS_OF),
    months: monthsUpTo(XNYS, 1990, day(AS_OF)),
    log: await runLogOf(newestFirst(), XNYS),
  }
}

export async function coverageFrom(
  made: readonly Made[],
  runs: readonly StoredRun[] = [],
  folder?: string,
): Promise<Coverage> {
  const context = await contextOf(runs, folder)
  const covered = made.map(({ symbol, files }) => coveredSymbol(symbol, files, context))
  return coverageOf(covered, context)
}

/** A lake in which every state occurs, with the runs that made it. */
export async function variedCoverage(): Promise<Coverage> {
  const step = { before: day('2024-06-10'), priceFactor: 0.1, adjFactor: 0.1, ratio: '10:1', dividend: undefined }
  const dividend = { before: day('2024-08-12'), priceFactor: 1, adjFactor: 0.9989, ratio: undefined, dividend: 0.25 }
  const nights = sessions('2024-07-22', AS_OF).map((session) => `${session}T23:00:00Z`)
  const held = outcomeOf('GME', { past: pastOf({ verdict: 'implausible', isHeld: true, steps: [step] }) })
  const runs = nights.toReversed().map((night, index) =>
    runAt(night, [
      outcomeOf('AAPL', {
        past: index === 3 ? pastOf({ verdict: 'readjusted', mendedFiles: 24, steps: [dividend] }) : pastOf(),
      }),
      outcomeOf('NVDA', {
        past: index === 9 ? pastOf({ verdict: 'rebased', mendedFiles: 19, carriedRows: 252, steps: [step] }) : pastOf(),
      }),
      outcomeOf('IBM', { past: index === 1 ? pastOf({ verdict: 'corrected', correctedSessions: 1 }) : pastOf() }),
      ...(index < 2 ? [held] : []),
      outcomeOf('XOM', { suspects: index % 11 === 5 ? 1 : 0 }),
    ]),
  )
  const asked = { asked: span('2000-01-01..2024-09-16'), ingestMs: at('2024-09-16T23:00:00Z') }
  return await coverageFrom(
    [
      { symbol: 'AAPL', files: yearFiles('AAPL', '2000-01-03..2024-09-16') },
      { symbol: 'MSFT', files: yearFiles('MSFT', '2000-01-03..2024-09-16') },
      {
        symbol: 'NVDA',
        files: [
          ...yearFiles('NVDA', '2006-01-03..2018-12-31'),
          yearFile('NVDA', '2019-01-02..2019-12-31', { carried: [span('2019-01-02..2019-12-31')] }),
          ...yearFiles('NVDA', '2020-01-02..2024-09-16'),
        ],
      },
      {
        symbol: 'IBM',
        files: [
          ...yearFiles('IBM', '2000-01-03..2010-12-31'),
          yearFile('IBM', '2011-01-03..2011-12-30', { without: ['2011-04-05', '2011-04-06', '2011-04-07'] }),
          ...yearFiles('IBM', '2012-01-03..2016-12-30'),
          ...yearFiles('IBM', '2019-01-02..2024-09-16'),
        ],
      },
      { symbol: 'GME', files: yearFiles('GME', '2002-02-13..2024-09-12') },
      {
        symbol: 'META',
        files: yearFiles('META', '2012-05-18..2024-09-16').map((file, index) =>
          index === 0 && 'footer' in file ? { ...file, footer: { ...file.footer, ...asked } } : file,
        ),
      },
      {
        symbol: 'XOM',
        files: [
          ...yearFiles('XOM', '2000-01-03..2022-12-30'),
          brokenYear('XOM', 2023),
          ...yearFiles('XOM', '2024-01-02..2024-09-16'),
        ],
      },
      { symbol: 'BRK-B', files: yearFiles('BRK-B', '2000-01-03..2024-08-30') },
      { symbol: '^GSPC', files: ['2024-09-12', '2024-09-13', '2024-09-16'].map((date) => dayFile('^GSPC', date)) },
      { symbol: 'NEW', files: [] },
    ],
    runs,
  )
}

/** A document of so many symbols with 25 years each, one in ten with gaps: a few symbols under many names. */
export async function largeCoverage(count: number): Promise<Coverage> {
  const gap = sessions('2009-03-02', '2009-03-31').filter((_date, at_) => at_ % 4 === 1)
  const made = Array.from({ length: 10 }, (_, index): Made => {
    const symbol = `S${index}`
    const [before, after] = [`${1999 + (index % 3)}-10-04..2008-12-31`, '2010-01-04..2024-09-16']
    const gapped = yearFile(symbol, '2009-01-02..2009-12-31', { without: index === 0 ? gap : [] })
    return { symbol, files: [...yearFiles(symbol, before), gapped, ...yearFiles(symbol, after)] }
  })
  const nights = sessions('2024-07-22', AS_OF).toReversed()
  const mended = pastOf({ verdict: 'readjusted', mendedFiles: 25 })
  const outcomes = made.map(({ symbol }) => outcomeOf(symbol, { past: mended, suspects: 1 }))
  const document = await coverageFrom(
    made,
    nights.map((night) => runAt(`${night}T23:00:00Z`, outcomes)),
  )
  const symbols = Array.from({ length: count }, (_, index) => {
    const like = document.symbols[index % made.length]
    if (like === undefined) throw new Error('There are symbols')
    return { ...like, symbol: `S${String(index).padStart(4, '0')}` }
  })
  return { ...document, symbols: symbols.toSorted((a, b) => b.missing - a.missing) }
}

/** Texts that a page must not run: they end an element, a quote, a script or a line. */
export const HOSTILE = [
  '<script>globalThis.stolen=1</script>',
  '</script><img src=x onerror=globalThis.stolen=1>',
  '"><iframe src=javascript:alert(1)>',
  "' onmouseover='globalThis.stolen=1",
  '<!--<script>',
  '&lt;b&gt;',
  '{{data}}$&$1',
  'A\u202EB\u2028C\u0007D',
  '$(touch stolen);`touch stolen`',
] as const

/** A lake whose folders, keys and run records were named by somebody who means ill. */
export async function hostileCoverage(): Promise<Coverage> {
  const outcomes = HOSTILE.map((symbol) =>
    outcomeOf(symbol, { suspects: 1, past: pastOf({ verdict: 'other', mendedFiles: 1, isHeld: true }) }),
  )
  const run = runAt('2024-09-16T23:00:00Z', outcomes)
  const broken: StoredRun[] = HOSTILE.map((text, index) => ({
    key: `logs/ingest/${text}`,
    startMs: at('2024-09-01T00:00:00Z') + index,
    problem: text,
  }))
  const made = HOSTILE.map((symbol) => ({
    symbol,
    files: [...yearFiles(symbol, '2023-01-03..2024-09-12'), brokenYear(symbol, 2022, symbol)],
  }))
  return await coverageFrom(made, [run, ...broken], HOSTILE.join(' '))
}
