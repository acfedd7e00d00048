// The market of one run: collects the first answers, and judges at the end what was held back and who lacks the newest session.

import type { Calendar } from '../../core/calendar.ts'
import { laterOf, type IsoDate } from '../../core/dates.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import type { Period } from '../../core/period.ts'
import { createFirstAnswers, type Member } from '../../core/first-answers.ts'
import type { Judgement } from '../../pipeline/pipeline.ts'
import {
  FIRST_ANSWERS,
  judgeMarket,
  marketFrom,
  MIN_ANSWERS,
  NOTHING_HELD,
  type MarketAnswer,
  type MarketContext,
  type MarketVerdict,
} from './market.ts'
import { marketErrors } from './market-text.ts'
import { judgeNewestSession } from './newest-session.ts'
import type { SymbolPlan } from './plan.ts'

/** A task's part in the judgement of the market. */
export type MarketMember = Member<MarketAnswer, MarketVerdict>

export type MarketGate = {
  /** The first day whose rows the market is judged by. */
  readonly from: IsoDate
  /** The part of one task; undefined where nothing is fetched, or by too few symbols. */
  readonly memberOf: (plan: Pick<SymbolPlan, 'files'>) => MarketMember | undefined
  readonly judge: (outcomes: readonly SymbolOutcome[]) => Judgement
}

type RunOfSessions = {
  readonly calendar: Calendar
  readonly period: Pick<Period, 'range' | 'lastSession'>
  readonly mode: 'daily' | 'backfill'
}

/** What the market of a run is judged by. */
export function marketContext(
  { calendar, period }: Omit<RunOfSessions, 'mode'>,
  accepted: readonly IsoDate[],
): MarketContext {
  const newest = newestOf({ calendar, period }) ?? period.lastSession
  return { calendar, newest: laterOf(period.lastSession, newest), accepted }
}

/** One for the tasks of a run. */
export function createMarketGate(
  plans: readonly Pick<SymbolPlan, 'files'>[],
  context: MarketContext,
  { calendar, period, mode }: RunOfSessions,
): MarketGate {
  const tasks = plans.filter(({ files }) => files.length > 0).length
  const { member, verdict } = createFirstAnswers({
    tasks,
    judged: FIRST_ANSWERS,
    judge: (answers: readonly MarketAnswer[]) => judgeMarket(answers, context),
  })
  return {
    from: marketFrom(context),
    memberOf: ({ files }) => (tasks < MIN_ANSWERS || files.length === 0 ? undefined : member()),
    judge: (outcomes) => {
      const market = verdict() ?? NOTHING_HELD
      const newest = newestOf({ calendar, period })
      const isHeld = newest !== undefined && market.heldFrom !== undefined && newest >= market.heldFrom
      const { error, ...judged } = judgeNewestSession(outcomes, {
        newest: isHeld && market.heldFrom ? calendar.lastSessionBefore(market.heldFrom) : newest,
        lastSession: period.lastSession,
        mode,
      })
      const errors = [...marketErrors(market, outcomes), ...(error === undefined ? [] : [error])]
      return { ...judged, errors, heldSessions: market.held }
    },
  }
}

/** The newest session of the run's range. */
function newestOf({ calendar, period: { range } }: Omit<RunOfSessions, 'mode'>): IsoDate | undefined {
  return range && calendar.sessions(range).at(-1)
}
