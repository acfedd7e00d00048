// The call budget of a run (`--max-calls`), counted in attempts sent to FMP. The calls of a symbol are reserved before the
// first of them is sent, so that no symbol is left half fetched. Retries are paid from the calls that no symbol has reserved.
// Where processes share the calls of a day, a symbol begins only if these can pay it too, as far as they are known.

import { IngestError } from '../core/errors.ts'
import { counted, grouped } from '../core/text.ts'

/** The calls reserved for one symbol. */
export type Reservation = {
  /** Takes one reserved call. Throws a plain Error when none is left: that is a bug of the caller. */
  spend(): void
  /** Takes one call that was set aside, else an unreserved one. Returns false when none is left. */
  spendExtra(): boolean
  /**
   * The same reservation for a call that was not planned: `spend` takes a call that was set aside, else an unreserved one,
   * and throws an IngestError of kind `budget` when none is left.
   */
  forExtraCall(): Reservation
  /** Sets up to `calls` unreserved ones aside for extra calls, as many as are left. */
  setAside(calls: number): void
  /** Gives back what was reserved or set aside and not spent. */
  release(): void
  /** Counts one call as made. A call that is taken but meets a closed gate is never made. */
  countMade(): void
  /** The calls made so far. */
  made(): number
}

export type CallBudget = {
  /**
   * Reserves the calls of one symbol. Returns an IngestError of kind `budget`, which stops the run, when fewer are left
   * unreserved.
   */
  reserve(symbol: string, calls: number): Reservation | IngestError
}

/**
 * A budget of `maxCalls` calls for one run; undefined means no limit. `leftToday` tells how many calls the run may still make
 * today beside those of other processes.
 */
export function createCallBudget(maxCalls: number | undefined, leftToday: () => number = () => Infinity): CallBudget {
  let unreserved = maxCalls ?? Infinity
  const ahead = countAhead()

  function open(symbol: string, calls: number): Reservation {
    let reserved = calls
    let setAside = 0
    let made = 0
    const reservation: Reservation = {
      spend() {
        if (reserved < 1) throw new Error(`A call was spent beyond the ${calls} that were reserved.`)
        reserved -= 1
      },
      spendExtra() {
        if (setAside + unreserved < 1) return false
        if (setAside > 0) setAside -= 1
        else unreserved -= 1
        ahead.add(reservation, 1)
        return true
      },
      forExtraCall: () => ({
        ...reservation,
        spend() {
          if (reservation.spendExtra()) return
          throw budgetError(`The call budget has no call left to ask once more for ${symbol}.`)
        },
      }),
      setAside(wished) {
        const taken = Math.min(wished, unreserved)
        setAside += taken
        unreserved -= taken
      },
      release() {
        unreserved += reserved + setAside
        reserved = 0
        setAside = 0
        ahead.close(reservation)
      },
      countMade() {
        made += 1
        ahead.add(reservation, -1)
      },
      made: () => made,
    }
    ahead.open(reservation, calls)
    return reservation
  }

  return {
    reserve(symbol, calls) {
      const today = leftToday() - ahead.sum()
      if (calls > today) return spentToday(symbol, calls, Math.max(0, today))
      if (calls > unreserved) return spentByRun(symbol, calls, unreserved)
      unreserved -= calls
      return open(symbol, calls)
    },
  }
}

/** Counts the calls of the open reservations that are not made yet, repeated ones among them. */
function countAhead() {
  const calls = new Map<Reservation, number>()
  return {
    open: (reservation: Reservation, number: number) => void calls.set(reservation, number),
    add(reservation: Reservation, number: number): void {
      const before = calls.get(reservation)
      if (before !== undefined) calls.set(reservation, before + number)
    },
    close: (reservation: Reservation) => void calls.delete(reservation),
    sum: () => [...calls.values()].reduce((sum, number) => sum + number, 0),
  }
}

function spentByRun(symbol: string, calls: number, left: number): IngestError {
  const needed = counted(calls, 'call')
  return budgetError(`${symbol} needs ${needed} and --max-calls leaves ${grouped(left)}: stopped before it.`)
}

function spentToday(symbol: string, calls: number, left: number): IngestError {
  const says = `${symbol} needs ${counted(calls, 'call')} and DAILY_CALLS leaves ${grouped(left)} today: stopped before it.`
  const hint = 'Run again after midnight UTC: it goes on where it stopped.'
  return new IngestError(says, { kind: 'budget', scope: 'run', hint })
}

/** The error that stops a run whose budget is spent. `message` is a sentence that names the call that cannot be paid. */
export function budgetError(message: string): IngestError {
  const hint = 'Run again to go on where it stopped, or raise --max-calls (a symbol needs all of its calls at once).'
  return new IngestError(message, { kind: 'budget', scope: 'run', hint })
}
