// `ingest why` on every cell of a simulated year: four symbols with day files, year files and both; a correction, a late bar, a
// rejected one, missing ones, a split, a dividend after the vendor has dropped the oldest rows, and a change that is held back.
// The truth is what the test did, and the list of sessions of another program.

import { expect, setDefaultTimeout, test } from 'bun:test'
import fixture from '../../fixtures/xnys-sessions.json'
import { iso, makeBars, SEED, sessions, type Bar } from '../../support/bars.ts'
import { schemaErrors } from '../../support/json-schema.ts'
import { setMemoryStage, type MemoryStage } from '../../support/runs/memory-stage.ts'
import { barsOn, type PastEvent, type TradedBar } from '../../support/servers/moving-past.ts'
import type { Why } from '../../../lib/report/why.ts'

// Far above what it takes on a busy machine.
setDefaultTimeout(900_000)

const SYMBOLS = ['DAYS', 'YEAR', 'SPLIT', 'CARRY'] as const
type Symbol = (typeof SYMBOLS)[number]

/** The first night stores the session before it; the others go on until the last, after which a session is finished. */
const [FIRST_NIGHT, LAST_NIGHT, NOW] = ['2024-01-03', '2025-01-07', '2025-01-08T13:00:00Z'] as const
const AS_OF = '2025-01-07'
/** Every night of these stretches runs, elsewhere those of Saturdays. */
const EVERY_NIGHT = ['2024-04-1', '2024-05-1', '2024-07-1', '2024-09-1', '2024-12-2', '2024-12-3', '2025-01']

/** Of DAYS: sessions without a bar, one whose bar is refused, one that is corrected later, one that comes late. */
const DAYS = {
  missing: ['2024-02-07', '2024-02-08', '2024-09-19'],
  rejected: '2024-03-13',
  corrected: '2024-04-10',
  correctedOn: '2024-04-13',
  late: '2024-05-15',
  lateOn: '2024-05-18',
}
/** Of YEAR: the night of a backfill, and a session without a bar that its year file was asked for. */
const YEAR = { backfillOn: '2024-10-05', through: '2024-10-04', missing: '2024-03-20' }
const SPLIT = { exDate: '2024-07-15', bogusFrom: '2024-12-31', bogusBefore: '2024-12-30', lastStored: '2024-12-27' }
/** Of CARRY: from the night after the ex date on the vendor has no rows before this one. */
const CARRY = { exDate: '2024-09-12', depthFrom: '2024-03-01' }

const closures = new Set(fixture.closures)

function later(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10)
}

function dayOf(date: string): Why['day'] {
  if ([0, 6].includes(new Date(date).getUTCDay())) return 'weekend'
  return closures.has(date) ? 'holiday' : 'session'
}

const ALL = sessions('2023-01-03', '2025-01-31').map(iso)
const EVENTS: Partial<Record<Symbol, readonly PastEvent[]>> = {
  SPLIT: [{ exDate: iso(SPLIT.exDate), split: [4, 1] }],
  CARRY: [{ exDate: iso(CARRY.exDate), dividend: 0.5 }],
}

function tradedBars(symbol: Symbol): readonly TradedBar[] {
  return makeBars(ALL, SEED + SYMBOLS.indexOf(symbol)).map(({ adjClose: _adjClose, ...bar }) => {
    const factor = symbol === 'SPLIT' && bar.date >= SPLIT.exDate ? 1 / 4 : 1
    const times = (value: number | null) => Math.round((value ?? 0) * factor * 100) / 100
    const [open, high, low, close] = [times(bar.open), times(bar.high), times(bar.low), times(bar.close)]
    return { date: bar.date, open, high, low, close, volume: Math.round((bar.volume ?? 0) / factor) }
  })
}

const TRADED = Object.fromEntries(SYMBOLS.map((symbol) => [symbol, tradedBars(symbol)])) as Record<
  Symbol,
  readonly TradedBar[]
>

/** The vendor's bars on a morning, without what it makes wrong. */
function honestBars(symbol: Symbol, today: string): readonly Bar[] {
  return barsOn(iso(later(today, -1)), TRADED[symbol], EVENTS[symbol] ?? [])
}

const quarter = (value: number | null) => value && Math.round(value * 25) / 100

