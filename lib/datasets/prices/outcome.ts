// What became of one symbol: the fate of each of its sessions, what was written, what is to be said.

import {
  addCounts,
  blankOutcome,
  NO_SESSIONS,
  withFate,
  type Counts,
  type Fate,
  type SymbolOutcome,
} from '../../core/outcome.ts'
import { isWithin, type DateRange, type IsoDate, rangeAround } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import { shrinkErrors, warningsOf } from './warnings.ts'
import type { FileRows, WriteResult } from './write.ts'
import type { Uploaded } from '../../pipeline/pipeline.ts'
import type { Checked } from './validate.ts'

/** The outcome of a plan before anything was done. */
export function nothingDone(plan: SymbolPlan): SymbolOutcome {
  return {
    ...blankOutcome(plan.symbol, plan.dataset.name, plan.calls),
    errors: plan.errors,
    counts: plan.settled,
    settled: plan.settled,
    first: plan.known?.from,
    through: plan.newest,
  }
}

/** All sessions still open end alike: the symbol failed, or the run stopped before it. */
export function allOpen(
  plan: SymbolPlan,
  fate: 'failed' | 'not_reached',
  errors: readonly IngestError[],
): SymbolOutcome {
  const open = plan.files.reduce((sum, { sessions }) => sum + sessions.length, 0)
  const base = nothingDone(plan)
  return {
    ...base,
    isFinished: fate === 'failed',
    counts: withFate(base.counts, fate, open),
    errors: [...base.errors, ...errors],
  }
}

/** A file that was tried: its rows and how the write ended. */
export type Tried = Uploaded<FileRows, WriteResult>

export type Answer = {
  readonly plan: SymbolPlan
  readonly checked: Checked
  readonly tried: readonly Tried[]
  readonly closedDays: readonly IsoDate[]
}

/** Puts together what a symbol's answer and its writes came to. */
export function settleSymbol(answer: Answer): SymbolOutcome {
  const { plan, checked, tried, closedDays } = answer
  const known = rangeAround([plan.known, spanOf(checked.rows.map(({ date }) => date))])
  const absent = absentFates(answer, known)
  const byFile = new Map(tried.map((one) => [one.file, one]))
  const counts = plan.files.reduce((sum, file) => addCounts(sum, fatesOf(file, byFile.get(file), absent)), plan.settled)
  const written = tried.filter(({ result }) => isKind(result, 'written'))
  const kept = tried.filter(({ result }) => isKind(result, 'written') || isKind(result, 'already'))
  const keptSpan = spanOf(kept.flatMap(({ rows }) => rows.map(({ date }) => date)))
  const through = rangeAround([keptSpan, plan.newest && { from: plan.newest, to: plan.newest }])?.to
  const shrunk = tried.flatMap(({ key, result }) => (isKind(result, 'shrink') ? [{ key, ...result }] : []))
  const missing = missingSessions(answer, known)
  const differing = tried.filter(({ result }) => isKind(result, 'already') && result.differs).length
  return {
    ...nothingDone(plan),
    isFinished: tried.every(({ result }) => !isNotReached(result)),
    filesWritten: written.length,
    rowsWritten: written.reduce((sum, { rows }) => sum + rows.length, 0),
    errors: [...plan.errors, ...shrinkErrors(shrunk), ...symbolErrors(tried)],
    warnings: warningsOf({
      checked,
      missing,
      closedDays,
      isByYear: plan.files[0]?.partition.kind === 'year',
      differing,
      shrunk,
    }),
    lateWarning: lateWarning(plan, checked),
    counts,
    missing,
    rejects: checked.rejects,
    suspects: checked.suspects,
    incomplete: checked.incomplete,
    closedDayBars: closedDays.length,
    wouldShrink: shrunk.length,
    differing,
    withheldThrough: checked.withheld.toSorted().at(-1),
    first: rangeAround([plan.known, keptSpan])?.from,
    through,
    unknownFields: checked.unknownFields,
  }
}

