// What a setting is, in the tables of the command line. It names the schema of its value and does not import it: --help would
// wait 7 ms for the schemas.

import type { SchemaName } from './schemas.ts'

export type Setting = {
  /** `--out`, or a word in capitals for the argument that has no flag. */
  readonly flag?: string
  /** Read where the flag is not given. */
  readonly variable?: string
  /** What stands for the value in help. A flag without a hint is a switch. */
  readonly hint?: string
  /** What the value must be, by its name in schemas.ts. */
  readonly value: SchemaName
  /** As a user would write it: it goes through the schema like any other value. */
  readonly default?: string
  /** What holds without a value, where that is no default of this setting. */
  readonly otherwise?: string
  /** One line, without the default. A variable without one is left out of --help. */
  readonly help?: string
  /** More for the reference page, whole sentences in Markdown: units, limits, the reason for a default. */
  readonly details?: string
  /** The only datasets that the flag has a meaning for. */
  readonly only?: 'prices' | 'statements'
  /** Whether the value is kept out of everything that is printed or stored. */
  readonly isSecret?: true
}

/** By the same names as in `Config`, where there is one. */
export type Settings = Readonly<Record<string, Setting>>

/** A flag without a value. Its variable is `true` or `false`, `1` or `0`, `yes` or `no`. */
export const SWITCH = { value: 'switch', default: 'false' } as const
