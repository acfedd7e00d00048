// From a ticker list (a file's text or the value of --tickers) to the vendor's symbols. The list is the one input that
// ends up in URLs and in object keys, so what is not plainly a symbol is refused, every bad place named at once.

import { usageError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'

/** The largest ticker list that is read: all the symbols of a market with their names fit, a wrong file does not. */
export const MAX_TICKER_LIST_BYTES = 1_048_576

/** Symbols in list order, each once, and those that the list names more than once. */
export type TickerList = { readonly symbols: readonly string[]; readonly duplicates: readonly string[] }

/**
 * The symbols of a list: one a line, or the first column of a CSV. `source` names the list in messages.
 * Throws a usage error for an empty or oversized list, and one that names the bad lines.
 */
export function parseTickers(text: string, source: string): TickerList {
  const list = `the ticker list ${oneLine(source)}`
  // No text has more UTF-16 units than UTF-8 bytes, so a list within the cap always passes.
  if (text.length > MAX_TICKER_LIST_BYTES) {
    throw usageError(
      `More than ${MAX_TICKER_LIST_BYTES / 1_048_576} MiB in ${list}.`,
      'It should hold one symbol a line.',
    )
  }
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)
  const entries: Entry[] = []
  for (const [index, line] of lines.entries()) {
    const cell = firstCell(line)
    if (cell !== undefined) entries.push({ place: index + 1, ...cell })
  }
  if (HEADER.test(entries[0]?.text ?? '')) entries.shift()
  if (entries.length === 0) throw usageError(`No symbol in ${list}.`, 'Write one symbol a line.')
  return toSymbols(entries, list, 'line')
}

/** The symbols of `--tickers A,B`. Throws a usage error that names the bad positions, counted from 1. */
export function parseTickerFlag(value: string): TickerList {
  const entries = value.split(',').map((part, index) => ({ place: index + 1, text: trimSpaces(part) }))
  return toSymbols(entries, '--tickers', 'position')
}

/** `problem` says why the cell could not be read. */
type Cell = { readonly text: string; readonly problem?: string }
type Entry = Cell & { readonly place: number }

const HEADER = /^(?:symbol|ticker)s?$/i

/** A symbol in either case. ASCII only, and tested before upper-casing, which makes ASCII of some other letters. */
const SYMBOL = /^\^?[A-Za-z0-9][A-Za-z0-9.=-]{0,19}$/

/** US class shares: the vendor writes them with a dash (`BRK-B`), most lists with a dot. Other dots are exchanges. */
const CLASS_SHARE = /\.([ABC])$/

const MAX_NAMED_PLACES = 20
/** A symbol has at most 21; a little more is shown so that a typo can be seen. */
const MAX_SHOWN_CHARACTERS = 24

/** Checks, maps and removes repeats. Throws one usage error for all bad entries. */
function toSymbols(entries: readonly Entry[], where: string, unit: 'line' | 'position'): TickerList {
  const bad = entries.filter(({ text, problem }) => problem !== undefined || !isSymbol(text))
  if (bad.length > 0) {
    const named = bad.slice(0, MAX_NAMED_PLACES).map((entry) => `${unit} ${entry.place}: ${describe(entry)}`)
    if (bad.length > named.length) named.push(`and ${bad.length - named.length} more`)
    throw usageError(
      `Not a symbol in ${where}: ${named.join(', ')}.`,
      'A symbol is 1 to 20 letters, digits, single dots, dashes and equals signs, with a ^ before an index.',
    )
  }
  const symbols = new Set<string>()
  const duplicates = new Set<string>()
  for (const { text } of entries) {
    const symbol = text.toUpperCase().replace(CLASS_SHARE, '-$1')
    if (symbols.has(symbol)) duplicates.add(symbol)
    symbols.add(symbol)
  }
  return { symbols: [...symbols], duplicates: [...duplicates] }
}

/** As the list writes it: `BRK..B` must not slip through as `BRK.-B`. */
function isSymbol(text: string): boolean {
  return SYMBOL.test(text) && !text.includes('..')
}

function describe({ text, problem }: Cell): string {
  if (problem !== undefined) return problem
  if (text === '') return 'nothing there'
  // What is longer than a symbol, or sets a variable, may be a line of a file of secrets.
  if (text.length > MAX_SHOWN_CHARACTERS || /^\w+\s*=\s*\S/.test(text)) return `${text.length} characters, no symbol`
  const shown = `"${oneLine(text)}"`
  return /[^ -~]/.test(text) ? `${shown} with other than printable ASCII` : shown
}

/** One cell with its comma: quoted as RFC 4180 has it (with a comment after it, perhaps), or plain. */
const CELL = /(?: *"(?<quoted>[^"]*(?:""[^"]*)*)" *(?:(?<= )#.*$)?|(?! *")(?<plain>[^,]*))(?:,|$)/gsy

/**
 * The first cell of a line without its quotes, or undefined where the line is blank or a comment. The other cells are
 * read for their quotes only: one left open goes on in the next line, whose first word would pass for a symbol.
 */
function firstCell(line: string): Cell | undefined {
  const text = withoutComment(line)
  if (/^[ ,]*$/.test(text)) return undefined
  let first: string | undefined
  let length = 0
  for (const { 0: cell, groups } of text.matchAll(CELL)) {
    first ??= groups?.['quoted']?.replaceAll('""', '"') ?? groups?.['plain'] ?? ''
    length += cell.length
  }
  return length === text.length
    ? { text: trimSpaces(first ?? '') }
    : { text: '', problem: 'a quote left open or astray' }
}

/** A `#` begins a comment at the start of a line or after a blank, unless a quote or a second cell has begun. */
function withoutComment(line: string): string {
  const text = trimSpaces(line)
  if (text.startsWith('#')) return ''
  const hash = text.indexOf(' #')
  const before = text.slice(0, Math.max(0, hash))
  return before === '' || /[",]/.test(before) ? text : before
}

/** Only spaces: a tab or another blank from `trim`'s list is no part of a clean list and should be seen. */
function trimSpaces(text: string): string {
  return text.replaceAll(/^ +|(?<! ) +$/g, '')
}
