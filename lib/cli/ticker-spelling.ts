// What is a symbol as the vendor spells it, and why a cell is none: the reason in plain words, with the spelling that is meant.

import { oneLine } from '../core/text.ts'

/** A symbol in either case. ASCII only, and tested before upper-casing, which makes ASCII of some other letters. */
const SYMBOL = /^\^?[A-Za-z0-9][A-Za-z0-9.=&-]{0,19}$/

/** US class shares: the vendor writes them with a dash (`BRK-B`), most lists with a dot. Other dots are exchanges. */
const CLASS_SHARE = /\.([ABC])$/

/** A symbol has at most 21 characters; a little more is shown so that a typo can be seen. */
const MAX_SHOWN_CHARACTERS = 24

/** What separates the words of a spelling that only other systems use, and what to write instead. */
const SPELLINGS: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [/^(?:-+|\u2013|\u2014|#?n\/a)$/i, () => 'the mark of an empty cell'],
  [
    /^(?:[A-Z]{2,12}|nasdaq|nyse|amex):(\^?[A-Za-z0-9.-]{1,10})$/,
    ([, symbol]) => `write it without the exchange before it: ${symbol}`,
  ],
  [/^([A-Za-z0-9./-]{1,10}):([A-Za-z]{2})$/, ([, symbol]) => `write it without the country: ${symbol}`],
  [/^[$]([A-Za-z][\w.-]{0,9})$/, ([, symbol]) => `write it without the $: ${symbol}`],
  [/^([A-Z]+)[/_ ]([A-C])$/i, ([, symbol, share]) => `write class shares with a dash: ${symbol}-${share}`],
  [/^([A-Z0-9./]{1,10}) [A-Z]{2}(?: Equity| Index)?$/i, ([, symbol]) => `Bloomberg's spelling: write ${symbol}`],
  [/^([A-Z0-9-]+)[.-]US$/i, ([, symbol]) => `write US symbols without a suffix: ${symbol}`],
  [
    /^([A-Z0-9]+)\.(?:OQ|O|N|K|P|A[SM])$/i,
    ([, symbol]) => `Reuters' spelling: write ${symbol} with the vendor's suffix, none for the US`,
  ],
  [
    /^([A-Z]+)[\^+$*]([A-Z]?)$/i,
    ([, symbol, series]) => `write preferred shares as ${symbol}-P${series}, warrants as ${symbol}-WT`,
  ],
  [/^\d{1,2}-[A-Za-z]{3}(?:-\d{2,4})?$/, () => 'a date that a spreadsheet made of a symbol'],
  [/^\d+(?:[.,]\d+)?E[+-]?\d+$/i, () => 'a number that a spreadsheet made of a symbol'],
  [/^\d+(?:\.\d*)?$/, () => 'a number; where shares have numbers a suffix names the exchange (7203.T)'],
]

/** What is symbol-shaped and yet a word or the number of a security: a list would be asked for in vain. */
const LOOKALIKES: readonly (readonly [(text: string) => boolean, string])[] = [
  [(text) => /^(?:symbols?|tickers?)$/i.test(text), 'a header within the list'],
  [(text) => /^[A-Z][a-z]{2,}$/.test(text), 'it looks like a name; write symbols in capitals'],
  [(text) => /^[A-Z]{2}[A-Z0-9]{9}\d$/.test(text) && hasIsinDigit(text), 'an ISIN, not a symbol'],
  [(text) => /^BBG[A-Z0-9]{9}$/.test(text), 'a FIGI, not a symbol'],
  [(text) => /^(?=.*\d.*\d.*\d)[A-Z0-9]{9}$/.test(text) && hasCusipDigit(text), 'a CUSIP, not a symbol'],
]

/**
 * Why a cell is no symbol, in a few words, or undefined where it is one. `isListed` is false for symbols typed on the command
 * line, where a word in mixed case is no name from another column.
 */
export function flawOf(text: string, isListed: boolean): string | undefined {
  if (text === '') return 'empty'
  for (const [pattern, says] of SPELLINGS) {
    const found = pattern.exec(text)
    if (found !== null) return `${shown(text)} (${says(found)})`
  }
  if (!isSymbol(text)) return describe(text)
  const lookalike = isListed ? LOOKALIKES.find(([applies]) => applies(text)) : undefined
  return lookalike && `${shown(text)} (${lookalike[1]})`
}

/** The vendor's spelling of a symbol: capitals, and a dash before the class of a US share. */
export function vendorSymbol(text: string): string {
  return text.toUpperCase().replace(CLASS_SHARE, '-$1')
}

/** As the list writes it: `BRK..B` must not slip through as `BRK.-B`; an `&` stands between letters, and beside no `=`. */
function isSymbol(text: string): boolean {
  const isQuery = /&(?![A-Za-z0-9])|&.*=|=.*&/.test(text)
  return SYMBOL.test(text) && !text.includes('..') && !isQuery
}

function describe(text: string): string {
  // What is longer than a symbol, or sets a variable, may be a line of a file of secrets.
  if (text.length > MAX_SHOWN_CHARACTERS || /^\w+\s*=\s*\S/.test(text)) return `${text.length} characters`
  const separator = /[;\t|]/.exec(text)?.[0]
  if (separator !== undefined) {
    const name = separator === '\t' ? 'a tab' : `"${separator}"`
    return `${shown(text)} (${name} separates cells only below a header that names a column symbol)`
  }
  return /[^ -~]/.test(text) ? `${shown(text)} (not only printable ASCII)` : shown(text)
}

function shown(text: string): string {
  return text.length > MAX_SHOWN_CHARACTERS ? `${text.length} characters` : `"${oneLine(text)}"`
}

/** The check digit of an ISIN (ISO 6166: letters as two digits, then Luhn). */
function hasIsinDigit(text: string): boolean {
  const digits = text
    .split('')
    .map((character) => Number.parseInt(character, 36))
    .join('')
  return luhnSum(digits, (index) => (digits.length - index) % 2 === 0) % 10 === 0
}

/** The check digit of a CUSIP (ANSI X9.6: modulus 10, double add double). */
function hasCusipDigit(text: string): boolean {
  const values = text
    .slice(0, 8)
    .split('')
    .map((character) => Number.parseInt(character, 36))
  const sum = values.reduce((total, value, index) => {
    const weighted = index % 2 === 0 ? value : value * 2
    return total + Math.floor(weighted / 10) + (weighted % 10)
  }, 0)
  return (10 - (sum % 10)) % 10 === Number(text[8])
}

function luhnSum(digits: string, isDoubled: (index: number) => boolean): number {
  return digits.split('').reduce((total, digit, index) => {
    const value = Number(digit) * (isDoubled(index) ? 2 : 1)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
}
