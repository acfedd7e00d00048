// The document of `ingest coverage`, from what is stored of each symbol and what the runs tell. It computes and does no I/O.

import type { Calendar } from '../../core/calendar.ts'
import { targetLocation, type LakeConfig } from '../../core/config.ts'
import { addDays, dayNumber, MS_PER_DAY, utcDate, type DateRange, type IsoDate } from '../../core/dates.ts'
import { oneLine } from '../../core/text.ts'
import { monthsOf, type MonthsContext, type MonthState, type SymbolMonths } from '../../datasets/prices/months.ts'
import type { PriceFile } from '../../datasets/prices/price-files.ts'
import { symbolCoverage, type SymbolCoverage } from '../../datasets/prices/symbol-coverage.ts'
import {
  COVERAGE_VERSION,
  SYMBOL_STATES,
  type Coverage,
  type CoveredSymbol,
  type SymbolState,
} from '../../report/coverage.ts'
import type { RunLog } from '../../report/run-log.ts'
import { runIdOf } from '../../report/json-schema.ts'

export type CoverageContext = Omit<MonthsContext, 'isHeld' | 'asked'> & {
  readonly config: Pick<LakeConfig, 'target'>
  /** The command that fills the lake. */
  readonly command: string
  readonly startMs: number
  readonly asOf: IsoDate
  readonly log: RunLog
}

/** So many are named: one is enough to look at the symbol. */
const MAX_UNUSABLE = 3

/** A symbol of the document, from its files. Which of its gaps are left out is decided when all symbols are known. */
export function coveredSymbol(symbol: string, files: readonly PriceFile[], context: CoverageContext): CoveredSymbol {
  const { log } = context
  const { comparedMs, mendedMs, asked } = log.of(symbol)
  const coverage = symbolCoverage(symbol, files, context)
  const months = monthsOf(coverage, files, { ...context, asked, isHeld: log.isHeld(symbol) })
  const unusable = files.flatMap((stored) => ('problem' in stored ? [stored] : []))
  return {
    symbol: oneLine(symbol),
    state: stateOf(months, coverage),
    first_date: coverage.first ?? null,
    through_date: coverage.through ?? null,
    sessions: coverage.dates.size,
    missing: months.missingInside + months.missingAfter,
    carried_rows: coverage.carriedRows,
    last_compared: dateOfRun(comparedMs),
    last_mended: dateOfRun(mendedMs),
    months: runLengths(months.states),
    gaps: months.gaps.map(({ from, to }) => (from === to ? from : `${from}..${to}`)),
    unusable: unusable
      .slice(0, MAX_UNUSABLE)
      .map(({ file, problem }) => ({ key: oneLine(file.key), problem: oneLine(problem) })),
  }
}

function dateOfRun(startMs: number | undefined): IsoDate | null {
  return startMs === undefined ? null : utcDate(startMs)
}

function stateOf({ states, missingInside, missingAfter }: SymbolMonths, { first }: SymbolCoverage): SymbolState {
  if (states.includes('unreadable')) return 'unreadable'
  if (states.includes('held')) return 'held'
  if (first === undefined) return 'empty'
  if (missingInside > 0) return 'gaps'
  return missingAfter > 0 ? 'behind' : 'complete'
}

const LETTERS: Readonly<Record<MonthState, string>> = {
  stored: 's',
  carried: 'c',
  part: 'p',
  missing: 'm',
  unreadable: 'u',
  held: 'h',
  empty: 'e',
  none: 'n',
}

/** A letter a month; several of one letter as the letter and their number. Never longer than a letter for each. */
function runLengths(states: readonly MonthState[]): string {
  const letters = states.map((state) => LETTERS[state]).join('')
  return letters.replaceAll(/(.)\1+/g, (run, letter: string) => `${letter}${run.length}`)
}

/** Over all symbols: 24 bytes each in the page. */
const MAX_GAPS = 10_000

/** However many symbols there are. */
const MIN_GAPS = 4

/** The whole document: the worst symbols first. */
export function coverageOf(symbols: readonly CoveredSymbol[], context: CoverageContext): Coverage {
  const { config, command, startMs, asOf, due, log } = context
  const maxGaps = Math.max(MIN_GAPS, Math.floor(MAX_GAPS / Math.max(1, symbols.length)))
  const sum = (of: (symbol: CoveredSymbol) => number) => symbols.reduce((total, symbol) => total + of(symbol), 0)
  const [first] = symbols.flatMap((symbol) => symbol.first_date ?? []).toSorted()
  const lastMs = Date.parse(log.runs[0]?.run_id ?? '')
  return {
    schema_version: COVERAGE_VERSION,
    run_id: runIdOf(startMs),
    target: oneLine(targetLocation(config.target)),
    command,
    as_of: asOf,
    due,
    first_month: first?.slice(0, 7) ?? null,
    sessions: sum(({ sessions }) => sessions),
    missing: sum(({ missing }) => missing),
    held: symbols.filter(({ state }) => state === 'held').length,
    days_since_last_run: Number.isNaN(lastMs) ? null : Math.max(0, Math.floor((startMs - lastMs) / MS_PER_DAY)),
    symbols: symbols.toSorted(worstFirst).map((symbol) => ({ ...symbol, gaps: symbol.gaps.slice(-maxGaps) })),
    closed_weekdays: first === undefined ? [] : closedWeekdays({ from: first, to: asOf }, context.calendar),
    runs: log.runs,
    changes: log.changes,
    doubts: log.doubts,
    left_out: log.leftOut,
  }
}

function worstFirst(a: CoveredSymbol, b: CoveredSymbol): number {
  const byState = SYMBOL_STATES.indexOf(a.state) - SYMBOL_STATES.indexOf(b.state)
  return byState || b.missing - a.missing || (a.symbol < b.symbol ? -1 : 1)
}

/** From the first day of the range's first month, because the page shows whole months. */
function closedWeekdays({ from, to }: DateRange, calendar: Calendar): readonly IsoDate[] {
  const start = addDays(from, 1 - Number(from.slice(8)))
  const days = Array.from({ length: dayNumber(to) - dayNumber(start) + 1 }, (_, index) => addDays(start, index))
  return days.filter((day) => !isWeekend(day) && !calendar.isSession(day))
}

/** 1970-01-01 was a Thursday. */
function isWeekend(date: IsoDate): boolean {
  return (dayNumber(date) + 3) % 7 >= 5
}
