// The task of one symbol's documents: fetches its report periods, groups the rows by document, and stores what is new or
// restated. Its outcome counts documents, where that of prices counts sessions.

import type { PlanLimits } from './plan-limits.ts'
import { ZERO_COUNTS, withFate, type Counts, type Fate, blankOutcome, type SymbolOutcome } from '../../core/outcome.ts'
import type { RawRow } from '../../core/dataset.ts'
import { dayNamedIn } from '../../core/dates.ts'
import {
  sortedRows,
  writeDocument,
  type DocumentFile,
  type DocumentResult,
  type DocumentWriteContext,
} from './write.ts'
import { newestDocument, type DocumentPlan } from './plan.ts'
import { IngestError } from '../../core/errors.ts'
import { rowsSha256 } from '../../parquet/parquet.ts'
import type { Call, StoreFetched, Task, UploadSlot, Uploaded } from '../../pipeline/pipeline.ts'
import { checkRows, type CheckedRows, noValidRowsError, rowWarnings } from '../check.ts'
import { actionOn } from '../file-action.ts'

export type DocumentContext = DocumentWriteContext & { readonly planLimits: PlanLimits }

/** Forty years of quarters: reports reach no further back. */
const MAX_ROWS_PER_PERIOD = 160

/** The task of a plan. */
export function documentTask(plan: DocumentPlan, shared: Omit<DocumentContext, 'dataset'>): Task {
  const context = { ...shared, dataset: plan.dataset }
  return {
    symbol: plan.symbol,
    dataset: plan.dataset.name,
    calls: plan.calls,
    rows: plan.calls * MAX_ROWS_PER_PERIOD,
    outcomeWithoutFetch: () => (plan.periods.length === 0 ? surveyedOutcome(plan) : undefined),
    outcomeWithFate: (fate, errors) => outcomeWithFate(plan, fate, errors),
    fetch: async (call) => {
      const store = await fetchDocuments(plan, context, call)
      return { likelyCalls: 0, prepare: async () => store }
    },
  }
}

/** The outcome of a plan as the survey found it, before anything is fetched. */
function surveyedOutcome(plan: DocumentPlan): SymbolOutcome {
  const { symbol, dataset, calls, documents } = plan
  const [first] = documents.keys()
  const counts = withFate(ZERO_COUNTS, 'already_stored', documents.size)
  return {
    ...blankOutcome(symbol, dataset.name, calls),
    counts,
    surveyedCounts: counts,
    first,
    through: newestDocument(plan),
  }
}

/** The outcome with one more document of this fate: at least one was due, and nobody knows how many there are. */
function outcomeWithFate(plan: DocumentPlan, fate: Fate, errors: readonly IngestError[]): SymbolOutcome {
  const base = surveyedOutcome(plan)
  return { ...base, isFinished: fate !== 'not_reached', errors, counts: withFate(base.counts, fate) }
}

