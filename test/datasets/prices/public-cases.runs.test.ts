// Public cases of a vendor's past that moved, as nights of the program: what is stored, said and counted, and the exit code.
// The verdicts alone are in public-cases.test.ts. Figures are public; levels and dates that nobody published are ours.

import { expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { addDays, type IsoDate } from '../../../lib/core/dates.ts'
import { cents, dayKey, iso, makeBars, type Bar } from '../../support/bars.ts'
import { isDataKey } from '../../support/lakes/lake.ts'
import { compareWithVendor, winningRows } from '../../support/lakes/stale-rows.ts'
import { readRealSeries, realRowOn } from '../../support/real-prices.ts'
import { fixtureText } from '../../support/recorded.ts'
import { metricsOf, setStage, type Run, type Stage } from '../../support/runs/stage.ts'
import { barsOn, type PastEvent, type TradedBar } from '../../support/servers/moving-past.ts'
import type { Bars } from '../../support/servers/vendor.ts'

/** The morning after a session in New York. */
const morningAfter = (session: string) => `${addDays(iso(session), 1)}T13:00:00Z`

/** A lake that was backfilled on the morning after a session, over a vendor with these bars then. */
async function lakeOf(bars: Bars, through: string): Promise<Stage> {
  const stage = await setStage({ bars })
  const run = await night(stage, bars, through, ['--backfill', '--from-date', oldestOf(bars)])
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 })
  return stage
}

function oldestOf(bars: Bars): string {
  const dates = Object.values(bars).flatMap((all) => all.map(({ date }) => date))
  return dates.toSorted()[0] ?? ''
}

/** A run on the morning after a session, over a vendor with these bars now. */
async function night(stage: Stage, bars: Bars, session: string, args: readonly string[] = []): Promise<Run> {
  for (const symbol of Object.keys(stage.bars)) delete stage.bars[symbol]
  Object.assign(stage.bars, bars)
  return await stage.run(['--tickers', Object.keys(bars).join(','), ...args], { now: morningAfter(session) })
}

/** What a run says of the past of a symbol. */
function pastOf(run: Run, symbol?: string) {
  const { results } = metricsOf(run)
  return results.find((result) => symbol === undefined || result.symbol === symbol)?.past
}

async function storedKeys({ lake }: Stage): Promise<readonly string[]> {
  return (await lake.keys()).filter(isDataKey)
}

type Story = {
  readonly from: string
  readonly to: string
  readonly events?: readonly PastEvent[]
  /** The close of a session as it was traded. */
  readonly at: readonly [session: string, close: number]
}

/** Bars as they were traded: a split moves the prices of its own session. */
function tradedBars(seed: number, { from, to, events = [], at: [session, close] }: Story): readonly TradedBar[] {
  const bars = makeBars(XNYS.sessions({ from: iso(from), to: iso(to) }), seed)
  const anchor = bars.find(({ date }) => date === session)
  if (anchor === undefined) throw new Error(`${session} is no session of the story`)
  const sharesOn = (date: IsoDate) =>
    events
      .filter(({ exDate }) => exDate <= date)
      .reduce((product, { split: [after, before] = [1, 1] }) => (product * after) / before, 1)
  const unit = (close * sharesOn(anchor.date)) / (anchor.close ?? 1)
  return bars.map((bar) => {
    const times = (value: number | null) => cents(((value ?? 0) * unit) / sharesOn(bar.date))
    const [open, high, low, last] = [times(bar.open), times(bar.high), times(bar.low), times(bar.close)]
    return { date: bar.date, open, high, low, close: last, volume: Math.round((bar.volume ?? 0) * sharesOn(bar.date)) }
  })
}

/** The bars of a vendor that has applied an event on the night of its ex date, and by mistake not to all sessions. */
function halfApplied(
  traded: readonly TradedBar[],
  event: PastEvent,
  isForgotten: (sessionsBefore: number) => boolean,
): readonly Bar[] {
  const [applied, unapplied] = [[event], []].map((events) => barsOn(event.exDate, traded, events))
  const at = applied?.findIndex(({ date }) => date === event.exDate) ?? 0
  return (applied ?? []).map((bar, index) => (isForgotten(at - index) ? (unapplied?.[index] ?? bar) : bar))
}

