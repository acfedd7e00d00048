// A connection to one bucket, as reads, writes and listings use it.
import type { Connection } from './client.ts'
import type { Operation } from './errors.ts'

export type Bucket = Connection & { readonly bucket: string; readonly locate: (key: string) => string }

/** What a request on `key` is, for messages. */
export function operationOn(at: Bucket, permission: Operation['permission'], key: string): Operation {
  return { permission, bucket: at.bucket, location: at.locate(key), setup: at.setup }
}
