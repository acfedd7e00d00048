// Runs all tasks, several at once: each is fetched, stored and ends with an outcome. An error of the run stops them all.

import { mapLimit } from '../core/concurrency.ts'
import type { Ask, RawRow } from '../core/dataset.ts'
import { IngestError } from '../core/errors.ts'
import type { HeldSession, SymbolOutcome } from '../core/outcome.ts'
import type { DatasetName } from '../core/config.ts'
import type { DateRange, IsoDate } from '../core/dates.ts'
import type { Encoder, FileSettings } from '../parquet/parquet.ts'
import type { Fmp } from '../fmp/fmp.ts'
import type { FetchSlot } from './fetch-ahead.ts'
import { createTaskRunner } from './task-runner.ts'

/** Makes one API call with its retries. An extra call is one that the task's plan did not count. */
export type Call = (ask: Ask, kind?: 'extra') => Promise<readonly RawRow[]>

export type FileOfRows = { readonly rows: readonly unknown[] }

/** Writes the files of one dataset into the store. */
export type FileWriter<File, Prepared, Result> = {
  /** The part of the work that needs no store, done while other files are written. Rejects with a defect only. */
  readonly prepare: (file: File) => Promise<Prepared>
  /** Rejects with an IngestError of the symbol or of the run. */
  readonly write: (file: File, prepared: Prepared) => Promise<Result>
}

/** A file with the result of its write, or with the error of its write. `undefined`: the run stopped before the write. */
export type Uploaded<File, Result> = File & { readonly result: Result | IngestError | undefined }

type UploadMany = <File extends FileOfRows, Prepared, Result>(
  files: readonly File[],
  writing: FileWriter<File, Prepared, Result>,
) => Promise<readonly Uploaded<File, Result>[]>

/** Uploads the files of one symbol. Both methods resolve to all files, in any order, and reject with a defect only. */
export type UploadSlot = Pick<FetchSlot, 'fetched' | 'startStoring' | 'release'> & {
  /** Uploads files concurrently, within the run's limits. */
  readonly uploadAll: UploadMany
  /** Takes files newest first and uploads them one by one, oldest first. Stops at the first that is not stored. */
  readonly uploadOldestFirst: UploadMany
}

/** Stores the rows that were fetched for a symbol. */
export type StoreFetched = (slot: UploadSlot) => Promise<SymbolOutcome>

/** A symbol whose rows have come. */
export type Fetched = {
  /** The task goes on when this resolves, and occupies no worker until then. It never rejects. Undefined: at once. */
  readonly ready?: Promise<unknown>
  /** Extra calls that `prepare` will probably make: none of them is left to a task that comes later. */
  readonly likelyCalls: number
  /** Decides what is stored; may make extra calls. Throws an IngestError of the symbol or of the run. */
  readonly prepare: (call: Call) => Promise<StoreFetched>
}

/** The work for one symbol of one dataset. The dataset decides which calls it makes and what it does with the replies. */
export type Task = {
  readonly symbol: string
  readonly dataset: DatasetName
  /** The number of API calls, retries aside. */
  readonly calls: number
  /** An estimate of the rows that it fetches, by which the pipeline bounds memory. */
  readonly rows: number
  /** The outcome if there is nothing to fetch; else undefined. */
  readonly outcomeWithoutFetch: () => SymbolOutcome | undefined
  /** The outcome if all that is still open ends with one fate: it failed, or the run stopped before it. */
  readonly outcomeWithFate: (fate: 'failed' | 'not_reached', errors: readonly IngestError[]) => SymbolOutcome
  /** Fetches the rows that the plan asks for. Throws an IngestError of the symbol or of the run. */
  readonly fetch: (call: Call) => Promise<Fetched>
  /** Called when the task has ended, however it did. */
  readonly ended?: () => void
}

/** Resources of tasks that a dry run does not open. */
export type TaskContext = {
  /** Opens an encoder for one dataset, for up to `files` files. The run closes it. */
  readonly openEncoder: (settings: FileSettings, files: number) => Encoder
}

/** How many symbols have the newest session at the end of a run. */
export type Freshness = {
  /** The newest session that the run may store. */
  readonly newest: IsoDate
  readonly symbols: number
  /** The symbols that lack this session. */
  readonly late: readonly Pick<SymbolOutcome, 'symbol' | 'through'>[]
}

