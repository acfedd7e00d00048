// `bun run test:table`: 250 nights that keep a table, over six stored years of all symbols of the story, in memory, in a folder and
// in a bucket. TEST_SEED draws the story, and is printed.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { iso, SEED } from './support/bars.ts'
import { playTableNights } from './support/table/nights.ts'
import type { WorldKind } from './support/table/worlds.ts'

setDefaultTimeout(3_600_000)

const STORY = { firstStored: iso('2018-07-02'), firstNight: iso('2024-07-01'), nights: 251, checksMonths: true }

test.each<[world: WorldKind, depthYears: number]>([
  ['memory', 5],
  ['folder', 99],
  ['bucket', 99],
])('a table in a %s is never wrong, and equals raw in the end, with a plan of %i years', async (world, depthYears) => {
  const { wrongs, figures } = await playTableNights({ ...STORY, depthYears, world, seed: SEED })
  console.log(`${world}, story ${SEED}:`, figures)
  expect({ seed: SEED, wrongs }).toEqual({ seed: SEED, wrongs: [] })
})
