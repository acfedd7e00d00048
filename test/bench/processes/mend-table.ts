// What a mend costs the files of a table: one file with so many symbols and sessions is made in memory, and some symbols' rows
// replaced, as often as there are such files. Prints what that took, and what was read and written.
import { XNYS } from '../../../lib/core/calendar.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { readTableFooter } from '../../../lib/datasets/table/footer.ts'
import { rewriteFile } from '../../../lib/datasets/table/rewrite.ts'
import type { StampedRow } from '../../../lib/parquet/parquet.ts'
import { openGroups } from '../../../lib/parquet/row-groups.ts'
import { makeBars } from '../../support/bars.ts'
import { PRICES } from '../drafts.ts'
import { symbolsOf } from '../tickers.ts'

const [symbolCount = '', sessionCount = '', mendedCount = '', files = ''] = process.argv.slice(2)
const sessions = XNYS.sessions({ from: '2000-01-01' as IsoDate, to: '2024-12-31' as IsoDate })
const dates = sessions.slice(-Number(sessionCount))
const symbols = symbolsOf(Number(symbolCount))
const ingestMs = Date.parse('2025-03-04T14:00:00Z')
const about = {
  columns: PRICES.columns,
  layout: { baseYear: 2025, buckets: 16 },
  listedMs: ingestMs,
  rebuiltMs: 0,
  createdBy: 'fmp-ingest version 0.1.0',
}

function rowsOf(symbol: string, seed: number): readonly StampedRow[] {
  return makeBars(dates, seed).map((bar) => ({ row: { symbol, ...bar }, ingestMs }))
}

function* changes(mended: readonly string[], seed: number) {
  for (const [index, symbol] of mended.entries()) {
    const rows = rowsOf(symbol, seed + index)
    yield { symbol, rows: () => rows, days: () => 0, listing: '0123456789abcdef', yearFile: '' }
  }
}

const { bytes: old } = await rewriteFile(undefined, changes(symbols, 0), about)
const every = Math.floor(symbols.length / Number(mendedCount))
const mended = symbols.filter((_symbol, index) => index % every === 0).slice(0, Number(mendedCount))
// Made beforehand: what reading the raw files takes is the same for all layouts.
const mends = [...changes(mended, 10_000)]
Bun.gc(true)
const [begunMs, cpuBefore] = [performance.now(), process.cpuUsage()]
let [bytesRead, bytesWritten] = [0, 0]
for (let file = 0; file < Number(files); file += 1) {
  const entries = readTableFooter(old)?.entries ?? new Map()
  const { bytes } = await rewriteFile(
    { file: openGroups(old, about.columns), entries, location: 'memory' },
    mends,
    about,
  )
  bytesRead += old.byteLength
  bytesWritten += bytes.byteLength
}
const { user, system } = process.cpuUsage(cpuBefore)
const told = { wallMs: performance.now() - begunMs, cpuMs: (user + system) / 1_000, bytesRead, bytesWritten }
console.log(JSON.stringify(told))
