// The run: each symbol from its plan to its outcome, several at once, until all are done or something stops them all.

import PQueue from 'p-queue'
import { budgetError, type CallBudget, type Reservation } from './budget.ts'
import type { Calendar } from './calendar.ts'
import type { Ask, Dataset, RawRow, Row } from './datasets/dataset.ts'
import { yearOf, type DateRange, type IsoDate } from './dates.ts'
import { IngestError } from './errors.ts'
import { allOpen, nothingDone, settleSymbol, type SymbolOutcome, type Tried } from './outcome.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import { createUploads, type UploadContext, type Uploads } from './uploads.ts'
import { validateRows, type Checked } from './validate.ts'
import type { FileRows } from './write.ts'
import { askedBy, vanishing } from './years.ts'

/** What a run needs of the world, as plain functions and values. */
export type Steps = UploadContext & {
  /** One API call, retries and all. */
  readonly ask: (ask: Ask, reservation: Reservation) => Promise<readonly RawRow[]>
  readonly budget: CallBudget
  /** The newest session stored of a symbol, however far back. */
  readonly newestEver: (symbol: string) => Promise<IsoDate | undefined>
  /** Called as each symbol ends. */
  readonly onOutcome: (outcome: SymbolOutcome) => void
  readonly maxWorkers: number
}

export type RunResult = {
  /** One a plan, in the plan's order. */
  readonly outcomes: readonly SymbolOutcome[]
  /** What stopped the run early: an error of the run, a spent budget, an interrupt. */
  readonly stoppedBy: IngestError | undefined
  /** A defect of this program: to be thrown once the metrics are written. */
  readonly bug: unknown
}

type Machinery = Steps & { readonly uploads: Uploads }

/** What one symbol is worked on with. */
type Work = Machinery & { readonly reservation: Reservation }

/** Never rejects: a defect ends the run too, and is handed back for the end. */
export async function ingestAll(plans: readonly SymbolPlan[], steps: Steps): Promise<RunResult> {
  const { stop } = steps
  const workers = new PQueue({ concurrency: steps.maxWorkers })
  const machinery: Machinery = { ...steps, uploads: createUploads(steps) }
  // A spent budget lets the symbols under way finish with the calls they have reserved; other stops end those too.
  let budgetSpent: IngestError | undefined

  const ingest = async (plan: SymbolPlan): Promise<SymbolOutcome> => {
    if (plan.files.length === 0) return nothingDone(plan)
    if (stop.signal.aborted || budgetSpent !== undefined) return allOpen(plan, 'not_reached', [])
    const reservation = steps.budget.reserve(plan.calls)
    const withCalls = (outcome: SymbolOutcome) => ({ ...outcome, calls: reservation?.spent() ?? 0 })
    try {
      if (reservation === undefined) throw unpayable(plan)
      return withCalls(await ingestSymbol(plan, { ...machinery, reservation }))
    } catch (error) {
      if (error instanceof IngestError && error.scope !== 'run') return withCalls(allOpen(plan, 'failed', [error]))
      if (error instanceof IngestError && error.kind === 'budget') budgetSpent ??= error
      else stop.abort(error)
      return withCalls(allOpen(plan, 'not_reached', []))
    } finally {
      reservation?.release()
    }
  }
  const outcomes = await Promise.all(
    plans.map(
      async (plan) =>
        await workers.add(async () => {
          const outcome = await ingest(plan)
          steps.onOutcome(outcome)
          return outcome
        }),
    ),
  )
  const reason: unknown = stop.signal.aborted ? stop.signal.reason : budgetSpent
  return reason instanceof IngestError
    ? { outcomes, stoppedBy: reason, bug: undefined }
    : { outcomes, stoppedBy: undefined, bug: reason }
}

