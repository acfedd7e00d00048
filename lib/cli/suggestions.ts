// What somebody meant who typed a word that the program does not know: a near word, or one that other programs use.

import { DATASET_NAMES, DATASET_WORDS, READERS } from '../core/config.ts'
import type { SchemaName } from './schemas.ts'
import { COMMAND_SYNONYMS, FLAG_SYNONYMS, VALUE_SYNONYMS } from './synonyms.ts'

/** More letters than these may not differ. */
const MAX_DISTANCE = 2

/** The option that somebody meant, among those of the command; undefined where no guess is good. */
export function nearFlag(flag: string, known: readonly string[]): string | undefined {
  const plain = plainWord(flag)
  const all = [...known, '--help', '--version']
  const exact = all.find((name) => plainWord(name) === plain)
  return exact ?? all.find((name) => FLAG_SYNONYMS[name]?.includes(plain) === true) ?? nearest(`--${plain}`, all)
}

/** What somebody meant by a word in the place of a command: a command or a command line; undefined where no guess is good. */
export function nearCommand(word: string, commands: readonly string[], flags: readonly string[]): string | undefined {
  const plain = plainWord(word)
  const flag = flags.find((name) => name === `--${plain}`)
  if (flag !== undefined) return `ingest ${flag}`
  const near = nearest(plain, [...commands, 'ingest', 'help', 'version'])
  return lineMeant(plain) ?? (near === undefined ? undefined : (lineMeant(near) ?? near))
}

function lineMeant(word: string): string | undefined {
  return Object.entries(COMMAND_SYNONYMS).find(([, words]) => words.includes(word))?.[0]
}

/** ` (did you mean x?)`, or nothing. */
export function didYouMean(near: string | undefined): string {
  return near === undefined ? '' : ` (did you mean ${near}?)`
}

/** The value that somebody meant for a setting, by the name of its schema; undefined where no guess is good. */
export function nearValue(schema: SchemaName, text: string): string | undefined {
  const value = text.trim()
  const words = WORDS[schema]
  if (words !== undefined) return nearWord(value, words) ?? nearList(value.split(','), schema)
  if (schema === 'date' || schema === 'anyDate') return nearDate(value)
  if (schema === 'target') return /^(?:s3[an]:|s3:\/(?!\/))\/*(.+)$/i.exec(value)?.[1]?.replace(/^/, 's3://')
  return nearNumber(value)
}

/** What a setting accepts, where that is a few words. */
const WORDS: { readonly [schema in SchemaName]?: readonly string[] } = {
  datasets: DATASET_WORDS,
  datasetName: DATASET_NAMES,
  periods: ['annual', 'quarter', 'both'],
  api: ['stable', 'v3'],
  reader: READERS,
  switch: ['true', 'false'],
}

/** The word that somebody meant among those that are accepted; undefined where no guess is good. */
export function nearWord(value: string, accepted: readonly string[]): string | undefined {
  const plain = plainWord(value)
  return (
    accepted.find((word) => word === plain) ??
    accepted.find((word) => VALUE_SYNONYMS[word]?.includes(plain) === true) ??
    nearest(plain, accepted)
  )
}

function nearList(values: readonly string[], schema: SchemaName): string | undefined {
  const near = values.map((value) => nearWord(value.trim(), schema === 'datasets' ? DATASET_WORDS : []))
  return near.includes(undefined) ? undefined : [...new Set(near)].join(',')
}

/** A date that is written otherwise, as the program takes it; undefined where day and month could be exchanged. */
function nearDate(value: string): string | undefined {
  const parts = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ].*)?$/.exec(value) ?? /^(\d{4})()(\d\d)(\d\d)$/.exec(value)
  if (parts === null) return undefined
  const [, year = '', , month = '', day = ''] = parts
  const date = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  return date === value || !isReal(date) ? undefined : date
}

/** Here and not from core/dates.ts, whose time zone takes --help as long to load as all the rest. */
function isReal(date: string): boolean {
  const ms = Date.parse(`${date}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(date)
}

/** A number with its unit, or with marks between its thousands. */
function nearNumber(value: string): string | undefined {
  if (/^\d{1,3}(?:[,_' ]\d{3})+$/.test(value)) return value.replaceAll(/\D/g, '')
  return /^(\d+(?:\.\d+)?) ?(?:s|secs?|seconds?|d|days?|calls?|sessions?)$/i.exec(value)?.[1]
}

/** `--startDate`, `start_date` and `START-DATE` are one word. */
function plainWord(text: string): string {
  return text
    .replace(/^[-\u2010-\u2015\u2212]+/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1-$2')
    .replaceAll(/[_ ]/g, '-')
    .toLowerCase()
}

function nearest(word: string, known: readonly string[]): string | undefined {
  const [near] = known
    .map((other) => ({ other, distance: editDistance(word, other) }))
    .toSorted((a, b) => a.distance - b.distance)
  // Two letters of a short word are most of it.
  const most = Math.min(MAX_DISTANCE, Math.floor(word.replace(/^-+/, '').length / 2))
  return near !== undefined && near.distance <= most ? near.other : undefined
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
