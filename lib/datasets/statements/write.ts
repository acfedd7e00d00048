// One document into the store: created, replaced where the vendor has restated it, or left because it says the same.
// Never guesses: what stands in the store is read before it is judged, and no row of it is ever lost.

import { identityOf, type Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import { foreignFileError, IngestError } from '../../core/errors.ts'
import { encodeFile, readRows, rowsSha256, type FileSettings } from '../../parquet/parquet.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { DocumentDataset } from './schema.ts'
import { readTail, changedTwice, metadataOf, type StoredTail } from '../stored-file.ts'
import type { FileAction } from '../file-action.ts'

/** The rows of one date, and what the survey saw at its key. */
export type DocumentFile = {
  readonly key: string
  readonly symbol: string
  readonly date: IsoDate
  readonly rows: readonly Row[]
  readonly stored: StoredFile | undefined
  readonly action: FileAction
}

export type DocumentResult = {
  /** `rewritten` is what was forced and says the same, or was no file of ours. */
  readonly kind: 'created' | 'restated' | 'rewritten' | 'unchanged'
  /** Those of the file as it stands now. */
  readonly rows: number
}

export type DocumentWriteContext = {
  readonly store: Store
  readonly dataset: DocumentDataset
  readonly settings: FileSettings
}

/** Statements are older than the first session that the program knows. */
const OLDEST_YEAR = 1900

/** Far more than the rows of one date can take. */
const MAX_DOCUMENT_BYTES = 4 * 1_048_576

/** `sha` is the hash of the document's rows. Throws an IngestError: of the run when the store fails, else of the symbol. */
export async function writeDocument(
  document: DocumentFile,
  sha: string,
  context: DocumentWriteContext,
): Promise<DocumentResult> {
  const { store } = context
  let { stored } = document
  // Another run may come between; its file is judged like any other, once.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const result =
      stored === undefined ? await create(document, context) : await refresh({ ...document, stored, sha }, context)
    if (result !== undefined) return result
    stored = (await store.list(context.dataset.folder(document.symbol), document.key.slice(0, -1), document.key))[0]
  }
  throw changedTwice(document.key)
}

/** Undefined where another run's file stands there meanwhile. */
async function create(
  { key, rows }: DocumentFile,
  { store, settings }: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const encoded = encodeFile({ rows, asked: undefined }, settings)
  const result = await store.create(key, encoded.bytes, metadataOf(encoded))
  return result === 'created' ? { kind: 'created', rows: rows.length } : undefined
}

type Refreshing = DocumentFile & { readonly stored: StoredFile; readonly sha: string }

/** Replaces a stored document. Undefined where its file has changed or gone since it was listed. */
async function refresh(document: Refreshing, context: DocumentWriteContext): Promise<DocumentResult | undefined> {
  const found = await readTail(document.stored, context.store, OLDEST_YEAR)
  if (found === undefined) return undefined
  return document.action === 'overwrite'
    ? await overwrite(document, found, context)
    : await restate(document, found, context)
}

/** Replaces a document whose rows the vendor has changed; leaves one whose rows are equal. */
async function restate(
  { key, rows, stored, sha }: Refreshing,
  found: StoredTail,
  context: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  if ('problem' in found) throw foreignFileError(`${key} ${found.problem}`)
  const { rowsSha256: storedSha } = found.footer
  if (storedSha === sha) return { kind: 'unchanged', rows: rows.length }
  const storedRows = await readStoredRows(found, context)
  if (storedRows === undefined) return undefined
  const merged = withKept(context.dataset, rows, storedRows)
  if (rowsSha256(context.dataset.columns, merged) === storedSha) return { kind: 'unchanged', rows: merged.length }
  return await replace({ key, tag: stored.tag, rows: merged, kind: 'restated' }, context)
}

/** Replaces a document also where its rows are equal or the file is not ours; keeps the rows that can be read. */
async function overwrite(
  { key, rows, stored }: Refreshing,
  found: StoredTail,
  context: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const storedRows = 'footer' in found ? await readStoredRows(found, context).catch(noneIfForeign) : []
  if (storedRows === undefined) return undefined
  const merged = withKept(context.dataset, rows, storedRows)
  const isRestated = 'footer' in found && rowsSha256(context.dataset.columns, merged) !== found.footer.rowsSha256
  return await replace({ key, tag: stored.tag, rows: merged, kind: isRestated ? 'restated' : 'rewritten' }, context)
}

function noneIfForeign(error: unknown): readonly Row[] {
  if (error instanceof IngestError && error.kind === 'foreign-file') return []
  throw error
}

/** Undefined where the file has another tag by now. */
async function replace(
  { key, tag, rows, kind }: { key: string; tag: string; rows: readonly Row[]; kind: 'restated' | 'rewritten' },
  { store, settings }: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const encoded = encodeFile({ rows, asked: undefined }, settings)
  const result = await store.replace(key, encoded.bytes, metadataOf(encoded), tag)
  return result === 'replaced' ? { kind, rows: rows.length } : undefined
}

/** All rows of a stored document, or undefined where it is gone. Throws a foreign-file error where they cannot be read. */
async function readStoredRows(
  { file, tail }: { readonly file: StoredFile; readonly tail: Uint8Array },
  { store, dataset }: DocumentWriteContext,
): Promise<readonly Row[] | undefined> {
  const isWhole = tail.byteLength >= file.sizeBytes
  const bytes = isWhole ? tail : await store.read(file.key, undefined, MAX_DOCUMENT_BYTES)
  if (bytes === undefined) return undefined
  try {
    return await readRows(bytes, dataset.columns)
  } catch (cause) {
    throw foreignFileError(`${file.key} has a footer of ours and rows that cannot be read`, cause)
  }
}

/**
 * The fresh rows and those that stand and have no fresh counterpart: a fourth quarter does not go away because this run
 * asked for full years only.
 */
function withKept(dataset: DocumentDataset, fresh: readonly Row[], standing: readonly Row[]): readonly Row[] {
  const answered = new Set(fresh.map((row) => identityOf(dataset, row)))
  return sortedRows([...fresh, ...standing.filter((row) => !answered.has(identityOf(dataset, row)))])
}

/** The rows of one date in the order of a file: by period. */
export function sortedRows(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => String(a['period']).localeCompare(String(b['period'])))
}