/** Throws an IngestError of the symbol or of the run; nothing is written before every window is answered. */
async function ingestSymbol(plan: SymbolPlan, machinery: Work): Promise<SymbolOutcome> {
  const { dataset, calendar } = machinery
  const { symbol, windows, range, recentFrom } = plan
  if (range === undefined || recentFrom === undefined) return nothingDone(plan)
  const raw = await fetchRows(plan, machinery)
  if (raw.length === 0) return await noRows(plan, machinery)
  const isWanted = wantedDates(plan, calendar)
  const checked = validateRows(dataset, raw, { symbol, windows, isWanted, recentFrom })
  if (checked.rows.length === 0 && checked.withheld.length === 0) {
    const outcome = settleSymbol({ plan, checked, tried: [], closedDays: [] })
    return { ...outcome, errors: [...outcome.errors, nothingValid(raw, checked)] }
  }
  const groups = groupRows(plan, raw, { checked, dataset, range })
  const closedDays = checked.rows.map(({ date }) => date).filter((date) => isWanted(date) && !calendar.isSession(date))
  // What stands already comes first: a year file that is to claim empty years must not be left behind by a kill once
  // older files stand that hide those years from the next survey.
  const [standing, fresh] = [groups.filter(({ file }) => file.stored), groups.filter(({ file }) => !file.stored)]
  const { uploads } = machinery
  const tried = [...(await uploads.all(standing)), ...(await (plan.isMarking ? uploads.inTurn : uploads.all)(fresh))]
  return settleSymbol({ plan, checked, tried: [...tried, ...vanished(plan, { groups, checked, range })], closedDays })
}

/** The dates that planned files are for, and days without a session between them. */
function wantedDates({ files }: SymbolPlan, calendar: Calendar): (date: IsoDate) => boolean {
  const years = new Set(files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : [])))
  const days = new Set(files.flatMap(({ partition }) => (partition.kind === 'day' ? [partition.date] : [])))
  return (date) => years.has(yearOf(date)) || days.has(date) || (days.size > 0 && !calendar.isSession(date))
}

/** Stored years that were asked for again and of which nothing came, while other years did: they stay. */
function vanished(
  { files, symbol }: SymbolPlan,
  { groups, checked, range }: { groups: readonly FileRows[]; checked: Checked; range: DateRange },
): readonly Tried[] {
  const answered = new Set(groups.map(({ file }) => file.key))
  const freshFrom = checked.rows.at(-1)?.date
  return files.flatMap((file) => {
    const footer = file.stored?.footer
    if (footer === undefined || freshFrom === undefined || answered.has(file.key)) return []
    const result = { kind: 'shrink', ...vanishing(footer, freshFrom) } as const
    return [{ file, symbol, rows: [], range, asked: undefined, result }]
  })
}

function unpayable({ calls, symbol }: SymbolPlan): IngestError {
  return budgetError(`The call budget cannot pay the ${calls} calls of ${symbol}, of which none was made.`)
}

async function fetchRows(plan: SymbolPlan, { reservation, dataset, ask }: Work): Promise<readonly RawRow[]> {
  const rows: RawRow[] = []
  for (const window of plan.windows) {
    const replies: (readonly RawRow[])[] = []
    for (const call of dataset.asks(plan.symbol, window)) replies.push(await ask(call, reservation))
    rows.push(...dataset.merge(replies))
  }
  return rows
}

/** An empty answer: an error that helps where nothing was ever stored, else a warning. */
async function noRows(plan: SymbolPlan, { newestEver, dataset }: Machinery): Promise<SymbolOutcome> {
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

function nothingValid(raw: readonly RawRow[], { rejects }: Checked): IngestError {
  const reason = rejects[0] === undefined ? 'all lie outside the dates asked for' : `the first: ${rejects[0].reason}`
  return new IngestError(
    `No valid data after validation: ${raw.length} rows received, ${rejects.length} rejected, ${reason}`,
    {
      kind: 'validation',
      scope: 'symbol',
      hint: rejects.length > 0 ? 'The rejects file beside the metrics holds the rows.' : undefined,
    },
  )
}

/** The checked rows by the planned file they belong to, newest file first. */
function groupRows(
  plan: SymbolPlan,
  raw: readonly RawRow[],
  { checked, dataset, range }: { checked: Checked; dataset: Dataset; range: DateRange },
): readonly FileRows[] {
  const { symbol, windows } = plan
  const kind = plan.files[0]?.partition.kind
  const byKey = Map.groupBy(checked.rows, ({ date }: Row) =>
    dataset.key(symbol, kind === 'year' ? { kind, year: yearOf(date) } : { kind: 'day', date }),
  )
  // Bad rows too show that a year is not empty.
  const dates = raw.map((row) => row['date']).filter((date) => typeof date === 'string')
  const years = dates.map((date) => Number(date.slice(0, 4))).filter((year) => !Number.isNaN(year))
  const yearsWithRows = new Set([...plan.yearsStored, ...years])
  const asked = ({ partition }: PlannedFile) =>
    partition.kind === 'year' ? askedBy(partition.year, { range, windows, yearsWithRows }) : undefined
  return plan.files.flatMap((file) => {
    const rows = byKey.get(file.key)
    return rows === undefined ? [] : [{ file, symbol, rows, range, asked: asked(file) }]
  })
}
