// A year of nights: the real program in this process, night after night, over a lake in memory and a vendor whose past moves.

import type { IsoDate } from '../../../lib/core/dates.ts'
import { addDays } from '../../../lib/core/dates.ts'
import type { Fetch } from '../../../lib/core/fetch.ts'
import type { Metrics } from '../../../lib/report/contract.ts'
import { seededRandom } from '../random.ts'
import { createFakeClock } from '../runs/fake-clock.ts'
import { KEY, startInProcess } from '../runs/in-process.ts'
import { differencesOf, seamOf } from './check.ts'
import { createYearLake, type Death, type YearLake } from './lake.ts'
import { tellYear, type Night, type Story, type StoryOptions, type Trouble } from './story.ts'
import { createPastVendor, type PastVendor } from './vendor.ts'

export type YearOptions = StoryOptions & {
  readonly seed: number
  /** What the vendor's plan serves. */
  readonly depthYears: number
  /** Called after each night, to look into it. */
  readonly onNight?: (played: PlayedNight) => void
}

export type PlayedNight = {
  readonly night: Night
  readonly lake: YearLake
  readonly vendor: PastVendor
  readonly results: readonly RunResult[]
}

/** What went otherwise than told, and what it came to. */
export type YearReport = {
  /** `NIGHT code FOUND, told CODE: what was said`. */
  readonly codes: readonly string[]
  /** `NIGHT SYMBOL: what`. */
  readonly seams: readonly string[]
  /** `SYMBOL DATE: what`, at the end. */
  readonly differences: readonly string[]
  readonly rows: number
  readonly carriedRows: number
  readonly runs: number
  readonly looks: number
  readonly calls: number
  readonly quietCalls: number
}

type RunResult = {
  readonly told: number
  readonly code: number
  readonly said: string
  readonly calls: number
  readonly looks: number
}

type Place = { readonly lake: YearLake; readonly vendor: PastVendor; setNow(ms: number): void }

const BASE_URL = 'http://127.0.0.1:9'

/** Plays a year and reports. */
export async function playYear(options: YearOptions): Promise<YearReport> {
  const random = seededRandom(options.seed)
  const story = tellYear(random, options)
  let nowMs = 0
  const lake = createYearLake(() => nowMs)
  const vendor = createPastVendor(story.market, 99)
  const place: Place = { lake, vendor, setNow: (ms) => void (nowMs = ms) }
  await backfill(story, place)
  const first = new Map([...story.market.keys()].map((symbol) => [symbol, vendor.rows(symbol)]))
  const served: Place = { ...place, vendor: createPastVendor(story.market, options.depthYears) }
  const report = { codes: [] as string[], seams: [] as string[], runs: 0, looks: 0, calls: 0, quietCalls: 0 }
  for (const night of story.nights) {
    served.vendor.begin(night.session)
    if (night.trouble?.kind === 'skipped') continue
    const newest = new Map(night.symbols.map((symbol) => [symbol, newestOf(lake, symbol)]))
    const results = await playNight(night, served)
    for (const result of results) {
      report.runs += 1
      report.looks += result.looks
      report.calls += result.calls
      if (result.code === result.told) continue
      report.codes.push(
        `${night.session} code ${result.code}, told ${result.told} (${night.failing.join(', ')}): ${result.said}`,
      )
    }
    report.quietCalls += 2 * night.symbols.length
    await lake.refresh()
    options.onNight?.({ night, lake, vendor: served.vendor, results })
    // Nobody can say of each symbol whether it was asked for before the vendor moved or after.
    for (const symbol of night.trouble?.kind === 'moving' ? [] : night.symbols) {
      const isContinued = newestOf(lake, symbol) !== newest.get(symbol)
      const seam = isContinued ? seamOf(lake.rows(symbol), served.vendor.rows(symbol)) : undefined
      if (seam !== undefined) report.seams.push(`${night.session} ${symbol}: ${seam}`)
    }
  }
  const symbols = story.nights.at(-1)?.symbols ?? []
  const all = symbols.map((symbol) => ({ symbol, rows: lake.rows(symbol) }))
  return {
    ...report,
    differences: all.flatMap(({ symbol, rows }) => {
      const end = { rows, vendor: served.vendor.rows(symbol), first: first.get(symbol) ?? [] }
      const more = { served: served.vendor.oldestServed(), isReused: symbol === 'REUSED' }
      return differencesOf({ ...end, ...more }).map((text) => `${symbol} ${text}`)
    }),
    rows: all.reduce((sum, { rows }) => sum + rows.size, 0),
    carriedRows: all.reduce((sum, { rows }) => sum + [...rows.values()].filter(({ isCarried }) => isCarried).length, 0),
  }
}

