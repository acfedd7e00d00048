// A store that remembers what a run lists and writes below the raw files of some datasets, so that the table can be brought up to
// date without asking the store again.

import type { Dataset } from '../../core/dataset.ts'
import type { IsoDate } from '../../core/dates.ts'
import { createDateInterner } from '../../core/interning.ts'
import { readStampedRows, type StampedRow } from '../../parquet/parquet.ts'
import type { Store, StoredFile } from '../../store/store.ts'
import { valueOfHive } from '../keys.ts'
import { listingHash } from './lake-rows.ts'

/** What a run has seen and done of one symbol. */
export type WatchedSymbol = {
  /** The rows of new day files. */
  readonly added: StampedRow[]
  /** Keys of other files that were written. */
  readonly changed: Set<string>
  /** The dates of new day files, with or without their bytes. */
  readonly newDays: IsoDate[]
  /** Whether any other file was written. */
  isRewritten: boolean
  /** The dates of day files that were listed. */
  listedDays: ReadonlySet<IsoDate>
  /** The hash of each year file whose year was listed; empty for a year without one. */
  readonly listedYears: Map<number, string>
}

/** By symbol. */
export type Watched = ReadonlyMap<string, WatchedSymbol>

export type WatchOptions = {
  readonly datasets: readonly Dataset[]
  /** Older day files are not remembered. */
  readonly listedFrom: IsoDate
  /** A later run sees by what it lists that the table lacks a new day file of this date or a later one. */
  readonly seenFrom: IsoDate
  /** Awaited before each write of any other file. */
  readonly beforeChange: (dataset: Dataset) => Promise<void>
}

/** More than the day files of a night of 20,000 symbols. Of what is beyond only the keys are kept. */
export const MAX_KEPT_BYTES = 32 * 1_048_576

/** The store, and what is seen through it, by the root of each dataset. */
export function watchStore(
  store: Store,
  { datasets, listedFrom, seenFrom, beforeChange }: WatchOptions,
): { readonly store: Store; readonly watched: (dataset: Dataset) => Watched } {
  const byDataset = new Map<Dataset, Map<string, WatchedSymbol>>(datasets.map((dataset) => [dataset, new Map()]))
  const intern = createDateInterner()
  let keptBytes = 0

  function watchedAt(
    key: string,
  ): { readonly dataset: Dataset; readonly symbol: string; readonly seen: WatchedSymbol } | undefined {
    const dataset = datasets.find(({ root }) => key.startsWith(root))
    if (dataset === undefined) return undefined
    const folder = key.slice(dataset.root.length).split('/', 1)[0] ?? ''
    const symbol = valueOfHive(folder.replace(/^symbol=/, ''))
    const symbols = byDataset.get(dataset)
    const seen = symbols?.get(symbol) ?? newlySeen()
    symbols?.set(symbol, seen)
    return { dataset, symbol, seen }
  }

  async function willWrite(key: string, isNew: boolean): Promise<void> {
    const at = watchedAt(key)
    const partition = at?.dataset.partitionOf(at.symbol, key)
    const isSeen = isNew && partition?.kind === 'day' && partition.date >= seenFrom
    if (at !== undefined && !isSeen) await beforeChange(at.dataset)
  }

  // Rows are decoded when their file is written and not all at the end: what that leaves is collected with what the write does.
  async function sawWritten(key: string, bytes: Uint8Array, isNew: boolean): Promise<void> {
    const at = watchedAt(key)
    if (at === undefined) return
    const { dataset, symbol, seen } = at
    const partition = dataset.partitionOf(symbol, key)
    const newDay = isNew && partition?.kind === 'day' ? partition.date : undefined
    if (newDay === undefined) seen.isRewritten = true
    else seen.newDays.push(newDay)
    if (newDay !== undefined && keptBytes + bytes.byteLength <= MAX_KEPT_BYTES) {
      keptBytes += bytes.byteLength
      seen.added.push(...(await readStampedRows(bytes, dataset.columns)))
    } else {
      seen.changed.add(key)
    }
  }

  function sawListed(files: readonly StoredFile[], [prefix, after, until]: Parameters<Store['list']>): void {
    const at = watchedAt(prefix)
    if (at === undefined) return
    const { seen, dataset, symbol } = at
    // A year of which the listing begins with its folder was listed with the year's own file, which stands first in it.
    const [from, to] = [/year=(\d{4})\/$/.exec(after ?? '')?.[1], /\/year=(\d{4})\//.exec(until ?? '')?.[1]]
    for (let year = Number(from); year <= Number(to ?? from); year += 1) seen.listedYears.set(year, '')
    const days = new Set(seen.listedDays)
    for (const file of files) {
      const partition = dataset.partitionOf(symbol, file.key)
      if (partition?.kind === 'day' && partition.date >= listedFrom) days.add(partition.date)
      if (partition?.kind === 'year') seen.listedYears.set(partition.year, listingHash([file]))
    }
    seen.listedDays = intern(days)
  }

  return {
    store: tellingStore(store, { sawListed, willWrite, sawWritten }),
    watched: (dataset) => byDataset.get(dataset) ?? new Map(),
  }
}

type Telling = {
  readonly sawListed: (files: readonly StoredFile[], range: Parameters<Store['list']>) => void
  readonly willWrite: (key: string, isNew: boolean) => Promise<void>
  readonly sawWritten: (key: string, bytes: Uint8Array, isNew: boolean) => Promise<void>
}

function tellingStore(store: Store, { sawListed, willWrite, sawWritten }: Telling): Store {
  return {
    ...store,
    async list(...range) {
      const files = await store.list(...range)
      sawListed(files, range)
      return files
    },
    async create(key, bytes, metadata) {
      await willWrite(key, true)
      const result = await store.create(key, bytes, metadata)
      if (result === 'created') await sawWritten(key, bytes, true)
      return result
    },
    async replace(key, bytes, metadata, tag) {
      await willWrite(key, false)
      const result = await store.replace(key, bytes, metadata, tag)
      if (result === 'replaced') await sawWritten(key, bytes, false)
      return result
    },
  }
}

const NO_DAYS: ReadonlySet<IsoDate> = new Set()

function newlySeen(): WatchedSymbol {
  const written = { added: [], changed: new Set<string>(), newDays: [], isRewritten: false }
  return { ...written, listedDays: NO_DAYS, listedYears: new Map() }
}
