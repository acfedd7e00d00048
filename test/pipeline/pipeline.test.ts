import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { createCallBudget, type Reservation } from '../../lib/fmp/call-budget.ts'
import { XNYS } from '../../lib/core/calendar.ts'
import { totalCount, type SymbolOutcome } from '../../lib/core/outcome.ts'
import type { Ask, RawRow } from '../../lib/core/dataset.ts'
import { addDays, isWithin, parseIsoDate, type DateRange } from '../../lib/core/dates.ts'
import { createEncoder } from '../../lib/parquet/encoder.ts'
import { IngestError, type ErrorKind, type ErrorScope } from '../../lib/core/errors.ts'
import { resolvePeriod, type Period } from '../../lib/core/period.ts'
import { ingestAll, type RunResult, type PipelineEffects } from '../../lib/pipeline/pipeline.ts'
import { planSessions, type SymbolPlan } from '../../lib/datasets/prices/plan.ts'
import { sessionTask, type SessionContext } from '../../lib/datasets/prices/task.ts'
import type { Store } from '../../lib/store/store.ts'
import { findNewestSession, surveySessions } from '../../lib/datasets/prices/survey.ts'
import { createUploads, type UploadContext } from '../../lib/pipeline/uploads.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { footerAt, keysIn, openShelf, putDays, putYear, type Shelf } from '../support/folder-store.ts'
import { forRandomRuns, oneOf, someOf, wholeBetween, type Random } from '../support/random.ts'
import { askedDates, at, day, periodOf, priceRow, prices, rawPrice, span } from '../support/samples.ts'

const NOW = '2024-09-16T13:00:00Z'
const WEEK = '2024-09-09..2024-09-13'
const WEEK_DATES: readonly string[] = XNYS.sessions(span(WEEK))

let shelf: Shelf
beforeEach(async () => {
  shelf = await openShelf()
})
afterEach(() => shelf.remove())

/** What the vendor has of each symbol. */
type Bars = Readonly<Record<string, readonly RawRow[]>>
type Answer = PipelineEffects['fmp']['fetchRows']

type Options = Partial<PipelineEffects & SessionContext & UploadContext> & {
  readonly symbols: readonly string[]
  readonly mode?: 'daily' | 'backfill'
  /** `none` for the nightly run. */
  readonly dates?: string
  readonly bars?: Bars
  readonly maxCalls?: number
  /** How a call is answered, if not as FMP does. */
  readonly ask?: Answer
  readonly isForced?: boolean
}

type Ran = RunResult & {
  readonly plans: readonly SymbolPlan[]
  readonly asks: readonly string[]
  /** In the order in which the symbols ended. */
  readonly ended: readonly SymbolOutcome[]
  readonly stop: AbortController
}

function barsOf(...dates: readonly string[]): readonly RawRow[] {
  return dates.map((date) => rawPrice(date))
}

/** Answers as FMP does: the rows within the dates asked for, the adjusted close in a reply of its own. */
function answering(bars: Bars): Answer {
  return async ({ symbol, query, name }: Ask, reservation: Reservation) => {
    reservation.spend()
    reservation.countMade()
    const window = { from: query['from'] ?? '', to: query['to'] ?? '' }
    const rows = (bars[symbol] ?? []).filter(({ date }) => String(date) >= window.from && String(date) <= window.to)
    return name === 'full' ? rows.map((row) => ({ ...row, adjClose: undefined })) : rows
  }
}

