import { describe, expect, test } from 'bun:test'
import { inShard } from '../../../lib/core/shard.ts'
import { listOpenRuns, noteRun } from '../../../lib/datasets/table/open-runs.ts'
import { openTrusted } from '../../../lib/datasets/table/trusted.ts'
import { updateTable } from '../../../lib/datasets/table/update.ts'
import { listTable, readFooterOf } from '../../../lib/datasets/table/units.ts'
import type { Store } from '../../../lib/store/store.ts'
import {
  contextOf,
  createTableLake,
  dayKeyOf,
  nightOf,
  rowOf,
  yearKeyOf,
  type RawHands,
  type TableLake,
} from '../../support/lakes/table-lake.ts'
import { at, failureOf } from '../../support/values.ts'

const NOW = nightOf('2024-03-05')
const LATER = nightOf('2024-03-06')
const SYMBOLS = ['A', 'BRK-B', 'NA', '^GSPC']

async function lakeOf(): Promise<TableLake> {
  const lake = createTableLake()
  const past = lake.past(nightOf('2024-03-01'))
  for (const symbol of SYMBOLS) {
    await past.putYear([rowOf(symbol, '2022-03-01'), rowOf(symbol, '2022-01-03')])
    await past.putYear([rowOf(symbol, '2024-02-01'), rowOf(symbol, '2024-01-03')])
    for (const date of ['2023-12-29', '2024-02-02', '2024-03-04']) await past.addDay(rowOf(symbol, date))
  }
  return lake
}

async function updated(): Promise<TableLake> {
  const lake = await lakeOf()
  await lake.update(NOW)
  expect(await lake.findings(NOW)).toEqual([])
  return lake
}

/** The store of a run that ends at its n-th operation, and what it did before. */
function mortal(store: Store, lastOperation: number) {
  const { promise: died, resolve } = Promise.withResolvers<'died'>()
  const done: string[] = []
  const step =
    <A extends [string, ...unknown[]], R>(name: string, act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (done.length >= lastOperation) {
        resolve('died')
        return await new Promise<never>(() => undefined)
      }
      done.push(`${name} ${args[0]}`)
      return await act(...args)
    }
  const own: Store = {
    ...store,
    list: step('list', store.list),
    listLevel: step('listLevel', store.listLevel),
    read: step('read', store.read),
    create: step('create', store.create),
    replace: step('replace', store.replace),
  }
  return { store: own, died, done }
}

const writes = (done: readonly string[]) => done.filter((text) => /^(?:create|replace) tables\/prices/.test(text))

describe('ended at any operation', () => {
  test.each([false, true])(
    'an update (rebuild: %p) is made good by the next',
    async (isRebuild) => {
      const whole = mortal((await lakeOf()).store, Number.POSITIVE_INFINITY)
      await updateTable(contextOf(whole.store, NOW), { isRebuild })
      const expected = await (await updated()).rows()
      expect(whole.done.length).toBeGreaterThan(40)
      for (let last = 0; last < whole.done.length; last += 3) {
        const lake = await lakeOf()
        const { store, died } = mortal(lake.store, last)
        expect(await Promise.race([updateTable(contextOf(store, NOW), { isRebuild }), died])).toBe('died')
        await lake.update(LATER, { isRebuild })
        expect(await lake.findings(LATER)).toEqual([])
        expect(await lake.rows()).toEqual(expected)
      }
    },
    60_000,
  )

  test('a rebuild goes on where it was', async () => {
    const lake = await updated()
    const whole = mortal(lake.store, Number.POSITIVE_INFINITY)
    await updateTable(contextOf(whole.store, LATER), { isRebuild: true })
    expect(writes(whole.done).length).toBeGreaterThanOrEqual(lake.names().length)
    const second = nightOf('2024-03-08')
    const half = mortal(lake.store, whole.done.indexOf(writes(whole.done)[3] ?? '') + 1)
    await Promise.race([updateTable(contextOf(half.store, second), { isRebuild: true }), half.died])
    const rest = mortal(lake.store, Number.POSITIVE_INFINITY)
    await updateTable(contextOf(rest.store, '2024-03-09T12:00:00Z'), { isRebuild: true })
    const both = [...writes(half.done), ...writes(rest.done)]
    // The last file is written once more for the stamp.
    expect(both.slice(0, -1).toSorted()).toEqual(lake.names().map((name) => `replace tables/prices/${name}`))
  })
})

