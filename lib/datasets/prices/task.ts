// One symbol's sessions: its windows asked for, the rows sorted into the planned files, those stored, each session's fate.

import type { Calendar } from '../../core/calendar.ts'
import type { RawRow, Row } from '../../core/dataset.ts'
import { yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import { allOpen, nothingDone, settleSymbol, type Answer, type Tried } from './outcome.ts'
import type { EncodedFile } from '../../parquet/parquet.ts'
import type { Call, StoreAll, Task, UploadSlot } from '../../pipeline/pipeline.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import { writeFile, type FileRows, type WriteContext } from './write.ts'
import { askedBy, vanishing } from './year-files.ts'
import type { SessionDataset } from './schema.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import { validateRows, type Checked } from './validate.ts'
import { nothingValid } from '../check.ts'

/** What the symbols of a run share. */
export type SessionContext = WriteContext & {
  /** The newest session stored of a symbol, however far back. */
  readonly newestEver: (symbol: string) => Promise<IsoDate | undefined>
  /** The bytes of a file; rejects with a defect only. */
  readonly encode: (file: FileRows) => Promise<EncodedFile>
}

/** The task that carries out a plan. */
export function sessionTask(plan: SymbolPlan, context: SessionContext): Task {
  return {
    symbol: plan.symbol,
    calls: plan.calls,
    rows: plan.files.reduce((rows, { sessions }) => rows + sessions.length, 0),
    nothingToDo: () => (plan.files.length === 0 ? nothingDone(plan) : undefined),
    allOpen: (fate, errors) => allOpen(plan, fate, errors),
    fetch: async (call) => await fetchSymbol(plan, context, call),
  }
}

const outcomeIs = (outcome: SymbolOutcome) => async () => outcome

/** Nothing is written before every window is answered. */
async function fetchSymbol(plan: SymbolPlan, context: SessionContext, call: Call): Promise<StoreAll> {
  const { dataset, calendar } = context
  const { symbol, windows, range, recentFrom } = plan
  if (range === undefined || recentFrom === undefined) return outcomeIs(nothingDone(plan))
  const raw = await fetchRows(plan, dataset, call)
  if (raw.length === 0) return outcomeIs(await noRows(plan, context))
  const isWanted = wantedDates(plan, calendar)
  const checked = validateRows(dataset, raw, { symbol, windows, isWanted, recentFrom })
  if (checked.rows.length === 0 && checked.withheld.length === 0) {
    const outcome = settleSymbol({ plan, checked, tried: [], closedDays: [] })
    return outcomeIs({ ...outcome, errors: [...outcome.errors, nothingValid(raw.length, checked.rejects)] })
  }
  const groups = groupRows(plan, raw, { checked, dataset, range })
  const closedDays = checked.rows.map(({ date }) => date).filter((date) => isWanted(date) && !calendar.isSession(date))
  const gone = vanished(plan, { groups, checked, range })
  return async (slot) => await storeSymbol(groups, { plan, checked, tried: gone, closedDays }, { ...context, slot })
}

/** Stores the files; `answer` holds what became of those that need no write. */
async function storeSymbol(
  groups: readonly FileRows[],
  answer: Answer,
  context: SessionContext & { readonly slot: UploadSlot },
): Promise<SymbolOutcome> {
  const { slot, encode } = context
  const how = {
    prepare: encode,
    write: async (file: FileRows, encoded: EncodedFile) => await writeFile(file, encoded, context),
  }
  // What stands already comes first: a year file that is to claim empty years must not be left behind by a kill once
  // older files stand that hide those years from the next survey.
  const [standing, fresh] = [groups.filter(({ file }) => file.stored), groups.filter(({ file }) => !file.stored)]
  const rewritten = await slot.uploadAll(standing, how)
  const created = await (answer.plan.writesOldestFirst ? slot.uploadOldestFirst : slot.uploadAll)(fresh, how)
  return settleSymbol({ ...answer, tried: [...rewritten, ...created, ...answer.tried] })
}

/** The dates that planned files are for, and days without a session between them. */
function wantedDates({ files }: SymbolPlan, calendar: Calendar): (date: IsoDate) => boolean {
  const years = new Set(files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : [])))
  const days = new Set(files.flatMap(({ partition }) => (partition.kind === 'day' ? [partition.date] : [])))
  return (date) => years.has(yearOf(date)) || days.has(date) || (days.size > 0 && !calendar.isSession(date))
}

/** Stored years that were asked for again and of which nothing came, while other years did: they stay. */
function vanished(
  { files, symbol, dataset }: SymbolPlan,
  { groups, checked, range }: { groups: readonly FileRows[]; checked: Checked; range: DateRange },
): readonly Tried[] {
  const answered = new Set(groups.map(({ file }) => file))
  const freshFrom = checked.rows.at(-1)?.date
  return files.flatMap((file) => {
    const footer = file.stored?.footer
    if (footer === undefined || freshFrom === undefined || answered.has(file)) return []
    const result = { kind: 'shrink', ...vanishing(footer, freshFrom) } as const
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

/** An empty answer: an error that helps where nothing was ever stored, else a warning. */
async function noRows(plan: SymbolPlan, { newestEver, dataset }: SessionContext): Promise<SymbolOutcome> {
  const newest = plan.newest ?? (await newestEver(plan.symbol))
  const { from, to } = { from: plan.windows.at(-1)?.from, to: plan.windows[0]?.to }
  if (newest === undefined) {
    const error = new IngestError(`FMP has no data from ${from} to ${to}`, {
      kind: 'no-data',
      scope: 'symbol',
      hint: 'Check the spelling; class shares take a dash (BRK-B); a delisted symbol needs --from-date and --to-date from when it traded.',
    })
    return allOpen(plan, 'failed', [error])
  }
  const nothing = { symbol: plan.symbol, windows: [], isWanted: () => false, recentFrom: newest }
  const checked = validateRows(dataset, [], nothing)
  const outcome = settleSymbol({ plan, checked, tried: [], closedDays: [] })
  const lateWarning = `FMP has no data from ${from} to ${to}; the newest stored is ${newest}.`
  return { ...outcome, through: newest, lateWarning }
}

/** The checked rows by the planned file they belong to, newest file first. */
function groupRows(
  plan: SymbolPlan,
  raw: readonly RawRow[],
  { checked, dataset, range }: { checked: Checked; dataset: SessionDataset; range: DateRange },
): readonly FileRows[] {
  const { symbol, windows } = plan
  const isByYear = plan.files[0]?.partition.kind === 'year'
  const groups = Map.groupBy<IsoDate | number, Row>(checked.rows, ({ date }) => (isByYear ? yearOf(date) : date))
  // Bad rows too show that a year is not empty.
  const dates = raw.map((row) => row['date']).filter((date) => typeof date === 'string')
  const years = dates.map((date) => Number(date.slice(0, 4))).filter((year) => !Number.isNaN(year))
  const yearsWithRows = new Set([...plan.yearsStored, ...years])
  const asked = ({ partition }: PlannedFile) =>
    partition.kind === 'year' ? askedBy(partition.year, { range, windows, yearsWithRows }) : undefined
  return plan.files.flatMap((file) => {
    const { partition } = file
    const rows = groups.get(partition.kind === 'year' ? partition.year : partition.date)
    const key = dataset.key(symbol, partition)
    return rows === undefined ? [] : [{ file, key, symbol, rows, range, asked: asked(file) }]
  })
}
