// `bun run test:kill`: every request and every file-system step of every scenario, some thirty minutes. TEST_SEED, which
// is printed, draws where the ways to be killed are drawn.

import { afterAll, describe, expect, test } from 'bun:test'
import { SEED } from '../support/bars.ts'
import { pointsOf, someOf, type Point } from './points.ts'
import { LARGE, SCENARIOS } from './scenarios.ts'
import { makeReference, sweep, type Reference } from './sweep.ts'

const TIME_LIMIT_MS = 30 * 60_000

const total = { kills: 0, survived: 0, differences: 0 }
afterAll(() => console.log('in all:', total))

async function expectNoDifference(reference: Reference, points: readonly Point[]): Promise<void> {
  const startedMs = performance.now()
  const { kills, survived, differences } = await sweep(reference, points)
  total.kills += kills
  total.survived += survived.length
  total.differences += differences.length
  const { scenario, store, width, counts, steps } = reference
  const size = `${counts.api} calls, ${counts.s3} requests to S3, ${steps.length} file-system steps`
  const seconds = Math.round((performance.now() - startedMs) / 1_000)
  console.log(
    `${scenario.name} (${store}, ${width} wide; ${size}): ${kills} kills, ${survived.length} survived, ${differences.length} differences, ${seconds} s`,
  )
  // A few tell as much as hundreds.
  expect(differences.slice(0, 10)).toEqual([])
}

describe.each(['folder', 's3'] as const)('killed at every step and request, into %s', (store) => {
  test.each(SCENARIOS)(
    '$name ends as if undisturbed',
    async (scenario) => {
      const reference = await makeReference(scenario, { store, width: 1, seed: SEED })
      await expectNoDifference(reference, pointsOf(reference, 'each'))
    },
    TIME_LIMIT_MS,
  )

  test.each(SCENARIOS)(
    '$name ends as if undisturbed, with many things at once',
    async (scenario) => {
      const reference = await makeReference(scenario, { store, width: 4, seed: SEED })
      await expectNoDifference(reference, someOf(pointsOf(reference, 'one'), 25, SEED))
    },
    TIME_LIMIT_MS,
  )
})

test(
  'a run of over 200 requests to S3, killed at each of them, ends as if undisturbed',
  async () => {
    const reference = await makeReference(LARGE, { store: 's3', width: 4, seed: SEED })
    const points = pointsOf(reference, 'one')
    expect(points.filter(({ at }) => at === 's3').length).toBeGreaterThanOrEqual(200)
    await expectNoDifference(reference, points)
  },
  TIME_LIMIT_MS,
)
