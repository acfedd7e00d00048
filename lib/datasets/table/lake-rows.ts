// The rows of a symbol that count, read from its raw files: of each primary key the row with the greatest `ingest_ts`.

import { mapLimit } from '../../core/concurrency.ts'
import { primaryKeyOf, type Dataset } from '../../core/dataset.ts'
import { oneLine } from '../../core/text.ts'
import { readFooter, readStampedRows, type StampedRow } from '../../parquet/parquet.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import { listSymbolFiles, type PartitionFile } from '../inventory.ts'
import { problemOfFile } from '../stored-file.ts'
import { shortHash } from './footer.ts'

export type RawContext = {
  readonly store: Store
  readonly dataset: Dataset
  /** Is told of a raw file that cannot be read, whose rows the table lacks: a sentence. */
  readonly onProblem: (text: string) => void
}

export type RawFile = PartitionFile<Dataset>

/** Far more than the rows of a year can take. */
const MAX_FILE_BYTES = 4 * 1_048_576

/** As many of one symbol at once as a store sends requests. */
const MAX_READS_IN_FLIGHT = 192

/** All raw files of a symbol. Throws an IngestError if the store fails. */
export async function listRaw(symbol: string, context: RawContext): Promise<readonly RawFile[]> {
  return (await listSymbolFiles(symbol, context)).files
}

/** A hash of a listing that changes whenever one of the files does; empty for none. */
export function listingHash(files: readonly StoredFile[]): string {
  if (files.length === 0) return ''
  const hash = new Bun.CryptoHasher('sha256')
  for (const { key, sizeBytes, tag } of files) hash.update(`${key} ${sizeBytes} ${tag}\n`)
  return shortHash(hash)
}

type Candidate = StampedRow & Pick<StoredFile, 'key' | 'modifiedMs'>

/** The rows of a symbol that count, by primary key. */
export type LakeRows = {
  readonly rows: readonly StampedRow[]
  /** Whether every file could be read. The others may be readable later, without another tag. */
  readonly isWhole: boolean
}

/** The rows of these files of a symbol that count. Rejects with an IngestError if the store fails. */
export async function readLakeRows(symbol: string, files: readonly RawFile[], context: RawContext): Promise<LakeRows> {
  const read = await mapLimit(files, MAX_READS_IN_FLIGHT, async (file) => await readRaw(symbol, file, context))
  const best = new Map<string, Candidate>()
  for (const [index, file] of files.entries()) {
    const { key, modifiedMs } = file
    for (const stamped of read[index] ?? []) {
      const primaryKey = primaryKeyOf(context.dataset, stamped.row)
      const candidate = { ...stamped, key, modifiedMs }
      const before = best.get(primaryKey)
      if (before === undefined || counts(candidate, before)) best.set(primaryKey, candidate)
    }
  }
  const sorted = [...best].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { rows: sorted.map(([, { row, ingestMs }]) => ({ row, ingestMs })), isWhole: !read.includes(undefined) }
}

/** As every recipe orders: by `ingest_ts`, then by the time of the file, then by its key. */
function counts(row: Candidate, other: Candidate): boolean {
  if (row.ingestMs !== other.ingestMs) return row.ingestMs > other.ingestMs
  if (row.modifiedMs !== other.modifiedMs) return row.modifiedMs > other.modifiedMs
  return row.key > other.key
}

/** The rows of a raw file, none if it is gone; undefined if it is damaged, or of another program or symbol. */
async function readRaw(
  symbol: string,
  file: RawFile,
  { store, dataset, onProblem }: RawContext,
): Promise<readonly StampedRow[] | undefined> {
  const bytes = await store.read(file.key, undefined, MAX_FILE_BYTES).catch(problemOfFile)
  if (bytes === undefined) return []
  const leave = (problem: string) => {
    onProblem(`${oneLine(store.locate(file.key))} ${problem}: the table has none of its rows.`)
    return undefined
  }
  if ('problem' in bytes) return leave(bytes.problem)
  const footer = readFooter(bytes, dataset)
  if ('problem' in footer) return leave(footer.problem)
  const rows = await readStampedRows(bytes, dataset.columns).catch(() => undefined)
  if (rows === undefined) return leave('is damaged')
  return rows.every(({ row }) => row['symbol'] === symbol) ? rows : leave('holds rows of another symbol')
}
