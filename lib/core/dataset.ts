// What a dataset is: the API calls that fetch it, its valid rows, the columns of its files, and where they are stored.

import type { DatasetName } from './config.ts'
import type { IsoDate } from './dates.ts'

/** One API call: `path` below the API's root, the symbol and the query parameters. Messages call it by its `name`. */
export type Ask = {
  readonly path: string
  readonly symbol: string
  readonly query: Readonly<Record<string, string>>
  readonly name: string
  /** Whether the run goes on without it where the plan does not include its endpoint. */
  readonly isOptional?: boolean
}

/** A row as the vendor sent it, unchecked. */
export type RawRow = Readonly<Record<string, unknown>>

/** A valid row: `date` and the dataset's own columns, without `ingest_ts`, which is added when a file is encoded. */
export type Row = { readonly date: IsoDate } & Readonly<Record<string, string | number | null>>

/** A column of a file. In memory, `date` and `instant` (UTC) are ISO text; `int32` and `int64` are whole numbers. */
export type Column = {
  readonly name: string
  readonly type: 'string' | 'date' | 'double' | 'int32' | 'int64' | 'instant'
  readonly isNullable: boolean
}

/** The last column of every file: the start of the run that wrote it. It is not part of rows, nor of their hash. */
export const INGEST_TS: Column = { name: 'ingest_ts', type: 'instant', isNullable: false }

/** A valid row with the soft rules that it broke, or the hard rule that an invalid row broke. */
export type RowCheck = { readonly row: Row; readonly suspicions: readonly string[] } | { readonly reason: string }

/** What one file of a symbol holds: the session of a day, the sessions of a year, or the document of a date. */
export type FilePartition =
  | { readonly kind: 'day'; readonly date: IsoDate }
  | { readonly kind: 'year'; readonly year: number }
  | { readonly kind: 'document'; readonly date: IsoDate }

/** What all datasets have in common. */
export interface Dataset {
  readonly name: DatasetName
  /** The writer's name in its files; a file of another writer is foreign. */
  readonly creator: string
  /** The year of the oldest date that its files can have. */
  readonly firstYear: number
  readonly columns: readonly Column[]
  /** Fields that at least one row of a reply must have. When no row has one, the vendor has changed its API. */
  readonly requiredFields: readonly string[]
  /** Fields that the vendor is known to send. Others are ignored, and a note names them. */
  readonly knownFields: ReadonlySet<string>
  check(symbol: string, raw: RawRow): RowCheck
  /** The columns whose values together are unique among the rows of a symbol. */
  readonly primaryKey: readonly string[]
  /** Whether a row replaces one before it that has the same primary key. Without this, the last row of a reply does. */
  readonly isNewer?: (row: Row, before: Row) => boolean
  /** The key prefix of the folders of all symbols, with a slash at its end. */
  readonly root: string
  /** The key prefix of a symbol's files, with a slash at its end. */
  folder(symbol: string): string
  /** What the file with this key holds, or undefined if the dataset has no such file of the symbol. */
  partitionOf(symbol: string, key: string): FilePartition | undefined
}

/** The values of a row's primary key, as text. */
export function primaryKeyOf({ primaryKey }: Pick<Dataset, 'primaryKey'>, row: Row): string {
  return primaryKey.map((name) => row[name]).join(' ')
}
