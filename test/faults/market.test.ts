// A vendor that is wrong about the whole market: a night's bars, or the past of every symbol.

import { describe, expect, test } from 'bun:test'
import { barsFor, iso, type Bar } from '../support/bars.ts'
import { readRows } from '../support/lakes/lake.ts'
import { recordedError } from '../support/recorded.ts'
import { metricsOf, setStage, type Stage } from '../support/runs/stage.ts'

const SYMBOLS = Array.from({ length: 45 }, (_, index) => `S${index + 10}`)
const LIST = ['--tickers', SYMBOLS.join(',')]
/** Three nights in a row, each with its newest session, after a lake that ends on 2024-09-10. */
const NIGHTS = { '2024-09-11': '2024-09-12', '2024-09-12': '2024-09-13', '2024-09-13': '2024-09-14' } as const
const WRONG = '2024-09-11'

/** Bars whose volumes are beyond the band of no session by chance. */
function marketBars(symbols: readonly string[]): Record<string, readonly Bar[]> {
  const bars = barsFor(symbols, '2024-07-01', '2024-09-20')
  return Object.fromEntries(
    Object.entries(bars).map(([symbol, of]) => [
      symbol,
      of.map((bar, index) => ({ ...bar, volume: 1_000_000 + 1_000 * index })),
    ]),
  )
}

type Change = (bar: Bar, before: Bar) => Partial<Bar>

/** The stage of a lake with two weeks of every symbol, and a vendor that is wrong about one session. */
async function setMarket(change: Change, { symbols = SYMBOLS, wrong = SYMBOLS.length } = {}): Promise<Stage> {
  const bars = marketBars(symbols)
  const stage = await setStage({ bars })
  const args = ['--tickers', symbols.join(','), '--backfill', '--from-date', '2024-01-01']
  const first = await stage.run(args, { now: '2024-09-11T13:00:00Z' })
  expect(first.code).toBe(0)
  for (const symbol of symbols.slice(0, wrong)) {
    const own = bars[symbol] ?? []
    stage.bars[symbol] = own.map((bar, index) => {
      const before = own[index - 1]
      return bar.date === WRONG && before !== undefined ? { ...bar, ...change(bar, before) } : bar
    })
  }
  return stage
}

/** The bars up to a session, as the vendor has them on its night. */
async function night(stage: Stage, session: keyof typeof NIGHTS, args: readonly string[] = []) {
  const all = { ...stage.bars }
  for (const [symbol, bars] of Object.entries(all)) stage.bars[symbol] = bars.filter(({ date }) => date <= session)
  const run = await stage.run([...LIST, ...args], { now: `${NIGHTS[session]}T13:00:00Z` })
  Object.assign(stage.bars, all)
  return run
}

async function newestStored(stage: Stage): Promise<string | undefined> {
  const rows = await readRows(stage.lake, 'raw/prices')
  return rows
    .map(({ date }) => date)
    .toSorted()
    .at(-1)
}

const HUNDREDFOLD: Change = ({ volume }) => ({ volume: (volume ?? 0) * 100 })

