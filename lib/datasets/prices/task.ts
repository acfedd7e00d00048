// The task of one symbol's sessions: fetches its windows, reads what is stored of the same dates, and waits until the first
// answers of the run have been judged together. What is then stored decide.ts says.

import type { IsoDate } from '../../core/dates.ts'
import type { Call, Fetched, Task } from '../../pipeline/pipeline.ts'
import { answerOf, glanceAtSymbol, likelyLookCalls } from './compare.ts'
import { comparedWindows } from './compared-windows.ts'
import { storeNothing, decide, type Answered, type DecideContext } from './decide.ts'
import { tradesElsewhere } from './exchange.ts'
import { NOTHING_HELD, type MarketAnswer } from './market.ts'
import type { MarketMember } from './market-gate.ts'
import { outcomeWithoutRows } from './no-rows.ts'
import { outcomeWithFate, surveyedOutcome } from './outcome.ts'
import { hasMovedPrices } from './past.ts'
import type { SymbolPlan } from './plan.ts'
import { wantedDates } from './planned-rows.ts'
import { validateRows } from './validate.ts'
import { fetchComparedWindows } from './windows.ts'

/** What the tasks of all symbols share. */
export type SessionContext = DecideContext & {
  /** The first day whose rows the market is judged by. */
  readonly marketFrom: IsoDate
}

/** The task of a plan. `market` is undefined in a run of too few symbols. */
export function sessionTask(plan: SymbolPlan, context: SessionContext, market?: MarketMember): Task {
  return {
    symbol: plan.symbol,
    dataset: plan.dataset.name,
    calls: plan.calls,
    rows: plan.files.reduce((rows, { sessions }) => rows + sessions.length, 0),
    outcomeWithoutFetch: () => (plan.files.length === 0 ? surveyedOutcome(plan) : undefined),
    outcomeWithFate: (fate, errors) => outcomeWithFate(plan, fate, errors),
    fetch: async (call) => await fetchSymbol(plan, context, { call, market }),
    ended: () => market?.leave(),
  }
}

type Asking = { readonly call: Call; readonly market: MarketMember | undefined }

/** Fetches all windows. Nothing is written before the market has been judged. */
async function fetchSymbol(plan: SymbolPlan, context: SessionContext, { call, market }: Asking): Promise<Fetched> {
  const longer = await context.unlessStopped(comparedWindows(plan, context))
  const { windows, raw } = await fetchComparedWindows(plan, longer, { dataset: context.dataset, call })
  if (raw.length === 0) {
    const outcome = await outcomeWithoutRows(plan, context)
    return { likelyCalls: 0, prepare: async () => storeNothing(outcome) }
  }
  const { symbol, recentFrom } = plan
  if (recentFrom === undefined) throw new Error('A plan that asks for rows has a range')
  const isWanted = wantedDates(plan, context.calendar)
  const checked = validateRows(context.dataset, raw, { symbol, windows, isWanted, recentFrom })
  const glanced = await context.unlessStopped(glanceAtSymbol(plan, answerOf(checked.rows, windows), context))
  const dates = raw.map(({ date }) => (typeof date === 'string' ? date : ''))
  const answered = { windows, dates, checked, glanced }
  const ready = market?.join(marketAnswer(plan, answered, context))
  return {
    ...(ready && { ready }),
    likelyCalls: glanced === undefined ? 0 : likelyLookCalls(plan, glanced),
    prepare: async (extraCall) =>
      await decide(plan, answered, { context, verdict: await (ready ?? NOTHING_HELD), call: extraCall }),
  }
}

/** Another exchange may have been closed: its bars say nothing of New York's market. Nor is asked what a user accepts. */
function marketAnswer({ symbol }: SymbolPlan, { checked, glanced }: Answered, context: SessionContext): MarketAnswer {
  const rows = tradesElsewhere(symbol) ? [] : checked.rows.filter(({ date }) => date >= context.marketFrom)
  return {
    rows: new Map(rows.map((row) => [row.date, row])),
    isMoved: glanced && !context.accepts(symbol) ? hasMovedPrices(glanced.stored.pairs) : undefined,
  }
}
