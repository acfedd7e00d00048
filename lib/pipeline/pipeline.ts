// The run: every task from its first call to its outcome, several at once, until all are done or something stops them all.

import { createLimit } from '../core/concurrency.ts'
import type { Ask, RawRow } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import type { SymbolOutcome } from '../core/outcome.ts'
import type { DatasetName } from '../core/config.ts'
import type { DateRange, IsoDate } from '../core/dates.ts'
import type { Encoder, FileSettings } from '../parquet/parquet.ts'
import type { Fmp } from '../fmp/fmp.ts'
import type { FetchSlot } from './fetch-ahead.ts'

/** Makes one API call with its retries. An extra call is one that the task's plan did not count. */
export type Call = (ask: Ask, kind?: 'extra') => Promise<readonly RawRow[]>

export type FileOfRows = { readonly rows: readonly unknown[] }

/** How the files of one dataset get into the store. */
export type Writing<File, Prepared, Result> = {
  /** The work that needs no store, done while other files are sent; rejects with a defect only. */
  readonly prepare: (file: File) => Promise<Prepared>
  /** Rejects with an IngestError of the symbol or of the run. */
  readonly write: (file: File, prepared: Prepared) => Promise<Result>
}

/** A file with the result of its write, or the error that it failed with; `undefined` when the run stopped before it. */
export type Uploaded<File, Result> = File & { readonly result: Result | IngestError | undefined }

type UploadMany = <File extends FileOfRows, Prepared, Result>(
  files: readonly File[],
  writing: Writing<File, Prepared, Result>,
) => Promise<readonly Uploaded<File, Result>[]>

/** What one symbol uploads its files with. Uploads resolve to all files, in any order, and reject with a defect only. */
export type UploadSlot = Pick<FetchSlot, 'startStoring' | 'release'> & {
  /** Uploads files concurrently, within the limits of the run. */
  readonly uploadAll: UploadMany
  /** Uploads files, given newest first, one by one from the oldest on; stops at the first that is not stored. */
  readonly uploadOldestFirst: UploadMany
}

/** Stores what was fetched of a symbol. */
export type StoreAll = (slot: UploadSlot) => Promise<SymbolOutcome>

/** One symbol of one dataset. What it asks for and what it makes of the answer is its own business. */
export type Task = {
  readonly symbol: string
  /** The API calls it takes, retries aside. */
  readonly calls: number
  /** The rows it may bring, for the memory that they take. */
  readonly rows: number
  /** Its outcome without a call, where there is nothing to ask for. */
  readonly nothingToDo: () => SymbolOutcome | undefined
  /** Its outcome when everything that is still open ends alike: it failed, or the run stopped before it. */
  readonly allOpen: (fate: 'failed' | 'not_reached', errors: readonly IngestError[]) => SymbolOutcome
  /**
   * Asks the vendor for all that is needed, and resolves to what is left to do: storing. Throws an IngestError of the
   * symbol or of the run.
   */
  readonly fetch: (call: Call) => Promise<StoreAll>
}

/** What tasks need that is opened for a run and not for a dry run. */
export type TaskContext = {
  /** The encoder of one dataset's files, of which there may be so many. The run closes it. */
  readonly openEncoder: (settings: FileSettings, files: number) => Encoder
}

/** How current a dataset of sessions is at the end of a run. */
export type Freshness = {
  /** The newest session that the run may store. */
  readonly newest: IsoDate
  readonly symbols: number
  /** Those that lack it. */
  readonly late: readonly Pick<SymbolOutcome, 'symbol' | 'through'>[]
}

/** The outcomes of a dataset, judged together. */
export type Judgement = {
  readonly outcomes: readonly SymbolOutcome[]
  /** What concerns all of them: an error of the run. */
  readonly error: IngestError | undefined
  readonly freshness: Freshness | undefined
}

