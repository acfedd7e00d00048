// A short sweep over the points at which a run can be killed, drawn by TEST_SEED; `bun run test:kill` takes them all.

import { describe, expect, test } from 'bun:test'
import { pointsOf, someOf, type Point } from '../kill/points.ts'
import { SCENARIOS } from '../kill/scenarios.ts'
import { makeReference, sweep, type Reference, type StoreKind } from '../kill/sweep.ts'
import { SEED } from '../support/bars.ts'

async function referenceOf(name: string, store: StoreKind): Promise<Reference> {
  const scenario = SCENARIOS.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new Error(`There is no scenario called ${name}.`)
  return await makeReference(scenario, { store, width: 2, seed: SEED })
}

async function expectNoDifference(reference: Reference, points: readonly Point[]): Promise<void> {
  const first = await sweep(reference, points)
  // A run may be over before one of its last steps, or some milliseconds after an answer: it is killed half-way instead.
  const earlier = first.survived.map(({ at, n }): Point => ({ at, n: Math.ceil(n / 2), when: 'before' }))
  const second = await sweep(reference, earlier)
  // A few tell as much as hundreds.
  expect([...first.differences, ...second.differences].slice(0, 10)).toEqual([])
  expect(first.kills + second.kills).toBe(points.length)
}

describe.concurrent('a run killed anywhere, and run again, ends as if undisturbed:', () => {
  test.each<[string, StoreKind, number]>([
    ['nightly after skipped nights', 'folder', 2],
    ['nightly over a hole, after a backfill', 'folder', 2],
    ['refresh of the running year', 'folder', 2],
    ['widening to older years', 's3', 2],
    ['force, statements of full years', 'folder', 1],
    ['mend after a split', 'folder', 3],
    ['mend after a split', 's3', 3],
    ['mend after a split, with a table', 'folder', 3],
    ['nightly, healed the night after, with a table', 's3', 2],
  ])('%s, into %s', async (name, store, count) => {
    const reference = await referenceOf(name, store)
    await expectNoDifference(reference, someOf(pointsOf(reference, 'one'), count, SEED))
  })

  test('force, day files, with half of a file written and with a temporary name left beside the real one', async () => {
    const reference = await referenceOf('force, day files', 'folder')
    const { steps } = reference
    const write = steps.indexOf('write') + 1
    const rename = steps.lastIndexOf('rename') + 1
    await expectNoDifference(reference, [
      { at: 'fs', n: write, when: 'half' },
      { at: 'fs', n: rename, when: 'before' },
      { at: 'fs', n: rename, when: 'after' },
    ])
  })
})
