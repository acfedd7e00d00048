import { describe, expect, test } from 'bun:test'
import { backoffMs, retry } from '../../lib/core/retry.ts'
import { createFakeClock } from '../support/runs/fake-clock.ts'

const policy = { maxAttempts: 4, baseMs: 100, capMs: 350 }
const always = () => true

/** Fails `failures` times, then returns the number of the try. */
function flaky(failures: number): (attempt: number) => Promise<number> {
  return async (attempt) => {
    if (attempt <= failures) throw new Error(`failure ${attempt}`)
    return attempt
  }
}

describe('backoffMs()', () => {
  test('doubles the longest wait up to the cap', () => {
    const longest = [1, 2, 3, 4, 60].map((attempt) => backoffMs(attempt, policy, () => 1))
    expect(longest).toEqual([100, 200, 350, 350, 350])
  })

  test('may be anything from zero on', () => {
    expect(backoffMs(3, policy, () => 0)).toBe(0)
    expect(backoffMs(2, policy, () => 0.25)).toBe(50)
  })

  test('keeps to the cap where the doubling overflows', () => {
    expect(backoffMs(5_000, policy, () => 0.5)).toBe(175)
  })
})

describe('retry()', () => {
  test('returns the first success without a wait', async () => {
    const clock = createFakeClock()
    expect(await retry(flaky(0), { policy, clock, random: () => 0.5, isRetryable: always })).toBe(1)
    expect(clock.sleepsMs).toEqual([])
  })

  test('waits a drawn time before each new try', async () => {
    const clock = createFakeClock()
    expect(await retry(flaky(3), { policy, clock, random: () => 0.5, isRetryable: always })).toBe(4)
    expect(clock.sleepsMs).toEqual([50, 100, 175])
  })

  test('throws the last failure when the tries are used up, without a wait after it', async () => {
    const clock = createFakeClock()
    const running = retry(flaky(9), { policy, clock, random: () => 0.5, isRetryable: always })
    await expect(running).rejects.toThrow('failure 4')
    expect(clock.sleepsMs).toHaveLength(3)
  })

  test('throws what is not worth another try at once', async () => {
    const clock = createFakeClock()
    const seen: [unknown, number][] = []
    const isRetryable = (error: unknown, attempt: number) => {
      seen.push([error, attempt])
      return attempt < 2
    }
    await expect(retry(flaky(9), { policy, clock, random: () => 0.5, isRetryable })).rejects.toThrow('failure 2')
    expect(seen.map(([error, attempt]) => [(error as Error).message, attempt])).toEqual([
      ['failure 1', 1],
      ['failure 2', 2],
    ])
  })
})
