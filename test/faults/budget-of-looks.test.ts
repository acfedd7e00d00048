// A budget that pays the night's calls and no look: the symbol whose past has moved must not wait for ever.

import { expect, test } from 'bun:test'
import { addDays } from '../../lib/core/dates.ts'
import { barsFor, iso, type Bar } from '../support/bars.ts'
import { readRows } from '../support/lakes/lake.ts'
import { metricsOf, setStage } from '../support/runs/stage.ts'

const SYMBOLS = Array.from({ length: 25 }, (_, index) => `S${index + 10}`)
const PAYER = 'S22'
const NIGHTS = ['2024-09-11', '2024-09-12', '2024-09-13', '2024-09-16', '2024-09-17'] as const
const EX_DATE = '2024-09-11'

/** The bars of a night: from the ex date on, every older adjusted close is 3 % lower. */
function onNight(bars: readonly Bar[], symbol: string, session: string): readonly Bar[] {
  return bars
    .filter(({ date }) => date <= session)
    .map((bar) =>
      symbol === PAYER && session >= EX_DATE && bar.date < EX_DATE
        ? { ...bar, adjClose: Math.round((bar.adjClose ?? 0) * 97) / 100 }
        : bar,
    )
}

test('is paid before the calls of those that come later, and every symbol gets its turn', async () => {
  const bars = barsFor(SYMBOLS, '2023-01-03', '2024-09-20')
  await using stage = await setStage()
  const setNight = (session: string) => {
    for (const symbol of SYMBOLS) stage.bars[symbol] = onNight(bars[symbol] ?? [], symbol, session)
  }
  setNight('2024-09-10')
  const list = ['--tickers', SYMBOLS.join(','), '--audit', '0']
  const backfill = [...list, '--backfill', '--from-date', '2023-01-01']
  expect((await stage.run(backfill, { now: '2024-09-11T13:00:00Z' })).code).toBe(0)

  const codes: number[] = []
  for (const session of NIGHTS) {
    setNight(session)
    const run = await stage.run([...list, '--max-calls', String(2 * SYMBOLS.length)], {
      now: `${addDays(iso(session), 1)}T13:00:00Z`,
    })
    codes.push(run.code ?? -1)
    if (session === EX_DATE) expect(metricsOf(run)).toMatchObject({ looks: 1, mended_symbols: 1 })
  }
  // The look of the first night leaves another symbol, which comes first in the second.
  expect(codes).toEqual([3, 0, 0, 0, 0])
  const newest = Map.groupBy(await readRows(stage.lake, 'raw/prices'), ({ symbol }) => symbol)
  expect([...newest].filter(([, rows]) => !rows.some(({ date }) => date === '2024-09-17'))).toEqual([])
})
