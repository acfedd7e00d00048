// What is to be said of a symbol that was ingested: warnings in words, and errors for what was left undone.

import type { IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { Checked } from '../check.ts'
import type { Reject } from '../../core/outcome.ts'

export type Shrunk = { readonly key: string; readonly message: string; readonly isOnlyOldestEnd: boolean }

export type Findings = {
  readonly checked: Checked
  /** Sessions between two bars that have none, oldest first. */
  readonly missing: readonly IsoDate[]
  /** Dates of bars on days when the market is closed. */
  readonly closedDays: readonly IsoDate[]
  /** Year files keep such bars, day files do not exist for them. */
  readonly isByYear: boolean
  /** Files that another run stored meanwhile, with other rows. */
  readonly differing: number
  readonly shrunk: readonly Shrunk[]
}

/** One sentence for each thing worth knowing, none where all is well. */
export function warningsOf(findings: Findings): readonly string[] {
  const { checked, missing, closedDays, isByYear, differing, shrunk } = findings
  const { rejects, withheld, incomplete, lacking, suspects, firstSuspicion } = checked
  const warnings: readonly [number, string][] = [
    [missing.length, `FMP has no bar for ${someDates(missing)}, but bars before and after.`],
    [withheld.length, `No ${lacking} yet for ${someDates(withheld)}: left for a later run.`],
    [incomplete, `${rows(incomplete)} stored without ${lacking}, because FMP has none.`],
    [
      closedDays.length,
      `FMP has bars for days when the market was closed (${someDates(closedDays)}), which are ${isByYear ? 'kept' : 'not written'}.`,
    ],
    [differing, `${files(differing)} stored by another run meanwhile, with other rows than FMP's answer now.`],
  ]
  const shrinks = shrunk
    .filter(({ isOnlyOldestEnd }) => isOnlyOldestEnd)
    .map(
      ({ key, message }) =>
        `${key} ${message}: its oldest end is lacking. It is left; delete it to accept the shorter one.`,
    )
  return [
    ...rowWarnings({ rejects, suspects, firstSuspicion }),
    ...warnings.filter(([count]) => count > 0).map(([, text]) => text),
    ...shrinks,
  ]
}

/** What is to be said of bad and doubtful rows of any dataset. */
export function rowWarnings({
  rejects,
  suspects,
  firstSuspicion,
}: Pick<Checked, 'rejects' | 'suspects' | 'firstSuspicion'>): readonly string[] {
  const [first] = rejects
  const rejected = first && `${rows(rejects.length)} rejected, the first (${first.date}): ${first.reason}.`
  const doubtful = `${rows(suspects)} stored that look wrong, the first is ${firstSuspicion}.`
  return [rejected, suspects > 0 ? doubtful : undefined].filter((text) => text !== undefined)
}

/** The files that would lose more than their oldest end: each an error of its symbol. */
export function shrinkErrors(shrunk: readonly Shrunk[]): readonly IngestError[] {
  return shrunk
    .filter(({ isOnlyOldestEnd }) => !isOnlyOldestEnd)
    .map(({ key, message }) => {
      const hint = 'FMP may have answered short: run again later. Delete the file to accept the shorter one.'
      return new IngestError(`${key} ${message} and is left as it is`, { kind: 'shrink', scope: 'symbol', hint })
    })
}

/** The error of a symbol of whose `received` rows not one is any good; `title` is what they are rows of, if not prices. */
export function nothingValid(received: number, rejects: readonly Reject[], title?: string): IngestError {
  const reason = rejects[0] === undefined ? 'all lie outside the dates asked for' : `the first: ${rejects[0].reason}`
  return new IngestError(
    `No valid data after validation: ${rows(received)}${title === undefined ? '' : ` of ${title}`} received, ${rejects.length} rejected, ${reason}`,
    {
      kind: 'validation',
      scope: 'symbol',
      hint: rejects.length > 0 ? 'The rejects file beside the metrics holds the rows.' : undefined,
    },
  )
}

function rows(count: number): string {
  return count === 1 ? '1 row' : `${count} rows`
}

function files(count: number): string {
  return count === 1 ? '1 file' : `${count} files`
}

function someDates(dates: readonly IsoDate[]): string {
  const sorted = dates.toSorted()
  const shown = sorted.slice(0, 3).join(', ')
  return sorted.length > 3 ? `${shown} and ${sorted.length - 3} more` : shown
}
