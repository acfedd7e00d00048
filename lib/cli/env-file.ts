// The file of --env-file: one NAME=VALUE a line. What dotenv files, shells, Docker and systemd read in different ways is
// refused by its line. No message shows a value.

import { oneLine } from '../core/text.ts'

/** A file of variables is small; a wrong path may lead to anything. */
export const MAX_ENV_FILE_BYTES = 65_536

/** A file as it was read. */
export type PrivateFile = {
  readonly text: string
  /** The permission bits of the file; undefined on systems that have none. */
  readonly mode: number | undefined
}

export type EnvFile = {
  readonly variables: ReadonlyMap<string, string>
  /** Everything wrong with the file, each a sentence. */
  readonly problems: readonly string[]
}

/** Variables that the runtime reads before any file of ours. */
const READ_AT_START = /^(NODE_EXTRA_CA_CERTS|BUN_.*|LD_.*|DYLD_.*)$/

/** Any right of the group or of others. */
const RIGHTS_OF_OTHERS = 0o077

/** Reads the variables of the file that --env-file names. `path` is for the messages. */
export function parseEnvFile(path: string, { text, mode }: PrivateFile): EnvFile {
  const file = oneLine(path)
  const variables = new Map<string, string>()
  if (mode !== undefined && (mode & RIGHTS_OF_OTHERS) !== 0) {
    const shown = (mode & 0o7777).toString(8).padStart(4, '0')
    const problem = `--env-file ${file} is open to other users of this machine (mode ${shown}), and it holds secrets: chmod 600 ${file}.`
    return { variables, problems: [problem] }
  }
  const firstLines = new Map<string, number>()
  const problems: string[] = []
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .entries()) {
    const read = readLine(line.replace(/\r$/, ''))
    if (read === undefined) continue
    const { name, value, problem } = read
    const first = firstLines.get(name ?? '')
    if (problem !== undefined) problems.push(`--env-file ${file}, line ${index + 1}: ${problem}.`)
    else if (first !== undefined)
      problems.push(`--env-file ${file}, line ${index + 1}: ${name} is set in line ${first} already.`)
    else if (name !== undefined) {
      firstLines.set(name, index + 1)
      variables.set(name, value)
    }
  }
  return { variables, problems }
}

type Line = { readonly name?: string; readonly value: string; readonly problem?: string }

/** One line; undefined for a blank one and a comment. */
function readLine(line: string): Line | undefined {
  if (/^\s*(#|$)/.test(line)) return undefined
  const [, name, rest = ''] = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/s.exec(line) ?? []
  if (name === undefined) return { value: '', problem: `expected NAME=VALUE, ${nameProblem(line)}` }
  if (READ_AT_START.test(name)) {
    return {
      value: '',
      problem: `${name} is read when the program starts, before this file: set it in the environment`,
    }
  }
  return { name, ...readValue(rest, name) }
}

/** What keeps a line from being NAME=VALUE, without showing any of it. */
function nameProblem(line: string): string {
  if (!line.includes('=')) return 'there is no equals sign'
  return /^\s*(?:export\s+)?[A-Za-z_]\w*\s+=/.test(line)
    ? 'without blanks around the equals sign'
    : 'a name of letters, digits and _ before the equals sign'
}

/** The value after the equals sign: bare, in single quotes (as it stands) or in double quotes (with \" and \\). */
function readValue(text: string, name: string): Omit<Line, 'name'> {
  const wrong = (problem: string) => ({ value: '', problem: `the value of ${name} ${problem}` })
  // oxlint-disable-next-line no-control-regex -- finds control characters, which no value may hold
  if (/[\u0000-\u0008\u000A-\u001F\u007F]/.test(text)) return wrong('has control characters')
  const trimmed = text.trim()
  const quote = /^["']/.exec(trimmed)?.[0]
  if (quote === "'") {
    const [, value] = /^'([^']*)'(?:\s+#.*)?$/.exec(trimmed) ?? []
    return value === undefined ? wrong('begins with a single quote: end it with one, in the same line') : { value }
  }
  if (quote === '"') {
    const [, value] = /^"((?:[^"\\]|\\.)*)"(?:\s+#.*)?$/.exec(trimmed) ?? []
    if (value === undefined) return wrong('begins with a double quote: end it with one, in the same line')
    if (/[$`]/.test(value))
      return wrong('has a $ or a backquote, and nothing is replaced here: put it in single quotes')
    if (!/^(?:[^\\]|\\["\\])*$/.test(value))
      return wrong(String.raw`has a backslash before something else than " or \: put it in single quotes`)
    return { value: value.replaceAll(/\\(.)/g, '$1') }
  }
  const value = trimmed.replace(/(^|\s+)#.*$/, '')
  if (/^\s/.test(text) && value !== '') return wrong('begins with a blank: no blanks around the equals sign')
  return /[\s"'\\$`]/.test(value)
    ? wrong('has a blank, a quote, a $ or a backslash: put it in single quotes')
    : { value }
}

/**
 * Adds the variables of a file to an environment. What the environment has goes first; an empty variable there counts as
 * not set.
 */
export function addVariables(environment: Record<string, string | undefined>, { variables }: EnvFile): void {
  for (const [name, value] of variables) {
    if ((environment[name] ?? '') === '') environment[name] = value
  }
}
