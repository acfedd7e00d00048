// What stored objects hold of one cell: a symbol and a date of a dataset.

import type { Dataset, Row } from '../core/dataset.ts'
import type { IsoDate } from '../core/dates.ts'
import { readFooter, readRows, rowsSha256, type Footer } from '../parquet/parquet.ts'
import type { StoredFile } from '../store/store.ts'
import { problemOfFile, type ReadContext } from './stored-file.ts'

/** Whether a hash that is kept is that of what is stored. `absent`: none is kept, as of bytes in a folder. */
export type HashState = 'equal' | 'differs' | 'absent'

/** An object of this program that may hold the cell, read whole. */
export type ReadObject = {
  readonly file: StoredFile
  readonly footer: Footer
  /** Those of the date. */
  readonly rows: readonly Row[]
  /** Whether they were carried over from an older file. */
  readonly isCarried: boolean
  readonly rowsHash: HashState
  readonly bytesHash: HashState
  /** Of the process that wrote it, where the store keeps it. */
  readonly runUuid: string | undefined
}

/** An object that may hold the cell, or why it cannot be relied on. */
export type CellObject = ReadObject | { readonly file: StoredFile; readonly problem: string }

type CellContext = ReadContext & { readonly dataset: Pick<Dataset, 'columns'> }

/** Far more than the rows of a year or of a document take. */
const MAX_OBJECT_BYTES = 4 * 1_048_576

/** Reads an object whole, by one request; undefined if it is gone. Throws an IngestError if the store fails. */
export async function readCellObject(
  file: StoredFile,
  date: IsoDate,
  { store, dataset }: CellContext,
): Promise<CellObject | undefined> {
  const found = await store.readWithMetadata(file.key, MAX_OBJECT_BYTES).catch(problemOfFile)
  if (found === undefined) return undefined
  if ('problem' in found) return { file, problem: found.problem }
  const { bytes, metadata } = found
  const footer = readFooter(bytes, dataset)
  if ('problem' in footer) return { file, problem: footer.problem }
  // Whatever the library says of damaged pages helps nobody.
  const rows = await readRows(bytes, dataset.columns).catch(() => undefined)
  if (rows === undefined) return { file, problem: 'has a footer of ours and rows that cannot be read' }
  return {
    file,
    footer,
    rows: rows.filter((row) => row.date === date),
    isCarried: footer.carried.some(({ from, to }) => from <= date && date <= to),
    rowsHash: hashState(footer.rowsSha256, () => rowsSha256(dataset.columns, rows)),
    bytesHash: hashState(metadata['sha256'], () => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')),
    runUuid: metadata['run-id'],
  }
}

function hashState(kept: string | undefined, compute: () => string): HashState {
  if (kept === undefined) return 'absent'
  return kept === compute() ? 'equal' : 'differs'
}

/** Whether an object has a row of the cell. */
export function holdsCell(object: CellObject): object is ReadObject {
  return 'footer' in object && object.rows.length > 0
}

/** The object whose row counts: of those that hold the date the one with the greatest `ingest_ts`, the last of several. */
export function winnerOf(objects: readonly CellObject[]): ReadObject | undefined {
  return objects
    .filter(holdsCell)
    .toSorted((a, b) => a.footer.ingestMs - b.footer.ingestMs)
    .at(-1)
}
