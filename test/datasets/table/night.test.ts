import { describe, expect, test } from 'bun:test'
import { openTrusted } from '../../../lib/datasets/table/trusted.ts'
import { readFooterOf } from '../../../lib/datasets/table/units.ts'
import type { Store } from '../../../lib/store/store.ts'
import {
  beginNight,
  contextOf,
  createTableLake,
  dayKeyOf,
  handsOf,
  nightOf,
  rowOf,
  type RawHands,
  type TableLake,
} from '../../support/lakes/table-lake.ts'
import { forRandomRuns, oneOf, wholeBetween, type Random } from '../../support/random.ts'
import { at, failureOf } from '../../support/values.ts'

const SYMBOLS = ['A', 'B']
const START = nightOf('2024-02-05')
const OLD = [2022, 2023]

/** Two symbols with three stored years, and the table of them. */
async function lakeOf(): Promise<TableLake> {
  const lake = createTableLake()
  for (const symbol of SYMBOLS)
    for (const year of [...OLD, 2024]) await lake.past(START).putYear(yearOf(symbol, year, 10))
  await lake.update(START)
  expect(await lake.findings(START)).toEqual([])
  return lake
}

function yearOf(symbol: string, year: number, close: number) {
  return [rowOf(symbol, `${year}-02-02`, close), rowOf(symbol, `${year}-01-03`, close)]
}

const write = (hands: RawHands, symbol: string, years: readonly number[], close: number) =>
  years.reduce(async (before, year) => {
    await before
    await hands.putYear(yearOf(symbol, year, close))
  }, Promise.resolve())

/** Mends all years of A. The running year's file holds the first session of March too. */
async function mendIntoMarch(hands: RawHands): Promise<void> {
  await write(hands, 'A', OLD, 5)
  await hands.putYear([rowOf('A', '2024-03-01', 5), ...yearOf('A', 2024, 5)])
}

/** The store, and the files of the table that are replaced through it, in their order. */
function recording(inner: Store): { readonly store: Store; readonly written: readonly string[] } {
  const written: string[] = []
  const replace: Store['replace'] = async (key, ...rest) => {
    if (key.startsWith('tables/prices/')) written.push(key)
    return await inner.replace(key, ...rest)
  }
  return { store: { ...inner, replace }, written }
}

/** The store of a run that ends when it would write this file. */
function endedBefore(inner: Store, key: string): { readonly store: Store; readonly died: Promise<'died'> } {
  const { promise: died, resolve } = Promise.withResolvers<'died'>()
  const create: Store['create'] = async (own, ...rest) => {
    if (own !== key) return await inner.create(own, ...rest)
    resolve('died')
    return await new Promise<never>(() => undefined)
  }
  return { store: { ...inner, create }, died }
}

async function expectEqual(lake: TableLake, now: string): Promise<void> {
  expect(await lake.findings(now)).toEqual([])
  // Throws where a key comes twice.
  await lake.rows()
}