describe('a session that looks wrong for the whole market', () => {
  test.each<[what: string, change: Change, reason: RegExp]>([
    [
      'volumes × 100',
      HUNDREDFOLD,
      /^\d\d of 40 symbols have a volume outside 0\.1 to 10 times the usual one, the median \d+(\.\d+)? times$/,
    ],
    [
      'a repeated session',
      (_, before) => ({ ...before, date: iso(WRONG) }),
      /^40 of 40 symbols repeat the bar before it in all prices and the volume$/,
    ],
    ['no volume', () => ({ volume: 0 }), /^40 of 40 symbols have no volume or a single price$/],
    [
      'a single price',
      ({ close }) => ({ open: close, high: close, low: close }),
      /^40 of 40 symbols have no volume or a single price$/,
    ],
    [
      'prices in cents',
      (bar) => ({
        ...bar,
        open: (bar.open ?? 0) * 100,
        high: (bar.high ?? 0) * 100,
        low: (bar.low ?? 0) * 100,
        close: (bar.close ?? 0) * 100,
        adjClose: (bar.adjClose ?? 0) * 100,
      }),
      /^the median return of 40 symbols is \d+\.\d %$/,
    ],
  ])('with %s is held, for every symbol', async (_, change, reason) => {
    await using stage = await setMarket(change)
    const run = await night(stage, '2024-09-11')
    expect({ code: run.code, newest: await newestStored(stage) }).toEqual({ code: 1, newest: '2024-09-10' })
    const metrics = metricsOf(run)
    expect(metrics.held_sessions).toEqual([{ date: iso(WRONG), reason: expect.stringMatching(reason) }])
    expect(metrics).toMatchObject({ errors: 1, files_written: 0, counts: { failed: 45, stored: 0 } })
    expect(run.stdout).toContain(`\n✋ Session held: ${WRONG}\n`)
    expect(run.stderr).toContain(`❌ FMP's session ${WRONG} looks wrong for the whole market: `)
    expect(run.stderr).toContain(`--accept-session ${WRONG}`)
    expect(run.stderr.match(/❌/g)).toHaveLength(1)
  })

  test('holds those after it too while it is among the last three, and is then stored as suspect', async () => {
    await using stage = await setMarket(HUNDREDFOLD)
    for (const session of ['2024-09-11', '2024-09-12', '2024-09-13'] as const) {
      const run = await night(stage, session)
      expect({ session, code: run.code, newest: await newestStored(stage) }).toEqual({
        session,
        code: 1,
        newest: '2024-09-10',
      })
      expect(metricsOf(run).held_sessions.map(({ date }) => date)).toEqual([iso(WRONG)])
    }
    const run = await stage.run(LIST, { now: '2024-09-17T13:00:00Z' })
    expect({ code: run.code, newest: await newestStored(stage) }).toEqual({ code: 0, newest: '2024-09-16' })
    expect(metricsOf(run)).toMatchObject({ held_sessions: [], suspect_rows: 45, counts: { stored: 4 * 45 } })
    expect(run.stderr).toMatch(
      /\): 1 row stored that looks wrong, the first is 2024-09-11: \d\d of 40 symbols have a volume/,
    )
  })

  test('is stored on the night on which the vendor has put it right', async () => {
    await using stage = await setMarket(HUNDREDFOLD)
    expect((await night(stage, '2024-09-11')).code).toBe(1)
    Object.assign(stage.bars, marketBars(SYMBOLS))
    const run = await night(stage, '2024-09-12')
    expect(metricsOf(run)).toMatchObject({ exit_code: 0, held_sessions: [], suspect_rows: 0, counts: { stored: 90 } })
  })

  test('is stored with --accept-session, and counted as suspect', async () => {
    await using stage = await setMarket(HUNDREDFOLD)
    const run = await night(stage, '2024-09-11', ['--accept-session', WRONG])
    expect({ code: run.code, newest: await newestStored(stage) }).toEqual({ code: 0, newest: WRONG })
    expect(metricsOf(run)).toMatchObject({ held_sessions: [], suspect_rows: 45, settings: { accept_session: [WRONG] } })
  })

  test('a date of --accept-session that nothing could hold is a usage error, before any call', async () => {
    await using stage = await setMarket(HUNDREDFOLD)
    const calls = stage.fmp.requests.length
    const run = await night(stage, '2024-09-11', ['--accept-session', '2024-09-01'])
    expect({ code: run.code, calls: stage.fmp.requests.length }).toEqual({ code: 2, calls })
    expect(run.stderr).toContain(
      '--accept-session names 2024-09-01: only the last three finished sessions are ever held back. They are 2024-09-09, 2024-09-10, 2024-09-11;',
    )
  })

  test('is not held for half of the symbols, nor for fewer than twenty', async () => {
    await using half = await setMarket(HUNDREDFOLD, { wrong: 20 })
    expect((await night(half, '2024-09-11')).code).toBe(0)
    const few = SYMBOLS.slice(0, 19)
    await using small = await setMarket(HUNDREDFOLD, { symbols: few, wrong: 19 })
    const run = await small.run(['--tickers', few.join(',')], { now: '2024-09-12T13:00:00Z' })
    expect(metricsOf(run)).toMatchObject({ exit_code: 0, held_sessions: [] })
  })

  test('that most symbols lack is no reason: what is there is stored, and one line says how many lack it', async () => {
    await using stage = await setMarket(() => ({}))
    for (const symbol of SYMBOLS.slice(0, 30)) {
      stage.bars[symbol] = (stage.bars[symbol] ?? []).filter(({ date }) => date < WRONG)
    }
    const run = await night(stage, '2024-09-11')
    expect(metricsOf(run)).toMatchObject({ exit_code: 0, held_sessions: [], counts: { stored: 15, no_data: 30 } })
    expect(run.stderr.match(/⚠️/g)).toHaveLength(1)
    expect(run.stderr).toMatch(/30 symbols \(.*\): FMP has no data from 2024-09-11 to 2024-09-11; the newest stored is/)
  })

  test('a backfill stores the year up to the day before it, and asks for it again', async () => {
    await using stage = await setMarket(HUNDREDFOLD)
    const args = [...LIST, '--backfill', '--from-date', '2024-01-01']
    const run = await stage.run(args, { now: '2024-09-12T13:00:00Z' })
    expect(metricsOf(run)).toMatchObject({ exit_code: 1, held_sessions: [{ date: WRONG }] })
    expect(await newestStored(stage)).toBe('2024-09-10')
    Object.assign(stage.bars, marketBars(SYMBOLS))
    const again = await stage.run(args, { now: '2024-09-12T13:00:00Z' })
    expect({ code: again.code, newest: await newestStored(stage) }).toEqual({ code: 0, newest: WRONG })
  })

  test('costs no further call, and symbols that fail do not block the others', async () => {
    await using stage = await setMarket(HUNDREDFOLD)
    Object.assign(stage.bars, marketBars(SYMBOLS))
    const calls = stage.fmp.requests.length
    stage.onRequest = ({ symbol }) => (symbol > 'S30' ? recordedError('symbol-not-in-plan') : undefined)
    const run = await night(stage, '2024-09-11')
    expect(metricsOf(run)).toMatchObject({ exit_code: 1, counts: { stored: 21, failed: 24 }, held_sessions: [] })
    expect(stage.fmp.requests.length - calls).toBeLessThanOrEqual(2 * 45 + 2 * 24)
  })
})

