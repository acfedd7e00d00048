// `ingest verify` over whole lakes: those that the program itself has made, in which nothing is wrong, and those whose past
// has moved.

import { describe, expect, test } from 'bun:test'
import { XNYS } from '../../../lib/core/calendar.ts'
import { addDays, type IsoDate } from '../../../lib/core/dates.ts'
import type { Verified } from '../../../lib/report/verify.ts'
import { barsFor, dayKey, iso, makeBars, sessions, yearKey, type Bar } from '../../support/bars.ts'
import { metricsOf, setStage, type Stage } from '../../support/runs/stage.ts'
import { barsOn, type PastEvent, type TradedBar } from '../../support/servers/moving-past.ts'

/** The morning after a session. */
const after = (session: string) => `${addDays(iso(session), 1)}T13:00:00Z`

async function verify(stage: Stage, args: readonly string[], now: string): Promise<Verified> {
  const run = await stage.run(['verify', '--json', ...args], { now })
  expect(run.stderr).toBe('')
  return JSON.parse(run.stdout) as Verified
}

/** Nothing is wrong, by footers and by every byte. Gives what the latter says. */
async function expectSound(stage: Stage, now: string, args: readonly string[] = []): Promise<Verified> {
  expect((await verify(stage, args, now)).findings).toEqual([])
  const deep = await verify(stage, ['--deep', ...args], now)
  expect(deep.findings).toEqual([])
  return deep
}

const named = ({ findings }: Verified) => findings.map(({ kind, key, date }) => `${kind} ${key} ${date}`)

/** As traded: a split moves the price of its own session. */
function traded(from: string, to: string, exDate = '2100-01-01', shares = 4): readonly TradedBar[] {
  return makeBars(XNYS.sessions({ from: iso(from), to: iso(to) }), 7).map((bar) => {
    const factor = bar.date < exDate ? 1 : shares
    const times = (value: number | null) => Math.round(((value ?? 0) / factor) * 100) / 100
    const [open, high, low, close] = [times(bar.open), times(bar.high), times(bar.low), times(bar.close)]
    return { date: bar.date, open, high, low, close, volume: Math.round((bar.volume ?? 0) * factor) }
  })
}

type Moving = { readonly bars: readonly TradedBar[]; readonly events: readonly PastEvent[]; readonly depth?: string }

/** The vendor as it is on the night of a session; with a depth it has nothing before that date. */
function showNight(stage: Stage, session: string, { bars, events, depth = '' }: Moving): void {
  stage.bars['A'] = barsOn(iso(session), bars, events).filter(({ date }) => date >= depth)
}

/** A backfill on the night of one session, then a night for each session up to another. */
async function lakeOf(stage: Stage, moving: Moving, first: string, last: string): Promise<void> {
  const [backfilled = '', ...nights] = sessions(first, last)
  showNight(stage, backfilled, { ...moving, depth: '' })
  const [oldest = ''] = moving.bars.map(({ date }) => date)
  await stage.run(['--tickers', 'A', '--backfill', '--from-date', oldest], { now: after(backfilled) })
  for (const session of nights) {
    showNight(stage, session, moving)
    expect((await stage.run(['--tickers', 'A'], { now: after(session) })).code).toBe(0)
  }
}

const SPLIT: PastEvent = { exDate: iso('2024-09-11'), split: [4, 1] }
const PAID: PastEvent = { exDate: iso('2024-09-05'), dividend: 0.1 }
const MOVING: Moving = { bars: traded('2020-01-02', '2024-09-16', SPLIT.exDate), events: [SPLIT, PAID] }

