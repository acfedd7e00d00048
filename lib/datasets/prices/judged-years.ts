// What a backfill does with each calendar year of its range: ask the vendor, or settle it by what is stored.

import { withFate, type Counts } from '../../core/outcome.ts'
import { yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Footer } from '../../parquet/metadata.ts'
import type { Holdings } from './survey.ts'
import { isFinished, isKnownEmpty, type YearContext } from './year-files.ts'

/** A calendar year, the part of it that the range covers, and that part's sessions, oldest first. */
export type YearPart = { readonly year: number; readonly part: DateRange; readonly sessions: readonly IsoDate[] }

/** `empty`: another year's file says that this one was asked for and had no rows. `foreign`: its file is not ours. */
type Judgement = 'ask' | 'finished' | 'empty' | 'foreign'

export type JudgedYear = YearPart & {
  readonly judgement: Judgement
  /** Rows of the stored file. */
  readonly rows: number
}

type JudgingContext = YearContext & {
  readonly isForced: boolean
  /** Those of the range, oldest first. */
  readonly years: readonly YearPart[]
}

/** Judges every year of the range, oldest first. */
export function judgeYears(held: Holdings, context: JudgingContext): readonly JudgedYear[] {
  const { isForced } = context
  const extended = yearToExtend(held, context.range)
  // Only files that stay count as witnesses of empty years: one that is written anew may claim only what its own run asks.
  const finished = new Map<number, Footer>()
  for (const [year, stored] of held.years) {
    const isAskedAgain = !('footer' in stored) || isForced || year === extended
    if (!isAskedAgain && isFinished(year, stored.footer, context)) finished.set(year, stored.footer)
  }
  const witnesses = [...finished.values()]
  return context.years.map((part) => {
    const stored = held.years.get(part.year)
    const footer = stored !== undefined && 'footer' in stored ? stored.footer : undefined
    const judge = (): Judgement => {
      if (footer !== undefined) return finished.has(part.year) ? 'finished' : 'ask'
      if (stored !== undefined) return isForced ? 'ask' : 'foreign'
      return !isForced && isKnownEmpty(part.year, witnesses, context) ? 'empty' : 'ask'
    }
    return { ...part, judgement: judge(), rows: footer?.rows ?? 0 }
  })
}

/** The oldest stored year, when the range holds earlier years and begins before what that year's file has asked. */
function yearToExtend({ years }: Holdings, range: DateRange): number | undefined {
  const oldest = [...years].filter(([, stored]) => 'footer' in stored).toSorted(([a], [b]) => a - b)[0]
  if (oldest === undefined || !('footer' in oldest[1])) return undefined
  const [year, { footer }] = oldest
  const isAhead = year > yearOf(range.from) && range.from < (footer.asked?.from ?? footer.span.from)
  return isAhead ? year : undefined
}

/** The fates of a year's sessions that are known without asking. */
const SETTLED: Readonly<Record<Judgement, (counts: Counts, sessions: number, rows: number) => Counts>> = {
  ask: (counts) => counts,
  finished: (counts, sessions, rows) =>
    withFate(withFate(counts, 'already_stored', Math.min(rows, sessions)), 'no_data', Math.max(0, sessions - rows)),
  empty: (counts, sessions) => withFate(counts, 'no_data', sessions),
  foreign: (counts, sessions) => withFate(counts, 'failed', sessions),
}

/** The counts with the sessions of one more year, as far as they are known without asking. */
export function addSettled(counts: Counts, { judgement, sessions, rows }: JudgedYear): Counts {
  return SETTLED[judgement](counts, sessions.length, rows)
}
