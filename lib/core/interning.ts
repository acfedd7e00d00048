// Equal sets of dates as one: most symbols of a lake have the same sessions, and a set of 250 takes 8 KB.

import type { IsoDate } from './dates.ts'

/** Returns the set that was first given with these dates in this order. */
type InternDates = (dates: Iterable<IsoDate>) => ReadonlySet<IsoDate>

/** Keeps each set that it has returned, with its dates as a text: it is not for sets that grow date by date. */
export function createDateInterner(): InternDates {
  const sets = new Map<string, ReadonlySet<IsoDate>>()
  return (dates) => {
    const list = [...dates]
    const text = list.join()
    const set = sets.get(text) ?? new Set(list)
    sets.set(text, set)
    return set
  }
}
