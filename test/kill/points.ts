// The points at which a run can be killed.

import { seededRandom } from '../support/random.ts'

/**
 * Where a run is killed: at its n-th request to the vendor (when it has come in, or some milliseconds later), at its n-th
 * request to S3 (before it is served, when it is carried out but not answered, when the answer is on its way), or at its
 * n-th file-system step.
 */
export type Point =
  | { readonly at: 'api'; readonly n: number; readonly when: 'before' | 'after' }
  | { readonly at: 's3'; readonly n: number; readonly when: 'before' | 'stored' | 'after' }
  | { readonly at: 'fs'; readonly n: number; readonly when: 'before' | 'half' | 'after' }

/** What an undisturbed run does. */
export type Done = {
  readonly counts: { readonly api: number; readonly s3: number }
  /** Its file-system steps by name, in order. */
  readonly steps: readonly string[]
}

type Drawn = Done & { readonly width: number; readonly seed: number }

/**
 * Every point of a run. `each` has every way to be killed there; where one step follows the other that leaves out
 * what is the same instant as the next one's `before`. `one` draws a way for every point.
 */
export function pointsOf({ counts, steps, width, seed }: Drawn, ways: 'each' | 'one'): readonly Point[] {
  const random = seededRandom(seed)
  const isSerial = width === 1
  const chosen = <T>(all: readonly T[]): readonly T[] => {
    const index = Math.floor(random() * all.length)
    return ways === 'each' ? all : all.slice(index, index + 1)
  }
  const stepWays = (step: string) => [
    'before' as const,
    ...(step === 'write' ? ['half' as const] : []),
    ...(isSerial && ways === 'each' ? [] : ['after' as const]),
  ]
  return [
    ...numbers(counts.api).flatMap((n) =>
      chosen(['before', 'after'] as const).map((when) => ({ at: 'api', n, when }) as const),
    ),
    ...numbers(counts.s3).flatMap((n) =>
      chosen(['before', 'stored', 'after'] as const).map((when) => ({ at: 's3', n, when }) as const),
    ),
    ...steps.flatMap((step, index) =>
      chosen(stepWays(step)).map((when) => ({ at: 'fs', n: index + 1, when }) as const),
    ),
  ]
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** So many of the points, spread over all of them. */
export function someOf(points: readonly Point[], count: number, seed: number): readonly Point[] {
  const random = seededRandom(seed)
  const size = points.length / count
  return Array.from({ length: Math.min(count, points.length) }, (_, index) =>
    points.slice(Math.floor((index + random()) * size)),
  ).flatMap((rest) => rest.slice(0, 1))
}