describe('a night brings into the table', () => {
  const cases: readonly (readonly [what: string, act: (hands: RawHands) => Promise<void>])[] = [
    ['nothing', async () => undefined],
    ['a new day', async (hands) => await hands.addDay(rowOf('A', '2024-02-06', 11))],
    [
      'days of two months',
      async (hands) => {
        await hands.addDay(rowOf('A', '2024-01-31', 11))
        await hands.addDay(rowOf('A', '2024-02-06', 11))
      },
    ],
    ['a day before the first month', async (hands) => await hands.addDay(rowOf('A', '2023-12-29', 11))],
    ['a day that a year file holds', async (hands) => await hands.correct(rowOf('A', '2024-02-02', 12))],
    [
      'a corrected day',
      async (hands) => {
        await hands.addDay(rowOf('A', '2024-02-06', 11))
        await hands.correct(rowOf('A', '2024-02-06', 12))
      },
    ],
    ['a mend of all years', async (hands) => await write(hands, 'A', [2022, 2023, 2024], 5)],
    ['a mend of an old year', async (hands) => await write(hands, 'A', [2022], 5)],
    ['a new symbol with years', async (hands) => await write(hands, 'NEW', [2022, 2023, 2024], 5)],
    ['a new symbol with a day', async (hands) => await hands.addDay(rowOf('NEW', '2024-02-06', 5))],
  ]

  test.each(cases)('%s', async (_what, act) => {
    const lake = await lakeOf()
    const now = nightOf('2024-02-06')
    await lake.night(now, SYMBOLS, act)
    await expectEqual(lake, now)
    expect(await lake.night(now, SYMBOLS)).toBe(0)
  })

  test.each(cases)('after a run that was ended before it came to the table: %s', async (_what, act) => {
    const lake = await lakeOf()
    await lake.ended(nightOf('2024-02-06'), SYMBOLS, act)
    for (const date of ['2024-02-07', '2024-02-08']) {
      await lake.night(nightOf(date), [...SYMBOLS, 'NEW'], async (hands) => await hands.addDay(rowOf('B', date, 11)))
      await expectEqual(lake, nightOf(date))
    }
  })

  test.each([
    ['a day', async (hands: RawHands) => await hands.addDay(rowOf('A', '2024-02-06', 11))],
    [
      'a running year of a symbol without day files',
      async (hands: RawHands) => await hands.putYear([rowOf('A', '2024-02-06'), ...yearOf('A', 2024, 10)]),
    ],
    ['a mend of all years', async (hands: RawHands) => await write(hands, 'A', [2022, 2023, 2024], 5)],
  ])('what a run without the table has left: %s', async (_what, act) => {
    const lake = await lakeOf()
    await act(lake.past(nightOf('2024-02-06')))
    const now = nightOf('2024-02-07')
    await lake.night(now, SYMBOLS)
    await expectEqual(lake, now)
  })

  test('the rest of a mend whose first years another run has stored', async () => {
    const lake = await lakeOf()
    await write(lake.past(nightOf('2024-02-06')), 'A', OLD, 5)
    const now = nightOf('2024-02-07')
    await lake.night(now, SYMBOLS, async (hands) => await write(hands, 'A', [2024], 5))
    await expectEqual(lake, now)
  })

  test('what a run without the table has left in January, where the years before stand in no month', async () => {
    const lake = createTableLake({ baseYear: 2025 })
    await write(lake.past(nightOf('2025-01-03')), 'A', [2023, 2024], 10)
    await lake.update(nightOf('2025-01-03'))
    await write(lake.past(nightOf('2025-01-04')), 'A', [2023, 2024, 2025], 5)
    const now = nightOf('2025-01-06')
    await lake.night(now, ['A'], async (hands) => await hands.addDay(rowOf('A', '2025-01-06', 5)))
    await expectEqual(lake, now)
  })

  test('what a night left that was killed before it made the first file of a month', async () => {
    const lake = await lakeOf()
    await lake.update(nightOf('2024-02-28'))
    await mendIntoMarch(lake.past(nightOf('2024-03-01')))
    const { store, died } = endedBefore(lake.store, 'tables/prices/month-2024-03.parquet')
    const run = await beginNight(store, '2024-03-01T23:45:00Z', SYMBOLS)
    expect(await Promise.race([run.keep(), died])).toBe('died')
    const now = nightOf('2024-03-05')
    await lake.night(now, SYMBOLS, async (hands) => await hands.addDay(rowOf('A', '2024-03-04', 5)))
    await expectEqual(lake, now)
  })

  test('a day of the last year that a night left in January, where the years before stand in no month', async () => {
    const lake = createTableLake()
    await lake.past(nightOf('2024-01-03')).putYear(yearOf('A', 2023, 10))
    await lake.past(nightOf('2024-01-03')).addDay(rowOf('A', '2024-01-02', 10))
    await lake.update(nightOf('2024-01-03'))
    await lake.ended(nightOf('2024-01-04'), ['A'], async (hands) => await hands.addDay(rowOf('A', '2023-12-29', 10)))
    const now = nightOf('2024-01-05')
    await lake.night(now, ['A'], async (hands) => await hands.addDay(rowOf('A', '2024-01-05', 10)))
    await expectEqual(lake, now)
  })

  test('a symbol that comes last and makes the last file, and is relied on by the next night', async () => {
    const lake = await lakeOf()
    await lake.update(nightOf('2024-02-28'))
    await lake.past(nightOf('2024-02-28')).addDay(rowOf('A', '2024-02-28', 10))
    const now = nightOf('2024-03-01')
    const run = await beginNight(lake.store, now, SYMBOLS)
    await mendIntoMarch(lake.past('2024-03-01T23:31:00Z'))
    await run.keep()
    await expectEqual(lake, now)
    expect(lake.names()).toContain('month-2024-03.parquet')
    expect(await openTrusted(contextOf(lake.store, nightOf('2024-03-04')))).toBeDefined()
  })

  test('a mend by another run since the listing, older files first and not the one that it reads alone', async () => {
    const lake = await lakeOf()
    await lake.past(nightOf('2024-02-06')).addDay(rowOf('A', '2024-02-06', 11))
    const { store, written } = recording(lake.store)
    const now = nightOf('2024-02-07')
    const run = await beginNight(store, now, SYMBOLS)
    await handsOf(run.store, now).addDay(rowOf('B', '2024-02-07', 11))
    await write(lake.past('2024-02-07T23:31:00Z'), 'A', [2022, 2023, 2024], 5)
    const { filesWritten } = await run.keep()
    const [month2, month1] = ['tables/prices/month-2024-02.parquet', 'tables/prices/month-2024-01.parquet']
    // The first time for B.
    expect(written).toEqual([month2, 'tables/prices/closed-2024-12-of-16.parquet', month1, month2])
    expect(filesWritten).toBe(4)
    await expectEqual(lake, now)
  })

  test('a year file that is gone', async () => {
    const lake = await lakeOf()
    lake.remove((key) => key.includes('symbol=A/year=2024/'))
    const now = nightOf('2024-02-07')
    await lake.night(now, SYMBOLS, async (hands) => await hands.addDay(rowOf('A', '2024-02-06', 11)))
    await expectEqual(lake, now)
  })

  test('the first night of a month and of a year, and makes its file', async () => {
    const lake = await lakeOf()
    for (const [date, session] of [
      ['2024-03-02', '2024-03-01'],
      ['2025-01-03', '2025-01-02'],
    ] as const) {
      await lake.update(nightOf(date))
      await lake.night(nightOf(date), SYMBOLS, async (hands) => await hands.addDay(rowOf('A', session, 11)))
      await expectEqual(lake, nightOf(date))
      expect(lake.names()).toContain(`month-${session.slice(0, 7)}.parquet`)
    }
  })

  test('all, where there is no table yet', async () => {
    const lake = createTableLake()
    await lake.night(START, SYMBOLS, async (hands) => await write(hands, 'A', [2023, 2024], 1))
    await expectEqual(lake, START)
    expect(lake.names()).toEqual(['closed-2024-12-of-16.parquet', 'month-2024-01.parquet', 'month-2024-02.parquet'])
  })

  test('what others have changed long ago, once a week', async () => {
    const lake = await lakeOf()
    await write(lake.past(nightOf('2024-02-06')), 'B', [2022], 5)
    await lake.night(nightOf('2024-02-11'), SYMBOLS)
    expect(await lake.findings(START)).not.toEqual([])
    await lake.night(nightOf('2024-02-12'), SYMBOLS)
    await expectEqual(lake, nightOf('2024-02-12'))
  })

  test('all by a clock that was set back before the last listing, and takes no row away', async () => {
    const lake = await lakeOf()
    const before = await lake.rows()
    await lake.night(nightOf('2024-01-20'), SYMBOLS)
    expect(await lake.rows()).toEqual(before)
    await expectEqual(lake, START)
    const name = lake.names().at(-1)
    const footer = await readFooterOf({ key: `tables/prices/${name}` }, contextOf(lake.store, START))
    expect(footer?.listedMs).toBe(at(nightOf('2024-01-20')))
  })
})

