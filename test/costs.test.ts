// What the page says of costs: its table is computed from the prices that it states, its sentences hold, and its requests are
// those of runs.

import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import {
  monthOf,
  monthsOf,
  PAGE,
  pricesIn,
  requestsOf,
  saved,
  withTable,
  type Month,
  type Requests,
} from './costs.make.ts'
import { addDays } from '../lib/core/dates.ts'
import { barsFor, iso, sessions } from './support/bars.ts'
import { priceKeys } from './support/lakes/lake.ts'
import { setS3Stage, type S3Stage } from './support/runs/stage.ts'

const page = await Bun.file(PAGE).text()
const prices = pricesIn(page)
const months = monthsOf(prices)

const withPaid = ({ cluster, actions, s3 }: Month) => saved(cluster, actions + s3)
const withIncluded = ({ cluster, s3 }: Month) => saved(cluster, s3)
const text = (count: number) => count.toLocaleString('en-US')

describe('what it saves', () => {
  test('is the table of the page: run `bun test/costs.make.ts` after a change of prices', () => {
    expect(withTable(page)).toBe(page)
  })

  test('follows prices of one’s own', () => {
    const own = withTable(page.replace(/^(\| Actions, \$ a minute +\| )[\d.]+/m, '$11.000'))
    expect(pricesIn(own).actionsPerMinute).toBe(1)
    expect(own).not.toBe(page)
    expect(() => pricesIn('| nights a month | many |')).toThrow('The page has no number for "nights a month"')
  })

  test('counts as a reader would: ten symbols at one call per 15 s', () => {
    const month = monthOf(10, 15, prices)
    expect(month.waitMinutes).toBeCloseTo((20 * 15.005) / 60)
    expect(month.cluster).toBeCloseTo(((month.waitMinutes + 5) / 60) * 1.386 * 21)
    expect(month.jobMinutes).toBe((8 + 2) * 21)
    expect(month.actions).toBeCloseTo(210 * 0.006)
    // All ten are audited every night: each reads its 130 files, and lists them three times.
    const [paidAsWrites, reads] = [10 * (2 + 1 + 3) + 4, 10 * (2 + 130)]
    expect(month.s3).toBeCloseTo((21 * (paidAsWrites * 0.005 + reads * 0.0004)) / 1_000)
  })

  test('with paid minutes is 70 % of three nodes for ten symbols, a little less at 500, and much less at 5,000', () => {
    expect(page).toContain(`holds for 10 symbols (${sharesOf(10, withPaid)})`)
    expect(page).toContain(`At 500 symbols (${sharesOf(500, withPaid)}) it is missed by a little`)
    expect(page).toContain(`at 5,000 (${sharesOf(5_000, withPaid)}) it does not hold`)
    for (const month of months.filter(({ symbols }) => symbols === 500)) {
      expect(withPaid(month)).toBeLessThan(0.7)
      expect(withPaid(month)).toBeGreaterThan(0.66)
    }
  })

  test('with included minutes is more than 70 %, but for 5,000 symbols at the fastest rate', () => {
    expect(page).toContain(`it holds at 500 symbols (${sharesOf(500, withIncluded)})`)
    expect(page).toContain(`At 5,000 (${sharesOf(5_000, withIncluded)}) it does not hold at the fastest rate`)
    for (const month of months) {
      expect(month.jobMinutes).toBeLessThan(prices.includedMinutes)
      const isFast = month.symbols === 5_000 && month.rateSeconds === 0.02
      expect({ ...month, isHeld: withIncluded(month) > 0.7 }).toEqual({ ...month, isHeld: !isFast })
    }
  })

  test('is nothing against one small node with paid minutes', () => {
    expect(months.filter(({ node, actions, s3 }) => saved(node, actions + s3) > 0)).toEqual([])
  })

  test('is a few dollars a month, whatever the share', () => {
    expect(Math.max(...months.map(({ actions, s3 }) => actions + s3))).toBeLessThan(9)
  })
})

/** The smallest and the largest share of the rows of so many symbols, as the page has them. */
function sharesOf(symbols: number, share: (month: Month) => number): string {
  const percents = months.filter((month) => month.symbols === symbols).map((month) => Math.round(share(month) * 100))
  const [least, most] = [Math.min(...percents), Math.max(...percents)]
  return least === most ? `${most} %` : `${least} to ${most} %`
}

describe('the requests of a night', () => {
  const SYMBOLS = ['A', 'B', 'C']
  const HISTORY = sessions('2022-01-03', '2024-08-30')
  const NIGHTS = sessions('2024-09-03', '2024-09-18')

  /** The requests of a run after a session. */
  async function counted(stage: S3Stage, session = '', args: readonly string[] = [], hour = 14): Promise<Requests> {
    Object.assign(stage.bars, barsFor(SYMBOLS, HISTORY[0] ?? '', session))
    const before = stage.s3.requests.length
    const now = `${addDays(iso(session), 1)}T${hour}:00:00Z`
    expect((await stage.run(['--tickers', SYMBOLS.join(','), ...args], { now })).code).toBe(0)
    const requests = stage.s3.requests.slice(before)
    const count = (name: string) => requests.filter(({ operation }) => operation === name).length
    const [lists, puts, gets] = [count('list'), count('put'), count('get')]
    expect(lists + puts + gets).toBe(requests.length)
    return { lists, puts, gets }
  }

  test('are those of the model, in a lake of year files and eleven day files', async () => {
    await using stage = await setS3Stage()
    await counted(stage, HISTORY.at(-1), ['--backfill', '--from-date', HISTORY[0] ?? ''])
    // Ten sessions at once, and one more without an audit.
    await counted(stage, NIGHTS.at(-3))
    const { gets } = await counted(stage, NIGHTS.at(-2), ['--audit', '0'])
    expect(gets).toBe(SYMBOLS.length * (prices.filesCompared + 1))
    const filesPerSymbol = (await priceKeys(stage.lake)).length / SYMBOLS.length
    const runs = [await counted(stage, NIGHTS.at(-1)), await counted(stage, NIGHTS.at(-1), [], 23)]
    const sum = (name: keyof Requests) => runs.reduce((total, requests) => total + requests[name], 0)
    expect({ lists: sum('lists'), puts: sum('puts'), gets: sum('gets') }).toEqual(
      requestsOf(SYMBOLS.length, { ...prices, filesPerSymbol }),
    )
  })

  test('are in the table of how large it may become', async () => {
    const large = await Bun.file(join(import.meta.dir, '../lib/README.md')).text()
    expect(large).toContain(`for symbols of ${prices.filesPerSymbol} files each`)
    for (const symbols of [500, 5_000, 50_000]) {
      const { gets, lists, puts } = requestsOf(symbols, prices)
      const row = large.split('\n').find((line) => line.startsWith(`| ${text(symbols).padStart(7)} |`)) ?? ''
      const cells = row.split('|').map((cell) => cell.trim())
      expect(cells.slice(6, 9)).toEqual([gets, lists, puts].map(text))
    }
  })
})
