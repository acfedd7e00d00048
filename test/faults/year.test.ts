// A season of nights over some forty symbols and a vendor whose past moves in every way, with nights that are skipped, killed,
// cut short or disturbed, and a plan of one rolling year. A reference that knows nothing of the program says what must be
// stored. `bun run test:year` plays whole years.

import { setDefaultTimeout, test } from 'bun:test'
import { expectAsTold } from '../support/year/told.ts'

// Far above what it takes on a busy machine.
setDefaultTimeout(900_000)

/** Fixed: another story may take twice as long. */
const STORY = 1

test('a season of splits, dividends, faults and kills ends with what FMP has, and no night with a seam', async () => {
  await expectAsTold({ seed: STORY, firstStored: '2022-07-01', nights: 90, depthYears: 1 })
})