test('case 1: AAPL 4:1 of 2020-08-31 (recorded bodies): rebased 4:1', async () => {
  await using stage = await setStage()
  stage.bars['AAPL'] = recordedBeforeSplit()
  const dates = ['--from-date', '2020-08-27', '--to-date', '2020-08-28']
  expect((await stage.run(['--tickers', 'AAPL', ...dates], { now: morningAfter('2020-08-28') })).code).toBe(0)

  stage.onRequest = ({ variant }) => new Response(fixtureText(bodyOf(variant ?? '')))
  const run = await stage.run(['--tickers', 'AAPL'], { now: morningAfter('2020-09-02') })
  expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 0, calls: 2 })
  expect(run.stdout).toContain('\n🩹 Mended: 1 symbol, 1 file (AAPL 4:1 before 2020-08-31)\n')
  expect(pastOf(run)).toMatchObject({ verdict: 'rebased', compared_sessions: 2, wholly: true, mended_files: 1 })
  expect(pastOf(run)?.steps).toEqual([expect.objectContaining({ ratio: '4:1', dividend: null })])
  expect(await compareWithVendor(stage.lake, { AAPL: recordedAfterSplit() })).toEqual({ rows: 5, stale: [] })
})

test.each([
  {
    name: 'case 7: JEF 1046:1000 of 2023-01-17, 37 sessions late: rebased, by the audit',
    symbol: 'JEF',
    story: { from: '2022-06-01', to: '2023-03-13', at: ['2023-01-13', 36] },
    event: { exDate: '2023-01-17', from: '2023-03-10', split: [1_046, 1_000] },
    price: 1_000 / 1_046,
    files: 2,
  },
  {
    name: 'case 8: TDW 31:1000 of 2017-08-01, five months late: rebased, by the audit',
    symbol: 'TDW',
    story: { from: '2017-01-03', to: '2018-01-09', at: ['2017-07-31', 0.92] },
    event: { exDate: '2017-08-01', from: '2018-01-08', split: [31, 1_000] },
    price: 1_000 / 31,
    files: 1,
  },
] as const)('$name', async ({ symbol, story, event, price, files }) => {
  const own: PastEvent = { ...event, exDate: iso(event.exDate), from: iso(event.from) }
  const traded = tradedBars(7, { ...story, events: [own] })
  const barsOf = (today: string) => ({ [symbol]: barsOn(iso(today), traded, [own]) })
  const sessions = traded.map(({ date }) => date)
  const at = sessions.indexOf(iso(event.from))
  await using stage = await lakeOf(barsOf(sessions[at - 1] ?? ''), sessions[at - 1] ?? '')

  const blind = await night(stage, barsOf(sessions[at] ?? ''), sessions[at] ?? '', ['--audit', '0'])
  expect({ code: blind.code, past: pastOf(blind) }).toMatchObject({ code: 0, past: { verdict: 'same', wholly: false } })
  const run = await night(stage, barsOf(sessions[at + 1] ?? ''), sessions[at + 1] ?? '')
  expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 0, calls: 2 })
  expect(metricsOf(run)).toMatchObject({ looks: 0, mended_files: files, counts: { stored: 1 } })
  const past = pastOf(run)
  expect(past).toMatchObject({ verdict: 'rebased', wholly: true, held: false, steps: [{ before: event.exDate }] })
  expect((past?.steps[0]?.price_factor ?? 0) / price).toBeCloseTo(1, 2)
  expect(run.stdout).toContain(`\n🩹 Mended: 1 symbol, ${files} file${files === 1 ? '' : 's'} (${symbol} `)
  expect(await compareWithVendor(stage.lake, stage.bars)).toEqual({ rows: at + 2, stale: [] })
})