/** Fetches all report periods before any document is written. */
async function fetchDocuments(plan: DocumentPlan, context: DocumentContext, call: Call): Promise<StoreFetched> {
  const { symbol, dataset, documents } = plan
  const raw: RawRow[] = []
  for (const period of plan.periods) {
    const asked = { symbol, period, isOnlyPeriod: plan.periods.length === 1 }
    raw.push(...(await context.planLimits.fetchRows(dataset, asked, call)))
  }
  if (raw.length === 0) {
    const outcome = outcomeWithoutRows(plan)
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
  return async (slot) =>
    buildOutcome(plan, { raw, checked, results: await storeDocuments(files, plan, { ...context, slot }) })
}

/** Stores the documents, given newest first. */
async function storeDocuments(
  files: readonly DocumentFile[],
  { today }: DocumentPlan,
  context: DocumentContext & { readonly slot: UploadSlot },
): Promise<OutcomeFacts['results']> {
  const writer = {
    prepare: async ({ rows }: DocumentFile) => rowsSha256(context.dataset.columns, rows),
    write: async (file: DocumentFile, sha: string) => await writeDocument(file, sha, context),
  }
  // Writes the newest document last, and only after the others are stored: the next run takes it as its high-water mark. A
  // foreign file does not count: it is skipped, now and in later runs.
  const newest = files.find(({ date }) => date <= today)
  if (newest === undefined || newest.stored !== undefined) return await context.slot.uploadAll(files, writer)
  const others = files.filter((file) => file !== newest)
  const results = await context.slot.uploadAll(others, writer)
  const isAnyOpen = results.some(
    ({ result }) => result === undefined || (result instanceof IngestError && result.kind !== 'foreign-file'),
  )
  return isAnyOpen
    ? [{ ...newest, result: undefined }, ...results]
    : [...(await context.slot.uploadAll([newest], writer)), ...results]
}

/** All that the outcome of a fetched symbol depends on, besides its plan. */
type OutcomeFacts = {
  readonly raw: readonly RawRow[]
  readonly checked: CheckedRows
  readonly results: readonly Uploaded<DocumentFile, DocumentResult>[]
}

function buildOutcome(plan: DocumentPlan, { raw, checked, results }: OutcomeFacts): SymbolOutcome {
  const base = surveyedOutcome(plan)
  const stored = results.flatMap(({ date, result }) =>
    result === undefined || result instanceof IngestError ? [] : [{ date, ...result }],
  )
  const written = stored.filter(({ kind }) => kind !== 'unchanged')
  const failures = results.flatMap(({ result }) =>
    result instanceof IngestError && result.scope !== 'run' ? [result] : [],
  )
  const dates = [...plan.documents.keys(), ...stored.map(({ date }) => date)].toSorted()
  return {
    ...base,
    isFinished: results.every(({ result }) => fateOf(result) !== 'not_reached'),
    filesWritten: written.length,
    rowsWritten: written.reduce((sum, { rows }) => sum + rows, 0),
    errors: results.length === 0 ? [noValidRowsError(raw.length, checked.rejects, plan.dataset.title)] : failures,
    warnings: warningsOf(plan, checked),
    counts: countsOf(plan, checked, results),
    rejects: checked.rejects,
    suspects: suspectsIn(checked).length,
    first: dates[0],
    through: dates.at(-1),
    unknownFields: checked.unknownFields,
    restated: written.filter(({ kind }) => kind === 'restated').length,
  }
}

/** Counts every document once: by its write, else as rejected if all its rows were, else as stored before. */
function countsOf({ documents }: DocumentPlan, { rejects }: CheckedRows, results: OutcomeFacts['results']): Counts {
  const fates = new Map<string, Fate>([...documents.keys()].map((date) => [date, 'already_stored']))
  for (const { date } of rejects) {
    const document = dayNamedIn(date) ?? date ?? ''
    if (!fates.has(document)) fates.set(document, 'rejected')
  }
  for (const { date, result } of results) fates.set(date, fateOf(result))
  return [...fates.values()].reduce((counts, fate) => withFate(counts, fate), ZERO_COUNTS)
}

function fateOf(result: OutcomeFacts['results'][number]['result']): Fate {
  if (result === undefined) return 'not_reached'
  if (result instanceof IngestError) return result.scope === 'run' ? 'not_reached' : 'failed'
  return result.kind === 'unchanged' ? 'already_stored' : 'stored'
}

function suspectsIn({ good }: CheckedRows) {
  return good.filter(({ suspicions }) => suspicions.length > 0)
}

/** The warnings, each with the dataset's name, because several statements may warn about one symbol. */
function warningsOf({ dataset }: DocumentPlan, checked: CheckedRows): readonly string[] {
  const suspects = suspectsIn(checked)
  const [first] = suspects
  const firstSuspicion = first && `${first.row.date}: ${first.suspicions[0]}`
  const warnings = rowWarnings({ rejects: checked.rejects, suspects: suspects.length, firstSuspicion })
  return warnings.map((text) => `${dataset.title}: ${text}`)
}

/** The outcome if FMP has no rows: a late warning if documents are stored, else an error (see judgeAbsent). */
function outcomeWithoutRows(plan: DocumentPlan): SymbolOutcome {
  const { title } = plan.dataset
  const newest = newestDocument(plan)
  if (newest !== undefined) {
    return { ...surveyedOutcome(plan), lateWarning: `FMP has no ${title} now; the newest stored is of ${newest}.` }
  }
  const error = new IngestError(`FMP has no ${title}`, {
    kind: 'no-data',
    scope: 'symbol',
    hint: 'Funds and indices have none; of a company check the spelling (class shares take a dash: BRK-B).',
  })
  return outcomeWithFate(plan, 'failed', [error])
}
