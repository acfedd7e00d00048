// What a year must have come to.

import { expect } from 'bun:test'
import { iso } from '../bars.ts'
import { playYear, type YearOptions } from './year.ts'

/** More calls come from tries that are repeated. */
const MOST_CALLS = 1.1

type Told = Pick<YearOptions, 'seed' | 'depthYears' | 'nights'> & { readonly firstStored: string }

/** Plays a year from July 2024 on, prints its figures and throws unless all came as told. */
export async function expectAsTold({ firstStored, ...options }: Told): Promise<void> {
  const { seed, depthYears, nights } = options
  const dates = { firstStored: iso(firstStored), firstNight: iso('2024-07-01') }
  const { codes, seams, differences, figures } = await playYear({ ...options, ...dates, isHolding: true })
  console.log(`year of ${nights} nights, ${depthYears} years served, story ${seed}:`, figures)
  const few = { codes, seams: seams.slice(0, 10), differences: differences.slice(0, 10) }
  expect({ seed, ...few }).toEqual({ seed, codes: [], seams: [], differences: [] })
  expect(figures.ratio).toBeLessThanOrEqual(MOST_CALLS)
  // A story in which nothing happened would prove nothing.
  expect({ looks: figures.looks > 40, rows: figures.rows > 10_000 }).toEqual({ looks: true, rows: true })
}