describe.concurrent('a lake of its own making', () => {
  test('is sound after a backfill', async () => {
    await using stage = await setStage({ bars: barsFor(['A', '^B'], '2019-06-03', '2024-09-16') })
    await stage.run(['--tickers', 'A,^B', '--backfill', '--from-date', '2015-01-01'])
    const { symbols } = await expectSound(stage, after('2024-09-16'))
    expect(symbols).toMatchObject([
      { symbol: '^B', files: { year: 6, day: 0 } },
      { symbol: 'A', files: { year: 6, day: 0 } },
    ])
  })

  test('is sound with day files only', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2023-11-01', '2024-01-12') })
    await stage.run(['--tickers', 'A', '--from-date', '2023-11-01', '--to-date', '2024-01-12'], {
      now: after('2024-01-12'),
    })
    const { symbols } = await expectSound(stage, after('2024-01-12'))
    expect(symbols).toMatchObject([{ files: { year: 0, day: sessions('2023-11-01', '2024-01-12').length } }])
  })

  test('is sound after mends of a split and a dividend', async () => {
    await using stage = await setStage()
    await lakeOf(stage, MOVING, '2024-08-30', '2024-09-16')
    const { symbols } = await expectSound(stage, after('2024-09-16'))
    expect(symbols).toMatchObject([{ last_mended: '2024-09-12', missing: 0 }])
    expect(symbols[0]?.doubled).toBeGreaterThan(3)
  })

  test('is sound with rows that were carried over', async () => {
    await using stage = await setStage()
    await lakeOf(stage, { ...MOVING, depth: '2022-03-01' }, '2024-09-09', '2024-09-16')
    const { symbols } = await expectSound(stage, after('2024-09-16'))
    expect(symbols[0]?.carried_rows).toBe(sessions('2020-01-02', '2022-02-28').length)
  })

  test('is sound with a delisted symbol and a newcomer, backfilled or not', async () => {
    const bars = barsFor(['A', 'B', 'NEW', 'OLD', 'GONE'], '2022-01-03', '2024-09-16')
    const part = (symbol: string, is: (date: string) => boolean) => (bars[symbol] ?? []).filter(({ date }) => is(date))
    bars['NEW'] = part('NEW', (date) => date >= '2024-09-05')
    bars['OLD'] = part('OLD', (date) => date <= '2023-10-12')
    bars['GONE'] = part('GONE', (date) => date <= '2024-08-22')
    await using stage = await setStage()
    const list = ['--tickers', 'A,B,NEW,OLD,GONE']
    const show = (session: string) => {
      for (const [symbol, own] of Object.entries(bars)) stage.bars[symbol] = own.filter(({ date }) => date <= session)
    }
    show('2024-08-20')
    await stage.run([...list, '--backfill', '--from-date', '2022-01-03'], { now: after('2024-08-20') })
    for (const session of sessions('2024-08-21', '2024-09-16')) {
      show(session)
      await stage.run(list, { now: after(session) })
    }
    const { symbols } = await expectSound(stage, after('2024-09-16'))
    expect(symbols.map(({ through_date: date }) => date as string).toSorted()).toEqual([
      '2023-10-12',
      '2024-08-22',
      '2024-09-16',
      '2024-09-16',
      '2024-09-16',
    ])
  })

  test('is sound with a coin that trades on seven days', async () => {
    const days = Array.from({ length: 624 }, (_, index) => addDays(iso('2023-01-01'), index))
    await using stage = await setStage({
      bars: { BTCUSD: makeBars(days, 5), ...barsFor(['A'], '2023-01-03', '2024-09-16') },
    })
    const list = ['--tickers', 'BTCUSD,A']
    await stage.run([...list, '--backfill', '--from-date', '2023-01-01'], { now: after('2024-09-05') })
    for (const session of sessions('2024-09-06', '2024-09-16')) await stage.run(list, { now: after(session) })
    const { symbols } = await expectSound(stage, after('2024-09-16'))
    expect(symbols).toMatchObject([{ symbol: 'A' }, { symbol: 'BTCUSD', rows: 624, missing: 0 }])
  })

  test('is sound around early closes and the four days of September 2001', async () => {
    const bars: readonly Bar[] = [
      ...(barsFor(['A'], '2001-01-02', '2001-12-31')['A'] ?? []),
      ...(barsFor(['A'], '2002-01-02', '2003-12-31')['A'] ?? []),
    ]
    await using stage = await setStage({ bars: { A: bars } })
    const now = after('2003-12-31')
    await stage.run(['--tickers', 'A', '--backfill', '--from-date', '2001-01-01', '--to-date', '2002-12-31'], { now })
    await stage.run(['--tickers', 'A', '--from-date', '2003-01-01', '--to-date', '2003-12-31'], { now })
    const { symbols } = await expectSound(stage, now)
    expect(symbols).toMatchObject([{ sessions: sessions('2001-01-02', '2003-12-31').length, missing: 0 }])
  })
})