/** The planned work of one dataset: all that the rest of a run knows of it. */
export type Job = {
  readonly dataset: DatasetName
  /** What its outcomes count. */
  readonly unit: 'sessions' | 'documents'
  /** API calls of all symbols, retries aside. */
  readonly calls: number
  /** From the earliest to the latest date of all symbols; undefined where the dataset is not asked for by dates. */
  readonly range: DateRange | undefined
  /** Sentences for the user, said before the first call. */
  readonly notes: readonly string[]
  /** What the survey found wrong, by symbol. */
  readonly errors: readonly { readonly symbol: string; readonly error: IngestError }[]
  /** Every key that may be written; a pattern where the vendor alone knows which there are. */
  readonly keys: () => readonly string[]
  /** What the store holds, a line a symbol. */
  readonly stored: () => readonly string[]
  /** One a symbol, in the order in which they are begun. */
  readonly tasks: (context: TaskContext) => readonly Task[]
  /** What only all outcomes together tell. */
  readonly judge: (outcomes: readonly SymbolOutcome[]) => Judgement
}

/** The effects that the pipeline needs. */
export type Steps = {
  /** Stops the run, for an IngestError or for a defect. */
  readonly stop: AbortController
  readonly fmp: Pick<Fmp, 'reserve' | 'fetchRows'>
  /** Resolves as soon as a symbol that may bring so many rows may be fetched. */
  readonly admit: (rows: number) => Promise<UploadSlot>
  /** Called as each task ends. */
  readonly onOutcome: (outcome: SymbolOutcome) => void
  /** How many tasks are fetched at once. */
  readonly maxWorkers: number
}

export type RunResult = {
  /** One a task, in the order of the tasks. */
  readonly outcomes: readonly SymbolOutcome[]
  /** What stopped the run early: an error of the run, a spent budget, an interrupt. */
  readonly stoppedBy: IngestError | undefined
  /** A defect of this program: to be thrown once the metrics are written. */
  readonly bug: unknown
}

/**
 * Never rejects: a defect ends the run too, and is handed back for the end. While the files of one symbol are stored the
 * next is fetched, so that neither the vendor nor the store waits for the other.
 */
export async function ingestAll(tasks: readonly Task[], steps: Steps): Promise<RunResult> {
  const { stop, fmp, admit } = steps
  const workers = createLimit(steps.maxWorkers)
  // A spent budget lets the symbols under way finish with the calls they have reserved; other stops end those too.
  let budgetSpent: IngestError | undefined

  const outcomeOfFailure = (task: Task, error: unknown): SymbolOutcome => {
    if (error instanceof IngestError && error.scope !== 'run') return task.allOpen('failed', [error])
    if (error instanceof IngestError && error.kind === 'budget') budgetSpent ??= error
    else stop.abort(error)
    return task.allOpen('not_reached', [])
  }

  /** Resolves once the vendor has answered; `outcome` resolves once all is stored, and never rejects. */
  const begin = async (task: Task, slot: UploadSlot): Promise<{ readonly outcome: Promise<SymbolOutcome> }> => {
    if (stop.signal.aborted || budgetSpent !== undefined) {
      slot.release()
      return { outcome: Promise.resolve(task.allOpen('not_reached', [])) }
    }
    const reservation = fmp.reserve(task.symbol, task.calls)
    if (reservation instanceof IngestError) {
      slot.release()
      return { outcome: Promise.resolve(outcomeOfFailure(task, reservation)) }
    }
    const settled = async (store: StoreAll): Promise<SymbolOutcome> => {
      const outcome = await store(slot).catch((error: unknown) => outcomeOfFailure(task, error))
      slot.release()
      return { ...outcome, calls: reservation.spent() }
    }
    try {
      const store = await task.fetch(
        async (ask, kind) => await fmp.fetchRows(ask, kind === 'extra' ? reservation.forExtraCall() : reservation),
      )
      slot.startStoring()
      return { outcome: settled(store) }
    } catch (error) {
      return { outcome: settled(async () => outcomeOfFailure(task, error)) }
    } finally {
      reservation.release()
    }
  }

  const ingest = async (task: Task): Promise<SymbolOutcome> => {
    const nothing = task.nothingToDo()
    if (nothing !== undefined) return nothing
    const { outcome } = await workers.run(async () => {
      const slot = await admit(task.rows)
      return await begin(task, slot)
    })
    return await outcome
  }

  const outcomes = await Promise.all(
    tasks.map(async (task) => {
      const outcome = await ingest(task)
      steps.onOutcome(outcome)
      return outcome
    }),
  )
  const reason: unknown = stop.signal.aborted ? stop.signal.reason : budgetSpent
  return reason instanceof IngestError
    ? { outcomes, stoppedBy: reason, bug: undefined }
    : { outcomes, stoppedBy: undefined, bug: reason }
}
