// Readers of all files of a table, as a glob is read: the names at one moment, then one file after the other while the table is
// being written. Each must see every row once.

import { someOf, type Random } from '../random.ts'
import type { Witness } from './witness.ts'

type Files = Witness['table']
type File = Files extends ReadonlyMap<string, infer F> ? F : never

type Reader = {
  /** The files as they were when their names were read. */
  readonly first: Files
  readonly left: string[]
  readonly read: Map<string, File>
}

export type Readers = {
  /** To be called between any two operations on the lake. */
  step(): void
  /** All end where they are: what a user does to the files is no fault of the table. */
  stop(): void
  readonly wrongs: readonly string[]
  /** How many have read all, and how many of them while a file was replaced. */
  readonly counts: { read: number; overtaken: number }
}

/** So many read at once, and one begins in so many of the moments between two operations. */
const MOST_READERS = 3
const BEGINS = 0.05

/** By the dice a reader begins, or reads its next file, between two operations. */
export function createReaders({ table, isStored }: Witness, random: Random): Readers {
  const active = new Set<Reader>()
  const wrongs: string[] = []
  const counts = { read: 0, overtaken: 0 }

  function end({ first, read }: Reader): void {
    counts.read += 1
    if ([...first].every(([key, file]) => read.get(key) === file)) return
    counts.overtaken += 1
    const seen = new Set<string>()
    for (const row of rowsIn(read)) {
      if (seen.has(row)) wrongs.push(`A reader saw ${row} twice.`)
      seen.add(row)
    }
    for (const row of rowsIn(first)) {
      const [symbol = '', date = ''] = row.split(' ')
      if (!seen.has(row) && isStored(symbol, date)) wrongs.push(`A reader did not see ${row}.`)
    }
  }

  return {
    wrongs,
    counts,
    stop: () => active.clear(),
    step() {
      if (active.size < MOST_READERS && random() < BEGINS)
        active.add({ first: new Map(table), left: [...table.keys()].toSorted(), read: new Map() })
      for (const reader of someOf(random, [...active], 0.5)) {
        const key = reader.left.splice(Math.floor(random() * reader.left.length), 1)[0] ?? ''
        const file = table.get(key)
        if (file !== undefined) reader.read.set(key, file)
        if (reader.left.length > 0) continue
        active.delete(reader)
        end(reader)
      }
    },
  }
}

function* rowsIn(files: Files): Iterable<string> {
  for (const file of files.values())
    for (const [symbol, rows] of file) for (const date of rows.keys()) yield `${symbol} ${date}`
}
