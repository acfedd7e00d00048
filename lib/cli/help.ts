// The text of --help, laid out by citty. Loaded when asked for: a run needs none of it.

import { defineCommand, renderUsage, type ArgsDef, type CommandDef } from 'citty'
import { COMMAND_WORDS, COMMANDS, EXIT_CODES, fallbackOf, type CommandName } from './commands.ts'
import { FLAGS, type Setting, type Settings } from './settings.ts'
import { VARIABLES } from './variables.ts'

/** The help text of a command, for stdout: without colours, because asking what stdout is takes longer than all the rest. */
export async function helpText(name: CommandName, version: string): Promise<string> {
  const main = commandOf('ingest', version)
  const command = name === 'ingest' ? main : commandOf(name, version)
  const usage = await renderUsage(command, name === 'ingest' ? undefined : main)
  const examples = COMMANDS[name].examples.map(([what, line]) => `  # ${what}\n  ${line}`)
  const sections = [usage.trim(), `EXAMPLES\n\n${examples.join('\n')}`]
  if (name === 'ingest') sections.push(`ENVIRONMENT (default)\n\n${environmentLines().join('\n')}`, exitCodes())
  return Bun.stripANSI(`${sections.join('\n\n')}\n`)
}

function commandOf(name: CommandName, version: string): CommandDef {
  const { description, settings } = COMMANDS[name]
  const subCommands = name === 'ingest' ? COMMAND_WORDS.map((word) => [word, commandOf(word, version)]) : []
  return defineCommand({
    meta: { name, version, description },
    args: argsOf(settings),
    subCommands: Object.fromEntries(subCommands),
  })
}

function argsOf(settings: Settings): ArgsDef {
  const args = Object.values(settings).map((setting): [string, ArgsDef[string]] => {
    const { flag = '', hint } = setting
    const description = withFallback(setting, 'default: ')
    if (!flag.startsWith('--')) return [flag.toLowerCase(), { type: 'positional', required: false, description }]
    return [
      flag.slice(2),
      hint === undefined ? { type: 'boolean', description } : { type: 'string', valueHint: hint, description },
    ]
  })
  return Object.fromEntries(args)
}

function environmentLines(): readonly string[] {
  const settings: readonly Setting[] = [...Object.values(VARIABLES), ...Object.values(FLAGS)]
  return settings
    .filter(({ variable, help }) => variable !== undefined && help !== undefined)
    .map((setting) => {
      const { flag, variable = '' } = setting
      return `  ${variable.padEnd(20)} ${flag === undefined ? withFallback(setting, '') : `the same as ${flag}`}`
    })
}

function withFallback(setting: Setting, label: string): string {
  const fallback = fallbackOf(setting)
  return `${setting.help ?? ''}${fallback === undefined ? '' : ` (${label}${fallback})`}`
}

function exitCodes(): string {
  const [last, ...others] = EXIT_CODES.map(([codes, short]) => `${codes} ${short}`).toReversed()
  return `EXIT CODES\n\n  ${others.toReversed().join('   ')}\n  ${last}`
}
