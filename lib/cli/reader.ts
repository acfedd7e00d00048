// Reads settings: flags over variables over defaults, each value checked once. The only reader of flags and environment.

import * as v from 'valibot'
import { usageError, type IngestError } from '../core/errors.ts'
import { oneLine } from '../core/text.ts'
import type { Flags } from './cli.ts'
import { SCHEMAS, type Value } from './schemas.ts'
import type { Setting } from './setting.ts'
import { didYouMean, nearValue } from './suggestions.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Reads settings: a flag goes before its variable, the variable before the default. */
export type Reader = {
  /** Whether a flag is on the command line, or a variable is set. */
  readonly isGiven: (name: string) => boolean
  /** The value of a setting. One that does not fit its schema becomes a problem and counts as not given. */
  readonly read: Read
}

/** Never undefined where the setting has a default. */
export type Read = {
  <S extends Setting & { readonly default: string }>(setting: S): Value<S['value']>
  <S extends Setting>(setting: S): Value<S['value']> | undefined
}

/** `problems` gets a sentence for each value that cannot be used. */
export function createReader(flags: Flags, environment: Environment, problems: string[]): Reader {
  function read<S extends Setting & { readonly default: string }>(setting: S): Value<S['value']>
  function read<S extends Setting>(setting: S): Value<S['value']> | undefined
  function read<S extends Setting>(setting: S): Value<S['value']> | undefined {
    const schema = SCHEMAS[setting.value]
    const given = givenValue(setting, flags, environment)
    if (given !== undefined) {
      const parsed = v.safeParse(schema, given.text)
      if (parsed.success) return parsed.output
      // An address may carry a password or a key.
      const isHidden = setting.value === 'baseUrl' || setting.isSecret === true
      const shown = isHidden ? 'is not accepted' : `is ${quoted(given.text)}`
      const near = isHidden ? undefined : nearValue(setting.value, given.text)
      problems.push(`${given.name} ${shown}, expected ${parsed.issues[0].message}${didYouMean(near)}.`)
    }
    return setting.default === undefined ? undefined : v.parse(schema, setting.default)
  }
  return { isGiven: (name) => flags.has(name) || textOf(name, environment) !== undefined, read }
}

/** Where a setting is given: its flag or, without that, its variable. */
function givenValue({ flag = '', variable = '' }: Setting, flags: Flags, environment: Environment) {
  const typed = flags.get(flag)
  if (typed !== undefined) return { name: flag, text: typed }
  const text = textOf(variable, environment)
  return text === undefined ? undefined : { name: variable, text }
}

/** The value of a variable. An empty one is an unset one: that is how CI passes what is not set. */
export function textOf(variable: string, environment: Environment): string | undefined {
  return environment[variable]?.trim() || undefined
}

/** The usage error that names all problems of a call. */
export function usageErrorOf(problems: readonly string[]): IngestError {
  const list = problems.map((problem) => `\n  ${oneLine(problem)}`).join('')
  const many = problems.length === 1 ? 'One problem' : `${problems.length} problems`
  return usageError(`${many}, nothing was called (see --help):${list}`)
}

/** A value as a message shows it. */
export function quoted(value: string): string {
  return JSON.stringify(oneLine(value, 100))
}
