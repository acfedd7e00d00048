// How much a run fetches ahead of the store. Rows take memory from before they are fetched until their files are stored,
// and calls are lost on rows that find no place: so a symbol waits for room before it is fetched.

/** What one symbol takes of the room. */
export type Share = {
  /** It is fetched, and its files are stored from now on. */
  readonly enter: () => void
  /** A file of so many rows is done. */
  readonly done: (rows: number, isStored: boolean) => void
  /** All its files are done, or there is none. */
  readonly leave: () => void
}

export type Room = {
  /** Resolves once a symbol that may bring so many rows may be fetched. */
  readonly admit: (rows: number) => Promise<Share>
}

/**
 * While the store has work and so many rows are open no symbol is fetched. Two symbols' five years in day files fit, one
 * that is stored and one that is fetched; with three times as many they took 8 MB more and no less time.
 */
const MAX_OPEN_ROWS = 2_500

export type RoomOptions = { readonly stop: AbortController; readonly maxUploads: number }

/**
 * Room for as many symbols in the store's hands as it has uploads at once. A run that is stopped lets all in, for it
 * fetches nothing more.
 */
export function createRoom({ stop, maxUploads }: RoomOptions): Room {
  let openRows = 0
  /** Symbols whose files are being stored. */
  let storing = 0
  /** Until the store has taken a first file, no calls are spent on what may have no place. */
  let isProven = false
  /** Until a first symbol is answered nobody knows which is the slower one, store or vendor. */
  let isAnswered = false
  let waiting: (() => void)[] = []

  function hasRoom(): boolean {
    if (stop.signal.aborted) return true
    // A store with nothing to do is faster than the vendor: then the workers alone bound what is fetched.
    const isSmall = openRows < MAX_OPEN_ROWS || (isAnswered && storing === 0)
    return isSmall && storing < (isProven ? maxUploads : 1)
  }

  function callIn(): void {
    if (!hasRoom()) return
    for (const look of waiting) look()
    waiting = []
  }
  stop.signal.addEventListener('abort', callIn, { once: true })

  function share(rows: number): Share {
    let ownRows = rows
    let isStoring = false
    openRows += rows
    const giveBack = (done: number): void => {
      const given = Math.min(done, ownRows)
      ownRows -= given
      openRows -= given
      callIn()
    }
    return {
      enter: () => {
        isAnswered = true
        isStoring = true
        storing += 1
      },
      done: (doneRows, isStored) => {
        isProven ||= isStored
        giveBack(doneRows)
      },
      leave: () => {
        isAnswered = true
        if (isStoring) storing -= 1
        isStoring = false
        giveBack(ownRows)
      },
    }
  }

  return {
    admit: async (rows) => {
      // Several may be called in where there is room for one.
      while (!hasRoom()) await new Promise<void>((look) => waiting.push(look))
      return share(rows)
    },
  }
}
