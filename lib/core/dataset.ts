// What a dataset is: how to ask the vendor for it, what a good row is, which columns its files have and where a row
// belongs. Survey, plan, pipeline and stores know datasets only through this.

import type { DatasetName } from './config.ts'
import type { IsoDate } from './dates.ts'

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

/** A good row with the soft rules it broke, or the hard rule that a bad one broke. */
export type RowCheck = { readonly row: Row; readonly suspicions: readonly string[] } | { readonly reason: string }

/** What every dataset is: what a row of it must be, and which columns its files have. */
export interface Dataset {
  readonly name: DatasetName
  readonly columns: readonly Column[]
  /** Fields every reply must have in at least one row; one that no row has is a changed API, not data. */
  readonly requiredFields: readonly string[]
  /** Fields the vendor is known to send; others are ignored and noted. */
  readonly knownFields: ReadonlySet<string>
  check(symbol: string, raw: RawRow): RowCheck
  /** The columns that together tell a row from all others of its symbol. */
  readonly identity: readonly string[]
  /** The folder of a symbol's files, below the store's root and with a closing slash. */
  folder(symbol: string): string
}

/** What tells a row from all others of its symbol, as text. */
export function identityOf({ identity }: Pick<Dataset, 'identity'>, row: Row): string {
  return identity.map((name) => row[name]).join(' ')
}
