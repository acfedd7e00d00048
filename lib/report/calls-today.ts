// The calls of a UTC day that all runs with one API key share, as a run tells them.

import { grouped } from '../core/text.ts'

export type CallsToday = {
  /** Made or leased, by all runs. */
  readonly made: number
  /** Undefined if the day has no limit. */
  readonly dailyCalls: number | undefined
}

/** The calls that are left today; undefined if the day has no limit. */
export function callsLeft({ made, dailyCalls }: CallsToday): number | undefined {
  return dailyCalls === undefined ? undefined : Math.max(0, dailyCalls - made)
}

/** `131 of 250 calls left today` or `119 calls made today`, of all runs with the key. */
export function callsTodayText(today: CallsToday): string {
  const left = callsLeft(today)
  if (left === undefined) return `${grouped(today.made)} calls made today by all runs with this key`
  return `${grouped(left)} of ${grouped(today.dailyCalls ?? 0)} calls left today for all runs with this key`
}
