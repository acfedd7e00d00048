// Checks one stored file of any dataset: whether it is whole, this program's, of the columns and the symbol that its key
// says, and, where all bytes are read, whether they are those that were written.

import { createHash } from 'node:crypto'
import type { Dataset, Row } from '../core/dataset.ts'
import type { IsoDate } from '../core/dates.ts'
import { IngestError } from '../core/errors.ts'
import type { Finding, FindingKind } from '../core/findings.ts'
import { oneLine } from '../core/text.ts'
import {
  encodeHere,
  haveEqualFooters,
  readFacts,
  readFooter,
  readStampedRows,
  rowsSha256,
  type EncodedFile,
  type Encoder,
  type FileFacts,
  type Footer,
  type StampedRow,
} from '../parquet/parquet.ts'
import type { FileWithMetadata, Store, StoredFile } from '../store/store.ts'
import { FOOTER_BYTES } from './stored-file.ts'

/** Far more than the rows of a year or of a document take. */
const MAX_FILE_BYTES = 4 * 1_048_576

export type FileCheckContext<D extends Dataset = Dataset> = {
  readonly store: Store
  readonly dataset: D
  /** Reads all bytes and rows; else the footer only. */
  readonly isDeep: boolean
  /** Of files with the columns of the dataset; used where all bytes are read and the store keeps no hash of them. */
  readonly encoder: Encoder
  /** The program's own version: a file of it is encoded anew and compared byte by byte. */
  readonly version: string
  /** What the metrics of the run that started at an instant tell; undefined if there are none. */
  readonly runOf: (startMs: number) => Promise<RunOfFile | undefined>
}

/** What of the run that wrote a file is known from its metrics. */
export type RunOfFile = {
  readonly version: string | undefined
  /** The first date that it asked for, if it was a backfill. */
  readonly backfilledFrom: IsoDate | undefined
}

/** What is wrong with a file, without symbol and key. */
export type Fault = Pick<Finding, 'kind' | 'detail' | 'date'>

/** A file that was looked at. `footer` is there only if it can be relied on, `rows` only if all were read. */
export type CheckedFile<F extends StoredFile = StoredFile> = {
  readonly file: F
  readonly faults: readonly Fault[]
  readonly footer: Footer | undefined
  /** The end of the file; all of it where all was read. */
  readonly tail: Uint8Array
  /** In the order of the file. */
  readonly rows: readonly StampedRow[] | undefined
}

/** Looks at a file in one request. Undefined if it is gone. Throws an IngestError if the store fails. */
export async function checkFile<F extends StoredFile>(
  file: F,
  symbol: string,
  context: FileCheckContext,
): Promise<CheckedFile<F> | undefined> {
  const { dataset, isDeep } = context
  if (file.sizeBytes === 0) return unusable(file, 'empty_file', 'has no bytes')
  const read = await readPart(file, context).catch(problemOf)
  if (read === undefined) return undefined
  if ('problem' in read) return unusable(file, 'torn', read.problem)
  const { bytes: tail } = read
  const sizeBytes = isDeep ? tail.byteLength : file.sizeBytes
  const found = await judgeFooter(tail, { symbol, dataset, sizeBytes })
  if ('fault' in found) return { file, faults: [found.fault], footer: undefined, tail, rows: undefined }
  if (!isDeep) return { file, faults: [], footer: found.footer, tail, rows: undefined }
  return { file, tail, ...(await checkBytes(read, found, context)) }
}

/** A file that this program does not write and never reads, though a reader of the folder may. */
export function strayFinding(key: string, symbol?: string): Finding {
  return { kind: 'stray_key', symbol, key, detail: 'is no key of this program', cure: { removes: key } }
}

function unusable<F extends StoredFile>(file: F, kind: FindingKind, detail: string): CheckedFile<F> {
  return { file, faults: [{ kind, detail }], footer: undefined, tail: new Uint8Array(0), rows: undefined }
}

async function readPart(
  { key }: StoredFile,
  { store, isDeep }: FileCheckContext,
): Promise<FileWithMetadata | undefined> {
  if (isDeep) return await store.readWithMetadata(key, MAX_FILE_BYTES)
  const bytes = await store.read(key, { suffixBytes: FOOTER_BYTES }, FOOTER_BYTES)
  return bytes && { bytes, metadata: {} }
}

/** A problem with this one file. An error of the store is thrown again. */
function problemOf(error: unknown): { readonly problem: string } {
  if (error instanceof IngestError && error.scope === 'symbol') return { problem: `cannot be read (${error.message})` }
  throw error
}

type Owner = { readonly symbol: string; readonly dataset: Dataset; readonly sizeBytes: number }
type Judged = { readonly facts: FileFacts; readonly footer: Footer }

