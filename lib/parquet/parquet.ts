// What a file of this program holds, how its rows are read back, and what its footer says. Writing them is in writer.ts, because
// most commands only read.

import { CREATOR } from '../core/config.ts'
import { INGEST_TS, type Column, type Row } from '../core/dataset.ts'
import { dateOfDay, FIRST_YEAR, isIsoDate, LAST_YEAR, MS_PER_DAY, type DateRange, type IsoDate } from '../core/dates.ts'
import type { FileFacts } from './facts.ts'
import { boundsOf, readMetadata, type FileMetadata } from './metadata.ts'
import type { Slice } from './thrift.ts'

export type { FileFacts }
export type { GroupWriter } from './group-writer.ts'
export type { GroupedFile, SymbolRows } from './row-groups.ts'

export type FileContent = {
  readonly columns: readonly Column[]
  /** Newest first, at least one. */
  readonly rows: readonly Row[]
  readonly ingestMs: number
  readonly rowsSha256: string
  readonly asked: DateRange | undefined
  /** Stretches of rows that are carried over from an older file, on the base of the others. */
  readonly carried?: readonly DateRange[] | undefined
  /** What those rows were multiplied by, where the file has no others. */
  readonly carriedBy?: string | undefined
  /** The program's own version, for `created_by`. */
  readonly version: string
  /** A text for people, kept in the footer. */
  readonly note?: string | undefined
  /** The writer's name for `created_by`; `CREATOR` if absent. */
  readonly creator?: string | undefined
}

/** What is the same for all files of a run. */
export type FileSettings = Pick<FileContent, 'columns' | 'ingestMs' | 'version' | 'note' | 'creator'>

/** A file's bytes, and the hash of its rows (`rows-sha256`). */
export type EncodedFile = { readonly bytes: Uint8Array; readonly sha: string }

/**
 * The rows of one file, newest first, at least one, and the dates that were asked for (for its footer). What else it says
 * counts in place of the settings: a file is encoded anew as another run has written it.
 */
export type FileDraft = Pick<FileContent, 'rows' | 'asked' | 'carried' | 'carriedBy'> &
  Partial<Pick<FileContent, 'ingestMs' | 'version' | 'note'>>

export type Encoder = {
  /** Rejects with what the encoding throws, which is a defect. */
  encode(draft: FileDraft): Promise<EncodedFile>
  close(): void
}

/**
 * SHA-256 in hex over the rows in the order of the file, without `ingest_ts`: for each row one JSON array in column order
 * and one newline. Equal data has an equal hash, whenever it was fetched.
 */
export function rowsSha256(columns: readonly Column[], rows: readonly Row[]): string {
  const names = columns.map(({ name }) => name).filter((name) => name !== INGEST_TS.name)
  const hash = new Bun.CryptoHasher('sha256')
  // One text, because an update for each row takes longer than the hash.
  return hash.update(rows.map((row) => `${JSON.stringify(names.map((name) => row[name]))}\n`).join('')).digest('hex')
}

/** A row of a file with the instant of the run that stored it, in milliseconds since 1970. */
export type StampedRow = { readonly row: Row; readonly ingestMs: number }

// The library that decodes rows takes longer to load than all else here, and footers alone answer most questions.

/**
 * The rows of a whole file of this program, as they were before it was encoded, each with its `ingest_ts`; a column that the
 * file lacks is null. Rejects if the bytes are no such file.
 */
export async function readStampedRows(bytes: Uint8Array, columns: readonly Column[]): Promise<readonly StampedRow[]> {
  const reader = await import('./reader.ts')
  return reader.readStampedRows(bytes, columns)
}

/** The same rows without their `ingest_ts`; of a range those with a date in it. */
export async function readRows(
  bytes: Uint8Array,
  columns: readonly Column[],
  range?: DateRange,
): Promise<readonly Row[]> {
  const reader = await import('./reader.ts')
  if (range !== undefined) return reader.readRowsWithin(bytes, columns, range)
  return reader.readStampedRows(bytes, columns).map(({ row }) => row)
}

/** The dates of a whole file of this program, one a row. Rejects if the bytes are no such file. */
export async function readDates(bytes: Uint8Array): Promise<readonly IsoDate[]> {
  const reader = await import('./reader.ts')
  return reader.readDates(bytes)
}

/** What a file's footer says: enough to judge the file without reading its rows. */
export type Footer = {
  readonly createdBy: string
  readonly rows: number
  /** Oldest and newest date in the file. */
  readonly span: DateRange
  /** Milliseconds since 1970 of the run that wrote it. */
  readonly ingestMs: number
  readonly rowsSha256: string | undefined
  /** The dates that were asked for and that this file answers (DESIGN: `asked`); undefined in day files. */
  readonly asked: DateRange | undefined
  /** Stretches of rows that were carried over from an older file; none in most files. */
  readonly carried: readonly DateRange[]
  /** What they were multiplied by, where the file has no other rows. */
  readonly carriedBy: string | undefined
}