const doubled = (value: number | null) => (value === null ? null : value * 2)

/** The stage of a vendor whose prices of these symbols have all doubled, those of the new session too. */
async function setDoubled(symbols: readonly string[]): Promise<Stage> {
  const stage = await setMarket(() => ({}))
  for (const symbol of symbols) {
    stage.bars[symbol] = (stage.bars[symbol] ?? []).map((bar) => ({
      ...bar,
      open: doubled(bar.open),
      high: doubled(bar.high),
      low: doubled(bar.low),
      close: doubled(bar.close),
      adjClose: doubled(bar.adjClose),
    }))
  }
  return stage
}

describe('a past that changes for many symbols at once', () => {
  test('is left as it is, at no further call, and no new session of theirs is stored', async () => {
    const changed = SYMBOLS.slice(0, 30)
    await using stage = await setDoubled(changed)
    const calls = stage.fmp.requests.length
    const run = await night(stage, '2024-09-11', ['--audit', '0'])
    expect({ code: run.code, calls: stage.fmp.requests.length - calls }).toEqual({ code: 1, calls: 90 })
    expect(metricsOf(run)).toMatchObject({ errors: 1, looks: 0, mended_files: 0, held_symbols: 30 })
    expect(metricsOf(run)).toMatchObject({ held_sessions: [], counts: { stored: 15, failed: 30 } })
    expect(run.stderr).toMatch(
      /Old prices have changed at FMP for \d+ of the first 40 symbols at once: 30 symbols were left as they are, new sessions too\. Check FMP_API, .*--accept all/,
    )
  })

  test('is taken with --accept all', async () => {
    await using stage = await setDoubled(SYMBOLS)
    const run = await night(stage, '2024-09-11', ['--audit', '0', '--accept', 'all'])
    expect(metricsOf(run)).toMatchObject({ exit_code: 0, mended_symbols: 45, held_symbols: 0, counts: { stored: 45 } })
  })

  test('of a quarter is no fault of all: each is looked at and mended', async () => {
    await using stage = await setDoubled(SYMBOLS.slice(0, 10))
    const run = await night(stage, '2024-09-11', ['--audit', '0'])
    expect(metricsOf(run)).toMatchObject({ exit_code: 0, mended_symbols: 10, held_symbols: 0, counts: { stored: 45 } })
  })
})
