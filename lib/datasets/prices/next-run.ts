// What the next nightly run does with one session of a symbol, as the planner of that run says.

import { addDays, isWithin, newYorkInstant, type IsoDate } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import type { SymbolFiles } from '../inventory.ts'
import type { Audit } from './audit.ts'
import { comparedWindows } from './compared-windows.ts'
import { planSessions, type SymbolPlan } from './plan.ts'
import type { SessionDataset } from './schema.ts'
import { surveyListed, type SurveyContext } from './survey.ts'

/**
 * `fetch`: the run asks FMP for the session and stores it. `along`: it does so because it asks for newer ones anyway. `compare`:
 * its window covers the session, and what is stored of it is compared. `none`: it does not look at it.
 */
export type NextRole = 'fetch' | 'along' | 'compare' | 'none'

export type NextRun = {
  /** New York's date of the run. */
  readonly on: IsoDate
  readonly role: NextRole
  /** Whether the run compares all that is stored of the symbol. */
  readonly isAudited: boolean
  readonly calls: number
}

export type NextRunContext = Pick<SurveyContext, 'store' | 'dataset' | 'calendar'> & {
  readonly nowMs: number
  /** The dates of a nightly run at an instant. */
  readonly periodAt: (nowMs: number) => Period
  readonly audit: Audit
}

/** The run that begins now or, where that has nothing to ask for, the one on the day after the next session. */
export async function nextRunOn(
  files: SymbolFiles<SessionDataset>,
  date: IsoDate,
  context: NextRunContext,
): Promise<NextRun | undefined> {
  const now = context.periodAt(context.nowMs)
  const plan = await planAt(now, files, context)
  if (plan !== undefined && plan.calls > 0) return await runOf(plan, now, date, context)
  const session = context.calendar.nthSessionAfter(now.lastSession, 1)
  if (session === undefined) return undefined
  const later = context.periodAt(newYorkInstant(addDays(session, 1), '12:00:00'))
  const laterPlan = await planAt(later, files, context)
  return laterPlan && (await runOf(laterPlan, later, date, context))
}

async function planAt(
  period: Period,
  files: SymbolFiles<SessionDataset>,
  { store, dataset, calendar, audit }: NextRunContext,
): Promise<SymbolPlan | undefined> {
  const stored = await surveyListed(files, { store, dataset, calendar, mode: 'daily', period })
  return planSessions([stored], { dataset, calendar, mode: 'daily', period, isForced: false, audit })[0]
}

async function runOf(plan: SymbolPlan, period: Period, date: IsoDate, context: NextRunContext): Promise<NextRun> {
  const planned = plan.files.find(({ partition }) => partition.kind === 'day' && partition.date === date)
  const [windows = plan.windows] = await comparedWindows(plan, { ...context, isNightly: true })
  const isCovered = windows.some((window) => isWithin(date, window))
  const fetched = planned?.isExtra === true ? 'along' : 'fetch'
  return {
    on: period.today,
    role: planned === undefined ? (isCovered ? 'compare' : 'none') : fetched,
    isAudited: plan.isAudited,
    calls: plan.calls,
  }
}
