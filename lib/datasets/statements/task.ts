// One symbol's documents: all that the vendor has asked for, the rows sorted into documents, those stored that are new or
// restated. The account is in documents, as that of prices is in sessions.

import type { PlanLimits } from './plan-limits.ts'
import { NO_SESSIONS, withFate, type Counts, type Fate, blankOutcome, type SymbolOutcome } from '../../core/outcome.ts'
import type { RawRow } from '../../core/dataset.ts'
import {
  sortedRows,
  writeDocument,
  type DocumentFile,
  type DocumentResult,
  type DocumentWriteContext,
} from './write.ts'
import { newestOf, type DocumentPlan } from './plan.ts'
import { IngestError } from '../../core/errors.ts'
import { rowsSha256 } from '../../parquet/parquet.ts'
import type { Call, StoreAll, Task, UploadSlot, Uploaded } from '../../pipeline/pipeline.ts'
import { checkRows, type CheckedRows, nothingValid, rowWarnings } from '../check.ts'
import { actionOn } from '../file-action.ts'

export type DocumentContext = DocumentWriteContext & { readonly planLimits: PlanLimits }

/** As far as reports reach back: forty years of quarters. */
const MOST_ROWS = 160

/** The task that carries out a plan. */
export function documentTask(plan: DocumentPlan, shared: Omit<DocumentContext, 'dataset'>): Task {
  const context = { ...shared, dataset: plan.dataset }
  return {
    symbol: plan.symbol,
    calls: plan.calls,
    rows: plan.calls * MOST_ROWS,
    nothingToDo: () => (plan.periods.length === 0 ? asStored(plan) : undefined),
    // Nobody knows how many documents there would have been: the next one at least.
    allOpen: (fate, errors) => withOpen(plan, fate, errors),
    fetch: async (call) => await fetchDocuments(plan, context, call),
  }
}

/** The outcome of a symbol whose stored documents are all there is to tell. */
function asStored(plan: DocumentPlan): SymbolOutcome {
  const { symbol, dataset, calls, documents } = plan
  const [first] = documents.keys()
  const counts = withFate(NO_SESSIONS, 'already_stored', documents.size)
  return { ...blankOutcome(symbol, dataset.name, calls), counts, settled: counts, first, through: newestOf(plan) }
}

function withOpen(plan: DocumentPlan, fate: Fate, errors: readonly IngestError[]): SymbolOutcome {
  const base = asStored(plan)
  return { ...base, isFinished: fate !== 'not_reached', errors, counts: withFate(base.counts, fate) }
}

/** Nothing is written before every period is answered. */
async function fetchDocuments(plan: DocumentPlan, context: DocumentContext, call: Call): Promise<StoreAll> {
  const { symbol, dataset, documents } = plan
  const raw: RawRow[] = []
  for (const period of plan.periods) {
    const asked = { symbol, period, isOnlyPeriod: plan.periods.length === 1 }
    raw.push(...(await context.planLimits.fetchRows(dataset, asked, call)))
  }
  if (raw.length === 0) {
    const outcome = nothingFound(plan)
    return async () => outcome
  }
  const checked = checkRows(dataset, raw, symbol)
  const byDate = Map.groupBy(
    checked.good.map(({ row }) => row),
    ({ date }) => date,
  )
  const files = [...byDate]
    .toSorted(([a], [b]) => (a < b ? 1 : -1))
    .map(([date, rows]): DocumentFile => {
      const stored = documents.get(date)
      const action = actionOn(stored, plan.isForced)
      return { key: dataset.key(symbol, date), symbol, date, rows: sortedRows(rows), stored, action }
    })
  return async (slot) => settle(plan, { raw, checked, tried: await storeDocuments(files, plan, { ...context, slot }) })
}

