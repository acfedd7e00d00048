// What became of one symbol: the fate of each of its sessions, what was written, what is to be said.

import { addCounts, NO_SESSIONS, withFate, type Counts, type Fate } from './counts.ts'
import type { Dataset } from './datasets/dataset.ts'
import { earlierOf, isWithin, laterOf, type DateRange, type IsoDate } from './dates.ts'
import { IngestError } from './errors.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import type { Checked, Reject } from './validate.ts'
import type { FileRows, WriteResult } from './write.ts'

export type SymbolOutcome = {
  readonly symbol: string
  /** False when the run stopped before everything of this symbol was tried. */
  readonly isFinished: boolean
  readonly filesWritten: number
  readonly rowsWritten: number
  readonly errors: readonly IngestError[]
  readonly warnings: readonly string[]
  /** Said only when other symbols have the range's newest session: that this one lacks it. */
  readonly lateWarning: string | undefined
  readonly counts: Counts
  readonly rejects: readonly Reject[]
  readonly suspects: number
  readonly incomplete: number
  readonly closedDayBars: number
  readonly wouldShrink: number
  /** Files of another run whose rows are not the ones this run got. */
  readonly differing: number
  /** Oldest and newest bar known to be stored, as far as this run saw. */
  readonly first: IsoDate | undefined
  readonly through: IsoDate | undefined
  readonly unknownFields: readonly string[]
}

