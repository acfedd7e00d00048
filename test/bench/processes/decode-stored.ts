// Baseline: the year file and some day files of each symbol from a folder, read and decoded. Prints how many rows came out.
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import { mapLimit } from '../../../lib/core/concurrency.ts'
import { yearOf, type IsoDate } from '../../../lib/core/dates.ts'
import { readRows } from '../../../lib/parquet/parquet.ts'
import { PRICES } from '../drafts.ts'
import { symbolsOf } from '../tickers.ts'

const IN_FLIGHT = 32

const [folder = '', symbolCount = '', from = '', to = ''] = process.argv.slice(2)
const days = XNYS.sessions({ from: from as IsoDate, to: to as IsoDate })
const keys = symbolsOf(Number(symbolCount)).flatMap((symbol) => [
  PRICES.key(symbol, { kind: 'year', year: yearOf(to as IsoDate) }),
  ...days.map((date) => PRICES.key(symbol, { kind: 'day', date })),
])
const rows = await mapLimit(keys, IN_FLIGHT, async (key) => {
  const decoded = await readRows(await Bun.file(join(folder, key)).bytes(), PRICES.columns)
  return decoded.length
})
console.log(rows.reduce((sum, count) => sum + count, 0))
