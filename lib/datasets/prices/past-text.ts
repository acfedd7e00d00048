// A symbol's past in words.

import type { IsoDate } from '../../core/dates.ts'
import { stepText } from '../../core/outcome.ts'
import { counted, listed } from '../../core/text.ts'
import type { AnnouncedSplit } from './announced-split.ts'
import type { Past } from './past.ts'
import type { PastStep, RowPair } from './past-steps.ts'

const MAX_STEPS_NAMED = 3

/** The steps in words; of many the newest three. */
export function stepsText(steps: readonly PastStep[]): string {
  return listed(steps.map(stepText), MAX_STEPS_NAMED)
}

/** The newest session that differs, with the closes of both sides; or that the vendor has none of the sessions any more. */
export function differenceText({ differing }: Past, pairs: readonly RowPair[]): string {
  const [newest] = differing
  const pair = pairs.find(({ now }) => now.date === newest)
  if (pair === undefined) return `FMP has none of the ${counted(differing.length, 'session')} up to ${newest} any more`
  const name = pair.stored['close'] === pair.now['close'] ? 'adjClose' : 'close'
  const figures = `${name} of ${pair.now.date} was ${pair.stored[name]} and is ${pair.now[name]} now`
  return `${counted(differing.length, 'session')} differ, ${figures}`
}

/** Why stored rows are left as they are by a run that asks for no adjusted closes. */
export function keptText({ differing, steps }: Past): string {
  const what = steps.length > 0 ? stepsText(steps) : counted(differing.length, 'session')
  return `FMP's past has changed (${what}), and what is stored is left as it is: this run asks for no adjusted closes, and a mend would lose the stored ones. A run without --no-adj-close mends them.`
}

/** The cure where a series is held back. */
export function holdHint(symbol: string): string {
  return `Wait for FMP to put it right, or take it as it is with --accept ${symbol}; of a symbol that another company has taken over move its folder away and backfill.`
}

/** Why new sessions wait where the vendor's two series do not fit together. */
export function unsettledText(symbol: string): string {
  return `FMP's prices and adjusted closes of ${symbol} are on different bases`
}

/** Why new sessions wait where the vendor has announced a split. */
export function announcedText(symbol: string, { ratio, date }: AnnouncedSplit): string {
  return `FMP lists a ${ratio} split of ${symbol} on ${date}, and has not yet divided the prices before it`
}

/** Of rows that were carried over for the first time. */
export function carriedText(dates: readonly IsoDate[]): string {
  return `FMP has ${spanText(dates)} no more: carried over, multiplied as the rows beside them were, and marked in the file.`
}

/** Of rows that the vendor's accepted past does not have. */
export function leftText(dates: readonly IsoDate[]): string {
  return `FMP's past as accepted lacks ${spanText(dates)}: they stay as they were.`
}

/** `252 stored sessions (2019-01-02 to 2019-12-31)`. */
function spanText(dates: readonly IsoDate[]): string {
  const sorted = dates.toSorted()
  return `${counted(dates.length, 'stored session')} (${sorted[0]} to ${sorted.at(-1)})`
}