/** The footer of a file that can be relied on, or the first thing that speaks against it. */
async function judgeFooter(tail: Uint8Array, owner: Owner): Promise<Judged | { readonly fault: Fault }> {
  const { symbol, dataset, sizeBytes } = owner
  const facts = await readFacts(tail, sizeBytes, dataset.columns)
  if (facts === undefined) return fault('torn', 'is not a readable Parquet file')
  if (!facts.createdBy.startsWith(`${dataset.creator} `)) {
    return fault('foreign', `was not written by this program (created_by is ${quoted(facts.createdBy)})`)
  }
  if (facts.schemaProblem !== undefined) return fault('wrong_schema', oneLine(facts.schemaProblem, 300))
  const footer = readFooter(tail, dataset)
  if ('problem' in footer) return fault('torn', footer.problem)
  if (!facts.isWhole) return fault('torn', 'has more or fewer bytes than its footer says')
  const other = facts.symbols?.find((text) => text !== symbol)
  return other === undefined ? { facts, footer } : fault('wrong_symbol', `has rows of ${quoted(other)}`)
}

function fault(kind: FindingKind, detail: string): { readonly fault: Fault } {
  return { fault: { kind, detail } }
}

function quoted(text: string): string {
  return JSON.stringify(oneLine(text, 100))
}

function altered(detail: string): Fault {
  return { kind: 'altered', detail }
}

type CheckedBytes = Pick<CheckedFile, 'faults' | 'footer' | 'rows'>

/** Checks every byte of a file by the hash that the store keeps, else by encoding its rows anew. */
async function checkBytes(
  { bytes, metadata }: FileWithMetadata,
  { facts, footer }: Judged,
  context: FileCheckContext,
): Promise<CheckedBytes> {
  const { columns } = context.dataset
  const rows = await readStampedRows(bytes, columns).catch(() => undefined)
  if (rows === undefined || rows.length !== footer.rows) {
    return { faults: [altered('has rows that cannot be read')], footer: undefined, rows: undefined }
  }
  const own = rows.map(({ row }) => row)
  const { sha256 } = metadata
  const again = sha256 === undefined ? await encodeAsWritten(bytes, { facts, footer, rows: own }, context) : undefined
  const damage =
    sha256 === undefined
      ? await damageByEncoding(bytes, again, { facts, footer }, context)
      : createHash('sha256').update(bytes).digest('hex') === sha256
        ? undefined
        : 'has other bytes than the sha256 says that is stored with it'
  const isHashed = (again?.sha ?? rowsSha256(columns, own)) === footer.rowsSha256
  const mismatch: Fault = { kind: 'hash_mismatch', detail: 'has other rows than its rows-sha256 says' }
  const faults = [...(isHashed ? [] : [mismatch]), ...(damage === undefined ? [] : [altered(damage)])]
  return { faults, footer, rows }
}

/** The version of the program that a footer names, as it stands there. */
function versionIn({ createdBy }: FileFacts, { creator }: Dataset): string {
  return createdBy.slice(`${creator} version `.length)
}

/**
 * The rows of a file encoded anew as its footer says: the same rows at the same instant give the same bytes. Undefined if
 * they cannot be encoded.
 */
async function encodeAsWritten(
  bytes: Uint8Array,
  { facts, footer, rows }: Judged & { readonly rows: readonly Row[] },
  { dataset, encoder }: FileCheckContext,
): Promise<EncodedFile | undefined> {
  const { ingestMs, asked, carried, carriedBy } = footer
  const { columns, creator } = dataset
  const draft = { rows, asked, carried, carriedBy, ingestMs, version: versionIn(facts, dataset), note: facts.note }
  const encoded = await encoder.encode(draft).catch(() => undefined)
  if (encoded !== undefined && Buffer.compare(bytes, encoded.bytes) === 0) return encoded
  // A thread is sent JSON, which has no NaN and one zero, and fails for other files as well where one cannot be encoded.
  // Damaged rows may hold values that no column takes; the encoder's errors for them are of any kind.
  return await encodeHere(draft, { ...draft, columns, creator }).catch(() => undefined)
}

/**
 * What differs when the rows are encoded anew. A file of another version of the program may be encoded otherwise, so of it
 * the footers are compared. Undefined if nothing differs.
 */
async function damageByEncoding(
  bytes: Uint8Array,
  again: EncodedFile | undefined,
  { facts, footer }: Judged,
  { dataset, version, runOf }: FileCheckContext,
): Promise<string | undefined> {
  const written = versionIn(facts, dataset)
  const isNamed = facts.createdBy.startsWith(`${dataset.creator} version `)
  if (!isNamed || !/^\d+\.\d+\.\d+[\w.+-]*$/.test(written)) return 'names no version'
  const isEqual = again !== undefined && Buffer.compare(bytes, again.bytes) === 0
  if (written !== version) {
    const ofRun = (await runOf(footer.ingestMs))?.version
    if (ofRun !== undefined && ofRun !== written) return `names version ${written}, and the run that wrote it ${ofRun}`
    const isSame = again !== undefined && (await haveEqualFooters(bytes, again.bytes))
    return isEqual || isSame ? undefined : 'has another footer than its rows give'
  }
  return isEqual ? undefined : 'has other bytes than its rows give'
}
