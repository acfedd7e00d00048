// The files of a table in the store: how they are listed, opened and replaced beside other runs that do the same.

import { IngestError } from '../../core/errors.ts'
import { oneLine } from '../../core/text.ts'
import { loadRowGroups } from '../../parquet/parquet.ts'
import type { StoredFile } from '../../store/store.ts'
import { changedTwiceError } from '../stored-file.ts'
import { readTableFooter, type TableFooter } from './footer.ts'
import type { RawContext } from './lake-rows.ts'
import { unitName, type Layout, type Unit } from './layout.ts'
import { rewriteFile, type Change, type FileAbout, type OldFile } from './rewrite.ts'

export type TableContext = RawContext & {
  /** The key prefix of all tables, without slashes at its ends; may be empty. */
  readonly tablePrefix: string
  /** The program's own version, for `created_by`. */
  readonly version: string
  /** The instant of the run, in milliseconds since 1970. */
  readonly nowMs: number
  /** The first year that a new table keeps in a file a month; undefined: it has no months. */
  readonly baseYear: number | undefined
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
  const { store } = context
  const tail = await store.read(key, { suffixBytes: TAIL_BYTES }, TAIL_BYTES)
  if (tail === undefined) return undefined
  const length = footerLength(tail)
  const isWhole = length <= tail.byteLength
  const whole = isWhole ? tail : await store.read(key, { suffixBytes: length }, MAX_FOOTER_BYTES)
  return whole && requireOurs(key, readTableFooter(whole), context)
}

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

/** The error of a file under the table's prefix that is none of this program, or that is damaged. */
export function damagedTableError(location: string, cause?: unknown): IngestError {
  return new IngestError(`${oneLine(location)} is no file of a table of this program, or it is damaged`, {
    kind: 'store',
    scope: 'run',
    data: { isNoTable: true },
    hint: 'If it is yours, move it away. Then run `ingest table --rebuild`: the table is made anew from the raw files.',
    cause,
  })
}

/** A file as it was found, by which it is replaced: what others have changed since is a conflict. */
export type Opened = {
  readonly stored: StoredFile | undefined
  readonly old: OldFile | undefined
  readonly footer: TableFooter | undefined
}

/**
 * Opens the file of a unit. Its raw rows may be read only after this, so that a change of theirs that another run has put
 * into the table meanwhile is a conflict and not lost. With `replacesAny` a file that is not ours counts as an empty one.
 */
export async function openUnit(
  unit: Unit,
  layout: Layout,
  context: TableContext & { readonly replacesAny?: boolean },
): Promise<Opened> {
  const { store } = context
  const key = `${tableRoot(context)}${unitName(unit, layout)}`
  // `after` is exclusive, and the key without its last character sorts right before the key.
  const [stored] = await store.list(tableRoot(context), key.slice(0, -1), key)
  const bytes = stored && (await store.read(key, undefined, MAX_FILE_BYTES))
  if (stored === undefined || bytes === undefined) return { stored: undefined, old: undefined, footer: undefined }
  try {
    const footer = requireOurs(key, readTableFooter(bytes), context)
    const { openGroups } = await loadRowGroups()
    return { stored, footer, old: { file: openGroups(bytes), entries: footer.entries } }
  } catch (error) {
    const damaged = error instanceof IngestError ? error : damagedTableError(store.locate(key), error)
    if (context.replacesAny !== true || damaged.data?.isNoTable !== true) throw damaged
    return { stored, old: undefined, footer: undefined }
  }
}

export type Rewriting = {
  readonly unit: Unit
  readonly layout: Layout
  /** What the footer of a new file says beside the entries. One that is there keeps its own, but for a later listing. */
  readonly about: Pick<FileAbout, 'listedMs' | 'rebuiltMs'>
  /** The changes in the order of their symbols; asked for anew after a conflict. */
  readonly changes: () => AsyncIterable<Change> | Iterable<Change>
}

/** How often a file that others change at the same time is tried. */
const MAX_ATTEMPTS = 8

/**
 * Stores the changes of one file. A conflict with another run is solved by doing it again over that run's file. True if a file
 * was written: a new one without a row is not. Throws an IngestError if the store fails or others do not stop changing the file.
 */
export async function rewriteUnit(
  rewriting: Rewriting,
  context: TableContext & { readonly replacesAny?: boolean },
  opened?: Opened,
): Promise<boolean> {
  const { unit, layout, about, changes } = rewriting
  const { store, dataset, version } = context
  const key = `${tableRoot(context)}${unitName(unit, layout)}`
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const { stored, old, footer } = attempt === 0 && opened ? opened : await openUnit(unit, layout, context)
    const createdBy = `${dataset.creator} version ${version}`
    const listedMs = Math.max(about.listedMs, footer?.listedMs ?? 0)
    const kept = { listedMs, rebuiltMs: footer?.rebuiltMs ?? about.rebuiltMs }
    const whole = { ...kept, columns: dataset.columns, isMonth: unit.kind === 'month', layout, createdBy }
    const file = await rewriteFile(old, changes(), whole).catch((error: unknown) => {
      throw error instanceof IngestError ? error : damagedTableError(store.locate(key), error)
    })
    if (stored === undefined && file.rows === 0) return false
    const result =
      stored === undefined
        ? await store.create(key, file.bytes, {})
        : await store.replace(key, file.bytes, {}, stored.tag)
    if (result === 'created' || result === 'replaced') return true
  }
  throw changedTwiceError(store.locate(key))
}
