// Writes one document into the store. It is created, replaced if the vendor has restated it, or left because its rows are
// equal. The stored version is always read before it is decided, and its rows are never lost.

import { primaryKeyOf, type Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import { foreignFileError, IngestError } from '../../core/errors.ts'
import { readRows, rowsSha256, type Encoder } from '../../parquet/parquet.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import type { DocumentDataset } from './schema.ts'
import { changedTwiceError, findFile, metadataOf, readTail, type StoredTail } from '../stored-file.ts'
import type { FileAction } from '../file-action.ts'

/** The rows of one date, and the file that the survey found at its key. */
export type DocumentFile = {
  readonly key: string
  readonly symbol: string
  readonly date: IsoDate
  readonly rows: readonly Row[]
  readonly stored: StoredFile | undefined
  readonly action: FileAction
}

export type DocumentResult = {
  /** `rewritten`: `--force` replaced a document with equal rows, or a foreign file. */
  readonly kind: 'created' | 'restated' | 'rewritten' | 'unchanged'
  /** The number of rows in the file now. */
  readonly rows: number
}

export type DocumentWriteContext = {
  readonly store: Store
  readonly dataset: DocumentDataset
  readonly encode: Encoder['encode']
}

/** Far more than the rows of one date need. */
const MAX_DOCUMENT_BYTES = 4 * 1_048_576

/** Stores a document with the hash of its rows. Throws an IngestError: of the run if the store fails, else of the symbol. */
export async function writeDocument(
  document: DocumentFile,
  sha: string,
  context: DocumentWriteContext,
): Promise<DocumentResult> {
  const { store } = context
  let { stored } = document
  // Another run may write the document meanwhile. Its file is then the stored version of a second attempt.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const result =
      stored === undefined ? await create(document, context) : await refresh({ ...document, stored, sha }, context)
    if (result !== undefined) return result
    stored = await findFile(store, context.dataset.folder(document.symbol), document.key)
  }
  throw changedTwiceError(document.key)
}

/** Creates a document. Undefined if another run created it meanwhile. */
async function create(
  { key, rows }: DocumentFile,
  { store, encode }: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const encoded = await encode({ rows, asked: undefined })
  const result = await store.create(key, encoded.bytes, metadataOf(encoded))
  return result === 'created' ? { kind: 'created', rows: rows.length } : undefined
}

/** A document with a stored version. */
type StoredDocument = DocumentFile & { readonly stored: StoredFile; readonly sha: string }

/** Replaces a stored document. Undefined if its file was changed or removed since it was listed. */
async function refresh(document: StoredDocument, context: DocumentWriteContext): Promise<DocumentResult | undefined> {
  const found = await readTail(document.stored, context)
  if (found === undefined) return undefined
  return document.action === 'overwrite'
    ? await overwrite(document, found, context)
    : await restate(document, found, context)
}

/** Replaces a document if the vendor has changed its rows. Leaves it if they are equal. */
async function restate(
  { key, rows, stored, sha }: StoredDocument,
  found: StoredTail,
  context: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  if ('problem' in found) throw foreignFileError(`${key} ${found.problem}`)
  const { rowsSha256: storedSha } = found.footer
  if (storedSha === sha) return { kind: 'unchanged', rows: rows.length }
  const storedRows = await readStoredRows(found, context)
  if (storedRows === undefined) return undefined
  const merged = mergeRows(context.dataset, rows, storedRows)
  if (rowsSha256(context.dataset.columns, merged) === storedSha) return { kind: 'unchanged', rows: merged.length }
  return await replace({ key, tag: stored.tag, rows: merged, kind: 'restated' }, context)
}

/** Replaces a document even if its rows are equal or its file is foreign. Keeps the stored rows that can be read. */
async function overwrite(
  { key, rows, stored }: StoredDocument,
  found: StoredTail,
  context: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const storedRows = 'footer' in found ? await readStoredRows(found, context).catch(noRowsIfForeign) : []
  if (storedRows === undefined) return undefined
  const merged = mergeRows(context.dataset, rows, storedRows)
  const isRestated = 'footer' in found && rowsSha256(context.dataset.columns, merged) !== found.footer.rowsSha256
  return await replace({ key, tag: stored.tag, rows: merged, kind: isRestated ? 'restated' : 'rewritten' }, context)
}

function noRowsIfForeign(error: unknown): readonly Row[] {
  if (error instanceof IngestError && error.kind === 'foreign-file') return []
  throw error
}

/** Replaces the file with this tag. Undefined if it has another tag by now. */
async function replace(
  { key, tag, rows, kind }: { key: string; tag: string; rows: readonly Row[]; kind: 'restated' | 'rewritten' },
  { store, encode }: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const encoded = await encode({ rows, asked: undefined })
  const result = await store.replace(key, encoded.bytes, metadataOf(encoded), tag)
  return result === 'replaced' ? { kind, rows: rows.length } : undefined
}

/** All rows of a stored document; undefined if the file is gone. Throws a foreign-file error if they cannot be read. */
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
 * The fresh rows, and the stored rows without a fresh counterpart: a run that fetches full years only must not remove a
 * fourth quarter.
 */
function mergeRows(dataset: DocumentDataset, fresh: readonly Row[], stored: readonly Row[]): readonly Row[] {
  const freshKeys = new Set(fresh.map((row) => primaryKeyOf(dataset, row)))
  return sortedRows([...fresh, ...stored.filter((row) => !freshKeys.has(primaryKeyOf(dataset, row)))])
}

/** The rows of one document in the order of its file: by period. */
export function sortedRows(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => String(a['period']).localeCompare(String(b['period'])))
}
