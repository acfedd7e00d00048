// What stands in a lake, looked at from outside between two runs.

import { amountsOf, type Bars, type Reports } from '../support/servers/vendor.ts'
import {
  isDataKey,
  priceKeys,
  readFooter,
  readReports,
  readRows,
  type Lake,
  type StoredReport,
  type StoredRow,
} from '../support/lakes/lake.ts'
import { createWitness } from '../support/table/witness.ts'
import { copyOf } from '../support/table/worlds.ts'
import { tableDifferences } from '../support/table-check.ts'
import { STATEMENTS } from '../../lib/datasets/datasets.ts'
import { compareKeys } from '../../lib/store/store.ts'

/** Bytes by key. */
export type Files = ReadonlyMap<string, Uint8Array>

export async function readFiles(lake: Lake): Promise<Files> {
  const keys = await lake.keys()
  return new Map(await Promise.all(keys.map(async (key) => [key, (await lake.bytes(key)).slice()] as const)))
}

/** `rows-sha256` of every file of prices and statements. */
export async function dataFacts(lake: Lake): Promise<ReadonlyMap<string, string>> {
  const keys = (await lake.keys()).filter(isDataKey)
  const facts = keys.map(async (key) => [key, (await readFooter(lake, key)).rowsSha256 ?? ''] as const)
  return new Map(await Promise.all(facts))
}

const PRICE_KEY = /^raw\/prices\/symbol=([^/]+)\/year=(\d{4})\/(?:month=\d\d\/\1-\2-\d\d-\d\d|\1-\2)\.parquet$/
const STATEMENT_KEY =
  /^raw\/fundamentals\/type=(\w+)\/symbol=([^/]+)\/year=(\d{4})\/docdate=(\3-\d\d-\d\d)\/\2-\4\.parquet$/
const TABLE_KEY = /^tables\/(?:(?:prices|income|balance|cashflow)\/[\w-]+\.parquet|(?:runs|layouts)\/\w+\.json)$/
const LOG_KEY = /^logs\/ingest\/date=[\d-]+\/run-\d+(?:-\d+)?\.(?:json|rejects\.jsonl)$/

/** Files that nobody should see: under names of their own, torn metrics and, once a run has ended, temporary ones. */
export async function strayKeys(lake: Lake, state: 'killed' | 'ended'): Promise<readonly string[]> {
  const strays: string[] = []
  for (const key of await lake.keys()) {
    const isTemporary = key.startsWith('.ingest-tmp/')
    if (LOG_KEY.test(key) && !(await isWhole(lake, key))) strays.push(`${key} is torn`)
    const isKnown = [LOG_KEY, PRICE_KEY, STATEMENT_KEY, TABLE_KEY].some((form) => form.test(key))
    if (isTemporary ? state === 'ended' : !isKnown) strays.push(`${key} lies about`)
  }
  return strays
}

async function isWhole(lake: Lake, key: string): Promise<boolean> {
  try {
    JSON.parse(new TextDecoder().decode(await lake.bytes(key)))
    return true
  } catch {
    return false
  }
}

/**
 * What is wrong with a table of prices after a kill: rows that never were the lake's, that stand twice or are lost, a series that
 * goes on over a change of its base. `whole` is what the run makes of `before`, and `left` what it had made of it.
 */
export async function wrongsOfTable(before: Files, whole: Files, left: Files): Promise<readonly string[]> {
  const witness = createWitness()
  for (const files of [before, whole, left]) {
    // As a mend stores them: years before days, older ones first.
    const raw = [...files].filter(([key]) => PRICE_KEY.test(key)).toSorted(([a], [b]) => compareKeys(a, b))
    for (const [key, bytes] of raw) await witness.wrote(key, bytes)
  }
  for (const files of [before, left])
    for (const [key, bytes] of files) if (key.startsWith('tables/')) await witness.wrote(key, bytes)
  return witness.wrongs
}

/** Where the tables are not what is stored; nothing where there are none. */
export async function tablesBehind(lake: Lake): Promise<readonly string[]> {
  await using copy = await copyOf(lake)
  return await tableDifferences(await copy.folder())
}

/** Year files whose footer claims to have asked for, and found empty, another year of which the vendor has bars. */
export async function falseClaims(lake: Lake, bars: Bars): Promise<readonly string[]> {
  const claims: string[] = []
  for (const key of await priceKeys(lake)) {
    const [, folder = '', year = ''] = PRICE_KEY.exec(key) ?? []
    if (!key.endsWith(`-${year}.parquet`)) continue
    const { asked } = await readFooter(lake, key)
    const [from = '', to = ''] = asked?.split('..') ?? []
    const hidden = (bars[decodeURIComponent(folder)] ?? []).filter(
      ({ date }) => from <= date && date <= to && !date.startsWith(year),
    )
    if (asked === undefined || hidden.length > 0) claims.push(`${key} claims ${asked} but hides ${hidden.length} bars`)
  }
  return claims
}

/**
 * Files whose rows count and are not the vendor's: of prices the bars of their day or, up to their newest row, of their year; of
 * statements the reports of their date.
 */
export async function untrueFiles(lake: Lake, bars: Bars, reports: Reports = {}): Promise<readonly string[]> {
  const all = await readRows(lake)
  const newest = new Map<string, number>()
  for (const { symbol, date, ingestTs } of all) {
    newest.set(`${symbol} ${date}`, Math.max(ingestTs, newest.get(`${symbol} ${date}`) ?? 0))
  }
  // A day file that a year file was written over after it says nothing any more.
  const counting = all.filter(
    ({ key, symbol, date, ingestTs }) => !key.includes('/month=') || ingestTs === newest.get(`${symbol} ${date}`),
  )
  const prices = Map.groupBy(counting, ({ key }) => key)
  const statements = Map.groupBy(await readReports(lake), ({ key }) => key)
  return [
    ...[...prices].filter(([, rows]) => !isTrue(rows, bars)),
    ...[...statements].filter(([, rows]) => !isReported(rows, reports)),
  ].map(([key]) => key)
}

function isReported(rows: readonly StoredReport[], reports: Reports): boolean {
  const [{ key, symbol, date } = { key: '', symbol: '', date: '' }] = rows
  const amounts = STATEMENTS.find(({ name }) => name === STATEMENT_KEY.exec(key)?.[1])?.amounts ?? []
  const truth = (reports[symbol] ?? [])
    .filter((report) => report.date === date)
    .map(({ period, amount }) => [symbol, date, period, ...amountsOf(amount, amounts).map(([, value]) => value)].join())
  const stored = rows.map((row) => [row.symbol, row.date, row.period, ...row.amounts].join())
  return stored.toSorted().join(' ') === truth.toSorted().join(' ')
}

type Shown = Pick<StoredRow, 'date' | 'close' | 'adjClose' | 'volume'>

function text({ date, close, adjClose, volume }: Shown): string {
  return [date, close, adjClose, volume].join(',')
}

function isTrue(rows: readonly StoredRow[], bars: Bars): boolean {
  const [newest] = rows
  if (newest === undefined) return false
  const { symbol, date, key } = newest
  const since = key.endsWith(`-${date}.parquet`) ? date : date.slice(0, 4)
  const truth = (bars[symbol] ?? []).filter((bar) => since <= bar.date && bar.date <= date)
  return rows.map(text).toSorted().join(' ') === truth.map(text).toSorted().join(' ')
}
