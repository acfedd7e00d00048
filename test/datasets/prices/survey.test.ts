import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { resolvePeriod, type Period } from '../../../lib/core/period.ts'
import type { Store } from '../../../lib/store/store.ts'
import {
  findNewestSession,
  surveySessions,
  type StoredSessions,
  type SurveyContext,
} from '../../../lib/datasets/prices/survey.ts'
import { openShelf, putDays, putYear, type Shelf } from '../../support/lakes/folder-store.ts'
import { askedDates, at, day, periodOf, priceRow, prices } from '../../support/values.ts'

const NOW = '2024-09-16T13:00:00Z'
const PRICES = prices()
const NIGHTLY = resolvePeriod(askedDates(), XNYS, at(NOW))
const TWO_YEARS = periodOf('backfill', '2022-01-01..2023-12-31', NOW)

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

type Reads = { readonly store: Store; readonly lists: string[][]; readonly reads: string[] }

/** The shelf's store, with a record of what was asked of it. */
function watched(store: Store): Reads {
  const lists: string[][] = []
  const reads: string[] = []
  return {
    lists,
    reads,
    store: {
      ...store,
      list: async (...args) => {
        lists.push(args.map(String))
        return await store.list(...args)
      },
      read: async (key, range, maxBytes) => {
        reads.push(key)
        return await store.read(key, range, maxBytes)
      },
    },
  }
}

function scope(mode: SurveyContext['mode'], period: Period, store = shelf.store): SurveyContext {
  return { store, dataset: PRICES, calendar: XNYS, mode, period }
}

async function surveyOne(symbol: string, where: SurveyContext): Promise<StoredSessions> {
  const [held] = await surveySessions([symbol], where)
  if (held === undefined) throw new Error('There are no holdings')
  return held
}

const rows = (dates: readonly string[], symbol = 'AAPL') => dates.map((date) => priceRow(date, { symbol }))
const daysOf = ({ days }: StoredSessions): IsoDate[] => [...days.keys()].toSorted()

test('an empty store holds nothing, and nothing is made in it', async () => {
  for (const [mode, period] of [
    ['daily', NIGHTLY],
    ['backfill', TWO_YEARS],
  ] as const) {
    const held = await surveySessions(['AAPL', '^GSPC'], scope(mode, period))
    expect(held.map(({ symbol }) => symbol)).toEqual(['AAPL', '^GSPC'])
    for (const { days, years, newest } of held) expect([days.size, years.size, newest]).toEqual([0, 0, undefined])
  }
  expect(await Bun.file(shelf.folder).exists()).toBe(false)
})

test('without a range nothing is listed', async () => {
  const spy = watched(shelf.store)
  await surveyOne('AAPL', scope('daily', { ...NIGHTLY, range: undefined }, spy.store))
  expect(spy).toMatchObject({ lists: [], reads: [] })
})

describe('daily, with dates', () => {
  const week = periodOf('daily', '2024-09-09..2024-09-13', NOW)

  test('finds the day files of the range and of the symbol, and no others', async () => {
    await putDays(shelf, rows(['2024-09-06', '2024-09-09', '2024-09-12', '2024-09-13', '2024-09-16']))
    await putDays(shelf, rows(['2024-09-10'], 'AAPL-B'))
    await Bun.write(join(shelf.folder, 'raw/prices/symbol=AAPL/year=2024/month=09/AAPL-2024-09-11.parquet.bak'), 'x')
    const held = await surveyOne('AAPL', scope('daily', week))
    expect<string[]>(daysOf(held)).toEqual(['2024-09-09', '2024-09-12', '2024-09-13'])
    expect(held.newest).toBe(day('2024-09-13'))
  })

  test('lists once, from the range’s first key to its last, and reads nothing', async () => {
    await putYear(shelf, rows(['2024-09-13']))
    await putDays(shelf, rows(['2024-09-09', '2024-09-13']))
    const spy = watched(shelf.store)
    const held = await surveyOne('AAPL', scope('daily', week, spy.store))
    expect(daysOf(held)).toHaveLength(2)
    expect(held.years.size).toBe(0)
    expect(spy.reads).toEqual([])
    expect(spy.lists).toHaveLength(1)
    const [prefix = '', after = '', until = ''] = spy.lists[0] ?? []
    expect(prefix).toBe('raw/prices/symbol=AAPL/')
    expect(after < PRICES.key('AAPL', { kind: 'day', date: day('2024-09-09') })).toBe(true)
    expect(after > PRICES.key('AAPL', { kind: 'day', date: day('2024-09-08') })).toBe(true)
    expect(until).toBe(PRICES.key('AAPL', { kind: 'day', date: day('2024-09-13') }))
  })

  test('reads no footer even where no day file stands, not over a turn of the year either', async () => {
    await putYear(shelf, rows(['2024-01-02']))
    const spy = watched(shelf.store)
    const turn = periodOf('daily', '2023-12-27..2024-01-05', NOW)
    const held = await surveyOne('AAPL', scope('daily', turn, spy.store))
    expect(held).toMatchObject({ days: new Set(), years: new Map(), newest: undefined })
    expect(spy.reads).toEqual([])
  })

  test('works with symbols that Hive escapes', async () => {
    await putDays(shelf, rows(['2024-09-13'], '^GSPC'))
    expect<string[]>(daysOf(await surveyOne('^GSPC', scope('daily', week)))).toEqual(['2024-09-13'])
  })
})

