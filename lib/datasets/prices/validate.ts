// Raw rows of prices to rows worth storing, with an account of every row that was dropped, doubted or left for later.

import { checkRows } from '../check.ts'
import { type IsoDate, isWithin, isIsoDate, type DateRange } from '../../core/dates.ts'
import type { RawRow, Row } from '../../core/dataset.ts'
import type { SessionDataset } from './schema.ts'
import { IngestError } from '../../core/errors.ts'
import type { Reject } from '../../core/outcome.ts'

export type Checked = {
  /** Inside the windows, one a date, newest first. All else speaks of the wanted ones only. */
  readonly rows: readonly Row[]
  readonly rejects: readonly Reject[]
  /** Rows that broke a soft rule and were kept, with the first such rule. */
  readonly suspects: number
  readonly firstSuspicion: string | undefined
  /** Recent dates whose row lacks something the vendor adds later; the row was left out, to be asked for again. */
  readonly withheld: readonly IsoDate[]
  /** Older rows that were kept although they lack it, and what they lack. */
  readonly incomplete: number
  readonly lacking: string | undefined
  readonly unknownFields: readonly string[]
}

export type Expectation = {
  readonly symbol: string
  readonly windows: readonly DateRange[]
  /** Whether the run has a use for a date; windows may reach over days that are stored already. */
  readonly isWanted: (date: IsoDate) => boolean
  /** Rows from this date on are recent: the vendor may still complete them. */
  readonly recentFrom: IsoDate
}

/**
 * Checks the rows of one symbol: hard rules first, then the windows, then what is still lacking. Of several good rows
 * of a date the last wins and the others are rejects.
 *
 * Throws an IngestError of the symbol when a required field is in no row, or when many rows came and not one has what
 * recent rows may lack: then the API has changed or refuses it, and storing nulls would hide that.
 */
export function validateRows(dataset: SessionDataset, raw: readonly RawRow[], expectation: Expectation): Checked {
  const { good, rejects, unknownFields } = checkRows(dataset, raw, expectation.symbol)
  const isInside = (date: IsoDate) => expectation.windows.some((window) => isWithin(date, window))
  const inside = good.filter(({ row }) => isInside(row.date)).toSorted((a, b) => (a.row.date < b.row.date ? 1 : -1))

  const wanted = inside.filter(({ row }) => expectation.isWanted(row.date))
  const incomplete = wanted.filter(({ row }) => dataset.lacks(row) !== undefined)
  const withheld = incomplete.map(({ row }) => row.date).filter((date) => date >= expectation.recentFrom)
  const firstIncomplete = incomplete[0]
  const lacking = firstIncomplete === undefined ? undefined : dataset.lacks(firstIncomplete.row)
  if (incomplete.length === wanted.length && incomplete.length - withheld.length > MAX_ALL_INCOMPLETE) {
    throw new IngestError(`FMP sent no ${lacking} for any of ${wanted.length} rows`, {
      kind: 'payload',
      scope: 'symbol',
      hint: 'Try again later; --no-adj-close stores the rows without it.',
    })
  }
  const kept = inside.filter(({ row }) => !withheld.includes(row.date))
  const suspects = kept.filter(({ row, suspicions }) => suspicions.length > 0 && expectation.isWanted(row.date))
  return {
    rows: kept.map(({ row }) => row),
    rejects: rejects.filter(
      ({ date }) => date === null || !isIsoDate(date) || !isInside(date) || expectation.isWanted(date),
    ),
    suspects: suspects.length,
    firstSuspicion: suspects[0] && `${suspects[0].row.date}: ${suspects[0].suspicions[0]}`,
    withheld,
    incomplete: incomplete.length - withheld.length,
    lacking,
    unknownFields,
  }
}

/** So many older rows may all lack it by chance; a null is never an accident beyond that. */
const MAX_ALL_INCOMPLETE = 5
