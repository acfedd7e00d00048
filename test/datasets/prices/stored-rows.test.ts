// What a run reads of a lake to compare it, and how much of that it decodes.

import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { addDays } from '../../../lib/core/dates.ts'
import { readStoredRows } from '../../../lib/datasets/prices/stored-rows.ts'
import type { Store } from '../../../lib/store/store.ts'
import { cents, dayKey, iso, makeBars, SEED, sessions, yearKey, type Bar } from '../../support/bars.ts'
import { fileOf } from '../../support/lakes/folder-store.ts'
import { createMemoryStore } from '../../support/lakes/memory-store.ts'
import { createFakeClock } from '../../support/runs/fake-clock.ts'
import { startInProcess } from '../../support/runs/in-process.ts'
import { createVendor, TEST_KEY } from '../../support/servers/vendor.ts'
import { priceRow, prices, span } from '../../support/values.ts'

type Lake = {
  readonly store: Store
  readonly files: ReadonlyMap<string, Uint8Array>
  /** What the store's clock shows: the modification time of what is written from now on. */
  clock: string
  /** The keys that were read, and how many listings were made, since `clear`. */
  readonly reads: string[]
  lists: number
  clear(): void
}

/** A store in memory that counts what is asked of it and dates its files. */
function createLake(): Lake {
  const memory = createMemoryStore()
  const modifiedMs = new Map<string, number>()
  const dated = async <Result extends string>(key: string, writing: Promise<Result>): Promise<Result> => {
    const result = await writing
    if (result === 'created' || result === 'replaced') modifiedMs.set(key, Date.parse(lake.clock))
    return result
  }
  const lake: Lake = {
    files: memory.files,
    clock: '1970-01-01T00:00:00Z',
    reads: [],
    lists: 0,
    clear() {
      lake.reads.length = 0
      lake.lists = 0
    },
    store: {
      ...memory,
      list: async (...range) => {
        lake.lists += 1
        return (await memory.list(...range)).map((file) => ({ ...file, modifiedMs: modifiedMs.get(file.key) ?? 0 }))
      },
      read: async (key, ...rest) => {
        lake.reads.push(key)
        return await memory.read(key, ...rest)
      },
      create: async (key, ...rest) => await dated(key, memory.create(key, ...rest)),
      replace: async (key, ...rest) => await dated(key, memory.replace(key, ...rest)),
    },
  }
  return lake
}

type Night = {
  readonly args?: readonly string[]
  /** Every how many sessions all is compared; 0 for never. */
  readonly audit?: string
  /** The store's clock, if it does not show the instant of the run. */
  readonly clock?: string
}

/** The vendor's bars of each symbol, and runs over one lake. `onCall` is waited for before a call is answered. */
function setNights(bars: Record<string, readonly Bar[]>, onCall: () => Promise<void> = async () => undefined) {
  const lake = createLake()
  const vendor = createVendor({ bars, key: TEST_KEY })
  const run = async (now: string, { args = [], audit = '0', clock = now }: Night = {}) => {
    lake.clear()
    lake.clock = clock
    const calls = vendor.requests.length
    const flags = ['--tickers', Object.keys(bars).join(','), '--out', 'lake', '--audit', audit, '--now', now, ...args]
    const { done } = startInProcess(flags, {
      env: { FMP_API_KEY: TEST_KEY, FMP_BASE_URL: 'http://127.0.0.1:9', RATE_LIMIT_SECONDS: '0' },
      clock: createFakeClock(),
      fetch: async (url, { headers }) => {
        await onCall()
        const request = { url: new URL(url), headers: new Headers(headers), atMs: 0 }
        return (await vendor.receive(request)).usual()
      },
      openStore: async () => lake.store,
      readTextFile: async () => undefined,
      appendText: async () => undefined,
    })
    const { code, stdout, stderr } = await done
    return {
      code,
      stdout,
      stderr,
      calls: vendor.requests.length - calls,
      reads: lake.reads.toSorted(),
      lists: lake.lists,
    }
  }
  return { lake, run, bars }
}

