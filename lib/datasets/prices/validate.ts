// Validates raw price rows: which are stored, and which are rejected, suspect or left for a later run.

import { checkRows } from '../check.ts'
import { dayNamedIn, type IsoDate, isWithin, type DateRange } from '../../core/dates.ts'
import type { RawRow, Row } from '../../core/dataset.ts'
import { counted } from '../../core/text.ts'
import type { SessionDataset } from './schema.ts'
import { IngestError } from '../../core/errors.ts'
import type { Reject } from '../../core/outcome.ts'

/** A row that looks wrong, and why. */
export type Suspicion = { readonly date: IsoDate; readonly reason: string }

export type CheckedSessions = {
  /** The rows to store: inside the windows, one per date, newest first. All other fields count wanted dates only. */
  readonly rows: readonly Row[]
  readonly rejects: readonly Reject[]
  /** The rows to store that broke a soft rule, newest first, each with the first that it broke. */
  readonly suspects: readonly Suspicion[]
  /** Recent dates whose row lacks a field that the vendor adds later. The row is left out, to be fetched again. */
  readonly withheld: readonly IsoDate[]
  /** The older rows that are stored without that field. */
  readonly incomplete: readonly IsoDate[]
  /** The name of that field. */
  readonly missingField: string | undefined
  readonly unknownFields: readonly string[]
}

export type ValidationContext = {
  readonly symbol: string
  readonly windows: readonly DateRange[]
  /** Whether the run wants a date: a window may contain days that are stored already. */
  readonly isWanted: (date: IsoDate) => boolean
  /** Rows from this date on are recent: the vendor may complete them later. */
  readonly recentFrom: IsoDate
}

/**
 * Checks the rows of one symbol: first the hard rules, then the windows, then missing fields. Of several valid rows of one
 * date, the last wins and the others are rejects.
 *
 * Throws an IngestError of the symbol if no row has some required field. Also if there are many older rows and all lack the
 * field that the vendor may add later: then the API has changed or refuses the field, and stored nulls would hide that.
 */
export function validateRows(
  dataset: SessionDataset,
  raw: readonly RawRow[],
  context: ValidationContext,
): CheckedSessions {
  const { good, rejects, unknownFields } = checkRows(dataset, raw, context.symbol)
  const isInside = (date: IsoDate) => context.windows.some((window) => isWithin(date, window))
  const inside = good.filter(({ row }) => isInside(row.date)).toSorted((a, b) => (a.row.date < b.row.date ? 1 : -1))

  const wanted = inside.filter(({ row }) => context.isWanted(row.date))
  const incomplete = wanted.filter(({ row }) => dataset.missingField(row) !== undefined)
  const withheld = incomplete.map(({ row }) => row.date).filter((date) => date >= context.recentFrom)
  const firstIncomplete = incomplete[0]
  const missingField = firstIncomplete === undefined ? undefined : dataset.missingField(firstIncomplete.row)
  if (incomplete.length === wanted.length && incomplete.length - withheld.length > MAX_ALL_INCOMPLETE) {
    throw new IngestError(`FMP sent no ${missingField} for any of ${counted(wanted.length, 'row')}`, {
      kind: 'payload',
      scope: 'symbol',
      hint: 'Try again later; --no-adj-close stores the rows without it.',
    })
  }
  const kept = inside.filter(({ row }) => !withheld.includes(row.date))
  const suspects = kept.filter(({ row, suspicions }) => suspicions.length > 0 && context.isWanted(row.date))
  return {
    rows: kept.map(({ row }) => row),
    rejects: rejects.filter(({ date }) => {
      const day = dayNamedIn(date)
      return day === undefined || !isInside(day) || context.isWanted(day)
    }),
    suspects: suspects.map(({ row, suspicions: [reason = ''] }) => ({ date: row.date, reason })),
    withheld,
    incomplete: incomplete.map(({ row }) => row.date).filter((date) => date < context.recentFrom),
    missingField,
    unknownFields,
  }
}

/** So many older rows may all lack the field by chance. More are an error, because a null is never an accident. */
const MAX_ALL_INCOMPLETE = 5

/** The same rows, with those of sessions that look wrong for another reason than the row alone counted as suspect. */
export function withSuspects(
  checked: CheckedSessions,
  sessions: readonly Suspicion[],
  isWanted: (date: IsoDate) => boolean,
): CheckedSessions {
  const found = sessions.filter(({ date }) => isWanted(date) && checked.rows.some((row) => row.date === date))
  return found.length === 0 ? checked : { ...checked, suspects: [...checked.suspects, ...found] }
}

/** All that was found before a date. A reject whose date cannot be read stays. */
export function checkedBefore(checked: CheckedSessions, end: IsoDate): CheckedSessions {
  const isBefore = (date: IsoDate) => date < end
  return {
    ...checked,
    rows: checked.rows.filter(({ date }) => isBefore(date)),
    rejects: checked.rejects.filter(({ date }) => (dayNamedIn(date) ?? '') < end),
    suspects: checked.suspects.filter(({ date }) => isBefore(date)),
    withheld: checked.withheld.filter(isBefore),
    incomplete: checked.incomplete.filter(isBefore),
  }
}
