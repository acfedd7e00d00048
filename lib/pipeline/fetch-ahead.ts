// Backpressure: bounds the rows that are fetched but not stored, so that memory stays flat and no call is spent on rows
// that cannot be stored.

/** One symbol's share of the open rows, from before it is fetched until its files are stored. */
export type FetchSlot = {
  /** The symbol is fetched, and waits for others before its files are stored. */
  readonly fetched: () => void
  /** The symbol is fetched; its files are stored from now on. */
  readonly startStoring: () => void
  /** A file of so many rows was tried. */
  readonly fileDone: (rows: number, isStored: boolean) => void
  /** The symbol is done, whether or not anything of it was stored. */
  readonly release: () => void
}

export type FetchAhead = {
  /** Resolves as soon as a symbol that may bring so many rows may be fetched. */
  readonly admit: (rows: number) => Promise<FetchSlot>
}

/**
 * High-water mark: while the store is busy and this many rows are open, no further symbol is fetched. Five years of day
 * files of two symbols fit, one being stored and one being fetched. Three times as many took 8 MB more and saved no time.
 */
const MAX_OPEN_ROWS = 2_500

export type FetchAheadOptions = { readonly stop: AbortController; readonly maxUploads: number }

/**
 * Admits at most `maxUploads` symbols whose files are being stored. An aborted run admits every symbol at once, because it
 * fetches nothing more.
 */
export function createFetchAhead({ stop, maxUploads }: FetchAheadOptions): FetchAhead {
  let openRows = 0
  /** Symbols whose files are being stored. */
  let storing = 0
  /** Whether the store has taken a file. Before that one symbol is stored at a time: the store may refuse them all. */
  let hasStored = false
  /** Whether a symbol has been fetched. Before that nobody knows whether the vendor or the store is slower. */
  let hasFetched = false
  let waiting: (() => void)[] = []

  function mayFetch(): boolean {
    if (stop.signal.aborted) return true
    // An idle store is faster than the vendor, so only the number of workers bounds what is fetched.
    const isStoreIdle = hasFetched && storing === 0
    return (openRows < MAX_OPEN_ROWS || isStoreIdle) && storing < (hasStored ? maxUploads : 1)
  }

  function wakeWaiting(): void {
    if (!mayFetch()) return
    for (const wake of waiting) wake()
    waiting = []
  }
  stop.signal.addEventListener('abort', wakeWaiting, { once: true })

  function openSlot(rows: number): FetchSlot {
    let rowsLeft = rows
    let isStoring = false
    openRows += rows
    const closeRows = (count: number): void => {
      const closed = Math.min(count, rowsLeft)
      rowsLeft -= closed
      openRows -= closed
      wakeWaiting()
    }
    return {
      fetched: () => {
        hasFetched = true
        wakeWaiting()
      },
      startStoring: () => {
        hasFetched = true
        isStoring = true
        storing += 1
      },
      fileDone: (fileRows, isStored) => {
        hasStored ||= isStored
        closeRows(fileRows)
      },
      release: () => {
        hasFetched = true
        if (isStoring) storing -= 1
        isStoring = false
        closeRows(rowsLeft)
      },
    }
  }

  return {
    admit: async (rows) => {
      // All that wait are woken together, and the first of them may take the last slot.
      while (!mayFetch()) await new Promise<void>((wake) => waiting.push(wake))
      return openSlot(rows)
    },
  }
}
