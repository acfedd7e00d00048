// What a run has before it, dataset by dataset: what the store holds, and the plans made of that.

import { XNYS } from '../core/calendar.ts'
import { STATEMENT_NAMES, type StatementName } from '../core/config.ts'
import { BALANCE } from './statements/balance.ts'
import { CASHFLOW } from './statements/cashflow.ts'
import { INCOME } from './statements/income.ts'
import { createStatement, type Statement } from './statements/schema.ts'
import { planDocuments, surveyShelf, type DocumentPlan } from './statements/plan.ts'
import type { Period } from '../core/period.ts'
import { planRun, type SymbolPlan } from './prices/plan.ts'
import type { Config } from '../core/config.ts'
import type { Store } from '../store/store.ts'
import { surveyAll, surveyEach, type Holdings } from './prices/survey.ts'
import type { SessionDataset } from './prices/schema.ts'

// A further statement has a file of its own, its name in `STATEMENT_NAMES` and its line here; a name without one does not
// compile.
const BY_NAME: Readonly<Record<StatementName, Statement>> = { income: INCOME, balance: BALANCE, cashflow: CASHFLOW }

/** Every company statement, in the order of `STATEMENT_NAMES`. */
export const STATEMENTS: readonly Statement[] = STATEMENT_NAMES.map((name) => BY_NAME[name])

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
  const holdings = await surveyAll(datasets.includes('prices') ? symbols : [], { store, dataset, mode, period })
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
