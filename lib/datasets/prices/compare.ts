// Compares what is stored of a symbol with the vendor's rows now, looks at its whole past where that has moved, and says what
// is to be mended, corrected or held back.

import type { Calendar } from '../../core/calendar.ts'
import type { Row } from '../../core/dataset.ts'
import { addDays, laterOf, wholeYear, yearOf, type DateRange, type IsoDate } from '../../core/dates.ts'
import { IngestError } from '../../core/errors.ts'
import type { Call } from '../../pipeline/pipeline.ts'
import { look, type Answer } from './look.ts'
import { COMPARED_SESSIONS, comparePast, glanceAt, replacedPast, type Past } from './past.ts'
import type { SymbolPlan } from './plan.ts'
import {
  newestStoredBefore,
  readStoredRows,
  storedExtent,
  type StoredRows,
  type StoredRowsContext,
} from './stored-rows.ts'

export type CompareContext = StoredRowsContext & {
  readonly calendar: Calendar
  /** Symbols whose past is taken as the vendor has it now, whatever the verdict. */
  readonly accepts: (symbol: string) => boolean
  /** Whether the survey looked for stored sessions before the range too: in a daily run without dates. */
  readonly isNightly: boolean
}

/** The stored rows of a symbol, the vendor's, and what has happened to them. */
export type Compared = {
  readonly past: Past
  readonly stored: StoredRows
  readonly answer: Answer
  /** Whether all that is stored was compared. */
  readonly isWhole: boolean
  /** Whether further calls were made for it. */
  readonly isLook: boolean
}

/** A window's greatest length is ten years: this calendar year and nine before it. */
const YEARS_BEFORE = 9

/**
 * The windows of a plan, made longer so that they cover stored sessions: ten before what is asked or, in an audit, all from
 * the oldest stored year on, nine years back at most. Never more windows: a call costs the same for ten days and ten years.
 */
export async function comparedWindows(plan: SymbolPlan, context: CompareContext): Promise<readonly DateRange[]> {
  const { windows, symbol, isAudited, files } = plan
  const last = windows.at(-1)
  if (last === undefined || !mayBeStored(plan, context)) return windows
  // A year file that is refreshed is in its window already. Day files are compared with those before them.
  const isRefresh = files.some(({ partition, stored }) => partition.kind === 'year' && stored !== undefined)
  if (!isAudited && isRefresh) return windows
  const oldest = isAudited ? (await storedExtent(symbol, new Map(), context))?.from : undefined
  const newest = context.isNightly ? undefined : await newestStoredBefore(symbol, last.from, context)
  const near = context.calendar.sessionsBack(newest ?? addDays(last.from, -1), COMPARED_SESSIONS)
  const wanted = oldest === undefined ? near : wholeYear(yearOf(oldest)).from
  const from = laterOf(wanted, wholeYear(yearOf(last.to) - YEARS_BEFORE).from)
  return from < last.from ? [...windows.slice(0, -1), { from, to: last.to }] : windows
}

/** Whether anything of a symbol can be stored before its windows; a run with dates has not looked there. */
function mayBeStored({ newest, yearsStored, files }: SymbolPlan, { isNightly }: CompareContext): boolean {
  const isByYear = files[0]?.partition.kind === 'year'
  return isByYear ? yearsStored.length > 0 : !isNightly || newest !== undefined
}

/** The stored rows of an answer's dates beside it. */
export type Glanced = { readonly stored: StoredRows; readonly answer: Answer }

/**
 * Reads what is stored of an answer's dates; undefined where nothing is to be compared. Makes no call. Throws an IngestError
 * of the run when the store fails.
 */
export async function glanceAtSymbol(
  plan: SymbolPlan,
  answer: Answer,
  context: CompareContext,
): Promise<Glanced | undefined> {
  const range = rangeOf(answer.windows)
  if (range === undefined || isNewcomer(plan, context)) return undefined
  const stored = withoutPlanned(plan, await readStoredRows(plan.symbol, range, answer.rows, context))
  if (stored.pairs.length === 0 && !isReplaced(plan, stored)) return undefined
  return (await isAllPlanned(plan, context)) ? undefined : { stored, answer }
}

/** Whether the day files of a plan would continue rows of which the vendor has none any more. A year never shrinks anyway. */
function isReplaced({ files }: SymbolPlan, { absent }: StoredRows): boolean {
  return files[0]?.partition.kind === 'day' && replacedPast(absent) !== undefined
}

/** The calls of a look at the whole past, where the glance tells that one is needed; else 0. */
export function likelyLookCalls(
  { storedSpan, dataset, isAudited }: SymbolPlan,
  { stored: { pairs } }: Glanced,
): number {
  const [newest] = pairs
  if (isAudited || newest === undefined || glanceAt(pairs, false) !== 'look') return 0
  const years = yearOf(newest.now.date) - yearOf(storedSpan?.from ?? newest.now.date) + 1
  return dataset.callsPerWindow * Math.ceil(years / (YEARS_BEFORE + 1))
}

/** What a glance alone shows: no further call is made, and nothing else is read. */
export function comparedAtOnce({ stored, answer }: Glanced): Compared {
  return comparedAt(stored, answer, {})
}

