// Decides what is stored of a symbol that was fetched: what the market and the symbol's own past allow, in planned files.

import { isWithin, type DateRange } from '../../core/dates.ts'
import type { Mending } from '../../core/config.ts'
import type { IngestError } from '../../core/errors.ts'
import type { SymbolOutcome } from '../../core/outcome.ts'
import type { Call, StoreFetched } from '../../pipeline/pipeline.ts'
import { noValidRowsError } from '../check.ts'
import { announcedSplit, leapIn, leapText, type Leap } from './announced-split.ts'
import { answerOf, comparedAtOnce, compareSymbol, type CompareContext, type Compared, type Glanced } from './compare.ts'
import { planBefore, windowsBefore } from './held-plan.ts'
import type { MarketVerdict } from './market.ts'
import { outcomeWithoutRows, type NoRowsContext } from './no-rows.ts'
import { buildOutcome, heldOutcome, surveyedOutcome } from './outcome.ts'
import { hasMovedPrices } from './past.ts'
import type { SymbolPlan } from './plan.ts'
import { groupRows, isPlannedSession, wantedDates, withMend, yearsWithoutRows } from './planned-rows.ts'
import { reactTo, waitForSplit, HELD_WITH_OTHERS, type Reaction } from './reaction.ts'
import { storeSymbol, type StoreContext } from './store-symbol.ts'
import { checkedBefore, withSuspects, type CheckedSessions } from './validate.ts'

export type DecideContext = StoreContext &
  NoRowsContext &
  Pick<CompareContext, 'accepts' | 'isNightly' | 'recentFiles'> & {
    readonly mending: Mending
    /** Stops waiting for work that only reads as soon as the run is stopped. */
    readonly unlessStopped: <T>(work: Promise<T>) => Promise<T>
  }

/** What was fetched of a symbol, and what is stored of the same dates. */
export type Answered = {
  /** The dates that were asked for, newest first. */
  readonly windows: readonly DateRange[]
  /** Of every row that came, valid or not; '' where it has none. The rows themselves would take twice the memory. */
  readonly dates: readonly string[]
  readonly checked: CheckedSessions
  /** Undefined where nothing stored is compared. */
  readonly glanced: Glanced | undefined
}

/** What the decision depends on besides the answer. `call` makes extra calls. */
type Deciding = { readonly context: DecideContext; readonly verdict: MarketVerdict; readonly call: Call }

/** For a symbol without anything to store. */
export function storeNothing(outcome: SymbolOutcome): StoreFetched {
  return async () => outcome
}

/** Resolves to the function that stores the files. Throws an IngestError of the symbol or of the run. */
export async function decide(whole: SymbolPlan, fetched: Answered, deciding: Deciding): Promise<StoreFetched> {
  const { context, verdict } = deciding
  const { heldFrom } = verdict
  if (heldFrom === undefined) return await decideWithin(whole, fetched, deciding)
  const plan = planBefore(whole, heldFrom)
  if (plan.files.length === 0) return storeNothing(surveyedOutcome(plan))
  const dates = fetched.dates.filter((date) => date < heldFrom)
  if (dates.length === 0) return storeNothing(await outcomeWithoutRows(plan, context))
  const checked = checkedBefore(fetched.checked, heldFrom)
  const windows = windowsBefore(fetched.windows, heldFrom)
  const glanced = fetched.glanced && { ...fetched.glanced, answer: answerOf(checked.rows, windows) }
  return await decideWithin(plan, { windows, dates, checked, glanced }, deciding)
}

