// Where the ticker list is and where a run stores, from the settings that name them.

import type { Target, TickerSource } from '../core/config.ts'
import type { Reader } from './reader.ts'
import { bucketOf } from './schemas.ts'
import { FLAGS } from './settings.ts'

/** Where the symbols are: on the command line, in a file or in a bucket. */
export function tickerSource({ read }: Reader): TickerSource {
  const list = read(FLAGS.tickers)
  // What --tickers overrides need not be right.
  if (list !== undefined) return { kind: 'flag', list }
  const path = read(FLAGS.tickersPath)
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(path) ?? []
  return bucket !== undefined && key !== undefined ? { kind: 's3', bucket, key } : { kind: 'file', path }
}

/** Where a run stores; undefined when neither `--out` nor a bucket is given. */
export function targetOf(out: string | undefined, bucket: string | undefined): Target | undefined {
  if (out?.startsWith('s3://') === true) return { kind: 's3', bucket: bucketOf(out) }
  if (out !== undefined) return { kind: 'folder', folder: out }
  return bucket === undefined ? undefined : { kind: 's3', bucket }
}