const morningAfter = (session: string) => `${addDays(iso(session), 1)}T13:00:00Z`
const barsIn = (from: string, to: string) => makeBars(XNYS.sessions({ from: iso(from), to: iso(to) }), SEED)
const backfillFrom = (date: string) => ['--backfill', '--from-date', date]
const datesOf = (from: string, to: string) => ['--from-date', from, '--to-date', to]

/** Takes the rows out of every file and leaves its footer: whoever decodes one fails. */
function wipeRows({ files }: Lake, keys: Iterable<string> = files.keys()): void {
  for (const key of keys) {
    const bytes = files.get(key)
    if (bytes === undefined) throw new Error(`There is no ${key}`)
    const footerBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(bytes.length - 8, true)
    bytes.fill(0, 4, bytes.length - 8 - footerBytes)
  }
}

const daysOf = (dates: readonly string[]) => dates.map((date) => dayKey('A', date))
const year2024 = yearKey('A', 2024)

const twice = (price: number | null) => (price === null ? null : cents(price * 2))

/** The bars as a vendor had them before it applied a 2:1 split. */
function beforeSplit(bars: readonly Bar[]): readonly Bar[] {
  return bars.map(({ date, open, high, low, close, adjClose, volume }) => ({
    date,
    open: twice(open),
    high: twice(high),
    low: twice(low),
    close: twice(close),
    adjClose: twice(adjClose),
    volume: Math.round((volume ?? 0) / 2),
  }))
}

describe('a quiet night', () => {
  test('with a year file and later day files lists once, reads eleven times and decodes nothing', async () => {
    const { lake, run } = setNights({ A: barsIn('2024-01-02', '2024-09-13') })
    const nights = sessions('2024-08-20', '2024-09-12')
    await run('2024-08-20T13:00:00Z', { args: backfillFrom('2024-01-02') })
    for (const night of nights) await run(morningAfter(night))
    wipeRows(lake)
    const { reads, ...night } = await run(morningAfter('2024-09-13'))
    expect(night).toMatchObject({ code: 0, calls: 2, lists: 1 })
    expect(reads).toEqual([year2024, ...daysOf(nights.slice(-10))].toSorted())
  })

  test('with day files alone reads ten times and decodes nothing', async () => {
    const { lake, run } = setNights({ A: barsIn('2024-07-01', '2024-09-13') })
    await run(morningAfter('2024-09-12'), { args: datesOf('2024-07-01', '2024-09-12') })
    wipeRows(lake)
    const { reads, ...night } = await run(morningAfter('2024-09-13'))
    expect(night).toMatchObject({ code: 0, calls: 2, lists: 1 })
    expect(reads).toEqual(daysOf(sessions('2024-08-29', '2024-09-12')))
  })

  test('compares whole years by their hash', async () => {
    const { lake, run } = setNights({ A: barsIn('2022-01-03', '2024-09-13') })
    await run('2024-08-20T13:00:00Z', { args: backfillFrom('2022-01-03') })
    for (const night of sessions('2024-08-20', '2024-09-12')) await run(morningAfter(night))
    wipeRows(lake)
    const { code, stdout, calls } = await run(morningAfter('2024-09-13'), { audit: '1' })
    expect({ code, stdout, calls }).toEqual({ code: 0, stdout: expect.stringContaining('1 of them wholly'), calls: 2 })
  })

  test('around new year reads no more, whether the new year has a file or not', async () => {
    for (const backfilled of ['2023-12-20', '2024-01-09']) {
      const { run } = setNights({ A: barsIn('2022-01-03', '2024-02-15') })
      await run(morningAfter(backfilled), { args: backfillFrom('2022-01-03') })
      for (const night of sessions(addDays(iso(backfilled), 1), '2024-02-15')) {
        const { code, calls, lists, reads } = await run(morningAfter(night))
        expect({ night, code, calls, lists }).toEqual({ night, code: 0, calls: 2, lists: 1 })
        expect(reads.length).toBeLessThanOrEqual(12)
      }
    }
  })
})

