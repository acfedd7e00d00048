// What a run prints on stderr: notes, warnings, failed symbols and its progress.

import type { Clock } from '../core/clock.ts'
import { describeError, type IngestError } from '../core/errors.ts'
import type { SymbolOutcome } from '../core/outcome.ts'
import { createLiveLine, type Terminal } from './live-line.ts'
import { logText, totalOf, waitTexts, workTexts, type Position, type Wait, type Workload } from './progress-text.ts'

/** The least time between two updates of the live line by what happens. Without news it is drawn every second. */
const TERMINAL_INTERVAL_MS = 100
/** The time between two progress lines in a log. */
const LOG_INTERVAL_MS = 30_000

/** Where and how the progress is printed. */
export type Output = Terminal & {
  readonly isQuiet: boolean
  readonly clock: Clock
}

export interface Progress {
  note(text: string): void
  warn(text: string): void
  /** Prints an error of the run, or of `symbol`, even with `--quiet`. */
  fail(error: IngestError, symbol?: string): void
  /** Prints the error that stopped the run, even with `--quiet`. */
  stopped(error: IngestError): void
  /**
   * Called when the run begins to wait for something else than its work: the list, the survey, the metrics. Only a
   * terminal shows it. `steps` of it are counted, if given.
   */
  waiting(what: string, steps?: number): void
  /** Called after each step of what the run waits for. */
  stepped(): void
  /** Called when the work begins. */
  begin(work: Workload): void
  /** Called after each call for a symbol. */
  called(symbol: string): void
  /** Called when a symbol of one dataset has ended. Prints its messages, except those that depend on other symbols. */
  ended(outcome: SymbolOutcome): void
  /** Removes the live line and stops its timer, before the summary is printed. */
  clear(): void
}

/** The progress of one run. */
export function createProgress(output: Output): Progress {
  const { isQuiet, clock } = output
  let wait: Wait | undefined
  let work: Workload | undefined
  const { at, begin, countCall, countEnd } = createPosition(clock)
  let printedMs = 0

  const isOver = (): boolean => work !== undefined && at.ended === totalOf(work)
  const { printLine, draw, start, clear } = createLiveLine(output, () => {
    if (wait !== undefined) return waitTexts(wait, clock.elapsedMs())
    return work === undefined || isOver() ? [] : workTexts(work, at, clock.elapsedMs())
  })

  const say = (text: string): void => {
    if (!isQuiet) printLine(text)
  }
  const warn = (text: string): void => say(`⚠️ ${text}`)

  const showProgress = (): void => {
    const nowMs = clock.elapsedMs()
    const isDue = nowMs - printedMs >= (output.isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)
    if (isQuiet || !isDue || work === undefined || isOver()) return
    printedMs = nowMs
    if (output.isTerminal) draw()
    else printLine(logText(work, at, nowMs))
  }

  return {
    note: (text) => say(`ℹ️  ${text}`),
    warn,
    fail(error, symbol) {
      printLine(symbol === undefined ? `❌ ${describeError(error)}` : failedLine(symbol, error, 0))
    },
    stopped: (error) => printLine(`🛑 ${describeError(error)}`),
    waiting(what, steps) {
      wait = { what, steps, done: 0, sinceMs: clock.elapsedMs() }
      if (!isQuiet) start()
    },
    stepped() {
      if (wait !== undefined) wait.done += 1
    },
    begin(ahead) {
      wait = undefined
      work = ahead
      printedMs = begin()
      if (!isQuiet) start()
    },
    called(symbol) {
      countCall(symbol)
      showProgress()
    },
    clear() {
      wait = undefined
      clear()
    },
    ended(outcome) {
      countEnd(outcome)
      for (const text of warningsIn(outcome)) warn(text)
      // No-data errors wait: only when all symbols are fetched is it known whether they are errors of the symbol.
      const [first, ...others] = outcome.errors.filter(({ kind }) => kind !== 'no-data')
      if (first !== undefined) printLine(failedLine(outcome.symbol, first, others.length))
      showProgress()
    },
  }
}

/** Counts how far the work is. */
function createPosition(clock: Clock) {
  const at: Position = { begunMs: 0, calledMs: 0, ended: 0, called: 0, files: 0 }
  let callsOfEnded = 0
  const callsUnderWay = new Map<string, number>()
  const countCalls = (): void => {
    at.called = callsOfEnded + callsUnderWay.values().reduce((sum, calls) => sum + calls, 0)
    at.calledMs = clock.elapsedMs()
  }
  return {
    at,
    begin(): number {
      at.begunMs = clock.elapsedMs()
      at.calledMs = at.begunMs
      return at.begunMs
    },
    countCall(symbol: string): void {
      callsUnderWay.set(symbol, (callsUnderWay.get(symbol) ?? 0) + 1)
      countCalls()
    },
    countEnd({ symbol, plannedCalls, filesWritten }: SymbolOutcome): void {
      at.ended += 1
      // Counts all planned calls: a symbol that failed early does not make the rest.
      callsOfEnded += plannedCalls
      callsUnderWay.delete(symbol)
      countCalls()
      at.files += filesWritten
    },
  }
}

function warningsIn({ symbol, warnings, errors }: SymbolOutcome): readonly string[] {
  const isNothingValid = errors.some(({ kind }) => kind === 'validation')
  const lines = warnings.map((text) => `${symbol}: ${text}`)
  return isNothingValid ? [...lines, `No valid data after validation: ${symbol}`] : lines
}

/** The line of a failed symbol: its first error, and how many more the metrics hold. */
function failedLine(symbol: string, error: IngestError, more: number): string {
  const others = more === 0 ? '' : ` (and ${more} more, see the metrics)`
  return `❌ ${symbol}: ${describeError(error)}${others}`
}
