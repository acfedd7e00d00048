// The command line: a strict reading of argv. What the values mean is the business of resolve.ts.

import { COMMAND_WORDS, COMMANDS, type CommandName } from './commands.ts'
import type { Setting } from './settings.ts'

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
  const positional = [...known.keys()].find((flag) => !flag.startsWith('-'))
  const flags = new Map<string, string>()
  const problems: string[] = []
  const seen = new Set<string>()
  for (const token of tokensOf(argv, known)) {
    const { argument, flag, value } = token
    if (flag !== undefined) {
      const problem = seen.has(flag) ? `${flag} is given more than once.` : problemOf(flag, value, known)
      seen.add(flag)
      if (problem === undefined) flags.set(flag, value ?? 'true')
      else problems.push(problem)
    } else if (positional !== undefined && isWord(argument) && !flags.has(positional)) {
      flags.set(positional, argument)
    } else {
      problems.push(unexpected(argument, command))
    }
  }
  return { flags, problems }
}

function tokensOf(argv: readonly string[], known: Known): readonly Token[] {
  const tokens: Token[] = []
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    const { flag, inline } = flagOf(argument)
    const next = argv[index + 1]
    // An unknown option may have a value too: it is taken with it, because it may be a secret and is not to be shown.
    const takesNext = flag !== undefined && inline === undefined && !isSwitch(known.get(flag))
    const isTaken = takesNext && next !== undefined && !next.startsWith('--')
    tokens.push({ argument, flag, value: isTaken ? next : inline })
    if (isTaken) index += 1
  }
  return tokens
}

function flagOf(argument: string): { flag: string | undefined; inline: string | undefined } {
  // There are no options with one dash. Whatever follows the letter may be a value.
  if (/^-[^-]/.test(argument)) return { flag: argument.slice(0, 2), inline: argument.length > 2 ? '' : undefined }
  const [, flag, inline] = /^(--[^=]+)(?:=(.*))?$/s.exec(argument) ?? []
  return { flag, inline }
}

function isSwitch(setting: Setting | undefined): boolean {
  return setting !== undefined && setting.hint === undefined
}

/** Whether an argument may stand without a flag before it. */
function isWord(argument: string): boolean {
  return argument.trim() !== '' && !argument.startsWith('-')
}

/** What is wrong with an option that is there once. */
function problemOf(flag: string, value: string | undefined, known: Known): string | undefined {
  const setting = known.get(flag)
  if (setting === undefined) {
    const options = [...known.keys()].filter((name) => name.startsWith('--'))
    return `unknown option ${flag}${suggestion(flag, options)}.${keyHint(flag)}`
  }
  if (isSwitch(setting)) return value === undefined ? undefined : `${flag} takes no value.`
  return value === undefined || value.trim() === '' ? `${flag} needs a value (${setting.hint}).` : undefined
}

function unexpected(argument: string, command: CommandName): string {
  // What stands behind an equals sign may be a secret, and so may an address.
  const shown = JSON.stringify(argument.replace(/(=|:\/\/).*/s, '$1…').slice(0, 100))
  if (command !== 'ingest' || !isWord(argument)) return `unexpected argument ${shown}.`
  const isLate = COMMAND_WORDS.some((name) => name === argument)
  return isLate
    ? `the command ${shown} must come first.`
    : `unknown command ${shown}${suggestion(argument, COMMAND_WORDS)}.`
}

function keyHint(flag: string): string {
  return /key|token/i.test(flag) ? ' The API key is read from FMP_API_KEY only.' : ''
}

function suggestion(name: string, known: readonly string[]): string {
  const near = known
    .map((other) => ({ other, distance: editDistance(name, other) }))
    .toSorted((a, b) => a.distance - b.distance)[0]
  return near !== undefined && near.distance <= 2 ? ` (did you mean ${near.other}?)` : ''
}

/** How many letters must be added, dropped or changed to make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