describe('an update finds', () => {
  const cases: readonly (readonly [what: string, change: (lake: TableLake) => Promise<void> | void])[] = [
    ['a raw file that is gone', (lake) => lake.remove((key) => key === dayKeyOf('A', '2024-02-02'))],
    ['a symbol that is gone', (lake) => lake.remove((key) => key.includes('symbol=NA/'))],
    ['all symbols gone', (lake) => lake.remove((key) => key.startsWith('raw/'))],
    ['a replaced raw file of equal size', async (lake) => await lake.past(NOW).correct(rowOf('A', '2024-02-02', 12))],
    ['a replaced year', async (lake) => await lake.past(NOW).putYear([rowOf('A', '2022-03-01', 5)])],
    ['a file of the table that is gone', (lake) => lake.remove((key) => key.endsWith('month-2024-02.parquet'))],
    ['the whole table gone', (lake) => lake.remove((key) => key.startsWith('tables/'))],
    ['a new symbol', async (lake) => await lake.past(NOW).addDay(rowOf('0', '1999-12-31'))],
  ]

  test.each(cases)('%s', async (_what, change) => {
    const lake = await updated()
    await change(lake)
    expect(await lake.findings(LATER)).not.toEqual([])
    await lake.update(LATER)
    expect(await lake.findings(LATER)).toEqual([])
    await lake.rows()
    // A file without a row is a file of the table all the same.
    expect(await lake.update(LATER)).toMatchObject({ filesWritten: 0 })
  })

  test('nothing where nothing has changed, and stamps the last file alone', async () => {
    const lake = await updated()
    const tags = async () => new Map((await listTable(contextOf(lake.store, LATER))).map(({ key, tag }) => [key, tag]))
    const before = await tags()
    expect(await lake.update(LATER)).toEqual({ files: before.size, filesWritten: 0 })
    const changed = [...(await tags())].filter(([key, tag]) => before.get(key) !== tag).map(([key]) => key)
    expect(changed).toEqual(['tables/prices/month-2024-03.parquet'])
    const footer = await readFooterOf({ key: changed[0] ?? '' }, contextOf(lake.store, LATER))
    expect(footer?.listedMs).toBe(at(LATER))
  })
})

test('a raw file that cannot be read is tried again by every update, until it can', async () => {
  const lake = await lakeOf()
  const key = dayKeyOf('A', '2024-02-02')
  const problems: string[] = []
  const sick: Store = {
    ...lake.store,
    read: async (name, ...rest) => (name === key ? new Uint8Array(3) : await lake.store.read(name, ...rest)),
  }
  for (let times = 1; times <= 2; times += 1) {
    await updateTable(contextOf(sick, NOW, { onProblem: (text) => void problems.push(text) }), { isRebuild: false })
    expect(problems).toHaveLength(times)
    expect((await lake.rows())['A 2024-02-02']).toBeUndefined()
  }
  await lake.update(LATER)
  expect(await lake.findings(LATER)).toEqual([])
})

test('a year file under a clock that was set back keeps the rows of later months', async () => {
  const lake = await updated()
  const before = await lake.rows()
  await lake.update(nightOf('2024-01-15'))
  expect(await lake.rows()).toEqual(before)
  await lake.update(nightOf('2024-01-15'), { isRebuild: true })
  expect(await lake.rows()).toEqual(before)
})

test('more symbols than the table was laid out for find their place in its files', async () => {
  const lake = await updated()
  for (let index = 0; index < 40; index += 1) await lake.past(NOW).addDay(rowOf(`N${index}`, '2023-12-29'))
  await lake.update(LATER)
  expect(await lake.findings(LATER)).toEqual([])
  expect(lake.names().filter((name) => !/^(?:closed-2024-\d\d-of-16|month-2024-0[123])\.parquet$/.test(name))).toEqual(
    [],
  )
})

test('a stray file is refused and named, by a rebuild too', async () => {
  const lake = await updated()
  const bytes = lake.store.files.get('tables/prices/month-2024-03.parquet') ?? new Uint8Array()
  await lake.store.create('tables/prices/month-2024-03 (copy).parquet', bytes, {})
  for (const isRebuild of [false, true]) {
    const error = await failureOf(lake.update(LATER, { isRebuild }))
    expect(error.message).toContain('memory/tables/prices/month-2024-03 (copy).parquet is no file of this table')
  }
})

