// The task of one symbol's sessions: fetches its windows, groups the rows by planned file, and stores the files.

import type { Calendar } from '../../core/calendar.ts'
import type { RawRow, Row } from '../../core/dataset.ts'
import { isWithin, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import {
  outcomeWithFate,
  surveyedOutcome,
  buildOutcome,
  type OutcomeFacts,
  type FileResult,
  heldOutcome,
} from './outcome.ts'
import type { EncodedFile } from '../../parquet/parquet.ts'
import type { Call, StoreFetched, Task, UploadSlot } from '../../pipeline/pipeline.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import { fetchComparedWindows } from './windows.ts'
import { writeFile, type FileRows, type WriteContext } from './write.ts'
import { askedRange, shrinkageToNothing } from './year-files.ts'
import type { SessionDataset } from './schema.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import { validateRows, type CheckedSessions } from './validate.ts'
import { noValidRowsError } from '../check.ts'
import { reactTo, type Reaction } from './reaction.ts'
import { compareSymbol, comparedWindows, type CompareContext, answerOf } from './compare.ts'
import type { Mending } from '../../core/config.ts'

/** What the tasks of all symbols share. */
export type SessionContext = WriteContext &
  Pick<CompareContext, 'accepts' | 'isNightly'> & {
    readonly mending: Mending
    /** Stops waiting for work that only reads as soon as the run is stopped. */
    readonly unlessStopped: <T>(work: Promise<T>) => Promise<T>
    /** The newest stored session of a symbol, also before the range. */
    readonly findNewestSession: (symbol: string) => Promise<IsoDate | undefined>
    /** Encodes a file. Rejects with a defect only. */
    readonly encode: (file: FileRows) => Promise<EncodedFile>
  }

/** The task of a plan. */
export function sessionTask(plan: SymbolPlan, context: SessionContext): Task {
  return {
    symbol: plan.symbol,
    dataset: plan.dataset.name,
    calls: plan.calls,
    rows: plan.files.reduce((rows, { sessions }) => rows + sessions.length, 0),
    outcomeWithoutFetch: () => (plan.files.length === 0 ? surveyedOutcome(plan) : undefined),
    outcomeWithFate: (fate, errors) => outcomeWithFate(plan, fate, errors),
    fetch: async (call) => await fetchSymbol(plan, context, call),
  }
}

/** For a symbol without anything to store. */
function storeNothing(outcome: SymbolOutcome): StoreFetched {
  return async () => outcome
}

/** Fetches all windows before any file is written. */
async function fetchSymbol(plan: SymbolPlan, context: SessionContext, call: Call): Promise<StoreFetched> {
  const { dataset, calendar } = context
  const { symbol, range, recentFrom } = plan
  if (range === undefined || recentFrom === undefined) return storeNothing(surveyedOutcome(plan))
  const longer = await context.unlessStopped(comparedWindows(plan, context))
  const { windows, raw } = await fetchComparedWindows(plan, longer, { dataset, call })
  if (raw.length === 0) return storeNothing(await outcomeWithoutRows(plan, context))
  const isWanted = wantedDates(plan, calendar)
  const all = validateRows(dataset, raw, { symbol, windows, isWanted, recentFrom })
  // Rows before the sessions asked for came to be compared: they decide no fate.
  const checked = { ...all, rows: all.rows.filter(({ date }) => plan.windows.some((asked) => isWithin(date, asked))) }
  const noValidRows = errorsWithoutRows(checked, { received: raw.length, compared: all.rows.length })
  if (all.rows.length === 0 && noValidRows.length > 0) {
    return storeNothing(buildOutcome({ plan, checked, results: [], closedDays: [], noValidRows }))
  }
  const compared = await context.unlessStopped(compareSymbol(plan, answerOf(all.rows, windows), context, call))
  const newSessions = checked.rows.map(({ date }) => date).filter((date) => isPlannedSession(plan, date))
  const reaction =
    compared && reactTo(plan, compared, { mending: context.mending, isAccepted: context.accepts(symbol), newSessions })
  if (compared !== undefined && reaction?.isHeld === true) return storeNothing(heldOutcome(plan, compared, reaction))
  const nothing = isNothingAskedFor(checked) ? await outcomeWithoutRows(plan, context) : undefined
  if (nothing !== undefined && compared === undefined) return storeNothing(nothing)
  const groups = groupRows(plan, raw, { checked, dataset, range, windows }).map((group) => withMend(group, reaction))
  const closedDays = checked.rows.map(({ date }) => date).filter((date) => isWanted(date) && !calendar.isSession(date))
  const results = yearsWithoutRows(plan, { groups, checked, range })
  const facts = { plan, checked, results, closedDays, compared, reaction, noValidRows }
  return async (slot) => {
    const outcome = await storeSymbol(groups, facts, { ...context, slot })
    return nothing === undefined ? outcome : { ...outcome, through: nothing.through, lateWarning: nothing.lateWarning }
  }
}

/** The error of a symbol whose rows for the sessions asked for are all invalid. Rows that are only compared do not count. */
function errorsWithoutRows(
  { rows, withheld, rejects }: CheckedSessions,
  { received, compared }: { readonly received: number; readonly compared: number },
): readonly IngestError[] {
  if (rows.length + withheld.length > 0 || (compared > 0 && rejects.length === 0)) return []
  return [noValidRowsError(received - compared, rejects)]
}

/** Whether the vendor has nothing at all for the sessions asked for. */
function isNothingAskedFor({ rows, withheld, rejects }: CheckedSessions): boolean {
  return rows.length + withheld.length + rejects.length === 0
}

/** Stores the files. `facts` holds the results of the files that need no write. */
async function storeSymbol(
  groups: readonly FileRows[],
  facts: OutcomeFacts,
  context: SessionContext & { readonly slot: UploadSlot },
): Promise<SymbolOutcome> {
  const { slot, encode } = context
  const writer = {
    prepare: encode,
    write: async (file: FileRows, encoded: EncodedFile) => await writeFile(file, encoded, context),
  }
  // Stored files are replaced before new ones are created. The oldest stored year may claim empty years before it. If a kill
  // came after older files were created and before it is replaced, it would no longer be the oldest and never claim them.
  const [stored, fresh] = [groups.filter(({ file }) => file.stored), groups.filter(({ file }) => !file.stored)]
  const { mends = [], corrections = [] } = facts.reaction ?? {}
  // A mend comes before everything else, its newest year last: until then the newest stored row is stale, and a run that
  // follows a kill sees it and mends again.
  const mended = await slot.uploadOldestFirst(mends, writer)
  if (mended.some(({ result }) => !isStoredResult(result))) {
    return buildOutcome({ ...facts, results: [...mended, ...notReached(groups), ...facts.results] })
  }
  const corrected = await slot.uploadAll(corrections, writer)
  const replaced = await slot.uploadAll(stored, writer)
  const created = await (facts.plan.writesOldestFirst ? slot.uploadOldestFirst : slot.uploadAll)(fresh, writer)
  return buildOutcome({ ...facts, results: [...mended, ...corrected, ...replaced, ...created, ...facts.results] })
}

/** Files that are not tried, because a mend before them was not stored. */
function notReached(groups: readonly FileRows[]): readonly FileResult[] {
  return groups.map((group) => ({ ...group, result: undefined }))
}

function isStoredResult(result: FileResult['result']): boolean {
  return result !== undefined && !(result instanceof IngestError)
}

/** A planned year with the rows of the mend, which hold those that are carried over too. */
function withMend(group: FileRows, reaction: Reaction | undefined): FileRows {
  const { partition } = group.file
  const mended = partition.kind === 'year' ? reaction?.planned.get(partition.year) : undefined
  return mended === undefined ? group : { ...group, rows: mended.rows, carried: mended.carried }
}

/** Whether a file of the plan is for this session alone. */
function isPlannedSession({ files }: SymbolPlan, date: IsoDate): boolean {
  return files.some(({ partition }) => partition.kind === 'day' && partition.date === date)
}

/**
 * Whether a planned file is for a date. In daily mode, dates without a session are wanted too, to be counted; of another
 * exchange each of them has a planned file, unless it is stored.
 */
function wantedDates({ files, tradesElsewhere }: SymbolPlan, calendar: Calendar): (date: IsoDate) => boolean {
  const years = new Set(files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : [])))
  const days = new Set(files.flatMap(({ partition }) => (partition.kind === 'day' ? [partition.date] : [])))
  const countsClosedDays = days.size > 0 && !tradesElsewhere
  return (date) => years.has(yearOf(date)) || days.has(date) || (countsClosedDays && !calendar.isSession(date))
}