test('case 9: INFY 2:1 of 2018-09-11, adjusted up to a wrong date, 20.7 beside 10.35: implausible, held', async () => {
  const event: PastEvent = { exDate: iso('2018-09-11'), split: [2, 1] }
  const traded = tradedBars(9, { from: '2018-03-01', to: '2018-09-12', events: [event], at: ['2018-09-10', 20.7] })
  const right = (today: string) => ({ INFY: barsOn(iso(today), traded, [event]) })
  const wrong = { INFY: halfApplied(traded, event, (sessionsBefore) => sessionsBefore === 1 || sessionsBefore === 2) }
  await using stage = await lakeOf(right('2018-09-10'), '2018-09-10')
  const keys = await storedKeys(stage)

  const held = await night(stage, wrong, '2018-09-11')
  expect(held.code).toBe(1)
  expect(held.stdout).toContain('\n✋ Held back: 1 symbol\n')
  expect(held.stderr).toMatch(
    /^❌ INFY: FMP's past of INFY has changed in a way that puts a jump into the series: .* --accept INFY/m,
  )
  expect(pastOf(held)).toMatchObject({ verdict: 'implausible', held: true, mended_files: 0 })
  expect({ keys: await storedKeys(stage), changed: held.changed }).toEqual({ keys, changed: [] })

  const run = await night(stage, right('2018-09-12'), '2018-09-12')
  expect({ code: run.code, past: pastOf(run) }).toMatchObject({ code: 0, past: { verdict: 'rebased', held: false } })
  expect(await compareWithVendor(stage.lake, stage.bars)).toEqual({ rows: traded.length, stale: [] })
})

test('case 11: SAEX 1:10 of 2018-09-17, adjusted before its first bar: rebased, one session early', async () => {
  const event: PastEvent = { exDate: iso('2018-09-17'), from: iso('2018-09-14'), split: [1, 10] }
  const traded = tradedBars(11, { from: '2018-03-01', to: '2018-09-17', events: [event], at: ['2018-09-13', 0.45] })
  const barsOf = (today: string) => ({ SAEX: barsOn(iso(today), traded, [event]) })
  await using stage = await lakeOf(barsOf('2018-09-13'), '2018-09-13')
  const run = await night(stage, barsOf('2018-09-14'), '2018-09-14')
  expect({ code: run.code, past: pastOf(run) }).toMatchObject({
    code: 0,
    past: { verdict: 'rebased', held: false, steps: [{ before: '2018-09-14', ratio: '1:10' }] },
  })
  const next = await night(stage, barsOf('2018-09-17'), '2018-09-17')
  expect({ code: next.code, past: pastOf(next) }).toMatchObject({ code: 0, past: { verdict: 'same' } })
  expect(await compareWithVendor(stage.lake, stage.bars)).toEqual({ rows: traded.length, stale: [] })
})

/** A reverse split that the vendor has not applied to its past: 0.17 stays beside 3.51. */
async function setTtnp() {
  const event: PastEvent = { exDate: iso('2020-12-01'), from: iso('2021-02-16'), split: [1, 30] }
  const story = { from: '2020-06-01', to: '2021-02-16', events: [event], at: ['2020-11-30', 0.17] as const }
  const traded = tradedBars(12, story).map((bar) => {
    // The shares fell on that day: 0.17 × 30 would be 5.10.
    return bar.date < event.exDate ? bar : scaledBar(bar, 3.51 / 5.1)
  })
  const opening = traded.find(({ date }) => date === event.exDate)?.open
  expect(opening).toBeWithin(3.4, 3.6)
  const barsOf = (today: string) => ({ TTNP: barsOn(iso(today), traded, [event]) })
  return { stage: await lakeOf(barsOf('2020-11-30'), '2020-11-30'), barsOf }
}

function scaledBar(bar: TradedBar, factor: number): TradedBar {
  const times = (value: number | null) => cents((value ?? 0) * factor)
  return { ...bar, open: times(bar.open), high: times(bar.high), low: times(bar.low), close: times(bar.close) }
}

test('case 12: TTNP 1:30 of 2020-12-01, still unadjusted 2021-02-15, the split listed: the new bar is held', async () => {
  const { stage, barsOf } = await setTtnp()
  await using _ = stage
  const listed = [{ symbol: 'TTNP', date: '2020-12-01', numerator: 1, denominator: 30, splitType: 'stock-split' }]
  stage.onRequest = ({ path }) => (path === '/stable/splits' ? Response.json(listed) : undefined)
  const first = await night(stage, barsOf('2020-12-01'), '2020-12-01')
  expect({ code: first.code, calls: first.requests.length, changed: first.changed }).toEqual({
    code: 0,
    calls: 3,
    changed: [],
  })
  expect(pastOf(first)).toMatchObject({ verdict: 'unsettled', held: true })
  expect(first.stderr).toContain('⚠️ TTNP: FMP lists a 1:30 split of TTNP on 2020-12-01')
  const late = await night(stage, barsOf('2021-02-12'), '2021-02-12')
  expect({ code: late.code, changed: late.changed }).toEqual({ code: 1, changed: [] })

  const run = await night(stage, barsOf('2021-02-16'), '2021-02-16')
  expect({ code: run.code, past: pastOf(run) }).toMatchObject({
    code: 0,
    past: { verdict: 'rebased', held: false, steps: [{ before: '2020-12-01' }] },
  })
  expect((await compareWithVendor(stage.lake, stage.bars)).stale).toEqual([])
})

