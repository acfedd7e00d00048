// One company statement as one job of a run: the store surveyed, the work planned, its tasks, and what their outcomes come
// to together.

import type { Config } from '../../core/config.ts'
import { describeError } from '../../core/errors.ts'
import { withoutNoDataError, type SymbolOutcome } from '../../core/outcome.ts'
import type { Period } from '../../core/period.ts'
import { grouped } from '../../core/text.ts'
import type { FileSettings } from '../../parquet/parquet.ts'
import type { Job } from '../../pipeline/pipeline.ts'
import type { Store } from '../../store/store.ts'
import { surveyEach } from '../stored-file.ts'
import { newestOf, planDocuments, surveyShelf } from './plan.ts'
import type { PlanLimits } from './plan-limits.ts'
import { createStatement, type Statement } from './schema.ts'
import { documentTask } from './task.ts'

/** What a statement of a run is planned from. */
export type StatementContext = {
  readonly config: Config
  readonly store: Store
  readonly period: Period
  /** The same for every file of the run. */
  readonly fileSettings: Omit<FileSettings, 'columns'>
  /** What the run has learnt of the user's plan; one for all statements. */
  readonly planLimits: PlanLimits
}

/** Surveys the store for every symbol's documents and plans the run. Throws an IngestError when the store fails. */
export async function planStatement(
  statement: Statement,
  symbols: readonly string[],
  context: StatementContext,
): Promise<Job> {
  const { config, store, period, planLimits } = context
  const { periods, isForced } = config
  const dataset = createStatement(statement, config)
  const shelves = await surveyEach(symbols, async (symbol) => await surveyShelf(symbol, { store, dataset }))
  const plans = planDocuments(shelves, { dataset, periods, today: period.today, isForced })
  return {
    dataset: dataset.name,
    unit: 'documents',
    calls: plans.reduce((sum, { calls }) => sum + calls, 0),
    range: undefined,
    notes: [],
    errors: [],
    // Only the vendor knows which documents there are: a pattern stands for those of a symbol.
    keys: () =>
      plans.flatMap(({ symbol, calls }) => (calls > 0 ? [`${dataset.folder(symbol)}year=*/docdate=*/*.parquet`] : [])),
    stored: () =>
      plans.map((plan) => {
        const documents = `${grouped(plan.documents.size)} documents of ${dataset.name}`
        return `${plan.symbol}: ${documents}, newest ${newestOf(plan) ?? 'none'}`
      }),
    tasks: () => {
      const settings = { ...context.fileSettings, columns: dataset.columns }
      return plans.map((plan) => documentTask(plan, { store, settings, planLimits }))
    },
    judge: (outcomes) => ({ outcomes: judgeAbsent(outcomes), error: undefined, freshness: undefined }),
  }
}

/**
 * Judges the outcomes of one statement together. A fund or an index among companies has none: a warning. Where no symbol
 * has any, each keeps its error, for then something else is wrong.
 */
export function judgeAbsent(outcomes: readonly SymbolOutcome[]): readonly SymbolOutcome[] {
  if (outcomes.every(({ through }) => through === undefined)) return outcomes
  return outcomes.map((outcome) => {
    const absence = outcome.errors.find(({ kind }) => kind === 'no-data')
    if (absence === undefined) return outcome
    return { ...withoutNoDataError(outcome), lateWarning: describeError(absence) }
  })
}
