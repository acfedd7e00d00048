// Limits of the user's FMP plan for statements, learnt from its refusals: how many rows a call may ask for, and whether
// quarters are included. What the first refused symbol learns holds for all that follow.

import { createLimit, type Limit } from '../../core/concurrency.ts'
import type { ReportPeriod } from '../../core/config.ts'
import type { Ask, RawRow } from '../../core/dataset.ts'
import { IngestError } from '../../core/errors.ts'
import { counted } from '../../core/text.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import type { DocumentDataset } from './schema.ts'

/** The most that FMP's documentation allows; sixty years of quarters are 240. */
const MAX_ROWS = 1_000

/** What a free plan allows (measured 2026-08-30), for a refusal that names no number. */
const FREE_PLAN_ROWS = 5

export type PlanLimits = {
  /**
   * The newest rows of a symbol and period, as many as the plan includes; none when it does not include the period. Throws
   * the errors of `call`, and an IngestError of the run when no other period is asked for.
   */
  readonly fetchRows: (dataset: DocumentDataset, asked: PeriodAsked, call: Call) => Promise<readonly RawRow[]>
}

export type PeriodAsked = {
  readonly symbol: string
  readonly period: ReportPeriod
  /** Whether the run asks for this period alone. */
  readonly isOnlyPeriod: boolean
}

/** The limits as one run learns them. `onNote` is called once for each thing that the plan does not include. */
export function createPlanLimits(onNote: (text: string) => void): PlanLimits {
  let maxRows = MAX_ROWS
  let hasQuarters = true
  // One call at a time until one of the period has rows: the others would be refused for the same reason.
  const limits: Readonly<Record<ReportPeriod, Limit>> = { annual: createLimit(1), quarter: createLimit(1) }

  async function askWithinLimit(ask: (rows: number) => Ask, call: Call): Promise<readonly RawRow[]> {
    const triedRows = maxRows
    try {
      return await call(ask(triedRows))
    } catch (error) {
      if (!isRefusal(error, 'plan-limit')) throw error
      const allowedRows = error.data?.allowedRows ?? FREE_PLAN_ROWS
      if (allowedRows >= triedRows) throw error
      if (allowedRows < maxRows) {
        maxRows = allowedRows
        onNote(
          `Your plan includes the newest ${counted(maxRows, 'row')} of a statement and period: older ones are not asked for.`,
        )
      }
      return await call(ask(maxRows), 'extra')
    }
  }

  /** Undefined when the plan does not include quarters. */
  async function askForQuarters(ask: (rows: number) => Ask, call: Call): Promise<readonly RawRow[] | undefined> {
    if (!hasQuarters) return undefined
    try {
      return await askWithinLimit(ask, call)
    } catch (error) {
      if (!isRefusal(error, 'plan-period')) throw error
      hasQuarters = false
      return undefined
    }
  }

  async function askForPeriod(dataset: DocumentDataset, asked: PeriodAsked, call: Call): Promise<readonly RawRow[]> {
    const { symbol, period, isOnlyPeriod } = asked
    const ask = (rows: number) => dataset.ask(symbol, period, rows)
    const hadQuarters = hasQuarters
    const rows = await (period === 'quarter' ? askForQuarters(ask, call) : askWithinLimit(ask, call))
    // The run stops, because every other symbol would spend a call on the same refusal.
    if (rows === undefined && isOnlyPeriod) throw noQuarters()
    if (rows === undefined && hadQuarters) {
      onNote('Your plan includes no quarterly statements: the annual ones only (see --period).')
    }
    if (rows !== undefined) limits[period].setMax(Infinity)
    return rows ?? []
  }

  return {
    fetchRows: async (dataset, asked, call) =>
      await limits[asked.period].run(async () => await askForPeriod(dataset, asked, call)),
  }
}

function noQuarters(): IngestError {
  const hint = 'Fetch the annual ones with --period annual, or upgrade the plan.'
  return new IngestError('Your plan includes no quarterly statements', { kind: 'plan', scope: 'run', hint })
}

function isRefusal(error: unknown, kind: 'plan-limit' | 'plan-period'): error is IngestError {
  return error instanceof IngestError && error.kind === kind
}
