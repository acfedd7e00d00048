// A run that takes from the table which symbols are settled says and does what a run that lists them does.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { addDays } from '../../../lib/core/dates.ts'
import { cents, iso, makeBars, type Bar } from '../../support/bars.ts'
import { forRandomRuns, oneOf, someOf, wholeBetween, type Random } from '../../support/random.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'

setDefaultTimeout(120_000)

type Requests = { lists: number; others: number }

type Lake = MemoryStage & {
  /** Of the last run. */
  readonly requests: Requests
}

function setLake(bars: Readonly<Record<string, readonly Bar[]>>): Lake {
  const stage = setMemoryStage()
  Object.assign(stage.bars, bars)
  const requests: Requests = { lists: 0, others: 0 }
  const { list, listLevel, read, create, replace } = stage.store
  const counted = <Args extends unknown[], R>(kind: keyof Requests, ask: (...args: Args) => Promise<R>) => {
    return async (...args: Args) => {
      requests[kind] += 1
      return await ask(...args)
    }
  }
  Object.assign(stage.store, {
    list: counted('lists', list),
    listLevel: counted('others', listLevel),
    read: counted('others', read),
    create: counted('others', create),
    replace: counted('others', replace),
  })
  return {
    ...stage,
    requests,
    run: async (...args) => {
      Object.assign(requests, { lists: 0, others: 0 })
      return await stage.run(...args)
    },
  }
}

/** What a run says, without what tells two runs apart. */
async function saidBy(lake: Lake, args: readonly string[], now: string) {
  const { stdout, stderr, calls, code } = await lake.run([...args, '--json'], now)
  if (stdout === '') throw new Error(stderr)
  const metrics = JSON.parse(stdout) as object
  return { ...metrics, run_uuid: '', duration_seconds: 0, table_files_written: 0, stderr, calls, code }
}

const rawOf = ({ store }: Lake) => [...store.files].filter(([key]) => key.startsWith('raw/prices/'))
const keysOf = (lake: Lake) =>
  rawOf(lake)
    .map(([key]) => key)
    .toSorted()

const ALL = XNYS.sessions({ from: iso('2022-06-01'), to: iso('2024-12-31') })

describe('requests', () => {
  const symbols = Array.from({ length: 60 }, (_, index) => `S${index}`)
  const tickers = ['--tickers', symbols.join(',')]
  const lakeOf = () => setLake(Object.fromEntries(symbols.map((symbol, index) => [symbol, makeBars(ALL, index)])))

  test('a second run over all that is stored lists no symbol and makes few requests', async () => {
    const lake = lakeOf()
    for (const date of ['2024-03-12', '2024-03-13']) await lake.run([...tickers, '--table'], `${date}T13:00:00Z`)
    expect(lake.requests.lists).toBeGreaterThanOrEqual(symbols.length)
    const { calls, code } = await lake.run([...tickers, '--table'], '2024-03-13T14:00:00Z')
    // That of the runs that are open.
    expect({ calls, code, lists: lake.requests.lists }).toEqual({ calls: 0, code: 0, lists: 1 })
    // The table's listing, its last footer, the open runs, and the metrics.
    expect(lake.requests.others).toBe(4)
  })

  test('a run over a table made by the command alone does so too, whichever files the rows stand in', async () => {
    const lake = lakeOf()
    await lake.run([...tickers, '--backfill', '--from-date', '2022-01-01'], '2024-03-08T13:00:00Z')
    await lake.run([...tickers, '--lookback', '3'], '2024-03-13T13:00:00Z')
    await lake.run(['table'], '2024-03-13T14:00:00Z')
    await lake.run([...tickers, '--table'], '2024-03-13T15:00:00Z')
    expect(lake.requests).toEqual({ lists: 1, others: 4 })
  })

  test('lists all where another run has not finished with the table', async () => {
    const lake = lakeOf()
    await lake.run([...tickers, '--table'], '2024-03-13T13:00:00Z')
    const open = [{ id: 'another', since: '2024-03-13T13:30:00.000Z' }]
    await lake.store.replace('tables/runs/prices.json', Buffer.from(JSON.stringify({ open })), {})
    await lake.run([...tickers, '--table'], '2024-03-13T14:00:00Z')
    expect(lake.requests.lists).toBeGreaterThanOrEqual(symbols.length)
  })

  test('lists all of a lake whose table is older than a week, is damaged, or is of another lookback', async () => {
    const [lake, aged] = [lakeOf(), lakeOf()]
    await lake.run([...tickers, '--table'], '2024-03-13T13:00:00Z')
    await lake.run([...tickers, '--table', '--lookback', '6'], '2024-03-13T14:00:00Z')
    expect(lake.requests.lists).toBeGreaterThanOrEqual(symbols.length)
    const [key = ''] = [...lake.store.files.keys()]
      .filter((name) => name.startsWith('tables/prices/'))
      .toSorted()
      .slice(-1)
    const whole = lake.store.files.get(key) ?? new Uint8Array()
    await lake.store.replace(key, whole.slice(0, -20), {})
    const damaged = await lake.run([...tickers, '--table'], '2024-03-13T15:00:00Z')
    expect(damaged).toMatchObject({ code: 1, calls: 0 })
    expect(lake.requests.lists).toBeGreaterThanOrEqual(symbols.length)
    await lake.store.replace(key, whole, {})
    // Listed wholly at this instant of the sixth, and settled as of the twelfth.
    for (const now of ['06T13:00', '08T13:00', '11T13:00', '13T12:00']) {
      await aged.run([...tickers, '--table'], `2024-03-${now}:00Z`)
    }
    await aged.run([...tickers, '--table'], '2024-03-13T12:30:00Z')
    expect(aged.requests.lists).toBe(1)
    await aged.run([...tickers, '--table'], '2024-03-13T13:30:00Z')
    expect(aged.requests.lists).toBeGreaterThanOrEqual(2 * symbols.length)
  })
})

