// What is said on stderr while a run goes on: notes, warnings, each failed symbol, and how far it is.

import type { Clock } from '../core/clock.ts'
import { describeError, type IngestError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'
import type { SymbolOutcome } from '../core/outcome.ts'

/** How often the live line of a terminal is redrawn, and how often a log gets a plain line. */
const TERMINAL_INTERVAL_MS = 100
const LOG_INTERVAL_MS = 30_000

export type Speech = {
  /** Writes to stderr. */
  readonly write: (text: string) => void
  readonly isTerminal: boolean
  readonly isQuiet: boolean
  readonly clock: Clock
  readonly redact: (text: string) => string
}

/** What is before a run: every symbol in every dataset; `calls` without retries, one per `rateLimitSeconds`. */
export type Work = {
  readonly symbols: number
  readonly datasets: number
  readonly calls: number
  readonly rateLimitSeconds: number
}

export interface Progress {
  note(text: string): void
  warn(text: string): void
  /** An error of the run, or of `symbol`; said even when quiet. */
  fail(error: IngestError, symbol?: string): void
  /** What ended the run early; said even when quiet. */
  stopped(by: IngestError): void
  /** The work begins. */
  begin(work: Work): void
  /** A call for a symbol has been answered. */
  called(symbol: string): void
  /** A symbol has ended in one dataset; what it has to say that the run's end cannot change is said now. */
  ended(outcome: SymbolOutcome): void
  /** Wipes the live line away, before the summary. */
  clear(): void
}

/** What a run says, from its first note to its last error. */
export function createProgress(speech: Speech): Progress {
  const { isQuiet, clock } = speech
  const { say, showLive, clear } = createVoice(speech)
  let work: Work = { symbols: 0, datasets: 1, calls: 0, rateLimitSeconds: 0 }
  let begunMs = clock.elapsedMs()
  let saidMs = begunMs
  let ended = 0
  let callsOfEnded = 0
  const callsUnderWay = new Map<string, number>()
  let files = 0

  const warn = (text: string): void => {
    if (!isQuiet) say(`⚠️ ${text}`)
  }

  const showPlace = (): void => {
    const nowMs = clock.elapsedMs()
    const isDue = nowMs - saidMs >= (speech.isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)
    if (isQuiet || !isDue || ended === work.symbols * work.datasets) return
    saidMs = nowMs
    const called = callsOfEnded + callsUnderWay.values().reduce((sum, calls) => sum + calls, 0)
    // Calls are what takes the time: as fast as so far, but no faster than the gate lets them pass.
    const callsLeft = Math.max(0, work.calls - called)
    const secondsLeft = callsLeft * Math.max((nowMs - begunMs) / 1_000 / Math.max(1, called), work.rateLimitSeconds)
    const place = `${ended} of ${totalOf(work)}, ${called} of ${work.calls} calls, ${files} files`
    showLive(`⏳ ${place}, about ${Math.ceil(secondsLeft / 60)} min left`)
  }

  return {
    note: (text) => {
      if (!isQuiet) say(`ℹ️  ${text}`)
    },
    warn,
    fail(error, symbol) {
      say(symbol === undefined ? `❌ ${describeError(error)}` : failedLine(symbol, error, 0))
    },
    stopped: (by) => say(`🛑 ${describeError(by)}`),
    begin(ahead) {
      work = ahead
      begunMs = clock.elapsedMs()
      saidMs = begunMs
    },
    called(symbol) {
      callsUnderWay.set(symbol, (callsUnderWay.get(symbol) ?? 0) + 1)
      showPlace()
    },
    clear,
    ended(outcome) {
      ended += 1
      // A symbol that failed early will not make the rest of its calls.
      callsOfEnded += outcome.plannedCalls
      callsUnderWay.delete(outcome.symbol)
      files += outcome.filesWritten
      for (const text of warningsIn(outcome)) warn(text)
      // Whether an empty answer is the symbol's fault is known when all symbols have answered.
      const [first, ...others] = outcome.errors.filter(({ kind }) => kind !== 'no-data')
      if (first !== undefined) say(failedLine(outcome.symbol, first, others.length))
      showPlace()
    },
  }
}

/** `10 symbols`, or `40 done (10 symbols × 4 datasets)`. */
function totalOf({ symbols, datasets }: Work): string {
  return datasets === 1
    ? `${symbols} symbols`
    : `${symbols * datasets} done (${symbols} symbols × ${datasets} datasets)`
}

function warningsIn({ symbol, warnings, errors }: SymbolOutcome): readonly string[] {
  const isNothingValid = errors.some(({ kind }) => kind === 'validation')
  const lines = warnings.map((text) => `${symbol}: ${text}`)
  return isNothingValid ? [...lines, `No valid data after validation: ${symbol}`] : lines
}

/** A failed symbol is one line; the metrics hold the rest. */
function failedLine(symbol: string, error: IngestError, more: number): string {
  const others = more === 0 ? '' : ` (and ${more} more, see the metrics)`
  return `❌ ${symbol}: ${describeError(error)}${others}`
}

/** Lines on stderr, and one live line on a terminal that gives way to them. */
function createVoice({ write, isTerminal, redact }: Speech) {
  let isLineShown = false
  const clear = (): void => {
    if (isLineShown) write('\r\u001B[K')
    isLineShown = false
  }
  const say = (text: string): void => {
    clear()
    write(`${oneLine(redact(text))}\n`)
  }
  const showLive = (text: string): void => {
    if (!isTerminal) return say(text)
    write(`\r\u001B[K${text}`)
    isLineShown = true
  }
  return { clear, say, showLive }
}
