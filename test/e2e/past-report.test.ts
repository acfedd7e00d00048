// What a run says of a vendor's past that has moved: exit code, summary and metrics of the real program.

import { expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import { addDays } from '../../lib/core/dates.ts'
import { dayKey, iso, makeBars, yearKey, type Bar } from '../support/bars.ts'
import { askedOf, readRows } from '../support/lakes/lake.ts'
import { barsOfNight, movingSeries } from '../support/moving-series.ts'
import { recordedError } from '../support/recorded.ts'
import { metricsOf, setStage, type Stage } from '../support/runs/stage.ts'
import { barsOn, type PastEvent, type TradedBar } from '../support/servers/moving-past.ts'

const FIRST = iso('2022-01-03')
/** The newest session of the first night. */
const BEFORE = iso('2024-09-13')
const EX_DATE = iso('2024-09-16')
const MORNING = '2024-09-17T13:00:00Z'
const LIST = ['--tickers', 'SPLIT,PAYS,FIXED,QUIET']

/** As traded: a split moves the price of its own session. */
function traded(seed: number, after = 1, exDate = EX_DATE, to = EX_DATE): readonly TradedBar[] {
  return makeBars(XNYS.sessions({ from: FIRST, to }), seed).map((bar) => {
    const factor = bar.date < exDate ? 1 : after
    const times = (value: number | null) => Math.round(((value ?? 0) / factor) * 100) / 100
    const [open, high, low, close] = [times(bar.open), times(bar.high), times(bar.low), times(bar.close)]
    return { date: bar.date, open, high, low, close, volume: Math.round((bar.volume ?? 0) * factor) }
  })
}

const SERIES: Readonly<Record<string, { readonly bars: readonly TradedBar[]; readonly events: readonly PastEvent[] }>> =
  {
    SPLIT: { bars: traded(1, 4), events: [{ exDate: EX_DATE, split: [4, 1] }] },
    PAYS: { bars: traded(2), events: [{ exDate: EX_DATE, dividend: 2 }] },
    FIXED: { bars: traded(3), events: [] },
    QUIET: { bars: traded(4), events: [] },
  }

/** A lake that was backfilled before the events, and a vendor that has applied them. */
async function setMovedStage(change: (bars: Record<string, readonly Bar[]>) => void = () => undefined): Promise<Stage> {
  const stage = await setStage()
  for (const [symbol, { bars, events }] of Object.entries(SERIES)) stage.bars[symbol] = barsOn(BEFORE, bars, events)
  const backfill = await stage.run([...LIST, '--backfill', '--from-date', FIRST], { now: '2024-09-14T13:00:00Z' })
  expect(backfill.code).toBe(0)
  for (const [symbol, { bars, events }] of Object.entries(SERIES)) stage.bars[symbol] = barsOn(EX_DATE, bars, events)
  change(stage.bars)
  return stage
}

/** The series with another high on one session. */
function correctedOn(date: string, bars: readonly Bar[] = []): readonly Bar[] {
  return bars.map((bar) => (bar.date === date ? { ...bar, high: (bar.high ?? 0) + 1 } : bar))
}

test('a night of a split, a dividend and a correction is told in the summary and the metrics', async () => {
  await using stage = await setMovedStage((bars) => (bars['FIXED'] = correctedOn('2024-09-12', bars['FIXED'])))
  const options = { now: MORNING }
  const dry = await stage.run([...LIST, '--audit', '0', '--dry-run'], options)
  expect(dry.stdout).toContain('\nCompared: 4 symbols; two calls per ten stored years more for each')
  const whole = await stage.run([...LIST, '--audit', '1', '--dry-run'], options)
  expect(whole.stdout).toContain('\nCalls: 8\n')
  expect(whole.stdout).toContain('\nCompared: 4 symbols, 4 of them wholly; two calls')

  const run = await stage.run([...LIST, '--audit', '0'], options)
  expect({ code: run.code, calls: run.requests.length }).toEqual({ code: 0, calls: 12 })
  const lines = run.stdout.split('\n')
  expect(lines).toContain('🔎 Compared: 4 symbols, 2 of them wholly')
  expect(lines).toContain('✏️  Corrected sessions: 1')
  const mended = lines.find((line) => line.startsWith('🩹')) ?? ''
  expect(mended).toMatch(/^🩹 Mended: 2 symbols, 6 files \(/)
  expect(mended).toContain('SPLIT 4:1 before 2024-09-16')
  expect(mended).toMatch(/PAYS dividend (?:2|2\.\d+|1\.9\d*) before 2024-09-16/)

  const metrics = metricsOf(run)
  expect(metrics).toMatchObject({
    schema_version: 1,
    compared_symbols: 4,
    compared_wholly: 2,
    looks: 2,
    corrected_sessions: 1,
    mended_symbols: 2,
    mended_files: 6,
    carried_rows: 0,
    held_symbols: 0,
    bases_differ: 0,
    // The night's own files are four; a mended year and a corrected day are no sessions that were asked for.
    files_written: 11,
    counts: { stored: 4 },
  })
  const pasts = Object.fromEntries(metrics.results.map(({ symbol, past }) => [symbol, past]))
  expect(pasts['SPLIT']).toMatchObject({ verdict: 'rebased', wholly: true, mended_files: 3, corrected_sessions: 0 })
  expect(pasts['SPLIT']).toMatchObject({ compared_from: FIRST, held: false, bases_differ: false })
  expect(pasts['SPLIT']?.steps).toEqual([expect.objectContaining({ before: EX_DATE, ratio: '4:1', dividend: null })])
  expect(pasts['SPLIT']?.steps[0]?.price_factor).toBeCloseTo(0.25, 3)
  expect(pasts['PAYS']).toMatchObject({ verdict: 'readjusted', mended_files: 3, steps: [{ price_factor: 1 }] })
  expect(pasts['PAYS']?.steps[0]?.dividend).toBeCloseTo(2, 0)
  expect(pasts['FIXED']).toMatchObject({ verdict: 'corrected', corrected_sessions: 1, mended_files: 0, wholly: false })
  expect(pasts['QUIET']).toMatchObject({ verdict: 'same', compared_sessions: 10, wholly: false, steps: [] })

  const again = await stage.run(LIST, options)
  expect({ calls: again.requests.length, stdout: again.stdout }).toMatchObject({ calls: 0 })
  expect(again.stdout).not.toMatch(/Compared|Mended|Corrected/)
  expect(metricsOf(again)).toMatchObject({ compared_symbols: 0, mended_files: 0 })
  expect(metricsOf(again).results.map(({ past }) => past)).toEqual([null, null, null, null])
})

test('a newest bar that is put right is corrected in its day file, and no year is written of the rows of a night', async () => {
  await using stage = await setMovedStage((bars) => {
    bars['FIXED'] = (bars['FIXED'] ?? []).map((bar) =>
      bar.date === BEFORE ? { ...bar, close: (bar.close ?? 0) + 1, adjClose: (bar.adjClose ?? 0) + 1 } : bar,
    )
  })
  const run = await stage.run(['--tickers', 'FIXED', '--audit', '0'], { now: MORNING })
  expect({ code: run.code, changed: run.changed }).toEqual({
    code: 0,
    changed: [dayKey('FIXED', BEFORE), dayKey('FIXED', EX_DATE)],
  })
  expect(metricsOf(run)).toMatchObject({ corrected_sessions: 1, mended_files: 0, looks: 0 })
  expect(metricsOf(run).results[0]?.past).toMatchObject({ verdict: 'corrected', steps: [] })
})

test('a past that is left or held back is counted, and named', async () => {
  await using stage = await setMovedStage((bars) => {
    // As of another company: no factor leads from the old rows to these.
    bars['QUIET'] = barsOn(EX_DATE, traded(77), [])
  })
  const run = await stage.run([...LIST, '--audit', '0', '--mend', 'splits'], { now: MORNING })
  expect(run.code).toBe(1)
  expect(run.stdout).toContain('\n✋ Held back: 1 symbol\n')
  expect(run.stdout).toMatch(/\n🩹 Mended: 1 symbol, 3 files \(SPLIT 4:1 before 2024-09-16\)\n/)
  expect(run.stderr).toContain("PAYS: FMP's past has changed (dividend ")
  expect(metricsOf(run)).toMatchObject({ held_symbols: 1, bases_differ: 1, mended_symbols: 1, errors: 1 })
  const pasts = Object.fromEntries(metricsOf(run).results.map(({ symbol, past }) => [symbol, past]))
  expect(pasts['QUIET']).toMatchObject({ verdict: 'other', held: true, mended_files: 0 })
  expect(pasts['PAYS']).toMatchObject({ verdict: 'readjusted', bases_differ: true, held: false })
})

test('a backfill that refreshes one year counts every mended year, and the rows that FMP has no more', async () => {
  const oldest = iso('2022-03-01')
  await using stage = await setMovedStage((bars) => {
    bars['SPLIT'] = (bars['SPLIT'] ?? []).filter(({ date }) => date >= oldest)
  })
  const carried = XNYS.sessions({ from: FIRST, to: oldest }).length - 1
  const run = await stage.run(['--tickers', 'SPLIT', '--backfill', '--from-date', FIRST], { now: MORNING })
  expect(run.code).toBe(0)
  expect(run.stdout).toContain('\n🩹 Mended: 1 symbol, 3 files (SPLIT 4:1 before 2024-09-16)\n')
  expect(run.stdout).toContain(`\n📦 Carried over: ${carried} rows\n`)
  expect(metricsOf(run)).toMatchObject({ files_written: 3, mended_files: 3, carried_rows: carried })
  expect(run.stderr).toContain(
    `SPLIT: FMP has ${carried} stored sessions (2022-01-03 to 2022-02-28) no more: carried over`,
  )
})

test('rows are warned of on the night that carries them over, and not again', async () => {
  await using stage = await setMovedStage((bars) => {
    bars['PAYS'] = (bars['PAYS'] ?? []).filter(({ date }) => date >= '2022-03-01')
  })
  const list = ['--tickers', 'PAYS']
  const first = await stage.run(list, { now: MORNING })
  expect(first.stderr).toContain('PAYS: FMP has 39 stored sessions (2022-01-03 to 2022-02-28) no more: carried over')
  const next = iso('2024-09-17')
  const later: readonly PastEvent[] = [...(SERIES['PAYS']?.events ?? []), { exDate: next, dividend: 1 }]
  const bars = barsOn(next, traded(2, 1, EX_DATE, next), later)
  stage.bars['PAYS'] = bars.filter(({ date }) => date >= '2022-03-01')
  const second = await stage.run(list, { now: '2024-09-18T13:00:00Z' })
  expect(metricsOf(second)).toMatchObject({ exit_code: 0, mended_symbols: 1, carried_rows: 39 })
  expect(second.stderr).not.toContain('carried over')
})

test('an accepted past of another company leaves the rows that FMP does not have as they are, and names them', async () => {
  await using stage = await setMovedStage((bars) => {
    bars['QUIET'] = barsOn(EX_DATE, traded(77), []).filter(({ date }) => date >= '2022-03-01')
  })
  const rowsOf2022 = async () => {
    const rows = await readRows(stage.lake, yearKey('QUIET', 2022))
    return rows.filter(({ date }) => date < '2022-03-01').map((row) => ({ ...row, ingestTs: 0 }))
  }
  const before = await rowsOf2022()
  const run = await stage.run(['--tickers', 'QUIET', '--accept', 'QUIET'], { now: MORNING })
  expect(run.stderr).toContain(
    "FMP's past as accepted lacks 39 stored sessions (2022-01-03 to 2022-02-28): they stay as",
  )
  expect(before).toHaveLength(39)
  expect(await rowsOf2022()).toEqual(before)
})

test.each(['0', '1'])(
  'a past with a hole is not trusted, looked at or compared in its turn (--audit %s)',
  async (every) => {
    await using stage = await setMovedStage((bars) => {
      bars['PAYS'] = (bars['PAYS'] ?? []).filter(({ date }) => !date.startsWith('2023-05'))
    })
    const before = await stage.lake.bytes(yearKey('PAYS', 2023))
    const run = await stage.run(['--tickers', 'PAYS', '--audit', every], { now: MORNING })
    expect(run.code).toBe(1)
    expect(run.stderr).toContain("FMP's history of PAYS lacks 22 of ")
    expect(run.changed).toEqual([])
    expect(await stage.lake.bytes(yearKey('PAYS', 2023))).toEqual(before)
  },
)

test('a run without adjusted closes does not mend away those that are stored, and says so', async () => {
  await using stage = await setMovedStage()
  const before = await stage.lake.bytes(yearKey('SPLIT', 2023))
  const run = await stage.run([...LIST, '--no-adj-close'], { now: MORNING })
  expect(run.code).toBe(0)
  expect(run.stderr).toContain("SPLIT: FMP's past has changed (4:1 before 2024-09-16)")
  expect(run.stderr).toContain('this run asks for no adjusted closes, and a mend would lose the stored ones.')
  expect(await stage.lake.bytes(yearKey('SPLIT', 2023))).toEqual(before)
  expect(metricsOf(run)).toMatchObject({ bases_differ: 1, mended_files: 0 })

  const next = await stage.run(LIST, { now: '2024-09-18T13:00:00Z' })
  expect(next.stdout).toContain('🩹 Mended: ')
  expect(await stage.lake.bytes(yearKey('SPLIT', 2023))).not.toEqual(before)
})

test('a run with dates compares with what is stored, however long before them it ends', async () => {
  await using stage = await setStage()
  const exDate = iso('2024-10-01')
  const later = iso('2024-12-02')
  const bars = traded(5, 4, exDate, later)
  stage.bars['OLD'] = barsOn(BEFORE, bars, [])
  await stage.run(['--tickers', 'OLD', '--backfill', '--from-date', FIRST], { now: '2024-09-14T13:00:00Z' })
  stage.bars['OLD'] = barsOn(later, bars, [{ exDate, split: [4, 1] }])
  const dates = ['--from-date', later, '--to-date', later]
  const run = await stage.run(['--tickers', 'OLD', '--audit', '0', ...dates], { now: '2024-12-03T13:00:00Z' })
  expect(run.code).toBe(0)
  expect(metricsOf(run)).toMatchObject({ mended_files: 3, counts: { stored: 1 } })
  expect(metricsOf(run).results[0]?.past).toMatchObject({ verdict: 'rebased', steps: [{ ratio: '4:1' }] })
})

test('a plan that refuses years before its history costs the comparison of those years, not the night', async () => {
  await using stage = await setMovedStage()
  const depth = '2024-01-01'
  stage.onRequest = ({ from = '' }) => (from < depth ? recordedError('symbol-not-in-plan') : undefined)
  const run = await stage.run(['--tickers', 'QUIET', '--audit', '1'], { now: MORNING })
  expect({ code: run.code, stderr: run.stderr }).toMatchObject({ code: 0 })
  expect(metricsOf(run)).toMatchObject({ errors: 0, counts: { stored: 1 } })
})

test.each(['0', '1'])(
  'a plan that refuses years before its history hides no split, and they are carried over (--audit %s)',
  async (audit) => {
    await using stage = await setStage()
    const exDate = iso('2024-09-16')
    const series = movingSeries({ SPLIT: [{ exDate, split: [4, 1] }] }, { from: iso('2018-06-01'), to: exDate }, 3)
    Object.assign(stage.bars, barsOfNight(series, BEFORE))
    const list = ['--tickers', 'SPLIT']
    await stage.run([...list, '--backfill', '--from-date', '2018-01-01'], { now: '2024-09-14T13:00:00Z' })
    const asked = await askedOf(stage.lake)
    Object.assign(stage.bars, barsOfNight(series, exDate))
    stage.onRequest = ({ from = '' }) => (from < '2019-09-16' ? recordedError('symbol-not-in-plan') : undefined)
    const run = await stage.run([...list, '--audit', audit], { now: MORNING })
    expect({ code: run.code, stdout: run.stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Mended: 1 symbol, 7 files (SPLIT 4:1 before 2024-09-16)'),
    })
    const old = (await readRows(stage.lake, 'raw/prices')).filter(({ date }) => date < '2020-01-01')
    expect(metricsOf(run).carried_rows).toBe(old.length)
    const closes = new Map(series['SPLIT']?.traded.map(({ date, close }) => [String(date), close]))
    expect(old.filter(({ date, close }) => close !== (closes.get(date) ?? 0) / 4)).toEqual([])
    // What was asked of those years is still known, so that no backfill asks for them again.
    expect(await askedOf(stage.lake)).toEqual(asked)
  },
)

test('a past that is held back is taken with --accept, for the symbols that it names alone', async () => {
  await using stage = await setMovedStage((bars) => {
    bars['QUIET'] = barsOn(EX_DATE, traded(77), [])
    bars['FIXED'] = barsOn(EX_DATE, traded(78), [])
  })
  const run = await stage.run([...LIST, '--accept', 'QUIET'], { now: MORNING })
  expect(run.code).toBe(1)
  expect(run.stderr).not.toContain('QUIET')
  expect(run.stderr).toMatch(/❌ FIXED: FMP's past of FIXED has changed in a way that .* --accept FIXED/)
  expect(metricsOf(run)).toMatchObject({ held_symbols: 1, mended_symbols: 3 })

  const all = await stage.run([...LIST, '--accept', 'all'], { now: MORNING })
  expect({ code: all.code, metrics: metricsOf(all) }).toMatchObject({ code: 0, metrics: { mended_symbols: 1 } })
})

test('--accept of a symbol that is not in the list is a usage error: a typo would be held back for ever', async () => {
  await using stage = await setStage()
  const run = await stage.run([...LIST, '--accept', 'QIET'], { now: MORNING })
  expect(run.code).toBe(2)
  expect(run.stderr).toBe(
    '❌ --accept names QIET, which the ticker list does not have: name symbols of the list, or all.\n',
  )
  expect(stage.fmp.requests).toEqual([])
})

test('--mend none adds the new sessions, and names what stays on its base', async () => {
  await using stage = await setMovedStage()
  const before = await stage.lake.bytes(yearKey('SPLIT', 2024))
  const run = await stage.run([...LIST, '--mend', 'none'], { now: MORNING })
  expect(run.code).toBe(0)
  expect(run.stderr).toContain("SPLIT: FMP's past has changed (4:1 before 2024-09-16)")
  expect(metricsOf(run)).toMatchObject({ bases_differ: 2, mended_files: 0, counts: { stored: 4 } })
  expect(await stage.lake.bytes(yearKey('SPLIT', 2024))).toEqual(before)
})

test('a session that a mended year holds is corrected in its day file, which is older than the year', async () => {
  await using stage = await setStage()
  const exDate = iso('2024-09-13')
  const night = async (session: string, args: readonly string[] = []) => {
    const bars = barsOn(iso(session), traded(6, 4, exDate, iso('2024-09-17')), [{ exDate, split: [4, 1] }])
    stage.bars['SPLIT'] = session < '2024-09-16' ? bars : correctedOn('2024-09-11', bars)
    const now = `${addDays(iso(session), 1)}T13:00:00Z`
    return await stage.run(['--tickers', 'SPLIT', '--audit', '0', ...args], { now })
  }
  await night('2024-09-06', ['--backfill', '--from-date', FIRST])
  await night('2024-09-12')
  expect(metricsOf(await night(exDate)).mended_files).toBe(3)

  const corrected = await night('2024-09-16')
  expect(corrected.changed).toEqual([dayKey('SPLIT', '2024-09-11'), dayKey('SPLIT', '2024-09-16')])
  expect(metricsOf(corrected)).toMatchObject({ corrected_sessions: 1, mended_files: 0 })
  expect(metricsOf(await night('2024-09-17'))).toMatchObject({ corrected_sessions: 0, files_written: 1 })
})