function fatesOf(file: PlannedFile, tried: Tried | undefined, absent: (session: IsoDate) => Fate): Counts {
  const size = file.sessions.length
  if (tried === undefined && file.stored !== undefined) return storedFates(file, 'no_data')
  if (tried === undefined) return eachFate(file, absent)
  const { result, rows } = tried
  if (result === undefined || isNotReached(result)) return withFate(NO_SESSIONS, 'not_reached', size)
  if (result instanceof IngestError) return withFate(NO_SESSIONS, 'failed', size)
  if (result.kind === 'shrink') return storedFates(file, result.isOnlyOldestEnd ? 'no_data' : 'failed')
  const dates = new Set(rows.map(({ date }) => date))
  const present = result.kind === 'written' ? 'stored' : 'already_stored'
  return eachFate(file, (session) => (dates.has(session) ? present : absent(session)))
}

function eachFate({ sessions }: PlannedFile, fateOf: (session: IsoDate) => Fate): Counts {
  return sessions.reduce((counts, session) => withFate(counts, fateOf(session)), NO_SESSIONS)
}

/** A file that stays as it is: as many sessions as it has rows are stored, the others end as `rest`. */
function storedFates({ sessions, stored, partition }: PlannedFile, rest: Fate): Counts {
  const rows = stored?.footer?.rows ?? (partition.kind === 'day' ? 1 : 0)
  const kept = Math.min(sessions.length, rows)
  return withFate(withFate(NO_SESSIONS, 'already_stored', kept), rest, sessions.length - kept)
}

/** What a session without a stored row is: its row was bad, it lies between two bars, or there is no data for it. */
function absentFates({ checked }: Answer, known: DateRange | undefined): (session: IsoDate) => Fate {
  const rejected = new Set(checked.rejects.map(({ date }) => date))
  return (session) => {
    if (rejected.has(session)) return 'rejected'
    return known !== undefined && isWithin(session, known) ? 'missing' : 'no_data'
  }
}

function symbolErrors(tried: readonly Tried[]): readonly IngestError[] {
  return tried.flatMap(({ result }) => (result instanceof IngestError && result.scope !== 'run' ? [result] : []))
}

function lateWarning({ newest, files }: SymbolPlan, { rows, withheld }: Checked): string | undefined {
  const asked = files[0]?.sessions.at(-1)
  const [last] = [newest, rows[0]?.date, ...withheld]
    .filter((date) => date !== undefined)
    .toSorted()
    .toReversed()
  if (asked === undefined || (last ?? '') >= asked) return undefined
  return `FMP has no bar after ${last ?? 'none'}, though it was asked up to ${asked}.`
}

/** Planned sessions between two bars that have none themselves, oldest first. */
function missingSessions({ plan: { files }, checked, tried: all }: Answer, known: DateRange | undefined) {
  if (known === undefined) return []
  const { rows, rejects, withheld } = checked
  const written = new Set(all.filter(({ result }) => isKind(result, 'written')).map(({ file }) => file))
  const accounted = new Set<string | null>([
    ...rows.map(({ date }) => date),
    ...rejects.map(({ date }) => date),
    ...withheld,
  ])
  // What stands in a stored file is not missing, whatever the vendor says now.
  const sessions = files.flatMap((file) => (file.stored === undefined || written.has(file) ? file.sessions : []))
  return sessions.filter((session) => isWithin(session, known) && !accounted.has(session)).toSorted()
}

/** Whether the run stopped before or in this write. */
function isNotReached(result: Tried['result']): boolean {
  return result === undefined || (result instanceof IngestError && result.scope === 'run')
}

function isKind<K extends WriteResult['kind']>(
  result: Tried['result'],
  kind: K,
): result is Extract<WriteResult, { kind: K }> {
  return result !== undefined && !(result instanceof IngestError) && result.kind === kind
}

function spanOf(dates: readonly IsoDate[]): DateRange | undefined {
  return rangeAround(dates.map((date) => ({ from: date, to: date })))
}