/** Day files, then a 2:1 split whose night writes the year anew. */
async function afterMend(clocks: readonly [string, string]) {
  const bars = barsIn('2024-07-01', '2024-09-16')
  const nights = setNights({ A: beforeSplit(bars) })
  await nights.run(morningAfter('2024-09-11'), { args: datesOf('2024-07-01', '2024-09-11'), clock: clocks[0] })
  nights.bars['A'] = bars
  const { stdout, calls } = await nights.run(morningAfter('2024-09-12'), { clock: clocks[1] })
  expect({ stdout, calls }).toEqual({ stdout: expect.stringContaining('A 2:1 before 2024-09-12'), calls: 4 })
  return nights
}

describe('a night after a mend', () => {
  const older = daysOf(sessions('2024-08-29', '2024-09-11'))

  test('leaves the day files that the year file replaces', async () => {
    const { lake, run } = await afterMend([morningAfter('2024-09-11'), morningAfter('2024-09-12')])
    wipeRows(lake, older)
    const { reads, ...night } = await run(morningAfter('2024-09-13'))
    expect(night).toMatchObject({ code: 0, calls: 2, stdout: expect.not.stringContaining('Mended') })
    expect(reads).toEqual([year2024, year2024, dayKey('A', '2024-09-12')].toSorted())
    expect((await run(morningAfter('2024-09-16'))).reads).toHaveLength(4)
  })

  test('is the same where --now is far from the clock of the store', async () => {
    const behind = await afterMend(['2020-01-01T00:00:00Z', '2020-01-02T00:00:00Z'])
    const later = { clock: '2020-01-03T00:00:00Z' }
    expect(await behind.run(morningAfter('2024-09-13'), later)).toMatchObject({
      code: 0,
      calls: 2,
      reads: { length: 3 },
    })
    // A clock ahead of --now tells nothing, so all of them are read. Their instants decide.
    const ahead = await afterMend(['2030-01-01T00:00:00Z', '2030-01-02T00:00:00Z'])
    const night = await ahead.run(morningAfter('2024-09-13'), { clock: '2030-01-03T00:00:00Z' })
    expect(night).toMatchObject({ code: 0, calls: 2, stdout: expect.not.stringContaining('Mended') })
    expect(night.reads).toEqual([...older, year2024, year2024, dayKey('A', '2024-09-12')].toSorted())
  })
})

describe('a run that another one overtakes after the survey', () => {
  test('mends no less, and writes nothing over what is newer', async () => {
    const bars = barsIn('2024-01-02', '2024-09-13')
    let overtake: (() => Promise<void>) | undefined
    const nights = setNights({ A: beforeSplit(bars) }, async () => {
      const running = overtake?.()
      overtake = undefined
      await running
    })
    await nights.run('2024-08-20T13:00:00Z', { args: backfillFrom('2024-01-02') })
    for (const night of sessions('2024-08-20', '2024-09-12')) await nights.run(morningAfter(night))
    nights.bars['A'] = bars
    overtake = async () => {
      const other = await nights.run(morningAfter('2024-09-13'))
      expect(other).toMatchObject({ code: 0, stdout: expect.stringContaining('A 2:1 before 2024-09-13') })
    }
    const late = await nights.run('2024-09-14T14:00:00Z')
    expect({ code: late.code, stderr: late.stderr }).toEqual({ code: 0, stderr: expect.any(String) })
    const answer = new Map(bars.map((bar) => [bar.date, priceRow(bar.date, { ...bar, symbol: 'A' })]))
    const context = { store: nights.lake.store, dataset: prices(), recentFiles: () => undefined }
    const { pairs } = await readStoredRows('A', span('2024-01-02..2024-09-13'), answer, context)
    expect(pairs).toHaveLength(bars.length)
    expect(pairs.filter(({ stored, now }) => !Bun.deepEquals(stored, now))).toEqual([])
  })
})

/** A night in which the volume of one session is another, over day files of which these have no rows. */
async function correctedWithout(wiped: readonly string[]) {
  const nights = setNights({ A: barsIn('2024-07-01', '2024-09-13'), B: barsIn('2024-07-01', '2024-09-13') })
  await nights.run(morningAfter('2024-09-12'), { args: datesOf('2024-07-01', '2024-09-12') })
  wipeRows(nights.lake, daysOf(wiped))
  nights.bars['A'] = (nights.bars['A'] ?? []).map((bar) => (bar.date === '2024-09-10' ? { ...bar, volume: 7 } : bar))
  return await nights.run(morningAfter('2024-09-13'))
}

