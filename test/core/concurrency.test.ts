import { describe, expect, test } from 'bun:test'
import { createTurns, mapAtMost } from '../../lib/core/concurrency.ts'
import { forRandomRuns } from '../support/random.ts'

describe('turns', () => {
  test('are given in order, never more at once than the limit, and a failure gives its turn on', async () => {
    await forRandomRuns('turns', 20, async (random) => {
      const limit = 1 + Math.floor(random() * 5)
      const turns = createTurns(limit)
      const begun: number[] = []
      let running = 0
      let peak = 0
      const tasks = Array.from({ length: 3_000 }, async (_, index) => {
        await turns.run(async () => {
          begun.push(index)
          running += 1
          peak = Math.max(peak, running)
          if (random() < 0.2) await Bun.sleep(0)
          running -= 1
          if (random() < 0.1) throw new Error('no')
        })
      })
      const ends = await Promise.allSettled(tasks)
      expect(ends).toHaveLength(3_000)
      expect(begun).toEqual(Array.from({ length: 3_000 }, (_, index) => index))
      expect(peak).toBe(limit)
    })
  })

  test('follow a new limit: a lower one when turns come back, a higher one at once', async () => {
    const turns = createTurns(4)
    const ends: (() => void)[] = []
    const begin = () => void turns.run(async () => await new Promise<void>((resolve) => ends.push(resolve)))
    for (let n = 0; n < 12; n += 1) begin()
    expect(ends).toHaveLength(4)
    turns.setLimit(2)
    for (const end of ends.splice(0, 3)) end()
    await Bun.sleep(0)
    // One of the four still runs, so one may begin.
    expect(ends).toHaveLength(2)
    turns.setLimit(5)
    await Bun.sleep(0)
    expect(ends).toHaveLength(5)
  })
})

describe('mapAtMost()', () => {
  test('gives the results in the order of the items, never more in work than told', async () => {
    await forRandomRuns('map', 20, async (random) => {
      const most = 1 + Math.floor(random() * 5)
      let running = 0
      let peak = 0
      const items = Array.from({ length: 100 }, (_, index) => index)
      const results = await mapAtMost(items, most, async (item) => {
        running += 1
        peak = Math.max(peak, running)
        if (random() < 0.5) await Bun.sleep(0)
        running -= 1
        return item * 2
      })
      expect(results).toEqual(items.map((item) => item * 2))
      expect(peak).toBe(most)
    })
  })

  test('of nothing is nothing', async () => {
    expect(await mapAtMost([], 3, async (item) => item)).toEqual([])
  })

  test('rejects with the first failure and begins nothing more', async () => {
    const begun: number[] = []
    const mapped = mapAtMost([1, 2, 3, 4, 5, 6], 2, async (item) => {
      begun.push(item)
      await Bun.sleep(0)
      if (item === 2) throw new Error('two')
    })
    expect(await mapped.catch((error: unknown) => error)).toEqual(new Error('two'))
    // Whatever is still in work ends.
    for (let turn = 0; turn < 10; turn += 1) await Bun.sleep(0)
    expect(begun).toEqual([1, 2, 3])
  })
})
