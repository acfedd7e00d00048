import { describe, expect, test } from 'bun:test'
import { createRemoteClock, DRIFT, type ClockReading, type RemoteClock } from '../../lib/core/remote-clock.ts'
import { forRandomCases, oneOf, wholeBetween, type Random } from '../support/random.ts'

/** A clock that stands where the test puts it, and the bounds that it sees of another one. */
function setClock() {
  let ownMs = 0
  const clock = createRemoteClock({ elapsedMs: () => ownMs })
  return { clock, at: (ms: number): RemoteClock => ((ownMs = ms), clock) }
}

const reading = (fromMs: number, toMs: number, sentMs: number, receivedMs: number): ClockReading => ({
  fromMs,
  toMs,
  sentMs,
  receivedMs,
})

describe('the time of another clock', () => {
  test('is unknown before the first reading', () => {
    expect(setClock().clock.now()).toBeUndefined()
  })

  test('lies after the first reading between what was shown at its receipt and at its sending', () => {
    const { at } = setClock()
    at(130).observe(reading(5_000, 6_000, 30, 130))
    // The clock showed 5,000 to 6,000 at some time within the last 100 ms.
    expect(at(130).now()).toEqual({ earliestMs: 5_000, latestMs: 6_100 + 100 * DRIFT })
  })

  test('is narrowed by a second that begins between two readings', () => {
    const { at } = setClock()
    at(10).observe(reading(5_000, 6_000, 0, 10))
    at(210).observe(reading(6_000, 7_000, 200, 210))
    const { earliestMs = 0, latestMs = 0 } = at(210).now() ?? {}
    // Just 6,000 at the receipt of the second answer, and not later than 6,000 when the first was sent.
    expect(earliestMs).toBe(6_000)
    expect(latestMs).toBeCloseTo(6_210 + 210 * DRIFT, 1)
  })

  test('becomes less certain while nothing is read, as two clocks drift apart', () => {
    const { at } = setClock()
    at(0).observe(reading(5_000, 5_000, 0, 0))
    expect(at(3_600_000).now()).toEqual({
      earliestMs: 3_605_000 - 3_600_000 * DRIFT,
      latestMs: 3_605_000 + 3_600_000 * DRIFT,
    })
  })

  test('is either of two when one of the clocks was set, until another reading tells which', () => {
    const { at } = setClock()
    at(0).observe(reading(5_000, 6_000, 0, 0))
    at(10).observe(reading(905_000, 906_000, 10, 10))
    const { earliestMs = 0, latestMs = 0 } = at(10).now() ?? {}
    expect(earliestMs).toBeCloseTo(5_010, 1)
    expect(latestMs).toBe(906_000)
    at(20).observe(reading(905_000, 906_000, 20, 20))
    expect(at(20).now()?.earliestMs).toBe(905_000)
  })

  test('also when it was set back', () => {
    const { at } = setClock()
    at(0).observe(reading(905_000, 906_000, 0, 0))
    at(10).observe(reading(5_000, 6_000, 10, 10))
    expect(at(10).now()?.earliestMs).toBe(5_000)
    expect(at(10).now()?.latestMs).toBeCloseTo(906_010, 1)
  })
})

/** How long a request and its answer are under way. */
const wayMs = (random: Random): number => random() * oneOf(random, [1, 50, 30_000])

test('whatever clocks and ways there are, the true time is within the bounds, and each reading narrows them', () => {
  forRandomCases('bounds of a remote clock', 400, (random) => {
    const { at } = setClock()
    // Each second of ours is one of theirs, give or take the drift, which changes as clocks are corrected.
    let [ownMs, theirMs] = [random() * 1e6, 1.8e12 + random() * 1e9]
    let speed = 1
    const stepMs = oneOf(random, [1, 20, 1_000, 2_000])
    const pass = (ms: number): void => {
      speed = 1 + (2 * random() - 1) * oneOf(random, [0, 1]) * DRIFT
      if (random() < 0.3) speed = 1 + (random() < 0.5 ? -1 : 1) * DRIFT
      ownMs += ms
      theirMs += ms * speed
    }
    const expectTruth = (): number => {
      const { earliestMs = NaN, latestMs = NaN } = at(ownMs).now() ?? {}
      // Numbers of this size are exact to a thousandth of a millisecond.
      expect(earliestMs).toBeLessThanOrEqual(theirMs + 0.01)
      expect(latestMs).toBeGreaterThanOrEqual(theirMs - 0.01)
      return latestMs - earliestMs
    }
    for (let round = wholeBetween(random, 1, 20); round > 0; round -= 1) {
      const sentMs = ownMs
      pass(wayMs(random))
      const fromMs = Math.floor(theirMs / stepMs) * stepMs
      pass(wayMs(random))
      const before = at(ownMs).now()
      at(ownMs).observe(reading(fromMs, fromMs + stepMs, sentMs, ownMs))
      const widthMs = expectTruth()
      if (before !== undefined) expect(widthMs).toBeLessThanOrEqual(before.latestMs - before.earliestMs)
      pass(random() * 20_000)
      expectTruth()
    }
  })
})
