// Builds the outcome of one symbol: the fate of each of its sessions, what was written, its errors and warnings.

import { addCounts, blankOutcome, withFate, type SymbolOutcome, type PastOutcome } from '../../core/outcome.ts'
import { isWithin, type DateRange, type IsoDate, rangeAround } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { SymbolPlan } from './plan.ts'
import { createFateOfAbsent, fatesOf, isNotReached, rejectedSessions } from './session-fates.ts'
import { shrinkErrors, warningsOf } from './warnings.ts'
import type { FileRows, WriteResult } from './write.ts'
import type { Uploaded } from '../../pipeline/pipeline.ts'
import type { CheckedSessions } from './validate.ts'
import type { Reaction } from './reaction.ts'
import type { Compared } from './compare.ts'

/** The outcome of a plan as the survey found it, before anything is fetched. */
export function surveyedOutcome(plan: SymbolPlan): SymbolOutcome {
  return {
    ...blankOutcome(plan.symbol, plan.dataset.name, plan.calls),
    errors: plan.errors,
    counts: plan.surveyedCounts,
    surveyedCounts: plan.surveyedCounts,
    first: plan.storedSpan?.from,
    through: storedThrough(plan),
  }
}

/** The newest bar that was stored before the run, in files of either kind. */
function storedThrough({ newest, newestDay }: SymbolPlan): IsoDate | undefined {
  return [newest, newestDay]
    .filter((date) => date !== undefined)
    .toSorted()
    .at(-1)
}

/** The outcome if all planned sessions end with one fate: the symbol failed, or the run stopped before it. */
export function outcomeWithFate(
  plan: SymbolPlan,
  fate: 'failed' | 'not_reached' | 'no_data',
  errors: readonly IngestError[],
): SymbolOutcome {
  const planned = plan.files.reduce((sum, { sessions, isExtra }) => sum + (isExtra ? 0 : sessions.length), 0)
  const base = surveyedOutcome(plan)
  return {
    ...base,
    isFinished: fate !== 'not_reached',
    counts: withFate(base.counts, fate, planned),
    errors: [...base.errors, ...errors],
  }
}

/** The outcome of a symbol whose new sessions wait: its past has moved and nobody knows why, or FMP is moving it now. */
export function heldOutcome(plan: SymbolPlan, compared: Compared, reaction: Reaction): SymbolOutcome {
  const outcome = outcomeWithFate(plan, reaction.isFailed ? 'failed' : 'no_data', reaction.errors)
  return { ...outcome, warnings: reaction.warnings, past: pastOutcome(compared, reaction, []) }
}

/** What the comparison of a symbol came to. */
function pastOutcome(
  { past, stored, isWhole, isLook }: Compared,
  reaction: Reaction | undefined,
  results: readonly FileResult[],
): PastOutcome {
  const written = results.filter(({ result }) => isResult(result, 'written'))
  const writtenOf = (files: readonly FileRows[] = []) => {
    const keys = new Set(files.map(({ key }) => key))
    return written.filter(({ key }) => keys.has(key)).length
  }
  const planned = written.filter(({ file: { partition } }) => {
    return partition.kind === 'year' && reaction?.planned.has(partition.year) === true
  })
  return {
    verdict: past.verdict,
    comparedSessions: stored.pairs.length,
    comparedFrom: stored.pairs.at(-1)?.now.date,
    isWhole,
    isLook,
    steps: past.steps,
    correctedSessions: writtenOf(reaction?.corrections),
    mendedFiles: writtenOf(reaction?.mends) + planned.length,
    carriedRows: written.reduce((sum, file) => sum + carriedRowsOf(file), 0),
    isHeld: reaction?.isHeld ?? false,
    basesDiffer: reaction?.basesDiffer ?? false,
  }
}

/** The rows of a file that are carried over: no other row lies in their stretches. */
function carriedRowsOf({ rows, carried = [] }: FileRows): number {
  return rows.filter(({ date }) => carried.some((stretch) => isWithin(date, stretch))).length
}

/** A file with its rows and the result of its write. */
export type FileResult = Uploaded<FileRows, WriteResult>

/** All that the outcome of a fetched symbol depends on. */
export type OutcomeFacts = {
  readonly plan: SymbolPlan
  readonly checked: CheckedSessions
  /** One for each planned file that had rows, or that would lose all of them. */
  readonly results: readonly FileResult[]
  /** Dates with a bar on which the market was closed. */
  readonly closedDays: readonly IsoDate[]
  readonly compared?: Compared | undefined
  readonly reaction?: Reaction | undefined
  /** Rows came for the sessions asked for, and none of them is valid. */
  readonly noValidRows?: readonly IngestError[]
}

