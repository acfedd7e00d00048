// What a dataset is: how to ask the vendor for it, what a good row is, which columns its files have and where a row
// belongs. Survey, plan, pipeline and stores know datasets only through this.

import type { IsoDate, DateRange } from './dates.ts'

/** One API call: `path` below the API's root, the symbol, further parameters; `name` is what messages call it. */
export type Ask = {
  readonly path: string
  readonly symbol: string
  readonly query: Readonly<Record<string, string>>
  readonly name: string
}

/** A row as the vendor sent it, nothing checked. */
export type RawRow = Readonly<Record<string, unknown>>

/** A checked row: `date` and the dataset's own columns, without `ingest_ts`, which every file adds. */
export type Row = { readonly date: IsoDate } & Readonly<Record<string, string | number | null>>

/** A column of a file. In memory `date` and `instant` are ISO text (the latter in UTC), `int32` and `int64` whole numbers. */
export type Column = {
  readonly name: string
  readonly type: 'string' | 'date' | 'double' | 'int32' | 'int64' | 'instant'
  readonly isNullable: boolean
}

/** The last column of every file: the start of the run that wrote it. No row has it, and no hash of rows knows it. */
export const INGESTED: Column = { name: 'ingest_ts', type: 'instant', isNullable: false }

/** What one file holds of a symbol. */
export type Partition =
  | { readonly kind: 'day'; readonly date: IsoDate }
  | { readonly kind: 'year'; readonly year: number }

/** A good row with the soft rules it broke, or the hard rule that a bad one broke. */
export type Verdict = { readonly row: Row; readonly suspicions: readonly string[] } | { readonly reason: string }

/** What every dataset is: what a row of it must be, and which columns its files have. */
export interface Dataset {
  readonly name: string
  readonly columns: readonly Column[]
  /** Fields every reply must have in at least one row; one that no row has is a changed API, not data. */
  readonly requiredFields: readonly string[]
  /** Fields the vendor is known to send; others are ignored and noted. */
  readonly knownFields: ReadonlySet<string>
  check(symbol: string, raw: RawRow): Verdict
  /** The columns that together tell a row from all others of its symbol. */
  readonly identity: readonly string[]
  /** The folder of a symbol's files, below the store's root and with a closing slash. */
  folder(symbol: string): string
}

/** What tells a row from all others of its symbol, as text. */
export function identityOf({ identity }: Pick<Dataset, 'identity'>, row: Row): string {
  return identity.map((name) => row[name]).join(' ')
}

/** A dataset with one row a session, asked for by windows of dates. */
export interface SessionDataset extends Dataset {
  /** API calls that one window of one symbol takes. */
  readonly callsPerWindow: number
  /** The calls of one window, in the order to make them. */
  asks(symbol: string, window: DateRange): readonly Ask[]
  /** The replies to `asks`, in the same order, as one list of rows. */
  merge(replies: readonly (readonly RawRow[])[]): readonly RawRow[]
  /** What a row lacks that the vendor usually adds a little later (an adjusted close), or undefined when it is whole. */
  lacks(row: Row): string | undefined
  key(symbol: string, partition: Partition): string
  /** What the file with this key holds, or undefined where the key is none of this dataset's. */
  partitionOf(symbol: string, key: string): Partition | undefined
}

/** The periods that a company reports on. */
export type ReportPeriod = 'annual' | 'quarter'

/** A dataset of dated documents, which the vendor gives whole: all that it has, newest first. */
export interface DocumentDataset extends Dataset {
  /** What messages call its documents, in the plural. */
  readonly title: string
  /** The call for the newest `limit` rows of a period. */
  ask(symbol: string, period: ReportPeriod, limit: number): Ask
  key(symbol: string, date: IsoDate): string
  /** The date of the document with this key, or undefined where the key is none of this dataset's. */
  dateOf(symbol: string, key: string): IsoDate | undefined
}
