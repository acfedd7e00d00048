// `bun run test:year`: whole years of nights over six stored years, once with a plan that serves them all and once with one of
// five rolling years. It takes some three minutes a year. TEST_SEED draws the story, and is printed.

import { setDefaultTimeout, test } from 'bun:test'
import { SEED } from './support/bars.ts'
import { expectAsTold } from './support/year/told.ts'

setDefaultTimeout(1_800_000)

test.each([
  ['that serves all years', 99],
  ['of five rolling years', 5],
])('a year of nights with a plan %s ends with what FMP has', async (_, depthYears) => {
  await expectAsTold({ seed: SEED, firstStored: '2018-07-02', nights: 251, depthYears })
})