test('case 12: TTNP 1:30 of 2020-12-01, the split not listed: stored, suspect; rebased once it is applied', async () => {
  const { stage, barsOf } = await setTtnp()
  await using _ = stage
  stage.onRequest = ({ path }) => (path === '/stable/splits' ? Response.json([]) : undefined)
  const first = await night(stage, barsOf('2020-12-01'), '2020-12-01')
  expect({ code: first.code, changed: first.changed }).toEqual({ code: 0, changed: [dayKey('TTNP', '2020-12-01')] })
  expect(metricsOf(first)).toMatchObject({ suspect_rows: 1, held_symbols: 0 })

  const run = await night(stage, barsOf('2021-02-16'), '2021-02-16')
  expect({ code: run.code, past: pastOf(run) }).toMatchObject({
    code: 0,
    past: { verdict: 'rebased', held: false, wholly: true, steps: [{ before: '2020-12-01' }] },
  })
  expect((await compareWithVendor(stage.lake, stage.bars)).stale).toEqual([])
})

test.each([
  ['adjusted', 1],
  ['unadjusted', 2],
])(
  'case 13: CNE.L of 2023-05-15, most old rows unadjusted, some adjusted, the newest %s: other, held',
  async (_, first) => {
    const event: PastEvent = { exDate: iso('2023-05-15'), split: [14, 25] }
    const traded = tradedBars(13, { from: '2022-09-01', to: '2023-05-15', events: [event], at: ['2023-05-12', 230] })
    const wrong = halfApplied(traded, event, (sessionsBefore) => sessionsBefore > 0 && sessionsBefore % 3 !== first)
    await using stage = await lakeOf({ 'CNE.L': barsOn(iso('2023-05-12'), traded, [event]) }, '2023-05-12')
    const keys = await storedKeys(stage)
    const run = await night(stage, { 'CNE.L': wrong }, '2023-05-15')
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(
      /^❌ CNE\.L: FMP's past of CNE\.L has changed in a way that is explained by no split and no dividend: /m,
    )
    expect(pastOf(run)).toMatchObject({ verdict: 'other', held: true, mended_files: 0 })
    expect({ keys: await storedKeys(stage), changed: run.changed }).toEqual({ keys, changed: [] })
  },
)

test('case 14: AAPL, NVDA, TSLA, all splits lost from 2021-12-10 to 2021-12-14: implausible, history left, bar stored', async () => {
  const series = (
    [
      ['AAPL', 179, { exDate: iso('2020-08-31'), split: [4, 1] }],
      ['NVDA', 305, { exDate: iso('2021-07-20'), split: [4, 1] }],
      ['TSLA', 1_004, { exDate: iso('2020-08-31'), split: [5, 1] }],
    ] as const
  ).map(([symbol, close, event]) => {
    const story = { from: '2020-03-02', to: '2021-12-15', events: [event], at: ['2021-12-09', close] as const }
    return { symbol, event, traded: tradedBars(close, story) }
  })
  const barsOf = (today: string, areLost: boolean) =>
    Object.fromEntries(
      series.map(({ symbol, event, traded }) => {
        const bars = barsOn(iso(today), traded, areLost ? [] : [event])
        // The newest volume is final a night later: that alone holds no bar.
        return [symbol, bars.map((bar) => (bar.date === today ? { ...bar, volume: (bar.volume ?? 0) + 100 } : bar))]
      }),
    )
  await using stage = await lakeOf(barsOf('2021-12-09', false), '2021-12-09')
  for (const session of ['2021-12-10', '2021-12-13', '2021-12-14']) {
    const run = await night(stage, barsOf(session, true), session)
    const { errors, held_symbols: held, mended_files: mended, looks, counts } = metricsOf(run)
    expect({ code: run.code, errors, held, mended, looks }).toEqual({
      code: 1,
      errors: 3,
      held: 0,
      mended: 0,
      looks: 0,
    })
    expect(counts).toMatchObject({ stored: 3, failed: 0 })
    for (const { symbol } of series) {
      expect(pastOf(run, symbol)).toMatchObject({ verdict: 'implausible', held: false })
      const text = `❌ ${symbol}: FMP's past of ${symbol} has changed in a way that puts a jump into the series`
      expect(run.stderr).toContain(text)
    }
    expect(run.changed.toSorted()).toEqual(series.map(({ symbol }) => dayKey(symbol, session)))
  }
  const run = await night(stage, barsOf('2021-12-15', false), '2021-12-15')
  expect({ code: run.code, mended: metricsOf(run).mended_files }).toMatchObject({ code: 0 })
  const rows = series.reduce((sum, { traded }) => sum + traded.length, 0)
  expect(await compareWithVendor(stage.lake, stage.bars)).toEqual({ rows, stale: [] })
})

