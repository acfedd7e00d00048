// What the values of settings must be, and how to say so. A setting names its schema (settings.ts).

import * as v from 'valibot'
import { FIRST_YEAR, LAST_YEAR, parseInstant, parseIsoDate, yearOf, type IsoDate } from '../core/dates.ts'
import {
  ALL_STATEMENTS,
  DATASET_NAMES,
  DATASET_WORDS,
  MENDINGS,
  READERS,
  STATEMENT_NAMES,
  type DatasetName,
  type ReportPeriod,
} from '../core/config.ts'
import type { Shard } from '../core/shard.ts'
import { flawOf, vendorSymbol } from './ticker-spelling.ts'

const trimmed = v.pipe(v.string(), v.trim())
const wholeNumber = (expected: string, min: number, max: number) =>
  v.pipe(
    trimmed,
    v.regex(/^\d{1,9}$/, expected),
    v.transform(Number),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  )
const seconds = (expected: string, min: number) =>
  v.pipe(
    trimmed,
    v.regex(/^\d+(\.\d+)?$/, expected),
    v.transform(Number),
    v.minValue(min, expected),
    v.maxValue(3_600, expected),
  )

/** The runtime sends no more at once: others would wait within it, and time out there. */
const MAX_REQUESTS = 256
/** Of keys, without slashes at its ends. */
const prefix = v.pipe(
  trimmed,
  v.transform((value) => value.replaceAll(/^\/+|\/+$/g, '')),
  v.regex(
    /^(?!.*(^|\/)\.{1,2}(\/|$))[\w.=+-]+(\/[\w.=+-]+)*$|^$/,
    'letters, digits and . _ = + - in parts joined by /',
  ),
  v.maxLength(500, 'at most 500 characters'),
  v.check((value) => value.split('/')[0] !== '.ingest-tmp', 'another name: .ingest-tmp holds temporary files'),
)

/** Far more than any rate limit can be shared by, and few enough for the names of metrics documents. */
const MAX_SHARDS = 1_000

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** The schemas by name. The message of an issue says what is expected. */
export const SCHEMAS = {
  text: v.string(),
  switch: v.pipe(
    trimmed,
    v.toLowerCase(),
    v.picklist(['true', 'false', '1', '0', 'yes', 'no'], 'true, false, 1, 0, yes or no'),
    v.transform((value) => ['true', '1', 'yes'].includes(value)),
  ),
  count: wholeNumber('a whole number of at least 1', 1, 1e9),
  countOrNone: wholeNumber('a whole number', 0, 1e9),
  days: wholeNumber('a whole number of days from 1 to 20000', 1, 20_000),
  shards: wholeNumber(
    `a whole number of shards from 1 to ${MAX_SHARDS}, or --shard none for the whole list`,
    1,
    MAX_SHARDS,
  ),
  shard: v.pipe(
    trimmed,
    v.transform((value) => shardIn(value)),
    v.check(
      (shard) => shard !== undefined,
      `a shard like 3/8, the first of two numbers counted from 1 and at most the second, or none`,
    ),
    v.transform((shard) => shard ?? 'none'),
  ),
  runGroup: v.pipe(trimmed, v.regex(/^[\w.:@/+-]{1,100}$/, 'a name of at most 100 letters, digits and . _ : @ / + -')),
  workers: wholeNumber('a whole number from 1 to 1000', 1, 1_000),
  requests: wholeNumber(`a whole number from 1 to ${MAX_REQUESTS}, the most that are sent at once`, 1, MAX_REQUESTS),
  minutes: wholeNumber('a whole number of minutes', 1, 1e6),
  roleSeconds: wholeNumber('a whole number of seconds', 1, 1e6),
  pause: seconds('seconds from 0 to 3600', 0),
  timeout: seconds('seconds from 0.1 to 3600', 0.1),
  date: v.pipe(
    trimmed,
    v.transform((value) => parseIsoDate(value)),
    v.custom<IsoDate>((value) => isKnownDate(value), `a date like 2024-09-30, ${FIRST_YEAR} to ${LAST_YEAR}`),
  ),
  dates: v.pipe(
    trimmed,
    v.transform((list) => list.split(',').map((date) => parseIsoDate(date.trim()))),
    v.array(v.custom<IsoDate>((value) => isKnownDate(value), 'dates like 2024-09-30, joined by commas')),
  ),
  anyDate: v.pipe(
    trimmed,
    v.transform((value) => parseIsoDate(value)),
    v.custom<IsoDate>((value) => value !== undefined, 'a date like 2024-09-30'),
  ),
  symbol: v.pipe(
    trimmed,
    v.check((value) => flawOf(value, false) === undefined, "a symbol in FMP's spelling, like AAPL or BRK-B"),
    v.transform((value) => vendorSymbol(value)),
  ),
  datasetName: v.pipe(trimmed, v.picklist(DATASET_NAMES, DATASET_NAMES.join(', '))),
  instant: v.pipe(
    trimmed,
    v.transform((value) => parseInstant(value)),
    v.number('an instant with a zone, like 2024-09-30T23:00:00Z'),
  ),
  datasets: v.pipe(
    trimmed,
    v.transform((list) => datasetsNamed(list.split(',').map((word) => word.trim()))),
    v.custom<readonly DatasetName[]>(
      (names) => names !== undefined,
      `names of ${DATASET_WORDS.join(', ')}, joined by commas`,
    ),
  ),
  periods: v.pipe(
    trimmed,
    v.picklist(['annual', 'quarter', 'both'], 'annual, quarter or both'),
    v.transform((period): readonly ReportPeriod[] => (period === 'both' ? ['annual', 'quarter'] : [period])),
  ),
  mending: v.pipe(trimmed, v.picklist(MENDINGS, 'all, splits or none')),
  symbolNames: v.pipe(
    trimmed,
    v.transform((list) => list.split(',').map((name) => acceptedName(name.trim()))),
    v.check((names) => names.every((name) => name !== ''), 'symbols joined by commas, or all'),
  ),
  api: v.pipe(trimmed, v.picklist(['stable', 'v3'], 'stable or v3')),
  addressingStyle: v.pipe(trimmed, v.picklist(['path', 'virtual'], 'path or virtual')),
  baseUrl: v.pipe(
    trimmed,
    v.check(isBaseUrl, 'an https:// address (http:// only on loopback), without key or query'),
    v.transform((url) => url.replace(/\/+$/, '')),
  ),
  pingUrl: v.pipe(
    trimmed,
    v.check(isCallable, 'an https:// address (http:// only on loopback), without a user and without #'),
  ),
  listPath: v.pipe(
    trimmed,
    v.check((path) => !isUrl(path) || /^s3:\/\/[^/]+\/./.test(path), 'a path or s3://bucket/key'),
  ),
  folder: v.pipe(
    v.string(),
    v.check((folder) => !isUrl(folder), 'a folder'),
  ),
  page: v.pipe(
    v.string(),
    v.check((path) => /\.html?$/i.test(path) && !isUrl(path), 'the path of a file that ends in .html'),
  ),
  target: v.pipe(
    trimmed,
    v.check(
      (out) => !out.startsWith('s3://') || !/^s3:\/\/[^/]*\/./.test(out),
      's3://bucket without a path; S3_RAW_PREFIX sets the prefix',
    ),
    v.check((out) => !out.startsWith('s3://') || BUCKET.test(bucketOf(out)), "s3:// and a bucket's name"),
    // `s3:/bucket` is a typo, and would be a folder.
    v.check((out) => out.startsWith('s3://') || !(isUrl(out) || /^s3[an]?:/i.test(out)), 'a folder or s3://bucket'),
  ),
  bucket: v.pipe(trimmed, v.regex(BUCKET, "a bucket's name, without s3:// and without a path")),
  prefix,
  tablePrefix: v.pipe(
    prefix,
    v.check((value) => !value.includes('='), 'parts without =, of which readers would make columns'),
  ),
  reader: v.pipe(trimmed, v.picklist(READERS, READERS.join(', '))),
  catalog: v.pipe(trimmed, v.regex(/^[\w-]{1,255}$/, 'a name of letters, digits, _ and -')),
}

