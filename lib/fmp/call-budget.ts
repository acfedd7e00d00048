// The call budget of a run (`--max-calls`), counted in attempts sent to the vendor. A symbol's calls are set aside
// before its first is sent, so that no symbol is left half fetched; retries are paid from what nobody has set aside.

import { IngestError } from '../core/errors.ts'

/** The calls set aside for one symbol. */
export interface Reservation {
  /** Takes one of the reserved calls. Taking more than were reserved is a bug, and throws. */
  spend(): void
  /** Takes a call that no symbol has reserved, for a retry. False where none is left. */
  extra(): boolean
  /** Gives back what was reserved and not spent. */
  release(): void
  /** The calls taken through this reservation, extra ones included. */
  spent(): number
}

/** How many calls a run may still make. */
export interface CallBudget {
  /** Sets `calls` calls aside, or is undefined where the unreserved rest cannot pay them all. */
  reserve(calls: number): Reservation | undefined
  /** The calls taken so far, through all reservations. */
  spent(): number
}

/** A budget of `maxCalls` calls for one run; undefined is no limit, and then everything succeeds. */
export function createCallBudget(maxCalls: number | undefined): CallBudget {
  let unreserved = maxCalls ?? Infinity
  let spentInAll = 0

  function open(calls: number): Reservation {
    let reserved = calls
    let spent = 0
    const count = (): void => {
      spent += 1
      spentInAll += 1
    }
    return {
      spend() {
        if (reserved < 1) throw new Error(`A call was spent beyond the ${calls} that were reserved.`)
        reserved -= 1
        count()
      },
      extra() {
        if (unreserved < 1) return false
        unreserved -= 1
        count()
        return true
      },
      release() {
        unreserved += reserved
        reserved = 0
      },
      spent: () => spent,
    }
  }

  return {
    reserve(calls) {
      if (calls > unreserved) return undefined
      unreserved -= calls
      return open(calls)
    },
    spent: () => spentInAll,
  }
}

/** The same reservation for a call that nobody foresaw: it is paid as retries are. */
export function unforeseen(reservation: Reservation, what: string): Reservation {
  return {
    ...reservation,
    spend() {
      if (!reservation.extra()) throw budgetError(`The call budget has no call left to ask once more for ${what}.`)
    },
  }
}

/** The stop of a run whose budget cannot pay what comes next; `message` is a sentence that names it. */
export function budgetError(message: string): IngestError {
  const hint = 'Run again to go on where it stopped, or raise --max-calls (a symbol needs all of its calls at once).'
  return new IngestError(message, { kind: 'budget', scope: 'run', hint })
}
