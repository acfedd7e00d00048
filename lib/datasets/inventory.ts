// What a lake holds of a dataset, symbol by symbol: from listings, and from footers where they are asked for. The folders of
// one level give the symbols and each symbol is listed on its own, so that memory does not grow with the number of files.

import { mapAhead, mapLimit } from '../core/concurrency.ts'
import type { Dataset } from '../core/dataset.ts'
import type { Store, StoredFile } from '../store/store.ts'
import { valueOfHive } from './keys.ts'
import { readFileFooter, type ReadContext, type StoredFooter } from './stored-file.ts'

/** The symbols of a dataset in a lake. */
export type LakeSymbols = {
  /** In the order of their folders. From outside: a text of it goes through `oneLine`. */
  readonly symbols: readonly string[]
  /** The key prefixes of folders that belong to no symbol, each with a slash at its end. */
  readonly strayFolders: readonly string[]
  /** Files beside the folders of symbols. */
  readonly strays: readonly StoredFile[]
}

/** What one file of a dataset holds: a session or a year of prices, or a document. */
type PartitionOf<D extends Dataset> = NonNullable<ReturnType<D['partitionOf']>>

export type PartitionFile<D extends Dataset> = StoredFile & { readonly partition: PartitionOf<D> }

/** Everything beneath the folder of one symbol, in the order of the keys. */
export type SymbolFiles<D extends Dataset> = {
  readonly symbol: string
  readonly files: readonly PartitionFile<D>[]
  /** Files with other keys than those that this program writes: it never reads them, and neither may whoever reads the lake. */
  readonly strays: readonly StoredFile[]
}

export type InventoryContext<D extends Dataset> = { readonly store: Store; readonly dataset: D }

/** The symbols that have a folder, by one listing. Throws an IngestError if the store fails. */
export async function listSymbols({ store, dataset }: InventoryContext<Dataset>): Promise<LakeSymbols> {
  const { folders, files } = await store.listLevel(dataset.root)
  const found = folders.map((folder) => ({ folder, symbol: symbolIn(folder, dataset) }))
  return {
    symbols: found.flatMap(({ symbol }) => symbol ?? []),
    strayFolders: found.flatMap(({ folder, symbol }) => (symbol === undefined ? [folder] : [])),
    strays: files,
  }
}

/** The symbol whose folder has this key prefix; undefined if it is none that this program would make. */
function symbolIn(folder: string, dataset: Dataset): string | undefined {
  const symbol = valueOfHive(folder.slice(`${dataset.root}symbol=`.length, -1))
  return symbol !== '' && dataset.folder(symbol) === folder ? symbol : undefined
}

/** All files beneath the folder of a symbol, by one listing; none if it has no folder. Throws an IngestError if the store fails. */
export async function listSymbolFiles<D extends Dataset>(
  symbol: string,
  { store, dataset }: InventoryContext<D>,
): Promise<SymbolFiles<D>> {
  const files: PartitionFile<D>[] = []
  const strays: StoredFile[] = []
  for (const file of await store.list(dataset.folder(symbol))) {
    const partition = dataset.partitionOf(symbol, file.key) as PartitionOf<D> | undefined
    if (partition === undefined) strays.push(file)
    else files.push({ ...file, partition })
  }
  return { symbol, files, strays }
}

/** 10,000 symbols take 3 s at 20 ms a listing. A symbol with 25 years of day files takes about 2 MB. */
const MAX_SYMBOLS_AHEAD = 64

/**
 * The results of `look` for each symbol, in the order of `symbols`, with a bounded number of symbols in memory: to be taken one by one
 * (`for await`). `look` gets the symbol's files and may read more of them. Throws an IngestError if the store fails.
 */
export function inventory<D extends Dataset, R>(
  symbols: Iterable<string>,
  context: InventoryContext<D>,
  look: (files: SymbolFiles<D>) => Promise<R>,
): AsyncGenerator<R, void> {
  return mapAhead(symbols, MAX_SYMBOLS_AHEAD, async (symbol) => await look(await listSymbolFiles(symbol, context)))
}

/** As many of one symbol at once as a store sends requests. */
export const MAX_FOOTERS_IN_FLIGHT = 192

/**
 * The files with their footers, or with what is wrong with them, in their order; a file that is gone since it was listed is
 * left out. The store bounds how many are read at once over all symbols. Throws an IngestError if the store fails.
 */
export async function readFooters<F extends StoredFile>(
  files: readonly F[],
  context: ReadContext,
): Promise<readonly StoredFooter<F>[]> {
  const read = await mapLimit(files, MAX_FOOTERS_IN_FLIGHT, async (file) => await readFileFooter(file, context))
  return read.filter((stored) => stored !== undefined)
}
