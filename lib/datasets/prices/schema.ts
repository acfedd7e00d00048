// Daily prices. Open, high, low, close and volume are adjusted for splits; adjClose for splits and dividends.

import * as v from 'valibot'
import {
  FIRST_YEAR,
  LAST_YEAR,
  isIsoDate,
  midnightDay,
  parseIsoDate,
  yearOf,
  type DateRange,
  type IsoDate,
} from '../../core/dates.ts'
import { amount, requiredDate } from '../fields.ts'
import {
  INGEST_TS,
  type Ask,
  type Column,
  type Dataset,
  type FilePartition,
  type RawRow,
  type Row,
  type RowCheck,
} from '../../core/dataset.ts'
import { hiveValue } from '../keys.ts'
import { whereTrue } from '../../core/text.ts'
import { CREATOR } from '../../core/config.ts'

/** The part of a symbol's sessions that one file holds. */
export type Partition = Extract<FilePartition, { kind: 'day' | 'year' }>

/** A dataset with one row per session, fetched by windows of dates. */
export interface SessionDataset extends Dataset {
  /** API calls for one window of one symbol. */
  readonly callsPerWindow: number
  /** The calls for one window, in the order in which to make them. */
  asks(symbol: string, window: DateRange): readonly Ask[]
  /** The call for all splits of a symbol that the vendor lists. */
  splitsAsk(symbol: string): Ask
  /** Merges the replies to `asks`, in the same order, into one list of rows. */
  merge(replies: readonly (readonly RawRow[])[]): readonly RawRow[]
  /** The name of the field that a row lacks and that the vendor may add later (the adjusted close); undefined if none. */
  missingField(row: Row): string | undefined
  key(symbol: string, partition: Partition): string
  partitionOf(symbol: string, key: string): Partition | undefined
}

export type PricesOptions = {
  readonly api: 'stable' | 'v3'
  /** If false, `adjClose` is null in every row, and a window takes one call instead of two. */
  readonly withAdjClose: boolean
  /** Key prefix of the data, without slashes at its ends; may be empty. */
  readonly prefix: string
  /** The writer's name in the files; `CREATOR` if absent. */
  readonly creator?: string
}

type PriceRow = {
  readonly symbol: string
  readonly date: IsoDate
  readonly open: number | null
  readonly high: number | null
  readonly low: number | null
  readonly close: number | null
  readonly adjClose: number | null
  readonly volume: number | null
}

// In the order of the columns in a file. A field of PriceRow without an entry does not compile.
const COLUMN_TYPES: Readonly<Record<keyof PriceRow, Pick<Column, 'type' | 'isNullable'>>> = {
  symbol: { type: 'string', isNullable: false },
  date: { type: 'date', isNullable: false },
  open: { type: 'double', isNullable: true },
  high: { type: 'double', isNullable: true },
  low: { type: 'double', isNullable: true },
  close: { type: 'double', isNullable: true },
  adjClose: { type: 'double', isNullable: true },
  volume: { type: 'int64', isNullable: true },
}

const COLUMNS: readonly Column[] = [
  ...Object.entries(COLUMN_TYPES).map(([name, column]) => ({ name, ...column })),
  INGEST_TS,
]

// The fields that FMP is known to send in a price row (stable and v3), stored or not.
const FIELDS = ['open', 'high', 'low', 'close', 'volume']
const OTHER_FIELDS = ['symbol', 'date', 'adjClose', 'adjOpen', 'adjHigh', 'adjLow', 'change', 'changePercent', 'vwap']
const V3_FIELDS = ['unadjustedVolume', 'label', 'changeOverTime']

const MAX_INT64 = 2 ** 63

const RawPrice = v.object({
  symbol: v.string('symbol is missing'),
  date: requiredDate,
  open: amount('open'),
  high: amount('high'),
  low: amount('low'),
  close: amount('close'),
  adjClose: amount('adjClose'),
  volume: v.nullish(
    v.pipe(
      v.number('volume is not a number'),
      v.finite('volume is not finite'),
      v.minValue(0, 'volume is negative'),
      v.check((volume) => volume < MAX_INT64, 'volume does not fit 64 bits'),
    ),
    null,
  ),
})

