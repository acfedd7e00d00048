import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { lstat, mkdir, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { XNYS } from '../../../lib/core/calendar.ts'
import type { Row } from '../../../lib/core/dataset.ts'
import { yearOf, type DateRange } from '../../../lib/core/dates.ts'
import { createEncoder } from '../../../lib/parquet/encoder.ts'
import type { Store } from '../../../lib/store/store.ts'
import { readYear } from '../../../lib/datasets/prices/stored-years.ts'
import { replaceableOf } from '../../../lib/datasets/prices/year-files.ts'
import { writeFile as write, type FileRows, type WriteContext } from '../../../lib/datasets/prices/write.ts'
import {
  fileOf,
  footerAt,
  keysIn,
  openShelf,
  putDays,
  putYear,
  type Shelf,
  type Written,
} from '../../support/lakes/folder-store.ts'
import { at, day, failureOf, priceRow, prices, span } from '../../support/values.ts'
import type { Encoder } from '../../../lib/parquet/parquet.ts'
import { actionOn } from '../../../lib/datasets/file-action.ts'

const PRICES = prices()
const RANGE = span('2024-01-01..2024-09-13')
const NOW = '2024-09-16T13:00:00Z'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

type Context = WriteContext & Pick<Encoder, 'encode'>

async function writeFile(wanted: FileRows, { encode, ...rest }: Context) {
  return await write(wanted, await encode(wanted), rest)
}

type Changes = Partial<WriteContext> & { readonly ingestMs?: number; readonly version?: string }

/** The same file as a correction. */
const corrected = (wanted: FileRows): FileRows => ({ ...wanted, file: { ...wanted.file, action: 'refresh' } })

/** The same file with `--force`. */
const forced = (wanted: FileRows): FileRows => ({ ...wanted, file: { ...wanted.file, action: 'overwrite' } })

function context({ ingestMs = at(NOW), version = '9.9.9', ...changes }: Changes = {}): Context {
  return {
    store: shelf.store,
    dataset: PRICES,
    calendar: XNYS,
    today: day('2024-09-16'),
    encode: createEncoder({ columns: PRICES.columns, ingestMs, version }).encode,
    ...changes,
  }
}

/** Rows of the sessions of a stretch, newest first. */
function rowsOf(dates: string, changes: Partial<Row> = {}): readonly Row[] {
  return XNYS.sessions(span(dates))
    .toReversed()
    .map((date) => priceRow(date, changes))
}

function wantedDay(date: string, changes: Partial<FileRows> = {}): FileRows {
  const partition = { kind: 'day', date: day(date) } as const
  const file = { partition, sessions: [day(date)], stored: undefined, action: 'create', isExtra: false } as const
  return {
    file,
    key: PRICES.key('AAPL', partition),
    symbol: 'AAPL',
    rows: [priceRow(date)],
    range: RANGE,
    asked: undefined,
    ...changes,
  }
}

function wantedYear(rows: readonly Row[], stored: FileRows['file']['stored'], asked: DateRange = RANGE): FileRows {
  const year = yearOf(rows[0]?.date ?? day('2024-01-02'))
  const partition = { kind: 'year', year } as const
  const file = { partition, sessions: XNYS.sessions(RANGE), stored, action: actionOn(stored, false), isExtra: false }
  return { file, key: PRICES.key('AAPL', partition), symbol: 'AAPL', rows, range: RANGE, asked }
}

/** What the survey would know of the year file that is stored now. */
async function surveyed(): Promise<NonNullable<FileRows['file']['stored']>> {
  const [file] = await shelf.store.list('raw/')
  const stored = file && (await readYear(file, { store: shelf.store, dataset: PRICES }))
  if (stored === undefined) throw new Error('There is no file')
  return replaceableOf(stored)
}

const bytesAt = async (key: string) => await Bun.file(join(shelf.folder, key)).bytes()

/** The store, in which something happens right before the first replacement, as another run might do it. */
function interfering(happens: () => Promise<unknown>, times = 1): Store {
  let left = times
  return {
    ...shelf.store,
    replace: async (key, bytes, metadata, tag) => {
      if (left > 0) await happens()
      left -= 1
      return await shelf.store.replace(key, bytes, metadata, tag)
    },
  }
}

describe('a new file', () => {
  test('is created, with the run’s instant and version in its footer', async () => {
    const wanted = wantedDay('2024-09-13')
    expect(await writeFile(wanted, context())).toEqual({ kind: 'written' })
    const footer = await footerAt(shelf, wanted.key)
    expect(footer).toMatchObject({
      rows: 1,
      ingestMs: at(NOW),
      createdBy: 'fmp-ingest version 9.9.9',
      asked: undefined,
    })
    expect(await keysIn(shelf)).toEqual([wanted.key])
  })

  test('of a year says what was asked', async () => {
    const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), undefined, span('2020-01-01..2024-09-13'))
    await writeFile(wanted, context())
    expect((await footerAt(shelf, wanted.key)).asked).toEqual(span('2020-01-01..2024-09-13'))
  })

  test('gives its hash to the store', async () => {
    const seen: unknown[] = []
    const create: Store['create'] = async (key, bytes, metadata) => {
      seen.push(metadata)
      return await shelf.store.create(key, bytes, metadata)
    }
    const wanted = wantedDay('2024-09-13')
    await writeFile(wanted, context({ store: { ...shelf.store, create } }))
    expect(seen).toEqual([{ 'rows-sha256': (await footerAt(shelf, wanted.key)).rowsSha256 }])
  })
})

