// Garbage, collected before it piles up: the runtime lets it grow to a multiple of what lives, 650 MB at 200,000 files of
// which 60 live.

import { fullGC } from 'bun:jsc'
import { memoryUsage } from 'node:process'

/** A file leaves some 15 KB, a listing or a symbol more. Less often takes more memory, more often more time. */
const PIECES_PER_SWEEP = 500

/** With less than this in use there is nothing worth the ten milliseconds: loaded and at work the program has 110 MB. */
const WORTHWHILE_BYTES = 125e6

/** To be called after every piece of work: a file, a listing, a symbol. Now and then it collects. */
export function createGcTrigger(): () => void {
  let pieces = 0
  return () => {
    pieces += 1
    if (pieces % PIECES_PER_SWEEP === 0 && memoryUsage.rss() > WORTHWHILE_BYTES) fullGC()
  }
}
