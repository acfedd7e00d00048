// A lake that grows by night while the vendor's past moves under it.

import { expect, test } from 'bun:test'
import { XNYS } from '../../lib/core/calendar.ts'
import { addDays, type IsoDate } from '../../lib/core/dates.ts'
import { cents, iso, makeBars, SEED } from '../support/bars.ts'
import { compareWithVendor } from '../support/lakes/stale-rows.ts'
import { setStage, type Stage } from '../support/runs/stage.ts'
import { barsOn, type PastEvent, type TradedBar } from '../support/servers/moving-past.ts'

const START = iso('2022-10-03')
const SESSIONS = XNYS.sessions({ from: START, to: iso('2024-08-16') })
const FIRST_NIGHT = iso('2024-06-03')

type Series = { readonly traded: readonly TradedBar[]; readonly events: readonly PastEvent[] }

const times = (value: number | null, factor: number) => cents((value ?? 0) * factor)

/**
 * As traded: a split moves the price of the session itself, and a dividend takes its amount from it. Four times the prices of
 * other tests: a fifth of a price is a dividend that may be doubted.
 */
function traded(seed: number, events: readonly PastEvent[]): readonly TradedBar[] {
  let [price, shares, closeBefore] = [4, 1, 0]
  return makeBars(SESSIONS, seed).map((bar) => {
    for (const { exDate, split: [after, before] = [1, 1], dividend = 0 } of events) {
      if (exDate !== bar.date) continue
      price *= (before / after) * (1 - dividend / closeBefore)
      shares *= after / before
    }
    closeBefore = times(bar.close, price)
    return {
      date: bar.date,
      open: times(bar.open, price),
      high: times(bar.high, price),
      low: times(bar.low, price),
      close: closeBefore,
      volume: Math.round((bar.volume ?? 0) * shares),
    }
  })
}

const EVENTS: Readonly<Record<string, readonly PastEvent[]>> = {
  SPLIT: [{ exDate: iso('2024-07-15'), split: [4, 1] }],
  BACK: [{ exDate: iso('2024-08-05'), split: [1, 8] }],
  ODD: [
    { exDate: iso('2024-06-20'), split: [3, 2] },
    { exDate: iso('2024-07-25'), split: [21, 20] },
  ],
  PAYS: ['2024-06-14', '2024-07-12', '2024-08-09'].map((date) => ({ exDate: iso(date), dividend: 0.83 })),
  TINY: [{ exDate: iso('2024-07-01'), dividend: 0.02 }],
  BOTH: [{ exDate: iso('2024-08-12'), split: [2, 1], dividend: 1.5 }],
  LATE: [{ exDate: iso('2024-07-22'), from: iso('2024-08-13'), dividend: 2 }],
  QUIET: [],
}

const SERIES: Readonly<Record<string, Series>> = Object.fromEntries(
  Object.entries(EVENTS).map(([symbol, events], index) => [symbol, { events, traded: traded(SEED + index, events) }]),
)
const SYMBOLS = Object.keys(SERIES)

/** The sessions from which on the vendor's past is another one. */
const MOVES = new Set(Object.values(EVENTS).flatMap((events) => events.map(({ exDate, from = exDate }) => from)))

/** The night of each move, that after it, and every fifth: the others are skipped, as is the night of the 3:2 split. */
const NIGHTS = SESSIONS.filter((session, index) => {
  const isNear = MOVES.has(session) || MOVES.has(SESSIONS[index - 1] ?? session)
  return session >= FIRST_NIGHT && session !== '2024-06-20' && (isNear || index % 5 === 0)
})

function setVendor(stage: Stage, today: IsoDate): void {
  for (const [symbol, { traded: bars, events }] of Object.entries(SERIES)) {
    stage.bars[symbol] = barsOn(today, bars, events)
  }
}

/** The morning after a session in New York. */
const morningAfter = (session: IsoDate) => `${addDays(session, 1)}T13:00:00Z`

async function backfilled(): Promise<Stage> {
  const stage = await setStage({})
  const last = SESSIONS.findLast((session) => session < FIRST_NIGHT) ?? START
  setVendor(stage, last)
  const args = ['--tickers', SYMBOLS.join(','), '--backfill', '--from-date', START]
  expect((await stage.run(args, { now: morningAfter(last) })).code).toBe(0)
  return stage
}

test('after every night what is stored is what the vendor has, and quiet nights make the same calls', async () => {
  await using stage = await backfilled()
  let calls = 0
  for (const night of NIGHTS) {
    setVendor(stage, night)
    const run = await stage.run(['--tickers', SYMBOLS.join(',')], { now: morningAfter(night) })
    expect({ night, code: run.code, stderr: run.stderr }).toEqual({ night, code: 0, stderr: expect.any(String) })
    calls += run.requests.length
    expect({ night, differing: (await compareWithVendor(stage.lake, stage.bars)).stale.slice(0, 5) }).toEqual({
      night,
      differing: [],
    })
  }
  expect(calls).toBe(2 * SYMBOLS.length * NIGHTS.length)
})
