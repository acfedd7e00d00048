import { describe, expect, test } from 'bun:test'
import { createLimit, mapAhead, mapLimit } from '../../lib/core/concurrency.ts'
import { forRandomRuns } from '../support/random.ts'

describe('createLimit()', () => {
  test('starts tasks in order, never more at once than the limit, and a failed task frees its slot', async () => {
    await forRandomRuns('limit', 20, async (random) => {
      const max = 1 + Math.floor(random() * 5)
      const limit = createLimit(max)
      const started: number[] = []
      let running = 0
      let peak = 0
      const tasks = Array.from({ length: 3_000 }, async (_, index) => {
        await limit.run(async () => {
          started.push(index)
          running += 1
          peak = Math.max(peak, running)
          if (random() < 0.2) await Bun.sleep(0)
          running -= 1
          if (random() < 0.1) throw new Error('no')
        })
      })
      const ends = await Promise.allSettled(tasks)
      expect(ends).toHaveLength(3_000)
      expect(started).toEqual(Array.from({ length: 3_000 }, (_, index) => index))
      expect(peak).toBe(max)
    })
  })

  test('follows a new maximum: a lower one as tasks end, a higher one at once', async () => {
    const limit = createLimit(4)
    const ends: (() => void)[] = []
    const start = () => void limit.run(async () => await new Promise<void>((resolve) => ends.push(resolve)))
    for (let n = 0; n < 12; n += 1) start()
    expect(ends).toHaveLength(4)
    limit.setMax(2)
    for (const end of ends.splice(0, 3)) end()
    await Bun.sleep(0)
    // One of the four still runs, so one may start.
    expect(ends).toHaveLength(2)
    limit.setMax(5)
    await Bun.sleep(0)
    expect(ends).toHaveLength(5)
  })
})

describe('mapLimit()', () => {
  test('gives the results in the order of the items, with never more in flight than allowed', async () => {
    await forRandomRuns('map', 20, async (random) => {
      const max = 1 + Math.floor(random() * 5)
      let running = 0
      let peak = 0
      const items = Array.from({ length: 100 }, (_, index) => index)
      const results = await mapLimit(items, max, async (item) => {
        running += 1
        peak = Math.max(peak, running)
        if (random() < 0.5) await Bun.sleep(0)
        running -= 1
        return item * 2
      })
      expect(results).toEqual(items.map((item) => item * 2))
      expect(peak).toBe(max)
    })
  })

  test('of no items gives no results', async () => {
    expect(await mapLimit([], 3, async (item) => item)).toEqual([])
  })

  test('rejects with the first failure and starts no further item', async () => {
    const started: number[] = []
    const mapped = mapLimit([1, 2, 3, 4, 5, 6], 2, async (item) => {
      started.push(item)
      await Bun.sleep(0)
      if (item === 2) throw new Error('two')
    })
    expect(await mapped.catch((error: unknown) => error)).toEqual(new Error('two'))
    // Whatever is still in flight ends.
    for (let turn = 0; turn < 10; turn += 1) await Bun.sleep(0)
    expect(started).toEqual([1, 2, 3])
  })
})

describe('mapAhead()', () => {
  test('yields the results in the order of the items, with never more started and not taken than allowed', async () => {
    await forRandomRuns('ahead', 20, async (random) => {
      const max = 1 + Math.floor(random() * 5)
      const items = Array.from({ length: 50 }, (_, index) => index)
      let started = 0
      let peak = 0
      const results: number[] = []
      const mapped = mapAhead(items, max, async (item) => {
        started += 1
        peak = Math.max(peak, started - results.length)
        if (random() < 0.5) await Bun.sleep(0)
        return item * 2
      })
      for await (const result of mapped) {
        results.push(result)
        if (random() < 0.5) await Bun.sleep(0)
      }
      expect(results).toEqual(items.map((item) => item * 2))
      expect(peak).toBe(max)
    })
  })

  test('starts nothing before the first result is asked for, and nothing more for a consumer that stops', async () => {
    const started: number[] = []
    const work = async (item: number) => {
      started.push(item)
      return await Promise.resolve(item)
    }
    const mapped = mapAhead([1, 2, 3, 4, 5, 6], 2, work)
    expect(started).toEqual([])
    for await (const item of mapped) if (item === 2) break
    expect(started).toEqual([1, 2, 3])
  })

  test('throws a failure in its turn, after the results before it, and starts no further item', async () => {
    const started: number[] = []
    const taken: number[] = []
    const mapped = mapAhead([1, 2, 3, 4, 5, 6], 3, async (item) => {
      started.push(item)
      if (item >= 2) throw new Error(String(item))
      await Bun.sleep(0)
      return item
    })
    const take = async () => {
      for await (const item of mapped) taken.push(item)
    }
    expect(await take().catch((error: unknown) => error)).toEqual(new Error('2'))
    expect(taken).toEqual([1])
    expect(started).toEqual([1, 2, 3, 4])
  })
})
