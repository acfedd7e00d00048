// Builds JSON Schemas (draft 2020-12) together with the TypeScript types of the values that they describe, so that the two
// cannot differ. Objects take no further fields, and every field must be present.

import type { IsoDate } from '../core/dates.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** A schema and, as a type only, the values that it describes. */
export type Schema<T> = { readonly json: JsonSchema; readonly type?: T }

export type TypeOf<S> = S extends Schema<infer T> ? T : never

type Fields = Readonly<Record<string, Schema<unknown>>>

/** A text; `pattern` is a regular expression for all of it. */
export function text(description: string, pattern?: string): Schema<string> {
  return { json: { type: 'string', description, ...(pattern === undefined ? {} : { pattern: `^(?:${pattern})$` }) } }
}

/** A date, YYYY-MM-DD. */
export function date(description: string): Schema<IsoDate> {
  // A pattern, because validators treat `format` as a remark unless they are told otherwise.
  return { json: text(description, String.raw`\d{4}-\d{2}-\d{2}`).json }
}

/** An instant in whole seconds: what `runIdOf` gives. */
export function instant(description: string): Schema<string> {
  return text(description, String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\+00:00`)
}

/** The start of a run, or of a look at a lake. */
export const RUN_ID = instant("The run's start in whole seconds, ISO with +00:00")

/** `2024-09-30T23:15:00+00:00`, of an instant in milliseconds since 1970. */
export function runIdOf(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`
}

/** A whole number of at least 0. */
export function count(description: string): Schema<number> {
  return { json: { type: 'integer', minimum: 0, description } }
}

/** A number of at least 0. */
export function amount(description: string): Schema<number> {
  return { json: { type: 'number', minimum: 0, description } }
}

export function flag(description: string): Schema<boolean> {
  return { json: { type: 'boolean', description } }
}

/** One of some texts. */
export function oneOf<const T extends string>(values: readonly T[], description: string): Schema<T> {
  return { json: { type: 'string', enum: values, description } }
}

/** One of some whole numbers. */
export function oneNumberOf<const T extends number>(values: readonly T[], description: string): Schema<T> {
  return { json: { type: 'integer', enum: values, description } }
}

/** The same, or null where there is none. */
export function orNull<T>({ json }: Schema<T>): Schema<T | null> {
  const { description, ...value } = json
  return { json: { anyOf: [value, { type: 'null' }], description } }
}

export function list<T>({ json }: Schema<T>, description: string): Schema<readonly T[]> {
  return { json: { type: 'array', items: json, description } }
}

/** An object with exactly these fields. */
export function object<const F extends Fields>(
  fields: F,
  description: string,
): Schema<{ readonly [K in keyof F]: TypeOf<F[K]> }> {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, { json }]) => [name, json]))
  return {
    json: { type: 'object', description, properties, required: Object.keys(fields), additionalProperties: false },
  }
}

/** How often something occurs, by its name; what does not occur is left out. `meanings` are of every name. */
export function countsByName(
  meanings: Readonly<Record<string, string>>,
  description: string,
): Schema<Readonly<Record<string, number>>> {
  const properties = Object.fromEntries(
    Object.entries(meanings).map(([name, meaning]) => [name, { type: 'integer', minimum: 1, description: meaning }]),
  )
  return { json: { type: 'object', description, properties, additionalProperties: false } }
}

/** An object with any fields. */
export function anyObject(description: string): Schema<Readonly<Record<string, unknown>>> {
  return { json: { type: 'object', description } }
}

/** The schema as a document of its own. */
export function documentOf(name: string, title: string, { json }: Schema<unknown>): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:fmp-ingest:schema:${name}`,
    title,
    ...json,
  }
}
