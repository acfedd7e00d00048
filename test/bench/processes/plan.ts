// The plan of many symbols by itself: surveyAll and planRun over a store in memory whose listing and year files are given.
// Prints what those two took; building the store is not part of it.
import { XNYS } from '../../../lib/core/calendar.ts'
import { yearsIn, type DateRange, type IsoDate } from '../../../lib/core/dates.ts'
import { resolvePeriod } from '../../../lib/core/period.ts'
import { planSessions } from '../../../lib/datasets/prices/plan.ts'
import type { Store, StoredFile } from '../../../lib/store/store.ts'
import { surveySessions } from '../../../lib/datasets/prices/survey.ts'
import { encodeDraft, PRICES } from '../drafts.ts'
import { symbolsOf } from '../tickers.ts'

const [symbolCount = '', from, to, now = ''] = process.argv.slice(2)
const range = { from: from as IsoDate, to: to as IsoDate }
const symbols = symbolsOf(Number(symbolCount))

const asked = {
  mode: 'backfill',
  fromDate: range.from,
  toDate: range.to,
  backfillDays: undefined,
  lookback: 5,
} as const
const period = resolvePeriod(asked, XNYS, Date.parse(now))

// One file a year for all symbols: a footer says nothing of its symbol that a plan reads.
const bytesByYear = new Map(yearsIn(range).map((year) => [`-${year}.parquet`, yearFile(year)]))
const listings = new Map(symbols.map((symbol) => [PRICES.folder(symbol), listingOf(symbol)]))

function yearFile(year: number): Uint8Array {
  const whole: DateRange = { from: `${year}-01-01` as IsoDate, to: `${year}-12-31` as IsoDate }
  const rows = XNYS.sessions(whole).map((date, index) => {
    const open = 100 + (index % 40) / 100
    const prices = { open, high: open + 2, low: open - 2, close: open + 1, adjClose: open + 0.5, volume: 1e6 + index }
    return { symbol: 'AAAA', date, ...prices }
  })
  return encodeDraft({ key: '', rows: rows.toReversed(), asked: whole }).bytes
}

function listingOf(symbol: string): readonly StoredFile[] {
  return yearsIn(range).map((year) => {
    const key = PRICES.key(symbol, { kind: 'year', year })
    return { key, sizeBytes: 10_000, modifiedMs: 0, tag: 'tag' }
  })
}

const refuse = (): never => {
  throw new Error('A plan writes nothing and lists the files of its symbols only.')
}
// Views, not copies: what reading costs is the store's, and here it is not measured.
const store: Store = {
  locate: (key) => key,
  list: async (prefix) => listings.get(prefix) ?? [],
  listLevel: refuse,
  readWithMetadata: refuse,
  read: async (key, tail) => bytesByYear.get(key.slice(-'-2024.parquet'.length))?.subarray(-(tail?.suffixBytes ?? 0)),
  create: refuse,
  replace: refuse,
  sharedText: refuse,
  recoveredWrites: () => 0,
}

const begunMs = performance.now()
const cpuBefore = process.cpuUsage()
const holdings = await surveySessions(symbols, { store, dataset: PRICES, calendar: XNYS, mode: 'backfill', period })
const plans = planSessions(holdings, {
  dataset: PRICES,
  calendar: XNYS,
  mode: 'backfill',
  period,
  isForced: false,
  audit: () => false,
})
const { user, system } = process.cpuUsage(cpuBefore)
const told = {
  wallMs: performance.now() - begunMs,
  cpuMs: (user + system) / 1_000,
  judged: holdings.reduce((sum, { years }) => sum + years.size, 0),
  planned: plans.reduce((sum, { files }) => sum + files.length, 0),
}
console.log(JSON.stringify(told))