export type SchemaName = keyof typeof SCHEMAS

/** What a value of a schema is once it is read. */
export type Value<N extends SchemaName> = v.InferOutput<(typeof SCHEMAS)[N]>

/** The bucket that an `s3://bucket` names. */
export function bucketOf(out: string): string {
  return out.slice('s3://'.length).replace(/\/$/, '')
}

/** The datasets that words name, each once, in the order of `DATASET_NAMES`; undefined where a word names none. */
function datasetsNamed(words: readonly string[]): readonly DatasetName[] | undefined {
  if (!words.every((word) => DATASET_WORDS.includes(word))) return undefined
  const statements: readonly string[] = words.includes(ALL_STATEMENTS) ? STATEMENT_NAMES : []
  return DATASET_NAMES.filter((name) => words.includes(name) || statements.includes(name))
}

/** The shard that `3/8` names; undefined where a text names none. */
function shardIn(text: string): 'none' | Pick<Shard, 'index' | 'count'> | undefined {
  if (text.toLowerCase() === 'none') return 'none'
  const [index = 0, count = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text)?.slice(1) ?? []).map(Number)
  return index >= 1 && index <= count && count <= MAX_SHARDS ? { index, count } : undefined
}

/** The vendor's spelling of a symbol; `all` is the word for every one. */
function acceptedName(name: string): string {
  return name === 'all' ? name : vendorSymbol(name)
}

function isKnownDate(value: unknown): boolean {
  return typeof value === 'string' && yearOf(value as IsoDate) >= FIRST_YEAR && yearOf(value as IsoDate) <= LAST_YEAR
}

function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
}

/** Whether an address may be called: https, or plain HTTP on this machine; no user, password or fragment. */
function isCallable(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, username, password, hash } = new URL(value)
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
  const isPlain = username === '' && password === '' && hash === ''
  return isPlain && (protocol === 'https:' || (protocol === 'http:' && isLoopback))
}

/** Whether an address may be called and has nothing but host, port and path. */
export function isBaseUrl(value: string): boolean {
  return isCallable(value) && new URL(value).search === ''
}
