// What became of one symbol of one dataset: the fate of each of its sessions or documents, what was written, what failed.

import type { DatasetName } from './config.ts'
import type { RawRow } from './dataset.ts'
import type { IsoDate } from './dates.ts'
import type { IngestError } from './errors.ts'

/** Sessions (of statements: documents) by fate; each one asked for has exactly one. */
export type Counts = {
  readonly stored: number
  readonly already_stored: number
  readonly no_data: number
  readonly missing: number
  readonly rejected: number
  readonly failed: number
  readonly not_reached: number
}

export type Fate = keyof Counts

export const NO_SESSIONS: Counts = {
  stored: 0,
  already_stored: 0,
  no_data: 0,
  missing: 0,
  rejected: 0,
  failed: 0,
  not_reached: 0,
}

/** The counts with `sessions` more of one fate. */
export function withFate(counts: Counts, fate: Fate, sessions: number = 1): Counts {
  return { ...counts, [fate]: counts[fate] + sessions }
}

export function addCounts(a: Counts, b: Counts): Counts {
  const fates = Object.keys(NO_SESSIONS) as Fate[]
  return fates.reduce((sum, fate) => withFate(sum, fate, b[fate]), a)
}

export function totalSessions(counts: Counts): number {
  return Object.values(counts).reduce((sum, sessions) => sum + sessions, 0)
}

/** A row that broke a hard rule, as the rejects file records it. `date` is what the row says, real or not. */
export type Reject = {
  readonly symbol: string
  readonly dataset: string
  readonly date: string | null
  readonly reason: string
  readonly row: RawRow
}

export type SymbolOutcome = {
  readonly symbol: string
  readonly dataset: DatasetName
  /** False when the run stopped before everything of this symbol was tried. */
  readonly isFinished: boolean
  /** API calls the plan held for it, and those made, retries included. */
  readonly plannedCalls: number
  readonly calls: number
  readonly filesWritten: number
  readonly rowsWritten: number
  readonly errors: readonly IngestError[]
  readonly warnings: readonly string[]
  /** Said only when other symbols have the range's newest session: that this one lacks it. */
  readonly lateWarning: string | undefined
  readonly counts: Counts
  /** Sessions between two bars that have none, oldest first. */
  readonly missing: readonly IsoDate[]
  /** The part of the counts that the plan knew without asking. */
  readonly settled: Counts
  readonly rejects: readonly Reject[]
  readonly suspects: number
  readonly incomplete: number
  readonly closedDayBars: number
  readonly wouldShrink: number
  /** Files of another run whose rows are not the ones this run got. */
  readonly differing: number
  /** Newest bar that was left out because it is not whole yet. */
  readonly withheldThrough: IsoDate | undefined
  /** Oldest and newest bar known to be stored, as far as this run saw. */
  readonly first: IsoDate | undefined
  readonly through: IsoDate | undefined
  readonly unknownFields: readonly string[]
  /** Stored documents that the vendor has changed and that were replaced. */
  readonly restated: number
}

/** The outcome of a symbol of which nothing is known and nothing was done. */
export function blankOutcome(symbol: string, dataset: DatasetName, plannedCalls: number): SymbolOutcome {
  return {
    symbol,
    dataset,
    isFinished: true,
    plannedCalls,
    calls: 0,
    filesWritten: 0,
    rowsWritten: 0,
    errors: [],
    warnings: [],
    lateWarning: undefined,
    counts: NO_SESSIONS,
    missing: [],
    settled: NO_SESSIONS,
    rejects: [],
    suspects: 0,
    incomplete: 0,
    closedDayBars: 0,
    wouldShrink: 0,
    differing: 0,
    withheldThrough: undefined,
    first: undefined,
    through: undefined,
    unknownFields: [],
    restated: 0,
  }
}

/** The outcome without its error of having no data: where something else explains it. */
export function withoutNoDataError(outcome: SymbolOutcome): SymbolOutcome {
  const own = outcome.errors.filter(({ kind }) => kind !== 'no-data')
  if (own.length === outcome.errors.length) return { ...outcome, lateWarning: undefined }
  // Only what the error was about: a file that is not ours keeps its error and its sessions.
  const { settled, counts } = outcome
  return {
    ...outcome,
    errors: own,
    lateWarning: undefined,
    counts: { ...counts, no_data: counts.no_data + counts.failed - settled.failed, failed: settled.failed },
  }
}

/** What a run has asked of the vendor so far. */
export type VendorStats = {
  /** Attempts sent, retries included: what the vendor counts. */
  readonly calls: number
  /** Those of them that repeated an earlier one, after a failure or after a refusal for the call limit. */
  readonly retries: number
  /** Answers that refused for the call limit. */
  readonly limited: number
  /** The time that attempts waited at the gate, summed over all of them, in milliseconds. */
  readonly gateWaitMs: number
}