/**
 * The footer of a file of this program, or a sentence that says why the file is none. `bytes` are the end of the file with
 * the whole footer. A file of another writer than `creator` is not accepted, nor one with dates before `firstYear`.
 */
export function readFooter(
  bytes: Uint8Array,
  { creator = CREATOR, firstYear = FIRST_YEAR }: { readonly creator?: string; readonly firstYear?: number } = {},
): Footer | { readonly problem: string } {
  const tail = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const metadata = readMetadata(tail)
  if (metadata === undefined) return { problem: 'is not a readable Parquet file' }
  const { createdBy, rows, keyValues } = metadata
  if (!createdBy.startsWith(`${creator} `)) {
    return { problem: `was not written by this program (created_by is ${JSON.stringify(createdBy.slice(0, 100))})` }
  }
  const dates = boundsOf(metadata, 'date')
  const [from, to] = [dateAt(tail, dates?.min, firstYear), dateAt(tail, dates?.max, firstYear)]
  const ingestMs = instantAt(tail, boundsOf(metadata, INGEST_TS.name)?.max)
  if (from === undefined || to === undefined || from > to || ingestMs === undefined) {
    return { problem: 'has no statistics of its dates in the footer' }
  }
  const [sha, asked] = [keyValues.get('rows-sha256'), rangeIn(keyValues.get('asked'))]
  const stretches = keyValues.get('carried')?.split(',') ?? []
  const carried = stretches.map(rangeIn).filter((range) => range !== undefined)
  const carriedBy = keyValues.get('carried-by')
  return { createdBy, rows, span: { from, to }, ingestMs, rowsSha256: sha, asked, carried, carriedBy }
}

/** Files of many row groups: see row-groups.ts, which needs the library that decodes rows. */
export const loadRowGroups = async () => await import('./row-groups.ts')

/** How they are written: see group-writer.ts, which needs the library that encodes rows. */
export const loadGroupWriter = async () => await import('./group-writer.ts')

/** What a footer says beyond `Footer`: see facts.ts, which needs the library that decodes rows. */
export async function readFacts(
  tail: Uint8Array,
  sizeBytes: number,
  columns: readonly Column[],
): Promise<FileFacts | undefined> {
  const facts = await import('./facts.ts')
  return facts.readFacts(tail, sizeBytes, columns)
}

/** Whether two files have equal columns, key values, numbers of rows and statistics: all but how they are encoded. */
export async function haveEqualFooters(a: Uint8Array, b: Uint8Array): Promise<boolean> {
  const facts = await import('./facts.ts')
  return facts.haveEqualFooters(a, b)
}

/** A file encoded in this thread. Rejects if a value does not fit its column. */
export async function encodeHere(draft: FileDraft, settings: FileSettings): Promise<EncodedFile> {
  const { encodeFile } = await import('./writer.ts')
  return encodeFile(draft, settings)
}

/** The writer and the key-values of a footer; undefined if the bytes are not the end of a Parquet file with its whole footer. */
export function readKeyValues(tail: Uint8Array): Pick<FileMetadata, 'createdBy' | 'keyValues'> | undefined {
  return readMetadata(new DataView(tail.buffer, tail.byteOffset, tail.byteLength))
}

/** A DATE: days since 1970 in four bytes. Undefined if no file of this program can have that date. */
function dateAt(tail: DataView, slice: Slice | undefined, firstYear: number): IsoDate | undefined {
  if (slice?.length !== 4) return undefined
  const days = tail.getInt32(slice.offset, true)
  return isInYears(days * MS_PER_DAY, firstYear) ? dateOfDay(days) : undefined
}

/** A TIMESTAMP, microseconds since 1970 in eight bytes, as milliseconds. Undefined if no file of this program can have it. */
function instantAt(tail: DataView, slice: Slice | undefined): number | undefined {
  if (slice?.length !== 8) return undefined
  const ms = Math.floor(Number(tail.getBigInt64(slice.offset, true)) / 1_000)
  return isInYears(ms, FIRST_YEAR) ? ms : undefined
}

/** Whether an instant is in the years that this program handles. */
function isInYears(ms: number, firstYear: number): boolean {
  return ms >= Date.UTC(firstYear) && ms < Date.UTC(LAST_YEAR + 1)
}

function rangeIn(text: string | undefined): DateRange | undefined {
  const [from, to, rest] = text?.split('..') ?? []
  return from !== undefined && to !== undefined && rest === undefined && isIsoDate(from) && isIsoDate(to)
    ? { from, to }
    : undefined
}