/** The outcome of a plan before anything was done. */
export function nothingDone(plan: SymbolPlan): SymbolOutcome {
  return {
    symbol: plan.symbol,
    isFinished: true,
    filesWritten: 0,
    rowsWritten: 0,
    errors: plan.errors,
    warnings: [],
    lateWarning: undefined,
    counts: plan.settled,
    rejects: [],
    suspects: 0,
    incomplete: 0,
    closedDayBars: 0,
    wouldShrink: 0,
    differing: 0,
    first: plan.known?.from,
    through: plan.newest,
    unknownFields: [],
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

/** A file that was tried: its rows and how the write ended; `undefined` when the run stopped before it. */
export type Tried = FileRows & { readonly result: WriteResult | IngestError | undefined }

export type Answer = {
  readonly plan: SymbolPlan
  readonly checked: Checked
  readonly tried: readonly Tried[]
  readonly dataset: Dataset
  readonly closedDays: readonly IsoDate[]
}

/** Puts together what a symbol's answer and its writes came to. */
export function settleSymbol(answer: Answer): SymbolOutcome {
  const { plan, checked, tried, closedDays } = answer
  const known = unionSpan(plan.known, spanOf(checked.rows.map(({ date }) => date)))
  const absent = absentFates(answer, known)
  const byKey = new Map(tried.map((one) => [one.file.key, one]))
  const counts = plan.files.reduce(
    (sum, file) => addCounts(sum, fatesOf(file, byKey.get(file.key), absent)),
    plan.settled,
  )
  const written = tried.filter(({ result }) => isKind(result, 'written'))
  const kept = tried.filter(({ result }) => isKind(result, 'written') || isKind(result, 'already'))
  const keptSpan = spanOf(kept.flatMap(({ rows }) => rows.map(({ date }) => date)))
  const through = unionSpan(keptSpan, plan.newest && { from: plan.newest, to: plan.newest })?.to
  const shrunk = tried.flatMap(({ file, result }) => (isKind(result, 'shrink') ? [{ file, ...result }] : []))
  const differing = tried.filter(({ result }) => isKind(result, 'already') && result.differs).length
  return {
    ...nothingDone(plan),
    isFinished: tried.every(({ result }) => !isNotReached(result)),
    filesWritten: written.length,
    rowsWritten: written.reduce((sum, { rows }) => sum + rows.length, 0),
    errors: [...plan.errors, ...shrinkErrors(shrunk), ...symbolErrors(tried)],
    warnings: warningsOf(answer, { known, differing, shrunk }),
    lateWarning: lateWarning(plan, through),
    counts,
    rejects: checked.rejects,
    suspects: checked.suspects,
    incomplete: checked.incomplete,
    closedDayBars: closedDays.length,
    wouldShrink: shrunk.length,
    differing,
    first: unionSpan(plan.known, keptSpan)?.from,
    through,
    unknownFields: checked.unknownFields,
  }
}

function fatesOf(file: PlannedFile, tried: Tried | undefined, absent: (session: IsoDate) => Fate): Counts {
  if (tried === undefined)
    return file.sessions.reduce((counts, session) => withFate(counts, absent(session)), NO_SESSIONS)
  const { result, rows } = tried
  const size = file.sessions.length
  if (result === undefined || isNotReached(result)) return withFate(NO_SESSIONS, 'not_reached', size)
  if (result instanceof IngestError) return withFate(NO_SESSIONS, 'failed', size)
  if (result.kind === 'shrink') {
    const stored = Math.min(size, file.stored?.footer?.rows ?? 0)
    const rest = result.isOnlyOldestEnd ? 'no_data' : 'failed'
    return withFate(withFate(NO_SESSIONS, 'already_stored', stored), rest, size - stored)
  }
  const dates = new Set(rows.map(({ date }) => date))
  const present = result.kind === 'written' ? 'stored' : 'already_stored'
  return file.sessions.reduce(
    (counts, session) => withFate(counts, dates.has(session) ? present : absent(session)),
    NO_SESSIONS,
  )
}

/** What a session without a stored row is: its row was bad, it lies between two bars, or there is no data for it. */
function absentFates({ checked }: Answer, known: DateRange | undefined): (session: IsoDate) => Fate {
  const rejected = new Set(checked.rejects.map(({ date }) => date))
  return (session) => {
    if (rejected.has(session)) return 'rejected'
    return known !== undefined && isWithin(session, known) ? 'missing' : 'no_data'
  }
}

type Findings = {
  readonly known: DateRange | undefined
  readonly differing: number
  readonly shrunk: readonly { file: PlannedFile; message: string; isOnlyOldestEnd: boolean }[]
}

function warningsOf({ plan, checked, tried, closedDays, dataset }: Answer, { known, differing, shrunk }: Findings) {
  const { rejects, withheld, incomplete, lacking, suspects, firstSuspicion } = checked
  const dates = new Set(checked.rows.map(({ date }) => date))
  const rejectedDates = new Set(rejects.map(({ date }) => date))
  const missing = plan.files
    .flatMap(({ sessions }) => sessions)
    .filter((session) => known !== undefined && isWithin(session, known) && !dates.has(session))
    .filter((session) => !rejectedDates.has(session) && !withheld.includes(session))
    .toSorted()
  const isKept = tried.some(({ file }) => file.partition.kind === 'year')
  const warnings: readonly [number, string][] = [
    [
      rejects.length,
      `${countedRows(rejects.length)} rejected, the first (${rejects[0]?.date}) because ${rejects[0]?.reason}.`,
    ],
    [suspects, `${countedRows(suspects)} look wrong and were stored as they are, the first is ${firstSuspicion}.`],
    [missing.length, `FMP has no bar for ${someDates(missing)}, but bars before and after.`],
    [withheld.length, `No ${lacking} yet for ${someDates(withheld)}: left for a later run.`],
    [incomplete, `${countedRows(incomplete)} stored without ${lacking}, because FMP has none.`],
    [
      closedDays.length,
      `${closedDays.length} bars on days when the market is closed (${someDates(closedDays)}) ${isKept ? 'are kept' : 'are not written'}.`,
    ],
    [
      differing,
      `${differing} ${dataset.name} files that another run stored meanwhile have other rows than FMP's answer now.`,
    ],
  ]
  const shrinks = shrunk
    .filter(({ isOnlyOldestEnd }) => isOnlyOldestEnd)
    .map(
      ({ file, message }) =>
        `${file.key} ${message} (its oldest end is lacking) and is left; delete the file to accept that.`,
    )
  return [...warnings.filter(([count]) => count > 0).map(([, text]) => text), ...shrinks]
}

function shrinkErrors(shrunk: Findings['shrunk']): readonly IngestError[] {
  return shrunk
    .filter(({ isOnlyOldestEnd }) => !isOnlyOldestEnd)
    .map(
      ({ file, message }) =>
        new IngestError(`${file.key} ${message} and is left as it is`, {
          kind: 'shrink',
          scope: 'symbol',
          hint: 'FMP may have answered short: run again later. Delete the file to accept the shorter one.',
        }),
    )
}

function symbolErrors(tried: readonly Tried[]): readonly IngestError[] {
  return tried.flatMap(({ result }) => (result instanceof IngestError && result.scope !== 'run' ? [result] : []))
}

function lateWarning({ range, files }: SymbolPlan, through: IsoDate | undefined): string | undefined {
  const newest = files[0]?.sessions.at(-1)
  if (range === undefined || newest === undefined || (through ?? '') >= newest) return undefined
  return `FMP has no bar after ${through ?? 'none'}, though it was asked up to ${newest}.`
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
  const [first, ...rest] = dates
  if (first === undefined) return undefined
  return { from: rest.reduce(earlierOf, first), to: rest.reduce(laterOf, first) }
}

function unionSpan(a: DateRange | undefined, b: DateRange | undefined): DateRange | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return { from: earlierOf(a.from, b.from), to: laterOf(a.to, b.to) }
}

function countedRows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`
}

function someDates(dates: readonly IsoDate[]): string {
  const sorted = dates.toSorted()
  const shown = sorted.slice(0, 3).join(', ')
  return sorted.length > 3 ? `${shown} and ${sorted.length - 3} more` : shown
}