describe('a night reads and writes little:', () => {
  test('a new day costs one file, without a raw file being read', async () => {
    const lake = await lakeOf()
    const reads: string[] = []
    const store: Store = {
      ...lake.store,
      read: async (key, ...rest) => {
        reads.push(key)
        return await lake.store.read(key, ...rest)
      },
    }
    const now = nightOf('2024-02-06')
    const run = await beginNight(store, now, SYMBOLS)
    for (const symbol of SYMBOLS) await handsOf(run.store, now).addDay(rowOf(symbol, '2024-02-06', 11))
    expect(await run.keep()).toEqual({ filesWritten: 1, errors: [] })
    expect(reads.filter((key) => key.startsWith('raw/'))).toEqual([])
    await expectEqual(lake, now)
  })

  test('a mend writes older files first', async () => {
    const lake = await lakeOf()
    const { store, written } = recording(lake.store)
    const now = nightOf('2024-02-06')
    const run = await beginNight(store, now, SYMBOLS)
    const hands = handsOf(run.store, now)
    await hands.addDay(rowOf('B', '2024-02-06', 11))
    await write(hands, 'A', [2022, 2023, 2024], 5)
    await run.keep()
    expect(written).toEqual([
      'tables/prices/closed-2024-12-of-16.parquet',
      'tables/prices/month-2024-01.parquet',
      'tables/prices/month-2024-02.parquet',
    ])
  })
})

test('a stray file beside those of the table is refused and named', async () => {
  const lake = await lakeOf()
  await lake.store.create('tables/prices/copy.parquet', Buffer.from('x'), {})
  const error = await failureOf(lake.night(nightOf('2024-02-06'), SYMBOLS))
  expect(error.message).toBe(
    'memory/tables/prices/copy.parquet is no file of this table, and readers would take its rows for the table’s'.replace(
      '’',
      "'",
    ),
  )
  expect(error.hint).toBe('Move it away.')
})