test('a rebuild keeps what another run adds between its listing and its reading', async () => {
  const lake = await updated()
  let night: Promise<unknown> | undefined
  const store: Store = {
    ...lake.store,
    list: async (...range) => {
      if (range[0] === 'tables/prices/') {
        night ??= lake.night(LATER, ['NEW'], async (hands) => await hands.addDay(rowOf('NEW', '2024-03-05')))
        await night
      }
      return await lake.store.list(...range)
    },
  }
  await updateTable(contextOf(store, LATER), { isRebuild: true })
  expect(Object.keys(await lake.rows())).toContain('NEW 2024-03-05')
  expect(await lake.findings(LATER)).toEqual([])
})

test.each([false, true])(
  'a mend by another run since the listing is brought in whole (rebuild: %p)',
  async (isRebuild) => {
    const lake = await updated()
    await lake.past(nightOf('2024-03-05')).addDay(rowOf('A', '2024-03-05'))
    let mend: Promise<unknown> | undefined
    const mendAll = async () => {
      const past = lake.past('2024-03-06T23:31:00Z')
      await past.putYear([rowOf('A', '2022-03-01', 5), rowOf('A', '2022-01-03', 5)])
      await past.putYear([rowOf('A', '2024-03-04', 5), rowOf('A', '2024-02-01', 5), rowOf('A', '2024-01-03', 5)])
    }
    const store: Store = {
      ...lake.store,
      list: async (...range) => {
        if (range[0] === 'tables/prices/') await (mend ??= mendAll())
        return await lake.store.list(...range)
      },
    }
    await updateTable(contextOf(store, LATER), { isRebuild })
    expect(await lake.findings(LATER)).toEqual([])
  },
)

async function putYears(hands: RawHands, close: number): Promise<void> {
  await hands.putYear([rowOf('X', '2022-06-01', close)])
  await hands.putYear([rowOf('X', '2024-01-03', close)])
}

test('a rebuild beside a new symbol that is then mended takes all of it', async () => {
  const lake = await updated()
  let isDone = false
  const store: Store = {
    ...lake.store,
    list: async (...range) => {
      const files = await lake.store.list(...range)
      if (!isDone && range[0].includes('symbol=A/')) {
        isDone = true
        await lake.night(LATER, ['X'], async (hands) => await putYears(hands, 10))
        await putYears(lake.past('2024-03-06T23:35:00Z'), 5)
      }
      return files
    },
  }
  await updateTable(contextOf(store, '2024-03-06T23:29:00Z'), { isRebuild: true })
  await lake.night(nightOf('2024-03-07'), [...SYMBOLS, 'X'])
  expect(await lake.findings(nightOf('2024-03-07'))).toEqual([])
})

test('years that another run replaces again and again end an update with an error', async () => {
  const lake = await lakeOf()
  let count = 0
  const list: Store['list'] = async (...range) => {
    const files = await lake.store.list(...range)
    return range[0].includes('symbol=A/') ? files.map((file) => ({ ...file, tag: `${(count += 1)}` })) : files
  }
  const error = await failureOf(updateTable(contextOf({ ...lake.store, list }, NOW), { isRebuild: false }))
  expect(error.message).toContain('memory/raw/prices/symbol=A/ was replaced by other runs each of the 100 times')
})

test('a table is made anew from its raw files, one read of each at a time for a few files', async () => {
  const lake = await lakeOf()
  const reads = new Map<string, number>()
  const store: Store = {
    ...lake.store,
    read: async (key, ...rest) => {
      reads.set(key, (reads.get(key) ?? 0) + 1)
      return await lake.store.read(key, ...rest)
    },
  }
  await updateTable(contextOf(store, NOW), { isRebuild: false })
  expect(reads.get(yearKeyOf('A', 2024))).toBe(1)
  expect(Math.max(...[...reads].filter(([key]) => key.startsWith('raw/')).map(([, count]) => count))).toBe(1)
})

const shardsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ index: index + 1, count, source: '--shard' }))

const tablesOf = ({ store }: TableLake) => new Map([...store.files].filter(([key]) => key.startsWith('tables/')))