describe('daily, without dates', () => {
  test('takes the newest of day files and of the newest year file, and reads no footer where there is no year file', async () => {
    await putDays(shelf, rows(['2023-10-02', '2024-08-01']))
    const spy = watched(shelf.store)
    expect((await surveyOne('AAPL', scope('daily', NIGHTLY, spy.store))).newest).toBe(day('2024-08-01'))
    expect(spy.reads).toEqual([])
    await putYear(shelf, rows(['2024-07-12']))
    expect((await surveyOne('AAPL', scope('daily', NIGHTLY, spy.store))).newest).toBe(day('2024-08-01'))
    await putYear(shelf, rows(['2024-09-12']))
    expect((await surveyOne('AAPL', scope('daily', NIGHTLY, spy.store))).newest).toBe(day('2024-09-12'))
    expect([spy.reads.length, spy.lists.length]).toEqual([2, 3])
  })

  test('reads the footer of the newest year file only', async () => {
    await putYear(shelf, rows(['2023-12-29', '2023-12-28']))
    const newest = await putYear(shelf, rows(['2024-08-29', '2024-08-28']))
    const spy = watched(shelf.store)
    const held = await surveyOne('AAPL', scope('daily', NIGHTLY, spy.store))
    expect(held.newest).toBe(day('2024-08-29'))
    expect(spy.reads).toEqual([newest])
  })

  test('sees a year file of the year in which the reach begins', async () => {
    await putYear(shelf, rows(['2023-12-29']))
    expect((await surveyOne('AAPL', scope('daily', NIGHTLY))).newest).toBe(day('2023-12-29'))
  })

  test('a symbol that ended before the reach has nothing', async () => {
    await putYear(shelf, rows(['2023-09-15']))
    await putDays(shelf, rows(['2023-09-15']))
    expect(await surveyOne('AAPL', scope('daily', NIGHTLY))).toMatchObject({ newest: undefined, days: new Set() })
  })

  test('a year file of others says nothing', async () => {
    await Bun.write(join(shelf.folder, PRICES.key('AAPL', { kind: 'year', year: 2024 })), 'not parquet')
    expect((await surveyOne('AAPL', scope('daily', NIGHTLY))).newest).toBeUndefined()
  })
})

const place = (year: number) => join(shelf.folder, PRICES.key('AAPL', { kind: 'year', year }))

describe('backfill', () => {
  test('reads the footer of every year file of the range, one request each', async () => {
    const keys = []
    for (const year of [2021, 2022, 2023, 2024]) {
      keys.push(
        await putYear(
          shelf,
          rows([`${year}-06-04`, `${year}-06-03`].map((d) => (d === '2022-06-04' ? '2022-06-06' : d))),
        ),
      )
    }
    await putDays(shelf, rows(['2022-06-06']))
    const spy = watched(shelf.store)
    const held = await surveyOne('AAPL', scope('backfill', TWO_YEARS, spy.store))
    expect([...held.years.keys()].toSorted((a, b) => a - b)).toEqual([2022, 2023])
    expect(spy.reads.toSorted()).toEqual(keys.slice(1, 3))
    const stored = held.years.get(2023)
    expect(stored !== undefined && 'footer' in stored && stored.footer).toMatchObject({
      rows: 2,
      createdBy: 'fmp-ingest version 1.2.3',
    })
    // Day mode and year mode do not see one another.
    expect(held.newest).toBe(day('2023-06-04'))
  })

  test('names what is not ours or not readable', async () => {
    await Bun.write(place(2022), 'not parquet')
    await Bun.write(place(2023), '')
    const held = await surveyOne('AAPL', scope('backfill', TWO_YEARS))
    const problems = [...held.years.values()].map((stored) => ('problem' in stored ? stored.problem : 'none'))
    expect(problems).toEqual(['is not a readable Parquet file', 'is not a readable Parquet file'])
    expect(held.newest).toBeUndefined()
  })

  test('takes a file that vanished since the listing as if it had never been there', async () => {
    await putYear(shelf, rows(['2023-06-05']))
    const store: Store = { ...shelf.store, read: async () => undefined }
    expect((await surveyOne('AAPL', scope('backfill', TWO_YEARS, store))).years.size).toBe(0)
  })
})

test('surveys many symbols at once', async () => {
  let inFlight = 0
  let most = 0
  const store: Store = {
    ...shelf.store,
    list: async () => {
      inFlight += 1
      most = Math.max(most, inFlight)
      await Promise.resolve()
      inFlight -= 1
      return []
    },
  }
  const symbols = Array.from({ length: 50 }, (_, index) => `S${index}`)
  const held = await surveySessions(symbols, scope('daily', NIGHTLY, store))
  expect(held.map(({ symbol }) => symbol)).toEqual(symbols)
  expect(most).toBe(50)
})

const where = () => scope('daily', NIGHTLY)

describe('newestEver()', () => {
  test('of nothing is undefined', async () => {
    expect(await findNewestSession('AAPL', where())).toBeUndefined()
  })

  test.each([
    [['2001-02-05', '2003-02-05'], [], '2003-02-05'],
    [[], ['1999-12-31', '1998-12-31'], '1999-12-31'],
    [['2001-02-05'], ['1999-12-31'], '2001-02-05'],
    [['2001-02-05'], ['2003-12-31'], '2003-12-31'],
  ])('of days %p and years up to %p is %s', async (days, years, expected) => {
    await putDays(shelf, rows(days))
    for (const last of years) await putYear(shelf, rows([last]))
    await putDays(shelf, rows(['2020-01-02'], 'OTHER'))
    expect<string | undefined>(await findNewestSession('AAPL', where())).toBe(expected)
  })
})