describe('a race for a new file', () => {
  test('is lost to an equal one without a word', async () => {
    await putDays(shelf, [priceRow('2024-09-13')])
    const wanted = wantedDay('2024-09-13')
    const before = await bytesAt(wanted.key)
    expect(await writeFile(wanted, context())).toEqual({ kind: 'already', differs: false })
    expect(await bytesAt(wanted.key)).toEqual(before)
  })

  test('is lost to a differing one, which stays and is told of', async () => {
    await putDays(shelf, [priceRow('2024-09-13', { close: 11.5 })])
    const wanted = wantedDay('2024-09-13')
    const before = await bytesAt(wanted.key)
    expect(await writeFile(wanted, context())).toEqual({ kind: 'already', differs: true })
    expect(await bytesAt(wanted.key)).toEqual(before)
  })

  test('is lost to a file that is not readable, which stays too', async () => {
    const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), undefined)
    await Bun.write(join(shelf.folder, wanted.key), 'not parquet')
    expect(await writeFile(wanted, context())).toEqual({ kind: 'already', differs: true })
  })

  test.each([
    ['a symbolic link', async (path: string) => await symlink(join(shelf.folder, 'elsewhere'), path)],
    ['a folder', async (path: string) => await mkdir(path)],
  ])('against %s is nobody’s: the symbol fails, and what is in the way stays', async (_, put) => {
    const wanted = wantedDay('2024-09-13')
    const path = join(shelf.folder, wanted.key)
    await mkdir(dirname(path), { recursive: true })
    await put(path)
    const before = await lstat(path)
    const error = await failureOf(writeFile(wanted, context()))
    expect(error).toMatchObject({ kind: 'store', scope: 'symbol' })
    expect(error.message).toBe(`${wanted.key} is taken by something that is no regular file, or went away meanwhile`)
    expect(error.hint).toContain('remove it')
    expect((await lstat(path)).ino).toBe(before.ino)
    expect(await keysIn(shelf)).toEqual([])
  })

  test('leaves one of two and never a mixture, when both run at once', async () => {
    const one = wantedDay('2024-09-13')
    const other = wantedDay('2024-09-13', { rows: [priceRow('2024-09-13', { close: 11.5 })] })
    const results = await Promise.all([writeFile(one, context()), writeFile(other, context({ ingestMs: at(NOW) + 1 }))])
    expect(results.map(({ kind }) => kind).toSorted()).toEqual(['already', 'written'])
    const winner = results[0]?.kind === 'written' ? at(NOW) : at(NOW) + 1
    expect((await footerAt(shelf, one.key)).ingestMs).toBe(winner)
  })

  test('is won by force', async () => {
    await putDays(shelf, [priceRow('2024-09-13', { close: 11.5 })])
    const wanted = wantedDay('2024-09-13')
    expect(await writeFile(forced(wanted), context())).toEqual({ kind: 'written' })
    expect((await footerAt(shelf, wanted.key)).ingestMs).toBe(at(NOW))
  })

  test('of a year is won by force only where nothing is lost', async () => {
    const key = await putYear(shelf, rowsOf('2024-01-02..2024-09-12'))
    const shorter = wantedYear(rowsOf('2024-01-02..2024-09-11'), undefined)
    expect(await writeFile(forced(shorter), context())).toMatchObject({
      kind: 'shrink',
      isOnlyOldestEnd: false,
    })
    const longer = wantedYear(rowsOf('2024-01-02..2024-09-13'), undefined)
    expect(await writeFile(forced(longer), context())).toEqual({ kind: 'written' })
    expect((await footerAt(shelf, key)).span.to).toBe(day('2024-09-13'))
  })
})

