// Settled symbols: those of which a nightly run has nothing to ask, as a listing of their files has shown. A table keeps a line
// about each, so that another run before the next session takes them from there and lists none of them.

import { isIsoDate, type IsoDate } from '../../core/dates.ts'
import type { Period } from '../../core/period.ts'
import type { StoredFile } from '../../store/store.ts'
import { tradesElsewhere } from './exchange.ts'
import { createPlanner, type PlanContext, type SymbolPlan } from './plan.ts'
import { surveyListed, type StoredSessions, type SurveyContext } from './survey.ts'

/** What the table of a run knows of the surveys of earlier ones. */
export type SurveyMemory = {
  /** The line of each symbol; none where the table is not to be relied on. Rejects with a defect only. */
  readonly recall: () => Promise<ReadonlyMap<string, string>>
  /** Is told how to find the line of a symbol at the end of the run. */
  readonly remember: (lineOf: LineOf) => void
}

/** What a run has written of a symbol. */
type Written = {
  /** The dates of new day files. */
  readonly newDays: readonly IsoDate[]
  /** Whether any other file was written. */
  readonly isRewritten: boolean
}

/** The line of a symbol that the run has listed or written; empty if it is not known to be settled. */
export type LineOf = (symbol: string, written: Written) => string

/** What settles a symbol: nothing is asked of it in the run up to `newest` that looks back to `lookbackFrom`. */
type Settled = {
  readonly newest: IsoDate
  readonly lookbackFrom: IsoDate
  /** The oldest stored bar that such a run's listing shows. */
  readonly first: IsoDate
}

type SettledContext = Omit<PlanContext, 'mode' | 'isForced' | 'audit'>

/** The plans of the symbols whose lines say that they are settled as of this run, by symbol. */
export function settledPlans(
  symbols: readonly string[],
  lines: ReadonlyMap<string, string>,
  context: SettledContext,
): ReadonlyMap<string, SymbolPlan> {
  const planOfLine = createPlanOfLine(context)
  const plans = new Map<string, SymbolPlan>()
  for (const symbol of symbols) {
    const plan = planOfLine(lines.get(symbol) ?? '')
    if (plan !== undefined) plans.set(symbol, planFor(symbol, plan))
  }
  return plans
}

/** Says the line of a symbol at the end of a run, from what the run's survey has listed and what the run has written. */
export function lineAfterRun(surveyed: readonly StoredSessions[], context: SettledContext): LineOf {
  const bySymbol = new Map(surveyed.map((stored) => [stored.symbol, stored]))
  const lineOf = createLineOf(context)
  return (symbol, { newDays, isRewritten }) => {
    const stored = bySymbol.get(symbol)
    return stored === undefined || isRewritten ? '' : lineOf(withDays(stored, newDays))
  }
}

/** Says the line of a symbol from a listing of all its files; reads the footers that a survey reads. */
export function lineOfListing(
  context: SettledContext & Pick<SurveyContext, 'store'>,
): (symbol: string, files: readonly StoredFile[]) => Promise<string> {
  const lineOf = createLineOf(context)
  return async (symbol, files) => lineOf(await surveyListed({ symbol, files }, { ...context, mode: 'daily' }))
}

function createLineOf(context: SettledContext): (stored: StoredSessions) => string {
  const planOf = createNightPlanner(context)
  const planOfLine = createPlanOfLine(context)
  const { lookbackFrom } = context.period
  return (stored) => {
    const plan = planOf(stored)
    const [newest, first] = [plan.newest, plan.storedSpan?.from]
    if (plan.calls > 0 || !newest || !first || !lookbackFrom) return ''
    const line = `${newest} ${lookbackFrom} ${first}`
    const told = planOfLine(line)
    return told !== undefined && isSame(planFor(stored.symbol, told), plan) ? line : ''
  }
}

/** A line is enough only if it gives the plan that the listing gives, but for the file in which the newest session stands. */
function isSame(plan: SymbolPlan, listed: SymbolPlan): boolean {
  return Bun.deepEquals({ ...plan, newestDay: undefined }, { ...listed, newestDay: undefined })
}

/** The plan that a line gives for any symbol, made once for each; undefined if it settles none as of this run. */
function createPlanOfLine(context: SettledContext): (line: string) => SymbolPlan | undefined {
  const planOf = createNightPlanner(context)
  const plans = new Map<string, SymbolPlan | undefined>()
  return (line) => {
    if (!plans.has(line)) {
      const settled = readLine(line)
      plans.set(line, settled && isOfRun(settled, context.period) ? planOf(storedOf(settled, context)) : undefined)
    }
    return plans.get(line)
  }
}

function readLine(line: string): Settled | undefined {
  const [newest = '', lookbackFrom = '', first = ''] = line.split(' ')
  return isIsoDate(newest) && isIsoDate(lookbackFrom) && isIsoDate(first) ? { newest, lookbackFrom, first } : undefined
}

function isOfRun({ newest, lookbackFrom }: Settled, { range, lookbackFrom: from }: Period): boolean {
  return newest === range?.to && lookbackFrom === from
}

/** What a listing would show of a symbol without a hole. */
function storedOf({ newest, first }: Settled, { calendar }: SettledContext): StoredSessions {
  const days = new Set([first, ...calendar.sessions({ from: first, to: newest })])
  const none = { years: new Map(), heldInYears: [], unreadYears: [], earlierDays: [], recent: undefined }
  return { ...none, symbol: '', days, newest }
}

function planFor(symbol: string, plan: SymbolPlan): SymbolPlan {
  return { ...plan, symbol, tradesElsewhere: tradesElsewhere(symbol) }
}

function createNightPlanner(context: SettledContext): (stored: StoredSessions) => SymbolPlan {
  return createPlanner({ ...context, mode: 'daily', isForced: false, audit: () => false })
}

/** What the survey would have found with these day files too. */
function withDays(stored: StoredSessions, added: readonly IsoDate[]): StoredSessions {
  if (added.length === 0) return stored
  const newest = [stored.newest ?? [], ...added].flat().toSorted().at(-1)
  return { ...stored, days: new Set([...stored.days, ...added]), newest }
}
