// What stands in a lake, looked at from outside between two runs.

import { priceKeys, readFooter, readRows, type Lake, type StoredRow } from '../support/lake.ts'
import type { Bars } from './scenarios.ts'

/** Bytes by key. */
export type Files = ReadonlyMap<string, Uint8Array>

export async function readFiles(lake: Lake): Promise<Files> {
  const keys = await lake.keys()
  return new Map(await Promise.all(keys.map(async (key) => [key, (await lake.bytes(key)).slice()] as const)))
}

/** `rows-sha256` of every price file. */
export async function priceFacts(lake: Lake): Promise<ReadonlyMap<string, string>> {
  const keys = await priceKeys(lake)
  const facts = keys.map(async (key) => [key, (await readFooter(lake, key)).rowsSha256 ?? ''] as const)
  return new Map(await Promise.all(facts))
}

const PRICE_KEY = /^raw\/prices\/symbol=([^/]+)\/year=(\d{4})\/(?:month=\d\d\/\1-\2-\d\d-\d\d|\1-\2)\.parquet$/
const LOG_KEY = /^logs\/ingest\/date=[\d-]+\/run-\d+(?:-\d+)?\.(?:json|rejects\.jsonl)$/

/** Files that nobody should see: under names of their own, torn metrics and, once a run has ended, temporary ones. */
export async function strayKeys(lake: Lake, state: 'killed' | 'ended'): Promise<readonly string[]> {
  const strays: string[] = []
  for (const key of await lake.keys()) {
    const isTemporary = key.startsWith('.ingest-tmp/')
    if (LOG_KEY.test(key) && !(await isWhole(lake, key))) strays.push(`${key} is torn`)
    if (isTemporary ? state === 'ended' : !LOG_KEY.test(key) && !PRICE_KEY.test(key)) strays.push(`${key} lies about`)
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

/** Files whose rows are not the vendor's bars of their day or, up to their newest row, of their year. */
export async function untrueFiles(lake: Lake, bars: Bars): Promise<readonly string[]> {
  const files = Map.groupBy(await readRows(lake), ({ key }) => key)
  return [...files].filter(([, rows]) => !isTrue(rows, bars)).map(([key]) => key)
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