test('a forced day file replaces what the survey saw, whatever it is', async () => {
  const wanted = wantedDay('2024-09-13')
  await Bun.write(join(shelf.folder, wanted.key), 'not parquet')
  const file = { ...wanted.file, stored: await surveyed() }
  expect(await writeFile(forced({ ...wanted, file }), context())).toEqual({ kind: 'written' })
  expect((await footerAt(shelf, wanted.key)).rows).toBe(1)
})

describe('a corrected day', () => {
  test('is created, or replaces the older file that is there', async () => {
    const wanted = corrected(wantedDay('2024-09-13'))
    for (const ingestMs of [at(NOW), at(NOW) + 1]) {
      expect(await writeFile(wanted, context({ ingestMs }))).toEqual({ kind: 'written' })
      expect(await footerAt(shelf, wanted.key)).toMatchObject({ ingestMs })
    }
  })

  test('leaves a file that is not ours, and says so', async () => {
    const wanted = corrected(wantedDay('2024-09-13'))
    await Bun.write(join(shelf.folder, wanted.key), 'not parquet')
    expect(await failureOf(writeFile(wanted, context()))).toMatchObject({ kind: 'foreign-file', scope: 'symbol' })
    expect(await Bun.file(join(shelf.folder, wanted.key)).text()).toBe('not parquet')
  })
})

const store2024 = async (dates: string, written: Written = {}, changes: Partial<Row> = {}) =>
  await putYear(shelf, rowsOf(dates, changes), { ingest: '2024-09-13T12:00:00Z', ...written })

