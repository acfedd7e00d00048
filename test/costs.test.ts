// What the page says of costs: its table is computed from the prices that it states, and its sentences hold.

import { describe, expect, test } from 'bun:test'
import { monthOf, monthsOf, PAGE, pricesIn, saved, withTable } from './costs.make.ts'

const page = await Bun.file(PAGE).text()
const prices = pricesIn(page)
const months = monthsOf(prices)

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
    expect(month.s3).toBeCloseTo((10 * 3 * 21 * 0.005) / 1_000)
  })

  test('is 70 % of three nodes with paid minutes up to 500 symbols, and not at 5,000', () => {
    for (const { symbols, cluster, actions, s3 } of months) {
      const isHeld = Math.round(saved(cluster, actions + s3) * 100) >= 70
      expect({ symbols, isHeld }).toEqual({ symbols, isHeld: symbols <= 500 })
    }
  })

  test('is more than 85 % with included minutes, but for 5,000 symbols at the fastest rate', () => {
    for (const { symbols, rateSeconds, cluster, s3, jobMinutes } of months) {
      expect(jobMinutes).toBeLessThan(prices.includedMinutes)
      const isFast = symbols === 5_000 && rateSeconds === 0.02
      expect({ symbols, rateSeconds, isHeld: saved(cluster, s3) > 0.85 }).toEqual({
        symbols,
        rateSeconds,
        isHeld: !isFast,
      })
    }
  })

  test('is nothing against one small node with paid minutes', () => {
    expect(months.filter(({ node, actions, s3 }) => saved(node, actions + s3) > 0)).toEqual([])
  })

  test('is a few dollars a month, whatever the share', () => {
    expect(Math.max(...months.map(({ actions, s3 }) => actions + s3))).toBeLessThan(8)
  })
})
