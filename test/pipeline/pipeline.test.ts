import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import type { RawRow } from '../../lib/core/dataset.ts'
import { addDays, isWithin, parseIsoDate, type DateRange } from '../../lib/core/dates.ts'
import type { SymbolOutcome } from '../../lib/core/outcome.ts'
import { readFooter } from '../../lib/parquet/parquet.ts'
import type { Store } from '../../lib/store/store.ts'
import { keysIn, openShelf, putDays, type Shelf } from '../support/lakes/folder-store.ts'
import { forRandomRuns, oneOf, someOf, wholeBetween, type Random } from '../support/random.ts'
import { day, priceRow, rawPrice, span } from '../support/values.ts'
import {
  ALL,
  answering,
  failing,
  failure,
  ingestOver,
  outcomeOf,
  WEEK,
  WEEK_DATES,
  type Answer,
  type Options,
  type Ran,
} from '../support/pipeline-run.ts'

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

const ingest = async (options: Options): Promise<Ran> => await ingestOver(shelf, options)

describe('several symbols', () => {
  test('are taken in the order of the plan', async () => {
    await putDays(shelf, [priceRow('2024-09-12', { symbol: 'B' }), priceRow('2024-09-10', { symbol: 'C' })])
    const ran = await ingest({ symbols: ['B', 'C', 'A'], bars: ALL, maxWorkers: 1 })
    expect(ran.asks.filter((ask) => ask.endsWith('full'))).toEqual(['A full', 'C full', 'B full'])
    expect(ran.ended.map(({ symbol }) => symbol)).toEqual(['A', 'C', 'B'])
  })

  test('are worked on so many at once, and no more', async () => {
    let inFlight = 0
    let most = 0
    const two = Promise.withResolvers<void>()
    const answer = answering(ALL)
    const ask: Answer = async (call, reservation) => {
      inFlight += 1
      most = Math.max(most, inFlight)
      if (inFlight === 2) two.resolve()
      await two.promise
      inFlight -= 1
      return await answer(call, reservation)
    }
    await ingest({ symbols: ['A', 'B', 'C', 'D'], ask, maxWorkers: 2 })
    expect(most).toBe(2)
  })

  test.each(['symbol', 'attempt'] as const)('go on when one fails with scope %s', async (scope) => {
    const error = failure('payload', scope)
    const ran = await ingest({ symbols: ['A', 'B', 'C'], ask: failing(ALL, { B: error }), maxWorkers: 1 })
    expect(ran).toMatchObject({ stoppedBy: undefined, bug: undefined })
    expect(outcomeOf(ran, 'B')).toMatchObject({ errors: [error], counts: { failed: 5 }, isFinished: true })
    expect(outcomeOf(ran, 'C').counts.stored).toBe(5)
  })

  test('write nothing of one whose second call failed', async () => {
    const ran = await ingest({
      symbols: ['A'],
      ask: failing(ALL, { 'A dividend-adjusted': failure('server', 'symbol') }),
    })
    expect(outcomeOf(ran, 'A').counts.failed).toBe(5)
    expect(await keysIn(shelf)).toEqual([])
  })
})

test('each symbol tells of its calls: those made, whatever came of them', async () => {
  await putDays(
    shelf,
    WEEK_DATES.map((date) => priceRow(date, { symbol: 'D' })),
  )
  const usual = failing(ALL, { B: failure('payload', 'symbol') })
  const ask: Answer = async (call, reservation) => {
    // One retry.
    if (call.symbol === 'A' && call.name === 'full') reservation.countMade()
    return await usual(call, reservation)
  }
  const ran = await ingest({ symbols: ['A', 'B', 'C', 'D', 'E'], ask, maxCalls: 6, maxWorkers: 1 })
  const calls = ran.outcomes.map(({ symbol, calls: made }) => [symbol, made] as const)
  expect(Object.fromEntries(calls)).toEqual({ A: 3, B: 1, C: 2, D: 0, E: 0 })
  expect(outcomeOf(ran, 'E').counts.not_reached).toBe(5)
})