/** Decides about all sessions of a plan, of which none is held with the market. */
async function decideWithin(plan: SymbolPlan, answered: Answered, deciding: Deciding): Promise<StoreFetched> {
  const { context } = deciding
  const { windows, dates } = answered
  const { range, windows: asked } = plan
  if (range === undefined) throw new Error('A plan that asks for rows has a range')
  const isWanted = wantedDates(plan, context.calendar)
  // Rows before the sessions asked for came to be compared: they decide no fate.
  const rows = answered.checked.rows.filter(({ date }) => asked.some((window) => isWithin(date, window)))
  const checked = withSuspects({ ...answered.checked, rows }, deciding.verdict.suspect, isWanted)
  const noValidRows = errorsWithoutRows(checked, { received: dates.length, compared: answered.checked.rows.length })
  if (answered.checked.rows.length === 0 && noValidRows.length > 0) {
    return storeNothing(buildOutcome({ plan, checked, results: [], closedDays: [], noValidRows }))
  }
  const { compared, reaction, leap } = await judgePast(plan, { ...answered, checked }, deciding)
  if (compared !== undefined && reaction?.isHeld === true) return storeNothing(heldOutcome(plan, compared, reaction))
  const nothing = isNothingAskedFor(checked) ? await outcomeWithoutRows(plan, context) : undefined
  if (nothing !== undefined && compared === undefined) return storeNothing(nothing)
  const { dataset, calendar } = context
  const groups = groupRows(plan, { dates, checked, dataset, range, windows }).map((group) => withMend(group, reaction))
  const closedDays = rows.map(({ date }) => date).filter((date) => isWanted(date) && !calendar.isSession(date))
  const results = yearsWithoutRows(plan, { groups, checked, range })
  const told =
    leap === undefined ? checked : withSuspects(checked, [{ date: leap.date, reason: leapText(leap) }], isWanted)
  const facts = { plan, checked: told, results, closedDays, compared, reaction, noValidRows }
  return async (slot) => {
    const outcome = await storeSymbol(groups, facts, { ...context, slot })
    return nothing === undefined ? outcome : { ...outcome, through: nothing.through, lateWarning: nothing.lateWarning }
  }
}

/** What has happened to the past of a symbol, and what is done about it. All undefined where nothing stored is compared. */
type JudgedPast = {
  readonly compared?: Compared
  readonly reaction?: Reaction
  /** A new bar far from the one before it, which no split explains. */
  readonly leap?: Leap | undefined
}

async function judgePast(
  plan: SymbolPlan,
  { glanced, checked }: Pick<Answered, 'glanced' | 'checked'>,
  { context, verdict, call }: Deciding,
): Promise<JudgedPast> {
  if (glanced === undefined) return {}
  const isAccepted = context.accepts(plan.symbol)
  if (verdict.moved !== undefined && !isAccepted && hasMovedPrices(glanced.stored.pairs)) {
    return { compared: comparedAtOnce(glanced), reaction: HELD_WITH_OTHERS }
  }
  const compared = await context.unlessStopped(compareSymbol(plan, glanced, context, call))
  const dates = checked.rows.map(({ date }) => date)
  const newSessions = dates.filter((date) => isPlannedSession(plan, date))
  const reaction = reactTo(plan, compared, { mending: context.mending, isAccepted, newSessions })
  const leap = isAccepted || reaction.isHeld ? undefined : leapAfter(compared, checked)
  if (leap === undefined) return { compared, reaction }
  const split = await announcedSplit(leap, dates, { ask: context.dataset.splitsAsk(plan.symbol), call })
  if (split === undefined) return { compared, reaction, leap }
  const unsettled = { ...compared, past: { ...compared.past, verdict: 'unsettled' } } as const
  return { compared: unsettled, reaction: waitForSplit(plan, split, newSessions) }
}

/** The first new bar that opens far from the close before it, if the newest stored close is what it was. */
function leapAfter({ stored: { pairs } }: Compared, { rows }: CheckedSessions): Leap | undefined {
  const [newest] = pairs
  if (newest === undefined || newest.stored['close'] !== newest.now['close']) return undefined
  const bars = rows.filter(({ date }) => date > newest.now.date).toReversed()
  return leapIn(bars, newest.stored)
}

/** The error of a symbol whose rows for the sessions asked for are all invalid. Rows that are only compared do not count. */
function errorsWithoutRows(
  { rows, withheld, rejects }: CheckedSessions,
  { received, compared }: { readonly received: number; readonly compared: number },
): readonly IngestError[] {
  if (rows.length + withheld.length > 0 || (compared > 0 && rejects.length === 0)) return []
  return [noValidRowsError(received - compared, rejects)]
}

/** Whether the vendor has nothing at all for the sessions asked for. */
function isNothingAskedFor({ rows, withheld, rejects }: CheckedSessions): boolean {
  return rows.length + withheld.length + rejects.length === 0
}
