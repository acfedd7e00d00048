// What a comparison leads to: year files to mend, day files to correct, new sessions to hold back.

import type { Row } from '../../core/dataset.ts'
import { isWithin, laterOf, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { PastVerdict } from '../../core/outcome.ts'
import type { Mending } from '../../core/config.ts'
import type { Compared } from './compare.ts'
import { newlyCarried, planMend, type MendedYear } from './mend.ts'
import { COMPARED_SESSIONS } from './recent-files.ts'
import { glanceAt } from './past.ts'
import {
  announcedText,
  carriedText,
  differenceText,
  holdHint,
  keptText,
  leftText,
  stepsText,
  unsettledText,
} from './past-text.ts'
import type { AnnouncedSplit } from './announced-split.ts'
import { counted } from '../../core/text.ts'
import type { SymbolPlan } from './plan.ts'
import type { FileRows } from './write.ts'
import { askedRange } from './year-files.ts'

export type ReactionContext = {
  readonly mending: Mending
  readonly isAccepted: boolean
  /** Sessions with a bar that the run would store. */
  readonly newSessions: readonly IsoDate[]
}

export type Reaction = {
  /** Year files, newest first; they are written before everything else, from the oldest on. */
  readonly mends: readonly FileRows[]
  /** Years of the plan whose rows are those of the mend. */
  readonly planned: ReadonlyMap<number, MendedYear>
  /** Day files of corrected rows. */
  readonly corrections: readonly FileRows[]
  /** Whether new sessions wait. */
  readonly isHeld: boolean
  /** Whether those that wait count as failed: not where the vendor is expected to settle. */
  readonly isFailed: boolean
  /** Whether new sessions are stored though older ones are on another base. */
  readonly basesDiffer: boolean
  readonly errors: readonly IngestError[]
  readonly warnings: readonly string[]
}

const NOTHING: Reaction = {
  mends: [],
  planned: new Map(),
  corrections: [],
  isHeld: false,
  isFailed: false,
  basesDiffer: false,
  errors: [],
  warnings: [],
}

/** Where the past of too many symbols has changed at once: one error of the run says so for all of them. */
export const HELD_WITH_OTHERS: Reaction = { ...NOTHING, isHeld: true, isFailed: true }

/** The number of finished sessions that may wait for the vendor to settle. */
const MAX_WAITING = 2

type Case = (plan: SymbolPlan, compared: Compared, context: ReactionContext) => Reaction

/** Every verdict has its case: a forgotten one does not compile. */
const REACTIONS: Readonly<Record<PastVerdict, Case>> = {
  same: () => NOTHING,
  corrected: correct,
  revolumed: correct,
  rebased: mend,
  readjusted: mend,
  restated: mend,
  unsettled: wait,
  implausible: refuse,
  other: refuse,
}

/** What a run does about a symbol's past. */
export function reactTo(plan: SymbolPlan, compared: Compared, context: ReactionContext): Reaction {
  const { verdict, differing, steps } = compared.past
  const isTaken = context.isAccepted && differing.length > 0
  const reaction = isTaken ? accept(plan, compared) : REACTIONS[verdict](plan, compared, context)
  const rewrites = reaction.mends.length + reaction.corrections.length > 0
  if (!rewrites || !losesAdjusted(compared)) return reaction
  return { ...NOTHING, basesDiffer: steps.length > 0, warnings: [keptText(compared.past)] }
}

/** Takes the past as the vendor has it. Where no factor explains it, none fits the rows that the vendor has no more. */
function accept(plan: SymbolPlan, compared: Compared): Reaction {
  const { past, stored } = compared
  if (past.verdict !== 'other' && past.verdict !== 'unsettled') return mendAll(plan, compared)
  const taken = mendAll(plan, { ...compared, past: { ...past, steps: [] } })
  return { ...taken, warnings: stored.absent.length === 0 ? [] : [leftText(stored.absent.map(({ date }) => date))] }
}

/** Whether a mend would lose adjusted closes: stored rows have them and the answer has none, as with `--no-adj-close`. */
function losesAdjusted({ stored, answer }: Compared): boolean {
  return (
    stored.pairs.some((pair) => pair.stored['adjClose'] !== null) &&
    [...answer.rows.values()].every((row) => row['adjClose'] === null)
  )
}

/** A row goes into the file that it counts from; one of a year file into that, where the answer holds the whole year. */
function correct(plan: SymbolPlan, compared: Compared): Reaction {
  const { past, stored, answer, isWhole } = compared
  const inYears = isWhole ? past.differing.filter((date) => !stored.dayFiles.has(date)) : []
  const own = new Set(inYears)
  const corrections = past.differing.flatMap((date): readonly FileRows[] => {
    const row = answer.rows.get(date)
    return row === undefined || own.has(date) ? [] : [dayFile(plan, row, compared)]
  })
  const mended = inYears.length === 0 ? NOTHING : mendAll(plan, { ...compared, past: { ...past, differing: inYears } })
  return { ...mended, corrections }
}

/** Replaces a day file whose row does not count too: one that is older than its year. */
function dayFile({ symbol, dataset }: SymbolPlan, row: Row, { stored, answer }: Compared): FileRows {
  const partition = { kind: 'day', date: row.date } as const
  const file = stored.dayFiles.get(row.date)
  return {
    file: {
      partition,
      sessions: [],
      stored: file && { tag: file.tag, footer: undefined },
      action: 'refresh',
      isExtra: false,
    },
    key: dataset.key(symbol, partition),
    symbol,
    rows: [row],
    asked: undefined,
    range: rangeOf(answer.windows),
  }
}

function mend(plan: SymbolPlan, compared: Compared, { mending }: ReactionContext): Reaction {
  const isMended = mending === 'all' || (mending === 'splits' && compared.past.verdict === 'rebased')
  if (isMended) return mendAll(plan, compared)
  const steps = stepsText(compared.past.steps)
  const text = `FMP's past has changed (${steps}), and stored sessions are left on their base, as --mend ${mending} says.`
  return { ...NOTHING, basesDiffer: true, warnings: [text] }
}

function mendAll(plan: SymbolPlan, { past, stored, answer }: Compared): Reaction {
  const { symbol, dataset, files, windows } = plan
  const range = rangeOf(answer.windows)
  const asked = rangeOf(windows)
  const isByYear = files[0]?.partition.kind === 'year'
  const newestStored = stored.newest ?? asked.to
  // A backfill claims all that it asks for; a look may reach beyond that, up to what is stored.
  const newest = isByYear ? laterOf(asked.to, newestStored) : newestStored
  const years = planMend({ past, answer: answer.rows, stored, newest })
  const inPlan = new Set(files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : [])))
  const yearsWithRows = new Set([...answer.rows.keys(), ...stored.absent.map(({ date }) => date)].map(yearOf))
  const mends = years
    .filter(({ year }) => !inPlan.has(year))
    .map(({ year, rows, carried, carriedBy }): FileRows => {
      const partition = { kind: 'year', year } as const
      const found = stored.yearFiles.get(year)
      const action = found === undefined ? 'create' : 'refresh'
      return {
        file: {
          partition,
          sessions: [],
          stored: found && { tag: found.file.tag, footer: found.footer },
          action,
          isExtra: false,
        },
        key: dataset.key(symbol, partition),
        symbol,
        rows,
        asked: isWithin(wholeYear(year).from, range)
          ? askedRange(year, { range: { from: range.from, to: newest }, windows: answer.windows, yearsWithRows })
          : // Nothing was asked of a year that is carried over whole.
            found?.footer.asked,
        range,
        carried,
        carriedBy,
      }
    })
  const planned = new Map(years.filter(({ year }) => inPlan.has(year)).map((year) => [year.year, year]))
  const carriedBefore = [...stored.yearFiles.values()].flatMap(({ footer }) => footer.carried)
  const carried = past.steps.length === 0 ? [] : newlyCarried(years, carriedBefore)
  const warnings = carried.length === 0 ? [] : [carriedText(carried)]
  return { ...NOTHING, mends: mends.toReversed(), planned, warnings }
}

