// One document into the store: created, replaced where the vendor has restated it, or left because it says the same.
// Never guesses: what stands in the store is read before it is judged, and no row of it is ever lost.

import { identityOf, type Row } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import { foreignFileError } from '../../core/errors.ts'
import { encodeFile, readRows, rowsSha256, type FileSettings } from '../../parquet/parquet.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import { readTail } from '../prices/survey.ts'
import { changedTwice, metadataOf } from '../prices/write.ts'
import type { DocumentDataset } from './schema.ts'

/** The rows of one date, and what the survey saw at its key. */
export type DocumentFile = {
  readonly key: string
  readonly symbol: string
  readonly date: IsoDate
  readonly rows: readonly Row[]
  readonly stored: StoredFile | undefined
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
  /** Equal files and files of others are replaced too. */
  readonly isForced: boolean
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
      stored === undefined ? await create(document, context) : await refresh(document, { file: stored, sha }, context)
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

/** Undefined where the file has changed, or gone, under our hands. */
async function refresh(
  { key, rows }: DocumentFile,
  { file, sha }: { readonly file: StoredFile; readonly sha: string },
  { store, dataset, settings, isForced }: DocumentWriteContext,
): Promise<DocumentResult | undefined> {
  const found = await readTail(file, store, OLDEST_YEAR)
  if (found === undefined) return undefined
  if ('problem' in found && !isForced) throw foreignFileError(`${key} ${found.problem}`)
  if (!isForced && 'footer' in found && found.footer.rowsSha256 === sha) return { kind: 'unchanged', rows: rows.length }
  const standing = 'footer' in found ? await standingRows(found, { store, dataset, isForced }) : []
  if (standing === undefined) return undefined
  const merged = withKept(dataset, rows, standing)
  const isRestated = 'footer' in found && rowsSha256(dataset.columns, merged) !== found.footer.rowsSha256
  if (!isForced && !isRestated) return { kind: 'unchanged', rows: merged.length }
  const encoded = encodeFile({ rows: merged, asked: undefined }, settings)
  const result = await store.replace(key, encoded.bytes, metadataOf(encoded), file.tag)
  return result === 'replaced' ? { kind: isRestated ? 'restated' : 'rewritten', rows: merged.length } : undefined
}

/** All rows of a stored document, or undefined where it is gone. */
async function standingRows(
  { file, tail }: { readonly file: StoredFile; readonly tail: Uint8Array },
  { store, dataset, isForced }: Pick<DocumentWriteContext, 'store' | 'dataset' | 'isForced'>,
): Promise<readonly Row[] | undefined> {
  const isWhole = tail.byteLength >= file.sizeBytes
  const bytes = isWhole ? tail : await store.read(file.key, undefined, MAX_DOCUMENT_BYTES)
  if (bytes === undefined) return undefined
  try {
    return await readRows(bytes, dataset.columns)
  } catch (cause) {
    if (isForced) return []
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
