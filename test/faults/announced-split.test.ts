// A split that the vendor lists and has not yet applied to its past: the new bar is on another base than all before it.

import { describe, expect, test } from 'bun:test'
import { iso, makeBars, type Bar } from '../support/bars.ts'
import { XNYS } from '../../lib/core/calendar.ts'
import { readRows } from '../support/lakes/lake.ts'
import { recordedError } from '../support/recorded.ts'
import { metricsOf, setStage, type Stage } from '../support/runs/stage.ts'

const EX_DATE = '2024-09-11'
const LISTED = [{ symbol: 'AAPL', date: EX_DATE, numerator: 4, denominator: 1, splitType: 'stock-split' }]
const BARS = makeBars(XNYS.sessions({ from: iso('2024-08-01'), to: iso('2024-09-20') }), 7)

function divided(bar: Bar): Bar {
  const [open, high, low, close, adjClose] = [bar.open, bar.high, bar.low, bar.close, bar.adjClose].map(
    (value) => Math.round(((value ?? 0) / 4) * 100) / 100,
  )
  return { date: bar.date, volume: (bar.volume ?? 0) * 4, open, high, low, close, adjClose } as Bar
}

/** The vendor's bars on the night of a session: from the ex date on divided, and before it only once the split is applied. */
const barsOn = (session: string, isApplied: boolean) =>
  BARS.filter(({ date }) => date <= session).map((bar) => (bar.date >= EX_DATE || isApplied ? divided(bar) : bar))

async function setSplit(answer: () => Response): Promise<Stage> {
  const stage = await setStage({ bars: { AAPL: barsOn('2024-09-10', false) } })
  const args = ['--tickers', 'AAPL', '--from-date', '2024-08-01', '--to-date', '2024-09-10']
  expect((await stage.run(args)).code).toBe(0)
  stage.onRequest = ({ path }) => (path === '/stable/splits' ? answer() : undefined)
  return stage
}

async function night(stage: Stage, session: string, isApplied: boolean) {
  stage.bars['AAPL'] = barsOn(session, isApplied)
  const run = await stage.run(['--tickers', 'AAPL'], { now: `${session}T23:59:00-04:00` })
  const dates = (await readRows(stage.lake, 'raw/prices')).map(({ date }) => date)
  return { run, newest: dates.toSorted().at(-1), calls: run.requests.map(({ path }) => path) }
}

describe('a new bar that opens far from the stored close', () => {
  test('waits while FMP lists its split, is an error once three sessions wait, and is stored when the past has moved', async () => {
    await using stage = await setSplit(() => Response.json(LISTED))
    for (const [session, code] of [
      ['2024-09-12', 0],
      ['2024-09-13', 0],
      ['2024-09-16', 1],
    ] as const) {
      const { run, newest, calls } = await night(stage, session, false)
      expect({ session, code: run.code, newest }).toEqual({ session, code, newest: '2024-09-10' })
      expect(calls.filter((path) => path === '/stable/splits')).toHaveLength(1)
      expect(run.stderr).toContain(
        `FMP lists a 4:1 split of AAPL on ${EX_DATE}, and has not yet divided the prices before it`,
      )
      expect(metricsOf(run).results[0]?.past).toMatchObject({ verdict: 'unsettled', held: true })
    }
    const { run, newest, calls } = await night(stage, '2024-09-17', true)
    expect({ code: run.code, newest }).toEqual({ code: 0, newest: '2024-09-16' })
    expect(calls).not.toContain('/stable/splits')
    expect(metricsOf(run).results[0]?.past).toMatchObject({ verdict: 'rebased', steps: [{ ratio: '4:1' }] })
  })

  test.each<[what: string, answer: () => Response]>([
    ['lists none', () => Response.json([])],
    ['refuses the list', () => recordedError('endpoint-not-in-plan')],
    ['does not know the path', () => recordedError('no-such-path')],
  ])('is stored and counted as suspect where FMP %s', async (_, answer) => {
    await using stage = await setSplit(answer)
    const { run, newest } = await night(stage, '2024-09-12', false)
    expect({ code: run.code, newest }).toEqual({ code: 0, newest: EX_DATE })
    expect(metricsOf(run)).toMatchObject({ suspect_rows: 1, counts: { stored: 1 } })
    expect(run.stderr).toMatch(
      /1 row stored that looks wrong, the first is 2024-09-11: opens \d\d\.\d % below the close before it/,
    )
  })

  test('is not asked about where the user accepts it, and costs no call on other nights', async () => {
    await using stage = await setSplit(() => Response.json(LISTED))
    stage.bars['AAPL'] = barsOn(EX_DATE, false)
    const run = await stage.run(['--tickers', 'AAPL', '--accept', 'AAPL'], { now: '2024-09-12T13:00:00Z' })
    expect({ code: run.code, calls: run.requests.map(({ path }) => path) }).toEqual({
      code: 0,
      calls: ['/stable/historical-price-eod/full', '/stable/historical-price-eod/dividend-adjusted'],
    })
  })

  test('a budget that cannot pay the question leaves the symbol for the next run', async () => {
    await using stage = await setSplit(() => Response.json(LISTED))
    stage.bars['AAPL'] = barsOn(EX_DATE, false)
    const run = await stage.run(['--tickers', 'AAPL', '--max-calls', '2'], { now: '2024-09-12T13:00:00Z' })
    expect(metricsOf(run)).toMatchObject({ exit_code: 3, stopped_by: 'budget', counts: { stored: 0, not_reached: 1 } })
  })
})