describe('a spent budget', () => {
  test('lets symbols under way finish and leaves the others, softly', async () => {
    const ran = await ingest({ symbols: ['A', 'B', 'C', 'D'], bars: ALL, maxCalls: 5, maxWorkers: 1 })
    expect(ran.asks).toHaveLength(4)
    expect(ran.stoppedBy).toMatchObject({ kind: 'budget', scope: 'run' })
    expect(ran.stoppedBy?.message).toBe('C needs 2 calls and --max-calls leaves 1: stopped before it.')
    expect(ran.stop.signal.aborted).toBe(false)
    expect(ran.outcomes.map(({ counts }) => [counts.stored, counts.not_reached])).toEqual([
      [5, 0],
      [5, 0],
      [0, 5],
      [0, 5],
    ])
    expect(ran.outcomes.map(({ isFinished }) => isFinished)).toEqual([true, true, false, false])
    expect(ran.outcomes.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('reserves before the first call: no symbol is half fetched, whatever runs beside it', async () => {
    const ran = await ingest({ symbols: ['A', 'B', 'C', 'D'], bars: ALL, maxCalls: 7, maxWorkers: 4 })
    expect(ran.asks.filter((ask) => ask.endsWith('full'))).toHaveLength(3)
    expect(ran.outcomes.filter(({ counts }) => counts.stored === 5)).toHaveLength(3)
    expect(await keysIn(shelf)).toHaveLength(15)
  })

  test('of no call at all stops before the first, and symbols that need none are finished', async () => {
    await putDays(
      shelf,
      WEEK_DATES.map((date) => priceRow(date, { symbol: 'D' })),
    )
    const ran = await ingest({ symbols: ['A', 'D'], bars: ALL, maxCalls: 1, maxWorkers: 1 })
    expect(ran.asks).toEqual([])
    expect(outcomeOf(ran, 'A').counts.not_reached).toBe(5)
    expect(outcomeOf(ran, 'D')).toMatchObject({ isFinished: true, counts: { already_stored: 5 } })
  })

  test('met in a retry leaves that symbol and lets the others under way finish', async () => {
    const budget = failure('budget', 'run')
    const ran = await ingest({ symbols: ['A', 'B', 'C'], ask: failing(ALL, { A: budget }), maxWorkers: 2 })
    expect(ran.stoppedBy).toBe(budget)
    expect(outcomeOf(ran, 'A')).toMatchObject({ errors: [], counts: { not_reached: 5 } })
    expect(outcomeOf(ran, 'B').counts.stored).toBe(5)
    expect(outcomeOf(ran, 'C').counts.not_reached).toBe(5)
  })

  test('gives back what a failed symbol did not spend', async () => {
    const ask = failing(ALL, { 'A full': failure('payload', 'symbol') })
    const ran = await ingest({ symbols: ['A', 'B'], ask, maxCalls: 3, maxWorkers: 1 })
    expect(ran.stoppedBy).toBeUndefined()
    expect(outcomeOf(ran, 'B').counts.stored).toBe(5)
  })
})

describe('an error of the run', () => {
  test('from the vendor stops everything, what is stored stays', async () => {
    const refused = failure('key', 'run')
    const ran = await ingest({ symbols: ['A', 'B', 'C'], ask: failing(ALL, { B: refused }), maxWorkers: 1 })
    expect(ran.stoppedBy).toBe(refused)
    expect(ran.stop.signal.reason).toBe(refused)
    expect(ran.asks).toEqual(['A full', 'A dividend-adjusted', 'B full'])
    expect(ran.outcomes.map(({ counts }) => [counts.stored, counts.not_reached])).toEqual([
      [5, 0],
      [0, 5],
      [0, 5],
    ])
    // The run's error is said once, for the run.
    expect(ran.outcomes.flatMap(({ errors }) => errors)).toEqual([])
  })

  test('from the store stops the run; its file is not reached', async () => {
    const gone = failure('store', 'run')
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (key.includes('2024-09-11')) throw gone
      return await shelf.store.create(key, bytes, metadata)
    }
    const ran = await ingest({
      symbols: ['A', 'B'],
      bars: ALL,
      store: { ...shelf.store, create },
      maxWorkers: 1,
      maxUploads: 1,
    })
    expect(ran.stoppedBy).toBe(gone)
    expect(outcomeOf(ran, 'A')).toMatchObject({ isFinished: false, errors: [], counts: { stored: 2, not_reached: 3 } })
    expect(outcomeOf(ran, 'B').counts.not_reached).toBe(5)
    expect(await keysIn(shelf)).toHaveLength(2)
  })

  test('from the store about one file fails the symbol and nothing more', async () => {
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (key.includes('A-2024-09-11')) throw failure('store', 'symbol')
      return await shelf.store.create(key, bytes, metadata)
    }
    const ran = await ingest({ symbols: ['A', 'B'], bars: ALL, store: { ...shelf.store, create } })
    expect(ran.stoppedBy).toBeUndefined()
    expect(outcomeOf(ran, 'A')).toMatchObject({
      isFinished: true,
      counts: { stored: 4, failed: 1 },
      errors: [{ kind: 'store' }],
    })
    expect(outcomeOf(ran, 'B').counts.stored).toBe(5)
  })
})

describe('an interrupt', () => {
  const interrupted = failure('interrupted', 'run')

  test('before the start leaves everything', async () => {
    const stop = new AbortController()
    stop.abort(interrupted)
    const ran = await ingest({ symbols: ['A', 'B'], bars: ALL, stop })
    expect(ran.asks).toEqual([])
    expect(ran.stoppedBy).toBe(interrupted)
    expect(ran.outcomes.map(({ counts }) => counts.not_reached)).toEqual([5, 5])
  })
})

describe('a defect', () => {
  const defect = new TypeError('x is not a function')

  test('while fetching comes back as the bug, and ends the run', async () => {
    const ran = await ingest({ symbols: ['A', 'B', 'C'], ask: failing(ALL, { B: defect }), maxWorkers: 1 })
    expect(ran).toMatchObject({ stoppedBy: undefined })
    expect(ran.bug).toBe(defect)
    expect(ran.outcomes.map(({ counts }) => [counts.stored, counts.not_reached])).toEqual([
      [5, 0],
      [0, 5],
      [0, 5],
    ])
  })

  test('while writing comes back as the bug too', async () => {
    const create: Store['create'] = async () => {
      throw defect
    }
    const ran = await ingest({ symbols: ['A', 'B'], bars: ALL, store: { ...shelf.store, create } })
    expect(ran.bug).toBe(defect)
    expect(ran.outcomes.map(({ counts }) => counts.not_reached)).toEqual([5, 5])
  })

  test.each([
    ['D', 'is stored already', 0],
    ['A', 'is fetched', 5],
  ])('where the outcome of %s is told, which %s, comes back as the bug', async (symbol, _how, stored) => {
    await putDays(
      shelf,
      WEEK_DATES.map((date) => priceRow(date, { symbol: 'D' })),
    )
    const onOutcome = (outcome: SymbolOutcome) => {
      if (outcome.symbol === symbol) throw defect
    }
    const ran = await ingest({ symbols: ['A', 'B', 'C', 'D'], bars: ALL, maxWorkers: 1, onOutcome })
    expect(ran).toMatchObject({ stoppedBy: undefined, bug: defect })
    expect(outcomeOf(ran, 'A').counts.stored).toBe(stored)
  })
})

/** Bars of an odd vendor: holes, bad rows, repeats, closed days, dates beside the range, missing adjusted closes. */
function randomBars(random: Random, range: DateRange): readonly RawRow[] {
  const days = Array.from({ length: 12 }, (_, index) => addDays(range.to, 2 - index))
  const chance = random()
  return someOf(random, days, chance).flatMap((date) => {
    const row = oneOf<RawRow>(random, [
      {},
      {},
      {},
      {},
      { volume: -1 },
      { open: 'x' },
      { close: 0 },
      { adjClose: undefined },
    ])
    return random() < 0.1 ? [rawPrice(date, row), rawPrice(date)] : [rawPrice(date, row)]
  })
}

function rowsIn(bytes: Uint8Array): number {
  const footer = readFooter(bytes)
  if ('problem' in footer) throw new Error(footer.problem)
  return footer.rows
}

test('whatever the vendor and the store do, the sessions add up and nothing is claimed that is not there', async () => {
  await forRandomRuns('pipeline', 15, async (random) => {
    const own = await openShelf()
    shelf = own
    const range = span(WEEK)
    const symbols = ['A', 'B', 'C', 'D', 'E'].slice(0, wholeBetween(random, 1, 5))
    const bars = Object.fromEntries(symbols.map((symbol) => [symbol, randomBars(random, range)]))
    const stored = someOf(random, WEEK_DATES, 0.3)
    for (const symbol of symbols)
      await putDays(
        own,
        stored.map((date) => priceRow(date, { symbol })),
      )
    const thrown = oneOf<unknown>(random, [
      undefined,
      failure('payload', 'symbol'),
      failure('quota', 'run'),
      new Error('a defect'),
    ])
    const isStoreBad = random() < 0.3
    // What the store took, with the rows of each file.
    const taken: number[] = []
    const took = <T>(result: T, bytes: Uint8Array): T => {
      if (result !== 'exists' && result !== 'changed') taken.push(rowsIn(bytes))
      return result
    }
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (isStoreBad && key.endsWith('11.parquet')) throw failure('store', oneOf(random, ['symbol', 'run']))
      return took(await own.store.create(key, bytes, metadata), bytes)
    }
    const replace: Store['replace'] = async (key, bytes, metadata, tag) =>
      took(await own.store.replace(key, bytes, metadata, tag), bytes)
    const before = new Set(await keysIn(own))
    const ran = await ingest({
      symbols,
      mode: 'daily',
      ask: failing(bars, { [oneOf(random, symbols)]: thrown }),
      maxCalls: oneOf(random, [undefined, 3, 6]) ?? 1_000,
      maxWorkers: wholeBetween(random, 1, 5),
      store: { ...own.store, create, replace },
    })
    // Counted in `ingest`: the fates of every symbol add up. Here: what is said to be written is there, and only that.
    // Files and rows written include those mended and corrected, the sessions stored do not.
    expect(ran.outcomes.reduce((sum, { filesWritten }) => sum + filesWritten, 0)).toBe(taken.length)
    expect(ran.outcomes.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)).toBe(
      taken.reduce((sum, rows) => sum + rows, 0),
    )
    const created = (await keysIn(own)).filter((key) => !before.has(key) && !/-\d{4}\.parquet$/.test(key))
    expect(ran.outcomes.reduce((sum, { counts }) => sum + counts.stored, 0)).toBe(created.length)
    const dates = created.map((key) => parseIsoDate(key.slice(-18, -8)) ?? day('1990-01-01'))
    expect(dates.filter((date) => !isWithin(date, range) || !XNYS.isSession(date))).toEqual([])
    if (ran.stoppedBy === undefined && ran.bug === undefined) {
      expect(ran.outcomes.every(({ counts, isFinished }) => isFinished && counts.not_reached === 0)).toBe(true)
    }
    await own.remove()
  })
})
