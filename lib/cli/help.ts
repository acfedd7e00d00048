// The text of --help. Loaded when it is asked for: a run needs none of it.

import { COMMAND_WORDS, COMMANDS, EXIT_CODES, fallbackOf, type CommandName } from './commands.ts'
import { commandLines, commentLines, listLines, wrapped } from './layout.ts'
import { FLAGS, type Setting } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** The width of help that does not go to a terminal. */
const DEFAULT_COLUMNS = 80

type Entry = readonly [name: string, meaning: string]

/** Every command has these two. */
const COMMON_OPTIONS: readonly Entry[] = [
  ['--help', 'show this text; also -h'],
  ['--version', 'show the version; also -v'],
]

const MORE = ['ingest <command> --help says more about a command.']

/** The help text of a command for stdout, in lines of at most `columns` characters, without colours. */
export function helpText(name: CommandName, version: string, columns = DEFAULT_COLUMNS): string {
  const { description, settings, examples } = COMMANDS[name]
  const program = name === 'ingest' ? 'ingest' : `ingest ${name}`
  const all: readonly Setting[] = Object.values(settings)
  const positional = all.filter((setting) => !isOption(setting))
  // The variables of `ingest` have a section of their own.
  const own = (setting: Setting) => entryOf(name === 'ingest' ? { ...setting, variable: '' } : setting)
  const list = (entries: readonly Entry[]) => listLines(entries, columns)
  const sections = [
    wrapped(`${description} (${program} v${version})`, columns),
    wrapped(`USAGE ${usageOf(name)}`, columns),
    ...(positional.length === 0 ? [] : [section('ARGUMENTS', list(positional.map(own)))]),
    section('OPTIONS', list([...all.filter(isOption).map(own), ...COMMON_OPTIONS])),
    ...(name === 'ingest' ? [section('COMMANDS', list(commandEntries())), MORE] : []),
    section(
      'EXAMPLES',
      examples.flatMap(([what, line]) => [...commentLines(what, columns), ...commandLines(line, columns)]),
    ),
    ...(name === 'ingest' ? [section('ENVIRONMENT (default)', list(environmentEntries()))] : []),
    ...(name === 'ingest' ? [section('EXIT CODES', list(EXIT_CODES.map(([codes, short]) => [codes, short])))] : []),
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return [title, '', ...lines]
}

function usageOf(name: CommandName): string {
  if (name === 'ingest') return `ingest [${COMMAND_WORDS.join('|')}] [options]`
  const settings: readonly Setting[] = Object.values(COMMANDS[name].settings)
  const positional = settings.filter((setting) => !isOption(setting)).map(({ flag = '' }) => `[${flag}]`)
  return ['ingest', name, ...positional, '[options]'].join(' ')
}

function commandEntries(): readonly Entry[] {
  return COMMAND_WORDS.map((word) => [word, COMMANDS[word].description])
}

function isOption({ flag = '' }: Setting): boolean {
  return flag.startsWith('--')
}

function entryOf(setting: Setting): Entry {
  const { flag = '', hint } = setting
  const name = hint === undefined || !isOption(setting) ? flag : `${flag}=<${hint}>`
  return [name, withFallback(setting, 'default: ')]
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