async function ingest({
  symbols,
  mode = 'daily',
  dates = WEEK,
  bars = {},
  maxCalls,
  isForced = false,
  ...changes
}: Options): Promise<Ran> {
  const period: Period =
    dates === 'none' ? resolvePeriod(askedDates({ mode }), XNYS, at(NOW)) : periodOf(mode, dates, NOW)
  const dataset = prices()
  const { store } = shelf
  const scope = { store, dataset, calendar: XNYS, mode, period }
  const plans = planSessions(await surveySessions(symbols, scope), { dataset, calendar: XNYS, mode, period, isForced })
  const asks: string[] = []
  const ended: SymbolOutcome[] = []
  const answer = changes.ask ?? answering(bars)
  const stop = changes.stop ?? new AbortController()
  const context: SessionContext = {
    findNewestSession: async (symbol) => await findNewestSession(symbol, scope),
    store,
    dataset,
    calendar: XNYS,
    today: period.today,
    encode: createEncoder({ columns: dataset.columns, ingestMs: at(NOW), version: '1.2.3' }).encode,
    ...changes,
  }
  const steps: PipelineEffects = {
    onFetched: () => undefined,
    onOutcome: (outcome) => ended.push(outcome),
    maxWorkers: 3,
    admit: createUploads({
      clock: createFakeClock(),
      maxUploads: 4,
      interruption: new AbortController().signal,
      ...changes,
      stop,
    }).admit,
    ...changes,
    stop,
    fmp: {
      reserve: createCallBudget(maxCalls).reserve,
      fetchRows: async (ask, reservation) => {
        asks.push(`${ask.symbol} ${ask.name}`)
        return await answer(ask, reservation)
      },
    },
  }
  const tasks = plans.map((plan) => sessionTask(plan, context))
  const result = await ingestAll(tasks, steps)
  expect(result.outcomes.map(({ symbol }) => symbol)).toEqual(plans.map(({ symbol }) => symbol))
  expect(ended.toSorted(bySymbol)).toEqual(result.outcomes.toSorted(bySymbol))
  for (const [index, { counts }] of result.outcomes.entries()) {
    expect(totalCount(counts)).toBe(sessionsOf(plans[index]?.range))
  }
  return { ...result, plans, asks, ended, stop: steps.stop }
}

const bySymbol = (a: SymbolOutcome, b: SymbolOutcome): number => a.symbol.localeCompare(b.symbol)

function sessionsOf(range: DateRange | undefined): number {
  return range === undefined ? 0 : XNYS.sessions(range).length
}

function failure(kind: ErrorKind, scope: ErrorScope): IngestError {
  return new IngestError(`a failure of kind ${kind}`, { kind, scope })
}

/** Answers as FMP does, but fails for some calls, by the symbol and the name of the call. */
function failing(bars: Bars, failures: Readonly<Record<string, unknown>>): Answer {
  const answer = answering(bars)
  return async (ask, reservation) => {
    const thrown = failures[ask.symbol] ?? failures[`${ask.symbol} ${ask.name}`]
    if (thrown === undefined) return await answer(ask, reservation)
    reservation.spend()
    reservation.countMade()
    throw thrown
  }
}

function outcomeOf({ outcomes }: RunResult, symbol: string): SymbolOutcome {
  const found = outcomes.find((outcome) => outcome.symbol === symbol)
  if (found === undefined) throw new Error(`There is no outcome of ${symbol}`)
  return found
}

const ALL: Bars = {
  A: barsOf(...WEEK_DATES),
  B: barsOf(...WEEK_DATES),
  C: barsOf(...WEEK_DATES),
  D: barsOf(...WEEK_DATES),
}

