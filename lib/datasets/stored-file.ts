// Stored files of any dataset: how their footers are read, many at once, and the error of a file that keeps changing.

import { mapLimit } from '../core/concurrency.ts'
import type { Dataset } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import { readFooter, type EncodedFile, type Footer } from '../parquet/parquet.ts'
import type { Metadata, Store, StoredFile } from '../store/store.ts'

/** A footer takes less than two kilobytes. So many bytes contain a whole year file, so one request is enough for it. */
export const FOOTER_BYTES = 65_536

/** As many as the requests that the runtime sends at once. */
const MAX_SYMBOLS_IN_FLIGHT = 256

/**
 * Runs `survey` for every symbol, many at once, and calls `onSurveyed` after each. The store bounds how many requests are in
 * flight.
 */
export async function surveyEach<T>(
  symbols: readonly string[],
  survey: (symbol: string) => Promise<T>,
  onSurveyed: () => void = () => undefined,
): Promise<readonly T[]> {
  return await mapLimit(symbols, MAX_SYMBOLS_IN_FLIGHT, async (symbol) => {
    const surveyed = await survey(symbol)
    onSurveyed()
    return surveyed
  })
}

/** The last 64 KiB of a file (all of a smaller file) with its footer, or why the file cannot be relied on. */
export type StoredTail = { readonly file: StoredFile } & (
  | { readonly footer: Footer; readonly tail: Uint8Array }
  | { readonly problem: string }
)

/** A file with its footer, or why the file cannot be relied on. */
export type StoredFooter<F extends StoredFile = StoredFile> = { readonly file: F } & (
  | { readonly footer: Footer }
  | { readonly problem: string }
)

/** Where a file is read and whose it must be. */
export type ReadContext = { readonly store: Store; readonly dataset: Pick<Dataset, 'creator' | 'firstYear'> }

/** Reads the tail of a file in one request; undefined if the file is gone. */
export async function readTail(file: StoredFile, { store, dataset }: ReadContext): Promise<StoredTail | undefined> {
  const tail = await store.read(file.key, { suffixBytes: FOOTER_BYTES }, FOOTER_BYTES).catch(problemOfFile)
  if (tail === undefined) return undefined
  if ('problem' in tail) return { file, problem: tail.problem }
  const footer = readFooter(tail, dataset)
  return 'problem' in footer ? { file, problem: footer.problem } : { file, footer, tail }
}

/** Reads the footer of a file in one request; undefined if the file is gone. */
export async function readFileFooter<F extends StoredFile>(
  file: F,
  context: ReadContext,
): Promise<StoredFooter<F> | undefined> {
  const stored = await readTail(file, context)
  if (stored === undefined) return undefined
  // Without the bytes, which would stay in memory.
  return 'problem' in stored ? { file, problem: stored.problem } : { file, footer: stored.footer }
}

/** A file as it is listed now, below `prefix`; undefined if there is none. Throws an IngestError if the store fails. */
export async function findFile(store: Store, prefix: string, key: string): Promise<StoredFile | undefined> {
  // `after` is exclusive, and the key without its last character sorts right before the key.
  const listed = await store.list(prefix, key.slice(0, -1), key)
  return listed.find((file) => file.key === key)
}

/** A problem with this one file. An error of the store is thrown again. */
export function problemOfFile(error: unknown): { readonly problem: string } {
  if (error instanceof IngestError && error.scope === 'symbol') return { problem: `cannot be read (${error.message})` }
  throw error
}

/** The metadata that the store keeps with a file. */
export function metadataOf({ sha }: EncodedFile): Metadata {
  return { 'rows-sha256': sha }
}

/** The error of a file that other runs changed twice during one write. */
export function changedTwiceError(key: string): IngestError {
  return new IngestError(`${key} was changed by another run twice while this one was refreshing it`, {
    kind: 'store',
    scope: 'symbol',
    hint: 'Let one run finish before the next begins.',
  })
}
