// The texts about a symbol that was ingested: its warnings, and the errors for files that would shrink.

import type { IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { CheckedSessions } from './validate.ts'
import { counted, listed } from '../../core/text.ts'
import { rowWarnings } from '../check.ts'

/** A stored file that the new one would make shorter. */
export type Shrunk = { readonly key: string; readonly message: string; readonly isOnlyOldestEnd: boolean }

export type SymbolFindings = {
  readonly checked: CheckedSessions
  /** Sessions without a bar between two bars, oldest first. */
  readonly missing: readonly IsoDate[]
  /** The dates of bars on days when the market was closed. */
  readonly closedDays: readonly IsoDate[]
  /** Whether files hold whole years. Year files keep bars of closed days; no day file exists for them. */
  readonly isByYear: boolean
  /** The number of files that another run stored meanwhile, with other rows. */
  readonly differing: number
  readonly shrunk: readonly Shrunk[]
}

/** One sentence per finding. */
export function warningsOf(findings: SymbolFindings): readonly string[] {
  const { checked, missing, closedDays, isByYear, differing, shrunk } = findings
  const { rejects, withheld, incomplete, missingField, suspects } = checked
  const [first] = suspects
  const warnings: readonly [number, string][] = [
    [missing.length, `FMP has no bar for ${someDates(missing)}, but bars before and after.`],
    [withheld.length, `No ${missingField} yet for ${someDates(withheld)}: left for a later run.`],
    [incomplete.length, `${counted(incomplete.length, 'row')} stored without ${missingField}, because FMP has none.`],
    [
      closedDays.length,
      `FMP has bars for days when the market was closed (${someDates(closedDays)}), which are ${isByYear ? 'kept' : 'not written'}.`,
    ],
    [
      differing,
      `${counted(differing, 'file')} stored by another run meanwhile, with other rows than FMP's answer now.`,
    ],
  ]
  const shrinks = shrunk
    .filter(({ isOnlyOldestEnd }) => isOnlyOldestEnd)
    .map(
      ({ key, message }) =>
        `${key} ${message}: its oldest end is lacking. It is left; delete it to accept the shorter one.`,
    )
  return [
    ...rowWarnings({
      rejects,
      suspects: suspects.length,
      firstSuspicion: first && `${first.date}: ${first.reason}`,
    }),
    ...warnings.filter(([count]) => count > 0).map(([, text]) => text),
    ...shrinks,
  ]
}

/** One error of the symbol for each file that would lose more than its oldest end. */
export function shrinkErrors(shrunk: readonly Shrunk[]): readonly IngestError[] {
  return shrunk
    .filter(({ isOnlyOldestEnd }) => !isOnlyOldestEnd)
    .map(({ key, message }) => {
      const hint = 'FMP may have answered short: run again later. Delete the file to accept the shorter one.'
      return new IngestError(`${key} ${message} and is left as it is`, { kind: 'shrink', scope: 'symbol', hint })
    })
}

function someDates(dates: readonly IsoDate[]): string {
  return listed(dates.toSorted(), 3)
}