test.each<[string, string, (bar: Bar) => Bar, RegExp]>([
  [
    'every stock’s volume × 100 on 2019-10-31',
    '2019-10-31',
    (bar) => ({ ...bar, volume: 100 * (bar.volume ?? 0) }),
    /^20 of 20 symbols have a volume outside 0\.1 to 10 times the usual one, the median \d+ times$/,
  ],
  [
    'every close wrong on 2019-08-23',
    '2019-08-23',
    (bar) => ({ ...bar, close: cents((bar.close ?? 0) / 2), adjClose: cents((bar.adjClose ?? 0) / 2) }),
    /^the median return of 20 symbols is -\d+\.\d %$/,
  ],
])('case 15: %s: session held', async (_, wrong, change, reason) => {
  const from = addDays(iso(wrong), -45)
  const before = XNYS.lastSessionBefore(iso(wrong))
  const symbols = Array.from({ length: 20 }, (_symbol, index) => `S${index + 10}`)
  const series = symbols.map((symbol, index) => {
    const bars = tradedBars(150 + index, { from, to: wrong, at: [before, 50 + index] })
    return [
      symbol,
      barsOn(iso(wrong), bars, []).map((bar, at) => ({ ...bar, volume: 1_000_000 + 1_000 * at })),
    ] as const
  })
  const good = Object.fromEntries(series)
  const bad = Object.fromEntries(
    series.map(([symbol, bars]) => [symbol, [...bars.slice(0, -1), ...bars.slice(-1).map(change)]]),
  )
  const old = Object.fromEntries(series.map(([symbol, bars]) => [symbol, bars.slice(0, -1)]))
  await using stage = await lakeOf(old, before)
  const run = await night(stage, bad, wrong)
  expect({ code: run.code, changed: run.changed }).toEqual({ code: 1, changed: [] })
  expect(metricsOf(run).held_sessions).toEqual([{ date: iso(wrong), reason: expect.stringMatching(reason) }])
  expect(run.stdout).toContain(`\n✋ Session held: ${wrong}\n`)
  expect(run.stderr).toContain(`❌ FMP's session ${wrong} looks wrong for the whole market: `)

  const right = await night(stage, good, wrong)
  expect({ code: right.code, changed: right.changed.length }).toEqual({ code: 0, changed: 20 })
  expect((await compareWithVendor(stage.lake, good)).stale).toEqual([])
})

test('case 17: MSFT 2:1 of 2003-02-18 and a dividend a day later (real prices), a night skipped: rebased and readjusted at once', async () => {
  const all = ((await readRealSeries()).get('MSFT') ?? []).filter(
    ({ date }) => '2002-07-01' <= date && date <= '2003-02-19',
  )
  const barsOf = (today: string) => {
    const newest = all.find(({ date }) => date === today)
    if (newest === undefined) throw new Error(`MSFT has no session ${today}`)
    const rows = all.filter(({ date }) => date <= today).map((session) => realRowOn('MSFT', session, newest))
    return { MSFT: rows.map(({ symbol: _symbol, ...bar }) => bar as unknown as Bar) }
  }
  await using stage = await lakeOf(barsOf('2003-02-14'), '2003-02-14')
  const run = await night(stage, barsOf('2003-02-19'), '2003-02-19')
  expect({ code: run.code, metrics: metricsOf(run) }).toMatchObject({
    code: 0,
    metrics: { mended_files: 2, counts: { stored: 2 } },
  })
  const [step] = pastOf(run)?.steps ?? []
  expect(pastOf(run)).toMatchObject({ verdict: 'rebased', steps: [{ before: '2003-02-18', ratio: '2:1' }] })
  expect(step?.dividend).toBeCloseTo(0.08, 1)
  expect(run.stdout).toMatch(/\n🩹 Mended: 1 symbol, 2 files \(MSFT 2:1 and dividend 0\.0\d+ before 2003-02-18\)\n/)
  expect(await compareWithVendor(stage.lake, stage.bars)).toEqual({ rows: all.length, stale: [] })
})

