// Values that many tests start from, each whole and ordinary; a test says only what is special about its own.

import { XNYS } from '../../lib/core/calendar.ts'
import type { AskedDates, Config, StatementName } from '../../lib/core/config.ts'
import { blankOutcome, type SymbolOutcome } from '../../lib/core/outcome.ts'
import type { RawRow, Row } from '../../lib/core/dataset.ts'
import { createPrices, type PricesOptions, type SessionDataset } from '../../lib/datasets/prices/schema.ts'
import { footersOf } from '../../lib/datasets/prices/year-files.ts'
import type { StoredSessions } from '../../lib/datasets/prices/survey.ts'
import type { Statement } from '../../lib/datasets/statements/schema.ts'
import { parseIsoDate, type DateRange, type IsoDate } from '../../lib/core/dates.ts'
import { IngestError } from '../../lib/core/errors.ts'
import type { Footer } from '../../lib/parquet/parquet.ts'
import { resolvePeriod, type Period } from '../../lib/core/period.ts'
import type { StoredFile } from '../../lib/store/store.ts'

/** A date of a test's table; a misspelt one fails the test. */
export function day(text: string): IsoDate {
  const date = parseIsoDate(text)
  if (date === undefined) throw new Error(`${text} is no date`)
  return date
}

/** `FROM..TO`. */
export function span(text: string): DateRange {
  const [from = '', to = ''] = text.split('..')
  return { from: day(from), to: day(to) }
}

/** Milliseconds since 1970. */
export const at = (instant: string): number => Date.parse(instant)

export function prices(options: Partial<PricesOptions> = {}): SessionDataset {
  return createPrices({ api: 'stable', withAdjClose: true, prefix: 'raw', ...options })
}

/** A statement that the program does not have: what is written once per statement must work for one more. */
export const FURTHER_STATEMENT: Statement = {
  name: 'segments' as StatementName,
  title: 'segment reports',
  path: 'segment-report',
  amounts: ['segmentRevenue', 'segmentCostOfRevenue', 'segmentOperatingIncome', 'segmentAssets', 'segmentLiabilities'],
  v3Names: { segmentOperatingProfit: 'segmentOperatingIncome' },
  v3Others: ['segmentMargin'],
}

/** What FMP sends for a day, merged; the numbers are plain and pass every rule. */
export function rawPrice(date: string, changes: RawRow = {}): RawRow {
  const bar = { open: 10.5, high: 12, low: 9.25, close: 11, volume: 1_000 }
  return { symbol: 'AAPL', date, ...bar, change: 0.5, changePercent: 4.76, vwap: 10.7, adjClose: 10.9, ...changes }
}

export function priceRow(date: string, changes: Partial<Row> = {}): Row {
  const bar = { open: 10.5, high: 12, low: 9.25, close: 11, adjClose: 10.9, volume: 1_000 }
  return { symbol: 'AAPL', date: day(date), ...bar, ...changes }
}

/** A footer of ours with a row for every session of its span, written on the evening after it. */
export function footerOf(dates: string, changes: Partial<Footer> = {}): Footer {
  const own = span(dates)
  return {
    createdBy: 'fmp-ingest version 1.2.3',
    rows: XNYS.sessions(own).length,
    span: own,
    ingestMs: at(`${own.to}T23:59:00Z`),
    rowsSha256: 'ab'.repeat(32),
    asked: undefined,
    carried: [],
    carriedBy: undefined,
    ...changes,
  }
}

/** What a survey that finds nothing knows of a symbol; year files whose footers are given are whole. */
export function storedSessions(symbol: string, changes: Partial<StoredSessions> = {}): StoredSessions {
  const { years = new Map() } = changes
  const heldInYears = footersOf(years).map((footer) => ({ span: footer.span, gaps: new Set<IsoDate>() }))
  const nothing = { days: new Set<IsoDate>(), earlierDays: [], unreadYears: [], newest: undefined, recent: undefined }
  return { symbol, years, heldInYears, ...nothing, ...changes }
}

export function storedFile(key: string, tag = 'tag'): StoredFile {
  return { key, sizeBytes: 1_000, modifiedMs: 0, tag }
}

/** What the user asked, nothing but the mode being given. */
export function askedDates(changes: Partial<AskedDates> = {}): AskedDates {
  return { mode: 'daily', fromDate: undefined, toDate: undefined, backfillDays: undefined, lookback: 5, ...changes }
}

/** The period of `FROM..TO` seen from an instant. */
export function periodOf(mode: AskedDates['mode'], dates: string, now: string): Period {
  const { from, to } = span(dates)
  return resolvePeriod(askedDates({ mode, fromDate: from, toDate: to }), XNYS, at(now))
}

export function configOf(changes: Partial<Config> = {}): Config {
  return {
    tickers: { kind: 'file', path: 'tickers.csv' },
    dates: askedDates(),
    fileNote: undefined,
    creator: 'fmp-ingest',
    datasets: ['prices'],
    periods: ['annual', 'quarter'],
    mending: 'all',
    auditEvery: 0,
    accepts: [],
    acceptedSessions: [],
    target: { kind: 'folder', folder: './lake' },
    prefix: 'raw',
    tablePrefix: 'tables',
    keepsTables: false,
    skipsBadTickers: false,
    isForced: false,
    isDryRun: false,
    showsKeys: false,
    isJson: false,
    isQuiet: false,
    allowsUnsafeStore: false,
    withAdjClose: true,
    maxCalls: undefined,
    shard: undefined,
    runGroup: undefined,
    usesLedger: false,
    dailyCalls: undefined,
    nowMs: undefined,
    apiKey: 'key-of-a-test-0123456789',
    api: 'stable',
    apiBaseUrl: 'http://127.0.0.1:9',
    rateLimitSeconds: 0,
    maxWorkers: 5,
    uploadConcurrency: 8,
    apiTimeoutSeconds: 30,
    warnings: [],
    secrets: ['key-of-a-test-0123456789'],
    defaultRegion: undefined,
    addressingStyle: undefined,
    actionsJob: undefined,
    ...changes,
  }
}

/** The outcome of a symbol for which nothing had to be done. */
export function outcomeOf(symbol: string, changes: Partial<SymbolOutcome> = {}): SymbolOutcome {
  return { ...blankOutcome(symbol, 'prices', 0), ...changes }
}

/** The IngestError that `run` throws. */
export function errorOf(run: () => unknown): IngestError {
  try {
    run()
  } catch (error) {
    if (error instanceof IngestError) return error
    throw error
  }
  throw new Error('Nothing was thrown')
}

/** The IngestError that a promise rejects with. */
export async function failureOf(running: Promise<unknown>): Promise<IngestError> {
  const error: unknown = await running.then(
    () => new Error('it did not fail'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof IngestError)) throw error
  return error
}