/** The vendor's bars on a morning. */
function servedBars(symbol: Symbol, today: string): readonly Bar[] {
  const bars = honestBars(symbol, today)
  if (symbol === 'DAYS') {
    return bars
      .filter(({ date }) => !DAYS.missing.includes(date) && (date !== DAYS.late || today >= DAYS.lateOn))
      .map((bar) => {
        if (bar.date === DAYS.rejected) return { ...bar, volume: -1 }
        return bar.date === DAYS.corrected && today < DAYS.correctedOn ? { ...bar, volume: (bar.volume ?? 0) + 7 } : bar
      })
  }
  if (symbol === 'YEAR') return bars.filter(({ date }) => date !== YEAR.missing)
  if (symbol === 'CARRY') return today > CARRY.exDate ? bars.filter(({ date }) => date >= CARRY.depthFrom) : bars
  return today < SPLIT.bogusFrom
    ? bars
    : bars.map((bar) => {
        if (bar.date >= SPLIT.bogusBefore) return bar
        const { open, high, low, close, adjClose } = bar
        const prices = [open, high, low, close, adjClose].map(quarter)
        return {
          ...bar,
          open: prices[0] ?? 0,
          high: prices[1] ?? 0,
          low: prices[2] ?? 0,
          close: prices[3] ?? 0,
          adjClose: prices[4] ?? 0,
        }
      })
}

async function liveThroughTheYear(): Promise<MemoryStage> {
  const stage = setMemoryStage()
  const night = async (today: string, args: readonly string[], hour: string) => {
    for (const symbol of SYMBOLS) stage.bars[symbol] = servedBars(symbol, today)
    return (await stage.run(args, `${today}T${hour}:00:00Z`)).code
  }
  const backfill = ['--backfill', '--from-date', '2023-01-01', '--tickers', 'SPLIT,CARRY']
  expect(await night(FIRST_NIGHT, backfill, '12')).toBe(0)
  for (let today: string = FIRST_NIGHT; today <= LAST_NIGHT; today = later(today, 1)) {
    const isEvery = EVERY_NIGHT.some((month) => today.startsWith(month)) && dayOf(later(today, -1)) === 'session'
    if (isEvery || today === FIRST_NIGHT || new Date(today).getUTCDay() === 6)
      await night(today, ['--tickers', SYMBOLS.join(',')], '13')
    if (today === YEAR.backfillOn)
      expect(await night(today, ['--backfill', '--from-date', '2024-01-01', '--tickers', 'YEAR'], '15')).toBe(0)
  }
  return stage
}

/** What `why` must say of a cell. `events` are among its history, and no other of `SPECIAL` is. */
type Truth = {
  readonly state: Why['state']
  readonly winner: 'year' | 'day' | undefined
  readonly objects: number
  readonly events: readonly string[]
  readonly next: Why['next']['action']
}

const SPECIAL = new Set([
  'corrected',
  'filled',
  'mended',
  'carried',
  'rewritten',
  'held',
  'rejected',
  'session_held',
  'failed',
  'left',
])

/** A cell without a row, which the year file of its date, where there is one, lacks. */
function absent(symbol: Symbol, date: string, changes: Pick<Truth, 'state' | 'next'> & Partial<Truth>): Truth {
  const first = symbol === 'DAYS' ? '9999' : symbol === 'YEAR' ? '2024' : '2023'
  const hasYearFile = date >= first && date < '2025'
  return { winner: undefined, objects: hasYearFile ? 1 : 0, events: [], ...changes }
}

const byDay = { state: 'stored', winner: 'day', events: [], next: 'compare' } as const
const byYear = { ...byDay, winner: 'year' } as const

/** Of a stored session of a symbol with year files: whether it has a day file too, depends on its first night. */
const objectsOf = (date: string, firstDay: string) => (date >= firstDay ? 1 : 0) + (date < '2025' ? 1 : 0)

