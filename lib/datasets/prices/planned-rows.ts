// Which of the vendor's rows go into which planned file.

import type { Calendar } from '../../core/calendar.ts'
import type { Row } from '../../core/dataset.ts'
import { yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { FileResult } from './outcome.ts'
import type { PlannedFile, SymbolPlan } from './plan.ts'
import type { Reaction } from './reaction.ts'
import type { SessionDataset } from './schema.ts'
import type { CheckedSessions } from './validate.ts'
import type { FileRows } from './write.ts'
import { askedRange, shrinkageToNothing } from './year-files.ts'

type Grouping = {
  /** The date of every row that came, valid or not. */
  readonly dates: readonly string[]
  readonly checked: CheckedSessions
  readonly dataset: SessionDataset
  readonly range: DateRange
  readonly windows: readonly DateRange[]
}

/** The checked rows, grouped by planned file, newest file first. */
export function groupRows(
  plan: SymbolPlan,
  { dates, checked, dataset, range, windows }: Grouping,
): readonly FileRows[] {
  const { symbol } = plan
  const isByYear = plan.files[0]?.partition.kind === 'year'
  const groups = Map.groupBy<IsoDate | number, Row>(checked.rows, ({ date }) => (isByYear ? yearOf(date) : date))
  // Rejected rows count too: they show that a year is not empty.
  const years = dates.map((date) => Number(date.slice(0, 4))).filter((year) => !Number.isNaN(year))
  const yearsWithRows = new Set([...plan.yearsStored, ...years])
  const asked = ({ partition }: PlannedFile) =>
    partition.kind === 'year' ? askedRange(partition.year, { range, windows, yearsWithRows }) : undefined
  return plan.files.flatMap((file) => {
    const { partition } = file
    const rows = groups.get(partition.kind === 'year' ? partition.year : partition.date)
    const key = dataset.key(symbol, partition)
    return rows === undefined ? [] : [{ file, key, symbol, rows, range, asked: asked(file) }]
  })
}

/** A planned year with the rows of the mend, which hold those that are carried over too. */
export function withMend(group: FileRows, reaction: Reaction | undefined): FileRows {
  const { partition } = group.file
  const mended = partition.kind === 'year' ? reaction?.planned.get(partition.year) : undefined
  if (mended === undefined) return group
  const { rows, carried, carriedBy } = mended
  return { ...group, rows, carried, carriedBy }
}

/** Whether a file of the plan is for this session alone. */
export function isPlannedSession({ files }: SymbolPlan, date: IsoDate): boolean {
  return files.some(({ partition }) => partition.kind === 'day' && partition.date === date)
}

/**
 * Whether a planned file is for a date. In daily mode, dates without a session are wanted too, to be counted; of another
 * exchange each of them has a planned file, unless it is stored.
 */
export function wantedDates({ files, tradesElsewhere }: SymbolPlan, calendar: Calendar): (date: IsoDate) => boolean {
  const years = new Set(files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : [])))
  const days = new Set(files.flatMap(({ partition }) => (partition.kind === 'day' ? [partition.date] : [])))
  const countsClosedDays = days.size > 0 && !tradesElsewhere
  return (date) => years.has(yearOf(date)) || days.has(date) || (countsClosedDays && !calendar.isSession(date))
}

/** Stored years that were fetched again without any row, while other years had rows. Their files are kept. */
export function yearsWithoutRows(
  { files, symbol, dataset }: SymbolPlan,
  { groups, checked, range }: { groups: readonly FileRows[]; checked: CheckedSessions; range: DateRange },
): readonly FileResult[] {
  const filesWithRows = new Set(groups.map(({ file }) => file))
  const freshFrom = checked.rows.at(-1)?.date
  return files.flatMap((file) => {
    const footer = file.stored?.footer
    if (footer === undefined || freshFrom === undefined || filesWithRows.has(file)) return []
    const result = { kind: 'shrink', ...shrinkageToNothing(footer, freshFrom) } as const
    const key = dataset.key(symbol, file.partition)
    return [{ file, key, symbol, rows: [], range, asked: undefined, result }]
  })
}