/** The result of `Job.judge`. */
export type Judgement = {
  readonly outcomes: readonly SymbolOutcome[]
  /** Errors that concern all symbols of the dataset: errors of the run. */
  readonly errors: readonly IngestError[]
  readonly freshness: Freshness | undefined
  /** Sessions that were stored for no symbol, because they look wrong for the whole market. */
  readonly heldSessions: readonly HeldSession[]
}

/** The planned work of one dataset. The other rooms know a dataset's part in a run only through this type. */
export type Job = {
  readonly dataset: DatasetName
  /** What the counts of its outcomes are of. */
  readonly unit: 'sessions' | 'documents'
  /** API calls of all symbols, retries aside. */
  readonly calls: number
  /** API calls of each task, in their order: a budget pays for a whole task or not for it at all. */
  readonly callsOfTasks: () => readonly number[]
  /** Symbols whose stored rows are compared with the vendor's, and those of them whose turn it is to be compared wholly. */
  readonly compared: { readonly symbols: number; readonly wholly: number }
  /** From the earliest to the latest date of all symbols; undefined if the dataset is not fetched by dates. */
  readonly range: DateRange | undefined
  /** Notes for the user, printed before the first call. */
  readonly notes: readonly string[]
  /** Warnings about what is stored, printed before the first call. */
  readonly warnings: readonly string[]
  /** Problems that the survey found in the store, by symbol. */
  readonly errors: readonly { readonly symbol: string; readonly error: IngestError }[]
  /** Every key that may be written; a pattern for a symbol whose keys depend on the reply. */
  readonly keys: () => readonly string[]
  /** What the store holds: one line per symbol. */
  readonly stored: () => readonly string[]
  /** One task per symbol, in the order in which they start. */
  readonly tasks: (context: TaskContext) => readonly Task[]
  /** Looks at the outcomes of all symbols together, at the end of a run. */
  readonly judge: (outcomes: readonly SymbolOutcome[]) => Judgement
}

/** The effects that the pipeline needs. */
export type PipelineEffects = {
  /** Stops the run, for an IngestError or for a defect. */
  readonly stop: AbortController
  readonly fmp: Pick<Fmp, 'reserve' | 'fetchRows'>
  /** Resolves as soon as a symbol with up to `rows` rows may be fetched. */
  readonly admit: (rows: number) => Promise<UploadSlot>
  /** Called after each call that brought rows of a task. */
  readonly onFetched: (task: Pick<Task, 'symbol' | 'dataset'>) => void
  /** Called when a task ends. */
  readonly onOutcome: (outcome: SymbolOutcome) => void
  /** The most tasks that are fetched at once. */
  readonly maxWorkers: number
}

export type RunResult = {
  /** One outcome per task, in the order of the tasks. */
  readonly outcomes: readonly SymbolOutcome[]
  /** The error that stopped the run early: an error of the run, a spent call budget, or an interrupt. */
  readonly stoppedBy: IngestError | undefined
  /** A defect of this program. The caller reports it with the run. */
  readonly bug: unknown
}

/**
 * Runs all tasks. Never rejects: a defect stops the run and is part of the result. The next symbol is fetched while the
 * files of another are stored, so that neither the vendor nor the store waits for the other.
 */
export async function ingestAll(tasks: readonly Task[], effects: PipelineEffects): Promise<RunResult> {
  const runner = createTaskRunner(effects)
  const end = (task: Task, outcome: SymbolOutcome): SymbolOutcome => {
    try {
      task.ended?.()
      effects.onOutcome(outcome)
    } catch (error) {
      // Nobody awaits this outcome before all tasks have begun: until then a rejection would end the process without a report.
      effects.stop.abort(error)
    }
    return outcome
  }

  const surveyed = tasks.map((task) => {
    const outcome = task.outcomeWithoutFetch()
    return outcome && end(task, outcome)
  })
  const begun = await mapLimit([...tasks.entries()], effects.maxWorkers, async ([index, task]) => {
    const known = surveyed[index]
    if (known !== undefined) return { outcome: known }
    const slot = await effects.admit(task.rows)
    const { outcome } = await runner.start(task, slot)
    // In an object, because a promise would be awaited here. The next task is to begin while this one is stored.
    return { outcome: outcome.then((own) => end(task, own)) }
  })
  const outcomes = await Promise.all(begun.map(async ({ outcome }) => await outcome))
  const reason = runner.stoppedBy()
  return reason instanceof IngestError
    ? { outcomes, stoppedBy: reason, bug: undefined }
    : { outcomes, stoppedBy: undefined, bug: reason }
}
