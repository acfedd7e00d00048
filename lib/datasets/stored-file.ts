// Stored files of any dataset: read by their footers, many at once, and the error of one that keeps changing.

import { mapLimit } from '../core/concurrency.ts'
import { IngestError } from '../core/errors.ts'
import { createGcTrigger } from '../core/garbage.ts'
import type { EncodedFile } from '../parquet/parquet.ts'
import { readFooter, type Footer } from '../parquet/metadata.ts'
import type { Metadata, Store, StoredFile } from '../store/store.ts'

/** A footer takes under two kilobytes; this also swallows a whole year file in the one request. */
const FOOTER_BYTES = 65_536

/** As many as the runtime sends requests at once. */
const SYMBOLS_AT_ONCE = 256

/** Surveys many symbols at once, by whatever of them is to be known; the store bounds how many requests are in flight. */
export async function surveyEach<T>(
  symbols: readonly string[],
  survey: (symbol: string) => Promise<T>,
): Promise<readonly T[]> {
  const gcTrigger = createGcTrigger()
  return await mapLimit(symbols, SYMBOLS_AT_ONCE, async (symbol) => {
    const found = await survey(symbol)
    gcTrigger()
    return found
  })
}

/** A file's end, up to 64 KiB of it, and what its footer says; the whole file where it is not larger. */
export type StoredTail = { readonly file: StoredFile } & (
  | { readonly footer: Footer; readonly tail: Uint8Array }
  | { readonly problem: string }
)

/** One request; undefined where the file is gone. `firstYear` as for readFooter. */
export async function readTail(file: StoredFile, store: Store, firstYear?: number): Promise<StoredTail | undefined> {
  const tail = await store.read(file.key, { suffixBytes: FOOTER_BYTES }, FOOTER_BYTES).catch(problemOf)
  if (tail === undefined) return undefined
  if ('problem' in tail) return { file, problem: tail.problem }
  const footer = readFooter(tail, firstYear)
  return 'problem' in footer ? { file, problem: footer.problem } : { file, footer, tail }
}

/** What is wrong with this one file; what is wrong with the store is thrown on. */
function problemOf(error: unknown): { readonly problem: string } {
  if (error instanceof IngestError && error.scope === 'symbol') return { problem: `cannot be read (${error.message})` }
  throw error
}

/** What is kept beside the bytes of a file of ours. */
export function metadataOf({ sha }: EncodedFile): Metadata {
  return { 'rows-sha256': sha }
}

/** The error of a file that other runs keep changing. */
export function changedTwice(key: string): IngestError {
  return new IngestError(`${key} was changed by another run twice while this one was refreshing it`, {
    kind: 'store',
    scope: 'symbol',
    hint: 'Let one run finish before the next begins.',
  })
}
