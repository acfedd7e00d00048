// What each flag and each variable may hold, and how to say so.

import * as v from 'valibot'
import { FIRST_YEAR, LAST_YEAR, parseInstant, parseIsoDate, yearOf, type IsoDate } from '../core/dates.ts'
import { DATASET_NAMES, STATEMENT_NAMES, type DatasetName, type ReportPeriod } from '../core/config.ts'

/** The word of `--dataset` for all statements. */
const ALL_STATEMENTS = 'fundamentals'

/** Every word that `--dataset` takes. */
export const DATASET_WORDS: readonly string[] = [...DATASET_NAMES, ALL_STATEMENTS]

/** The datasets that a list of words names, each once, in the order of `DATASET_NAMES`; undefined where a word names none. */
function datasetsNamed(words: readonly string[]): readonly DatasetName[] | undefined {
  if (!words.every((word) => DATASET_WORDS.includes(word))) return undefined
  const statements: readonly string[] = words.includes(ALL_STATEMENTS) ? STATEMENT_NAMES : []
  return DATASET_NAMES.filter((name) => words.includes(name) || statements.includes(name))
}

const DATE_HINT = `a date like 2024-09-30, ${FIRST_YEAR} to ${LAST_YEAR}`

const text = v.pipe(v.string(), v.trim())
const wholeNumber = (expected: string, min: number, max: number) =>
  v.pipe(
    text,
    v.regex(/^\d{1,9}$/, expected),
    v.transform(Number),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  )
const count = wholeNumber('a whole number of at least 1', 1, 1e9)
const seconds = (expected: string, min: number) =>
  v.pipe(
    text,
    v.regex(/^\d+(\.\d+)?$/, expected),
    v.transform(Number),
    v.minValue(min, expected),
    v.maxValue(3_600, expected),
  )
/** The runtime sends no more at once: others would wait within it, and time out there. */
const MAX_REQUESTS = 256
const date = v.pipe(
  text,
  v.transform((value) => parseIsoDate(value)),
  v.custom<IsoDate>((value) => isKnownDate(value), DATE_HINT),
)
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const bucket = v.pipe(text, v.regex(BUCKET, "a bucket's name, without s3:// and without a path"))
const prefix = v.pipe(
  text,
  v.transform((value) => value.replaceAll(/^\/+|\/+$/g, '')),
  v.regex(
    /^(?!.*(^|\/)\.{1,2}(\/|$))[\w.=+-]+(\/[\w.=+-]+)*$|^$/,
    'letters, digits and . _ = + - in parts joined by /',
  ),
  v.maxLength(500, 'at most 500 characters'),
  v.check((value) => value.split('/')[0] !== '.ingest-tmp', 'another name: .ingest-tmp holds temporary files'),
)

/** One schema per value, keyed by its flag or variable; the message of its issues says what is expected. */
export const SCHEMAS = {
  '--backfill-days': wholeNumber('a whole number of days from 1 to 20000', 1, 20_000),
  '--from-date': date,
  '--to-date': date,
  '--lookback': count,
  '--dataset': v.pipe(
    text,
    v.transform((list) => datasetsNamed(list.split(',').map((word) => word.trim()))),
    v.custom<readonly DatasetName[]>(
      (names) => names !== undefined,
      `names of ${DATASET_WORDS.join(', ')}, joined by commas`,
    ),
  ),
  '--period': v.pipe(
    text,
    v.picklist(['annual', 'quarter', 'both'], 'annual, quarter or both'),
    v.transform((period): readonly ReportPeriod[] => (period === 'both' ? ['annual', 'quarter'] : [period])),
  ),
  '--max-calls': count,
  '--now': v.pipe(
    text,
    v.transform((value) => parseInstant(value)),
    v.number('an instant with a zone, like 2024-09-30T23:00:00Z'),
  ),
  '--tickers-path': v.pipe(
    text,
    v.check((path) => !path.startsWith('s3://') || /^s3:\/\/[^/]+\/./.test(path), 'a path or s3://bucket/key'),
    v.check((path) => path.startsWith('s3://') || !/^[a-z][a-z0-9+.-]*:\/\//i.test(path), 'a path or s3://bucket/key'),
  ),
  '--out': v.pipe(
    text,
    v.check(
      (out) => !out.startsWith('s3://') || !/^s3:\/\/[^/]*\/./.test(out),
      's3://bucket without a path; S3_RAW_PREFIX sets the prefix',
    ),
    v.check((out) => !out.startsWith('s3://') || BUCKET.test(bucketOf(out)), "s3:// and a bucket's name"),
    v.check((out) => out.startsWith('s3://') || !/^[a-z][a-z0-9+.-]*:\/\//i.test(out), 'a folder or s3://bucket'),
  ),
  S3_BUCKET: bucket,
  S3_RAW_PREFIX: prefix,
  '--bucket': bucket,
  '--prefix': prefix,
  '--catalog': v.pipe(text, v.regex(/^[\w-]{1,255}$/, 'a name of letters, digits, _ and -')),
  RATE_LIMIT_SECONDS: seconds('seconds from 0 to 3600', 0),
  MAX_WORKERS: wholeNumber('a whole number from 1 to 1000', 1, 1_000),
  UPLOAD_CONCURRENCY: wholeNumber(
    `a whole number from 1 to ${MAX_REQUESTS}, the most that are sent at once`,
    1,
    MAX_REQUESTS,
  ),
  API_TIMEOUT_SECONDS: seconds('seconds from 0.1 to 3600', 0.1),
  JOB_TIMEOUT_MINUTES: wholeNumber('a whole number of minutes', 1, 1e6),
  ROLE_DURATION_SECONDS: wholeNumber('a whole number of seconds', 1, 1e6),
  FMP_API: v.pipe(text, v.picklist(['stable', 'v3'], 'stable or v3')),
  FMP_BASE_URL: v.pipe(
    text,
    v.check(isBaseUrl, 'an https:// address (http:// only on loopback), without key or query'),
  ),
}

export type Name = keyof typeof SCHEMAS
export type Value<N extends Name> = v.InferOutput<(typeof SCHEMAS)[N]>

/** The bucket that an `s3://bucket` names. */
export function bucketOf(out: string): string {
  return out.slice('s3://'.length).replace(/\/$/, '')
}

function isKnownDate(value: unknown): boolean {
  return typeof value === 'string' && yearOf(value as IsoDate) >= FIRST_YEAR && yearOf(value as IsoDate) <= LAST_YEAR
}

/** Whether an address may be called: https, or plain HTTP on this machine; nothing but host, port and path. */
export function isBaseUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, username, password, search, hash } = new URL(value)
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
  const isPlain = username === '' && password === '' && search === '' && hash === ''
  return isPlain && (protocol === 'https:' || (protocol === 'http:' && isLoopback))
}