test('case 19: CCE dividend 0.26, later 0.31: readjusted at a deep boundary, by the audit', async () => {
  const exDate = iso('2018-02-23')
  const traded = tradedBars(19, { from: '2017-07-03', to: '2018-06-29', at: ['2018-02-22', 38] })
  const barsOf = (today: string, amount: number) => ({
    CCE: barsOn(iso(today), traded, [{ exDate, dividend: amount }]),
  })
  await using stage = await lakeOf(barsOf('2018-06-27', 0.26), '2018-06-27')
  const blind = await night(stage, barsOf('2018-06-28', 0.31), '2018-06-28', ['--audit', '0'])
  expect(pastOf(blind)).toMatchObject({ verdict: 'same', wholly: false })
  const run = await night(stage, barsOf('2018-06-29', 0.31), '2018-06-29')
  expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 0, calls: 2 })
  expect(pastOf(run)).toMatchObject({ verdict: 'readjusted', wholly: true, mended_files: 2 })
  expect(pastOf(run)?.steps).toEqual([expect.objectContaining({ before: exDate, price_factor: 1, ratio: null })])
  expect(pastOf(run)?.steps[0]?.dividend).toBeCloseTo(0.05, 2)
  expect(await compareWithVendor(stage.lake, stage.bars)).toEqual({ rows: traded.length, stale: [] })
})

/** A fund of which 12.31 is the last close, and the company whose bars the vendor has under its ticker since. */
const FUND = tradedBars(20, { from: '2021-07-01', to: '2022-01-31', at: ['2022-01-31', 12.31] })
const COMPANY = tradedBars(21, { from: '2021-07-01', to: '2022-06-10', at: ['2022-06-09', 184] })

/** The night of a session over a lake of the fund. */
async function setMeta() {
  const stage = await lakeOf({ META: barsOn(iso('2022-01-31'), FUND, []) }, '2022-01-31')
  return { stage, keys: await storedKeys(stage), company: (today: string) => barsOn(iso(today), COMPANY, []) }
}

test('case 20: META, a fund at 12.31 until 2022-01-31, then FB’s series at 184.00: other, held', async () => {
  const { stage, keys, company } = await setMeta()
  await using _ = stage
  const run = await night(stage, { META: company('2022-06-09') }, '2022-06-09')
  expect(run.code).toBe(1)
  expect(run.stdout).toContain('\n✋ Held back: 1 symbol\n')
  expect(run.stderr).toMatch(
    /^❌ META: FMP's past of META has changed in a way that is explained by no split and no dividend: .* close of 2022-01-31 was 12\.31 and is /m,
  )
  expect(run.stderr).toContain('of a symbol that another company has taken over move its folder away and backfill.')
  expect(pastOf(run)).toMatchObject({ verdict: 'other', held: true, mended_files: 0 })
  expect({ keys: await storedKeys(stage), changed: run.changed }).toEqual({ keys, changed: [] })
})

test('case 20: META, of which FMP has no row before 2022-06-09 any more: other, held, until it is accepted', async () => {
  const { stage, keys, company } = await setMeta()
  await using _ = stage
  const barsOf = (today: string) => ({ META: company(today).filter(({ date }) => date >= '2022-06-09') })
  for (const session of ['2022-06-09', '2022-06-10']) {
    const run = await night(stage, barsOf(session), session, ['--audit', '0'])
    expect(run.code).toBe(1)
    expect(run.stderr).toMatch(
      /^❌ META: .*: FMP has none of the 10 sessions up to 2022-01-31 any more\. .*--accept META/m,
    )
    expect(pastOf(run)).toMatchObject({ verdict: 'other', held: true, compared_sessions: 0, compared_from: null })
    expect({ keys: await storedKeys(stage), changed: run.changed }).toEqual({ keys, changed: [] })
  }
  const run = await night(stage, barsOf('2022-06-10'), '2022-06-10', ['--accept', 'META'])
  expect(run.code).toBe(0)
  expect(run.changed.toSorted()).toEqual(['2022-06-09', '2022-06-10'].map((date) => dayKey('META', date)))
})