/** An answer that nobody asked for. */
const stray: Answer = async (_, reservation) => {
  reservation.spend()
  return barsOf('2020-01-02')
}

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
    const answer = answering(ALL)
    const ask: Answer = async (call, reservation) => {
      inFlight += 1
      most = Math.max(most, inFlight)
      await Promise.resolve()
      inFlight -= 1
      return await answer(call, reservation)
    }
    await ingest({ symbols: ['A', 'B', 'C', 'D'], ask, maxWorkers: 2 })
    expect(most).toBe(2)
  })

  test('upload so many files at once, and no more', async () => {
    let inFlight = 0
    let most = 0
    const create: Store['create'] = async () => {
      inFlight += 1
      most = Math.max(most, inFlight)
      await Promise.resolve()
      inFlight -= 1
      return 'created'
    }
    await ingest({ symbols: ['A', 'B', 'C', 'D'], bars: ALL, store: { ...shelf.store, create }, maxUploads: 3 })
    expect(most).toBe(3)
  })

  test('are fetched while the files of others are stored, but not ever more of them', async () => {
    const symbols = ['A', 'B', 'C', 'D']
    let asksSoFar: readonly string[] = []
    let created = 0
    const usual = answering(Object.fromEntries(symbols.map((symbol) => [symbol, barsOf('2024-09-13')])))
    const ask: Answer = async (call, reservation) => {
      asksSoFar = [...asksSoFar, call.symbol]
      return await usual(call, reservation)
    }
    const askedAtCreate: number[] = []
    const create: Store['create'] = async (...file) => {
      // Long enough for everything that can be fetched meanwhile.
      for (let turn = 0; turn < 200; turn += 1) await Promise.resolve()
      askedAtCreate.push(new Set(asksSoFar).size)
      created += 1
      return await shelf.store.create(...file)
    }
    const store = { ...shelf.store, create }
    await ingest({ symbols, ask, store, dates: '2019-09-16..2024-09-13', maxWorkers: 1 })
    // The first file alone, for the store may take none; then the rows of two symbols are open, and no third is fetched.
    expect({ created, askedAtCreate }).toEqual({ created: 4, askedAtCreate: [1, 3, 3, 4] })
  })

  test('are fetched by all workers where the store has nothing to do, however many rows they bring', async () => {
    const symbols = ['A', 'B', 'C', 'D']
    const usual = answering(Object.fromEntries(symbols.map((symbol) => [symbol, barsOf('2024-09-13')])))
    const together = Promise.withResolvers<void>()
    const asked = new Set<string>()
    const ask: Answer = async (call, reservation) => {
      asked.add(call.symbol)
      if (asked.size === symbols.length) together.resolve()
      // The first is stored by then; the others answer when all of them are asked.
      if (call.symbol !== 'A') await together.promise
      return await usual(call, reservation)
    }
    const ran = await ingest({ symbols, ask, dates: '2019-09-16..2024-09-13', maxWorkers: 3 })
    expect(ran.outcomes.map(({ filesWritten }) => filesWritten)).toEqual([1, 1, 1, 1])
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

  test('lets the writes in flight finish and begins no other', async () => {
    const stop = new AbortController()
    const create: Store['create'] = async (key, bytes, metadata) => {
      stop.abort(interrupted)
      return await shelf.store.create(key, bytes, metadata)
    }
    // The patience is never over.
    const clock = { ...createFakeClock(), sleep: async () => await new Promise<void>(() => undefined) }
    const ran = await ingest({
      symbols: ['A', 'B'],
      bars: ALL,
      stop,
      interruption: stop.signal,
      clock,
      store: { ...shelf.store, create },
      maxWorkers: 1,
      maxUploads: 2,
    })
    const written = await keysIn(shelf)
    expect(written.length).toBeWithin(1, 3)
    expect(outcomeOf(ran, 'A')).toMatchObject({ isFinished: false, filesWritten: written.length })
    expect(outcomeOf(ran, 'A').counts).toMatchObject({ stored: written.length, not_reached: 5 - written.length })
    expect(outcomeOf(ran, 'B').counts.not_reached).toBe(5)
    expect(ran.stoppedBy).toBe(interrupted)
  })

  test('waits for a write that hangs five seconds and no longer', async () => {
    // Something else may have stopped the run before.
    for (const reason of [interrupted, failure('key', 'run')]) {
      const stop = new AbortController()
      const user = new AbortController()
      const clock = createFakeClock()
      const create: Store['create'] = async () => {
        stop.abort(reason)
        user.abort()
        return await new Promise<'created'>(() => undefined)
      }
      const store = { ...shelf.store, create }
      const ran = await ingest({ symbols: ['A'], bars: ALL, stop, interruption: user.signal, clock, store })
      expect(clock.sleepsMs).toEqual([5_000])
      expect(outcomeOf(ran, 'A').counts.not_reached).toBe(5)
    }
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
    const create: Store['create'] = async (key, bytes, metadata) => {
      if (isStoreBad && key.endsWith('11.parquet')) throw failure('store', oneOf(random, ['symbol', 'run']))
      return await own.store.create(key, bytes, metadata)
    }
    const before = new Set(await keysIn(own))
    const ran = await ingest({
      symbols,
      mode: 'daily',
      ask: failing(bars, { [oneOf(random, symbols)]: thrown }),
      maxCalls: oneOf(random, [undefined, 3, 6]) ?? 1_000,
      maxWorkers: wholeBetween(random, 1, 5),
      store: { ...own.store, create },
    })
    // Counted in `ingest`: the fates of every symbol add up. Here: what is said to be written is there, and only that.
    const created = (await keysIn(own)).filter((key) => !before.has(key))
    expect(ran.outcomes.reduce((sum, { filesWritten }) => sum + filesWritten, 0)).toBe(created.length)
    expect(ran.outcomes.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)).toBe(created.length)
    expect(ran.outcomes.reduce((sum, { counts }) => sum + counts.stored, 0)).toBe(created.length)
    const dates = created.map((key) => parseIsoDate(key.slice(-18, -8)) ?? day('1990-01-01'))
    expect(dates.filter((date) => !isWithin(date, range) || !XNYS.isSession(date))).toEqual([])
    if (ran.stoppedBy === undefined && ran.bug === undefined) {
      expect(ran.outcomes.every(({ counts, isFinished }) => isFinished && counts.not_reached === 0)).toBe(true)
    }
    await own.remove()
  })
})
