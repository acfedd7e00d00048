// A year of nights: the real program in this process, night after night, over a lake in memory and a vendor whose past moves.

import { addDays, type IsoDate } from '../../../lib/core/dates.ts'
import type { Metrics } from '../../../lib/report/contract.ts'
import type { Bar } from '../bars.ts'
import { seededRandom } from '../random.ts'
import { differencesOf, seamOf } from './check.ts'
import { createYearLake, type YearLake } from './lake.ts'
import { startNight } from './start-night.ts'
import { tellYear, type Night, type Story, type StoryOptions, type Trouble } from './story.ts'
import { createPastVendor, type PastVendor } from './vendor.ts'

export type YearOptions = StoryOptions & { readonly seed: number }

/** What went otherwise than told, and what the year came to. */
export type YearReport = {
  /** Exit codes: the night, the code, what was told and why, and what was said. */
  readonly codes: readonly string[]
  /** Steps among the newest stored sessions that the vendor's rows do not take. */
  readonly seams: readonly string[]
  /** Rows that are not the vendor's at the end. */
  readonly differences: readonly string[]
  readonly figures: {
    readonly runs: number
    readonly rows: number
    readonly carriedRows: number
    readonly looks: number
    readonly calls: number
    /** Calls over those of quiet nights, two a symbol, and two a look at less than ten years. */
    readonly ratio: number
  }
}

type RunResult = {
  readonly told: number
  readonly code: number
  readonly said: string
  readonly calls: number
  readonly looks: number
}

/** Plays a year and reports. */
export async function playYear(options: YearOptions): Promise<YearReport> {
  const story = tellYear(seededRandom(options.seed), options)
  const { market, nights, stored } = story
  const place = createPlace(createPastVendor(market, WHOLE_DEPTH))
  await backfill(story, place)
  const first = new Map([...market.keys()].map((symbol) => [symbol, place.vendor.rows(symbol)]))
  const served: Place = { ...place, vendor: createPastVendor(market, options.depthYears) }
  const [codes, seams]: [string[], string[]] = [[], []]
  const closes = new Map<string, readonly number[]>()
  const results: RunResult[] = []
  let quietCalls = 0
  for (const night of nights.filter(({ trouble }) => trouble?.kind !== 'skipped')) {
    const newest = newestOf(place.lake, night.symbols)
    const own = await playNight(night, { place: served, stored: stored.from })
    await place.lake.refresh()
    results.push(...own)
    quietCalls += 2 * night.symbols.length
    codes.push(...own.flatMap((result) => untoldCode(night, result)))
    seams.push(...seamsOf(night, newest, served))
    for (const symbol of night.symbols)
      closes.set(symbol, [...(closes.get(symbol) ?? []), oldestClose(served.vendor, symbol)])
  }
  const symbols = nights.at(-1)?.symbols ?? []
  const rows = symbols.flatMap((symbol) => [...place.lake.rows(symbol).values()])
  const looks = sumOf(results.map((result) => result.looks))
  const calls = sumOf(results.map((result) => result.calls))
  return {
    codes,
    seams,
    differences: symbols.flatMap((symbol) =>
      endOf(symbol, { place: served, first: first.get(symbol) ?? [], closes: closes.get(symbol) ?? [] }),
    ),
    figures: {
      runs: results.length,
      rows: rows.length,
      carriedRows: rows.filter(({ isCarried }) => isCarried).length,
      looks,
      calls,
      ratio: calls / (quietCalls + 2 * looks),
    },
  }
}

const WHOLE_DEPTH = 99

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function untoldCode({ session, failing }: Night, { code, told, said }: RunResult): readonly string[] {
  return code === told ? [] : [`${session}: ${code}, told ${told} (${failing.join(', ')}): ${said}`]
}

/** The newest stored session of each symbol. */
function newestOf(lake: YearLake, symbols: readonly string[]): ReadonlyMap<string, IsoDate | undefined> {
  return new Map(symbols.map((symbol) => [symbol, [...lake.rows(symbol).keys()].toSorted().at(-1)]))
}

