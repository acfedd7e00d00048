// How much of a statement the user's plan includes, learnt from its refusals: how many rows a call may ask for, and whether
// quarters are in it. What one symbol learns holds for all that follow.

import type { Ask, RawRow } from '../../core/dataset.ts'
import { IngestError } from '../../core/errors.ts'
import { allowedLimit } from '../../fmp/fmp.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import type { ReportPeriod } from '../../core/config.ts'
import type { DocumentDataset } from './schema.ts'
import { createLimit } from '../../core/concurrency.ts'

/** The most that the vendor's documentation allows; sixty years of quarters are 240. */
const MAX_ROWS = 1_000

/** What a free plan allows (measured 2026-08-30), for a refusal that does not say. */
const FREE_ROWS = 5

export type Allowance = {
  /** The newest rows of a period, as many as the plan includes; none where it includes no such period. */
  readonly ask: (dataset: DocumentDataset, asked: Asked, call: Call) => Promise<readonly RawRow[]>
}

export type Asked = {
  readonly symbol: string
  readonly period: ReportPeriod
  /** The run asks for no other period. */
  readonly isAlone: boolean
}

/** One for a run. `onNote` hears once of each thing that the plan lacks. */
export function createAllowance(onNote: (text: string) => void): Allowance {
  let limit = MAX_ROWS
  let hasQuarters = true
  // Whoever asks first learns for the others, who would all be refused as well.
  const limits = { annual: createLimit(1), quarter: createLimit(1) }

  async function askWithin(ask: (rows: number) => Ask, call: Call): Promise<readonly RawRow[]> {
    const tried = limit
    try {
      return await call(ask(tried))
    } catch (error) {
      if (!isRefusal(error, 'plan-limit')) throw error
      const allowed = allowedLimit(error) ?? FREE_ROWS
      if (allowed >= tried) throw error
      if (allowed < limit) {
        limit = allowed
        onNote(`Your plan includes the newest ${limit} rows of a statement and period: older ones are not asked for.`)
      }
      return await call(ask(limit), 'unforeseen')
    }
  }

  /** Undefined where the plan includes no quarters. */
  async function askQuarters(ask: (rows: number) => Ask, call: Call): Promise<readonly RawRow[] | undefined> {
    if (!hasQuarters) return undefined
    try {
      return await askWithin(ask, call)
    } catch (error) {
      if (!isRefusal(error, 'plan-period')) throw error
      hasQuarters = false
      return undefined
    }
  }

  async function askPeriod(dataset: DocumentDataset, asked: Asked, call: Call): Promise<readonly RawRow[]> {
    const { symbol, period, isAlone } = asked
    const ask = (most: number) => dataset.ask(symbol, period, most)
    const hadQuarters = hasQuarters
    const rows = await (period === 'quarter' ? askQuarters(ask, call) : askWithin(ask, call))
    // Each symbol would cost a call to hear the same.
    if (rows === undefined && isAlone) throw noQuarters()
    if (rows === undefined && hadQuarters) {
      onNote('Your plan includes no quarterly statements: the annual ones only (see --period).')
    }
    if (rows !== undefined) limits[period].setMax(Infinity)
    return rows ?? []
  }

  return {
    ask: async (dataset, asked, call) =>
      await limits[asked.period].run(async () => await askPeriod(dataset, asked, call)),
  }
}

function noQuarters(): IngestError {
  const hint = 'Fetch the annual ones with --period annual, or upgrade the plan.'
  return new IngestError('Your plan includes no quarterly statements', { kind: 'plan', scope: 'run', hint })
}

function isRefusal(error: unknown, kind: 'plan-limit' | 'plan-period'): error is IngestError {
  return error instanceof IngestError && error.kind === kind
}