describe('a refresh', () => {
  test('replaces an unchanged file, with equal rows too', async () => {
    const key = await store2024('2024-01-02..2024-09-12')
    for (const dates of ['2024-01-02..2024-09-13', '2024-01-02..2024-09-13']) {
      expect(await writeFile(wantedYear(rowsOf(dates), await surveyed()), context())).toEqual({ kind: 'written' })
    }
    expect(await footerAt(shelf, key)).toMatchObject({ ingestMs: at(NOW), asked: RANGE, rows: 177 })
  })

  test.each([
    ['begins later', '2024-01-03..2024-09-13', true],
    ['ends earlier', '2024-01-02..2024-09-11', false],
  ])('that %s is left, both ranges named', async (_, dates, isOnlyOldestEnd) => {
    const key = await store2024('2024-01-02..2024-09-12')
    const before = await bytesAt(key)
    for (const isForced of [false, true]) {
      const wanted = wantedYear(rowsOf(dates), await surveyed())
      const result = await writeFile(isForced ? forced(wanted) : wanted, context())
      expect(result).toMatchObject({ kind: 'shrink', isOnlyOldestEnd })
      expect('message' in result && result.message).toContain('2024-01-02 to 2024-09-12')
      expect('message' in result && result.message).toContain(dates.replace('..', ' to '))
    }
    expect(await bytesAt(key)).toEqual(before)
  })

  test('that has a row less is left', async () => {
    const key = await store2024('2024-01-02..2024-09-12')
    const holed = rowsOf('2024-01-02..2024-09-12').filter((_, index) => index !== 5)
    const result = await writeFile(wantedYear(holed, await surveyed()), context())
    expect(result).toMatchObject({ kind: 'shrink', isOnlyOldestEnd: false })
    expect((await footerAt(shelf, key)).rows).toBe(176)
  })

  test('with a conflict leaves a file that another run has finished', async () => {
    const key = await store2024('2024-01-02..2024-09-12')
    const stored = await surveyed()
    const store = interfering(async () => {
      await store2024('2024-01-02..2024-09-13', { asked: RANGE, ingest: '2024-09-16T12:00:00Z' })
    })
    const result = await writeFile(wantedYear(rowsOf('2024-01-02..2024-09-13'), stored), context({ store }))
    expect(result).toEqual({ kind: 'already', differs: false })
    expect((await footerAt(shelf, key)).ingestMs).toBe(at('2024-09-16T12:00:00Z'))
  })

  test('with a conflict tells when the finished file has other rows', async () => {
    await store2024('2024-01-02..2024-09-12')
    const stored = await surveyed()
    const store = interfering(async () => {
      await store2024('2024-01-02..2024-09-13', { asked: RANGE }, { close: 11.5 })
    })
    const result = await writeFile(wantedYear(rowsOf('2024-01-02..2024-09-13'), stored), context({ store }))
    expect(result).toEqual({ kind: 'already', differs: true })
  })

  test('with a conflict tries once more over an unfinished file', async () => {
    const key = await store2024('2024-01-02..2024-09-11')
    const stored = await surveyed()
    const store = interfering(async () => {
      await store2024('2024-01-02..2024-09-12', { asked: span('2024-01-01..2024-09-12') })
    })
    const result = await writeFile(wantedYear(rowsOf('2024-01-02..2024-09-13'), stored), context({ store }))
    expect(result).toEqual({ kind: 'written' })
    expect((await footerAt(shelf, key)).ingestMs).toBe(at(NOW))
  })

  test('with a conflict never shortens what the other run wrote', async () => {
    const key = await store2024('2024-01-02..2024-09-11')
    const stored = await surveyed()
    const store = interfering(async () => {
      await store2024('2024-01-02..2024-09-13', { asked: span('2024-01-01..2024-09-12') })
    })
    const result = await writeFile(wantedYear(rowsOf('2024-01-02..2024-09-12'), stored), context({ store }))
    expect(result).toMatchObject({ kind: 'shrink' })
    expect((await footerAt(shelf, key)).span.to).toBe(day('2024-09-13'))
  })

  test('with a conflict leaves a file that is no longer ours, and says so; force replaces it', async () => {
    const key = await store2024('2024-01-02..2024-09-12')
    const stored = await surveyed()
    const path = join(shelf.folder, key)
    const store = interfering(async () => void (await Bun.write(path, 'not parquet')))
    const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), stored)
    const error = await failureOf(writeFile(wanted, context({ store })))
    expect(error).toMatchObject({ kind: 'foreign-file', scope: 'symbol' })
    expect(error.message).toStartWith(key)
    expect(await Bun.file(path).text()).toBe('not parquet')
    expect(await writeFile(forced(wanted), context())).toEqual({ kind: 'written' })
  })

  test('forced, with a conflict, tries once more even over a finished file', async () => {
    const key = await store2024('2024-01-02..2024-09-12')
    const stored = await surveyed()
    const store = interfering(async () => {
      await store2024('2024-01-02..2024-09-13', { asked: RANGE }, { close: 11.5 })
    })
    const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), stored)
    expect(await writeFile(forced(wanted), context({ store }))).toEqual({ kind: 'written' })
    expect((await footerAt(shelf, key)).ingestMs).toBe(at(NOW))
  })

  test('creates the file anew when it has gone meanwhile', async () => {
    const key = await store2024('2024-01-02..2024-09-12')
    const stored = await surveyed()
    const store = interfering(async () => {
      await rm(join(shelf.folder, key))
    })
    const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), stored)
    expect(await writeFile(wanted, context({ store }))).toEqual({ kind: 'written' })
    expect((await footerAt(shelf, key)).ingestMs).toBe(at(NOW))
  })

  test('gives up as a failure of the symbol when the file changes a second time', async () => {
    await store2024('2024-01-02..2024-09-11')
    const stored = await surveyed()
    let instant = 0
    const store = interfering(async () => {
      instant += 1
      await store2024('2024-01-02..2024-09-12', { ingest: `2024-09-16T12:00:0${instant}Z` })
    }, 2)
    const error = await failureOf(writeFile(wantedYear(rowsOf('2024-01-02..2024-09-13'), stored), context({ store })))
    expect(error).toMatchObject({ kind: 'store', scope: 'symbol' })
    expect(error.message).toContain('changed by another run')
    expect((await footerAt(shelf, wantedYear(rowsOf('2024-01-02..2024-09-13'), stored).key)).ingestMs).toBe(
      at('2024-09-16T12:00:02Z'),
    )
  })

  test('forced, replaces a file that is not ours, if it is still the one that was seen', async () => {
    const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), undefined)
    const path = join(shelf.folder, wanted.key)
    await Bun.write(path, 'not parquet')
    const file = { ...wanted.file, stored: await surveyed() }
    expect(await writeFile(forced({ ...wanted, file }), context())).toEqual({ kind: 'written' })
    expect((await footerAt(shelf, wanted.key)).rows).toBe(177)
  })
})

test('a file is the same bytes as its rows at its instant make, whoever writes it', async () => {
  const wanted = wantedYear(rowsOf('2024-01-02..2024-09-13'), undefined)
  await writeFile(wanted, context({ version: '1.2.3' }))
  const expected = fileOf(wanted.rows, { ingest: NOW, asked: RANGE })
  expect(Buffer.compare(await bytesAt(wanted.key), expected)).toBe(0)
})