/** What is found in a lake in which the old file of one year was put back after a mend. */
async function undone(remove: (key: string) => boolean, year = 2022): Promise<Verified> {
  await using stage = await setStage()
  const moving = { ...MOVING, events: [SPLIT] }
  await lakeOf(stage, moving, '2024-09-05', '2024-09-10')
  const old = await stage.lake.bytes(yearKey('A', year))
  for (const session of sessions('2024-09-11', '2024-09-16')) {
    showNight(stage, session, moving)
    await stage.run(['--tickers', 'A'], { now: after(session) })
  }
  expect(await stage.lake.bytes(yearKey('A', year))).not.toEqual(old)
  await stage.lake.put(yearKey('A', year), old)
  for (const key of await stage.lake.keys()) if (remove(key)) await stage.lake.remove(key)
  expect(
    (await verify(stage, [], after('2024-09-16'))).findings.filter(({ kind }) => kind !== 'missing_session'),
  ).toEqual([])
  return await verify(stage, ['--deep'], after('2024-09-16'))
}

describe.concurrent('a lake whose past has moved', () => {
  const years = [2020, 2021, 2022, 2023, 2024]

  test.each(years.slice(0, 4))('names the year %d whose mend was undone', async (year) => {
    const found = await undone(() => false, year)
    expect(named(found)).toEqual([`older_base ${yearKey('A', year)} ${sessions(`${year}-01-01`, `${year}-12-31`)[0]}`])
    expect(found.findings[0]?.cure).toStartWith(
      `ingest --tickers A --backfill --from-date ${year}-01-01 --to-date ${year}-12-31 --force --out `,
    )
  })

  test.each([
    ['the metrics alone', (key: string) => /A-2024-09-(?:0[5-9]|10)/.test(key)],
    ['doubled rows alone', (key: string) => key.startsWith('logs/')],
    ['the year before it alone', (key: string) => key.startsWith('logs/') || /A-2024-09-(?:0[5-9]|10)/.test(key)],
  ])('knows it by %s', async (_by, remove) => {
    const found = await undone(remove)
    expect(named(found).filter((line) => !line.startsWith('missing_session'))).toEqual([
      `older_base ${yearKey('A', 2022)} 2022-01-03`,
    ])
  })

  test('warns of a split that was never mended, of day files only', async () => {
    await using stage = await setStage()
    const moving = { ...MOVING, events: [SPLIT] }
    for (const session of sessions('2024-08-29', '2024-09-16')) {
      showNight(stage, session, moving)
      const run = await stage.run(['--tickers', 'A', '--mend', 'none'], { now: after(session) })
      expect(metricsOf(run).mended_files).toBe(0)
    }
    const found = await verify(stage, ['--deep'], after('2024-09-16'))
    expect(named(found)).toEqual([`split_jump ${dayKey('A', SPLIT.exDate)} ${SPLIT.exDate}`])
    expect(found.ok).toBe(true)
    expect(found.findings[0]?.detail).toContain('4:1 split')
  })

  test('warns where no run has compared all rows for 40 sessions, and not before that', async () => {
    await using stage = await setStage({ bars: barsFor(['A'], '2023-01-03', '2024-09-16') })
    await stage.run(['--tickers', 'A', '--backfill', '--from-date', '2023-01-01', '--to-date', '2024-05-31'], {
      now: after('2024-05-31'),
    })
    const nights: IsoDate[] = XNYS.sessions({ from: iso('2024-06-03'), to: iso('2024-09-16') }).slice()
    const kindsAt = async (session: string) =>
      (await verify(stage, [], after(session))).findings.map(({ kind }) => kind as string)
    for (const [index, session] of nights.slice(0, 45).entries()) {
      stage.bars['A'] = (stage.bars['A'] ?? []).slice()
      await stage.run(['--tickers', 'A', '--audit', '0'], { now: after(session) })
      if (index === 30) expect(await kindsAt(session)).toEqual([])
    }
    const last = nights[44] ?? ''
    expect(await kindsAt(last)).toEqual(['never_compared'])
    await stage.run(['--tickers', 'A', '--audit', '1'], { now: after(nights[45] ?? '') })
    expect(await kindsAt(nights[45] ?? '')).toEqual([])
  })
})

