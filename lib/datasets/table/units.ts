// The files of a table in the store: how they are listed, opened and replaced beside other runs that do the same.

import { IngestError } from '../../core/errors.ts'
import { loadRowGroups } from '../../parquet/parquet.ts'
import type { StoredFile } from '../../store/store.ts'
import { findFile } from '../stored-file.ts'
import { readTableFooter, type TableFooter } from './footer.ts'
import type { RawContext } from './lake-rows.ts'
import { unitName, type Layout, type Unit } from './layout.ts'
import { damagedTableError, rewriteFile, type Change, type FileAbout, type OldFile } from './rewrite.ts'

export type TableContext = RawContext & {
  /** The key prefix of all tables, without slashes at its ends; may be empty. */
  readonly tablePrefix: string
  /** The program's own version, for `created_by`. */
  readonly version: string
  /** The id of the run, and its instant in milliseconds since 1970. */
  readonly runId: string
  readonly nowMs: number
  /** The first year that a new table keeps in a file a month; undefined: it has no months. */
  readonly baseYear: number | undefined
  /** What is `settled` of a symbol with these raw files (see `SymbolEntry`); absent for a dataset that settles none. */
  readonly settle?: (symbol: string, files: readonly StoredFile[]) => Promise<string>
}

/** The key prefix of the files of a table, with a slash at its end. */
export function tableRoot({ tablePrefix, dataset }: Pick<TableContext, 'tablePrefix' | 'dataset'>): string {
  return `${tablePrefix === '' ? '' : `${tablePrefix}/`}${dataset.name}/`
}

/** The files of a table in the order of their names; none where there is no table. Throws an IngestError if the store fails. */
export async function listTable(context: TableContext): Promise<readonly StoredFile[]> {
  const { files } = await context.store.listLevel(tableRoot(context))
  return files.filter(({ key }) => key.endsWith('.parquet'))
}

/** Enough for the footer of a month of 5,000 symbols. */
const TAIL_BYTES = 256 * 1_024
const MAX_FOOTER_BYTES = 64 * 1_048_576
const TRAILER_BYTES = 8
/** Far more than a file of a table takes. */
const MAX_FILE_BYTES = 2_000_000_000

/** The footer of a file, undefined if it is gone. Throws an IngestError if it is no file of a table. */
export async function readFooterOf(
  { key }: Pick<StoredFile, 'key'>,
  context: TableContext,
): Promise<TableFooter | undefined> {
  const tail = await readTail(key, TAIL_BYTES, context)
  return tail && requireOurs(key, readTableFooter(tail), context)
}

/** The end of a file with its whole footer. Another run may replace the file by one with a longer footer at any time. */
async function readTail(key: string, suffixBytes: number, context: TableContext): Promise<Uint8Array | undefined> {
  const tail = await context.store.read(key, { suffixBytes }, suffixBytes)
  const length = tail === undefined ? 0 : footerLength(tail)
  return length <= suffixBytes ? tail : await readTail(key, length, context)
}

/** The bytes from the footer's first to the file's last; 0 if that cannot be. */
function footerLength(tail: Uint8Array): number {
  const at = tail.byteLength - TRAILER_BYTES
  if (at < 0) return 0
  const bytes = new DataView(tail.buffer, tail.byteOffset).getUint32(at, true) + TRAILER_BYTES
  return bytes > MAX_FOOTER_BYTES ? 0 : bytes
}

function requireOurs(key: string, footer: TableFooter | undefined, { store, dataset }: TableContext): TableFooter {
  if (footer?.createdBy.startsWith(`${dataset.creator} `) === true) return footer
  throw damagedTableError(store.locate(key))
}

/** A file as it was found, by which it is replaced: what others have changed since is a conflict. */
export type Opened = {
  readonly stored: StoredFile | undefined
  readonly old: OldFile | undefined
  readonly footer: TableFooter | undefined
}

/** `mayReplace`: a rebuild takes a file that is damaged or of another program for an empty one. */
type OpenContext = TableContext & { readonly mayReplace?: boolean }

/**
 * Opens the file of a unit. Its raw rows may be read only after this, so that a change of theirs that another run has put
 * into the table meanwhile is a conflict and not lost. Throws an IngestError if the store fails or the file is damaged.
 */