/** All shards at once, as the array of a scheduler starts them. */
async function updateAll(lake: TableLake, now: string, count: number, isRebuild: boolean) {
  const done = shardsOf(count).map(async (shard) => {
    const context = contextOf(lake.store, now, { runId: `shard ${shard.index}` })
    return await updateTable(context, { isRebuild, shard })
  })
  return await Promise.all(done)
}

describe('shards of a table', () => {
  test.each([1, 2])('of which only shard %i ran leave it so that the next night makes it equal', async (index) => {
    const lake = await updated()
    const past = lake.past(nightOf('2024-03-05'))
    await past.putYear([rowOf('A', '2022-03-01', 5), rowOf('A', '2022-01-03', 5)])
    await past.putYear([rowOf('A', '2024-02-01', 5), rowOf('A', '2024-01-03', 5)])
    const [shard] = shardsOf(2).slice(index - 1)
    await updateTable(contextOf(lake.store, nightOf('2024-03-05')), { isRebuild: false, shard })
    await lake.night(LATER, SYMBOLS)
    expect(await lake.findings(LATER)).toEqual([])
  })

  test.each([
    [2, false],
    [3, true],
    [8, false],
    [8, true],
    [32, true],
  ])(
    '%d at once over a lake without a table (rebuild: %p) make each file once, and one update is enough then',
    async (count, isRebuild) => {
      const [lake, one] = [await lakeOf(), await lakeOf()]
      const done = await updateAll(lake, NOW, count, isRebuild)
      expect(await lake.findings(NOW)).toEqual([])
      const { files } = await one.update(NOW, { isRebuild })
      expect(done.reduce((sum, { filesWritten }) => sum + filesWritten, 0)).toBe(files)
      expect(done.reduce((sum, shard) => sum + shard.files, 0)).toBeLessThanOrEqual(files)
      // No shard knows that the others have ended, so nobody relies on the table yet.
      const context = contextOf(lake.store, NOW)
      expect(await openTrusted(context)).toBeUndefined()
      expect(await lake.update(NOW)).toEqual({ files, filesWritten: 0 })
      expect(await openTrusted(context)).toBeDefined()
      if (isRebuild) await lake.update(NOW)
      expect(await lake.rows()).toEqual(await one.rows())
      expect([...tablesOf(lake).keys()].toSorted()).toEqual([...tablesOf(one).keys()].toSorted())
    },
  )

  test('leave the files of a shard that never ran as they are, and the table is not relied on', async () => {
    const lake = await updated()
    await lake.past(LATER).correct(rowOf('A', '2024-02-02', 12))
    await lake.past(LATER).correct(rowOf('A', '2024-03-04', 13))
    const behind = await lake.findings(LATER)
    expect(behind).toHaveLength(2)
    const found: string[] = []
    for (const shard of shardsOf(8)) {
      const { filesWritten } = await updateTable(contextOf(lake.store, LATER), { isRebuild: false, shard })
      if (filesWritten > 0) found.push(...(await lake.findings(LATER)))
    }
    // Behind in one file after the first of the two shards, in none after the second; in none at once if one shard has both.
    expect(found.length).toBeLessThan(2)
    expect(await lake.findings(LATER)).toEqual([])
  })

  test('go on each where it was when a rebuild of some was ended', async () => {
    const lake = await updated()
    const [first, ...others] = shardsOf(3)
    await updateTable(contextOf(lake.store, LATER), { isRebuild: true, shard: first })
    const second = nightOf('2024-03-08')
    for (const shard of others) await updateTable(contextOf(lake.store, second), { isRebuild: true, shard })
    const again = await updateTable(contextOf(lake.store, second), { isRebuild: true, shard: first })
    const own = lake.names().filter((name) => inShard(name, first))
    // Its rebuild of two days ago has ended: this is another one, of its own files alone.
    expect(again).toEqual({ files: own.length, filesWritten: own.length })
    expect(await lake.findings(second)).toEqual([])
  })

  test('do not take the runs of others off the list', async () => {
    const lake = await updated()
    const context = contextOf(lake.store, LATER)
    await noteRun({ id: 'ended long ago', sinceMs: at('2024-03-01T00:00:00Z') }, context)
    await updateAll(lake, LATER, 3, false)
    expect((await listOpenRuns(context)).map(({ id }) => id)).toEqual(['ended long ago'])
    await lake.update(LATER)
    expect(await listOpenRuns(context)).toEqual([])
  })
})