/** The seams of series that were continued that night. */
function seamsOf(
  { session, symbols, trouble }: Night,
  before: ReadonlyMap<string, IsoDate | undefined>,
  { lake, vendor }: Place,
): readonly string[] {
  // Nobody can say of each symbol whether it was asked for before the vendor moved or after.
  if (trouble?.kind === 'moving') return []
  return [...newestOf(lake, symbols)].flatMap(([symbol, newest]) => {
    const seam = newest === before.get(symbol) ? undefined : seamOf(lake.rows(symbol), vendor.rows(symbol))
    return seam === undefined ? [] : [`${session} ${symbol}: ${seam}`]
  })
}

/** The close of the oldest bar, which splits alone move. */
function oldestClose(vendor: PastVendor, symbol: string): number {
  return vendor.rows(symbol)[0]?.close ?? 1
}

type AtEnd = {
  readonly place: Place
  readonly first: readonly Bar[]
  /** What the oldest close has been, night by night. */
  readonly closes: readonly number[]
}

/** What is stored of a symbol and is not the vendor's. */
function endOf(symbol: string, { place: { lake, vendor }, first, closes }: AtEnd): readonly string[] {
  const close = oldestClose(vendor, symbol)
  const differences = differencesOf({
    rows: lake.rows(symbol),
    vendor: vendor.rows(symbol),
    first: symbol === 'REUSED' ? first : [],
    served: vendor.oldestServed(),
    growth: { price: close / Math.min(close, ...closes), volume: Math.max(close, ...closes) / close },
  })
  return differences.map((text) => `${symbol} ${text}`)
}

/** Where a run happens. */
type Place = {
  readonly lake: YearLake
  readonly vendor: PastVendor
  /** The clock that dates files. */
  setNow(ms: number): void
}

function createPlace(vendor: PastVendor): Place {
  let nowMs = 0
  return { lake: createYearLake(() => nowMs), vendor, setNow: (ms) => void (nowMs = ms) }
}

/** The morning after a session in New York. */
function morningAfter(session: IsoDate): number {
  return Date.parse(`${addDays(session, 1)}T13:00:00Z`)
}

const HOUR_MS = 3_600_000

async function backfill({ stored, nights }: Story, place: Place): Promise<void> {
  const args = ['--tickers', nights[0]?.symbols.join(',') ?? '', '--backfill', '--from-date', stored.from]
  const result = await run(args, { place, session: stored.to, nowMs: morningAfter(stored.to), told: 0 })
  if (result?.code !== 0) throw new Error(`The backfill ended with ${result?.code}: ${result?.said}`)
  await place.lake.refresh()
}

/** The results of the runs of a night, but for one that was killed. `stored`: from when on a backfill asks. */
async function playNight(
  { session, symbols, trouble, accept, backfill: newName, code: told }: Night,
  { place, stored }: { readonly place: Place; readonly stored: IsoDate },
): Promise<readonly RunResult[]> {
  const nowMs = morningAfter(session)
  const list = ['--tickers', symbols.join(',')]
  const args = accept === undefined ? list : [...list, '--accept', accept]
  const limited = trouble?.kind === 'budget' ? [...args, '--max-calls', String(trouble.calls)] : args
  const results = [await run(limited, { place, session, nowMs, told, trouble })]
  if (trouble?.kind === 'twice' || (trouble?.kind === 'kill' && trouble.isRepeated))
    results.push(await run(args, { place, session, nowMs: nowMs + HOUR_MS, told }))
  if (newName !== undefined) {
    const history = ['--tickers', newName, '--backfill', '--from-date', stored]
    results.push(await run(history, { place, session, nowMs: nowMs + 2 * HOUR_MS, told: 0 }))
  }
  return results.filter((result) => result !== undefined)
}

type RunContext = {
  readonly place: Place
  /** The newest one that the vendor has. */
  readonly session: IsoDate
  readonly nowMs: number
  /** The exit code that the story tells. */
  readonly told: number
  readonly trouble?: Trouble | undefined
}

/** Undefined if the run was killed. */
async function run(
  args: readonly string[],
  { place, session, nowMs, told, trouble }: RunContext,
): Promise<RunResult | undefined> {
  const { lake, vendor } = place
  place.setNow(nowMs)
  const { store, died, isDead } = lake.open(trouble?.kind === 'kill' ? trouble : undefined)
  const { done, calls } = startNight(args, { store, vendor, session, nowMs, trouble, isDead })
  const result = await Promise.race([done, died])
  if (result === 'died') return undefined
  const { looks = 0 } = (lake.metrics() ?? {}) as Partial<Metrics>
  return { told, code: result.code, said: result.stderr, calls: calls(), looks }
}