/** What befalls a lake: a run, the deletion of a file at this share of the listing, or a dividend that divides the vendor's past. */
type Step =
  | { readonly date: string; readonly args: readonly string[] }
  | { readonly deleted: number }
  | { readonly dividendOf: string; readonly before: string }

const SYMBOLS = ['AAPL', '^GSPC', 'M&M.NS', 'NEW', 'HALT', 'GONE', 'BTCUSD', 'OLD']

function drawBars(random: Random): Record<string, readonly Bar[]> {
  return Object.fromEntries(
    SYMBOLS.map((symbol, index) => {
      const begins = oneOf(random, [0, 0, 200, 380, 400, 440, 445])
      const ends = oneOf(random, [ALL.length, ALL.length, ALL.length, 446])
      const traded = ALL.slice(begins, ends)
      const missing = new Set(oneOf(random, [false, false, true]) ? someOf(random, traded, 0.1) : [])
      return [symbol, makeBars(traded, index).filter(({ date }) => !missing.has(date))]
    }),
  )
}

/** Some runs up to a date, each on a later day. */
function drawSteps(random: Random): readonly Step[] {
  const steps: Step[] = []
  let date = iso(oneOf(random, ['2023-12-20', '2024-01-02', '2024-02-26', '2024-03-05']))
  for (let round = wholeBetween(random, 2, 7); round > 0; round -= 1) {
    const dates = ['--from-date', addDays(date, -wholeBetween(random, 3, 60)), '--to-date', addDays(date, -2)]
    const args = oneOf<readonly string[]>(random, [
      [],
      [],
      [],
      dates,
      ['--backfill', '--from-date', oneOf(random, ['2022-06-01', '2023-02-01', '2023-12-01'])],
      ['--force'],
      ['--lookback', '9'],
    ])
    steps.push({ date, args })
    if (random() < 0.3) steps.push({ deleted: random() })
    if (random() < 0.3) steps.push({ dividendOf: oneOf(random, SYMBOLS), before: date })
    date = addDays(date, oneOf(random, [0, 1, 1, 1, 2, 4, 9, 30]))
  }
  return steps
}

type Pair = { readonly tabled: Lake; readonly listing: Lake }

