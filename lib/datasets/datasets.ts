// What a run has before it, dataset by dataset: what the store holds, and the plans made of that.

import { XNYS } from '../core/calendar.ts'
import { PRICES, STATEMENTS } from './catalog.ts'
import type { SessionDataset } from '../core/dataset.ts'
import { createStatement } from './statements/schema.ts'
import { planDocuments, surveyShelf, type DocumentPlan } from './statements/plan.ts'
import type { Period } from '../core/period.ts'
import { planRun, type SymbolPlan } from './prices/plan.ts'
import type { Config } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import { surveyAll, surveyEach, type Holdings } from './prices/survey.ts'

export type Agenda = {
  readonly holdings: readonly Holdings[]
  /** Of prices, in the order in which they are carried out. */
  readonly plans: readonly SymbolPlan[]
  /** Of statements, those of one after those of the other. */
  readonly documentPlans: readonly DocumentPlan[]
  /** Both, for what they have in common. */
  readonly all: readonly Pick<SymbolPlan, 'symbol' | 'calls'>[]
}

export type AgendaContext = {
  readonly config: Config
  readonly store: Store
  readonly dataset: SessionDataset
  readonly period: Period
}

/** Surveys the store for every symbol and dataset, and plans. Throws an IngestError when the store fails. */
export async function makeAgenda(symbols: readonly string[], context: AgendaContext): Promise<Agenda> {
  const { config, store, dataset, period } = context
  const { datasets, isForced, periods } = config
  const { mode } = config.dates
  const holdings = await surveyAll(datasets.includes(PRICES) ? symbols : [], { store, dataset, mode, period })
  const documentPlans: DocumentPlan[] = []
  for (const statement of STATEMENTS.filter(({ name }) => datasets.includes(name))) {
    const documents = createStatement(statement, { prefix: config.prefix })
    const shelves = await surveyEach(
      symbols,
      async (symbol) => await surveyShelf(symbol, { store, dataset: documents }),
    )
    documentPlans.push(...planDocuments(shelves, { dataset: documents, periods, today: period.today, isForced }))
  }
  const plans = planRun(holdings, { dataset, calendar: XNYS, mode, period, isForced })
  return { holdings, plans, documentPlans, all: [...plans, ...documentPlans] }
}
