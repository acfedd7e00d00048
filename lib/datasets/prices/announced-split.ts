// A new bar far from the close before it, while stored closes have not moved: either the price has moved, or the vendor has
// not yet applied a split to its past. The vendor's own list of splits tells.

import type { Ask, RawRow, Row } from '../../core/dataset.ts'
import { parseIsoDate, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { Call } from '../../pipeline/pipeline.ts'

/** A bar that opens far from the close before it. */
export type Leap = {
  readonly date: IsoDate
  /** Its open in times that close. */
  readonly ratio: number
}

/** A split that the vendor lists for a new session. */
export type AnnouncedSplit = { readonly date: IsoDate; readonly ratio: string }

/** How far from the close before it a bar must open to be asked about. A 3:2 split opens a third away and is not. */
const MIN_DISTANCE = 0.4

/**
 * How far the opening may be from the split's own factor, as a logarithm: by the move of a day, and by more for a large one.
 * Shares that are merged thirty to one often fall on that day (TTNP from 0.17 to 3.51, which is 21 to one).
 */
const MAX_MISFIT = 0.2
const MAX_MISFIT_SHARE = 0.125

/** The first of the new bars, oldest first, that opens far from the close before it. `before` is the newest stored row. */
export function leapIn(bars: readonly Row[], before: Row): Leap | undefined {
  let close = before['close']
  for (const { date, open, close: next } of bars) {
    if (typeof close === 'number' && close > 0 && typeof open === 'number' && open > 0) {
      const ratio = open / close
      if (Math.abs(ratio - 1) >= MIN_DISTANCE) return { date, ratio }
    }
    close = next ?? close
  }
  return undefined
}

/** `opens 75.0 % below the close before it, and FMP lists no split that would explain it`. */
export function leapText({ ratio }: Leap): string {
  const percent = (Math.abs(ratio - 1) * 100).toFixed(1)
  return `opens ${percent} % ${ratio < 1 ? 'below' : 'above'} the close before it, and FMP lists no split that would explain it`
}

/**
 * The listed split of a new session that explains a leap; undefined where there is none, or where the vendor refuses the
 * list. Takes one extra call. Throws an IngestError of the run, or of the symbol where the list could not be had this time.
 */
export async function announcedSplit(
  { ratio }: Leap,
  sessions: readonly IsoDate[],
  { ask, call }: { readonly ask: Ask; readonly call: Call },
): Promise<AnnouncedSplit | undefined> {
  const listed = await call(ask, 'extra').catch(noneIfRefused)
  return listed
    .map(splitOf)
    .find((split) => split !== undefined && sessions.includes(split.date) && explains(split.factor, ratio))
}

function explains(factor: number, ratio: number): boolean {
  const misfit = Math.abs(Math.log(factor) - Math.log(ratio))
  return misfit < Math.max(MAX_MISFIT, MAX_MISFIT_SHARE * Math.abs(Math.log(factor)))
}

/** `factor`: by what the split multiplies the prices before it. */
export type ListedSplit = AnnouncedSplit & { readonly factor: number }

/** A row of the vendor's list of splits; undefined for one that cannot be read. */
export function splitOf(row: RawRow): ListedSplit | undefined {
  const { numerator, denominator } = row
  const date = typeof row['date'] === 'string' ? parseIsoDate(row['date'].slice(0, 10)) : undefined
  if (date === undefined || typeof numerator !== 'number' || typeof denominator !== 'number') return undefined
  if (!(numerator > 0 && denominator > 0)) return undefined
  return { date, ratio: `${numerator}:${denominator}`, factor: denominator / numerator }
}

/** Errors that asking again would not end: the plan has no such list, or the path is unknown. */
const REFUSED_KINDS: ReadonlySet<string> = new Set(['plan', 'request', 'payload'])

function noneIfRefused(error: unknown): readonly RawRow[] {
  if (error instanceof IngestError && error.scope === 'symbol' && REFUSED_KINDS.has(error.kind)) return []
  throw error
}
