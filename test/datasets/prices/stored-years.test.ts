// Which sessions year files hold, for a run without dates: from one request a symbol, and never guessed.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { IsoDate } from '../../../lib/core/dates.ts'
import { resolvePeriod } from '../../../lib/core/period.ts'
import { readYear, surveyYears, type YearsFound } from '../../../lib/datasets/prices/stored-years.ts'
import type { Store, StoredFile } from '../../../lib/store/store.ts'
import { openShelf, putYear, type Shelf } from '../../support/lakes/folder-store.ts'
import { askedDates, at, day, periodOf, priceRow, prices, span } from '../../support/values.ts'

const NOW = '2024-09-16T13:00:00Z'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

/** The rows of these sessions, newest first, without some dates and with others. */
function rowsOf(dates: string, { without = [] as readonly string[], and = [] as readonly string[] } = {}) {
  const all = [...XNYS.sessions(span(dates)).filter((date) => !without.includes(date)), ...and.map(day)]
  return all
    .toSorted()
    .toReversed()
    .map((date, index) => priceRow(date, { volume: index * 7_919_317, open: 10 + index / 7, close: 10 + index / 3 }))
}

type Survey = {
  readonly now?: string
  readonly lookback?: number
  readonly days?: readonly string[]
  readonly store?: Store
}

async function survey({ now = NOW, lookback = 5, days = [], store = shelf.store }: Survey = {}) {
  const reads: string[] = []
  const watched: Store = {
    ...store,
    read: async (key, ...rest) => {
      reads.push(key.slice(-'2024.parquet'.length, -'.parquet'.length))
      return await store.read(key, ...rest)
    },
  }
  const files = new Map<number, StoredFile>()
  for (const file of await shelf.store.list('raw/')) files.set(Number(/year=(\d+)/.exec(file.key)?.[1]), file)
  const period = resolvePeriod(askedDates({ lookback }), XNYS, at(now))
  const context = { store: watched, dataset: prices(), calendar: XNYS, period }
  return { ...(await surveyYears(files, new Set(days.map(day)), context)), reads }
}

const gapsIn = ({ heldInYears }: YearsFound): readonly IsoDate[] => heldInYears.flatMap(({ gaps }) => [...gaps])

describe('the sessions of year files', () => {
  test('of a whole one are all, in one request', async () => {
    await putYear(shelf, rowsOf('2024-01-02..2024-09-13'))
    const found = await survey()
    expect(found).toMatchObject({ heldInYears: [{ span: span('2024-01-02..2024-09-13') }], reads: ['2024'] })
    expect(gapsIn(found)).toEqual([])
  })

  test.each([
    ['in the lookback', ['2024-09-11'], []],
    ['long ago', ['2024-02-05', '2024-02-06'], []],
    ['in the lookback, and as many bars of closed days', ['2024-09-11'], ['2024-09-07']],
  ])('with gaps %s are told by the rows', async (_, without, and) => {
    await putYear(shelf, rowsOf('2024-01-02..2024-09-13', { without, and }))
    const found = await survey()
    expect<readonly string[]>(gapsIn(found)).toEqual(without)
    expect(found.reads).toEqual(['2024'])
  })

  test('of a series that trades every day are all', async () => {
    const everyDay = Array.from({ length: 257 }, (_, index) => new Date(Date.UTC(2024, 0, 1 + index)).toISOString())
    await putYear(
      shelf,
      everyDay.toReversed().map((date) => priceRow(date.slice(0, 10))),
    )
    expect(gapsIn(await survey())).toEqual([])
  })

  test('are read of the newest file only, but of each one that the lookback reaches', async () => {
    for (const year of [2022, 2023, 2024]) await putYear(shelf, rowsOf(`${year}-01-03..${year}-09-13`))
    expect(await survey()).toMatchObject({ reads: ['2024'], unreadYears: [2022, 2023] })
    expect(await survey({ now: '2024-01-05T13:00:00Z' })).toMatchObject({
      reads: ['2023', '2024'],
      unreadYears: [2022],
    })
    expect(await survey({ lookback: 300 })).toMatchObject({ reads: ['2023', '2024'], unreadYears: [2022] })
  })

  test('of a file that is larger than the tail are read in a second request', async () => {
    await putYear(shelf, rowsOf('2024-01-02..2024-09-13', { without: ['2024-09-11'] }))
    const store: Store = {
      ...shelf.store,
      read: async (key, range, maxBytes) => await shelf.store.read(key, range && { suffixBytes: 2_500 }, maxBytes),
    }
    const found = await survey({ store })
    expect<readonly string[]>(gapsIn(found)).toEqual(['2024-09-11'])
    expect(found.reads).toEqual(['2024', '2024'])
  })

  test('of a file that is gone, foreign or damaged are none', async () => {
    const key = await putYear(shelf, rowsOf('2024-01-02..2024-09-13'))
    expect((await survey({ store: { ...shelf.store, read: async () => undefined } })).heldInYears).toEqual([])
    const bytes = await Bun.file(join(shelf.folder, key)).bytes()
    await Bun.write(join(shelf.folder, key), bytes.with(4, 255).fill(255, 5, 2_000))
    expect((await survey()).heldInYears).toEqual([])
    await Bun.write(join(shelf.folder, key), 'not parquet')
    expect((await survey()).heldInYears).toEqual([])
  })

  test('are not looked at by a run with dates', async () => {
    await putYear(shelf, rowsOf('2024-01-02..2024-09-13'))
    const [file] = await shelf.store.list('raw/')
    const period = periodOf('daily', '2024-09-09..2024-09-13', NOW)
    const store: Store = { ...shelf.store, read: async () => await Promise.reject(new Error('read')) }
    const files = new Map(file && [[2024, file]])
    expect(
      (await surveyYears(files, new Set(), { store, dataset: prices(), calendar: XNYS, period })).heldInYears,
    ).toEqual([])
  })
})

test('readYear() reads the end of the file in one request', async () => {
  const key = await putYear(shelf, [priceRow('2023-06-05')], { asked: span('2020-01-01..2023-12-31') })
  const [file] = await shelf.store.list('raw/')
  if (file === undefined) throw new Error('There is no file')
  const found = await readYear(file, { store: shelf.store, dataset: prices() })
  expect(found).toMatchObject({ file: { key }, footer: { rows: 1, asked: span('2020-01-01..2023-12-31') } })
  expect(Object.keys(found ?? {}).toSorted()).toEqual(['file', 'footer'])
  expect(prices().partitionOf('AAPL', key)).toMatchObject({ kind: 'year' })
})