/**
 * Says what has happened to a symbol's past. Makes extra calls only to look at the whole of it where it has moved. Throws an
 * IngestError: of the run when the store fails or the budget cannot pay the look, of the symbol when the answer is not to be
 * trusted.
 */
export async function compareSymbol(
  plan: SymbolPlan,
  { stored, answer }: Glanced,
  context: CompareContext,
  call: Call,
): Promise<Compared> {
  const { symbol, isAudited } = plan
  const range = rangeOf(answer.windows)
  const isAccepted = context.accepts(symbol)
  const replaced = stored.pairs.length === 0 && !isAccepted ? replacedPast(stored.absent) : undefined
  if (replaced !== undefined) return { ...comparedAt(stored, answer, {}), past: replaced }
  if (
    range === undefined ||
    stored.pairs.length === 0 ||
    (glanceAt(stored.pairs, false) === 'same' && !isAudited && !isAccepted)
  )
    return comparedAt(stored, answer, {})
  // Where nothing has moved nobody needs to know how far the files reach: one listing less.
  const extent = (await storedExtent(symbol, stored.yearFiles, context)) ?? range
  const isWhole = extent.from >= range.from && extent.to <= range.to
  const glance = glanceAt(stored.pairs, isWhole)
  if (isWhole && glance !== 'same') refuseHoles(symbol, stored, answer)
  if (isWhole || (glance !== 'look' && !isAccepted)) return comparedAt(stored, answer, { isWhole })
  const whole = await look(plan, { answer, extent }, context, call)
  if (whole === undefined) return { ...comparedAt(stored, answer, { isLook: true }), past: TORN }
  const all = await readStoredRows(symbol, rangeOf(whole.windows) ?? range, whole.rows, context)
  refuseHoles(symbol, all, whole)
  return comparedAt(all, whole, { isWhole: true, isLook: true })
}

/** Whether the survey has found nothing of a symbol, so that nothing need be listed again. */
function isNewcomer({ newest, yearsStored }: SymbolPlan, { isNightly }: CompareContext): boolean {
  return isNightly && newest === undefined && yearsStored.length === 0
}

/** Day files that the plan writes anyway say nothing of those that stay, though a year file may hold their sessions too. */
function withoutPlanned({ files }: SymbolPlan, stored: StoredRows): StoredRows {
  const days = new Set(files.flatMap(({ partition }) => (partition.kind === 'day' ? [partition.date] : [])))
  return { ...stored, pairs: stored.pairs.filter(({ now }) => !days.has(now.date)) }
}

/** Whether a backfill writes every year anew that is stored: then no row stays on another base. */
async function isAllPlanned({ symbol, files, yearsStored }: SymbolPlan, context: CompareContext): Promise<boolean> {
  const years = files.flatMap(({ partition }) => (partition.kind === 'year' ? [partition.year] : []))
  if (years.length === 0 || yearsStored.some((year) => !years.includes(year))) return false
  const oldest = (await storedExtent(symbol, new Map(), context))?.from
  return oldest === undefined || yearOf(oldest) >= Math.min(...years)
}

/** The rows of one night's calls and those of the look after them differ: the vendor was changing them. */
const TORN: Past = { verdict: 'unsettled', steps: [], differing: [] }

type Extent = { readonly isWhole?: boolean; readonly isLook?: boolean }

function comparedAt(stored: StoredRows, answer: Answer, { isWhole = false, isLook = false }: Extent): Compared {
  const after = rowsAfter(stored, answer)
  return { past: comparePast(stored.pairs, after[0], after.at(-1)), stored, answer, isWhole, isLook }
}

/** The vendor's rows after the stored ones, oldest first. */
function rowsAfter({ pairs }: StoredRows, { rows }: Answer): readonly Row[] {
  const newest = pairs[0]?.now.date ?? ''
  return [...rows.values()].filter(({ date }) => date > newest).toSorted((a, b) => (a.date < b.date ? -1 : 1))
}

/** An answer with more holes than this among the stored sessions, and more than one, is not the symbol's whole past. */
const MAX_HOLES = 0.02

function refuseHoles(symbol: string, { pairs, absent }: StoredRows, { rows }: Answer): void {
  const oldest = [...rows.keys()].toSorted()[0]
  const holes = oldest === undefined ? [] : absent.filter(({ date }) => date > oldest)
  if (holes.length <= Math.max(1, MAX_HOLES * (pairs.length + holes.length))) return
  const message = `FMP's history of ${symbol} lacks ${holes.length} of ${pairs.length + holes.length} stored sessions`
  const hint = 'Nothing was changed; run again later.'
  throw new IngestError(message, { kind: 'payload', scope: 'symbol', hint })
}

/** The first and last day of windows that touch. */
function rangeOf(windows: readonly DateRange[]): DateRange | undefined {
  const [first, last] = [windows[0], windows.at(-1)]
  return first && last && { from: last.from, to: first.to }
}

/** The days of an answer, by date. */
export function answerOf(rows: readonly Row[], windows: readonly DateRange[]): Answer {
  return { rows: new Map(rows.map((row): [IsoDate, Row] => [row.date, row])), windows }
}
