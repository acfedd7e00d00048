// Nights that keep a table of their prices, over a vendor whose past moves: with kills, races, machines that keep none, and users
// who delete, replace and damage files. A witness that knows each row that raw ever held looks at each write of the table.
// `bun run test:table` plays whole years, in a folder and in a bucket too.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { iso } from '../support/bars.ts'
import { playTableNights } from '../support/table/nights.ts'
import type { WorldKind } from '../support/table/worlds.ts'

setDefaultTimeout(300_000)

/** One of each kind of story. */
const SYMBOLS = ['SPLIT', 'AWAY', 'WEEKLY', 'TINY', 'SPIN', 'FRESH', 'REUSED', 'ENDED', 'OLDNAME', 'NEWNAME', 'DEEP']

/** Over the end of a year. */
const STORY = {
  firstStored: iso('2023-06-01'),
  firstNight: iso('2024-12-02'),
  nights: 90,
  depthYears: 99,
  symbols: SYMBOLS,
}

test.each<[world: WorldKind, played: number, seed: number]>([
  ['memory', 40, 5],
  ['memory', 8, 2],
  ['folder', 5, 2],
  ['bucket', 5, 3],
])(
  'a table in a %s that is kept for %i nights is never wrong, and equals raw in the end',
  async (world, played, seed) => {
    const { wrongs, figures } = await playTableNights({ ...STORY, played, seed, world })
    console.log(`${played} nights, ${world}, story ${seed}:`, figures)
    expect(wrongs).toEqual([])
  },
)
