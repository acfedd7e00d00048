// All datasets, and the planned work of each: the door of this room.

import { STATEMENT_NAMES, type StatementName } from '../core/config.ts'
import type { Column } from '../core/dataset.ts'
import type { Job } from '../pipeline/pipeline.ts'
import { planPrices, type PricesContext } from './prices/job.ts'
import { BALANCE } from './statements/balance.ts'
import { CASHFLOW } from './statements/cashflow.ts'
import { INCOME } from './statements/income.ts'
import { planStatement } from './statements/job.ts'
import { createPlanLimits } from './statements/plan-limits.ts'
import { createStatement, type Statement } from './statements/schema.ts'

// A new statement needs a file of its own, its name in `STATEMENT_NAMES` and an entry here. A name without an entry does
// not compile.
const BY_NAME: Readonly<Record<StatementName, Statement>> = { income: INCOME, balance: BALANCE, cashflow: CASHFLOW }

/** Every company statement, in the order of `STATEMENT_NAMES`. */
export const STATEMENTS: readonly Statement[] = STATEMENT_NAMES.map((name) => BY_NAME[name])

/** The statement of a name. */
export function statementNamed(name: StatementName): Statement {
  return BY_NAME[name]
}

/** The columns of a statement's files, in their order. */
export function statementColumns(statement: Statement): readonly Column[] {
  return createStatement(statement, { prefix: '' }).columns
}

export type JobsContext = PricesContext & {
  /** Called once for each limit that the user's plan turns out to have. */
  readonly onNote: (text: string) => void
}

/**
 * Surveys the store and plans the work: one job per dataset of the run, in the run's order. Throws an IngestError if the
 * store fails.
 */
export async function planJobs(symbols: readonly string[], context: JobsContext): Promise<readonly Job[]> {
  const planLimits = createPlanLimits(context.onNote)
  const jobs: Job[] = []
  for (const name of context.config.datasets) {
    jobs.push(
      name === 'prices'
        ? await planPrices(symbols, context)
        : await planStatement(statementNamed(name), symbols, { ...context, planLimits }),
    )
  }
  return jobs
}