function newestOf(lake: YearLake, symbol: string): IsoDate | undefined {
  return [...lake.rows(symbol).keys()].toSorted().at(-1)
}

/** The morning after a session in New York. */
function morningAfter(session: IsoDate): number {
  return Date.parse(`${addDays(session, 1)}T13:00:00Z`)
}

async function backfill({ stored, nights }: Story, place: Place): Promise<void> {
  place.vendor.begin(stored.to)
  const args = ['--tickers', nights[0]?.symbols.join(',') ?? '', '--backfill', '--from-date', stored.from]
  const result = await run(args, { place, session: stored.to, nowMs: morningAfter(stored.to), told: 0 })
  if (result?.code !== 0) throw new Error(`The backfill ended with ${result?.code}: ${result?.said}`)
  await place.lake.refresh()
}

/** The results of the runs of a night whose exit codes count. */
async function playNight(night: Night, place: Place): Promise<readonly RunResult[]> {
  const { session, symbols, trouble, accept } = night
  const nowMs = morningAfter(night.session)
  const list = ['--tickers', symbols.join(',')]
  const args = accept === undefined ? list : [...list, '--accept', accept]
  const isRepeated = trouble?.kind === 'twice' || (trouble?.kind === 'kill' && trouble.isRepeated)
  const limited = trouble?.kind === 'budget' ? [...args, '--max-calls', String(trouble.calls)] : args
  const told = night.code
  const results = [await run(limited, { place, session, nowMs, trouble, told })]
  if (isRepeated) results.push(await run(args, { place, session, nowMs: nowMs + 3_600_000, told }))
  if (night.backfill !== undefined) {
    const history = ['--tickers', night.backfill, '--backfill', '--from-date', '2018-01-01']
    results.push(await run(history, { place, session, nowMs: nowMs + 7_200_000, told: 0 }))
  }
  return results.filter((result) => result !== undefined)
}

type RunContext = {
  readonly place: Place
  /** The newest one that the vendor has. */
  readonly session: IsoDate
  readonly nowMs: number
  readonly trouble?: Trouble | undefined
  /** The exit code that the story tells. */
  readonly told: number
}

/** Undefined if the run was killed. */
async function run(
  args: readonly string[],
  { place, session, nowMs, trouble, told }: RunContext,
): Promise<RunResult | undefined> {
  const { lake, vendor } = place
  place.setNow(nowMs)
  vendor.begin(session, trouble?.kind === 'moving' ? addDays(session, -1) : session)
  const death: Death | undefined = trouble?.kind === 'kill' ? trouble : undefined
  const { store, died, isDead } = lake.open(death)
  let calls = 0
  const fetch: Fetch = async (url) => {
    if (isDead()) return await new Promise<never>(() => undefined)
    if (trouble?.kind === 'moving' && calls === trouble.afterCalls) vendor.begin(session)
    calls += 1
    return troubled(new URL(url), trouble, calls) ?? vendor.answer(new URL(url))
  }
  const { done } = startInProcess([...args, '--out', 'lake', '--now', new Date(nowMs).toISOString()], {
    env: { FMP_API_KEY: KEY, FMP_BASE_URL: BASE_URL, RATE_LIMIT_SECONDS: '0' },
    fetch,
    clock: createFakeClock(),
    openStore: async () => store,
    readTextFile: async () => undefined,
    appendText: async () => undefined,
  })
  const result = await Promise.race([done, died])
  if (result === 'died') return undefined
  const { looks = 0 } = (lake.metrics() ?? {}) as Partial<Metrics>
  return { told, code: result.code, said: result.stderr, calls, looks }
}

/** What comes in place of the vendor's answer. Throws as fetch does where nothing comes. */
function troubled(url: URL, trouble: Trouble | undefined, call: number): Response | undefined {
  const isDown = trouble?.kind === 'down' || (trouble?.kind === 'shaky' && call % 3 === 0)
  if (isDown) return new Response('down', { status: 503 })
  if (trouble?.kind === 'silent' && trouble.symbol === url.searchParams.get('symbol'))
    throw Object.assign(new Error('The connection timed out.'), { code: 'ETIMEDOUT' })
  return undefined
}