describe('a row that differs', () => {
  test('is decoded alone', async () => {
    const others = sessions('2024-07-01', '2024-09-12').filter((date) => date !== '2024-09-10')
    const { code, stdout } = await correctedWithout(others)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('Corrected sessions: 1') })
  })

  test('of a damaged file is an error that names the file, and of its symbol alone', async () => {
    const { code, stdout, stderr } = await correctedWithout(['2024-09-10'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining('Files written: 1') })
    expect(stderr + stdout).toContain(`${dayKey('A', '2024-09-10')} is damaged`)
  })
})

describe('the row of a session in two files', () => {
  const date = iso('2024-09-10')
  const [dayRow, yearRow] = [priceRow(date, { close: 11 }), priceRow(date, { close: 22 })]

  /** `modified` and `ingest`: the day file's before the year file's. */
  async function readBoth(
    modified: readonly [string, string],
    ingest: readonly [string, string],
    ofYear = [yearRow, priceRow('2024-09-09')],
  ) {
    const lake = createLake()
    const put = async (kind: 'day' | 'year', file: 0 | 1) => {
      const key = kind === 'day' ? dayKey('AAPL', date) : yearKey('AAPL', 2024)
      lake.clock = `${modified[file]}T00:00:00Z`
      const rows = kind === 'day' ? [dayRow] : ofYear
      await lake.store.create(key, fileOf(rows, { ingest: `${ingest[file]}T00:00:00Z` }), {})
    }
    await put('day', 0)
    await put('year', 1)
    const answer = new Map([[date, priceRow(date, { close: 33 })]])
    const context = { store: lake.store, dataset: prices(), recentFiles: () => undefined }
    const stored = await readStoredRows('AAPL', span('2024-09-09..2024-09-12'), answer, context)
    return {
      close: stored.pairs[0]?.stored['close'],
      absent: stored.absent.map((row) => row.date),
      reads: lake.reads.length,
    }
  }

  test.each([
    [
      'is that of the newer year file, and the day file is not read',
      ['09-11', '09-12'],
      ['09-11', '09-12'],
      { close: 22, reads: 1 },
    ],
    ['is that of the newer day file', ['09-12', '09-11'], ['09-12', '09-11'], { close: 11, reads: 2 }],
    [
      'is told by the instant where the year file was written later',
      ['09-13', '09-14'],
      ['09-12', '09-11'],
      { close: 11, reads: 2 },
    ],
    [
      'is told by the instant where the day file was written later',
      ['09-14', '09-13'],
      ['09-11', '09-12'],
      { close: 22, reads: 2 },
    ],
    [
      'is that of the day file where both are of one run',
      ['09-13', '09-13'],
      ['09-13', '09-13'],
      { close: 11, reads: 2 },
    ],
    [
      'is that of the newer year file where --now is ahead',
      ['01-02', '01-03'],
      ['09-12', '09-13'],
      { close: 22, reads: 1 },
    ],
    [
      'is that of the newer day file where --now is ahead',
      ['01-03', '01-02'],
      ['09-13', '09-12'],
      { close: 11, reads: 2 },
    ],
  ] as const)('%s', async (_, [dayModified, yearModified], [dayIngest, yearIngest], expected) => {
    const found = await readBoth(
      [`2024-${dayModified}`, `2024-${yearModified}`],
      [`2024-${dayIngest}`, `2024-${yearIngest}`],
    )
    expect(found).toEqual({ ...expected, absent: [iso('2024-09-09')] })
  })

  test('is that of an older day file where the year file lacks the session', async () => {
    const times = ['2024-09-13', '2024-09-14'] as const
    expect(await readBoth(times, times, [priceRow('2024-09-11'), priceRow('2024-09-09')])).toEqual({
      close: 11,
      absent: [iso('2024-09-11'), iso('2024-09-09')],
      reads: 2,
    })
  })
})
