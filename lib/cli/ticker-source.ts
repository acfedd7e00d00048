// Where a ticker list comes from: the command line, a file, or an object in S3.

import { IngestError, usageError } from '../core/errors.ts'
import type { Target, TickerSource } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import { MAX_TICKER_LIST_BYTES, parseTickerFlag, parseTickers, type TickerList } from './tickers.ts'
import { oneLine } from '../core/text.ts'

export type TickerDoors = {
  readonly openStore: (target: Target) => Promise<Store>
  readonly readTextFile: (path: string, maxBytes: number) => Promise<string | undefined>
}

/** The symbols of a run. Throws a usage error for a list that is not there or not right, a store's error for S3. */
export async function readSymbols(source: TickerSource, doors: TickerDoors): Promise<TickerList> {
  switch (source.kind) {
    case 'flag':
      return parseTickerFlag(source.list)
    case 'file': {
      const text = await doors.readTextFile(source.path, MAX_TICKER_LIST_BYTES)
      if (text === undefined) throw notFound(source.path)
      return parseTickers(text, source.path)
    }
    case 's3': {
      const place = `s3://${source.bucket}/${source.key}`
      const store = await doors.openStore({ kind: 's3', bucket: source.bucket })
      const bytes = await store.read(source.key, undefined, MAX_TICKER_LIST_BYTES).catch(tooLargeIsUsage)
      if (bytes === undefined) throw notFound(place)
      return parseTickers(new TextDecoder().decode(bytes), place)
    }
  }
}

function notFound(place: string) {
  return usageError(
    `There is no ticker list at ${oneLine(place)}.`,
    'Name one with --tickers-path, or symbols with --tickers.',
  )
}

/** What is wrong with the list itself is the user's to mend; what is wrong with the bucket is thrown on. */
function tooLargeIsUsage(error: unknown): never {
  if (error instanceof IngestError && error.scope === 'symbol') throw usageError(error.message)
  throw error
}
