// Reads the ticker list: from the command line, a file, or an object in S3.

import { IngestError, usageError } from '../core/errors.ts'
import type { Target, TickerSource } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import { MAX_TICKER_LIST_BYTES, parseTickerFlag, parseTickers, type TickerList, type TickerOptions } from './tickers.ts'
import { oneLine } from '../core/text.ts'

/** The I/O that reading a list needs. */
export type ListEffects = {
  readonly openStore: (target: Target) => Promise<Store>
  readonly readTextFile: (path: string, maxBytes: number) => Promise<string | undefined>
}

/** The symbols of a run. Throws a usage error for a missing or wrong list, and the store's error when S3 fails. */
export async function readSymbols(
  source: TickerSource,
  effects: ListEffects,
  options?: TickerOptions,
): Promise<TickerList> {
  switch (source.kind) {
    case 'flag':
      return parseTickerFlag(source.list, options)
    case 'file': {
      const text = await effects.readTextFile(source.path, MAX_TICKER_LIST_BYTES)
      if (text === undefined) throw notFound(source.path)
      return parseTickers(text, source.path, options)
    }
    case 's3': {
      const url = `s3://${source.bucket}/${source.key}`
      const store = await effects.openStore({ kind: 's3', bucket: source.bucket })
      const bytes = await store.read(source.key, undefined, MAX_TICKER_LIST_BYTES).catch(tooLargeIsUsage)
      if (bytes === undefined) throw notFound(url)
      return parseTickers(new TextDecoder().decode(bytes), url, options)
    }
  }
}

function notFound(location: string) {
  return usageError(
    `There is no ticker list at ${oneLine(location)}.`,
    'Name one with --tickers-path, or symbols with --tickers.',
  )
}

/** An error of the list itself is the user's mistake. An error of the bucket is thrown on. */
function tooLargeIsUsage(error: unknown): never {
  if (error instanceof IngestError && error.scope === 'symbol') throw usageError(error.message)
  throw error
}