/** The prices dataset for the settings of one run. */
export function createPrices({ api, withAdjClose, prefix, creator = CREATOR }: PricesOptions): SessionDataset {
  const root = prefix === '' ? 'prices/' : `${prefix}/prices/`
  const variants = withAdjClose && api === 'stable' ? ['full', 'dividend-adjusted'] : ['full']
  const folder = (symbol: string) => `${root}symbol=${hiveValue(symbol)}/`
  const key = (symbol: string, partition: Partition) => {
    const name = hiveValue(symbol)
    if (partition.kind === 'year') return `${folder(symbol)}year=${partition.year}/${name}-${partition.year}.parquet`
    const [year, month] = partition.date.split('-')
    return `${folder(symbol)}year=${year}/month=${month}/${name}-${partition.date}.parquet`
  }

  return {
    name: 'prices',
    creator,
    firstYear: FIRST_YEAR,
    columns: COLUMNS,
    callsPerWindow: variants.length,
    requiredFields: FIELDS,
    knownFields: new Set([...FIELDS, ...OTHER_FIELDS, ...V3_FIELDS]),

    asks(symbol, { from, to }): readonly Ask[] {
      const query = { from, to }
      return api === 'v3'
        ? [{ path: 'historical-price-full', symbol, query, name: 'historical-price-full' }]
        : variants.map((variant) => ({ path: `historical-price-eod/${variant}`, symbol, query, name: variant }))
    },

    splitsAsk(symbol): Ask {
      const path = api === 'v3' ? 'historical-price-full/stock_split' : 'splits'
      return { path, symbol, query: {}, name: 'splits', isOptional: true }
    },

    merge: ([full = [], adjusted]) => (adjusted === undefined ? full : withAdjustedClose(full, adjusted)),

    check(symbol, raw): RowCheck {
      return checkPrice(symbol, withAdjClose ? raw : { ...raw, adjClose: null })
    },

    primaryKey: ['date'],

    missingField: (row) => (withAdjClose && row['adjClose'] === null ? 'adjusted close' : undefined),

    root,

    folder,

    key,

    partitionOf(symbol, fileKey): Partition | undefined {
      const partition = partitionNamed(fileKey)
      if (partition === undefined || key(symbol, partition) !== fileKey) return undefined
      const year = partition.kind === 'year' ? partition.year : yearOf(partition.date)
      // No calendar has sessions of other years, and no run stores any.
      return year >= FIRST_YEAR && year <= LAST_YEAR ? partition : undefined
    },
  }
}

/** The partition by the last characters of a key alone. */
function partitionNamed(key: string): Partition | undefined {
  const date = parseIsoDate(key.slice(-18, -8))
  if (date !== undefined) return { kind: 'day', date }
  const firstDay = parseIsoDate(`${key.slice(-12, -8)}-01-01`)
  return firstDay === undefined ? undefined : { kind: 'year', year: yearOf(firstDay) }
}

/** The rows of `full`, each with the adjusted close of its date, or without the field if there is none. */
function withAdjustedClose(full: readonly RawRow[], adjusted: readonly RawRow[]): readonly RawRow[] {
  const closes = new Map(adjusted.map((row) => [dayOf(row), row['adjClose']]))
  return full.map((row) => ({ ...row, adjClose: closes.get(dayOf(row)) }))
}

/** The day of a row, because two replies may write one day in two ways; else its date as it came. */
function dayOf({ date }: RawRow): unknown {
  return typeof date === 'string' ? (midnightDay(date) ?? date) : date
}

function checkPrice(symbol: string, raw: RawRow): RowCheck {
  if (isPlainlyValid(raw)) return validPrice(symbol, raw)
  // Sets both keys: for an absent key, valibot uses its own message instead of the schema's.
  const parsed = v.safeParse(RawPrice, { ...raw, symbol: raw['symbol'], date: raw['date'] }, { abortEarly: true })
  return parsed.success ? validPrice(symbol, parsed.output) : { reason: parsed.issues[0].message }
}

/**
 * Whether the schema would accept a row and leave it as it is. It would nearly every row, and takes ten times as long to say
 * so; whatever is not plain is for the schema to judge.
 */
function isPlainlyValid(raw: RawRow): raw is PriceRow {
  const { symbol, date, open, high, low, close, adjClose, volume } = raw
  const amounts = [open, high, low, close, adjClose, volume]
  return typeof symbol === 'string' && typeof date === 'string' && isIsoDate(date) && amounts.every(isPlainAmount)
}

/** Zero is not plain: there are two of it. */
function isPlainAmount(value: unknown): boolean {
  return value === null || (typeof value === 'number' && value > 0 && value < MAX_INT64)
}

function validPrice(symbol: string, { date, open, high, low, close, adjClose, volume: exact }: PriceRow): RowCheck {
  if (open === null && high === null && low === null && close === null) return { reason: 'all four prices are null' }
  const volume = exact === null ? null : Math.round(exact) + 0
  const row: PriceRow = { symbol, date, open, high, low, close, adjClose, volume }
  return { row: row satisfies Row, suspicions: suspicionsOf(row, exact !== volume) }
}

function suspicionsOf(row: PriceRow, wasVolumeFractional: boolean): readonly string[] {
  const { open, high, low, close } = row
  const prices = [open, high, low, close]
  const isOutside = (price: number | null) =>
    price !== null && ((high !== null && price > high) || (low !== null && price < low))
  const rules: readonly [boolean, string][] = [
    [prices.includes(null), 'a price is null'],
    [high !== null && low !== null && high < low, 'high is below low'],
    [isOutside(open) || isOutside(close), 'open or close is outside low to high'],
    [[...prices, row.adjClose].some((price) => price !== null && price <= 0), 'a price is not above zero'],
    [wasVolumeFractional, 'volume is fractional'],
  ]
  return whereTrue(rules)
}
