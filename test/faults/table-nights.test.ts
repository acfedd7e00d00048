// Nights that keep a table of their prices, over a vendor whose past moves: with kills, races, machines that keep none, and users
// who delete, replace and damage files. A witness that knows each row that raw ever held looks at each write of the table.
// `bun run test:table` plays whole years, in a folder and in a bucket too.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { iso } from '../support/bars.ts'
import { playTableNights } from '../support/table/nights.ts'

setDefaultTimeout(300_000)

/** One of each kind of story. */
const SYMBOLS = [
  'SPLIT',
  'AWAY',
  'WEEKLY',
  'TINY',
  'SPIN',
  'FRESH',
  'REUSED',
  'ENDED',
  'OLDNAME',
  'NEWNAME',
  'DEEP',
  'CALM',
]

const STORY = {
  firstStored: iso('2023-06-01'),
  firstNight: iso('2024-10-15'),
  nights: 90,
  depthYears: 99,
  symbols: SYMBOLS,
}

describe('a table that is kept night by night', () => {
  test.each([1, 2])('is never wrong, whatever happens, and equals raw in the end (story %i)', async (seed) => {
    const { wrongs, figures } = await playTableNights({ ...STORY, seed, world: 'memory' })
    console.log(`story ${seed}:`, figures)
    expect(wrongs).toEqual([])
  })
})