export async function openUnit(unit: Unit, layout: Layout, context: OpenContext): Promise<Opened> {
  const { store } = context
  const key = `${tableRoot(context)}${unitName(unit, layout)}`
  const stored = await findFile(store, tableRoot(context), key)
  const bytes = stored && (await store.read(key, undefined, MAX_FILE_BYTES))
  if (stored === undefined || bytes === undefined) return { stored: undefined, old: undefined, footer: undefined }
  const { openGroups } = await loadRowGroups()
  try {
    const footer = requireOurs(key, readTableFooter(bytes), context)
    const file = openGroups(bytes, context.dataset.columns)
    return { stored, footer, old: { file, entries: footer.entries, location: store.locate(key) } }
  } catch (error) {
    if (context.mayReplace === true) return { stored, old: undefined, footer: undefined }
    throw error instanceof IngestError ? error : damagedTableError(store.locate(key), error)
  }
}

export type Rewriting = {
  readonly unit: Unit
  readonly layout: Layout
  /** What the footer of a new file says beside the entries. One that is there keeps its own. */
  readonly about: Pick<FileAbout, 'listedMs' | 'rebuiltMs'>
  /** The instant of a full listing, for the footer of a file that is there too. */
  readonly stampMs?: number
  /** What is settled from now on, of symbols of which it is known anew. */
  readonly settled?: ReadonlyMap<string, string> | undefined
  /** Takes a file that was not made at `rebuiltMs` for an empty one. */
  readonly isRebuild?: boolean
  /** The changes of the file that was opened, in the order of their symbols; asked for anew after a conflict. */
  readonly changes: (opened: Opened) => AsyncIterable<Change> | Iterable<Change>
}

/**
 * How often a file that others change at the same time is tried. Each attempt that fails is one of theirs that did not: so many
 * others may change it once each, such as the shards of one night.
 */
export const MAX_ATTEMPTS = 100

/**
 * Stores the changes of one file. A conflict with another run is solved by doing it again over that run's file. True if a file
 * was written: a new one without a row is not. Throws an IngestError if the store fails, if the file is damaged or if others do
 * not stop changing it.
 */
export async function rewriteUnit(rewriting: Rewriting, context: OpenContext, firstOpened?: Opened): Promise<boolean> {
  const { unit, layout, changes } = rewriting
  const { store } = context
  const key = `${tableRoot(context)}${unitName(unit, layout)}`
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const opened = attempt === 0 && firstOpened ? firstOpened : await openUnit(unit, layout, context)
    const { stored, old } = opened
    const isAnew = isToBeMadeAnew(opened, rewriting)
    const about = aboutFile(isAnew ? undefined : opened.footer, rewriting, context)
    const file = await rewriteFile(old, changes(opened), { ...about, isAnew })
    if (stored === undefined && file.rows === 0) return false
    const result =
      stored === undefined
        ? await store.create(key, file.bytes, {})
        : await store.replace(key, file.bytes, {}, stored.tag)
    if (result === 'created' || result === 'replaced') return true
  }
  throw busyFileError(store.locate(key))
}

/** Whether nothing of a file is kept: a rebuild has not come to it yet. */
export function isToBeMadeAnew(
  { footer }: Pick<Opened, 'footer'>,
  { isRebuild = false, about }: Pick<Rewriting, 'isRebuild' | 'about'>,
): boolean {
  return isRebuild && footer?.rebuiltMs !== about.rebuiltMs
}

function aboutFile(
  footer: TableFooter | undefined,
  { layout, about, stampMs, settled }: Rewriting,
  { dataset, version }: TableContext,
): FileAbout {
  const { listedMs, rebuiltMs } = footer ?? about
  const createdBy = `${dataset.creator} version ${version}`
  const kept = { listedMs: stampMs ?? listedMs, rebuiltMs, layout, createdBy }
  return { ...kept, columns: dataset.columns, ...(settled && { settled }) }
}

/** The error of a file, or of a symbol's files, that others do not stop changing. */
export function busyFileError(location: string): IngestError {
  const message = `${location} was replaced by other runs each of the ${MAX_ATTEMPTS} times that this one tried to change it`
  const hint = 'Let the other runs finish, then run `ingest table`.'
  return new IngestError(message, { kind: 'store', scope: 'run', hint })
}
