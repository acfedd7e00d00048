// What a run prints on stderr: notes, warnings, failed symbols and its progress.

import type { Clock } from '../core/clock.ts'
import { describeError, type IngestError } from '../core/errors.ts'
import { symbolLines } from './messages.ts'
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
  /** Called after each call for a symbol of one dataset. */
  called(task: Pick<SymbolOutcome, 'symbol' | 'dataset'>): void
  /** Called when a symbol of one dataset has ended. */
  ended(outcome: SymbolOutcome): void
  /** Prints the warnings and errors of all symbols, when the run has ended: then it is known how many say the same. */
  symbols(outcomes: readonly SymbolOutcome[]): void
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
    fail: (error, symbol) => printLine(failedLine(error, symbol)),
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
    called(task) {
      countCall(task)
      showProgress()
    },
    clear() {
      wait = undefined
      clear()
    },
    ended(outcome) {
      countEnd(outcome)
      showProgress()
    },
    symbols(outcomes) {
      const { warnings, errors } = symbolLines(outcomes)
      for (const text of warnings) warn(text)
      for (const text of errors) printLine(`❌ ${text}`)
    },
  }
}

function failedLine(error: IngestError, symbol: string | undefined): string {
  return `❌ ${symbol === undefined ? '' : `${symbol}: `}${describeError(error)}`
}

/** Counts how far the work is. */
function createPosition(clock: Clock) {
  const at: Position = { begunMs: 0, calledMs: 0, ended: 0, called: 0, files: 0, failed: 0 }
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
    countCall(task: Pick<SymbolOutcome, 'symbol' | 'dataset'>): void {
      const name = taskName(task)
      callsUnderWay.set(name, (callsUnderWay.get(name) ?? 0) + 1)
      countCalls()
    },
    countEnd(outcome: SymbolOutcome): void {
      at.ended += 1
      // Counts all planned calls: a symbol that failed early does not make the rest.
      callsOfEnded += outcome.plannedCalls
      callsUnderWay.delete(taskName(outcome))
      countCalls()
      at.files += outcome.filesWritten
      if (outcome.errors.some(({ kind }) => kind !== 'no-data')) at.failed += 1
    },
  }
}

/** A symbol may be under way in several datasets at once. */
function taskName({ symbol, dataset }: Pick<SymbolOutcome, 'symbol' | 'dataset'>): string {
  return `${dataset} ${symbol}`
}
