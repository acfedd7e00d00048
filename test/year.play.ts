// `bun run test:year`: whole years of nights over six stored years, once with a plan that serves them all and once with one of
// five rolling years. It takes some three minutes a year. TEST_SEED draws the story, and is printed.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { iso, SEED } from './support/bars.ts'
import { playYear } from './support/year/year.ts'

setDefaultTimeout(1_800_000)

test.each([
  ['that serves all years', 99],
  ['of five rolling years', 5],
])('a year of nights with a plan %s ends with what FMP has', async (_, depthYears) => {
  const played = await playYear({
    seed: SEED,
    nights: 251,
    depthYears,
    firstStored: iso('2018-07-02'),
    firstNight: iso('2024-07-01'),
    isHolding: true,
  })
  const { codes, seams, differences, looks, calls, quietCalls, ...figures } = played
  const ratio = calls / (quietCalls + 2 * looks)
  console.log('year:', { seed: SEED, depthYears, ...figures, looks, calls, ratio, differences: differences.length })
  expect({ codes, seams }).toEqual({ codes: [], seams: [] })
  expect(ratio).toBeLessThan(1.1)
  // Rows that are carried over may be off by a little more than a rounding unit where many changes add up.
  const others = differences.filter((text) => !text.includes('carried: '))
  expect(others).toEqual([])
})
