import { describe, expect, test } from 'bun:test'
import { createAdaptiveLimit } from '../../../lib/store/s3/adaptive-limit.ts'
import { forRandomRuns } from '../../support/random.ts'

const never = () => false
const always = () => true

/** Requests that end when told. */
function requests(limit = createAdaptiveLimit(8)) {
  const open: { resolve: () => void; reject: (error: Error) => void }[] = []
  const send = (isThrottled = always) => {
    const sent = limit.run(async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      open.push({ resolve, reject })
      await promise
    }, isThrottled)
    sent.catch(() => undefined)
    return sent
  }
  /** Ends all that are in flight, with or without a refusal, and lets those that wait begin. */
  const end = async (error?: Error) => {
    const ending = open.splice(0)
    for (const { resolve, reject } of ending) {
      if (error === undefined) resolve()
      else reject(error)
    }
    await Bun.sleep(0)
    return ending.length
  }
  return { limit, open, send, end }
}

describe('the requests in flight', () => {
  test('are as many as allowed', async () => {
    const { send, end, open } = requests()
    for (let n = 0; n < 20; n += 1) void send()
    expect(open).toHaveLength(8)
    expect(await end()).toBe(8)
    expect(open).toHaveLength(8)
  })

  test('are half as many after a refusal, once for all that were refused together, and never none', async () => {
    const { send, end, limit, open } = requests()
    for (let n = 0; n < 40; n += 1) void send()
    await end(new Error('SlowDown'))
    expect(limit.limit()).toBe(4)
    expect(open).toHaveLength(4)
    for (const half of [2, 1, 1]) {
      await end(new Error('SlowDown'))
      expect(limit.limit()).toBe(half)
      expect(open).toHaveLength(half)
    }
  })

  test('grow by one for each round of answers, up to what is allowed', async () => {
    const { send, end, limit } = requests()
    for (let n = 0; n < 200; n += 1) void send()
    await end(new Error('SlowDown'))
    const limits: number[] = []
    for (let round = 0; round < 8; round += 1) {
      await end()
      limits.push(limit.limit())
    }
    expect(limits[0]).toBeGreaterThanOrEqual(4)
    expect(limits).toEqual(limits.toSorted((a, b) => a - b))
    expect(limits.at(-1)).toBe(8)
    // Not at once: each step takes a whole round.
    expect(new Set(limits).size).toBeGreaterThanOrEqual(4)
  })

  test('stay as they are after a failure of another kind', async () => {
    const { send, end, limit } = requests()
    for (let n = 0; n < 20; n += 1) void send(never)
    await end(new Error('ECONNRESET'))
    expect(limit.limit()).toBe(8)
  })

  test('are never more than allowed, and all of them end, whatever is refused', async () => {
    await forRandomRuns('limit', 30, async (random) => {
      const max = 1 + Math.floor(random() * 12)
      const limit = createAdaptiveLimit(max)
      let inFlight = 0
      let peak = 0
      const sent = Array.from({ length: 100 }, () =>
        limit
          .run(async () => {
            inFlight += 1
            peak = Math.max(peak, inFlight)
            await Bun.sleep(0)
            inFlight -= 1
            if (random() < 0.3) throw new Error('SlowDown')
          }, always)
          .then(
            () => 'answered',
            () => 'refused',
          ),
      )
      expect(await Promise.all(sent)).toHaveLength(100)
      expect(peak).toBeLessThanOrEqual(max)
      expect(limit.limit()).toBeGreaterThanOrEqual(1)
    })
  })
})
