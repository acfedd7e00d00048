// A hundred nights over some forty symbols and a vendor whose past moves in every way, with nights that are skipped, killed,
// cut short or disturbed. A reference that knows nothing of the program says what must be stored. `bun run test:year` plays
// whole years.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { iso } from '../support/bars.ts'
import { playYear } from '../support/year/year.ts'

setDefaultTimeout(300_000)

/** Fixed: another story may take twice as long. */
const STORY = 1

test('a hundred nights of splits, dividends, faults and kills end with what FMP has, and no night with a seam', async () => {
  const played = await playYear({
    seed: STORY,
    nights: 100,
    depthYears: 99,
    firstStored: iso('2023-07-03'),
    firstNight: iso('2024-07-01'),
    isHolding: true,
  })
  const { codes, seams, differences, rows, runs, looks, calls, quietCalls } = played
  const ratio = calls / (quietCalls + 2 * looks)
  process.stderr.write(
    `year: story ${STORY}, ${runs} runs, ${rows} rows, ${looks} looks, ${calls} calls, ${ratio.toFixed(3)} of the quiet ones and the looks\n`,
  )
  expect({ codes, seams, differences }).toEqual({ codes: [], seams: [], differences: [] })
  expect(ratio).toBeLessThan(1.1)
  expect({ looks: looks > 40, rows: rows > 10_000 }).toEqual({ looks: true, rows: true })
})
