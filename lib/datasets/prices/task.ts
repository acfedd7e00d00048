// The task of one symbol's sessions: fetches its windows, groups the rows by planned file, and stores the files.

import type { Calendar } from '../../core/calendar.ts'
import type { RawRow, Row } from '../../core/dataset.ts'
import { yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import { outcomeWithFate, surveyedOutcome, buildOutcome, type OutcomeFacts, type FileResult } from './outcome.ts'
import type { EncodedFile } from '../../parquet/parquet.ts'
import type { Call, StoreFetched, Task, UploadSlot } from '../../pipeline/pipeline.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import { writeFile, type FileRows, type WriteContext } from './write.ts'
import { askedRange, shrinkageToNothing } from './year-files.ts'
import type { SessionDataset } from './schema.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import { validateRows, type CheckedSessions } from './validate.ts'
import { noValidRowsError } from '../check.ts'

/** What the tasks of all symbols share. */
export type SessionContext = WriteContext & {
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
  const { symbol, windows, range, recentFrom } = plan
  if (range === undefined || recentFrom === undefined) return storeNothing(surveyedOutcome(plan))
  const raw = await fetchRows(plan, dataset, call)
  if (raw.length === 0) return storeNothing(await outcomeWithoutRows(plan, context))
  const isWanted = wantedDates(plan, calendar)
  const checked = validateRows(dataset, raw, { symbol, windows, isWanted, recentFrom })
  if (checked.rows.length === 0 && checked.withheld.length === 0) {
    const outcome = buildOutcome({ plan, checked, results: [], closedDays: [] })
    return storeNothing({ ...outcome, errors: [...outcome.errors, noValidRowsError(raw.length, checked.rejects)] })
  }
  const groups = groupRows(plan, raw, { checked, dataset, range })
  const closedDays = checked.rows.map(({ date }) => date).filter((date) => isWanted(date) && !calendar.isSession(date))
  const results = yearsWithoutRows(plan, { groups, checked, range })
  return async (slot) => await storeSymbol(groups, { plan, checked, results, closedDays }, { ...context, slot })
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
  const replaced = await slot.uploadAll(stored, writer)
  const created = await (facts.plan.writesOldestFirst ? slot.uploadOldestFirst : slot.uploadAll)(fresh, writer)
  return buildOutcome({ ...facts, results: [...replaced, ...created, ...facts.results] })
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

async function fetchRows(plan: SymbolPlan, dataset: SessionDataset, call: Call): Promise<readonly RawRow[]> {
  const rows: RawRow[] = []
  for (const window of plan.windows) {
    const replies: (readonly RawRow[])[] = []
    for (const ask of dataset.asks(plan.symbol, window)) replies.push(await call(ask))
    rows.push(...dataset.merge(replies))
  }
  return rows
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

/** The checked rows, grouped by planned file, newest file first. */
function groupRows(
  plan: SymbolPlan,
  raw: readonly RawRow[],
  { checked, dataset, range }: { checked: CheckedSessions; dataset: SessionDataset; range: DateRange },
): readonly FileRows[] {
  const { symbol, windows } = plan
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
