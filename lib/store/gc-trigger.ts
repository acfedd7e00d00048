// Collects garbage before it piles up, because the runtime lets the heap grow to a multiple of what is in use.
//
// Peak memory with and without (the cases of `bun run bench`): 143 and 187 MB for 12,580 day files into S3, 132 and 153 into
// a folder, 147 and 189 for a survey of 10,000 symbols, in the same time. Without, it grows with the run: 650 MB at 200,000
// files. The runtime's `--smol` in the compiled program (execArgv) does not replace it: 189 MB for the first of these.

import { fullGC } from 'bun:jsc'
import { memoryUsage } from 'node:process'
import type { Store } from './store.ts'

/** A file leaves some 15 KB of garbage, a listing more. Fewer collections take more memory, more of them more time. */
const OPERATIONS_PER_COLLECTION = 500

/**
 * What a file that is read leaves, beside one that is written. A new table of 126,000 day files takes 298 MB; 392 without this
 * and with 130,000 rows in memory at once instead of 50,000. With a share of 1 it took a fifth more CPU.
 */
const SHARE_OF_READ = 0.25

/** Below this a collection is not worth its 10 ms: the program takes 110 MB when it is loaded and at work. */
const WORTHWHILE_BYTES = 125e6

/**
 * Above this a collection also gives memory back. A night of 5,000 symbols that keeps a table on S3 takes 246 MB (one run) instead
 * of 252 (median of 3). No run of 500 symbols takes as much.
 */
const LARGE_BYTES = 200e6

/** The store with a full collection after every 500 listings and writes or 2,000 reads, if that much memory is in use. */
export function withGcTrigger(store: Store): Store {
  let operations = 0
  async function counted<T>(operation: Promise<T>, share = 1): Promise<T> {
    try {
      return await operation
    } finally {
      operations += share
      if (operations >= OPERATIONS_PER_COLLECTION) {
        operations = 0
        const bytes = memoryUsage.rss()
        if (bytes > LARGE_BYTES) Bun.gc(true)
        else if (bytes > WORTHWHILE_BYTES) fullGC()
      }
    }
  }
  return {
    ...store,
    list: (...range) => counted(store.list(...range)),
    listLevel: (prefix) => counted(store.listLevel(prefix)),
    read: (...wanted) => counted(store.read(...wanted), SHARE_OF_READ),
    create: (...file) => counted(store.create(...file)),
    replace: (...file) => counted(store.replace(...file)),
  }
}