const STORED: Readonly<Record<Symbol, (date: string) => Truth>> = {
  DAYS(date) {
    if (date < '2024-01-02') return absent('DAYS', date, { state: 'not_stored', next: 'none' })
    if (DAYS.missing.includes(date)) return absent('DAYS', date, { state: 'missing', next: 'along' })
    if (date === DAYS.rejected) return absent('DAYS', date, { state: 'rejected', next: 'along', events: ['rejected'] })
    const event = { [DAYS.corrected]: 'corrected', [DAYS.late]: 'filled' }[date]
    return { ...byDay, objects: 1, events: event === undefined ? [] : [event] }
  },
  YEAR(date) {
    if (date < '2024-01-02') return absent('YEAR', date, { state: 'not_stored', next: 'none' })
    if (date === YEAR.missing) return absent('YEAR', date, { state: 'missing', next: 'compare' })
    const objects = objectsOf(date, '2024-01-02')
    return date <= YEAR.through ? { ...byYear, objects, events: ['rewritten'] } : { ...byDay, objects }
  },
  // The years were written anew on the night after the ex date, up to the session before it. The first night stored no day file.
  SPLIT(date) {
    const isHeld = date > SPLIT.lastStored
    if (isHeld) return absent('SPLIT', date, { state: 'held', next: 'fetch', events: ['held'] })
    const objects = objectsOf(date, '2024-01-03')
    return date < SPLIT.exDate ? { ...byYear, objects, events: ['mended'] } : { ...byDay, objects }
  },
  CARRY(date) {
    const objects = objectsOf(date, '2024-01-03')
    if (date < CARRY.depthFrom) return { ...byYear, objects, state: 'carried', events: ['carried'] }
    return date < CARRY.exDate ? { ...byYear, objects, events: ['mended'] } : { ...byDay, objects }
  },
}

function truthOf(symbol: Symbol, date: string): Truth {
  if (dayOf(date) !== 'session') return absent(symbol, date, { state: 'closed', next: 'none' })
  if (date > AS_OF) return absent(symbol, date, { state: 'future', next: 'fetch' })
  if (date === AS_OF) return absent(symbol, date, { state: 'not_stored', next: 'fetch' })
  return STORED[symbol](date)
}

/** The values that must count. */
function rowOf(symbol: Symbol, date: string): Bar | undefined {
  const bars = symbol === 'SPLIT' ? honestBars(symbol, LAST_NIGHT) : servedBars(symbol, LAST_NIGHT)
  const found = bars.find((bar) => bar.date === date)
  // What the vendor has dropped was multiplied: the dividend touches the adjusted close alone.
  return found ?? honestBars(symbol, LAST_NIGHT).find((bar) => bar.date === date)
}

test('every cell of a year answers truly', async () => {
  const stage = await liveThroughTheYear()
  const seen = new Map<string, number>()
  for (const symbol of SYMBOLS) {
    for (let date = '2023-12-20'; date <= '2025-01-20'; date = later(date, 1)) {
      const run = await stage.run(['why', symbol, date, '--json', '--tickers', SYMBOLS.join(',')], NOW)
      expect({ code: run.code, stderr: run.stderr, calls: run.calls }).toEqual({ code: 0, stderr: '', calls: 0 })
      const why = JSON.parse(run.stdout) as Why
      expect(schemaErrors('why', why)).toEqual([])
      const truth = truthOf(symbol, date)
      const winner = why.objects.find(({ key }) => key === why.winner)
      const events = why.history.map(({ event }) => event)
      expect({
        symbol,
        date,
        day: why.day,
        state: why.state,
        winner: winner?.kind,
        objects: why.objects.length,
        events: [...new Set(events.filter((event) => SPECIAL.has(event)))],
        next: why.next.action,
      } as object).toEqual({ symbol, date, day: dayOf(date), ...truth })
      for (const { rows_hash: hash, problem } of why.objects) expect([hash, problem]).toEqual(['equal', null])
      if (winner !== undefined) expectValues(winner.rows[0] ?? {}, symbol, date)
      const name = `${truth.state} ${truth.winner ?? ''} ${truth.events.join()}`
      seen.set(name, (seen.get(name) ?? 0) + 1)
    }
  }
  expect([...seen.keys()].toSorted()).toMatchInlineSnapshot(`
    [
      "carried year carried",
      "closed  ",
      "future  ",
      "held  held",
      "missing  ",
      "not_stored  ",
      "rejected  rejected",
      "stored day ",
      "stored day corrected",
      "stored day filled",
      "stored year mended",
      "stored year rewritten",
    ]
  `)
})

function expectValues(row: Readonly<Record<string, unknown>>, symbol: Symbol, date: string): void {
  const expected = rowOf(symbol, date)
  const isCarried = symbol === 'CARRY' && date < CARRY.depthFrom
  const { adjClose, ...others } = row
  const { adjClose: expectedClose, ...rest } = expected ?? { adjClose: Number.NaN }
  expect({ symbol, ...others } as object).toEqual({ symbol, ...rest })
  if (isCarried) expect(Math.abs(Number(adjClose) - Number(expectedClose))).toBeLessThan(0.0101)
  else expect(adjClose).toBe(expectedClose)
}
