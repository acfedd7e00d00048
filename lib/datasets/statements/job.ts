// One company statement as one job of a run: surveys the store, plans the work, and judges the outcomes.

import type { Config } from '../../core/config.ts'
import { describeError } from '../../core/errors.ts'
import { withoutNoDataError, type SymbolOutcome } from '../../core/outcome.ts'
import type { Period } from '../../core/period.ts'
import { grouped } from '../../core/text.ts'
import type { FileDraft, FileSettings } from '../../parquet/parquet.ts'
import type { Job } from '../../pipeline/pipeline.ts'
import type { Store } from '../../store/store.ts'
import { surveyEach } from '../stored-file.ts'
import { newestDocument, planDocuments, surveyDocuments } from './plan.ts'
import type { PlanLimits } from './plan-limits.ts'
import { createStatement, type Statement } from './schema.ts'
import { documentTask } from './task.ts'

/** What planning a statement of a run needs. */
export type StatementContext = {
  readonly config: Config
  readonly store: Store
  readonly period: Period
  /** The same for every file of the run. */
  readonly fileSettings: Omit<FileSettings, 'columns'>
  /** The limits of the user's plan as the run learns them; shared by all statements. */
  readonly planLimits: PlanLimits
  /** Called after each symbol of the survey. */
  readonly onSurveyed: () => void
}

/** Surveys the stored documents of every symbol and plans the job. Throws an IngestError if the store fails. */
export async function planStatement(
  statement: Statement,
  symbols: readonly string[],
  context: StatementContext,
): Promise<Job> {
  const { config, store, period, planLimits } = context
  const { periods, isForced } = config
  const dataset = createStatement(statement, config)
  const survey = async (symbol: string) => await surveyDocuments(symbol, { store, dataset })
  const surveyed = await surveyEach(symbols, survey, context.onSurveyed)
  const plans = planDocuments(surveyed, { dataset, periods, today: period.today, isForced })
  return {
    dataset: dataset.name,
    unit: 'documents',
    calls: plans.reduce((sum, { calls }) => sum + calls, 0),
    callsOfTasks: () => plans.map(({ calls }) => calls),
    compared: { symbols: 0, wholly: 0 },
    range: undefined,
    notes: [],
    warnings: [],
    errors: [],
    // Before the fetch nobody knows which documents there are, so one pattern stands for all of a symbol.
    keys: () =>
      plans.flatMap(({ symbol, calls }) => (calls > 0 ? [`${dataset.folder(symbol)}year=*/docdate=*/*.parquet`] : [])),
    stored: () =>
      plans.map((plan) => {
        const documents = `${grouped(plan.documents.size)} documents of ${dataset.name}`
        return `${plan.symbol}: ${documents}, newest ${newestDocument(plan) ?? 'none'}`
      }),
    tasks: ({ openEncoder }) => {
      // How many documents a call brings nobody knows before it: at least one where it was due.
      const files = plans.reduce((sum, { calls }) => sum + calls, 0)
      const encoder = openEncoder({ ...context.fileSettings, columns: dataset.columns }, files)
      const encode = async (draft: FileDraft) => await encoder.encode(draft)
      return plans.map((plan) => documentTask(plan, { store, encode, planLimits }))
    },
    judge: (outcomes) => ({ outcomes: judgeAbsent(outcomes), errors: [], freshness: undefined, heldSessions: [] }),
  }
}

/**
 * Judges the outcomes of all symbols together. If some symbols have documents, the others may be funds or indices, which
 * have none: their no-data errors become warnings. If no symbol has any, the errors stay: something else is wrong.
 */
export function judgeAbsent(outcomes: readonly SymbolOutcome[]): readonly SymbolOutcome[] {
  if (outcomes.every(({ through }) => through === undefined)) return outcomes
  return outcomes.map((outcome) => {
    const noDataError = outcome.errors.find(({ kind }) => kind === 'no-data')
    if (noDataError === undefined) return outcome
    return { ...withoutNoDataError(outcome), lateWarning: describeError(noDataError) }
  })
}