/** The vendor is expected to settle: only a long wait is an error. */
function wait({ symbol }: SymbolPlan, _compared: Compared, { newSessions }: ReactionContext): Reaction {
  return waitSaying(symbol, unsettledText(symbol), newSessions)
}

/** What a run does while the vendor lists a split and has not yet applied it to its past. */
export function waitForSplit({ symbol }: SymbolPlan, split: AnnouncedSplit, newSessions: readonly IsoDate[]): Reaction {
  return waitSaying(symbol, announcedText(symbol, split), newSessions)
}

function waitSaying(symbol: string, why: string, newSessions: readonly IsoDate[]): Reaction {
  const text = `${why}: ${counted(newSessions.length, 'new session')} left for a later run`
  if (newSessions.length <= MAX_WAITING) return { ...NOTHING, isHeld: true, warnings: [`${text}.`] }
  const error = new IngestError(text, { kind: 'past', scope: 'symbol', hint: holdHint(symbol) })
  return { ...NOTHING, isHeld: true, isFailed: true, errors: [error] }
}

/**
 * Nothing is added to a series whose past has moved without an explanation, if its newest stored row has moved with it or a
 * night's own rows tell of it. Where only an audit sees older rows move, a new session continues rows that are as they were.
 */
function refuse({ symbol }: SymbolPlan, { past, stored }: Compared): Reaction {
  const what =
    past.verdict === 'implausible' ? 'puts a jump into the series' : 'is explained by no split and no dividend'
  const message = `FMP's past of ${symbol} has changed in a way that ${what}: ${differenceText(past, stored.pairs)}`
  const error = new IngestError(message, { kind: 'past', scope: 'symbol', hint: holdHint(symbol) })
  const newest = [1, COMPARED_SESSIONS].map((count) => stored.pairs.slice(0, count))
  const isHeld = stored.pairs.length === 0 || newest.some((rows) => glanceAt(rows, false) === 'look')
  return { ...NOTHING, isHeld, isFailed: isHeld, errors: [error] }
}

/** From the first to the last day of windows, newest first. */
function rangeOf(windows: readonly DateRange[]): DateRange {
  const [first, last] = [windows[0], windows.at(-1)]
  if (first === undefined || last === undefined) throw new Error('An answer has at least one window')
  return { from: last.from, to: first.to }
}
