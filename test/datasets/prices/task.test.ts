// What a symbol's task does within the pipeline: fetch, check, store, account.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { Store } from '../../../lib/store/store.ts'
import { footerAt, keysIn, openShelf, putDays, putYear, type Shelf } from '../../support/lakes/folder-store.ts'
import { priceRow, prices, rawPrice, span } from '../../support/values.ts'
import {
  ALL,
  answering,
  barsOf,
  failure,
  ingestOver,
  outcomeOf,
  stray,
  WEEK_DATES,
  type Answer,
  type Options,
  type Ran,
} from '../../support/pipeline-run.ts'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

const ingest = async (options: Options): Promise<Ran> => await ingestOver(shelf, options)

describe('a symbol', () => {
  test('is fetched, checked and stored, day by day', async () => {
    const ran = await ingest({ symbols: ['A'], bars: ALL })
    expect(ran.asks).toEqual(['A full', 'A dividend-adjusted'])
    expect(outcomeOf(ran, 'A')).toMatchObject({
      filesWritten: 5,
      rowsWritten: 5,
      counts: { stored: 5 },
      through: '2024-09-13',
    })
    expect(ran).toMatchObject({ stoppedBy: undefined, bug: undefined })
    expect(await keysIn(shelf)).toEqual(
      WEEK_DATES.map((date) => `raw/prices/symbol=A/year=2024/month=09/A-${date}.parquet`),
    )
  })

  test('with all its files costs nothing', async () => {
    await putDays(
      shelf,
      WEEK_DATES.map((date) => priceRow(date, { symbol: 'A' })),
    )
    const ran = await ingest({ symbols: ['A'], bars: ALL })
    expect(ran.asks).toEqual([])
    expect(outcomeOf(ran, 'A')).toMatchObject({ isFinished: true, filesWritten: 0, counts: { already_stored: 5 } })
  })

  test('is written only after its last window is answered, newest file first', async () => {
    const events: string[] = []
    const answer = answering({ A: barsOf('1995-06-01', '2005-06-01', '2015-06-01', '2023-06-01') })
    const ask: Answer = async (call, reservation) => {
      const rows = await answer(call, reservation)
      events.push(`answered ${call.query['from']}`)
      return rows
    }
    const store: Store = {
      ...shelf.store,
      create: async (key, bytes, metadata) => {
        events.push(`created ${key.slice(-12, -8)}`)
        return await shelf.store.create(key, bytes, metadata)
      },
    }
    await ingest({ symbols: ['A'], mode: 'backfill', dates: '1995-01-01..2023-12-31', ask, store })
    expect(events).toEqual([
      ...['2014-01-01', '2014-01-01', '2004-01-01', '2004-01-01', '1995-01-01', '1995-01-01'].map(
        (from) => `answered ${from}`,
      ),
      ...['2023', '2015', '2005', '1995'].map((year) => `created ${year}`),
    ])
  })

  test('replaces what stands before it creates what is new: a kill must not hide empty years', async () => {
    const events: string[] = []
    const note = (what: string, key: string) => events.push(`${what} ${key.slice(-12, -8)}`)
    const store: Store = {
      ...shelf.store,
      create: async (key, bytes, metadata) => {
        note('create', key)
        const created = await shelf.store.create(key, bytes, metadata)
        note('created', key)
        return created
      },
      replace: async (key, bytes, metadata, tag) => {
        note('replace', key)
        const replaced = await shelf.store.replace(key, bytes, metadata, tag)
        note('replaced', key)
        return replaced
      },
    }
    await putYear(shelf, [priceRow('2022-06-01', { symbol: 'A' })], { asked: span('2022-01-01..2022-12-31') })
    const bars = { A: barsOf('2023-06-01', '2022-06-01', '2021-06-01') }
    await ingest({ symbols: ['A'], mode: 'backfill', dates: '2021-01-01..2023-12-31', bars, store })
    expect(events.slice(0, 2)).toEqual(['replace 2022', 'replaced 2022'])
    expect(events.slice(2).toSorted()).toEqual(['create 2021', 'create 2023', 'created 2021', 'created 2023'])
  })

  test('claims in its year files what it asked for and found empty', async () => {
    await ingest({
      symbols: ['A'],
      mode: 'backfill',
      dates: '2015-01-01..2023-12-31',
      bars: { A: barsOf('2018-06-01', '2020-06-01') },
    })
    const footers = await Promise.all((await keysIn(shelf)).map(async (key) => await footerAt(shelf, key)))
    expect(footers.map(({ asked }) => asked)).toEqual([span('2015-01-01..2018-12-31'), span('2019-01-01..2023-12-31')])
  })

  test('claims no year in which a file stands, whatever that file is', async () => {
    await Bun.write(join(shelf.folder, prices().key('A', { kind: 'year', year: 2019 })), 'not parquet')
    const bars = { A: barsOf('2020-06-01') }
    await ingest({ symbols: ['A'], mode: 'backfill', dates: '2018-01-01..2020-12-31', bars })
    const key = prices().key('A', { kind: 'year', year: 2020 })
    expect((await footerAt(shelf, key)).asked).toEqual(span('2020-01-01..2020-12-31'))
  })

  test('with a year of bad rows only does not claim that year', async () => {
    const bars = { A: [...barsOf('2020-06-01'), rawPrice('2018-06-01', { volume: -1 })] }
    await ingest({ symbols: ['A'], mode: 'backfill', dates: '2015-01-01..2020-12-31', bars })
    const [key = ''] = await keysIn(shelf)
    expect((await footerAt(shelf, key)).asked).toEqual(span('2019-01-01..2020-12-31'))
  })

  test('asked for around days that are stored speaks of the others only', async () => {
    await putDays(
      shelf,
      WEEK_DATES.slice(1, 4).map((date) => priceRow(date, { symbol: 'A' })),
    )
    const [mon = '', tue = '', wed = '', thu = '', fri = ''] = WEEK_DATES
    const bars = {
      A: [
        ...barsOf(fri, mon),
        rawPrice(thu, { open: 99 }),
        rawPrice(wed, { volume: -1 }),
        rawPrice(tue, { adjClose: undefined }),
      ],
    }
    const ran = await ingest({ symbols: ['A'], bars })
    expect(ran.asks).toHaveLength(2)
    expect(outcomeOf(ran, 'A')).toMatchObject({
      counts: { stored: 2, already_stored: 3, rejected: 0 },
      rejects: [],
      suspects: 0,
      withheldThrough: undefined,
      warnings: [],
    })
    const forced = outcomeOf(await ingest({ symbols: ['A'], bars, isForced: true }), 'A')
    expect(forced).toMatchObject({ rejects: [{ date: wed }], suspects: 1, withheldThrough: tue })
  })

  test('of which one old session lacks its adjusted close stores it with null, though no other was asked for', async () => {
    const [old = '', ...others] = XNYS.sessions(span('2024-09-03..2024-09-13'))
    await putDays(
      shelf,
      others.map((date) => priceRow(date, { symbol: 'A' })),
    )
    const bars = { A: [rawPrice(old, { adjClose: undefined })] }
    const outcome = outcomeOf(await ingest({ symbols: ['A'], dates: '2024-09-03..2024-09-13', bars }), 'A')
    expect(outcome).toMatchObject({ errors: [], filesWritten: 1, incomplete: 1, counts: { stored: 1 } })
    expect(outcome.warnings).toEqual([expect.stringContaining('without adjusted close')])
  })

  test('without rows and without files is an error that helps', async () => {
    const outcome = outcomeOf(await ingest({ symbols: ['AAPPL'] }), 'AAPPL')
    expect(outcome.errors).toEqual([expect.objectContaining({ kind: 'no-data', scope: 'symbol' })])
    expect(outcome.errors[0]?.message).toBe('FMP has no data from 2024-09-09 to 2024-09-13')
    for (const word of ['spelling', 'BRK-B', 'delisted']) expect(outcome.errors[0]?.hint).toContain(word)
    expect(outcome.counts.failed).toBe(5)
  })

  test('without rows but with files is a warning with its last stored date', async () => {
    await putDays(shelf, [priceRow('2024-03-01', { symbol: 'A' })])
    const outcome = outcomeOf(await ingest({ symbols: ['A'] }), 'A')
    expect(outcome).toMatchObject({ errors: [], through: '2024-03-01', counts: { no_data: 5 }, isFinished: true })
    expect(outcome.lateWarning).toContain('the newest stored is 2024-03-01')
  })

  test('with bad rows only has no valid data', async () => {
    const bars = { A: WEEK_DATES.map((date) => rawPrice(date, { volume: -1 })) }
    const outcome = outcomeOf(await ingest({ symbols: ['A'], bars }), 'A')
    expect(outcome.errors).toEqual([expect.objectContaining({ kind: 'validation', scope: 'symbol' })])
    expect(outcome.errors[0]?.message).toContain('No valid data after validation: 5 rows received, 5 rejected')
    expect(outcome.errors[0]?.message).toContain('volume is negative')
    expect(outcome).toMatchObject({ counts: { rejected: 5 }, filesWritten: 0 })
    expect(await keysIn(shelf)).toEqual([])
  })

  test('with rows outside the range only has no valid data either', async () => {
    const outcome = outcomeOf(await ingest({ symbols: ['A'], ask: stray }), 'A')
    expect(outcome.errors[0]?.message).toContain('outside the dates')
    expect(await keysIn(shelf)).toEqual([])
  })

  test('with bars on closed days: kept in a year file, not written as days', async () => {
    const bars = { A: barsOf('2024-09-12', '2024-09-13', '2024-09-14', '2024-09-07') }
    const daily = outcomeOf(await ingest({ symbols: ['A'], dates: '2024-09-06..2024-09-13', bars }), 'A')
    expect(daily).toMatchObject({ closedDayBars: 1, rowsWritten: 2, filesWritten: 2 })
    const yearly = outcomeOf(
      await ingest({ symbols: ['A'], mode: 'backfill', dates: '2024-01-01..2024-09-13', bars }),
      'A',
    )
    expect(yearly).toMatchObject({ closedDayBars: 1, rowsWritten: 3, filesWritten: 1, counts: { stored: 2 } })
  })

  test('keeps the error of a file that is not ours beside what it wrote', async () => {
    const key = prices().key('A', { kind: 'year', year: 2023 })
    await Bun.write(join(shelf.folder, key), 'not parquet')
    const bars = { A: barsOf('2022-06-01', '2023-06-01') }
    const outcome = outcomeOf(
      await ingest({ symbols: ['A'], mode: 'backfill', dates: '2022-01-01..2023-12-31', bars }),
      'A',
    )
    expect(outcome).toMatchObject({ filesWritten: 1, counts: { stored: 1, failed: 250 } })
    expect(outcome.errors).toEqual([expect.objectContaining({ kind: 'foreign-file' })])
    expect(await Bun.file(join(shelf.folder, key)).text()).toBe('not parquet')
  })

  test('whose year would shrink keeps the stored one', async () => {
    const sessions = XNYS.sessions(span('2024-01-02..2024-09-12')).toReversed()
    const key = await putYear(
      shelf,
      sessions.map((date) => priceRow(date, { symbol: 'A' })),
      { asked: span('2024-01-01..2024-09-12') },
    )
    const bars = { A: barsOf(...sessions.slice(1)) }
    const outcome = outcomeOf(
      await ingest({ symbols: ['A'], mode: 'backfill', dates: '2024-01-01..2024-09-13', bars }),
      'A',
    )
    expect(outcome).toMatchObject({ wouldShrink: 1, filesWritten: 0, errors: [{ kind: 'shrink' }] })
    expect((await footerAt(shelf, key)).rows).toBe(sessions.length)
  })
})

