// What is said on stderr while a run goes on: notes, warnings, each failed symbol, and how far it is.

import type { Clock } from './clock.ts'
import { describeError, oneLine, type IngestError } from './errors.ts'
import type { SymbolOutcome } from './outcome.ts'

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

export interface Progress {
  note(text: string): void
  warn(text: string): void
  /** An error of the run, or of `symbol`; said even when quiet. */
  fail(error: IngestError, symbol?: string): void
  /** What ended the run early; said even when quiet. */
  stopped(by: IngestError): void
  /** The work on so many symbols begins. */
  begin(symbols: number): void
  /** A symbol has ended; what it has to say that the run's end cannot change is said now. */
  ended(outcome: SymbolOutcome): void
  /** Wipes the live line away, before the summary. */
  clear(): void
}

/** What a run says, from its first note to its last error. */
export function createProgress({ write, isTerminal, isQuiet, clock, redact }: Speech): Progress {
  let symbols = 0
  let startMs = clock.elapsedMs()
  let saidMs = startMs
  let done = 0
  let files = 0
  let isLineShown = false

  const clear = (): void => {
    if (isLineShown) write('\r\u001B[K')
    isLineShown = false
  }
  const say = (text: string): void => {
    clear()
    write(`${oneLine(redact(text))}\n`)
  }
  const warn = (text: string): void => {
    if (!isQuiet) say(`⚠️ ${text}`)
  }
  const fail = (error: IngestError, symbol?: string): void => {
    say(symbol === undefined ? `❌ ${describeError(error)}` : `❌ ${symbol}: ${describeError(error)}`)
  }

  const showPlace = (): void => {
    const nowMs = clock.elapsedMs()
    if (isQuiet || done === symbols || nowMs - saidMs < (isTerminal ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return
    saidMs = nowMs
    const minutes = (nowMs - startMs) / 60_000
    const left = (minutes / done) * (symbols - done)
    const line = `${done} of ${symbols} symbols, ${files} files, ${(done / minutes).toFixed(1)} symbols a minute, about ${Math.ceil(left)} min left`
    if (!isTerminal) return say(`⏳ ${line}`)
    write(`\r\u001B[K⏳ ${line}`)
    isLineShown = true
  }

  return {
    note: (text) => {
      if (!isQuiet) say(`ℹ️  ${text}`)
    },
    warn,
    fail,
    stopped: (by) => say(`🛑 ${describeError(by)}`),
    begin(count) {
      symbols = count
      startMs = clock.elapsedMs()
      saidMs = startMs
    },
    clear,
    ended(outcome) {
      done += 1
      files += outcome.filesWritten
      for (const text of outcome.warnings) warn(`${outcome.symbol}: ${text}`)
      for (const error of outcome.errors) {
        if (error.kind === 'validation') warn(`No valid data after validation: ${outcome.symbol}`)
        // Whether an empty answer is the symbol's fault is known when all symbols have answered.
        if (error.kind !== 'no-data') fail(error, outcome.symbol)
      }
      showPlace()
    },
  }
}
