// Checks what the files of one symbol hold together, from listing and footers: dates, holes, years that were not finished.
// Pure.

import type { Calendar } from '../../core/calendar.ts'
import { addDays, isWithin, newYorkInstant, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import type { Finding } from '../../core/findings.ts'
import { counted } from '../../core/text.ts'
import { backfillWords, fillWords, refetchWords, replaceFile } from '../cures.ts'
import type { ReadPriceFile } from './price-files.ts'
import type { SessionDataset } from './schema.ts'
import type { SymbolCoverage } from './symbol-coverage.ts'

export type FilesContext = {
  readonly dataset: SessionDataset
  readonly calendar: Calendar
  /** The last finished session. */
  readonly asOf: IsoDate
  /** Whether a run was told that there is no session after the newest stored one. */
  readonly hasEnded: boolean
}

/** What is wrong with the files of a symbol together. `files` are those with a footer that can be relied on. */
export function findingsOfFiles(
  coverage: SymbolCoverage,
  files: readonly ReadPriceFile[],
  context: FilesContext,
): readonly Finding[] {
  const years = new Map(
    files.flatMap((read) => (read.file.partition.kind === 'year' ? [[read.file.partition.year, read] as const] : [])),
  )
  const unfinished = new Set([...years].filter((year) => isUnfinished(year, coverage, context)).map(([year]) => year))
  return [
    ...files.flatMap((file) => findingsOfFile(file, coverage, context)),
    ...[...unfinished].map((year) => unfinishedFinding(year, { coverage, years, context })),
    ...holes(coverage, { years, unfinished, misdated: misdatedDays(files), context }),
  ]
}

/** What is wrong with one file by its dates. */
function findingsOfFile(
  { file, footer }: ReadPriceFile,
  { symbol, tradesElsewhere }: SymbolCoverage,
  { dataset, calendar, asOf }: FilesContext,
): readonly Finding[] {
  const { key, partition } = file
  const { from, to } = footer.span
  const own = partition.kind === 'day' ? { from: partition.date, to: partition.date } : wholeYear(partition.year)
  const at = { symbol, key }
  const replaced = replaceFile(dataset, symbol, key)
  const findings: Finding[] = []
  if (from < own.from || to > own.to) {
    const date = from < own.from ? from : to
    findings.push({ ...at, kind: 'wrong_date', date, detail: `has a row of ${date}`, cure: replaced })
  }
  if (partition.kind === 'day' && !tradesElsewhere && !calendar.isSession(partition.date)) {
    const detail = 'is of a day on which the exchange was closed'
    findings.push({ ...at, kind: 'closed_day_file', date: partition.date, detail, cure: { removes: key } })
  }
  if (to > asOf) {
    const detail = `has a row of ${to}, and the last finished session is ${asOf}`
    findings.push({ ...at, kind: 'future_date', date: to, detail, cure: replaced })
  } else if (footer.ingestMs < newYorkInstant(to, CLOSE)) {
    const detail = `was stored ${new Date(footer.ingestMs).toISOString()}, before the close of ${to}`
    const cure = { words: refetchWords(dataset, symbol, partition) }
    findings.push({ ...at, kind: 'early_ingest', date: to, detail, cure })
  }
  return findings
}

/** The dates by name of day files that hold other dates. */
function misdatedDays(files: readonly ReadPriceFile[]): ReadonlySet<IsoDate> {
  return new Set(
    files.flatMap(({ file: { partition }, footer: { span } }) =>
      partition.kind === 'day' && span.from !== partition.date ? [partition.date] : [],
    ),
  )
}

/** In New York. Early closes are at 13:00: no run stores a session before 18:30. */
const CLOSE = '16:00:00'

type Years = ReadonlyMap<number, ReadPriceFile>

/**
 * Whether a past year was not asked for to its end, and no day file goes on where it stops. A series may end in it: then a
 * run has asked for what comes after, and was told that there is nothing.
 */
function isUnfinished(
  [year, { footer }]: readonly [number, ReadPriceFile],
  { dates, through }: SymbolCoverage,
  { calendar, asOf, hasEnded }: FilesContext,
): boolean {
  const { asked, span } = footer
  if (year >= yearOf(asOf) || asked === undefined) return false
  const rest = { from: addDays(asked.to, 1), to: wholeYear(year).to }
  if (calendar.sessions(rest).length === 0) return false
  if (span.to > asked.to) return true
  const isLast = through !== undefined && through <= asked.to
  return !(isLast && hasEnded) && ![...dates].some((date) => isWithin(date, rest))
}

type Facts = {
  readonly years: Years
  /** Years with a finding of their own. */
  readonly unfinished: ReadonlySet<number>
  readonly misdated: ReadonlySet<IsoDate>
  readonly context: FilesContext
}

function unfinishedFinding(
  year: number,
  { coverage, years, context }: Pick<Facts, 'years' | 'context'> & { readonly coverage: SymbolCoverage },
): Finding {
  const { symbol } = coverage
  const to = years.get(year)?.footer.asked?.to
  const key = context.dataset.key(symbol, { kind: 'year', year })
  const detail = `was asked for to ${to} only, and the year has later sessions`
  return { kind: 'unfinished_year', symbol, key, date: to, detail, cure: { words: backfillWords(symbol, year) } }
}

/** Sessions that no file holds, one finding for each stretch of them. */
function holes(
  { symbol, missing }: SymbolCoverage,
  { years, unfinished, misdated, context }: Facts,
): readonly Finding[] {
  const { dataset, calendar } = context
  const isAsked = (date: IsoDate) => {
    const footer = years.get(yearOf(date))?.footer
    return footer !== undefined && [footer.span, footer.asked].some((range) => range && isWithin(date, range))
  }
  // One cause, one finding: what a file of the wrong dates or an unfinished year lacks is told by that.
  const left = missing.filter((date) => !misdated.has(date) && (isAsked(date) || !unfinished.has(yearOf(date))))
  return stretchesOf(left, isAsked, calendar).map(({ from, to, sessions }): Finding => {
    const isOfYear = isAsked(from)
    const key = dataset.key(symbol, isOfYear ? { kind: 'year', year: yearOf(from) } : { kind: 'day', date: from })
    const upTo = sessions === 1 ? '' : ` to ${to}`
    const detail = `${isOfYear ? 'lacks' : 'no file holds'} ${counted(sessions, 'session')}, ${from}${upTo}`
    const cure = { words: fillWords(symbol, { from, to }) }
    return { kind: isOfYear ? 'short_year' : 'missing_session', symbol, key, date: from, detail, cure }
  })
}

type Stretch = DateRange & { readonly sessions: number }

/** Neighbouring sessions of one year of which the same is true, given oldest first. */
function stretchesOf(
  sessions: readonly IsoDate[],
  is: (date: IsoDate) => boolean,
  calendar: Calendar,
): readonly Stretch[] {
  const stretches: Stretch[] = []
  for (const date of sessions) {
    const open = stretches.at(-1)
    const isNext = open !== undefined && calendar.nthSessionAfter(open.to, 1) === date
    if (isNext && yearOf(open.to) === yearOf(date) && is(open.to) === is(date)) {
      stretches[stretches.length - 1] = { ...open, to: date, sessions: open.sessions + 1 }
    } else stretches.push({ from: date, to: date, sessions: 1 })
  }
  return stretches
}