describe.concurrent('a sample', () => {
  const list = ['--tickers', 'A,B']

  async function sampled() {
    const stage = await setStage({ bars: barsFor(['A', 'B'], '2021-01-04', '2024-09-16') })
    await stage.run([...list, '--backfill', '--from-date', '2021-01-01'])
    return stage
  }

  const NOW = after('2024-09-16')

  test('of what FMP still has finds nothing, at two calls a year, and draws the same on the same day', async () => {
    await using stage = await sampled()
    const found = await verify(stage, ['--sample', '3'], NOW)
    expect(found).toMatchObject({ ok: true, calls: 6, findings: [] })
    expect(found.sample.map(({ verdict }) => verdict)).toEqual(['same', 'same', 'same'])
    expect((await verify(stage, ['--sample', '3'], NOW)).sample).toEqual(found.sample)
    expect((await verify(stage, ['--sample', '3'], after('2024-09-17'))).sample).not.toEqual(found.sample)
    expect((await verify(stage, ['--sample', '99'], NOW)).sample).toHaveLength(8)
  })

  test('names an old volume that FMP has corrected', async () => {
    await using stage = await sampled()
    stage.bars['A'] = (stage.bars['A'] ?? []).map((bar) =>
      bar.date === '2022-03-01' ? { ...bar, volume: (bar.volume ?? 0) + 8 } : bar,
    )
    const found = await verify(stage, ['--sample', '8'], NOW)
    expect(named(found)).toEqual([`differs_from_vendor ${yearKey('A', 2022)} 2022-03-01`])
    expect(found.sample.filter(({ verdict }) => verdict === 'corrected')).toEqual([
      { symbol: 'A', year: 2022, verdict: 'corrected' },
    ])
  })

  test('names every year that a split has moved since', async () => {
    await using stage = await setStage()
    const moving = { bars: traded('2022-01-03', '2024-09-16', SPLIT.exDate), events: [SPLIT] }
    showNight(stage, '2024-09-10', moving)
    await stage.run(['--tickers', 'A', '--backfill', '--from-date', '2022-01-01'], { now: after('2024-09-10') })
    showNight(stage, '2024-09-16', moving)
    const { sample, counts } = await verify(stage, ['--sample', '8'], NOW)
    expect(sample.map(({ year, verdict }) => `${year} ${verdict}`).toSorted()).toEqual(
      [2022, 2023, 2024].map((year) => `${year} rebased`),
    )
    expect(counts).toEqual({ differs_from_vendor: 3 })
  })

  test('names a session of FMP that no file holds', async () => {
    const all = barsFor(['A'], '2024-01-02', '2024-09-16')['A'] ?? []
    await using stage = await setStage({ bars: { A: all.filter(({ date }) => date !== '2024-05-15') } })
    await stage.run(['--tickers', 'A', '--backfill', '--from-date', '2024-01-01'])
    stage.bars['A'] = all
    const found = await verify(stage, ['--sample', '1'], NOW)
    expect(found.sample).toEqual([{ symbol: 'A', year: 2024, verdict: 'not_stored' }])
    expect(named(found)).toEqual([
      `short_year ${yearKey('A', 2024)} 2024-05-15`,
      `differs_from_vendor ${yearKey('A', 2024)} 2024-05-15`,
    ])
  })

  test('that the budget stops ends with exit code 3, or with 1 where something is wrong', async () => {
    await using stage = await sampled()
    const options = ['verify', '--sample', '4', '--max-calls', '5']
    const run = await stage.run(options, { now: NOW })
    expect(run).toMatchObject({ code: 3, stderr: '' })
    expect(run.stdout).toContain('\nCalls: 4\n⏸️  Sample stopped: ')
    await stage.lake.put(yearKey('A', 2022), new Uint8Array(0))
    expect((await stage.run(options, { now: NOW })).code).toBe(1)
  })

  test('needs a key, and nothing else of verify does', async () => {
    await using stage = await sampled()
    const env = { FMP_API_KEY: '' }
    expect((await stage.run(['verify'], { now: NOW, env })).code).toBe(0)
    const run = await stage.run(['verify', '--sample', '1'], { now: NOW, env })
    expect(run).toMatchObject({ code: 2, stdout: '' })
    expect((await stage.run(['verify', '--max-calls', '3'], { now: NOW })).stderr).toContain(
      '--max-calls needs --sample',
    )
    expect(
      (await stage.run(['verify', '--from-date', '2024-02-01', '--to-date', '2024-01-01'], { now: NOW })).stderr,
    ).toContain('--from-date')
  })
})