/** Deletes one raw file from both, if there is one. */
function remove({ tabled, listing }: Pair, share: number): void {
  const keys = keysOf(listing)
  const key = keys[Math.floor(share * keys.length)]
  if (key === undefined) return
  for (const { store } of [tabled, listing]) store.remove(key)
}

/** Multiplies the adjusted closes before a date, as a dividend does. */
function payDividend({ tabled, listing }: Pair, symbol: string, exDate: string): void {
  for (const { bars } of [tabled, listing]) {
    bars[symbol] = (bars[symbol] ?? []).map((bar) => {
      return bar.date < exDate && bar.adjClose !== null ? { ...bar, adjClose: cents(bar.adjClose * 0.95) } : bar
    })
  }
}

describe('a table that is right', () => {
  test('gives the run that a listing gives, and the same files', async () => {
    let settled = 0
    await forRandomRuns('settled symbols', 12, async (random) => {
      const bars = drawBars(random)
      const pair = { tabled: setLake(bars), listing: setLake(bars) }
      let minute = 0
      const both = async (args: readonly string[], date: string) => {
        minute += 1
        const now = `${date}T13:${String(minute).padStart(2, '0')}:00Z`
        const list = ['--tickers', SYMBOLS.join(','), ...args]
        const told = await saidBy(pair.tabled, [...list, '--table'], now)
        const { lists } = pair.tabled.requests
        expect({ now, args, ...told }).toEqual({ now, args, ...(await saidBy(pair.listing, list, now)) })
        settled += Math.max(0, pair.listing.requests.lists - lists)
      }
      let last = '2024-01-02'
      for (const step of drawSteps(random)) {
        if ('deleted' in step) {
          remove(pair, step.deleted)
          await pair.tabled.run(['table'], `${last}T22:00:00Z`)
          continue
        }
        if ('dividendOf' in step) {
          payDividend(pair, step.dividendOf, step.before)
          continue
        }
        last = step.date
        await both(step.args, step.date)
        await both([], step.date)
        await both([], step.date)
      }
      expect(new Map(rawOf(pair.tabled))).toEqual(new Map(rawOf(pair.listing)))
    })
    // Else nothing has been shown.
    expect(settled).toBeGreaterThan(20)
  })
})

describe('a table that is wrong', () => {
  test('costs calls or time, never data: a night and a full listing later the files are those of a listing', async () => {
    let misled = 0
    await forRandomRuns('misled surveys', 8, async (random) => {
      const bars = Object.fromEntries(SYMBOLS.map((symbol, index) => [symbol, makeBars(ALL, index)]))
      const pair = { tabled: setLake(bars), listing: setLake(bars) }
      const both = async (now: string) => {
        const list = ['--tickers', SYMBOLS.join(',')]
        expect(await pair.tabled.run([...list, '--table'], now)).toMatchObject({ code: 0 })
        expect(await pair.listing.run(list, now)).toMatchObject({ code: 0 })
      }
      for (const date of ['01', '02', '05', '06', '07', '08']) await both(`2024-03-${date}T13:00:00Z`)
      const files = new Map(rawOf(pair.tabled))
      // Nobody tells the table of these.
      for (let count = wholeBetween(random, 1, 6); count > 0; count -= 1) remove(pair, random())
      const left = keysOf(pair.tabled)
      await both('2024-03-08T14:00:00Z')
      misled += keysOf(pair.listing).length - keysOf(pair.tabled).length
      // What is there is what was there: a run that is misled asks for less.
      expect(keysOf(pair.tabled).every((key) => files.has(key))).toBe(true)
      expect(keysOf(pair.tabled)).toEqual(expect.arrayContaining(left))
      for (const date of ['09', '12', '13', '14', '15', '16']) await both(`2024-03-${date}T13:00:00Z`)
      expect(keysOf(pair.tabled)).toEqual(keysOf(pair.listing))
      expect(await pair.tabled.run(['table', '--check'], '2024-03-16T14:00:00Z')).toMatchObject({ code: 0 })
    })
    expect(misled).toBeGreaterThan(0)
  })
})
