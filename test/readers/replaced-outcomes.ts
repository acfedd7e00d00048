// What readers saw of replaced files: as a table, and where it is not what must be.

import { markdown } from '../bench/table.ts'
import type { Way } from './replaced-files.ts'

export const READERS = [
  'DuckDB',
  'polars, read',
  'polars, scan',
  'pandas',
  'pyarrow',
  'DataFusion',
  'ClickHouse',
  'Spark',
] as const
export type Reader = (typeof READERS)[number]

/** In a folder these fail over naive files; the others do not. */
const CONTROLS = new Set<Reader>(['DuckDB', 'polars, read', 'polars, scan', 'DataFusion'])
/**
 * In a bucket these notice that an object has changed, and fail. ClickHouse and Spark ask for one ETag. How DuckDB notices it is
 * not known: Python cannot decode its error.
 */
const NOTICING_CHANGES = new Set<Reader>(['DuckDB', 'ClickHouse', 'Spark'])

export type Counts = { plays: number; readonly errors: string[]; readonly wrong: string[] }
export type Outcome = {
  readonly reader: Reader
  readonly place: 'folder' | 'bucket'
  /** One replacement in a query, of the files as the program writes them and of naive ones. */
  readonly one: Readonly<Record<Way, Counts>>
  /** Two replacements in a query, of the files as the program writes them. */
  readonly two: Counts
}

const HEAD = ['reader', 'place', 'replaced', 'queries', 'errors', 'wrong', 'naive: queries', 'errors', 'wrong']

export function tableOf(outcomes: readonly Outcome[]): string {
  return markdown(HEAD, outcomes.flatMap(rowsOf))
}

function rowsOf({ reader, place, one, two }: Outcome): readonly (readonly string[])[] {
  return [
    [reader, place, 'once', ...cells(one.kept), ...cells(one.naive)],
    [reader, place, 'twice', ...cells(two), '', '', ''],
  ]
}

function cells({ plays, errors, wrong }: Counts): readonly string[] {
  return [plays, errors.length, wrong.length].map(String)
}

/** One of the errors that one replacement gives. */
export function samplesOf({ reader, place, one }: Outcome): readonly string[] {
  return one.kept.errors.slice(0, 1).map((error) => `${reader}, ${place}: ${error}`)
}

/** Where a reader gave wrong rows, or an error that it must not give, or where nothing was proved. */
export function faultsOf({ reader, place, one: { kept, naive }, two }: Outcome): readonly string[] {
  const mayFail = place === 'bucket' && NOTICING_CHANGES.has(reader)
  const faults = [...kept.wrong, ...two.wrong, ...(mayFail ? [] : kept.errors)]
  if (kept.plays === 0 || two.plays === 0) faults.push('no file was replaced')
  const isControl = place === 'folder' && CONTROLS.has(reader)
  if (isControl && naive.errors.length + naive.wrong.length === 0) faults.push('the control hit nothing')
  return faults.map((fault) => `${reader}, ${place}: ${fault}`)
}
