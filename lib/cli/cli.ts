// The command line: a strict reading of argv. What the values mean is the business of resolve.ts.

import { COMMAND_WORDS, COMMANDS, type CommandName } from './commands.ts'
import type { Setting } from './setting.ts'
import { didYouMean, nearFlag } from './suggestions.ts'
import { isWord, unexpectedArgument, unexpectedWords } from './words.ts'

/** What argv says: a text for each flag that is given (`--out`; `true` for a switch) and for an argument (`DIR`). */
export type Flags = ReadonlyMap<string, string>

export type CommandLine =
  | { readonly kind: 'help'; readonly command: CommandName }
  | { readonly kind: 'version' }
  | {
      readonly kind: 'run'
      readonly command: CommandName
      readonly flags: Flags
      /** Everything wrong with argv itself, each a sentence. */
      readonly problems: readonly string[]
    }

/** Reads argv (without the program's name) strictly: nothing unknown, repeated or empty passes. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const command = COMMAND_WORDS.find((name) => name === argv[0]) ?? 'ingest'
  const rest = argv.slice(command === 'ingest' ? 0 : 1)
  if (rest.includes('--help') || rest.includes('-h')) return { kind: 'help', command }
  if (rest.includes('--version') || rest.includes('-v')) return { kind: 'version' }
  return { kind: 'run', command, ...readArguments(rest, command) }
}

/** An option with the value that goes with it, or an argument without a flag. */
type Token = { readonly argument: string; readonly flag: string | undefined; readonly value: string | undefined }

/** The settings of a command by their flags. */
type Known = ReadonlyMap<string, Setting>

function readArguments(argv: readonly string[], command: CommandName): { flags: Flags; problems: readonly string[] } {
  const settings = Object.values(COMMANDS[command].settings)
  const known: Known = new Map(settings.map((setting) => [setting.flag ?? '', setting]))
  const places = [...known.keys()].filter((flag) => !flag.startsWith('-'))
  const flags = new Map<string, string>()
  const problems: string[] = []
  const seen = new Set<string>()
  const words: string[] = []
  for (const token of tokensOf(argv, known)) {
    const { argument, flag, value } = token
    const place = places.find((name) => !flags.has(name))
    if (flag !== undefined) {
      const problem = seen.has(flag) ? `${flag} is given more than once.` : problemOf(flag, value, known)
      seen.add(flag)
      if (problem === undefined) flags.set(flag, value ?? 'true')
      else problems.push(problem)
    } else if (place !== undefined && isWord(argument)) {
      flags.set(place, argument)
    } else if (command === 'ingest' && isWord(argument)) {
      words.push(argument)
    } else {
      problems.push(unexpectedArgument(argument))
    }
  }
  const options = [...known.keys()].filter((flag) => flag.startsWith('--'))
  problems.push(...unexpectedWords(words, { argv, flags, options }))
  return { flags, problems }
}

function tokensOf(argv: readonly string[], known: Known): readonly Token[] {
  const tokens: Token[] = []
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    const { flag, inline } = flagOf(argument, known)
    const next = argv[index + 1]
    // An unknown option may have a value too: it is taken with it, because it may be a secret and is not to be shown.
    const takesNext = flag !== undefined && inline === undefined && !isSwitch(known.get(flag))
    const isTaken = takesNext && next !== undefined && !next.startsWith('--')
    tokens.push({ argument, flag, value: isTaken ? next : inline })
    if (isTaken) index += 1
  }
  return tokens
}

/** A dash that a text editor has made of two, as in a command copied from a document. */
const LONG_DASH = /^[\u2010-\u2015\u2212]-?(?=\w)/

function flagOf(argument: string, known: Known): { flag: string | undefined; inline: string | undefined } {
  const [, name = '', inline] = /^([^=]+)(?:=(.*))?$/s.exec(argument) ?? []
  const isLong = argument.startsWith('--') || LONG_DASH.test(argument) || known.has(`-${name}`) || name === '-help'
  if (isLong && name !== '--') return { flag: name, inline }
  // There are no options with one dash. Whatever follows the letter may be a value.
  if (/^-[^-]/.test(argument)) return { flag: argument.slice(0, 2), inline: argument.length > 2 ? '' : undefined }
  return { flag: undefined, inline: undefined }
}

function isSwitch(setting: Setting | undefined): boolean {
  return setting !== undefined && setting.hint === undefined
}

/** What is wrong with an option that is there once. */
function problemOf(flag: string, value: string | undefined, known: Known): string | undefined {
  const setting = known.get(flag)
  if (setting === undefined) {
    const options = [...known.keys()].filter((name) => name.startsWith('--'))
    const hint = keyHint(flag)
    const near = hint === '' ? nearFlag(flag, options) : undefined
    return `unknown option ${flag}${didYouMean(near)}.${hint}`
  }
  if (isSwitch(setting)) return value === undefined ? undefined : `${flag} takes no value.`
  return value === undefined || value.trim() === '' ? `${flag} needs a value (${setting.hint}).` : undefined
}

function keyHint(flag: string): string {
  return /key|token/i.test(flag) ? ' The API key is read from FMP_API_KEY only.' : ''
}
