// Runs one task: reserves its calls, fetches it, lets it wait for others, and stores it.

import { createLimit } from '../core/concurrency.ts'
import { IngestError } from '../core/errors.ts'
import type { SymbolOutcome } from '../core/outcome.ts'
import type { Reservation } from '../fmp/fmp.ts'
import type { Call, Fetched, PipelineEffects, StoreFetched, Task, UploadSlot } from './pipeline.ts'

export type TaskRunner = {
  /** Resolves when the task needs its worker no more. `outcome` resolves when its files are stored, and never rejects. */
  readonly start: (task: Task, slot: UploadSlot) => Promise<{ readonly outcome: Promise<SymbolOutcome> }>
  /** What stopped the run early: an IngestError, a defect, or undefined. */
  readonly stoppedBy: () => unknown
}

type RunnerEffects = Pick<PipelineEffects, 'stop' | 'fmp' | 'onFetched' | 'maxWorkers'>

/** One for all tasks of a run. */
export function createTaskRunner({ stop, fmp, onFetched, maxWorkers }: RunnerEffects): TaskRunner {
  // Tasks that have waited for each other go before those that have not begun.
  const preparers = createLimit(maxWorkers)
  // After the budget is spent, symbols that have reserved their calls still finish. Every other stop ends them too.
  let budgetSpent: IngestError | undefined

  function outcomeOfFailure(task: Task, error: unknown): SymbolOutcome {
    if (error instanceof IngestError && error.scope !== 'run') return task.outcomeWithFate('failed', [error])
    if (error instanceof IngestError && error.kind === 'budget') budgetSpent ??= error
    else stop.abort(error)
    return task.outcomeWithFate('not_reached', [])
  }

  async function runReserved(task: Task, slot: UploadSlot, reservation: Reservation) {
    const call: Call = async (ask, kind) => {
      const rows = await fmp.fetchRows(ask, kind === 'extra' ? reservation.forExtraCall() : reservation)
      onFetched(task)
      return rows
    }
    const finish = async (storing: Promise<SymbolOutcome>): Promise<SymbolOutcome> => {
      const outcome = await storing.catch((error: unknown) => outcomeOfFailure(task, error))
      slot.release()
      return { ...outcome, calls: reservation.made() }
    }
    const prepare = async (fetched: Fetched): Promise<StoreFetched> => {
      try {
        const store = await fetched.prepare(call)
        slot.startStoring()
        return store
      } finally {
        // What was kept for this task and not spent pays for others.
        reservation.release()
      }
    }
    try {
      const fetched = await task.fetch(call)
      reservation.setAside(fetched.likelyCalls)
      if (fetched.ready === undefined) {
        const store = await prepare(fetched)
        return { outcome: finish(store(slot)) }
      }
      slot.fetched()
      const prepared = fetched.ready.then(async () => await preparers.run(async () => await prepare(fetched)))
      return { outcome: finish(prepared.then(async (store) => await store(slot))) }
    } catch (error) {
      reservation.release()
      return { outcome: finish(Promise.reject(error)) }
    }
  }

  return {
    start: async (task, slot) => {
      const reservation =
        stop.signal.aborted || budgetSpent !== undefined ? undefined : fmp.reserve(task.symbol, task.calls)
      if (reservation !== undefined && !(reservation instanceof IngestError)) {
        return await runReserved(task, slot, reservation)
      }
      slot.release()
      const outcome =
        reservation === undefined ? task.outcomeWithFate('not_reached', []) : outcomeOfFailure(task, reservation)
      return { outcome: Promise.resolve(outcome) }
    },
    stoppedBy: () => (stop.signal.aborted ? stop.signal.reason : budgetSpent),
  }
}