describe('two runs at once', () => {
  type Act = (lake: TableLake, hands: RawHands, name: 'first' | 'second') => Promise<void>

  const ACTS: readonly Act[] = [
    async (_lake, hands) => await write(hands, 'A', [2022, 2023, 2024], 5),
    async (_lake, hands) => await write(hands, 'A', [2023], 6),
    async (lake, hands, name) => {
      if (!lake.store.files.has(dayKeyOf('A', '2024-02-06'))) await hands.correct(rowOf('A', '2024-02-06', 7))
      await hands.addDay(rowOf('B', name === 'first' ? '2024-02-06' : '2024-02-05', 8))
    },
    async (_lake, hands) => await hands.correct(rowOf('A', '2024-02-06', 9)),
    async (_lake, hands, name) => await hands.addDay(rowOf(name === 'first' ? 'X' : 'Y', '2024-02-06', 4)),
    async () => undefined,
  ]

  test('in any order of their operations leave the table equal to the raw files', async () => {
    await forRandomRuns('two nights at once', 40, async (random) => {
      const lake = await lakeOf()
      const turns = createTurns(random)
      const runs = (['first', 'second'] as const).map(async (name, index) => {
        const now = `2024-02-06T23:3${index}:00Z`
        const store = turns.slowed(lake.store)
        if (random() < 0.15) return await lake.updateBy(store, now, random() < 0.5)
        const run = await beginNight(store, now, [...SYMBOLS, 'X'])
        await oneOf(random, ACTS)(lake, handsOf(run.store, now), name)
        const { errors } = await run.keep()
        expect(errors).toEqual([])
      })
      await turns.until(runs)
      await expectEqual(lake, nightOf('2024-02-07'))
    })
  }, 60_000)

  test('of which one keeps no table leave it so that the next night makes it equal', async () => {
    const acts: readonly Act[] = [
      async (_lake, hands) => await write(hands, 'A', [2022, 2023, 2024], 5),
      async (_lake, hands) => await hands.addDay(rowOf('A', '2024-02-06', 7)),
    ]
    await forRandomRuns('two nights, one without the table', 40, async (random) => {
      const lake = await lakeOf()
      // The other run may lack a day, or know of one that is lacking.
      if (random() < 0.5) await lake.past(nightOf('2024-02-05')).addDay(rowOf('A', '2024-02-05', 10))
      const turns = createTurns(random)
      const other = handsOf(turns.slowed(lake.store), '2024-02-06T23:31:00Z')
      const night = async () => {
        const run = await beginNight(turns.slowed(lake.store), nightOf('2024-02-06'), SYMBOLS)
        if (random() < 0.5) await handsOf(run.store, nightOf('2024-02-06')).addDay(rowOf('B', '2024-02-06', 8))
        await run.keep()
      }
      await turns.until([oneOf(random, acts)(lake, other, 'first'), night()])
      const now = nightOf('2024-02-07')
      await lake.night(now, SYMBOLS)
      await expectEqual(lake, now)
    })
  }, 60_000)

  test('of which one is ended leave it so that the next night makes it equal', async () => {
    await forRandomRuns('two nights, one of them ended', 25, async (random) => {
      const lake = await lakeOf()
      const turns = createTurns(random)
      const runs = (['first', 'second'] as const).map(async (name, index) => {
        const now = `2024-02-06T23:3${index}:00Z`
        const store = turns.slowed(lake.store, index === 0 ? wholeBetween(random, 1, 25) : undefined)
        const run = await beginNight(store, now, [...SYMBOLS, 'X'])
        await oneOf(random, ACTS)(lake, handsOf(run.store, now), name)
        await run.keep()
      })
      await turns.until(runs.slice(1))
      const now = nightOf('2024-02-07')
      await lake.night(now, [...SYMBOLS, 'X', 'Y'])
      await expectEqual(lake, now)
    })
  }, 60_000)
})

/** Lets the operations of several runs happen one at a time, in an order by the dice. */
function createTurns(random: Random) {
  const waiting: (() => void)[] = []
  const turn = async () => await new Promise<void>((resolve) => void waiting.push(resolve))
  /** With `last` nothing happens after so many operations. */
  function slowed(store: Store, last = Number.POSITIVE_INFINITY): Store {
    let left = last
    const slow =
      <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        await turn()
        left -= 1
        return left < 0 ? await new Promise<never>(() => undefined) : await act(...args)
      }
    return {
      ...store,
      list: slow(store.list),
      listLevel: slow(store.listLevel),
      read: slow(store.read),
      create: slow(store.create),
      replace: slow(store.replace),
    }
  }
  return {
    slowed,
    async until(runs: readonly Promise<unknown>[]): Promise<void> {
      const ended = Promise.allSettled(runs).then(() => 'ended' as const)
      const settled = Promise.all(runs)
      settled.catch(() => undefined)
      for (;;) {
        // Long enough for whatever follows an operation without another one.
        const state = await Promise.race([
          ended,
          new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits'))),
        ])
        if (state === 'ended') break
        const [next] = waiting.splice(wholeBetween(random, 0, Math.max(0, waiting.length - 1)), 1)
        next?.()
      }
      await settled
    },
  }
}