/** The outcome of a symbol that was fetched. */
export function buildOutcome(facts: OutcomeFacts): SymbolOutcome {
  const { plan, checked, results, closedDays } = facts
  const barSpan = rangeAround([plan.storedSpan, spanOf(checked.rows.map(({ date }) => date))])
  const rejected = rejectedSessions(plan, checked)
  const fateOfAbsent = createFateOfAbsent(plan, rejected, barSpan)
  const byFile = new Map(results.map((result) => [result.file, result]))
  const counts = plan.files.reduce(
    (sum, file) => addCounts(sum, fatesOf(file, byFile.get(file), fateOfAbsent)),
    plan.surveyedCounts,
  )
  const written = results.filter(({ result }) => isResult(result, 'written'))
  const kept = results.filter(({ result }) => isResult(result, 'written') || isResult(result, 'already'))
  const keptSpan = spanOf(kept.flatMap(({ rows }) => rows.map(({ date }) => date)))
  const through = [keptSpan?.to, storedThrough(plan)]
    .filter((date) => date !== undefined)
    .toSorted()
    .at(-1)
  const shrunk = results.flatMap(({ key, result }) => (isResult(result, 'shrink') ? [{ key, ...result }] : []))
  const missing = missingSessions(facts, rejected, barSpan)
  const differing = results.filter(({ result }) => isResult(result, 'already') && result.differs).length
  return {
    ...surveyedOutcome(plan),
    isFinished: results.every(({ result }) => !isNotReached(result)),
    filesWritten: written.length,
    rowsWritten: written.reduce((sum, { rows }) => sum + rows.length, 0),
    errors: [
      ...plan.errors,
      ...shrinkErrors(shrunk),
      ...symbolErrors(results),
      ...(facts.reaction?.errors ?? []),
      ...(facts.noValidRows ?? []),
    ],
    warnings: [
      ...(facts.reaction?.warnings ?? []),
      ...warningsOf({
        checked,
        missing,
        // The note at the start speaks of those of another exchange.
        closedDays: plan.tradesElsewhere ? [] : closedDays,
        isByYear: plan.files[0]?.partition.kind === 'year',
        differing,
        shrunk,
      }),
    ],
    lateWarning: lateWarning(plan, checked, rejected),
    counts,
    missing,
    rejects: checked.rejects,
    suspects: checked.suspects.length,
    incomplete: checked.incomplete.length,
    closedDayBars: closedDays.length,
    wouldShrink: shrunk.length,
    differing,
    withheldThrough: checked.withheld.toSorted().at(-1),
    rejectedThrough: [...rejected].toSorted().at(-1),
    first: rangeAround([plan.storedSpan, keptSpan])?.from,
    through,
    unknownFields: checked.unknownFields,
    past: facts.compared && pastOutcome(facts.compared, facts.reaction, results),
  }
}

function symbolErrors(results: readonly FileResult[]): readonly IngestError[] {
  return results.flatMap(({ result }) => (result instanceof IngestError && result.scope !== 'run' ? [result] : []))
}

/** Undefined too if no bar is known: then the error of the symbol says what came instead. */
function lateWarning(
  { newest, files, tradesElsewhere }: SymbolPlan,
  { rows, withheld }: CheckedSessions,
  rejected: ReadonlySet<IsoDate>,
): string | undefined {
  const newestAsked = files[0]?.sessions.at(-1)
  const last = [newest, rows[0]?.date, ...withheld, ...rejected]
    .filter((date) => date !== undefined)
    .toSorted()
    .at(-1)
  if (newestAsked === undefined || last === undefined || last >= newestAsked) return undefined
  const reason = tradesElsewhere ? '; its exchange may have been closed' : ''
  return `FMP has no bar after ${last}, though it was asked up to ${newestAsked}${reason}.`
}

/** Planned sessions without a bar between two bars, oldest first. */
function missingSessions(
  { plan: { files, tradesElsewhere }, checked: { rows, withheld }, results }: OutcomeFacts,
  rejected: ReadonlySet<IsoDate>,
  barSpan: DateRange | undefined,
): readonly IsoDate[] {
  if (barSpan === undefined || tradesElsewhere) return []
  const written = new Set(results.filter(({ result }) => isResult(result, 'written')).map(({ file }) => file))
  const accounted = new Set([...rows.map(({ date }) => date), ...rejected, ...withheld])
  // Sessions in a stored file that is kept are not missing, even if the vendor no longer has them.
  const sessions = files.flatMap((file) =>
    !file.isExtra && (file.stored === undefined || written.has(file)) ? file.sessions : [],
  )
  return sessions.filter((session) => isWithin(session, barSpan) && !accounted.has(session)).toSorted()
}

function isResult<K extends WriteResult['kind']>(
  result: FileResult['result'],
  kind: K,
): result is Extract<WriteResult, { kind: K }> {
  return result !== undefined && !(result instanceof IngestError) && result.kind === kind
}

function spanOf(dates: readonly IsoDate[]): DateRange | undefined {
  return rangeAround(dates.map((date) => ({ from: date, to: date })))
}