const beginNights = async () => await putDays(shelf, [priceRow('2024-09-03', { symbol: 'A' })])
const dayOf = (key: string): string => key.slice(-18, -8)

describe('the nightly run', () => {
  /** Nine sessions after the newest stored one. */
  const nights: readonly string[] = XNYS.sessions(span('2024-09-03..2024-09-13'))
  const bars = { A: barsOf(...nights) }

  test('writes oldest first, one after the other: the newest file is the mark of the next run', async () => {
    await beginNights()
    const events: string[] = []
    const create: Store['create'] = async (key, bytes, metadata) => {
      events.push(`begin ${dayOf(key)}`)
      const created = await shelf.store.create(key, bytes, metadata)
      events.push(`end ${dayOf(key)}`)
      return created
    }
    const ran = await ingest({ symbols: ['A'], dates: 'none', bars, store: { ...shelf.store, create } })
    expect(events).toEqual(nights.slice(1).flatMap((date) => [`begin ${date}`, `end ${date}`]))
    expect(outcomeOf(ran, 'A').counts).toMatchObject({ stored: 8, already_stored: 1 })
  })

  test.each(['symbol', 'run'] as const)('writes nothing after a file that failed, scope %s', async (scope) => {
    await beginNights()
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (dayOf(key) === '2024-09-06') throw failure('store', scope)
      return await shelf.store.create(key, bytes, metadata)
    }
    const ran = await ingest({ symbols: ['A'], dates: 'none', bars, store: { ...shelf.store, create } })
    expect((await keysIn(shelf)).map(dayOf)).toEqual(['2024-09-03', '2024-09-04', '2024-09-05'])
    const failed = scope === 'symbol' ? 1 : 0
    expect(outcomeOf(ran, 'A').counts).toMatchObject({ stored: 2, failed, not_reached: 6 - failed })
  })

  test('killed after any of its files and run again leaves no hole', async () => {
    for (let kill = 0; kill < nights.length; kill += 1) {
      await beginNights()
      const stop = new AbortController()
      let created = 0
      const create: Store['create'] = async (key, bytes, metadata) => {
        if (created === kill) stop.abort(failure('interrupted', 'run'))
        created += 1
        return await shelf.store.create(key, bytes, metadata)
      }
      await ingest({ symbols: ['A'], dates: 'none', bars, stop, store: { ...shelf.store, create } })
      await ingest({ symbols: ['A'], dates: 'none', bars })
      expect((await keysIn(shelf)).map(dayOf)).toEqual([...nights])
      await shelf.remove()
      shelf = await openShelf()
    }
  })
})

test('another run’s files of the same instant are left, and counted as already stored', async () => {
  const [one, other] = await Promise.all([
    ingest({ symbols: ['A', 'B'], bars: ALL }),
    ingest({ symbols: ['B', 'A'], bars: ALL }),
  ])
  const total = [...one.outcomes, ...other.outcomes]
  expect(total.reduce((sum, { filesWritten }) => sum + filesWritten, 0)).toBe(10)
  expect(total.reduce((sum, { counts }) => sum + counts.stored + counts.already_stored, 0)).toBe(20)
  expect(total.every(({ differing }) => differing === 0)).toBe(true)
})