test('case 20: META, of which FMP has both series in one: the new bar is suspect', async () => {
  const { stage, company } = await setMeta()
  await using _ = stage
  stage.onRequest = ({ path }) => (path === '/stable/splits' ? Response.json([]) : undefined)
  const bars = [
    ...barsOn(iso('2022-01-31'), FUND, []),
    ...company('2022-06-09').filter(({ date }) => date >= '2022-06-09'),
  ]
  const run = await night(stage, { META: bars }, '2022-06-09')
  expect({ code: run.code, changed: run.changed }).toEqual({ code: 0, changed: [dayKey('META', '2022-06-09')] })
  expect(metricsOf(run)).toMatchObject({ suspect_rows: 1, held_symbols: 0 })
})

test('case 21: HIIQ is BFYT from 2020-03-06: the old symbol has no data, a warning; the new one is a newcomer', async () => {
  const traded = tradedBars(21, { from: '2019-12-02', to: '2020-03-09', at: ['2020-03-05', 25] })
  const old = barsOn(iso('2020-03-05'), traded, [])
  await using stage = await lakeOf({ HIIQ: old }, '2020-03-05')
  const run = await night(stage, { HIIQ: old, BFYT: barsOn(iso('2020-03-06'), traded, []) }, '2020-03-06')
  expect(run.code).toBe(0)
  expect(run.stderr).toContain(
    '⚠️ HIIQ: FMP has no data from 2020-03-06 to 2020-03-06; the newest stored is 2020-03-05.',
  )
  expect(run.changed).toEqual([dayKey('BFYT', '2020-03-06')])
  expect(metricsOf(run)).toMatchObject({ errors: 0, counts: { stored: 1, no_data: 1 } })
  expect(pastOf(run, 'BFYT')).toBeNull()

  const next = await night(stage, { HIIQ: [], BFYT: barsOn(iso('2020-03-09'), traded, []) }, '2020-03-09')
  expect(next.code).toBe(0)
  expect(next.changed).toEqual([dayKey('BFYT', '2020-03-09')])
  expect(next.stderr).toContain(
    '⚠️ HIIQ: FMP has no data from 2020-03-06 to 2020-03-09; the newest stored is 2020-03-05.',
  )
  expect((await winningRows(stage.lake)).size).toBe(old.length + 2)
})

/** The rows before the split as the vendor had them then: as traded, their adjusted closes four times what they are now. */
function recordedBeforeSplit(): readonly Bar[] {
  const now = new Map(recordedAfterSplit().map(({ date, adjClose }) => [date, adjClose]))
  const asTraded = recordedRows<'adjOpen' | 'adjHigh' | 'adjLow' | 'adjClose' | 'volume'>('non-split-adjusted')
  return asTraded
    .filter(({ date }) => date < '2020-08-31')
    .map(({ date, adjOpen: open, adjHigh: high, adjLow: low, adjClose: close, volume }) => {
      return { date, open, high, low, close, adjClose: cents(4 * (now.get(date) ?? 0)), volume }
    })
}

function recordedAfterSplit(): readonly Bar[] {
  const adjusted = new Map(recordedRows<'adjClose'>('dividend-adjusted').map(({ date, adjClose }) => [date, adjClose]))
  return recordedRows<'open' | 'high' | 'low' | 'close' | 'volume'>('full').map(
    ({ date, open, high, low, close, volume }) => {
      return { date, open, high, low, close, adjClose: adjusted.get(date) ?? null, volume }
    },
  )
}

const bodyOf = (variant: string) => `stable-historical-price-eod-${variant}.AAPL.2020-split.json`

function recordedRows<T extends string>(variant: string) {
  return JSON.parse(fixtureText(bodyOf(variant))) as readonly (Readonly<Record<T, number>> & {
    readonly date: IsoDate
  })[]
}
