// The text of --help, rendered by citty and laid out for the terminal's width. Loaded when it is asked for: a run needs none of it.

import { defineCommand, renderUsage, type ArgsDef, type CommandDef } from 'citty'
import { COMMAND_WORDS, COMMANDS, EXIT_CODES, fallbackOf, type CommandName } from './commands.ts'
import { commandLines, commentLines, listLines, wrapped } from './layout.ts'
import type { Setting } from './setting.ts'
import { FLAGS } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** The width of help that does not go to a terminal. */
const DEFAULT_COLUMNS = 80

type Entry = readonly [name: string, meaning: string]

/** Every command has these two, which citty does not list. */
const COMMON_OPTIONS: ArgsDef = {
  help: { type: 'boolean', description: 'show this text; also -h' },
  version: { type: 'boolean', description: 'show the version; also -v' },
}

/** The help text of a command for stdout, in lines of at most `columns` characters, without colours. */
export async function helpText(name: CommandName, version: string, columns = DEFAULT_COLUMNS): Promise<string> {
  const main = commandOf('ingest', version)
  const usage = await renderUsage(
    name === 'ingest' ? main : commandOf(name, version),
    name === 'ingest' ? undefined : main,
  )
  const list = (entries: readonly Entry[]) => listLines(entries, columns)
  const sections = [
    // The commands have a section of their own.
    ...reflowed(Bun.stripANSI(usage).replace(COMMAND_WORDS.join('|'), '<command>'), columns),
    section(
      'EXAMPLES',
      COMMANDS[name].examples.flatMap(([what, line]) => [
        ...commentLines(what, columns),
        ...commandLines(line, columns),
      ]),
    ),
    ...(name === 'ingest' ? [section('ENVIRONMENT (default)', list(environmentEntries()))] : []),
    ...(name === 'ingest' ? [section('EXIT CODES', list(EXIT_CODES.map(([codes, short]) => [codes, short])))] : []),
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/** The paragraphs of citty's usage, laid out for a width: citty knows none. Its rows are indented, with four blanks between. */
function reflowed(usage: string, columns: number): readonly (readonly string[])[] {
  return usage
    .trim()
    .split('\n\n')
    .map((paragraph) => {
      const entries = paragraph.split('\n').flatMap((line): Entry[] => {
        const [, entry = '', meaning = ''] = /^ +(\S.*?)(?: {4,}(.*))?$/.exec(line.trimEnd()) ?? []
        return entry === '' ? [] : [[entry, meaning]]
      })
      return entries.length === 0 ? wrapped(paragraph, columns) : listLines(entries, columns)
    })
}

function commandOf(name: CommandName, version: string): CommandDef {
  const { description, settings } = COMMANDS[name]
  const subCommands = name === 'ingest' ? COMMAND_WORDS.map((word) => [word, commandOf(word, version)]) : []
  const args = Object.values<Setting>(settings).map((setting) => argOf(setting, name))
  return defineCommand({
    meta: { name, version, description },
    args: { ...Object.fromEntries(args), ...COMMON_OPTIONS },
    subCommands: Object.fromEntries(subCommands),
  })
}

function argOf(setting: Setting, command: CommandName): [string, ArgsDef[string]] {
  const { flag = '', hint } = setting
  // The variables of `ingest` have a section of their own.
  const description = withFallback(command === 'ingest' ? { ...setting, variable: '' } : setting, 'default: ')
  if (!flag.startsWith('--')) return [flag.toLowerCase(), { type: 'positional', required: false, description }]
  const value = hint === undefined ? { type: 'boolean' as const } : { type: 'string' as const, valueHint: hint }
  return [flag.slice(2), { ...value, description }]
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [title, '', ...lines]
}

function environmentEntries(): readonly Entry[] {
  const settings: readonly Setting[] = [...Object.values(VARIABLES), ...Object.values(FLAGS)]
  return settings
    .filter(({ variable, help }) => variable !== undefined && help !== undefined)
    .map((setting) => {
      const { flag, variable = '' } = setting
      return [variable, flag === undefined ? withFallback(setting, '') : `the same as ${flag}`]
    })
}

function withFallback(setting: Setting, label: string): string {
  const fallback = fallbackOf(setting)
  return `${setting.help ?? ''}${fallback === undefined ? '' : ` (${label}${fallback})`}`
}