/** Stored years that were fetched again without any row, while other years had rows. Their files are kept. */
function yearsWithoutRows(
  { files, symbol, dataset }: SymbolPlan,
  { groups, checked, range }: { groups: readonly FileRows[]; checked: CheckedSessions; range: DateRange },
): readonly FileResult[] {
  const filesWithRows = new Set(groups.map(({ file }) => file))
  const freshFrom = checked.rows.at(-1)?.date
  return files.flatMap((file) => {
    const footer = file.stored?.footer
    if (footer === undefined || freshFrom === undefined || filesWithRows.has(file)) return []
    const result = { kind: 'shrink', ...shrinkageToNothing(footer, freshFrom) } as const
    const key = dataset.key(symbol, file.partition)
    return [{ file, key, symbol, rows: [], range, asked: undefined, result }]
  })
}

/** The outcome if FMP has no rows: an error with a hint if nothing is stored of the symbol, else a late warning. */
async function outcomeWithoutRows(
  plan: SymbolPlan,
  { findNewestSession, dataset }: SessionContext,
): Promise<SymbolOutcome> {
  const newest = plan.newest ?? (await findNewestSession(plan.symbol))
  const { from, to } = { from: plan.windows.at(-1)?.from, to: plan.windows[0]?.to }
  if (newest === undefined) {
    const error = new IngestError(`FMP has no data from ${from} to ${to}`, {
      kind: 'no-data',
      scope: 'symbol',
      hint: 'Check the spelling; class shares take a dash (BRK-B); a delisted symbol needs --from-date and --to-date from when it traded.',
    })
    return outcomeWithFate(plan, 'failed', [error])
  }
  const context = { symbol: plan.symbol, windows: [], isWanted: () => false, recentFrom: newest }
  const checked = validateRows(dataset, [], context)
  const outcome = buildOutcome({ plan, checked, results: [], closedDays: [] })
  // Days between two bars on which another exchange may have been closed are nothing to warn of.
  const isExpected = plan.tradesElsewhere && to !== undefined && to < newest
  const reason = plan.tradesElsewhere ? '; its exchange may have been closed' : ''
  const lateWarning = `FMP has no data from ${from} to ${to}; the newest stored is ${newest}${reason}.`
  return { ...outcome, through: newest, lateWarning: isExpected ? undefined : lateWarning }
}

