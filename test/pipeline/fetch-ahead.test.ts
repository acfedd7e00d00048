import { describe, expect, test } from 'bun:test'
import { createFetchAhead, type FetchAhead, type FetchSlot } from '../../lib/pipeline/fetch-ahead.ts'

/** Below and at the high-water mark of open rows. */
const FEW = 2_499
const MANY = 2_500
const MAX_UPLOADS = 2

type State = {
  /** A file has been stored. */
  readonly hasStored: boolean
  /** A symbol has been fetched. */
  readonly hasFetched: boolean
  /** Symbols whose files are being stored. */
  readonly storing: 0 | 1 | 2
  /** Rows of those symbols, or of one that is being fetched. */
  readonly openRows: number
}

/** Leads a new fetch-ahead into a state by what happens in a run. */
async function reach({ hasStored, hasFetched, storing, openRows }: State) {
  const stop = new AbortController()
  const fetchAhead = createFetchAhead({ stop, maxUploads: MAX_UPLOADS })
  if (hasStored || hasFetched) {
    const slot = await fetchAhead.admit(1)
    if (hasStored) slot.fileDone(1, true)
    if (hasFetched) slot.release()
  }
  const rows = Array.from({ length: Math.max(1, storing) }, (_, index) => (index === 0 ? openRows : 0))
  const slots: FetchSlot[] = []
  // All are admitted before any is stored: then nothing but the rows can hold one back.
  for (const count of rows.toReversed()) slots.push(await fetchAhead.admit(count))
  for (const slot of slots.slice(0, storing)) slot.startStoring()
  return { fetchAhead, stop, slots }
}

async function isAdmitted(fetchAhead: FetchAhead): Promise<boolean> {
  let isIn = false
  void fetchAhead.admit(0).then(() => (isIn = true))
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
  return isIn
}

describe('a symbol is admitted', () => {
  // Whoever is storing has been fetched: with symbols in the store `hasFetched` is true.
  test.each([
    // Nothing is fetched yet: the open rows alone count, for nobody knows whether vendor or store is slower.
    { hasStored: false, hasFetched: false, storing: 0, openRows: FEW, expected: true },
    { hasStored: false, hasFetched: false, storing: 0, openRows: MANY, expected: false },
    { hasStored: true, hasFetched: false, storing: 0, openRows: FEW, expected: true },
    { hasStored: true, hasFetched: false, storing: 0, openRows: MANY, expected: false },
    // The store is idle: the vendor is slower, and open rows do not count.
    { hasStored: false, hasFetched: true, storing: 0, openRows: FEW, expected: true },
    { hasStored: false, hasFetched: true, storing: 0, openRows: MANY, expected: true },
    { hasStored: true, hasFetched: true, storing: 0, openRows: FEW, expected: true },
    { hasStored: true, hasFetched: true, storing: 0, openRows: MANY, expected: true },
    // The store has not taken a file: one symbol at a time.
    { hasStored: false, hasFetched: true, storing: 1, openRows: FEW, expected: false },
    { hasStored: false, hasFetched: true, storing: 1, openRows: MANY, expected: false },
    { hasStored: false, hasFetched: true, storing: 2, openRows: FEW, expected: false },
    { hasStored: false, hasFetched: true, storing: 2, openRows: MANY, expected: false },
    // The store has taken a file: as many symbols as uploads, below the high-water mark.
    { hasStored: true, hasFetched: true, storing: 1, openRows: FEW, expected: true },
    { hasStored: true, hasFetched: true, storing: 1, openRows: MANY, expected: false },
    { hasStored: true, hasFetched: true, storing: 2, openRows: FEW, expected: false },
    { hasStored: true, hasFetched: true, storing: 2, openRows: MANY, expected: false },
  ] as const)('%j', async ({ expected, ...state }) => {
    const { fetchAhead, stop } = await reach(state)
    expect(await isAdmitted(fetchAhead)).toBe(expected)
    // A run that is stopped fetches nothing, so that nobody has to wait.
    stop.abort()
    expect(await isAdmitted(fetchAhead)).toBe(true)
  })

  test('that waits, as soon as enough rows are done', async () => {
    const { fetchAhead, slots } = await reach({ hasStored: true, hasFetched: true, storing: 1, openRows: MANY })
    const waiting = isAdmitted(fetchAhead)
    slots[0]?.fileDone(1, true)
    expect(await waiting).toBe(true)
  })

  test('that waits, as soon as another has left the store', async () => {
    const { fetchAhead, slots } = await reach({ hasStored: true, hasFetched: true, storing: 2, openRows: FEW })
    const waiting = isAdmitted(fetchAhead)
    slots[0]?.release()
    expect(await waiting).toBe(true)
  })

  test('that waits, once the run is stopped', async () => {
    const { fetchAhead, stop } = await reach({ hasStored: false, hasFetched: true, storing: 1, openRows: MANY })
    const waiting = isAdmitted(fetchAhead)
    stop.abort()
    expect(await waiting).toBe(true)
  })

  test('one at a time where one slot is free, however many wait', async () => {
    const { fetchAhead, slots } = await reach({ hasStored: true, hasFetched: true, storing: 2, openRows: 0 })
    const admitted: FetchSlot[] = []
    for (let n = 0; n < 3; n += 1) {
      void fetchAhead.admit(MANY).then((slot) => admitted.push(slot))
    }
    slots[0]?.release()
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
    expect(admitted).toHaveLength(1)
  })
})

test('a slot gives back its rows once, whatever is said to be done', async () => {
  const { fetchAhead, slots } = await reach({ hasStored: true, hasFetched: true, storing: 1, openRows: 10 })
  slots[0]?.fileDone(1_000_000, true)
  slots[0]?.release()
  const other = await fetchAhead.admit(MANY)
  other.startStoring()
  // Rows given back twice would let this one in.
  expect(await isAdmitted(fetchAhead)).toBe(false)
})
