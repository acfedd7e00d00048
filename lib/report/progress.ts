// What a run prints on stderr: notes, warnings, failed symbols and its progress.

import type { Clock } from '../core/clock.ts'
import { describeError, type IngestError } from '../core/errors.ts'
import { grouped, oneLine } from '../core/text.ts'
import { symbolLines } from './messages.ts'
import type { SymbolOutcome } from '../core/outcome.ts'

/** The time between two updates of the live line on a terminal. */
const TERMINAL_INTERVAL_MS = 100
/** The time between two progress lines in a log. */
const LOG_INTERVAL_MS = 30_000

/** Where and how the progress is printed. */
export type Output = {
  /** Writes to stderr. */
  readonly write: (text: string) => void
  readonly isTerminal: boolean
  readonly isQuiet: boolean
  readonly clock: Clock
  readonly redact: (text: string) => string
}

/** The planned work: every symbol in every dataset. `calls` are without retries; one may start per `rateLimitSeconds`. */
export type Workload = {
  readonly symbols: number
  readonly datasets: number
  readonly calls: number
  readonly rateLimitSeconds: number
}

export interface Progress {
  note(text: string): void
  warn(text: string): void
  /** Prints an error of the run, or of `symbol`, even with `--quiet`. */
  fail(error: IngestError, symbol?: string): void
  /** Prints the error that stopped the run, even with `--quiet`. */
  stopped(error: IngestError): void
  /** Called when the work begins. */
  begin(work: Workload): void
  /** Called after each call for a symbol of one dataset. */
  called(task: Pick<SymbolOutcome, 'symbol' | 'dataset'>): void
  /** Called when a symbol of one dataset has ended. */
  ended(outcome: SymbolOutcome): void
  /** Prints the warnings and errors of all symbols, when the run has ended: then it is known how many say the same. */
  symbols(outcomes: readonly SymbolOutcome[]): void
  /** Removes the live line, before the summary is printed. */
  clear(): void
}

/** The progress of one run. */
export function createProgress(output: Output): Progress {
  const { isQuiet, clock } = output
  const { printLine, showLiveLine, clear } = createTerminal(output)
  let work: Workload = { symbols: 0, datasets: 1, calls: 0, rateLimitSeconds: 0 }
  let begunMs = clock.elapsedMs()
  let printedMs = begunMs
  let ended = 0
  let callsOfEnded = 0
  const callsUnderWay = new Map<string, number>()
  let files = 0
  let failed = 0

  const warn = (text: string): void => {
    if (!isQuiet) printLine(`⚠️ ${text}`)
  }

  const showProgress = (): void => {
    const nowMs = clock.elapsedMs()
    const isDue = nowMs - printedMs >= (output.isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)
    if (isQuiet || !isDue || ended === work.symbols * work.datasets) return
    printedMs = nowMs
    const called = callsOfEnded + callsUnderWay.values().reduce((sum, calls) => sum + calls, 0)
    // Calls take most of the time. Assumes the speed so far, but no more than the rate limit.
    const callsLeft = Math.max(0, work.calls - called)
    const secondsLeft = callsLeft * Math.max((nowMs - begunMs) / 1_000 / Math.max(1, called), work.rateLimitSeconds)
    const failures = failed === 0 ? '' : `, ${grouped(failed)} failed`
    const done = `${grouped(ended)} of ${totalOf(work)}, ${grouped(called)} of ${grouped(work.calls)} calls, ${grouped(files)} files${failures}`
    showLiveLine(`⏳ ${done}, about ${grouped(Math.ceil(secondsLeft / 60))} min left`)
  }

  return {
    note: (text) => {
      if (!isQuiet) printLine(`ℹ️  ${text}`)
    },
    warn,
    fail(error, symbol) {
      printLine(`❌ ${symbol === undefined ? '' : `${symbol}: `}${describeError(error)}`)
    },
    stopped: (error) => printLine(`🛑 ${describeError(error)}`),
    begin(ahead) {
      work = ahead
      begunMs = clock.elapsedMs()
      printedMs = begunMs
    },
    called(task) {
      callsUnderWay.set(taskName(task), (callsUnderWay.get(taskName(task)) ?? 0) + 1)
      showProgress()
    },
    clear,
    ended(outcome) {
      ended += 1
      // Counts all planned calls: a symbol that failed early does not make the rest.
      callsOfEnded += outcome.plannedCalls
      callsUnderWay.delete(taskName(outcome))
      files += outcome.filesWritten
      if (outcome.errors.some(({ kind }) => kind !== 'no-data')) failed += 1
      showProgress()
    },
    symbols(outcomes) {
      const { warnings, errors } = symbolLines(outcomes)
      for (const text of warnings) warn(text)
      for (const text of errors) printLine(`❌ ${text}`)
    },
  }
}

/** A symbol may be under way in several datasets at once. */
function taskName({ symbol, dataset }: Pick<SymbolOutcome, 'symbol' | 'dataset'>): string {
  return `${dataset} ${symbol}`
}

/** `10 symbols`, or `40 done (10 symbols × 4 datasets)`. */
function totalOf({ symbols, datasets }: Workload): string {
  return datasets === 1
    ? `${grouped(symbols)} symbols`
    : `${grouped(symbols * datasets)} done (${grouped(symbols)} symbols × ${datasets} datasets)`
}

/** Prints lines on stderr and, on a terminal, a live line below them. */
function createTerminal({ write, isTerminal, redact }: Output) {
  let isLiveLineShown = false
  const clear = (): void => {
    if (isLiveLineShown) write('\r\u001B[K')
    isLiveLineShown = false
  }
  const printLine = (text: string): void => {
    clear()
    write(`${oneLine(redact(text))}\n`)
  }
  const showLiveLine = (text: string): void => {
    if (!isTerminal) return printLine(text)
    write(`\r\u001B[K${text}`)
    isLiveLineShown = true
  }
  return { clear, printLine, showLiveLine }
}
