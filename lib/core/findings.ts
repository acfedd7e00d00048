// What can be wrong with a lake: every kind of finding of `ingest verify`, with its severity and how deep one must look.

import type { IsoDate } from './dates.ts'

/** `footers`: seen by listings and footers. `rows`: only with --deep. `runs`: from the metrics. `vendor`: only with --sample. */
type Depth = 'footers' | 'rows' | 'runs' | 'vendor'

type Kind = {
  /** A warning leaves the exit code at 0. */
  readonly severity: 'error' | 'warning'
  readonly depth: Depth
  readonly meaning: string
}

/** In the order of a file, its rows, a symbol, the lake. */
export const FINDING_KINDS = {
  torn: kind('error', 'footers', 'the file is cut, or no Parquet file can be read from it'),
  empty_file: kind('error', 'footers', 'the file has no bytes'),
  foreign: kind('error', 'footers', 'another program has written the file'),
  stray_key: kind(
    'error',
    'footers',
    'this program gives no file such a key, and a reader of the folder reads it all the same',
  ),
  wrong_schema: kind('error', 'footers', 'a column is missing, or has another name, type or place'),
  wrong_symbol: kind('error', 'footers', 'the file holds rows of another symbol than its key says'),
  wrong_date: kind('error', 'footers', 'the file holds rows of other dates than its key says'),
  altered: kind('error', 'rows', 'the bytes are not those that were written'),
  hash_mismatch: kind('error', 'rows', 'the rows are not those of `rows-sha256`'),
  duplicate_date: kind('error', 'rows', 'a date is in a file twice'),
  unsorted: kind('error', 'rows', 'the rows are not newest first'),
  closed_day_file: kind('error', 'footers', 'a day file of a day on which the exchange was closed'),
  future_date: kind('error', 'footers', 'a row of a session that is not finished yet'),
  early_ingest: kind('error', 'footers', "`ingest_ts` is before the session's close"),
  bad_value: kind('error', 'rows', 'a value is no number, infinite or negative'),
  suspect_bar: kind('warning', 'rows', 'a bar breaks a soft rule, as a high below the low'),
  null_adj_close: kind('error', 'rows', 'an adjusted close is null, and other rows of the symbol have one'),
  adj_above_close: kind('error', 'rows', 'an adjusted close is more than 2 % above the close'),
  doubled_differs: kind(
    'warning',
    'rows',
    "a date's rows in its year file and its day file differ by no factor; a correction looks the same",
  ),
  older_base: kind('error', 'rows', 'rows were stored before a split or dividend that newer files of the symbol have'),
  split_jump: kind('warning', 'rows', "prices of two runs differ by a split's ratio from one session to the next"),
  missing_session: kind('error', 'footers', 'no file holds a session between two stored ones'),
  short_year: kind('error', 'footers', 'a year file lacks sessions that it was asked for, between two stored ones'),
  unfinished_year: kind(
    'error',
    'footers',
    'the file of a past year was not asked for its last sessions, and no day file holds them',
  ),
  stale_symbol: kind(
    'error',
    'footers',
    "the symbol is behind the lake's newest session, and no run was told that there is no more",
  ),
  listed_without_files: kind('error', 'footers', 'a symbol of the ticker list has no file'),
  unlisted: kind('warning', 'footers', 'a symbol of the lake is not in the ticker list'),
  never_compared: kind('warning', 'runs', "no run of the last 40 sessions compared all of the symbol's rows"),
  table_damaged: kind('error', 'footers', 'a file of a table is damaged, or no file of a table of this program'),
  table_stray: kind(
    'error',
    'footers',
    'this program gives no file of the table such a name, and a reader of the table reads it all the same',
  ),
  table_differs: kind('error', 'rows', 'rows of a table are not those of the stored files'),
  table_behind: kind('warning', 'footers', 'a table does not say what the listing of the stored files says'),
  temp_left: kind('warning', 'footers', 'a temporary file of a run that was killed'),
  differs_from_vendor: kind('error', 'vendor', 'FMP has other rows now'),
} as const satisfies Readonly<Record<string, Kind>>

export type FindingKind = keyof typeof FINDING_KINDS

/** What puts a finding right: a file to remove first, and then a command of this program. */
export type Cure = {
  /** A key. */
  readonly removes?: string | undefined
  /** The words after `ingest`, without `--out`. */
  readonly words?: readonly string[] | undefined
}

/** One thing that is wrong. */
export type Finding = {
  readonly kind: FindingKind
  readonly symbol?: string | undefined
  readonly key?: string | undefined
  /** The first date that it is about. */
  readonly date?: IsoDate | undefined
  /** A sentence's end, after the key or the symbol. */
  readonly detail: string
  readonly cure?: Cure | undefined
}

function kind(severity: Kind['severity'], depth: Depth, meaning: string): Kind {
  return { severity, depth, meaning }
}
