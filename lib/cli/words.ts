// Words on the command line that no option asks for: what is wrong with each, and the option that it was meant for.

import { COMMAND_WORDS } from './commands.ts'
import { didYouMean, nearCommand } from './suggestions.ts'
import type { Flags } from './cli.ts'

/** The command line around the words. */
type Around = {
  readonly argv: readonly string[]
  readonly flags: Flags
  /** The options of the command. */
  readonly options: readonly string[]
}

/** A word in capitals that may be a symbol. No longer: a key is not to be shown. What sets a variable is none. */
const SYMBOLS = /^(?=.*[A-Z])\^?[A-Z0-9](?:[A-Z0-9.&,^-]{0,40}|[A-Z0-9]{0,10}=[XF])$/
/** The same in small letters, as long as a symbol of the US. */
const SMALL_SYMBOLS = /^[a-z]{1,5}(?:,[a-z]{1,5})*,?$/
/** FMP's keys have 32 letters and digits. */
const LONG_PART = /[A-Za-z0-9]{20}/

/** Whether an argument may stand without an option before it. */
export function isWord(argument: string): boolean {
  return argument.trim() !== '' && !argument.startsWith('-')
}

/** The problem of an argument that has no place. */
export function unexpectedArgument(argument: string): string {
  return `unexpected argument ${shown(argument)}.`
}

/** What is wrong with the words of `ingest` that no option asks for, each a sentence; one sentence for all symbols. */
export function unexpectedWords(words: readonly string[], around: Around): readonly string[] {
  const [first, second] = words
  if (first === undefined) return []
  const listed = around.flags.get('--tickers')
  const isList = words.every((word) => SYMBOLS.test(word) || SMALL_SYMBOLS.test(word)) && !words.some(isCommandWord)
  if (isList && !words.some((word) => LONG_PART.test(word))) {
    if (listed !== undefined) return [`unexpected argument ${shown(first)}: ${tickersOf([listed, ...words])}`]
    const isFirst = around.argv[0] === first && near(first, around) === undefined
    if (isFirst || words.every((word) => SYMBOLS.test(word))) {
      return [`unknown command ${shown(first)}: ${tickersOf(words)}`]
    }
  }
  // `help demo`
  if (second !== undefined && isCommandWord(second) && near(first, around) === 'ingest --help') {
    return [`unknown command ${shown(first)} (did you mean ingest ${second} --help?).`]
  }
  return words.map((word) => problemOf(word, around))
}

/** How symbols are given. */
function tickersOf(words: readonly string[]): string {
  const list = words
    .join(',')
    .split(',')
    .filter((symbol) => symbol.trim() !== '')
  return `symbols are given with --tickers ${list.map((symbol) => symbol.trim()).join(',')}.`
}

function problemOf(word: string, around: Around): string {
  if (isCommandWord(word)) return `the command ${shown(word)} must come first.`
  const meant = optionMeant(word) ?? near(word, around)
  return `unknown command ${shown(word)}${didYouMean(meant)}.`
}

/** The option whose value a word looks like. */
function optionMeant(word: string): string | undefined {
  if (/[=\s]/.test(word) || word.length > 60) return undefined
  if (/\.(?:csv|tsv|txt)$/i.test(word)) return `--tickers-path ${word}`
  if (/^s3:\/\/[^/?#@]+\/?$/.test(word) || /^(?:\.{0,2}|~)\//.test(word)) return `--out ${word}`
  return /^\d{4}-\d\d-\d\d$/.test(word) ? `--from-date ${word}` : undefined
}

function near(word: string, { options }: Around): string | undefined {
  return nearCommand(word, COMMAND_WORDS, options)
}

function isCommandWord(word: string): boolean {
  return COMMAND_WORDS.some((name) => name === word)
}

/** What stands behind an equals sign may be a secret, and so may an address. */
function shown(argument: string): string {
  return JSON.stringify(argument.replace(/(=|:\/\/).*/s, '$1…').slice(0, 100))
}