/** `files` newest first. */
async function storeDocuments(
  files: readonly DocumentFile[],
  { today }: DocumentPlan,
  context: DocumentContext & { readonly slot: UploadSlot },
): Promise<Answer['tried']> {
  const writing = {
    prepare: async ({ rows }: DocumentFile) => rowsSha256(context.dataset.columns, rows),
    write: async (file: DocumentFile, sha: string) => await writeDocument(file, sha, context),
  }
  // The newest stored document is the mark up to which the next run asks for nothing: it comes last, and only when the
  // others stand. One that is no document of ours is left, and would be the next time.
  const newest = files.find(({ date }) => date <= today)
  if (newest === undefined || newest.stored !== undefined) return await context.slot.uploadAll(files, writing)
  const others = files.filter((file) => file !== newest)
  const tried = await context.slot.uploadAll(others, writing)
  const isOpen = tried.some(
    ({ result }) => result === undefined || (result instanceof IngestError && result.kind !== 'foreign-file'),
  )
  return isOpen
    ? [{ ...newest, result: undefined }, ...tried]
    : [...(await context.slot.uploadAll([newest], writing)), ...tried]
}

type Answer = {
  readonly raw: readonly RawRow[]
  readonly checked: CheckedRows
  readonly tried: readonly Uploaded<DocumentFile, DocumentResult>[]
}

function settle(plan: DocumentPlan, { raw, checked, tried }: Answer): SymbolOutcome {
  const base = asStored(plan)
  const done = tried.flatMap(({ date, result }) =>
    result === undefined || result instanceof IngestError ? [] : [{ date, ...result }],
  )
  const written = done.filter(({ kind }) => kind !== 'unchanged')
  const failures = tried.flatMap(({ result }) =>
    result instanceof IngestError && result.scope !== 'run' ? [result] : [],
  )
  const dates = [...plan.documents.keys(), ...done.map(({ date }) => date)].toSorted()
  return {
    ...base,
    isFinished: tried.every(({ result }) => fateOf(result) !== 'not_reached'),
    filesWritten: written.length,
    rowsWritten: written.reduce((sum, { rows }) => sum + rows, 0),
    errors: tried.length === 0 ? [nothingValid(raw.length, checked.rejects, plan.dataset.title)] : failures,
    warnings: warningsOf(plan, checked),
    counts: countsOf(plan, checked, tried),
    rejects: checked.rejects,
    suspects: suspectsIn(checked).length,
    first: dates[0],
    through: dates.at(-1),
    unknownFields: checked.unknownFields,
    restated: written.filter(({ kind }) => kind === 'restated').length,
  }
}

/** Every document once: those that were tried, those of bad rows alone, and those that are stored and were not answered. */
function countsOf({ documents }: DocumentPlan, { rejects }: CheckedRows, tried: Answer['tried']): Counts {
  const fates = new Map<string, Fate>([...documents.keys()].map((date) => [date, 'already_stored']))
  for (const { date } of rejects) if (!fates.has(date ?? '')) fates.set(date ?? '', 'rejected')
  for (const { date, result } of tried) fates.set(date, fateOf(result))
  return [...fates.values()].reduce((counts, fate) => withFate(counts, fate), NO_SESSIONS)
}

function fateOf(result: Answer['tried'][number]['result']): Fate {
  if (result === undefined) return 'not_reached'
  if (result instanceof IngestError) return result.scope === 'run' ? 'not_reached' : 'failed'
  return result.kind === 'unchanged' ? 'already_stored' : 'stored'
}

function suspectsIn({ good }: CheckedRows) {
  return good.filter(({ suspicions }) => suspicions.length > 0)
}

/** Each with the name of the dataset: several may have something to say of one symbol. */
function warningsOf({ dataset }: DocumentPlan, checked: CheckedRows): readonly string[] {
  const suspects = suspectsIn(checked)
  const [first] = suspects
  const firstSuspicion = first && `${first.row.date}: ${first.suspicions[0]}`
  const said = rowWarnings({ rejects: checked.rejects, suspects: suspects.length, firstSuspicion })
  return said.map((text) => `${dataset.title}: ${text}`)
}

/** An empty answer: what is stored stays, and where nothing is, the run's end decides whether that is an error. */
function nothingFound(plan: DocumentPlan): SymbolOutcome {
  const { title } = plan.dataset
  const newest = newestOf(plan)
  if (newest !== undefined) {
    return { ...asStored(plan), lateWarning: `FMP has no ${title} now; the newest stored is of ${newest}.` }
  }
  const error = new IngestError(`FMP has no ${title}`, {
    kind: 'no-data',
    scope: 'symbol',
    hint: 'Funds and indices have none; of a company check the spelling (class shares take a dash: BRK-B).',
  })
  return withOpen(plan, 'failed', [error])
}
