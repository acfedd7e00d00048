import { describe, expect, test } from 'bun:test'
import { watchClocks } from '../../../lib/commands/doctor/server-clocks.ts'

const NOW_MS = Date.parse('2024-09-17T13:00:00Z')

/** A machine whose clock shows `NOW_MS`, and on which each answer takes two seconds. */
function machineWith(...dates: readonly (string | undefined)[]) {
  let elapsedMs = 5_000
  const answers = dates.map((date) => new Response('', { headers: date === undefined ? {} : { date } }))
  const clocks = watchClocks({
    nowMs: NOW_MS,
    clock: { elapsedMs: () => elapsedMs, sleep: async () => undefined },
    fetch: async () => {
      elapsedMs += 2_000
      const answer = answers.shift()
      if (answer === undefined) throw new TypeError('no connection')
      return answer
    },
  })
  return clocks
}

describe('the clock of a server', () => {
  test.each([
    ['Tue, 17 Sep 2024 13:00:01 GMT', 500],
    ['Tue, 17 Sep 2024 13:07:00 GMT', 419_500],
    ['Tue, 17 Sep 2024 12:59:00 GMT', -60_500],
  ])('is told by its first answer, against the middle of the request: %s', async (date, aheadMs) => {
    const { watched, aheadMs: found } = machineWith(date, 'Tue, 17 Sep 2024 20:00:00 GMT')
    const fetch = watched('FMP')
    await fetch('http://x', {})
    await fetch('http://x', {})
    expect([...found]).toEqual([['FMP', aheadMs]])
  })

  test.each([[undefined], ['soon']])('is not known from an answer that tells %s', async (date) => {
    const { watched, aheadMs } = machineWith(date)
    await watched('the store')('http://x', {})
    expect(aheadMs.size).toBe(0)
  })

  test('is not known without an answer, whose failure is passed on', async () => {
    const { watched, aheadMs } = machineWith()
    expect(await watched('FMP')('http://x', {}).catch((error: unknown) => String(error))).toContain('no connection')
    expect(aheadMs.size).toBe(0)
  })
})

test('the clock of the machine goes on with the time of the process', async () => {
  const { machineMs, watched } = machineWith(undefined)
  expect(machineMs()).toBe(NOW_MS)
  await watched('FMP')('http://x', {})
  expect(machineMs()).toBe(NOW_MS + 2_000)
})