type Grouping = {
  readonly checked: CheckedSessions
  readonly dataset: SessionDataset
  readonly range: DateRange
  readonly windows: readonly DateRange[]
}

/** The checked rows, grouped by planned file, newest file first. */
function groupRows(
  plan: SymbolPlan,
  raw: readonly RawRow[],
  { checked, dataset, range, windows }: Grouping,
): readonly FileRows[] {
  const { symbol } = plan
  const isByYear = plan.files[0]?.partition.kind === 'year'
  const groups = Map.groupBy<IsoDate | number, Row>(checked.rows, ({ date }) => (isByYear ? yearOf(date) : date))
  // Rejected rows count too: they show that a year is not empty.
  const dates = raw.map((row) => row['date']).filter((date) => typeof date === 'string')
  const years = dates.map((date) => Number(date.slice(0, 4))).filter((year) => !Number.isNaN(year))
  const yearsWithRows = new Set([...plan.yearsStored, ...years])
  const asked = ({ partition }: PlannedFile) =>
    partition.kind === 'year' ? askedRange(partition.year, { range, windows, yearsWithRows }) : undefined
  return plan.files.flatMap((file) => {
    const { partition } = file
    const rows = groups.get(partition.kind === 'year' ? partition.year : partition.date)
    const key = dataset.key(symbol, partition)
    return rows === undefined ? [] : [{ file, key, symbol, rows, range, asked: asked(file) }]
  })
}
