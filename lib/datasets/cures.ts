// The commands that put a file right, as words after `ingest`.

import type { Dataset, FilePartition } from '../core/dataset.ts'
import { wholeYear } from '../core/dates.ts'
import type { DateRange } from '../core/dates.ts'
import type { Cure } from '../core/findings.ts'

/** Fetches what one file holds again, and overwrites the file. */
export function refetchWords({ name }: Pick<Dataset, 'name'>, symbol: string, partition: FilePartition) {
  switch (partition.kind) {
    case 'day':
      return [...fillWords(symbol, { from: partition.date, to: partition.date }), '--force']
    case 'year':
      return [...backfillWords(symbol, partition.year), '--force']
    case 'document':
      return ['--tickers', symbol, '--dataset', name, '--force']
  }
}

/** Fetches what one file holds once it is gone: a file with more rows than FMP's answer is never replaced. */
export function replaceFile(dataset: Dataset, symbol: string, key: string): Cure {
  const partition = dataset.partitionOf(symbol, key)
  return { removes: key, words: partition && refetchWords(dataset, symbol, partition) }
}

/** Fetches sessions that are missing, as day files. */
export function fillWords(symbol: string, { from, to }: DateRange): readonly string[] {
  return ['--tickers', symbol, '--from-date', from, '--to-date', to]
}

/** Fetches a year, unless its file is finished. */
export function backfillWords(symbol: string, year: number): readonly string[] {
  const { from, to } = wholeYear(year)
  return ['--tickers', symbol, '--backfill', '--from-date', from, '--to-date', to]
}
