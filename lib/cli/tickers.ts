// Parses a ticker list (a file's text or the value of --tickers) into the vendor's symbols. The list is the one input that
// ends up in URLs and in object keys. So anything that is not plainly a symbol is refused, and all bad lines are named at
// once.

import { usageError } from '../core/errors.ts'
import { grouped, oneLine } from '../core/text.ts'
import { symbolCells, trimSpaces } from './ticker-csv.ts'
import { flawOf, vendorSymbol } from './ticker-spelling.ts'

/** The largest ticker list that is read. All symbols of a market with their names fit; a wrong file usually does not. */
export const MAX_TICKER_LIST_BYTES = 1_048_576

/** Symbols in list order, each once, those that the list names more than once, and what `--skip-bad-tickers` left out. */
export type TickerList = {
  readonly symbols: readonly string[]
  readonly duplicates: readonly string[]
  /** Each with its place and why it is no symbol. */
  readonly left: readonly string[]
  /** Cells whose dot was read as the dash of a class share, as `BRK.B`. */
  readonly dotted: readonly string[]
}

export type TickerOptions = {
  /** Take the rest of a list whose cells are not all symbols. */
  readonly skipsBad: boolean
}

const STRICT: TickerOptions = { skipsBad: false }

/**
 * The symbols of a list: one a line, or the column of a CSV that its header names. `source` names the list in messages.
 * Throws a usage error for an empty or oversized list, for one of which the column of symbols is not certain, and one that
 * names the bad lines.
 */
export function parseTickers(text: string, source: string, options: TickerOptions = STRICT): TickerList {
  const list = `the ticker list ${oneLine(source)}`
  // A text has at most as many UTF-16 units as UTF-8 bytes, so a list within the limit always passes.
  if (text.length > MAX_TICKER_LIST_BYTES) {
    throw usageError(
      `More than ${MAX_TICKER_LIST_BYTES / 1_048_576} MiB in ${list}.`,
      'It should hold one symbol a line.',
    )
  }
  const entries = symbolCells(text, list).map(({ line, ...cell }): Entry => ({ place: `line ${line}`, ...cell }))
  if (entries.length === 0) throw usageError(`No symbol in ${list}.`, 'Write one symbol a line.')
  return toSymbols(entries, list, { ...options, isListed: true })
}

/** The symbols of `--tickers A,B`. Throws a usage error that names the bad positions, counted from 1. */
export function parseTickerFlag(value: string, options: TickerOptions = STRICT): TickerList {
  const entries = value.split(',').map((part, index) => ({ place: `position ${index + 1}`, text: trimSpaces(part) }))
  return toSymbols(entries, '--tickers', { ...options, isListed: false })
}

/** `problem` says why the cell could not be read. */
type Entry = { readonly place: string; readonly text: string; readonly problem?: string }

const MAX_NAMED_ENTRIES = 20

/** Checks, maps and removes repeats. Throws one usage error for all bad entries. */
function toSymbols(
  entries: readonly Entry[],
  where: string,
  { skipsBad, isListed }: TickerOptions & { readonly isListed: boolean },
): TickerList {
  const symbols = new Set<string>()
  const duplicates = new Set<string>()
  const left: string[] = []
  const dotted: string[] = []
  for (const { place, text, problem } of entries) {
    const flaw = problem ?? flawOf(text, isListed)
    if (flaw !== undefined) {
      left.push(`${place}: ${flaw}`)
      continue
    }
    const symbol = vendorSymbol(text)
    if (symbol !== text.toUpperCase()) dotted.push(text)
    if (symbols.has(symbol)) duplicates.add(symbol)
    symbols.add(symbol)
  }
  if (left.length > 0 && (!skipsBad || symbols.size === 0)) {
    const named = left.slice(0, MAX_NAMED_ENTRIES)
    if (left.length > named.length) named.push(`and ${grouped(left.length - named.length)} more`)
    const skip = symbols.size > 0 ? ' --skip-bad-tickers takes the rest.' : ''
    throw usageError(
      `Not a symbol in ${where}: ${named.join(', ')}.`,
      `A symbol is 1 to 20 letters, digits, single dots, dashes, ampersands and equals signs, with a ^ before an index.${skip}`,
    )
  }
  return { symbols: [...symbols], duplicates: [...duplicates], left, dotted }
}
