// A ticker list's text to its cells: comments, quotes and separators read, and the column that holds the symbols found. What
// cannot be read for certain is refused; nothing is guessed.

import { usageError, type IngestError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'

/** A cell of the column of symbols, and the line it stands in, from 1. `problem` says why the line could not be read. */
export type TickerCell = { readonly line: number; readonly text: string; readonly problem?: string }

/** A line that is neither blank nor a comment; `cells` is undefined where a quote is left open or astray. */
type Line = { readonly number: number; readonly text: string }

const SEPARATORS = [',', ';', '\t', '|'] as const

type Separator = (typeof SEPARATORS)[number]

/** Cells of a header that name the column of symbols. */
const SYMBOL_HEADER = /^(?:symbol|ticker)s?$/i
const LOOSE_SYMBOL_HEADER = /\b(?:symbol|ticker)s?\b/i

/** First cells of exports that are no symbols; without one of them a list's first line is taken for data. */
const HEADER_WORDS = new RegExp(
  `^(?:${[
    'acronym|asset( class)?|assets|code|company( name)?|constituents?|country|currency|cusip|date|description|equity|exchange',
    'figi|holdings?|id|identifier|index|industry|instrument|isin|issuer|last( (price|sale|value))?|market( cap)?|mic|name|names',
    'no\\.?|number|portfolio|position|price|rank|region|ric|sector|security( name)?|sedol|share|shares|stocks?|type|unnamed.*',
    'valor|volume|watchlist|weight.*|wkn|#',
  ].join('|')})$`,
  'i',
)

/** A header is looked for so far down: index providers put titles before it. */
const MAX_PREAMBLE_LINES = 40

/** The cells of the column of symbols. `list` names the list in messages. Throws a usage error for what cannot be read. */
export function symbolCells(text: string, list: string): readonly TickerCell[] {
  refuseOtherFiles(text, list)
  const { lines, separator: stated } = linesOf(text)
  const [first] = lines
  if (first === undefined) return []
  const header = headerIn(first, stated, list)
  if (header !== undefined) return lines.slice(1).map((line) => cellBelow(header, line))
  const separator = stated ?? ','
  refuseLaterHeader(lines, list)
  return lines.map((line) => firstCell(line, separator, list))
}

/** What the file is, where it is no text list at all, and the cure. */
const OTHER_FILES: readonly (readonly [(start: string) => boolean, string, string])[] = [
  [(start) => start.startsWith('PK\u0003\u0004'), 'an Excel workbook or a zip file', 'Save it as CSV UTF-8.'],
  [(start) => start.startsWith('\u001F\uFFFD'), 'compressed', 'Unpack it first.'],
  [(start) => start.startsWith('%PDF'), 'a PDF', 'Export it as CSV UTF-8.'],
  [(start) => start.startsWith('PAR1'), 'a Parquet file', 'Export it as CSV UTF-8.'],
  [
    (start) => /^\s*<(?:!doctype|html|\?xml|table)/i.test(start),
    'a web page or XML',
    'Download the list as CSV UTF-8.',
  ],
  [(start) => /^\s*[[{]\s*["[{\d\]}]/.test(start), 'JSON', 'Write one symbol a line, or a CSV with a column symbol.'],
  // The mark of its byte order, decoded, and every other byte nought.
  [
    (start) => ['\0', '.\0', '\uFFFD\uFFFD.\0', '\uFFFD\uFFFD\0'].some((form) => hasForm(start, form)),
    'UTF-16',
    'Save it as CSV UTF-8.',
  ],
]

/** Whether a text begins so; a dot stands for any character. */
function hasForm(text: string, form: string): boolean {
  return text.length >= form.length && form.split('').every((one, index) => one === '.' || text[index] === one)
}

function refuseOtherFiles(text: string, list: string): void {
  const start = text.slice(0, 1_000)
  const other = OTHER_FILES.find(([applies]) => applies(start))
  if (other !== undefined) throw usageError(`Not a symbol in ${list}: line 1: the file is ${other[1]}.`, other[2])
}

/** Excel's first line `sep=;` states the separator and is no data. */
const EXCEL_SEPARATOR = /^"?sep=(.)"?$/i

function linesOf(text: string): { readonly lines: readonly Line[]; readonly separator: Separator | undefined } {
  const all = text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .map((line, index): Line => ({ number: index + 1, text: line }))
  const stated = EXCEL_SEPARATOR.exec(all[0]?.text.trimEnd() ?? '')?.[1]
  const separator = SEPARATORS.find((known) => known === stated)
  const data = separator === undefined ? all : all.slice(1)
  return { lines: data.filter((line) => !isBlank(line.text)), separator }
}

function isBlank(line: string): boolean {
  const text = trimSpaces(line)
  // A `#` with a separator behind it is the header of a column of numbers.
  return /^#(?![,;\t|])/.test(text) || /^[ ,;|]*$/.test(text)
}

type Header = {
  readonly separator: Separator
  /** The position of the column of symbols. */
  readonly column: number
  readonly columns: number
}

/** The header that the first line is, or undefined where it is data. Throws where it is a header without such a column. */
function headerIn(line: Line, stated: Separator | undefined, list: string): Header | undefined {
  const readings = (stated === undefined ? separatorsIn(line.text) : [stated])
    .flatMap((separator) => {
      const cells = cellsOf(line.text, separator)
      return cells === undefined ? [] : [{ separator, cells }]
    })
    .toSorted((a, b) => b.cells.length - a.cells.length)
  for (const pattern of [SYMBOL_HEADER, LOOSE_SYMBOL_HEADER]) {
    for (const { separator, cells } of readings) {
      const [column, ...others] = positionsOf(cells, pattern)
      if (others.length > 0) throw ambiguous(line, cells, list)
      if (column !== undefined) return { separator, column, columns: cells.length }
    }
  }
  const cells = readings[0]?.cells ?? []
  const words = positionsOf(cells, HEADER_WORDS)
  if (words[0] === 0 || words.length > 1) throw unnamed(line, cells, list)
  return undefined
}

/** A comma where there is none: a list of one column. */
function separatorsIn(text: string): readonly Separator[] {
  const found = SEPARATORS.filter((separator) => text.includes(separator))
  return found.length === 0 ? [','] : found
}

function positionsOf(cells: readonly string[], pattern: RegExp): readonly number[] {
  return cells.flatMap((cell, index) => (pattern.test(cell) ? [index] : []))
}

function namesOf(cells: readonly string[]): string {
  const named = cells.slice(0, 8).map((cell) => oneLine(cell, 30))
  return cells.length > named.length ? `${named.join(', ')} and more` : named.join(', ')
}

const CURE =
  'Name the column that holds the symbols "symbol". If the first line is a symbol, put a line "symbol" before it.'

function unnamed({ number }: Line, cells: readonly string[], list: string): IngestError {
  return usageError(`No column symbol or ticker in the header of ${list}: line ${number}: ${namesOf(cells)}.`, CURE)
}

function ambiguous({ number }: Line, cells: readonly string[], list: string): IngestError {
  const named = namesOf(cells.filter((cell) => LOOSE_SYMBOL_HEADER.test(cell)))
  return usageError(`Several columns of symbols in the header of ${list}: line ${number}: ${named}.`, CURE)
}

function cellBelow({ separator, column, columns }: Header, line: Line): TickerCell {
  const cells = cellsOf(line.text, separator)
  if (cells === undefined) return { line: line.number, text: '', problem: OPEN_QUOTE }
  // A cell too many before the symbol moves it, one after it does not.
  const filled = cells.findLastIndex((cell) => cell !== '') + 1
  if (filled > columns && column > 0) {
    const problem = `${filled} cells below a header of ${columns}: quote the one that holds a separator`
    return { line: line.number, text: '', problem }
  }
  return { line: line.number, text: cells[column] ?? '' }
}

const OPEN_QUOTE = 'a quote that is not closed or out of place'

/** The first cell of a line without a header. Throws where another cell could be the symbol as well. */
function firstCell(line: Line, separator: Separator, list: string): TickerCell {
  const cells = cellsOf(line.text, separator)
  if (cells === undefined) return { line: line.number, text: '', problem: OPEN_QUOTE }
  const [first = '', ...others] = cells
  const like = CAPITALS.test(first) || /^\d+$/.test(first) ? CAPITALS : EITHER_CASE
  const rival = first === '' ? undefined : others.find((cell) => like.test(cell))
  if (rival === undefined) return { line: line.number, text: first }
  throw usageError(
    `More than one symbol in a line of ${list}, or a column that could be one: line ${line.number}: "${oneLine(first, 24)}" and "${oneLine(rival, 24)}".`,
    'Write one symbol a line, or put a header before the first line that names the column of symbols "symbol".',
  )
}

/** What could be a symbol in another column: capitals, where the first cell is in capitals too. */
const CAPITALS = /^\^?(?=.*[A-Z])[A-Z0-9.=&-]+$/
const EITHER_CASE = /^\^?(?=.*[A-Za-z])[A-Za-z0-9.=&-]+$/

/** Refuses a list whose header comes after other lines. */
function refuseLaterHeader(lines: readonly Line[], list: string): void {
  const later = lines.slice(0, MAX_PREAMBLE_LINES).find(({ text }) => {
    if (!LOOSE_SYMBOL_HEADER.test(text)) return false
    const readings = separatorsIn(text).map((separator) => cellsOf(text, separator) ?? [])
    return readings.some((cells) => cells.length > 1 && positionsOf(cells, SYMBOL_HEADER).length > 0)
  })
  if (later === undefined) return
  const where = `the header stands in line ${later.number}, after other lines`
  throw usageError(`Not a symbol in ${list}: line ${lines[0]?.number ?? 1}: ${where}.`, 'Delete the lines before it.')
}

/** One cell with its separator: quoted as RFC 4180 has it (with a comment after it, perhaps), or plain. */
const CELLS: Readonly<Record<Separator, RegExp>> = {
  ',': cellPattern(','),
  ';': cellPattern(';'),
  '\t': cellPattern(String.raw`\t`),
  '|': cellPattern(String.raw`\|`),
}

function cellPattern(separator: string): RegExp {
  const quoted = String.raw` *"(?<quoted>[^"]*(?:""[^"]*)*)" *(?:(?<= )#.*$)?`
  return new RegExp(`(?:${quoted}|(?! *")(?<plain>[^${separator}]*))(?:${separator}|$)`, 'gsy')
}

/**
 * The cells of a line without their quotes, or undefined where a quote is left open or astray: what is open goes on in the
 * next line, whose first word would pass for a symbol.
 */
function cellsOf(line: string, separator: Separator): readonly string[] | undefined {
  const text = withoutComment(line, separator)
  const cells: string[] = []
  let length = 0
  for (const { 0: cell, groups } of text.matchAll(CELLS[separator])) {
    // The pattern matches nothing at the end once more.
    if (cell === '' && length === text.length && length > 0 && !text.endsWith(separator)) break
    cells.push(trimSpaces(groups?.['quoted']?.replaceAll('""', '"') ?? groups?.['plain'] ?? ''))
    length += cell.length
  }
  return length === text.length ? cells : undefined
}

/** A `#` begins a comment after a blank, unless a quote or a second cell has begun. */
function withoutComment(line: string, separator: Separator): string {
  const text = trimSpaces(line)
  const hash = text.indexOf(' #')
  const before = text.slice(0, Math.max(0, hash))
  return before === '' || before.includes('"') || before.includes(separator) ? text : before
}

/** Only spaces: a tab or another blank from `trim`'s list is no part of a clean list and should be seen. */
export function trimSpaces(text: string): string {
  return text.replaceAll(/^ +|(?<! ) +$/g, '')
}
